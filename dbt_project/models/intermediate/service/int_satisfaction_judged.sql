{{ config(materialized="view") }}

with orders as (
    select * from {{ ref("int_orders_valued") }}
),

deliveries as (
    select * from {{ ref("int_orders_delivered") }}
),

refunds as (
    select * from {{ ref("int_refunds_valued") }}
),

surveys as (
    select * from {{ ref("int_surveys_attributed") }}
),

tickets as (
    select * from {{ ref("int_tickets_attributed") }}
),

measurable as (
    select * from {{ ref("int_satisfaction_measurable") }}
),

-- Orders whose product was sent back or complained of for its quality.
bad_products as (
    select order_key from refunds
    where is_quality_return

    union

    select order_key from tickets
    where is_complaint and topic = 'quality' and order_key is not null
),

final as (
    select
        'ease_of_buying' as parameter,
        customer_key,
        day,
        is_good
    from {{ ref("int_checkouts_judged") }}

    union all

    select
        'support' as parameter,
        customer_key,
        day,
        is_good
    from {{ ref("int_support_judged") }}

    union all

    -- A parcel lost before its promised day is known to fail today.
    select
        'delivery_on_time' as parameter,
        orders.customer_key,
        least(deliveries.promised_on, {{ as_of_date() }}) as day,
        deliveries.is_on_time as is_good
    from deliveries
    inner join orders on deliveries.order_key = orders.order_key

    union all

    select
        'product_quality' as parameter,
        orders.customer_key,
        orders.ordered_on as day,
        bad_products.order_key is null as is_good
    from orders
    -- Without returns or tickets every product would look good.
    inner join measurable on measurable.parameter = 'product_quality' and measurable.is_measurable
    left join bad_products on orders.order_key = bad_products.order_key
    where orders.is_sold

    union all

    select
        'feedback' as parameter,
        customer_key,
        asked_on as day,
        case
            when answered_at is not null then true
            when
                {{ days_between("asked_on", as_of_date()) }} > {{ var("feedback_wait_days") }}
                then false
        end as is_good
    from surveys

    union all

    select
        'ease_of_return' as parameter,
        customer_key,
        day,
        is_good
    from {{ ref("int_returns_judged") }}
)

select
    parameter,
    customer_key,
    day,
    is_good
from final
where is_good is not null
