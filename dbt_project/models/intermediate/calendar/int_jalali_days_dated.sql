with years as (
    select * from {{ ref("jalali_years") }}
),

-- Esfand has what is left of its year.
months as (
    select
        *,
        case
            when jalali_month <= 6 then 31
            when jalali_month <= 11 then 30
        end as days
    from {{ ref("jalali_months") }}
),

days_of_month as (
    {%- for day in range(1, 32) %}
    select {{ day }} as jalali_day{{ " union all" if not loop.last }}
    {%- endfor %}
),

final as (
    select
        {{ days_after("years.starts_on", "months.days_before + days_of_month.jalali_day - 1") }}
            as day,
        {{ days_after("years.starts_on", "months.days_before") }} as jalali_month_starts_on,
        years.jalali_year,
        months.jalali_month,
        days_of_month.jalali_day,
        months.name_fa as jalali_month_name_fa,
        months.name_en as jalali_month_name_en
    from years
    cross join months
    inner join days_of_month
        on days_of_month.jalali_day <= coalesce(months.days, years.days - months.days_before)
)

select * from final
