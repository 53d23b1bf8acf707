with tickets as (
    select * from {{ ref("stg_help_desk__tickets") }}
),

links as (
    select * from {{ ref("int_identity_links") }}
),

orders as (
    select * from {{ ref("int_orders_valued") }}
),

lexicon as (
    select
        {{ lexicon_pattern("complaint") }} as complaint_words,
        {{ lexicon_pattern("negated_complaint") }} as negated_words
    from {{ ref("voice_lexicon") }}
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

-- A requester unknown to the shop may still name an order; its number must mean one customer.
by_orders as (
    select
        linked.ticket_key,
        min(orders.customer_key) as customer_key
    from linked
    inner join orders on linked.order_id = orders.order_id
    where linked.linked_customer_key is null
    group by linked.ticket_key
    having count(distinct orders.customer_key) = 1
),

final as (
    select
        linked.ticket_key,
        coalesce(linked.linked_customer_key, by_orders.customer_key) as customer_key,
        case
            when linked.linked_customer_key is not null then 'requester'
            when by_orders.customer_key is not null then 'order'
        end as attributed_by,
        linked.created_at,
        linked.created_on,
        linked.updated_at,
        linked.status,
        linked.solved_at,
        coalesce(
            {{ has_match(
                without_matches("linked.words", "lexicon.negated_words"),
                "lexicon.complaint_words"
            ) }},
            false
        ) as is_complaint,
        coalesce(linked.satisfaction_score < {{ var("bad_satisfaction_below") }}, false)
            as is_rated_badly,
        coalesce(linked.satisfaction_score >= {{ var("bad_satisfaction_below") }}, false)
            as is_rated_well
    from linked
    cross join lexicon
    left join by_orders on linked.ticket_key = by_orders.ticket_key
)

select * from final
