"""The SQL of versions: which of the rows that have arrived are new in raw, and their way there."""

# ruff: noqa: S608 - names come from the contract, values are parameters

from __future__ import annotations

from moshtari.landing import rules
from moshtari.landing.contract import EXTRA, Entity
from moshtari.landing.statements import INCOMING, LOSERS, Kept, changed_at, content


def insert_all(entity: Entity, kept: Kept) -> str:
    """Land everything: for a source and entity of which raw holds nothing yet."""
    return f"""
insert into raw.{entity.name} ({_targets(entity)})
select
    {_contract_values(entity)},
    {_system_values(entity)}
from (
    {_fresh(entity, kept)}
) as fresh
"""


def insert_changed(entity: Entity, kept: Kept) -> str:
    """Land rows whose content is not already the latest version of their key.

    A source read live tells the present state, so its row is the newest whatever its own times say,
    unless the entity's time is that of the change (`updated_at`) and the row gives it. A corrected
    file likewise outranks what the same file said before.
    """
    always_newest = (
        "fresh._changed_at is null or coalesce(latest._origin = %(origin)s, false)"
        if entity.changed_at_orders_versions
        else "fresh._changed_at is null or latest._origin is not distinct from %(origin)s"
    )
    return f"""
with fresh as materialized (
    -- Keys that are neighbours in the index are looked up, and written, one after the other.
    {_fresh(entity, kept)}
    order by _key
),
latest as (
    select distinct on (stored._key) stored.*
    from raw.{entity.name} as stored
    inner join fresh on fresh._key = stored._key
    where stored._source = %(source)s
    order by stored._key, stored._changed_at desc nulls last, stored._load_id desc
),
compared as (
    select
        fresh.*,
        latest._changed_at as _latest_at,
        latest._key is not null and ({always_newest}) as _is_newest,
        latest._key is not null and {_same(entity, "fresh", "latest")} as _is_latest,
        latest._origin is distinct from %(origin)s as _is_elsewhere
    from fresh
    left join latest on latest._key = fresh._key
),
judged as materialized (
    select
        compared.*,
        compared._is_latest
        or (
            not compared._is_newest
            and compared._changed_at < compared._latest_at
            and exists (
                select 1
                from raw.{entity.name} as stored
                where
                    stored._source = %(source)s
                    and stored._key = compared._key
                    and {_same(entity, "compared", "stored")}
            )
        ) as _is_known
    from compared
),
landed as (
    insert into raw.{entity.name} ({_targets(entity)})
    select
        {_contract_values(entity)},
        {
        _system_values(
            entity,
            "case when _is_newest then greatest(_changed_at, _latest_at) else _changed_at end",
        )
    }
    from judged
    where not coalesce(_is_known, false)
)
select
    count(*) filter (where not coalesce(_is_known, false)),
    count(*) filter (where _is_known and _is_elsewhere)
from judged
"""


def insert_tombstones(entity: Entity) -> str:
    """Mark as deleted the keys that a file's earlier content had and its present one has not."""
    return f"""
with latest as (
    select distinct on (_key) *
    from raw.{entity.name}
    where
        _source = %(source)s
        and _key in (
            select _key
            from raw.{entity.name}
            where _source = %(source)s and _origin = %(origin)s
        )
    order by _key, _changed_at desc nulls last, _load_id desc
)
insert into raw.{entity.name} ({_targets(entity)})
select
    {", ".join(entity.column_names)},
    _source,
    _key,
    %(load_id)s,
    %(business_date)s,
    _changed_at,
    true,
    _origin,
    null
from latest
where
    _origin = %(origin)s
    and not _is_deleted
    and not exists (
        select 1 from {INCOMING} as incoming where {entity.key_sql("incoming.")} = latest._key
    )
"""


