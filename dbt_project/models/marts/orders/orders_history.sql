{{ config(indexes=[{"columns": ["order_key"], "unique": true}]) }}

-- depends_on: {{ ref("orders_history_scope") }}
with orders as (
    select * from {{ ref("int_orders_valued") }}
    {%- if not starts_anew("orders") %}
    where order_key in (select scope.order_key from {{ ref("orders_history_scope") }} as scope)
    {%- endif %}
),

profiles as (
    select * from {{ ref("int_customers_profiled") }}
),

summed as (
    select * from {{ ref("int_customers_summed") }}
),

deliveries as (
    select * from {{ ref("int_orders_delivered") }}
),

final as (
    select
        {{ run_columns() }},
        orders.order_key,
        orders.order_id,
        orders.source,
        orders.customer_key,
        orders.ordered_on as day,
        orders.channel,
        orders.direction,
        case
            when orders.direction = 'purchase' then 'C2B'
            when orders.direction <> 'sale' then null
            when orders.is_sold_by_customer then 'C2C'
            when profiles.party = 'organization' then 'B2B'
            else 'B2C'
        end as market,
        orders.status,
        orders.exclusion,
        orders.is_valid,
        case
            when not orders.is_valid or orders.customer_key is null then null
            when orders.ordered_on = summed.first_purchase_on then 'new'
            else 'repeat'
        end as purchase,
        deliveries.is_on_time,
        orders.returned_base > 0 as is_returned,
        orders.discount_base > 0 as is_discounted,
        orders.currency,
        orders.gross_base as gross_amount,
        orders.discount_base as discount_amount,
        orders.shipping_base as shipping_amount,
        orders.tax_base as tax_amount,
        orders.refunded_base as refunded_amount,
        -- What the order adds to net revenue by the day: nothing when it is left out by name.
        case when orders.is_sold then orders.gross_base - orders.discount_base else 0 end
        - case when orders.takes_refunds then orders.refunded_base else 0 end as net_amount
    from orders
    left join profiles on orders.customer_key = profiles.customer_key
    left join summed on orders.customer_key = summed.customer_key
    left join deliveries on orders.order_key = deliveries.order_key
)

select * from final
