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

gregorian_months as (
    select * from {{ ref("gregorian_months") }}
),

weekdays as (
    select * from {{ ref("weekdays") }}
),

holidays as (
    select * from {{ ref("public_holidays") }}
),

days_of_month as (
    {%- for day in range(1, 32) %}
    select {{ day }} as jalali_day{{ " union all" if not loop.last }}
    {%- endfor %}
),

days as (
    select
        years.jalali_year,
        months.jalali_month,
        months.name_fa as jalali_month_name_fa,
        months.name_en as jalali_month_name_en,
        days_of_month.jalali_day,
        {{ days_after("years.starts_on", "months.days_before + days_of_month.jalali_day - 1") }}
            as day
    from years
    cross join months
    inner join days_of_month
        on days_of_month.jalali_day <= coalesce(months.days, years.days - months.days_before)
),

dated as (
    select
        *,
        cast(extract(year from day) as integer) as gregorian_year,
        cast(extract(month from day) as integer) as gregorian_month,
        cast(extract(day from day) as integer) as gregorian_day,
        cast(extract(week from day) as integer) as iso_week,
        -- 2001-03-17 was a Saturday, the first day of Iran's week, before the first day here.
        cast(
            mod({{ days_between("cast('2001-03-17' as date)", "day") }}, 7) + 1 as integer
        ) as weekday
    from days
),

final as (
    select
        {{ run_columns() }},
        dated.day,
        dated.gregorian_year,
        dated.gregorian_month,
        dated.gregorian_day,
        gregorian_months.name_en as gregorian_month_name_en,
        gregorian_months.name_fa as gregorian_month_name_fa,
        dated.iso_week,
        dated.jalali_year,
        dated.jalali_month,
        dated.jalali_day,
        dated.jalali_month_name_fa,
        dated.jalali_month_name_en,
        weekdays.name_fa as weekday_name_fa,
        weekdays.name_en as weekday_name_en,
        dated.weekday,
        weekdays.code in ({{ "'" ~ var("weekend") | join("', '") ~ "'" }}) as is_weekend,
        holidays.name_fa is not null as is_public_holiday,
        holidays.name_fa as holiday_name_fa,
        holidays.name_en as holiday_name_en
    from dated
    inner join gregorian_months on dated.gregorian_month = gregorian_months.gregorian_month
    inner join weekdays on dated.weekday = weekdays.weekday
    left join holidays
        on dated.jalali_month = holidays.jalali_month and dated.jalali_day = holidays.jalali_day
)

select * from final