def yield_to_landed(entity: Entity) -> str:
    """Of rows that come out of quarantine, those that must not land over what raw holds already.

    A version has its place in time by the load that received it. One received later outranks the
    row, unless the entity's own time tells the two apart: then the row may take its place in the
    history. A tombstone received later is final. With one received by the same load the row may
    have to compete, as if it had landed with it.
    """
    undecided = (
        "(versions._changed_at = fresh._changed_at) is not false"
        if entity.changed_at_orders_versions
        else "true"
    )
    return f"""
with fresh as materialized (
    select
        incoming.ctid as row_id,
        {entity.key_sql()} as _key,
        {changed_at(entity)} as _changed_at,
        coalesce(_is_deleted, false) as _is_deleted,
        {content(entity)} as _content
    from {INCOMING} as incoming
    where not exists (select 1 from {LOSERS} as losers where losers.row_id = incoming.ctid)
),
versions as (
    select
        stored._key,
        stored._changed_at,
        stored._is_deleted,
        {content(entity)} as _content,
        (
            select
                case
                    when loads.details ? 'read_anew' then loads.load_id
                    else coalesce((loads.details ->> 'of_load')::bigint, loads.load_id)
                end
            from ops.loads as loads
            where loads.load_id = stored._load_id
        ) as received_in
    from raw.{entity.name} as stored
    where stored._source = %(source)s and stored._key in (select fresh._key from fresh)
)
insert into {LOSERS} (row_id)
select fresh.row_id
from fresh
where exists (
    select 1
    from versions
    where
        versions._key = fresh._key
        and (
            (
                versions.received_in > %(of_load)s
                and (versions._is_deleted or {undecided})
            )
            or (
                %(compete)s
                and versions.received_in = %(of_load)s
                and (coalesce(fresh._changed_at, '-infinity'), fresh._is_deleted, fresh._content)
                < (
                    coalesce(versions._changed_at, '-infinity'),
                    versions._is_deleted,
                    versions._content
                )
            )
        )
)
"""


def _same(entity: Entity, one: str, other: str) -> str:
    """Whether two rows say the same: deleted both, or alike in every byte of the contract columns.

    Alike as stored, so that 1.0 is not 1.00; a column that the contract gains is null in both.
    """
    rows = [", ".join(f"{row}.{name}" for name in entity.column_names) for row in (one, other)]
    return (
        f"{one}._is_deleted = {other}._is_deleted"
        f" and ({one}._is_deleted"
        f" or (row({rows[0]})::record operator(pg_catalog.*=) row({rows[1]})::record"
        f" and {_says_no_more(one, other)}))"
    )


def _says_no_more(one: str, other: str) -> str:
    """Whether a row has no value in a new column that the stored row has not.

    Of columns that are no longer new, what is stored stays: to have known them is no change.
    """
    known = f"coalesce({other}.{EXTRA}, '{{}}')"
    return f"({one}.{EXTRA} is null or jsonb_strip_nulls({known} || {one}.{EXTRA}) = {known})"


def _fresh(entity: Entity, kept: Kept) -> str:
    """This load's good rows, one a key, with key and time."""
    columns = ",\n        ".join(f"{rules.value(c)} as {c.name}" for c in entity.columns)
    return f"""select
        {columns},
        {entity.key_sql()} as _key,
        {changed_at(entity)} as _changed_at,
        coalesce(_is_deleted, false) as _is_deleted,
        {EXTRA}
    from {INCOMING} as incoming
    where {kept.condition(entity)}"""


def _targets(entity: Entity) -> str:
    return ", ".join(entity.column_names) + (
        f", _source, _key, _load_id, _known_from, _changed_at, _is_deleted, _origin, {EXTRA}"
    )


def _contract_values(entity: Entity) -> str:
    return ", ".join(entity.column_names)


def _system_values(entity: Entity, changed_at: str = "_changed_at") -> str:
    return f"""%(source)s,
    _key,
    %(load_id)s,
    case
        when %(covers_from)s::date is null then '-infinity'::date
        else greatest(
            least((_changed_at at time zone %(timezone)s)::date, %(business_date)s::date),
            %(covers_from)s::date
        )
    end,
    {changed_at},
    _is_deleted,
    %(origin)s::text,
    nullif(jsonb_strip_nulls({EXTRA}), '{{}}')"""
