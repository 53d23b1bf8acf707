{{ config(materialized="view") }}

with moments as (
    select * from {{ ref("int_ticket_moments_timed") }}
    where kind <> 'reply'
),

-- Of two changes of state at one instant the one further along came last.
states as (
    select
        *,
        state in ('solved', 'closed') as is_done,
        lag(state in ('solved', 'closed')) over ticket_order as was_done,
        lead(occurred_at) over ticket_order as next_occurred_at,
        lead(business_minutes) over ticket_order as next_business_minutes
    from moments
    window ticket_order as (
        partition by ticket_key
        order by
            case kind when 'end' then 1 else 0 end asc,
            occurred_at asc,
            case state
                when 'new' then 0
                when 'open' then 1
                when 'hold' then 2
                when 'pending' then 3
                when 'solved' then 4
                else 5
            end asc
    )
),

final as (
    select
        ticket_key,
        kind,
        state,
        occurred_at,
        business_minutes,
        is_done,
        was_done,
        next_occurred_at,
        next_business_minutes,
        case
            when next_occurred_at < occurred_at then 0
            else {{ minutes_between("occurred_at", "next_occurred_at") }}
        end as minutes_spent,
        case
            when next_business_minutes < business_minutes then 0
            else next_business_minutes - business_minutes
        end as business_minutes_spent
    from states
)

select * from final
