with jalali_days as (
    select * from {{ ref("int_jalali_days_dated") }}
),

lunar_days as (
    select * from {{ ref("int_lunar_days_dated") }}
),

solar_holidays as (
    select * from {{ ref("public_holidays") }}
),

lunar_holidays as (
    select * from {{ ref("lunar_holidays") }}
),

closures as (
    select * from {{ ref("special_closures") }}
),

occasions as (
    select
        jalali_days.day,
        solar_holidays.name_fa,
        solar_holidays.name_en,
        1 as occasion_order,
        false as is_reckoned
    from solar_holidays
    inner join jalali_days
        on solar_holidays.jalali_month = jalali_days.jalali_month
            and solar_holidays.jalali_day = jalali_days.jalali_day

    union all

    -- A holiday on the thirtieth is kept on the last day of a month of twenty-nine.
    select
        lunar_days.day,
        lunar_holidays.name_fa,
        lunar_holidays.name_en,
        2 as occasion_order,
        lunar_days.basis <> 'official' as is_reckoned
    from lunar_holidays
    inner join lunar_days
        on lunar_holidays.lunar_month = lunar_days.lunar_month
            and (
                lunar_holidays.lunar_day = lunar_days.lunar_day
                or (lunar_holidays.lunar_day = 30 and lunar_days.is_last_of_month)
            )
            and lunar_holidays.since <= lunar_days.day

    union all

    select
        day,
        name_fa,
        name_en,
        3 as occasion_order,
        false as is_reckoned
    from closures
),

final as (
    select
        day,
        {{ joined_text("name_fa", "؛ ", "occasion_order asc, name_fa asc") }} as name_fa,
        {{ joined_text("name_en", "; ", "occasion_order asc, name_fa asc") }} as name_en,
        -- One sure occasion makes the day sure.
        bool_and(is_reckoned) as is_reckoned
    from occasions
    group by day
)

select * from final
