"""The load ledger, `ops.loads`: one row for each attempt, whatever becomes of it.

A row is committed as 'running' before anything is read. It turns 'landed' in the transaction that
brings the rows, so that the two are never apart, and 'failed' in one of its own. While an attempt
lives, its session holds an advisory lock named after its row: by it the next attempt knows the dead
from those that wait.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from moshtari.landing.contract import Entity
from moshtari.landing.windows import Coverage, LoadPlan
from moshtari.sources.base import Origin

_ATTEMPT = "hashtextextended('moshtari.load/' || %s::bigint::text, 0)"
SERIES = "hashtextextended('moshtari.landing/' || %s || '/' || %s, 0)"


# Says of a file's row that another run had landed the file in the meantime.
ALREADY_LANDED = "already_landed"
# Says of a load how many records of quarantine it landed: it read nothing of its source's day.
REPLAYED = "replayed"
# Says that a load compared keys and read no window of changes.
RECONCILED = "reconciled"
# The number of a part of a day's load, and in the day's own row the rows that all parts read.
PART = "part"
ROWS_IN_PARTS = "rows_in_parts"
# The load that had received them, whose place in time their rows take.
OF_LOAD = "of_load"
# Unless this stands beside it: then they were read again, and are as new as the replay.
READ_ANEW = "read_anew"


@dataclass
class Counts:
    """Rows of one load; `read = landed + unchanged + quarantined` (a database constraint)."""

    read: int = 0
    landed: int = 0
    unchanged: int = 0
    quarantined: int = 0
    details: dict[str, Any] = field(default_factory=dict)


def begin(
    connection: psycopg.Connection,
    source: str,
    entity: Entity,
    business_date: date,
    *,
    dag_run: str = "",
    origin: Origin | None = None,
    details: dict[str, Any] | None = None,
) -> int:
    """Write and commit the attempt's row; returns its load_id. Ends the open transaction."""
    path, size, checksum = (origin.path, origin.size, origin.checksum) if origin else (None,) * 3
    row = connection.execute(
        """
        insert into ops.loads (
            source, entity, family, business_date, dag_run, status, backend_pid,
            origin, origin_size, origin_checksum, details
        )
        values (%s, %s, %s, %s, %s, 'running', pg_backend_pid(), %s, %s, %s, %s)
        returning load_id
        """,
        [
            source,
            entity.name,
            entity.family,
            business_date,
            dag_run,
            path,
            size,
            checksum,
            Jsonb(details or {}),
        ],
    ).fetchone()
    assert row is not None
    load_id: int = row[0]
    # Taken before the row can be seen, and kept until the session ends or lets go of it.
    connection.execute(f"select pg_advisory_lock({_ATTEMPT})", [load_id])
    connection.commit()
    return load_id


def take_turn(connection: psycopg.Connection, source: str, entity: Entity) -> bool:
    """Wait until no other transaction loads this (source, entity); hold the turn to the end.

    Returns whether there was anything to wait for.
    """
    series = [source, entity.name]
    row = connection.execute(f"select pg_try_advisory_xact_lock({SERIES})", series).fetchone()
    if row is not None and row[0]:
        return False
    connection.execute(f"select pg_advisory_xact_lock({SERIES})", series)
    return True


def is_overtaken(connection: psycopg.Connection, source: str, entity: Entity, load_id: int) -> bool:
    """Whether an attempt that began after this one has already landed."""
    row = connection.execute(
        """
        select exists (
            select 1
            from ops.loads
            where source = %s and entity = %s and status = 'landed' and load_id > %s
        )
        """,
        [source, entity.name, load_id],
    ).fetchone()
    return row is not None and bool(row[0])


def fail_dead_attempts(
    connection: psycopg.Connection, source: str, entity: Entity, load_id: int
) -> int:
    """Mark as failed the 'running' rows whose sessions are gone; returns how many there were."""
    return connection.execute(
        """
        update ops.loads
        set
            status = 'failed',
            error = 'the process ended before the load did',
            finished_at = clock_timestamp()
        where
            source = %s
            and entity = %s
            and status = 'running'
            and load_id <> %s
            and pg_try_advisory_xact_lock(
                hashtextextended('moshtari.load/' || load_id::text, 0)
            )
        """,
        [source, entity.name, load_id],
    ).rowcount


