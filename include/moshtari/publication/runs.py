"""Runs: who is building, who was published, and the fence that keeps a zombie out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from moshtari.publication.errors import FencedError
from moshtari.settings import Settings
from moshtari.warehouse.connection import connect

_PUBLISHER = "moshtari_publisher"
_LAST_ATTEMPTS = 10
_RUN_INFO = sql.SQL(
    """
    select
        r.run_id, r.as_of_date, r.dag_run, r.status, r.started_at, r.audited_at,
        r.published_at, r.prior_run_id, r.verdict, r.row_counts, r.error,
        r.published_at is not null and r.pruned_at is null as in_store,
        r.on_line, r.line_position
    from ops.runs as r
    """
)
_ONE_RUN = sql.SQL("where r.run_id = %(run)s")
_LOCKED_RUN = sql.SQL("where r.run_id = %(run)s for update of r")
_FENCE = {
    "share": "select run_id from ops.fence for share",
    "update": "select run_id from ops.fence for update",
}


@dataclass(frozen=True)
class Run:
    """A run that has begun. `prior_run_id` is the last published run of an earlier day, if any.

    `on_line`: its day is no older than the one readers see, so its histories go on the line.
    """

    run_id: int
    as_of_date: date
    prior_run_id: int | None
    on_line: bool = True


@dataclass(frozen=True)
class RunInfo:
    """One row of ops.runs. `in_store`: whether its marts are still there to be pointed at."""

    run_id: int
    as_of_date: date
    dag_run: str
    status: str
    started_at: datetime
    audited_at: datetime | None
    published_at: datetime | None
    prior_run_id: int | None
    verdict: dict[str, Any] | None
    row_counts: dict[str, int] | None
    error: str | None
    in_store: bool
    on_line: bool
    line_position: int | None


@dataclass(frozen=True)
class Status:
    """What is published now, what `rollback` would lead to, and the last attempts, newest first."""

    current: RunInfo | None
    previous: RunInfo | None
    attempts: tuple[RunInfo, ...]


def begin_run(settings: Settings, as_of_date: date, dag_run: str = "") -> Run:
    """Begin a run for one business day and move the fence to it.

    Unfinished runs before it become `superseded`: whatever their processes still do, they can no
    longer publish.
    """
    with connect(settings, role=_PUBLISHER) as connection:
        # The lock makes the order of run ids the order of the fence.
        connection.execute("select run_id from ops.fence for update")
        row = connection.execute(
            """
            insert into ops.runs (as_of_date, dag_run, prior_run_id, on_line)
            select
                %(day)s,
                %(dag_run)s,
                (
                    select run_id from ops.runs
                    where status = 'published' and pruned_at is null and as_of_date < %(day)s
                    order by as_of_date desc, run_id desc
                    limit 1
                ),
                coalesce((select as_of_date from store.pointer) <= %(day)s, true)
            returning run_id, as_of_date, prior_run_id, on_line
            """,
            {"day": as_of_date, "dag_run": dag_run},
        ).fetchone()
        assert row is not None
        run = Run(*row)
        connection.execute("update ops.fence set run_id = %s", [run.run_id])
        connection.execute(
            """
            update ops.runs set status = 'superseded', finished_at = clock_timestamp()
            where status = 'building' and run_id < %s
            """,
            [run.run_id],
        )
    return run


def fail_run(settings: Settings, run_id: int, error: str) -> None:
    """Note that a run failed with ``error``; a run that was published or refused stays so."""
    with connect(settings, role=_PUBLISHER) as connection:
        connection.execute(
            """
            update ops.runs set status = 'failed', error = %s, finished_at = clock_timestamp()
            where run_id = %s and status = 'building'
            """,
            [error, run_id],
        )


def status(settings: Settings, attempts: int = _LAST_ATTEMPTS) -> Status:
    """What is published, what came before it, and the last ``attempts`` runs."""
    with connect(settings, role=_PUBLISHER) as connection:
        current = current_run_id(connection)
        previous = previous_run_id(connection, current)
        rows = _run_infos(
            connection,
            sql.SQL(
                "where run_id = any(%(named)s) or run_id in "
                "(select run_id from ops.runs order by run_id desc limit %(attempts)s) "
                "order by run_id desc"
            ),
            {"named": [run for run in (current, previous) if run], "attempts": attempts},
        )
    by_id = {row.run_id: row for row in rows}
    return Status(
        current=by_id.get(current) if current else None,
        previous=by_id.get(previous) if previous else None,
        attempts=tuple(rows[:attempts]),
    )


def published_run(settings: Settings, as_of_date: date) -> int | None:
    """The last run published for a business day, whether it is shown or not; none if none was."""
    with connect(settings, role=_PUBLISHER) as connection:
        row = connection.execute(
            "select max(run_id) from ops.runs where as_of_date = %s and status = 'published'",
            [as_of_date],
        ).fetchone()
    return row[0] if row else None


def run_info(connection: psycopg.Connection, run_id: int, *, lock: bool = False) -> RunInfo | None:
    """One run, optionally with its row locked for update until the transaction ends."""
    suffix = _LOCKED_RUN if lock else _ONE_RUN
    rows = _run_infos(connection, suffix, {"run": run_id})
    return rows[0] if rows else None


def _run_infos(
    connection: psycopg.Connection, suffix: sql.SQL, params: dict[str, object]
) -> list[RunInfo]:
    with connection.cursor(row_factory=class_row(RunInfo)) as cursor:
        return cursor.execute(sql.SQL(" ").join([_RUN_INFO, suffix]), params).fetchall()


def current_run_id(connection: psycopg.Connection) -> int | None:
    """The run that readers see, or none before the first publication."""
    row = connection.execute("select run_id from store.pointer").fetchone()
    return row[0] if row else None


def previous_run_id(connection: psycopg.Connection, current: int | None) -> int | None:
    """The run to roll back to: the last one readers saw before ``current`` that is still there."""
    if current is None:
        return None
    row = connection.execute(
        """
        select r.run_id
        from ops.runs as r
        where r.status = 'published' and r.pruned_at is null
            and r.published_at < (select published_at from ops.runs where run_id = %(current)s)
            and exists (select from ops.publications as p where p.run_id = r.run_id)
        order by r.published_at desc
        limit 1
        """,
        {"current": current},
    ).fetchone()
    return row[0] if row else None


def hold_fence(
    connection: psycopg.Connection, run_id: int, *, strength: Literal["share", "update"]
) -> None:
    """Lock the fence until the transaction ends. Raises FencedError when it has moved on."""
    row = connection.execute(_FENCE[strength]).fetchone()
    newest = row[0] if row else None
    if newest != run_id:
        raise FencedError(run_id, newest)
