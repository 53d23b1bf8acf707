"""The line: rows of a mart that stay as they are from night to night are kept once.

``store.<mart>_history`` holds each row with the positions between which it is true: from the run
that brought it, up to the one that took it back. A publication replaces the rows of the keys in its
scope, starting from what its *prior* run shows; what a run between them (the same day's first
attempt, a run rolled back, one that was killed) had changed is put back. Rows of a position that no
pointer names are seen by nobody, so all of this comes before the flip, in a transaction a mart.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from moshtari.publication.errors import (
    CandidateShapeError,
    HistoryIncompleteError,
    PublicationError,
    WrongRunError,
)
from moshtari.publication.line import OPEN, HistoryWrite, found, replace
from moshtari.publication.marts import Column, Mart, columns_of
from moshtari.publication.readers import patiently
from moshtari.publication.runs import RunInfo, hold_fence, run_info

RUN_COLUMNS = ("run_id", "as_of_date")
_POSITIONS = ("from_position", "to_position")
# Statistics go stale when a tenth of the rows is new; autovacuum would come to it too late.
_WORTH_ANALYZING = 0.1


def is_written(connection: psycopg.Connection, mart: Mart, run: RunInfo) -> bool:
    """Whether this run's history of the mart is in the store already (or has none to be there)."""
    if mart.scope is None or not run.on_line:
        return True
    row = connection.execute(
        "select position from ops.line_marts where mart = %s", [mart.table]
    ).fetchone()
    return row is not None and row[0] == run.line_position


def prepare_history(
    connection: psycopg.Connection, mart: Mart, run_id: int, seconds: float
) -> None:
    """Add to ``store.<mart>_history`` the columns that are new. Raises CandidateShapeError."""
    offered = columns_of(connection, "candidate", mart.history_table)
    if mart.scope is None or not offered:
        return
    partition = columns_of(connection, "candidate", mart.table) or columns_of(
        connection, "store", mart.partition_name(run_id)
    )
    kept = columns_of(connection, "store", mart.history_table)
    new = _new_columns(mart, partition, offered, kept)
    if not kept or not new:
        return

    def work(connection: psycopg.Connection) -> None:
        hold_fence(connection, run_id, strength="share")
        definitions = sql.SQL(", ").join(
            sql.SQL("add column {} {}").format(sql.Identifier(c.name), sql.SQL(c.type)) for c in new
        )
        connection.execute(sql.SQL("alter table {} {}").format(mart.history, definitions))

    patiently(connection, work, seconds=seconds, doing=f"preparing store.{mart.history_table}")


def write_history(connection: psycopg.Connection, mart: Mart, run_id: int, seconds: float) -> bool:
    """Bring the history of the mart to the run's position, in one transaction; False if it was.

    Raises FencedError, WrongRunError, HistoryIncompleteError and, when someone else holds the
    candidate, ReadersBusyError. ``connection`` must be in autocommit.
    """
    added = patiently(
        connection,
        lambda connection: _write(connection, mart, run_id),
        seconds=seconds,
        doing=f"writing store.{mart.history_table}",
        schemas=("candidate",),
    )
    if added is not None and added > _WORTH_ANALYZING:
        connection.execute(sql.SQL("analyze (skip_locked) {}").format(mart.history))
    return added is not None


def forget(connection: psycopg.Connection, mart: Mart) -> int:
    """Delete the rows that no kept run shows, and none can build upon; how many there were.

    Positions are only ever added at the head, so a row that has been closed can be shown by no run
    that is still to come. What was closed for a run not yet published, its prior run still shows.
    """
    if mart.scope is None or not columns_of(connection, "store", mart.history_table):
        return 0
    statement = sql.SQL(
        """
        with kept as (
            select line_position as position from ops.runs
            where published_at is not null and pruned_at is null and line_position is not null
        )

        delete from {history} as h
        where h.to_position < {open} and not exists (
            select from kept where h.from_position <= position and h.to_position > position
        )
        """
    ).format(history=mart.history, open=sql.Literal(OPEN))
    return connection.execute(statement).rowcount


def _write(connection: psycopg.Connection, mart: Mart, run_id: int) -> float | None:
    """The share of the mart's open rows that are new, or None when there was nothing to do."""
    hold_fence(connection, run_id, strength="share")
    run = run_info(connection, run_id)
    assert run is not None
    offered = columns_of(connection, "candidate", mart.history_table)
    if is_written(connection, mart, run):
        if run.on_line and offered:
            raise PublicationError(
                f"candidate.{mart.history_table} was built again after it had been written to the "
                f"store for run {run_id}. Begin a new run for this day"
            )
        return None
    # The one lock that could be waited for comes first, before there is any work to repeat.
    for table in (mart.history_table, mart.scope_table):
        connection.execute(
            sql.SQL("lock table {} in access exclusive mode").format(
                sql.Identifier("candidate", table)
            )
        )
    for setting in ("work_mem = '256MB'", "maintenance_work_mem = '512MB'", "jit = off"):
        connection.execute(sql.SQL("set local {}").format(sql.SQL(setting)))
    write = _begin(connection, mart, run, offered)
    everything = _covers_everything(connection, write)
    if columns_of(connection, "store", mart.history_table):
        added, rows = replace(connection, write, everything=everything)
    else:
        added = rows = found(connection, write)
    connection.execute(sql.SQL("drop table if exists {}, {}").format(write.rows, write.scope))
    _note(connection, write, rows)
    return added / max(rows, 1)


