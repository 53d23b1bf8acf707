{{ config(materialized="view") }}

with orders as (
    select * from {{ ref("int_orders_valued") }}
),

customer_days as (
    select * from {{ ref("int_customer_days_summarized") }}
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

judged as (
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
        customer_key,
        least(promised_on, {{ as_of_date() }}) as day,
        is_on_time as is_good
    from deliveries
    where ordered_on is not null

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
),

-- A product is good unless it was bad: every sold order counts for it, and the bad ones against it.
-- Without returns or tickets every product would look good.
products as (
    select
        customer_key,
        day,
        sold_orders as measured,
        sold_orders as good
    from customer_days
    where sold_orders > 0

    union all

    select
        orders.customer_key,
        orders.ordered_on as day,
        0 as measured,
        -1 as good
    from bad_products
    inner join orders on bad_products.order_key = orders.order_key
    where orders.is_sold
),

final as (
    select
        parameter,
        customer_key,
        day,
        1 as measured,
        case when is_good then 1 else 0 end as good
    from judged
    where is_good is not null

    union all

    select
        'product_quality' as parameter,
        products.customer_key,
        products.day,
        products.measured,
        products.good
    from products
    inner join measurable on measurable.parameter = 'product_quality' and measurable.is_measurable
)

select * from final
