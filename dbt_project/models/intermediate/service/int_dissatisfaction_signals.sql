with tickets as (
    select * from {{ ref("int_tickets_attributed") }}
),

mentions as (
    select * from {{ ref("int_mentions_attributed") }}
),

refunds as (
    select * from {{ ref("int_refunds_valued") }}
),

orders as (
    select * from {{ ref("int_orders_valued") }}
),

customers as (
    select * from {{ ref("int_customers_measured") }}
),

signals as (
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
),

final as (
    select
        signals.signal_key,
        signals.customer_key,
        signals.kind,
        signals.signal_at,
        {{ business_date("signals.signal_at") }} as signal_on,
        signals.solved_at,
        {{ business_date("signals.solved_at") }} as solved_on,
        case
            when signals.is_rated_well then 'rated_well'
            when customers.last_valid_ordered_at > greatest(signals.solved_at, signals.signal_at)
                and signals.solved_at is not null
                then 'bought_again'
        end as recovered_by
    from signals
    inner join customers on signals.customer_key = customers.customer_key
)

select * from final
