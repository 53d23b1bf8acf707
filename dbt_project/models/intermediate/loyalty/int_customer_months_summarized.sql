{{ config(
    materialized="incremental",
    incremental_strategy="append",
    pre_hook="{{ take_out(is_customer_changed()) }}",
    indexes=[
        {"columns": ["customer_key", "calendar", "month_index"], "unique": true},
        {"columns": ["changed_in_run"], "type": "brin"},
    ],
) }}

with customer_days as (
    select * from {{ ref("int_customer_days_summarized") }}
    where customer_key is not null and {{ is_customer_resummed() }}
),

dates as (
    select * from {{ ref("int_days_dated") }}
),

-- A pass over the customers' days for each calendar; what is asked by month reads the result. Days
-- lie customer by customer, and stay so through sums and windows: nothing is sorted twice.
{%- for calendar in ["gregorian", "jalali"] %}
{{ calendar }}_months as (
    select
        customer_days.customer_key,
        dates.{{ calendar }}_year * 12 + dates.{{ calendar }}_month as month_index,
        min(case when customer_days.valid_orders > 0 then customer_days.day end)
            as first_purchase_on,
        max(case when customer_days.valid_orders > 0 then customer_days.day end)
            as last_purchase_on,
        count(case when customer_days.valid_orders > 0 then 1 end) as purchase_days,
        sum(customer_days.valid_orders) as orders,
        sum(customer_days.net_revenue) as net_revenue
    from customer_days
    inner join dates on customer_days.day = dates.day
    group by
        customer_days.customer_key,
        dates.{{ calendar }}_year * 12 + dates.{{ calendar }}_month
),
{% endfor %}
-- What was before the first purchase, and taken back, belongs to no cohort.
ordered as (
    {%- for calendar in ["gregorian", "jalali"] %}
    select
        *,
        '{{ calendar }}' as calendar,
        min(first_purchase_on) over following as next_purchase_on,
        max(last_purchase_on) over preceding as previous_purchase_on,
        min(first_purchase_on) over whole as cohort_on,
        min(case when purchase_days > 0 then month_index end) over whole as cohort_index,
        sum(purchase_days) over so_far as purchase_days_so_far
    from {{ calendar }}_months
    window
        whole as (partition by customer_key),
        so_far as (partition by customer_key order by month_index asc),
        preceding as (
            partition by customer_key order by month_index asc
            rows between unbounded preceding and 1 preceding
        ),
        following as (
            partition by customer_key order by month_index asc
            rows between 1 following and unbounded following
        )
    {{- " union all" if not loop.last }}
    {%- endfor %}
),

final as (
    select
        customer_key,
        calendar,
        cohort_index,
        month_index,
        month_index - cohort_index as month_number,
        cohort_on as first_purchase_on,
        previous_purchase_on,
        last_purchase_on,
        next_purchase_on,
        first_purchase_on as month_first_purchase_on,
        cast(purchase_days as integer) as purchase_days,
        cast(purchase_days_so_far as integer) as purchase_days_so_far,
        cast(orders as integer) as orders,
        net_revenue,
        {{ changed_in_run() }}
    from ordered
    where month_index >= cohort_index
)

select * from final
