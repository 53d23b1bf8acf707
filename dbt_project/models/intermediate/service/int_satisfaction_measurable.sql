{{ config(materialized="view") }}

{%- set needs = [
    ("ease_of_buying", "'payments', 'web_events'"),
    ("support", "'tickets'"),
    ("delivery_on_time", "'shipments'"),
    ("product_quality", "'refunds', 'tickets'"),
    ("feedback", "'surveys'"),
    ("ease_of_return", "'refunds'"),
] %}

with loads as (
    select * from {{ ref("stg_ops__loads") }}
),

-- One of the entities is enough to say something.
final as (
    {%- for parameter, entities in needs %}
    select
        '{{ parameter }}' as parameter,
        count(*) > 0 as is_measurable
    from loads
    where entity in ({{ entities }})
    {{ "union all" if not loop.last }}
    {%- endfor %}
)

select * from final
