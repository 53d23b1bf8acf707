{{ config(
    materialized="incremental",
    incremental_strategy="append",
    pre_hook="{{ take_out('customer_key in (select customer_key from ' ~ ref('int_customers_resummed') ~ ')') }}",
    indexes=[
        {"columns": ["customer_key"], "unique": true},
        {"columns": ["changed_in_run"], "type": "brin"},
    ],
) }}

with days as (
    select * from {{ ref("int_customer_days_summarized") }}
    where customer_key is not null {{ only_in("int_customers_resummed") }}
),

-- The one pass over the days: what is measured of customers reads its result.
final as (
    select
        customer_key,
        min(case when valid_orders > 0 then day end) as first_purchase_on,
        max(case when valid_orders > 0 then day end) as last_purchase_on,
        max(last_valid_ordered_at) as last_valid_ordered_at,
        cast(count(case when valid_orders > 0 then 1 end) as integer) as purchase_days,
        cast(sum(valid_orders) as integer) as orders,
        cast(sum(discounted_orders) as integer) as discounted_orders,
        cast(sum(campaign_orders) as integer) as campaign_orders,
        sum(gross_revenue) as gross_revenue,
        sum(net_revenue) as net_revenue,
        sum(case
            when day > {{ days_after(as_of_date(), "-" ~ var("monetary_window_days")) }}
                then net_revenue
            else 0
        end) as window_net_revenue,
        {{ changed_in_run() }}
    from days
    group by customer_key
)

select * from final
