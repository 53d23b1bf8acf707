{{ config(
    materialized="table",
    indexes=[{"columns": ["entity", "record_key"], "unique": true}],
) }}

{#- Ids written out, so that the planner knows from its statistics how few rows they are. -#}
{%- set loads = {} -%}
{%- if execute and not is_anew() -%}
    {%- for row in run_query(
        "select entity, is_applied, load_id from " ~ ref("stg_ops__loads_pending") ~ " order by load_id"
    ) -%}
        {%- do loads.setdefault((row["entity"], row["is_applied"]), []).append(row["load_id"]) -%}
    {%- endfor -%}
{%- endif -%}

-- depends_on: {{ ref("stg_ops__loads_pending") }}
with pending as (
    {%- for entity in [
        "orders", "customers", "payments", "refunds", "shipments", "tickets", "ticket_events",
        "mentions", "web_events", "surveys", "exchange_rates", "erasures",
    ] %}
    select
        '{{ entity }}' as entity,
        _source,
        _key
    from {{ source("raw", entity) }}
    where _known_from <= {{ as_of_date() }}
        and {{ is_pending(entity, loads.get((entity, false), []), loads.get((entity, true), [])) }}
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

final as (
    select distinct
        entity,
        _source,
        _key,
        concat(_source, '/', _key) as record_key
    from pending
)

select * from final
