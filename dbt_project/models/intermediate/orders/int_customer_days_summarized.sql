{{ config(
    materialized="incremental",
    incremental_strategy="append",
    pre_hook="{{ take_out_days_changed() }}",
    indexes=[
        {"columns": ["customer_key", "day"], "unique": true},
        {"columns": ["day"]},
        {"columns": ["changed_in_run"], "type": "brin"},
    ],
) }}

with orders as {{ computed_where_used() }} (
    select
        customer_key,
        ordered_on as day,
        case when is_valid then 1 else 0 end as valid_orders,
        case when is_sold then 1 else 0 end as sold_orders,
        case when is_valid and discount_base > 0 then 1 else 0 end as discounted_orders,
        case when campaign is not null then 1 else 0 end as campaign_orders,
        case when is_valid then ordered_at end as valid_ordered_at,
        case when is_sold then gross_base else 0 end as gross_revenue,
        case when is_sold then discount_base else 0 end as discounts,
        0 as refunds
    from {{ ref("int_orders_valued") }}
),

refunds as {{ computed_where_used() }} (
    select
        orders.customer_key,
        refunds.completed_on as day,
        0 as valid_orders,
        0 as sold_orders,
        0 as discounted_orders,
        0 as campaign_orders,
        cast(null as timestamp with time zone) as valid_ordered_at,
        0 as gross_revenue,
        0 as discounts,
        refunds.amount_base as refunds
    from {{ ref("int_refunds_valued") }} as refunds
    inner join {{ ref("int_orders_valued") }} as orders on refunds.order_key = orders.order_key
    where refunds.exclusion is null and orders.takes_refunds
),

movements as (
    {{ of_days_changed("orders") }}

    union all

    {{ of_days_changed("refunds") }}
),

final as (
    select
        customer_key,
        day,
        cast(sum(valid_orders) as integer) as valid_orders,
        cast(sum(sold_orders) as integer) as sold_orders,
        cast(sum(discounted_orders) as integer) as discounted_orders,
        cast(sum(campaign_orders) as integer) as campaign_orders,
        max(valid_ordered_at) as last_valid_ordered_at,
        sum(gross_revenue) as gross_revenue,
        sum(discounts) as discounts,
        sum(refunds) as refunds,
        sum(gross_revenue - discounts - refunds) as net_revenue,
        {{ changed_in_run() }}
    from movements
    group by customer_key, day
)

select * from final
{%- if is_anew() %}
-- Those who read customer by customer and day by day find the rows side by side.
order by customer_key asc, day asc
{%- endif %}
