with cohorts as (
    select * from {{ ref("cohorts") }}
),

dates as (
    select * from {{ ref("int_days_dated") }}
),

turns as (
    select * from {{ ref("int_customer_turns_dated") }}
),

turned as (
    select
        turns.calendar,
        case turns.calendar
            when 'gregorian' then dates.gregorian_month_starts_on
            else dates.jalali_month_starts_on
        end as starts_on,
        sum(turns.churned) as churned,
        sum(turns.reactivated) as reactivated
    from turns
    inner join dates on turns.day = dates.day
    group by
        turns.calendar,
        case turns.calendar
            when 'gregorian' then dates.gregorian_month_starts_on
            else dates.jalali_month_starts_on
        end
),

bought as (
    select
        calendar,
        month,
        month_starts_on as starts_on,
        bool_and(is_month_complete) as is_month_complete,
        sum(active) as buyers,
        sum(case when month_number = 0 then active else 0 end) as new_buyers
    from cohorts
    group by calendar, month, month_starts_on
),

counted as (
    select
        bought.*,
        coalesce(turned.churned, 0) as churned,
        coalesce(turned.reactivated, 0) as reactivated,
        sum(bought.new_buyers + coalesce(turned.reactivated, 0) - coalesce(turned.churned, 0))
            over (partition by bought.calendar order by bought.starts_on asc) as customers_after
    from bought
    left join turned
        on bought.calendar = turned.calendar and bought.starts_on = turned.starts_on
),

final as (
    select
        {{ run_columns() }},
        calendar,
        month,
        starts_on,
        is_month_complete,
        cast(customers_after - new_buyers - reactivated + churned as integer) as customers_before,
        cast(buyers as integer) as buyers,
        cast(new_buyers as integer) as new_buyers,
        cast(buyers - new_buyers as integer) as returning_buyers,
        round(1.0 * (buyers - new_buyers) / nullif(buyers, 0), 4) as repeat_purchase_rate,
        cast(churned as integer) as churned,
        round(
            1.0 * churned / nullif(customers_after - new_buyers - reactivated + churned, 0), 4
        ) as churn_rate,
        cast(reactivated as integer) as reactivated,
        cast(customers_after as integer) as customers_after
    from counted
)

select * from final
