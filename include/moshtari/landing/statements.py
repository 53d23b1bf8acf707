"""The SQL of what arrives, written from the contract: no data is in it, only names and types.

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


def insert_left_out(entity: Entity) -> str:
    """Take rows, given as a JSON array of objects, to the typed rows."""
    names = ", ".join(column.name for column in entity.columns + _SYSTEM)
    rows = f"json_populate_recordset(null::{INCOMING}, %s::json)"
    return f"insert into {INCOMING} ({names}) select {names} from {rows}"


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
                {content(entity)} desc,
                incoming.ctid
        ) as place
    from {relation} as incoming
    inner join repeated on repeated._key = {entity.key_sql()}
    where {condition}
)
insert into {LOSERS} (row_id)
select row_id from ranked where place > 1
"""


def content(entity: Entity) -> str:
    """The contract columns as one text, by which rows of one key and time are told apart."""
    values = ", ".join(rules.value(column) for column in entity.columns)
    return f"row({values})::text"


def changed_at(entity: Entity) -> str:
    """When a row changed, over the columns that a source supplies."""
    return f"coalesce({entity.changed_at}, _changed_at)" if entity.changed_at else "_changed_at"
