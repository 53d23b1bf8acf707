"""Columns of a source that come, go or change their type, as landing deals with them.

What a source has is kept in `ops.source_columns`. What it has when it is first looked at is known;
a column that comes later is new, and its values are kept with the rows (`_extra`) until the mapping
uses it or somebody accepts it. A column of another type is read on and told: values that do not
fit go to quarantine row by row. A column that the mapping uses and the source has no more is the
reader's to tell: it cannot be read.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg
from psycopg import sql

from moshtari.landing.contract import Entity
from moshtari.landing.errors import LandingError
from moshtari.landing.statements import INCOMING
from moshtari.sources.base import SourceColumn

logger = logging.getLogger(__name__)

NEW = "new_columns"
CHANGED = "changed_types"
EMPTY = "empty_columns"
SUDDENLY_EMPTY = "suddenly_empty"
# Fewer rows may all be empty by chance; and what is usual shows in some loads only.
_ROWS_THAT_SAY = 30
_LOADS_THAT_SAY = 4
_LOADS_LOOKED_AT = 14


@dataclass(frozen=True)
class Drift:
    """What differs from what is known of a source's columns: names and types, no values."""

    new: tuple[str, ...] = ()
    changed: dict[str, str] = field(default_factory=dict)

    def details(self) -> dict[str, Any]:
        """For the ledger."""
        told: dict[str, Any] = {NEW: list(self.new)} if self.new else {}
        return told | ({CHANGED: self.changed} if self.changed else {})


@dataclass(frozen=True)
class Pending:
    """A column that nobody has accepted: a new one, or one whose type has changed."""

    source: str
    entity: str
    column: str
    type: str
    former_type: str | None
    since: date

    def __str__(self) -> str:
        place = f"{self.source}.{self.entity}: {self.column}"
        if self.former_type is not None:
            return f"{place} was {self.former_type} and is {self.type}"
        return f"{place}{f' ({self.type})' if self.type else ''} is new since {self.since}"


def new_columns(connection: psycopg.Connection, source: str, entity: str) -> tuple[str, ...]:
    """Columns of which nobody has said that they are known."""
    rows = connection.execute(
        """
        select column_name from ops.source_columns
        where source = %s and entity = %s and accepted_at is null and former_type is null
        order by column_name
        """,
        [source, entity],
    )
    return tuple(row[0] for row in rows)


def note(
    connection: psycopg.Connection,
    source: str,
    entity: str,
    day: date,
    columns: Sequence[SourceColumn],
) -> Drift:
    """Write down what a source has now, within the load's transaction; what differs comes back."""
    if not columns:
        return Drift()
    names = [column.name for column in columns]
    known = connection.execute(
        "select exists (select from ops.source_columns where source = %s and entity = %s)",
        [source, entity],
    ).fetchone()
    values = {
        "source": source,
        "entity": entity,
        "day": day,
        "first_look": known is not None and not known[0],
        "names": names,
        "types": [column.type for column in columns],
        "used": [column.used for column in columns],
    }
    connection.execute(_NOTE, values)
    drift = Drift(
        tuple(name for name in new_columns(connection, source, entity) if name in names),
        {
            column: f"{former} -> {now}"
            for column, former, now in connection.execute(_CHANGED_TYPES, values)
        },
    )
    if drift.new:
        logger.warning(
            "%s.%s: new at the source, kept in _extra: %s. Map them, or: moshtari schema accept %s",
            source,
            entity,
            ", ".join(drift.new),
            f"{source} {entity}",
        )
    for column, change in drift.changed.items():
        logger.warning("%s.%s: the type of %s has changed: %s", source, entity, column, change)
    return drift


