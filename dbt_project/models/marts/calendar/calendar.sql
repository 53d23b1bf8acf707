with days as (
    select * from {{ ref("int_days_dated") }}
),

gregorian_months as (
    select * from {{ ref("gregorian_months") }}
),

lunar_months as (
    select * from {{ ref("lunar_month_names") }}
),

final as (
    select
        {{ run_columns() }},
        days.day,
        days.gregorian_year,
        days.gregorian_month,
        days.gregorian_day,
        gregorian_months.name_en as gregorian_month_name_en,
        gregorian_months.name_fa as gregorian_month_name_fa,
        days.iso_week,
        days.jalali_year,
        days.jalali_month,
        days.jalali_day,
        days.jalali_month_name_fa,
        days.jalali_month_name_en,
        days.lunar_year,
        days.lunar_month,
        days.lunar_day,
        lunar_months.name_fa as lunar_month_name_fa,
        lunar_months.name_en as lunar_month_name_en,
        days.weekday_name_fa,
        days.weekday_name_en,
        days.weekday,
        days.is_weekend,
        days.is_public_holiday,
        days.holiday_name_fa,
        days.holiday_name_en,
        days.is_holiday_reckoned
    from days
    inner join gregorian_months on days.gregorian_month = gregorian_months.gregorian_month
    left join lunar_months on days.lunar_month = lunar_months.lunar_month
)

select * from final
