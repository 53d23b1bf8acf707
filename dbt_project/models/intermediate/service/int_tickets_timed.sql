{{ config(
    materialized="incremental",
    incremental_strategy="append",
    pre_hook="{{ take_out_tickets_retimed() }}",
    indexes=[
        {"columns": ["ticket_key"], "unique": true},
        {"columns": ["changed_in_run"], "type": "brin"},
    ],
) }}

with tickets as (
    select * from {{ ref("stg_help_desk__tickets") }}
),

moments as (
    select * from {{ ref("int_ticket_moments_timed") }}
    where kind = 'reply'
),

states as (
    select * from {{ ref("int_ticket_states_timed") }}
),

loads as (
    select * from {{ ref("stg_ops__loads") }}
    where entity = 'ticket_events'
),

summed as (
    select
        ticket_key,
        bool_or(kind = 'end' and was_done) as ends_done,
        -- The last solution: where the state last turned from undone to done.
        max(case when is_done and not was_done then occurred_at end) as done_at,
        max(case when is_done and not was_done then business_minutes end) as done_business_minutes,
        max(case when kind = 'end' then occurred_at end) as ended_at,
        max(case when kind = 'end' then business_minutes end) as ended_business_minutes,
        min(business_minutes) as created_business_minutes,
        {%- for minutes in ["minutes", "business_minutes"] %}
        sum(case when state in ('new', 'open', 'hold') then {{ minutes }}_spent end)
            as requester_wait_{{ minutes }},
        sum(case when state = 'open' then {{ minutes }}_spent else 0 end)
            as agent_work_{{ minutes }},
        {%- endfor %}
        count(case when was_done and not is_done then 1 end) as reopens
    from states
    group by ticket_key
),

replies as (
    select
        ticket_key,
        count(*) as agent_replies,
        min(occurred_at) as first_reply_at,
        min(business_minutes) as first_reply_business_minutes
    from moments
    group by ticket_key
),

-- A ticket that says it is solved, and has no event to say when, was solved by its last change.
joined as (
    select
        summed.*,
        tickets.created_at,
        tickets.status in ('solved', 'closed') as is_solved,
        loads.source is not null as has_events,
        replies.agent_replies,
        replies.first_reply_at,
        replies.first_reply_business_minutes,
        case when summed.ends_done then summed.done_at else summed.ended_at end
            as last_solved_at,
        case
            when summed.ends_done then summed.done_business_minutes
            else summed.ended_business_minutes
        end as last_solved_business_minutes
    from tickets
    inner join summed on tickets.ticket_key = summed.ticket_key
    left join replies on tickets.ticket_key = replies.ticket_key
    left join loads on tickets.source = loads.source
),

final as (
    select
        ticket_key,
        first_reply_at,
        {{ minutes_between("created_at", "first_reply_at") }} as first_reply_minutes,
        first_reply_business_minutes - created_business_minutes
            as first_reply_business_minutes,
        case when has_events then cast(coalesce(agent_replies, 0) as integer) end as agent_replies,
        case when is_solved then last_solved_at end as solved_at,
        case when is_solved then {{ minutes_between("created_at", "last_solved_at") }} end
            as solution_minutes,
        case when is_solved then last_solved_business_minutes - created_business_minutes end
            as solution_business_minutes,
        {%- for minutes in ["minutes", "business_minutes"] %}
        case when has_events then requester_wait_{{ minutes }} end as requester_wait_{{ minutes }},
        case when has_events then agent_work_{{ minutes }} end as agent_work_{{ minutes }},
        {%- endfor %}
        case when has_events then cast(reopens as integer) end as reopens,
        case when has_events and is_solved then coalesce(agent_replies, 0) = 1 and reopens = 0 end
            as is_one_touch,
        {{ changed_in_run() }}
    from joined
)

select * from final
