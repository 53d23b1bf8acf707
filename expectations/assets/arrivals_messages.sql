-- Grain: version of a ticket, a ticket's event or a mention that landed for the day. No texts.
with loads as (
    select load_id, greatest(window_end, started_at) + interval '1 day' as no_later_than
    from ops.loads
    where
        status = 'landed'
        and business_date >= current_setting('moshtari.business_date')::date
        and coalesce(covers_from, '-infinity') <= current_setting('moshtari.business_date')::date
),

messages as (
    select
        'tickets' as entity,
        _source,
        _key,
        _load_id,
        created_at,
        nullif(trim(coalesce(subject, '') || coalesce(body, '')), '') is not null as has_text
    from raw.tickets
    where not _is_deleted
    union all
    select 'ticket_events', _source, _key, _load_id, occurred_at, true
    from raw.ticket_events
    where not _is_deleted
    union all
    select
        'mentions', _source, _key, _load_id, created_at, nullif(trim(text), '') is not null
    from raw.mentions
    where not _is_deleted
)

select
    messages.entity,
    messages._source as source,
    nullif(messages._key, '') is not null as has_key,
    messages.created_at,
    messages.created_at <= loads.no_later_than as is_past,
    messages.has_text
from messages
inner join loads on loads.load_id = messages._load_id
