{%- set times = [
    "first_reply_minutes", "first_reply_business_minutes", "solution_minutes",
    "solution_business_minutes", "requester_wait_minutes", "requester_wait_business_minutes",
    "agent_work_minutes", "agent_work_business_minutes",
] %}

with tickets as (
    select * from {{ ref("stg_help_desk__tickets") }}
),

timed as (
    select * from {{ ref("int_tickets_timed") }}
),

mentions as (
    select * from {{ ref("int_mentions_attributed") }}
),

-- A post is a request as well: its network is the channel, and it has no priority.
requests as (
    select
        tickets.created_on as day,
        coalesce(tickets.channel, 'unknown') as channel,
        coalesce(tickets.priority, 'none') as priority,
        1 as tickets,
        0 as social_posts,
        timed.agent_replies is not null as has_events,
        timed.solved_at,
        {%- for minutes in times %}
        timed.{{ minutes }},
        {%- endfor %}
        timed.reopens,
        timed.is_one_touch,
        null as social_reply_minutes
    from tickets
    inner join timed on tickets.ticket_key = timed.ticket_key

    union all

    select
        created_on as day,
        network as channel,
        'none' as priority,
        0 as tickets,
        1 as social_posts,
        false as has_events,
        null as solved_at,
        {%- for minutes in times %}
        null as {{ minutes }},
        {%- endfor %}
        null as reopens,
        null as is_one_touch,
        {{ minutes_between("created_at", "replied_at") }} as social_reply_minutes
    from mentions
),

final as (
    select
        {{ run_columns() }},
        day,
        channel,
        priority,
        cast(sum(tickets) as integer) as tickets,
        case when bool_or(has_events) then cast(count(first_reply_minutes) as integer) end
            as replied,
        cast(count(solved_at) as integer) as solved,
        case
            when bool_or(has_events) then cast(count(case when reopens > 0 then 1 end) as integer)
        end as reopened,
        case
            when bool_or(has_events) then cast(count(case when is_one_touch then 1 end) as integer)
        end as one_touch,
        cast(sum(social_posts) as integer) as social_posts,
        cast(count(social_reply_minutes) as integer) as social_replies,
        {%- for minutes in times %}
        {{ quantile(0.5, minutes) }} as {{ minutes }}_median,
        {{ quantile(0.9, minutes) }} as {{ minutes }}_p90,
        {%- endfor %}
        {{ quantile(0.5, "social_reply_minutes") }} as social_reply_minutes_median,
        {{ quantile(0.9, "social_reply_minutes") }} as social_reply_minutes_p90
    from requests
    group by day, channel, priority
)

select * from final
