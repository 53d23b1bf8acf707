"""Pruning: dropping what only old runs could show, apart from publishing."""

from __future__ import annotations

import re
from dataclasses import dataclass

import psycopg
from psycopg import sql

from moshtari.publication.history import forget
from moshtari.publication.marts import PUBLISHED, Mart, attached_to
from moshtari.publication.runs import current_run_id, previous_run_id
from moshtari.settings import Settings
from moshtari.warehouse.connection import connect

_KEEP, _FEWEST = 7, 2


@dataclass(frozen=True)
class PruneReport:
    """Runs given up, tables dropped, and tables left for the next prune because of long readers.

    `history_rows`: rows of histories that no kept run shows, deleted.
    """

    runs: tuple[int, ...]
    dropped: tuple[str, ...]
    waiting: tuple[str, ...]
    history_rows: int = 0


def prune(
    settings: Settings,
    keep: int = _KEEP,
    *,
    marts: tuple[Mart, ...] = PUBLISHED,
    wait_seconds: float = 60.0,
) -> PruneReport:
    """Drop what the store has of all but the last ``keep`` publications. Safe to repeat.

    Never touches the run that readers see, the one to roll back to, the run being built, or the run
    that one builds upon. Detaching waits for readers of the old partition, at most ``wait_seconds``
    a table; what is not done by then, or by a prune that was killed, the next one finishes.
    """
    if keep < _FEWEST:
        raise ValueError(
            f"keep={keep}: keep at least {_FEWEST}, the current run and the one before"
        )
    with connect(settings, role="moshtari_publisher", autocommit=True) as connection:
        connection.execute(
            sql.SQL("set statement_timeout = {}").format(sql.Literal(int(wait_seconds * 1000)))
        )
        given_up = _give_up(connection, marts, keep)
        dropped: list[str] = []
        waiting: list[str] = []
        for mart, table in _tables_of_pruned_runs(connection, marts):
            done = _remove(connection, mart, table)
            (dropped if done else waiting).append(f"store.{table}")
        # Deleting waits for nobody and holds up nobody, however long it takes.
        connection.execute("set statement_timeout = 0")
        deleted = sum(forget(connection, mart) for mart in marts)
    return PruneReport(tuple(given_up), tuple(dropped), tuple(waiting), deleted)


def _give_up(connection: psycopg.Connection, marts: tuple[Mart, ...], keep: int) -> list[int]:
    """Mark the runs to go, so that from now on nobody rolls back to them or builds upon them."""
    with connection.transaction():
        connection.execute("select run_id from ops.fence for update")
        current = current_run_id(connection)
        kept = {current, previous_run_id(connection, current)}
        rows = connection.execute(
            """
            (
                select run_id from ops.runs
                where published_at is not null and pruned_at is null
                order by published_at desc
                limit %s
            )
            union all
            select unnest(array[r.run_id, r.prior_run_id])
            from ops.fence as f
            inner join ops.runs as r on r.run_id = f.run_id
            """,
            [keep],
        )
        kept |= {row[0] for row in rows}
        stored = {run for mart in marts for run in _stored_runs(connection, mart)}
        given_up = connection.execute(
            "update ops.runs set pruned_at = clock_timestamp() "
            "where run_id = any(%s) and pruned_at is null returning run_id",
            [sorted(stored - kept)],
        ).fetchall()
    return sorted(row[0] for row in given_up)


def _stored_runs(connection: psycopg.Connection, mart: Mart) -> dict[int, str]:
    """Runs that have a table of this mart in the store, attached or not."""
    rows = connection.execute(
        """
        select relname from pg_class
        where relnamespace = 'store'::regnamespace and relkind = 'r' and relname like %s
        """,
        [f"{mart.table}\\_r%"],
    )
    named = re.compile(rf"{re.escape(mart.table)}_r(\d+)")
    return {int(match[1]): name for (name,) in rows if (match := named.fullmatch(name))}


def _tables_of_pruned_runs(
    connection: psycopg.Connection, marts: tuple[Mart, ...]
) -> list[tuple[Mart, str]]:
    rows = connection.execute("select run_id from ops.runs where pruned_at is not null")
    pruned = {row[0] for row in rows}
    return [
        (mart, table)
        for mart in marts
        for run, table in sorted(_stored_runs(connection, mart).items())
        if run in pruned
    ]


def _remove(connection: psycopg.Connection, mart: Mart, table: str) -> bool:
    """Detach one partition without holding up readers, and drop it; False if readers take long."""
    partition = sql.Identifier("store", table)
    try:
        for name, pending in attached_to(connection, mart).items():
            # A parent bears one half-done detachment at a time, so an old one is ended first.
            if pending:
                _detach(connection, mart, name, "finalize")
        if table in attached_to(connection, mart):
            _detach(connection, mart, table, "concurrently")
        connection.execute(sql.SQL("drop table if exists {}").format(partition))
    except (psycopg.errors.QueryCanceled, psycopg.errors.DeadlockDetected):
        return False
    return True


def _detach(connection: psycopg.Connection, mart: Mart, table: str, how: str) -> None:
    connection.execute(
        sql.SQL("alter table {} detach partition {} {}").format(
            mart.parent, sql.Identifier("store", table), sql.SQL(how)
        )
    )
