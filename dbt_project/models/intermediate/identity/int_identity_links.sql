{{ config(
    materialized="incremental",
    incremental_strategy="scoped",
    unique_key="identity_key",
    meta={"scope": "int_identity_touched"},
    pre_hook="{{ hold_state() }}",
    indexes=[{"columns": ["identity_key"], "unique": true}, {"columns": ["customer_key"]}],
) }}

-- The log of changes is written first: it compares with the links as they were.
-- depends_on: {{ ref("int_identity_changes") }}, {{ ref("int_identity_touched") }}
with resolved as (
    {%- if is_anew() %}
    {{ identity_links_resolved() }}
    {%- else %}
    select * from {{ ref("int_identity_links_resolved") }}
    {%- endif %}
),

final as (
    select
        resolved.*,
        {%- if is_anew() %}
        {{ changed_in_run() }}
        {%- else %}
        case
            when known.customer_key = resolved.customer_key
                and known.first_seen_on = resolved.first_seen_on
                then known.changed_in_run
            else cast({{ var("run_id") | int }} as bigint)
        end as changed_in_run
        {%- endif %}
    from resolved
    {{ known_before("resolved", "identity_key") }}
)

select * from final
