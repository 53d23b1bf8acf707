with tickets as (
    select * from {{ ref("stg_help_desk__tickets") }}
    where {{ is_ticket_retimed() }}
),

events as (
    select * from {{ ref("stg_help_desk__ticket_events") }}
),

channels as (
    select * from {{ ref("service_channels") }}
),

business_days as (
    select * from {{ ref("int_business_days_timed") }}
),

-- A channel without a schedule of its own has that of `*`.
scheduled as (
    select
        tickets.ticket_key,
        tickets.created_at,
        tickets.updated_at,
        tickets.status in ('solved', 'closed') as is_solved,
        coalesce(channels.schedule, others.schedule) as schedule
    from tickets
    left join channels on tickets.channel = channels.channel
    left join channels as others on others.channel = '*'
),

-- Every instant at which something about the time of service is decided.
moments as (
    select
        ticket_key,
        schedule,
        'state' as kind,
        'new' as state,
        created_at as occurred_at
    from scheduled

    union all

    -- What is written at the moment of creation is the ticket itself, not a reply to it.
    select
        scheduled.ticket_key,
        scheduled.schedule,
        case events.kind when 'status' then 'state' else 'reply' end as kind,
        events.to_status as state,
        greatest(events.occurred_at, scheduled.created_at) as occurred_at
    from scheduled
    inner join events on scheduled.ticket_key = events.ticket_key
    where (events.kind = 'status' and events.to_status <> 'unknown')
        or (
            events.kind = 'comment'
            and events.author_role = 'agent'
            and events.is_public
            and events.occurred_at > scheduled.created_at
        )

    union all

    -- The clock stops at the end of the day, or where a solved ticket was last touched.
    select
        ticket_key,
        schedule,
        'end' as kind,
        null as state,
        case
            when is_solved then greatest(updated_at, created_at)
            else {{ end_of_as_of_date() }}
        end as occurred_at
    from scheduled
),

final as (
    select
        moments.ticket_key,
        moments.kind,
        moments.state,
        moments.occurred_at,
        -- Business minutes since the first day of the calendar: two of them make a duration.
        business_days.minutes_before
        + {{ minutes_passed(
            "moments.occurred_at", "business_days.opens_at", "business_days.closes_at"
        ) }}
        - {{ minutes_passed(
            "moments.occurred_at", "business_days.pauses_at", "business_days.resumes_at"
        ) }} as business_minutes
    from moments
    left join business_days
        on moments.schedule = business_days.schedule
            and {{ business_date("moments.occurred_at") }} = business_days.day
)

select * from final
