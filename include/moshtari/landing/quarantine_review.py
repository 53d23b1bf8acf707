"""What people see of quarantine, and what they decide about its records.

Figures, reasons and ids hold no personal data; a position may hold a key, and the record itself
anything. Both are shown one record at a time.
"""

# ruff: noqa: S608 - the conditions are this package's own, values are parameters

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from moshtari.landing.quarantine import Selection

# Ids told of a group, the newest first: enough to look at some, and to act on a few.
_IDS_TOLD = 20
_LOADS = "inner join ops.loads as loads on records.last_load_id = loads.load_id"


class QuarantineError(Exception):
    """What was asked of quarantine cannot be done. The message says why, and what to do."""


@dataclass(frozen=True)
class Group:
    """Records alike; `business_date` is that of the load that received them last."""

    source: str
    entity: str
    status: str
    business_date: date
    reason: str
    records: int
    ids: list[int]


@dataclass(frozen=True)
class Kept:
    """One record and what is known of it; `raw` may hold personal data."""

    quarantine_id: int
    source: str
    entity: str
    status: str
    reason: str
    position: str
    raw: bytes
    origin: str | None
    first_load_id: int
    first_day: date
    last_load_id: int
    last_day: date
    replay_load_id: int | None
    decided_by: str | None
    decided_because: str | None
    decided_at: datetime | None


def groups(
    connection: psycopg.Connection, selection: Selection, status: str | None = "open"
) -> list[Group]:
    """The records selected, by source, entity, status, day and reason; None: of every status."""
    with connection.cursor(row_factory=class_row(Group)) as cursor:
        return cursor.execute(
            f"""
            select
                records.source,
                records.entity,
                records.status,
                loads.business_date,
                records.reason,
                count(*) as records,
                (array_agg(records.quarantine_id order by records.quarantine_id desc))[:{_IDS_TOLD}]
                as ids
            from quarantine.records as records
            {_LOADS}
            where
                {selection.condition}
                and (%(status)s::text is null or records.status = %(status)s)
            group by 1, 2, 3, 4, 5
            order by 1, 2, 4 desc, 3, 6 desc, 5
            """.encode(),
            {**selection.values, "status": status},
        ).fetchall()


def kept(connection: psycopg.Connection, quarantine_id: int) -> Kept:
    """One record. Raises QuarantineError when there is none of that id."""
    with connection.cursor(row_factory=class_row(Kept)) as cursor:
        row = cursor.execute(
            """
            select
                records.quarantine_id, records.source, records.entity, records.status,
                records.reason, records.position, records.raw, received.origin,
                records.first_load_id, met.business_date as first_day,
                records.last_load_id, received.business_date as last_day,
                records.replay_load_id,
                records.decided_by, records.decided_because, records.decided_at
            from quarantine.records as records
            inner join ops.loads as met on records.first_load_id = met.load_id
            inner join ops.loads as received on records.last_load_id = received.load_id
            where records.quarantine_id = %s
            """,
            [quarantine_id],
        ).fetchone()
    if row is None:
        raise _unknown([quarantine_id])
    return row


def statuses(connection: psycopg.Connection, ids: tuple[int, ...]) -> dict[int, str]:
    """The status of each of these records. Raises QuarantineError where there is no such record."""
    rows: list[Any] = connection.execute(
        "select quarantine_id, status from quarantine.records where quarantine_id = any(%s)",
        [list(ids)],
    ).fetchall()
    found: dict[int, str] = dict(rows)
    missing = sorted(set(ids) - found.keys())
    if missing:
        raise _unknown(missing)
    return found


def discard(connection: psycopg.Connection, selection: Selection, *, by: str, because: str) -> int:
    """Set open records aside for good; returns how many were open. Commits.

    Raises QuarantineError where `because` says nothing, or an id is unknown.
    """
    if not because.strip():
        raise QuarantineError("say why the records are discarded: it is kept beside them")
    if selection.ids:
        statuses(connection, tuple(selection.ids))
    return _decide(
        connection,
        selection,
        """
        set status = 'discarded', decided_by = %(by)s, decided_because = %(because)s,
            decided_at = clock_timestamp()
        """,
        {"was": "open", "by": by, "because": because.strip()},
    )


def reopen(connection: psycopg.Connection, selection: Selection) -> int:
    """Take discarding back; returns how many records were discarded. Commits.

    Who had discarded them, and why, stays beside them.
    """
    if selection.ids:
        statuses(connection, tuple(selection.ids))
    return _decide(connection, selection, "set status = 'open'", {"was": "discarded"})


def _decide(
    connection: psycopg.Connection, selection: Selection, change: str, values: dict[str, Any]
) -> int:
    changed = connection.execute(
        f"""
        update quarantine.records as records
        {change}
        from ops.loads as loads
        where
            records.last_load_id = loads.load_id
            and records.status = %(was)s
            and {selection.condition}
        """.encode(),
        {**selection.values, **values},
    ).rowcount
    connection.commit()
    return changed


def _unknown(ids: list[int]) -> QuarantineError:
    told = ", ".join(map(str, ids))
    return QuarantineError(f"quarantine has no record {told}; `moshtari quarantine list` shows ids")
