with days as (
    select * from {{ ref("int_days_dated") }}
),

final as (
    {%- for calendar in ["gregorian", "jalali"] %}
    select
        '{{ calendar }}' as calendar,
        {{ calendar }}_year * 12 + {{ calendar }}_month as month_index,
        concat(
            {{ calendar }}_year,
            case when {{ calendar }}_month < 10 then '-0' else '-' end,
            {{ calendar }}_month
        ) as month,
        min(day) as starts_on,
        {{ days_after("max(day)", 1) }} as next_starts_on
    from days
    group by {{ calendar }}_year, {{ calendar }}_month
    {{- " union all" if not loop.last }}
    {%- endfor %}
)

select * from final
