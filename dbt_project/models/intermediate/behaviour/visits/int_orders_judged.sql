with orders as (
    select * from {{ ref("int_orders_valued") }}
    where is_valid and session_key is not null and customer_key is not null
),

items as (
    select * from {{ ref("stg_shop__order_items") }}
    where product_id is not null
),

views as (
    select * from {{ ref("int_web_events_attributed") }}
    where kind = 'view' and product_id is not null
),

-- An order can be judged when the customer was seen looking at a product of it.
seen as (
    select
        orders.order_key,
        orders.customer_key,
        orders.ordered_at,
        orders.ordered_on,
        min(views.occurred_at) as first_seen_at,
        min(case when views.session_key = orders.session_key then views.occurred_at end)
            as seen_in_session_at
    from orders
    inner join items on orders.order_key = items.order_key
    inner join views
        on orders.customer_key = views.customer_key and items.product_id = views.product_id
    where views.occurred_at <= orders.ordered_at
    group by orders.order_key, orders.customer_key, orders.ordered_at, orders.ordered_on
),

-- What had been seen first decides: a basket is planned if any of it was.
final as (
    select
        order_key,
        customer_key,
        ordered_on,
        first_seen_at,
        coalesce(
            seen_in_session_at = first_seen_at
            and ordered_at <= first_seen_at + interval '{{ var("impulse_minutes") }} minutes',
            false
        ) as is_impulsive
    from seen
)

select * from final