# A column that the mapping uses needs no acceptance: somebody has put it there.
_NOTE = """
insert into ops.source_columns as known (
    source, entity, column_name, type, is_used, first_seen, last_seen, accepted_at
)
select
    %(source)s, %(entity)s, found.name, found.type, found.used, %(day)s, %(day)s,
    case when %(first_look)s or found.used then clock_timestamp() end
from unnest(%(names)s::text[], %(types)s::text[], %(used)s::boolean[]) as found (name, type, used)
on conflict (source, entity, column_name) do update
set
    type = excluded.type,
    is_used = excluded.is_used,
    last_seen = greatest(known.last_seen, excluded.last_seen),
    former_type = case
        when
            not excluded.is_used
            or coalesce(known.former_type, known.type) in ('', excluded.type)
            or excluded.type = ''
            then null
        when known.is_used then coalesce(known.former_type, known.type)
    end,
    accepted_at = case
        when not excluded.is_used and known.former_type is null then known.accepted_at
        when
            not excluded.is_used
            or not known.is_used
            or coalesce(known.former_type, known.type) in ('', excluded.type)
            or excluded.type = ''
            then coalesce(known.accepted_at, clock_timestamp())
        when known.type = excluded.type then known.accepted_at
    end
"""

_CHANGED_TYPES = """
select column_name, former_type, type
from ops.source_columns
where
    source = %(source)s and entity = %(entity)s and former_type is not null
    and accepted_at is null and column_name = any(%(names)s)
order by column_name
"""


def look_for_empty(
    connection: psycopg.Connection,
    source: str,
    entity: Entity,
    supplied: Collection[str],
    is_file: bool,
) -> dict[str, Any]:
    """Which supplied columns are null in every row of a load, and which of them never were before.

    For the ledger; nothing where the load has too few rows to say.
    """
    names = [name for name in entity.column_names if name in supplied]
    if not names:
        return {}
    counts = sql.SQL(", ").join(sql.SQL("count({})").format(sql.Identifier(n)) for n in names)
    query = sql.SQL("select count(*), {} from {} where _is_deleted is not true").format(
        counts, sql.SQL(INCOMING)
    )
    row = connection.execute(query).fetchone()
    if row is None or row[0] < _ROWS_THAT_SAY:
        return {}
    empty = [name for name, count in zip(names, row[1:], strict=True) if count == 0]
    if not empty:
        return {EMPTY: []}
    earlier = connection.execute(
        """
        select details -> 'empty_columns'
        from ops.loads
        where
            source = %s
            and entity = %s
            and status = 'landed'
            and (origin is not null) = %s
            and details ? 'empty_columns'
        order by load_id desc
        limit %s
        """,
        [source, entity.name, is_file, _LOADS_LOOKED_AT],
    ).fetchall()
    suddenly = [name for name in empty if not any(name in row[0] for row in earlier)]
    if len(earlier) < _LOADS_THAT_SAY or not suddenly:
        return {EMPTY: empty}
    logger.warning(
        "%s.%s: empty in every row, which they never were: %s",
        source,
        entity.name,
        ", ".join(suddenly),
    )
    return {EMPTY: empty, SUDDENLY_EMPTY: suddenly}


def pending(connection: psycopg.Connection) -> list[Pending]:
    """Everything that nobody has accepted yet."""
    rows = connection.execute(
        """
        select source, entity, column_name, type, former_type, first_seen
        from ops.source_columns
        where accepted_at is null
        order by source, entity, column_name
        """
    )
    return [Pending(*row) for row in rows]


def accept(connection: psycopg.Connection, source: str, entity: str | None) -> list[Pending]:
    """Say that a source's columns are known, all or those of one entity; commits.

    Raises LandingError when there is nothing to accept.
    """
    found = [
        item
        for item in pending(connection)
        if item.source == source and entity in (None, item.entity)
    ]
    if not found:
        raise LandingError(
            source,
            entity or "any entity",
            "no column is new or of another type",
            "`moshtari schema list` shows those that are",
        )
    connection.execute(
        """
        update ops.source_columns
        set accepted_at = clock_timestamp(), former_type = null
        where source = %s and entity = any(%s) and column_name = any(%s) and accepted_at is null
        """,
        [source, [item.entity for item in found], [item.column for item in found]],
    )
    connection.commit()
    return found
