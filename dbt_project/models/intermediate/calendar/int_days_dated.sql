with days as (
    select * from {{ ref("int_jalali_days_dated") }}
),

lunar_days as (
    select * from {{ ref("int_lunar_days_dated") }}
),

holidays as (
    select * from {{ ref("int_holidays_dated") }}
),

weekdays as (
    select * from {{ ref("weekdays") }}
),

numbered as (
    select
        *,
        cast(extract(year from day) as integer) as gregorian_year,
        cast(extract(month from day) as integer) as gregorian_month,
        cast(extract(day from day) as integer) as gregorian_day,
        -- 2001-03-17 was a Saturday, the first day of Iran's week, before the first day here.
        cast(
            mod({{ days_between("cast('2001-03-17' as date)", "day") }}, 7) + 1 as integer
        ) as weekday
    from days
),

final as (
    select
        numbered.day,
        numbered.gregorian_year,
        numbered.gregorian_month,
        numbered.gregorian_day,
        cast(extract(week from numbered.day) as integer) as iso_week,
        {{ days_after("numbered.day", "1 - numbered.gregorian_day") }}
            as gregorian_month_starts_on,
        numbered.jalali_year,
        numbered.jalali_month,
        numbered.jalali_day,
        numbered.jalali_month_starts_on,
        numbered.jalali_month_name_fa,
        numbered.jalali_month_name_en,
        lunar_days.lunar_year,
        lunar_days.lunar_month,
        lunar_days.lunar_day,
        numbered.weekday,
        weekdays.code as weekday_code,
        weekdays.name_fa as weekday_name_fa,
        weekdays.name_en as weekday_name_en,
        weekdays.code in ({{ "'" ~ var("weekend") | join("', '") ~ "'" }}) as is_weekend,
        holidays.day is not null as is_public_holiday,
        holidays.name_fa as holiday_name_fa,
        holidays.name_en as holiday_name_en,
        coalesce(holidays.is_reckoned, false) as is_holiday_reckoned
    from numbered
    inner join weekdays on numbered.weekday = weekdays.weekday
    left join lunar_days on numbered.day = lunar_days.day
    left join holidays on numbered.day = holidays.day
)

select * from final
