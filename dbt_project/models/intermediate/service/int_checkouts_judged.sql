with payments as (
    select * from {{ ref("stg_shop__payments") }}
),

statuses as (
    select * from {{ ref("payment_statuses") }}
),

orders as (
    select * from {{ ref("int_orders_valued") }}
),

web_events as (
    select * from {{ ref("stg_shop__web_events") }}
    where kind = 'checkout_start'
),

links as (
    select * from {{ ref("int_identity_links") }}
),

attempts as (
    select
        payments.order_key,
        min(payments.attempted_on) as day,
        bool_or(coalesce(statuses.status = 'failed', false)) as has_failed
    from payments
    left join statuses on payments.source_status = statuses.source_status
    group by payments.order_key
),

checkouts as (
    select
        session_key,
        min(occurred_on) as day,
        min(account_key) as account_key,
        min(visitor_key) as visitor_key
    from web_events
    group by session_key
),

-- A checkout that led to no order failed, whatever the reason.
left_behind as (
    select checkouts.*
    from checkouts
    left join orders on checkouts.session_key = orders.session_key
    where orders.order_key is null
),

final as (
    select
        orders.customer_key,
        attempts.day,
        not attempts.has_failed as is_good
    from attempts
    inner join orders on attempts.order_key = orders.order_key

    union all

    select
        coalesce(by_account.customer_key, by_visitor.customer_key) as customer_key,
        left_behind.day,
        false as is_good
    from left_behind
    left join links as by_account on left_behind.account_key = by_account.identity_key
    left join links as by_visitor on left_behind.visitor_key = by_visitor.identity_key
)

select * from final
