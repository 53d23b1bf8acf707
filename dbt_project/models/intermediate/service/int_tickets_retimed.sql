-- Tickets that a build that goes on times again: those about which something came in, those whose
-- clock still runs, and those of a source whose events have only now begun to come. Empty when
-- everything is computed anew.
{%- if is_anew() %}
select ticket_key from {{ ref("stg_help_desk__tickets") }}
where false
{%- else %}
with tickets as (
    select * from {{ ref("stg_help_desk__tickets") }}
),

loads as (
    select * from {{ ref("stg_ops__loads") }}
    where entity = 'ticket_events'
),

tickets_pending as (
    {{ pending_rows("tickets") }}
),

events_pending as (
    {{ pending_rows("ticket_events") }}
),

-- As the last build left them.
timed_before as (
    select * from {{ source("state", "int_tickets_timed") }}
),

final as (
    select record_key as ticket_key from tickets_pending

    union distinct

    -- Whatever any version of a pending event says: a ticket it no longer names has changed too.
    select concat(versions._source, '/', versions.ticket_id) as ticket_key
    from {{ source("raw", "ticket_events") }} as versions
    inner join events_pending
        on versions._source = events_pending._source and versions._key = events_pending._key

    union distinct

    select timed_before.ticket_key
    from timed_before
    inner join tickets on timed_before.ticket_key = tickets.ticket_key
    left join loads on tickets.source = loads.source
    where timed_before.solved_at is null
        or (timed_before.agent_replies is null and loads.source is not null)
)

select * from final
{%- endif %}
