{{ config(materialized="view") }}

with tickets as (
    select * from {{ ref("int_tickets_attributed") }}
),

timed as (
    select * from {{ ref("int_tickets_timed") }}
),

-- Good support replied and solved within its business minutes, once. Undecided while it still can;
-- where events are not delivered only the solution tells.
final as (
    select
        tickets.customer_key,
        tickets.created_on as day,
        case
            when timed.reopens > 0 then false
            when
                coalesce(
                    timed.first_reply_business_minutes, timed.requester_wait_business_minutes
                ) > {{ var("support_reply_minutes") }}
                then false
            when
                coalesce(timed.solution_business_minutes, timed.requester_wait_business_minutes)
                > {{ var("support_solution_minutes") }}
                then false
            when timed.solved_at is not null then true
        end as is_good
    from tickets
    inner join timed on tickets.ticket_key = timed.ticket_key
)

select * from final
