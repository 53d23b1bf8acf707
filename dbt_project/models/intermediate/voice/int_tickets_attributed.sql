with tickets as (
    select * from {{ ref("stg_help_desk__tickets") }}
),

classes as (
    select * from {{ ref("int_texts_classified") }}
    where entity = 'tickets'
),

links as (
    select * from {{ ref("int_identity_links") }}
),

orders as (
    select * from {{ ref("int_orders_valued") }}
),

-- The last time it was solved; a ticket opened again is not solved, whatever happened before.
solutions as (
    select
        ticket_key,
        max(occurred_at) as solved_at
    from {{ ref("stg_help_desk__ticket_events") }}
    where to_status = 'solved'
    group by ticket_key
),

linked as (
    select
        tickets.*,
        coalesce(by_account.customer_key, by_email.customer_key, by_phone.customer_key)
            as linked_customer_key,
        case
            when tickets.status in ('solved', 'closed')
                then coalesce(solutions.solved_at, tickets.updated_at)
        end as solved_at
    from tickets
    left join solutions on tickets.ticket_key = solutions.ticket_key
    left join links as by_account on tickets.account_key = by_account.identity_key
    left join links as by_email on concat('email:', tickets.email) = by_email.identity_key
    left join links as by_phone on concat('phone:', tickets.phone) = by_phone.identity_key
),

-- A requester unknown to the shop may still name an order; its number must mean one customer, and
-- one order where two shops count alike.
by_orders as (
    select
        linked.ticket_key,
        case when count(distinct orders.customer_key) = 1 then min(orders.customer_key) end
            as customer_key,
        case when count(distinct orders.order_key) = 1 then min(orders.order_key) end as order_key
    from linked
    inner join orders on linked.order_id = orders.order_id
    group by linked.ticket_key
),

final as (
    select
        linked.ticket_key,
        linked.source,
        coalesce(linked.linked_customer_key, by_orders.customer_key) as customer_key,
        case
            when linked.linked_customer_key is not null then 'requester'
            when by_orders.customer_key is not null then 'order'
        end as attributed_by,
        by_orders.order_key,
        linked.created_at,
        linked.created_on,
        linked.updated_at,
        linked.status,
        linked.channel,
        linked.priority,
        linked.solved_at,
        classes.kind,
        classes.topic,
        classes.sentiment,
        classes.sentiment_score,
        classes.competitor,
        linked.satisfaction_score as rating,
        coalesce(classes.kind = 'complaint', false) as is_complaint,
        coalesce(linked.satisfaction_score < {{ var("bad_satisfaction_below") }}, false)
            as is_rated_badly,
        coalesce(linked.satisfaction_score >= {{ var("bad_satisfaction_below") }}, false)
            as is_rated_well
    from linked
    left join classes on linked.ticket_key = classes.text_key
    left join by_orders on linked.ticket_key = by_orders.ticket_key
)

select * from final