def _begin(
    connection: psycopg.Connection, mart: Mart, run: RunInfo, offered: list[Column]
) -> HistoryWrite:
    """Take the run's position, the next after the head, unless it has one already."""
    row = connection.execute("select head from ops.line for update").fetchone()
    assert row is not None
    position = run.line_position
    if position is None:
        position = row[0] + 1
        connection.execute("update ops.line set head = %s", [position])
        connection.execute(
            "update ops.runs set line_position = %s where run_id = %s", [position, run.run_id]
        )
    # What is open now is what the mart's last write left, whichever run that was; and a prior run
    # from before the mart was founded has nothing of it.
    last = connection.execute(
        "select founded_at, position from ops.line_marts where mart = %s", [mart.table]
    ).fetchone()
    prior = connection.execute(
        "select line_position from ops.runs where run_id = %s and line_position >= %s",
        [run.prior_run_id, last[0] if last else None],
    ).fetchone()
    return HistoryWrite(
        mart=mart,
        run_id=run.run_id,
        prior=prior[0] if prior else None,
        head=last[1] if last else 0,
        position=position,
        columns=tuple(c.name for c in offered if c.name not in RUN_COLUMNS),
    )


def _covers_everything(connection: psycopg.Connection, write: HistoryWrite) -> bool:
    """Whether the scope is every key: it says so by a row without one. Checks whose rows they are.

    Raises WrongRunError, and HistoryIncompleteError when a delta has nothing it could be laid upon.
    """
    for table in (write.rows, write.scope):
        connection.execute(sql.SQL("analyze {}").format(table))
        other = connection.execute(
            sql.SQL("select 1 from {} where run_id is distinct from {} limit 1").format(
                table, sql.Literal(write.run_id)
            )
        ).fetchone()
        if other:
            raise WrongRunError(write.run_id, write.mart.history_table)
    everything = connection.execute(
        write.fill("select 1 from {scope} where {key} is null limit 1")
    ).fetchone()
    if everything:
        return True
    if write.prior is None:
        raise HistoryIncompleteError(
            write.mart.table,
            write.run_id,
            "the run it builds upon has no history of it (it is older, or beside the line)",
        )
    outside = connection.execute(
        write.fill(
            "select 1 from {rows} as d where not exists "
            "(select from {scope} as s where s.{key} = d.{key}) limit 1"
        )
    ).fetchone()
    if outside:
        raise HistoryIncompleteError(
            write.mart.table, write.run_id, "it has rows of keys that its scope does not name"
        )
    return False


def _note(connection: psycopg.Connection, write: HistoryWrite, rows: int) -> None:
    """How far the mart has come, and how many rows the run has, partition and history."""
    connection.execute(
        """
        insert into ops.line_marts (mart, founded_at, position, open_rows)
        values (%(mart)s, %(position)s, %(position)s, %(rows)s)
        on conflict (mart) do update
        set position = excluded.position, open_rows = excluded.open_rows
        """,
        {"mart": write.mart.table, "position": write.position, "rows": rows},
    )
    connection.execute(
        """
        update ops.runs
        set row_counts = row_counts || jsonb_build_object(
            %(mart)s::text, (row_counts ->> %(mart)s)::bigint + %(rows)s
        )
        where run_id = %(run)s
        """,
        {"mart": write.mart.table, "rows": rows, "run": write.run_id},
    )


def _new_columns(
    mart: Mart, partition: list[Column], offered: list[Column], kept: list[Column]
) -> list[Column]:
    wanted = {column.name: column.type for column in partition}
    here = {column.name: column.type for column in offered}
    problems = [
        f"{mart.history_table} has column {name} as {here.get(name, 'none')}, {mart.table} as "
        f"{wanted.get(name, 'none')}"
        for name in sorted({*wanted, *here})
        if wanted.get(name) != here.get(name)
    ]
    problems += [f"column {name} is kept for positions" for name in _POSITIONS if name in here]
    if mart.scope not in here:
        problems.append(f"column {mart.scope} is missing")
    known = {column.name for column in kept}
    for column in kept:
        if column.name not in _POSITIONS and here.get(column.name) != column.type:
            now = here.get(column.name, "gone")
            problems.append(f"column {column.name} was {column.type} and is {now}")
    if problems:
        raise CandidateShapeError(mart.history_table, mart.view_name, problems)
    return [c for c in offered if c.name not in known and c.name not in RUN_COLUMNS]
