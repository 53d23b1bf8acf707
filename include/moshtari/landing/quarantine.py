"""Quarantine: records that could not be landed, as received, each with its reason.

One record a bad row: met again, the row moves `last_load_id` of the record it has, and brings its
present reason. What was discarded stays so; what was replayed is open again. Deciding about records
is `quarantine_review`, landing them after all `replay`.
"""

# ruff: noqa: S608 - names come from the contract, values are parameters

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg

from moshtari.landing.contract import Entity
from moshtari.landing.statements import REJECTED
from moshtari.sources.base import Recall

# Position is part of a unique index, whose entries are limited to some 2,700 bytes.
REASON_LENGTH = 400
# The beginning of a long position says where, its end which line.
_POSITION = """
    case
        when length(position) <= 160 then position
        else left(position, 79) || '…' || right(position, 80)
    end
"""
_RECALLED_AT_ONCE = 50_000


@dataclass(frozen=True)
class QuarantinedRecord:
    """One rejected record; `raw` may hold personal data, the rest does not beyond keys."""

    quarantine_id: int
    source: str
    entity: str
    position: str
    reason: str
    raw: bytes
    first_load_id: int
    last_load_id: int
    status: str


@dataclass(frozen=True)
class QuarantineCount:
    """Records first met on one business day, by source, entity and status."""

    source: str
    entity: str
    business_date: date
    status: str
    records: int


@dataclass(frozen=True)
class Selection:
    """Which records are meant: all that meet every condition given.

    `ids` empty is any; `reason` is a part of it; `day` is the business day of the load that
    received the record last.
    """

    ids: Sequence[int] = ()
    source: str | None = None
    entity: str | None = None
    reason: str | None = None
    day: date | None = None
    values: dict[str, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        values = {
            "ids": list(self.ids) or None,
            "only_source": self.source,
            "only_entity": self.entity,
            "in_reason": self.reason,
            "day": self.day,
        }
        object.__setattr__(self, "values", values)

    # Over quarantine.records as records and the loads that received them last as loads.
    condition = """
        (%(ids)s::bigint[] is null or records.quarantine_id = any(%(ids)s::bigint[]))
        and (%(only_source)s::text is null or records.source = %(only_source)s::text)
        and (%(only_entity)s::text is null or records.entity = %(only_entity)s::text)
        and (%(in_reason)s::text is null or strpos(records.reason, %(in_reason)s::text) > 0)
        and (%(day)s::date is null or loads.business_date = %(day)s::date)
    """


def count_rejected(connection: psycopg.Connection) -> int:
    """How many rows the load's temporary table of rejected rows holds."""
    row = connection.execute(f"select count(*) from {REJECTED}").fetchone()
    return row[0] if row else 0


def record(connection: psycopg.Connection, source: str, entity: Entity, load_id: int) -> int:
    """Keep what the load's temporary table of rejected rows holds; returns how many rows it holds.

    Part of the load's transaction. Identical rows at one position are one record, so that more rows
    may be counted here than records are kept.
    """
    rejected = count_rejected(connection)
    if rejected:
        connection.execute(
            f"""
            with rejected as (
                select
                    {_POSITION} as position,
                    left(reason, {REASON_LENGTH}) as reason,
                    raw,
                    md5(raw)::uuid as content_md5
                from {REJECTED}
            )
            insert into quarantine.records as records (
                source, entity, position, reason, raw, content_md5, first_load_id, last_load_id
            )
            select distinct on (position, content_md5)
                %(source)s,
                %(entity)s,
                position,
                reason,
                raw,
                content_md5,
                %(load_id)s::bigint,
                %(load_id)s::bigint
            from rejected
            order by position, content_md5, reason
            on conflict (source, entity, position, content_md5)
            do update set
                last_load_id = excluded.last_load_id,
                reason = excluded.reason,
                status = case when records.status = 'replayed' then 'open' else records.status end
            """,
            {"source": source, "entity": entity.name, "load_id": load_id},
        )
    return rejected


def recall(connection: psycopg.Connection, find: Recall) -> None:
    """Put the records as received in the place of rejected rows' columns, where they are found."""
    rows = connection.execute(f"select distinct position from {REJECTED} order by 1").fetchall()
    positions = [row[0] for row in rows]
    if not positions:
        return
    connection.execute(
        "create temporary table if not exists recalled (position text, raw bytea) on commit drop"
    )
    for at in range(0, len(positions), _RECALLED_AT_ONCE):
        with (
            connection.cursor() as cursor,
            cursor.copy("copy pg_temp.recalled (position, raw) from stdin") as copy,
        ):
            for found in find(positions[at : at + _RECALLED_AT_ONCE]):
                copy.write_row(found)
    connection.execute(
        f"""
        update {REJECTED} as rejected
        set raw = recalled.raw
        from pg_temp.recalled as recalled
        where rejected.position = recalled.position
        """
    )


def records(
    connection: psycopg.Connection,
    source: str | None = None,
    entity: str | None = None,
    *,
    status: str | None = "open",
    limit: int = 100,
) -> list[QuarantinedRecord]:
    """The newest records first; None takes all sources, entities or statuses."""
    rows = connection.execute(
        """
        select
            quarantine_id, source, entity, position, reason, raw,
            first_load_id, last_load_id, status
        from quarantine.records
        where
            (%(source)s::text is null or source = %(source)s)
            and (%(entity)s::text is null or entity = %(entity)s)
            and (%(status)s::text is null or status = %(status)s)
        order by quarantine_id desc
        limit %(limit)s
        """,
        {"source": source, "entity": entity, "status": status, "limit": limit},
    )
    return [QuarantinedRecord(*row) for row in rows]


def counts(
    connection: psycopg.Connection, first: date | None = None, last: date | None = None
) -> list[QuarantineCount]:
    """Records by source, entity, the business day they were first met on, and status."""
    rows = connection.execute(
        """
        select
            records.source, records.entity, loads.business_date, records.status, count(*)
        from quarantine.records as records
        inner join ops.loads as loads on records.first_load_id = loads.load_id
        where
            loads.business_date >= coalesce(%s::date, '-infinity')
            and loads.business_date <= coalesce(%s::date, 'infinity')
        group by 1, 2, 3, 4
        order by 1, 2, 3, 4
        """,
        [first, last],
    )
    return [QuarantineCount(*row) for row in rows]
