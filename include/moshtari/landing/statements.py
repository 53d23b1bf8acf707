"""The SQL of landing, written from the contract: nothing here holds data, only names and types.

Identifiers come from `contract.ENTITIES` alone; values are parameters.
"""

# ruff: noqa: S608 - names come from the contract, values are parameters

from __future__ import annotations

from dataclasses import dataclass

from moshtari.landing import rules
from moshtari.landing.contract import EXTRA, SUPPLIED_SYSTEM_COLUMNS, Column, Entity

INCOMING_TEXT = "pg_temp.incoming_text"
INCOMING = "pg_temp.incoming"
REJECTED = "pg_temp.rejected"
LOSERS = "pg_temp.losers"
APART = "pg_temp.apart"

_SYSTEM = tuple(
    Column(name, pg_type, False, "")
    for name, pg_type in {**SUPPLIED_SYSTEM_COLUMNS, EXTRA: "jsonb"}.items()
)


@dataclass(frozen=True)
class Kept:
    """Which of the typed rows go on: conditions that all rows meet are not worth asking."""

    all_good: bool
    all_unique: bool = True

    def condition(self, entity: Entity) -> str:
        """The where clause over the typed rows, which are called `incoming`."""
        conditions = [] if self.all_good else [rules.is_good(entity)]
        if not self.all_unique:
            conditions.append(
                f"not exists (select 1 from {LOSERS} as losers where losers.row_id = incoming.ctid)"
            )
        return "\n        and ".join(conditions) or "true"


def create_temporary_tables(entity: Entity) -> list[str]:
    """What arrives as text, what has its types, what was rejected, what a later duplicate beats."""
    columns = entity.columns + _SYSTEM
    texts = ", ".join(f"{column.name} text" for column in columns)
    typed = ", ".join(f"{column.name} {column.pg_type}" for column in columns)
    tables = {
        INCOMING_TEXT: f"{texts}, _position text, _raw bytea",
        INCOMING: typed,
        REJECTED: "position text, reason text, raw bytea",
        LOSERS: "row_id tid",
    }
    return [
        f"create temporary table {name.removeprefix('pg_temp.')} ({body}) on commit drop"
        for name, body in tables.items()
    ]


def drop_temporary_tables() -> list[str]:
    """What `create_temporary_tables` made."""
    return [f"drop table {name}" for name in (INCOMING_TEXT, INCOMING, REJECTED, LOSERS)]


def cast_text(entity: Entity, supplied: set[str]) -> str:
    """Move text rows to their typed table, and those that cannot be cast to the rejected."""
    columns = [c for c in entity.columns + _SYSTEM if c.name in supplied]
    normal = "".join(
        f",\n        {rules.normalised(c)} as n_{c.name}" for c in columns if not c.is_text
    )
    reasons = ",\n            ".join(rules.text_reason(entity, c, supplied) for c in columns)
    targets = ", ".join(c.name for c in columns)
    casts = ",\n    ".join(c.name if c.is_text else f"n_{c.name}::{c.pg_type}" for c in columns)
    return f"""
with normalised as (
    select
        incoming_text.*{normal}
    from {INCOMING_TEXT} as incoming_text
),
judged as materialized (
    select
        *,
        concat_ws(
            '; ',
            {reasons}
        ) as _reason
    from normalised
),
bad as (
    insert into {REJECTED} (position, reason, raw)
    select
        _position,
        _reason,
        coalesce(_raw, convert_to({rules.as_json(entity)}, 'UTF8'))
    from judged
    where _reason <> ''
)
insert into {INCOMING} ({targets})
select
    {casts}
from judged
where _reason = ''
"""


def reject_typed(entity: Entity) -> str:
    """Copy rows that arrived typed, but break the contract, to the rejected."""
    return f"insert into {REJECTED} (position, reason, raw)\n{_bad_rows(entity, INCOMING)}"


def set_apart(entity: Entity, relation: str) -> str:
    """Where the rows stand that break the contract, in one reading that several workers share."""
    name = APART.removeprefix("pg_temp.")
    rows = _bad_rows(entity, relation, also=", ctid as row_id")
    return f"create temporary table {name} on commit drop as\n{rows}"


REJECT_APART = f"""
insert into {REJECTED} (position, reason, raw)
select position, reason, raw from {APART}
"""


def _bad_rows(entity: Entity, relation: str, also: str = "") -> str:
    return f"""
select
    coalesce({entity.key_sql()}, 'no key') as position,
    concat_ws('; ', {", ".join(rules.typed_reasons(entity))}) as reason,
    convert_to({rules.as_json(entity, typed=True)}, 'UTF8') as raw{also}
from {relation}
where not {rules.is_good(entity)}
"""


def analyze_incoming(entity: Entity) -> str:
    """Statistics of what has arrived, as far as it is compared by them: how many rows, and keys."""
    return f"analyze {INCOMING} ({', '.join(entity.key)})"


def find_losers(entity: Entity, condition: str = "true", relation: str = INCOMING) -> str:
    """Of the rows of one key in this load, all but the latest, whatever the order of arrival."""
    return f"""
with repeated as (
    select {entity.key_sql()} as _key
    from {relation} as incoming
    where {condition}
    group by 1
    having count(*) > 1
),
ranked as (
    select
        incoming.ctid as row_id,
        row_number() over (
            partition by repeated._key
            order by
                {changed_at(entity)} desc nulls last,
                coalesce(_is_deleted, false) desc,
                {_content(entity)} desc,
                incoming.ctid
        ) as place
    from {relation} as incoming
    inner join repeated on repeated._key = {entity.key_sql()}
    where {condition}
)
insert into {LOSERS} (row_id)
select row_id from ranked where place > 1
"""


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
        {_content(entity)} as _content
    from {INCOMING} as incoming
    where not exists (select 1 from {LOSERS} as losers where losers.row_id = incoming.ctid)
),
versions as (
    select
        stored._key,
        stored._changed_at,
        stored._is_deleted,
        {_content(entity)} as _content,
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


def _content(entity: Entity) -> str:
    """The contract columns as one text, by which rows of one key and time are told apart."""
    values = ", ".join(rules.value(column) for column in entity.columns)
    return f"row({values})::text"


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


def changed_at(entity: Entity) -> str:
    """When a row changed, over the columns that a source supplies."""
    return f"coalesce({entity.changed_at}, _changed_at)" if entity.changed_at else "_changed_at"


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
