with tickets as (
    select * from {{ ref("int_tickets_attributed") }}
),

mentions as (
    select * from {{ ref("int_mentions_attributed") }}
),

surveys as (
    select * from {{ ref("int_surveys_attributed") }}
),

subscriptions as (
    select * from {{ ref("stg_shop__subscriptions") }}
),

links as (
    select * from {{ ref("int_identity_links") }}
),

refunds as (
    select * from {{ ref("int_refunds_valued") }}
),

orders as (
    select * from {{ ref("int_orders_valued") }}
),

final as (
    select
        ticket_key as signal_key,
        customer_key,
        case when is_complaint then 'complaint_ticket' else 'bad_rating' end as kind,
        -- A rating follows the solution; a complaint begins with the ticket.
        case when is_complaint then created_at else coalesce(solved_at, updated_at) end
            as signal_at,
        solved_at,
        solved_at is not null and is_rated_well as is_rated_well
    from tickets
    where is_complaint or is_rated_badly

    union all

    select
        mention_key as signal_key,
        customer_key,
        'negative_mention' as kind,
        created_at as signal_at,
        replied_at as solved_at,
        false as is_rated_well
    from mentions
    where is_negative

    union all

    select
        refunds.refund_key as signal_key,
        orders.customer_key,
        'quality_return' as kind,
        refunds.requested_at as signal_at,
        refunds.completed_at as solved_at,
        false as is_rated_well
    from refunds
    inner join orders on refunds.order_key = orders.order_key
    where refunds.is_quality_return

    union all

    select
        survey_key as signal_key,
        customer_key,
        'survey' as kind,
        answered_at as signal_at,
        null as solved_at,
        false as is_rated_well
    from surveys
    where is_rated_badly

    union all

    select
        subscriptions.subscription_key as signal_key,
        links.customer_key,
        'renewal_switched_off' as kind,
        subscriptions.renewal_changed_at as signal_at,
        null as solved_at,
        false as is_rated_well
    from subscriptions
    inner join links on subscriptions.account_key = links.identity_key
    where not subscriptions.renews_automatically
        and subscriptions.renewal_changed_at is not null
)

select * from final
