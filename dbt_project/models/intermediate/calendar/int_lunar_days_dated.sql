with months as (
    select
        *,
        {{ days_between(
            "starts_on", "lead(starts_on) over (order by lunar_year asc, lunar_month asc)"
        ) }} as days
    from {{ ref("lunar_months") }}
),

days_of_month as (
    {%- for day in range(1, 31) %}
    select {{ day }} as lunar_day{{ " union all" if not loop.last }}
    {%- endfor %}
),

-- The last month of the table only says where the one before it ends.
final as (
    select
        {{ days_after("months.starts_on", "days_of_month.lunar_day - 1") }} as day,
        months.lunar_year,
        months.lunar_month,
        days_of_month.lunar_day,
        days_of_month.lunar_day = months.days as is_last_of_month,
        months.basis
    from months
    inner join days_of_month on months.days >= days_of_month.lunar_day
)

select * from final
