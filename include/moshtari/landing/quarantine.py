"""Quarantine: records that could not be landed, as received, each with its reason.

One record a bad row: met again, the row moves `last_load_id` of the record it has. What was
discarded or replayed by hand keeps its status.
"""

# ruff: noqa: S608 - names come from the contract, values are parameters

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import psycopg

from moshtari.landing.contract import Entity
from moshtari.landing.statements import REJECTED

# Position and reason are part of a unique index, whose entries are limited to some 2,700 bytes.
_POSITION, _REASON = 160, 400


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


def record(connection: psycopg.Connection, source: str, entity: Entity, load_id: int) -> int:
    """Keep what the load's temporary table of rejected rows holds; returns how many rows it holds.

    Part of the load's transaction. Identical rows at one position are one record, so that more rows
    may be counted here than records are kept.
    """
    row = connection.execute(f"select count(*) from {REJECTED}").fetchone()
    rejected: int = row[0] if row else 0
    if rejected:
        connection.execute(
            f"""
            insert into quarantine.records (
                source, entity, position, reason, raw, content_md5, first_load_id, last_load_id
            )
            select distinct on (left(position, {_POSITION}), md5(raw), left(reason, {_REASON}))
                %(source)s,
                %(entity)s,
                left(position, {_POSITION}),
                left(reason, {_REASON}),
                raw,
                md5(raw)::uuid,
                %(load_id)s::bigint,
                %(load_id)s::bigint
            from {REJECTED}
            on conflict (source, entity, position, content_md5, reason)
            do update set last_load_id = excluded.last_load_id
            """,
            {"source": source, "entity": entity.name, "load_id": load_id},
        )
    return rejected


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
