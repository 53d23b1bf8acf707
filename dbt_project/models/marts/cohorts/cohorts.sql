with customer_months as (
    select * from {{ ref("int_customer_months_summarized") }}
),

months as (
    select * from {{ ref("int_months_dated") }}
    where starts_on <= {{ as_of_date() }}
),

summed as (
    select
        calendar,
        cohort_index,
        month_index,
        count(case when purchase_days > 0 then 1 end) as active,
        sum(orders) as orders,
        sum(net_revenue) as net_revenue
    from customer_months
    group by calendar, cohort_index, month_index
),

-- Every customer of a cohort bought in its first month.
sizes as (
    select
        calendar,
        cohort_index,
        active as customers
    from summed
    where month_index = cohort_index
),

-- A month in which nobody of a cohort came is a row as well.
final as (
    select
        {{ run_columns() }},
        cohorts.calendar,
        cohorts.month as cohort_month,
        cohorts.starts_on as cohort_starts_on,
        cast(months.month_index - cohorts.month_index as integer) as month_number,
        months.month,
        months.starts_on as month_starts_on,
        months.next_starts_on <= {{ days_after(as_of_date(), 1) }} as is_month_complete,
        cast(sizes.customers as integer) as customers,
        cast(coalesce(summed.active, 0) as integer) as active,
        cast(coalesce(summed.orders, 0) as integer) as orders,
        coalesce(summed.net_revenue, 0) as net_revenue
    from sizes
    inner join months as cohorts
        on sizes.calendar = cohorts.calendar and sizes.cohort_index = cohorts.month_index
    inner join months
        on sizes.calendar = months.calendar and sizes.cohort_index <= months.month_index
    left join summed
        on sizes.calendar = summed.calendar
            and sizes.cohort_index = summed.cohort_index
            and months.month_index = summed.month_index
)

select * from final
