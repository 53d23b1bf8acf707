with tickets as (
    select * from {{ ref("int_tickets_attributed") }}
    where is_complaint
),

orders as (
    select * from {{ ref("int_orders_valued") }}
    where is_sold
),

-- A complaint that names no order is about the customer's last one, if it is not long ago.
candidates as (
    select
        tickets.ticket_key,
        tickets.created_at,
        tickets.topic,
        orders.order_key,
        1 as order_rank
    from tickets
    inner join orders on tickets.order_key = orders.order_key

    union all

    select
        tickets.ticket_key,
        tickets.created_at,
        tickets.topic,
        orders.order_key,
        row_number() over (
            partition by tickets.ticket_key order by orders.ordered_at desc, orders.order_key asc
        ) as order_rank
    from tickets
    inner join orders on tickets.customer_key = orders.customer_key
    where tickets.order_key is null
        and orders.ordered_at <= tickets.created_at
        and {{ days_between("orders.ordered_on", "tickets.created_on") }}
        <= {{ var("compensation_order_days") }}
),

final as (
    select
        order_key,
        min(created_at) as complained_at,
        {{ business_date("min(created_at)") }} as complained_on,
        cast(count(*) as integer) as complaints,
        bool_or(coalesce(topic = 'quality', false)) as is_about_quality
    from candidates
    where order_rank = 1
    group by order_key
)

select * from final
