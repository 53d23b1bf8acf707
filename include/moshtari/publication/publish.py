"""Publishing a run: attach, write histories, extend the views, let readers end, flip the pointer.

Each step commits by itself and is skipped when an earlier try has done it, so a publication that
was killed anywhere goes on where it stopped when it is called again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import psycopg

from moshtari.publication.attach import attach, prepare_parent, require_candidates
from moshtari.publication.errors import GateNotPassedError, PublicationError
from moshtari.publication.history import prepare_history, write_history
from moshtari.publication.marts import PUBLISHED, Mart
from moshtari.publication.readers import wait_for_earlier_readers
from moshtari.publication.runs import RunInfo, current_run_id, hold_fence, run_info
from moshtari.publication.views import create_missing_views, extend_views
from moshtari.settings import Settings
from moshtari.warehouse.connection import connect

STAGES = ("arrivals", "candidate")
_DEFAULT_WAIT = 300.0


@dataclass(frozen=True)
class Publication:
    """A publication. `shown` is False for a run of an older day than the one readers see."""

    run_id: int
    as_of_date: date
    previous_run_id: int | None
    shown: bool
    row_counts: dict[str, int]
    waited_seconds: float


def publish(
    settings: Settings,
    run_id: int,
    *,
    marts: tuple[Mart, ...] = PUBLISHED,
    wait_seconds: float = _DEFAULT_WAIT,
    allow_older: bool = False,
    observe: Callable[[str], None] = lambda step: None,
) -> Publication:
    """Publish a run that both stages of the gate have let through. Safe to repeat.

    Readers go from the run they see to this one between two statements: none sees both, none sees
    neither. A run of an older day than the one shown (a backfill) is kept in the store, ready to be
    pointed at, but does not take its place unless ``allow_older``. ``wait_seconds`` bounds each
    wait for readers; ``observe`` is told every step as it ends.

    Raises FencedError (a newer run has begun), GateNotPassedError, CandidateMissingError,
    CandidateShapeError, HistoryIncompleteError, WrongRunError, ReadersBusyError; the pointer has
    not moved then.
    """
    with connect(settings, role="moshtari_publisher", autocommit=True) as connection:
        run = _require_publishable(connection, run_id)
        if run.status == "published":
            return _result(connection, run, waited=0.0)
        require_candidates(connection, marts, run)
        for mart in marts:
            prepare_parent(connection, mart, run_id, wait_seconds)
            prepare_history(connection, mart, run_id, wait_seconds)
            observe(f"prepared {mart.table}")
        for mart in marts:
            attach(connection, mart, run_id, wait_seconds)
            observe(f"attached {mart.table}")
        for mart in marts:
            if mart.scope is not None:
                write_history(connection, mart, run_id, wait_seconds)
                observe(f"wrote the history of {mart.table}")
        extend_views(connection, marts, run_id, wait_seconds)
        observe("extended the views")
        waited = wait_for_earlier_readers(
            connection, wait_seconds, doing=f"publishing run {run_id}"
        )
        observe("earlier readers have ended")
        with connection.transaction():
            _flip(connection, run_id, marts, allow_older=allow_older)
        observe("flipped")
        published = run_info(connection, run_id)
        assert published is not None
        return _result(connection, published, waited=waited)


def _require_publishable(connection: psycopg.Connection, run_id: int) -> RunInfo:
    run = run_info(connection, run_id)
    if run is None:
        raise PublicationError(f"there is no run {run_id}. Begin one first")
    if run.status == "published":
        return run
    with connection.transaction():
        hold_fence(connection, run_id, strength="share")
    _require_open_gate(run)
    return run


def _require_open_gate(run: RunInfo) -> None:
    verdict = run.verdict or {}
    shut = [stage for stage in STAGES if not verdict.get(stage, {}).get("is_open", False)]
    if shut or run.status == "refused":
        raise GateNotPassedError(run.run_id, shut or ["the run, which was refused"])


def _flip(
    connection: psycopg.Connection, run_id: int, marts: tuple[Mart, ...], *, allow_older: bool
) -> None:
    """Point at the run, if it still holds the fence. One transaction: the caller's."""
    hold_fence(connection, run_id, strength="update")
    run = run_info(connection, run_id, lock=True)
    assert run is not None
    _require_open_gate(run)
    create_missing_views(connection, marts, run_id)
    previous = current_run_id(connection)
    moved = connection.execute(
        """
        update store.pointer
        set run_id = %(run)s, as_of_date = %(day)s, line_position = %(position)s,
            flipped_at = clock_timestamp()
        where as_of_date is null or as_of_date <= %(day)s or %(older)s
        """,
        {
            "run": run_id,
            "day": run.as_of_date,
            "position": run.line_position,
            "older": allow_older,
        },
    )
    if moved.rowcount:
        connection.execute(
            "insert into ops.publications (run_id, previous_run_id, kind) "
            "values (%s, %s, 'publish')",
            [run_id, previous],
        )
    connection.execute(
        """
        update ops.runs
        set status = 'published', error = null,
            published_at = clock_timestamp(), finished_at = clock_timestamp()
        where run_id = %s
        """,
        [run_id],
    )


def _result(connection: psycopg.Connection, run: RunInfo, *, waited: float) -> Publication:
    row = connection.execute(
        "select previous_run_id from ops.publications where run_id = %s "
        "order by publication_id limit 1",
        [run.run_id],
    ).fetchone()
    return Publication(
        run_id=run.run_id,
        as_of_date=run.as_of_date,
        previous_run_id=row[0] if row else None,
        shown=current_run_id(connection) == run.run_id,
        row_counts=run.row_counts or {},
        waited_seconds=waited,
    )
