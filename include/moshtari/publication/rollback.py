"""Rolling back: pointing at an earlier publication that is still in the store."""

from __future__ import annotations

import psycopg

from moshtari.publication.errors import NothingToRollBackToError
from moshtari.publication.publish import Publication
from moshtari.publication.runs import RunInfo, current_run_id, previous_run_id, run_info
from moshtari.settings import Settings
from moshtari.warehouse.connection import connect


def rollback(settings: Settings, to_run_id: int | None = None) -> Publication:
    """Show an earlier publication again: the one before the current, or ``to_run_id``.

    Takes a moment whatever the size, and readers change over between two statements. The run that
    is left behind becomes `superseded`, so that no later run takes it for its prior one; naming it
    as ``to_run_id`` later brings it back. Raises NothingToRollBackToError.
    """
    with connect(settings, role="moshtari_publisher") as connection:
        # The same lock as the flip and pruning take, so the target cannot vanish meanwhile.
        connection.execute("select run_id from ops.fence for update")
        current = current_run_id(connection)
        target = _target(connection, current, to_run_id)
        if target.run_id != current:
            _point_at(connection, target, current)
    return Publication(
        run_id=target.run_id,
        as_of_date=target.as_of_date,
        previous_run_id=current,
        shown=True,
        row_counts=target.row_counts or {},
        waited_seconds=0.0,
    )


def _target(connection: psycopg.Connection, current: int | None, to_run_id: int | None) -> RunInfo:
    wanted = to_run_id if to_run_id is not None else previous_run_id(connection, current)
    kept = _kept(connection)
    known = ", ".join(str(run) for run in kept) or "none"
    if wanted is None:
        raise NothingToRollBackToError(
            f"there is no publication before run {current} in the store (kept: {known}). Run the "
            f"day again instead"
        )
    target = run_info(connection, wanted)
    if target is None or not target.in_store:
        raise NothingToRollBackToError(
            f"run {wanted} is not a publication that is still in the store (kept: {known}). Name "
            f"one of those, or run its day again"
        )
    return target


def _kept(connection: psycopg.Connection) -> list[int]:
    rows = connection.execute(
        "select run_id from ops.runs where published_at is not null and pruned_at is null "
        "order by run_id"
    )
    return [row[0] for row in rows]


def _point_at(connection: psycopg.Connection, target: RunInfo, current: int | None) -> None:
    connection.execute(
        "update store.pointer set run_id = %s, as_of_date = %s, line_position = %s, "
        "flipped_at = clock_timestamp()",
        [target.run_id, target.as_of_date, target.line_position],
    )
    connection.execute(
        "insert into ops.publications (run_id, previous_run_id, kind) values (%s, %s, 'rollback')",
        [target.run_id, current],
    )
    connection.execute(
        "update ops.runs set status = 'published' where run_id = %s", [target.run_id]
    )
    # Only what is left behind for something older is taken back; going forward again is not.
    connection.execute(
        """
        update ops.runs set status = 'superseded'
        where run_id = %(current)s
            and published_at > (select published_at from ops.runs where run_id = %(target)s)
        """,
        {"current": current, "target": target.run_id},
    )