def coverage(
    connection: psycopg.Connection, source: str, entity: Entity, business_date: date
) -> Coverage:
    """What earlier loads covered, for a load of `business_date`.

    Loads of single files do not count: a file source's day is covered when all files are in, which
    it notes by a row without an origin. Nor do single parts, whose day has a row of its own when
    all are in, nor replays.
    """
    row = connection.execute(
        """
        select
            max(business_date),
            max(business_date) filter (
                where coalesce((details ->> %(in_parts)s)::bigint, read_rows) > 0
            ),
            min(covers_from) filter (where business_date = %(day)s),
            coalesce(
                bool_or(
                    business_date = %(day)s
                    and covers_from is null
                    and coalesce((details ->> %(in_parts)s)::bigint, read_rows) > 0
                ),
                false
            ),
            (
                array_agg(details ->> 'mark' order by business_date desc, load_id desc)
                filter (where business_date < %(day)s and details ? 'mark')
            )[1]
        from ops.loads
        where
            source = %(source)s
            and entity = %(entity)s
            and status = 'landed'
            and origin is null
            and not details ?| %(no_windows)s
        """,
        {
            "source": source,
            "entity": entity.name,
            "day": business_date,
            "no_windows": [REPLAYED, RECONCILED, PART],
            "in_parts": ROWS_IN_PARTS,
        },
    ).fetchone()
    return Coverage(*row) if row is not None else Coverage()


def landed_origin(
    connection: psycopg.Connection, source: str, entity: Entity, path: str
) -> tuple[str, int] | None:
    """Checksum and rows read of a file when it was last landed; None where it never was."""
    return connection.execute(
        """
        select origin_checksum, read_rows
        from ops.loads
        where
            source = %s
            and entity = %s
            and origin = %s
            and status = 'landed'
            and not details ?| %s
        order by load_id desc
        limit 1
        """,
        [source, entity.name, path, [ALREADY_LANDED, REPLAYED]],
    ).fetchone()


def shares_rows(connection: psycopg.Connection, source: str, entity: Entity, path: str) -> bool:
    """Whether another file was landed with rows that were there already from elsewhere."""
    row = connection.execute(
        """
        select exists (
            select 1
            from ops.loads
            where
                source = %s
                and entity = %s
                and origin <> %s
                and status = 'landed'
                and details ? 'known_from_other_files'
        )
        """,
        [source, entity.name, path],
    ).fetchone()
    return row is not None and bool(row[0])


def finish(connection: psycopg.Connection, load_id: int, plan: LoadPlan, counts: Counts) -> None:
    """Turn the attempt's row to 'landed', within the transaction that brings the rows."""
    connection.execute(
        """
        update ops.loads
        set
            status = 'landed',
            window_start = %s,
            window_end = %s,
            covers_from = %s,
            read_rows = %s,
            landed_rows = %s,
            unchanged_rows = %s,
            quarantined_rows = %s,
            details = %s,
            finished_at = clock_timestamp()
        where load_id = %s
        """,
        [
            plan.window.start,
            plan.window.end,
            plan.covers_from,
            counts.read,
            counts.landed,
            counts.unchanged,
            counts.quarantined,
            Jsonb(counts.details),
            load_id,
        ],
    )


def let_go(connection: psycopg.Connection, load_id: int) -> None:
    """Give up the lock that says that the attempt lives, and commit."""
    connection.execute(f"select pg_advisory_unlock({_ATTEMPT})", [load_id])
    connection.commit()


def fail(
    connection: psycopg.Connection,
    load_id: int,
    error: str,
    *,
    held: tuple[int, int] | None = None,
) -> None:
    """Turn the attempt's row to 'failed', or 'held' with the rows it had read and would have put
    into quarantine; commits.

    A row that has ended otherwise stays as it is.
    """
    connection.execute(
        """
        update ops.loads
        set
            status = %s,
            error = %s,
            read_rows = %s,
            quarantined_rows = %s,
            finished_at = clock_timestamp()
        where load_id = %s and status = 'running'
        """,
        ["held" if held else "failed", error[:2000], *(held or (0, 0)), load_id],
    )
    connection.commit()
