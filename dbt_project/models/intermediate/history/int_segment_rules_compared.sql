with published as (
    select * from {{ ref("stg_published__segments_daily") }}
),

last_day as (
    select max(day) as day from published
),

published_rules as (
    select
        published.axis,
        max(published.rule_version) as rule_version
    from published
    inner join last_day on published.day = last_day.day
    group by published.axis
),

rules as (
    {%- for axis in segment_axes() %}
    select
        '{{ axis }}' as axis,
        {{ axis_rule_version(axis) }} as rule_version
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

final as (
    select
        rules.axis,
        rules.rule_version,
        coalesce(rules.rule_version <> published_rules.rule_version, false) as has_changed
    from rules
    left join published_rules on rules.axis = published_rules.axis
)

select * from final
