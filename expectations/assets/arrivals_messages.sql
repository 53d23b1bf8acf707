-- Grain: version of a ticket, a ticket's event or a mention that landed for the day, and that no later
-- load has mended since. No texts.
with loads as (
    select load_id, greatest(window_end, started_at) + interval '1 day' as no_later_than
    from ops.loads
    where
        status = 'landed'
        and business_date >= current_setting('moshtari.business_date')::date
        and coalesce(covers_from, '-infinity') <= current_setting('moshtari.business_date')::date
),

newest as (
    select entity, source, max(load_id) as load_id
    from ops.loads
    where status = 'landed' and landed_rows > 0
    group by entity, source
),

-- Not materialized: whether there is a later version is told by the index of its own table.
versions as not materialized (
    select
        'tickets' as entity,
        _source,
        _key,
        _load_id,
        _changed_at,
        _is_deleted,
        created_at,
        nullif(trim(coalesce(subject, '') || coalesce(body, '')), '') is not null as has_text
    from raw.tickets
    union all
    select
        'ticket_events', _source, _key, _load_id, _changed_at, _is_deleted, occurred_at, true
    from raw.ticket_events
    union all
    select
        'mentions',
        _source,
        _key,
        _load_id,
        _changed_at,
        _is_deleted,
        created_at,
        nullif(trim(text), '') is not null
    from raw.mentions
)

select
    messages.entity,
    messages._source as source,
    nullif(messages._key, '') is not null as has_key,
    messages.created_at,
    messages.created_at <= loads.no_later_than as is_past,
    messages.has_text
from versions as messages
inner join loads on loads.load_id = messages._load_id
left join newest
    on messages.entity = newest.entity and messages._source = newest.source
where
    not messages._is_deleted
    and (
        messages._load_id = newest.load_id
        or not exists (
            select 1
            from versions as later
            where
                later.entity = messages.entity
                and later._key = messages._key
                and later._source = messages._source
                and later._load_id > messages._load_id
                and (later._changed_at < messages._changed_at) is not true
        )
    )
