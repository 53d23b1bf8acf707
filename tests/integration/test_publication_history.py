"""The line on a real PostgreSQL: what each run shows of histories, whatever came between."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from tests.candidates import (
    DAY,
    HISTORIES,
    build_candidates,
    night_of,
    open_gate,
    prepared_run,
    shows_history_of,
)

from moshtari.publication import (
    PUBLISHED,
    CandidateMissingError,
    CandidateShapeError,
    FencedError,
    HistoryIncompleteError,
    PublicationError,
    Run,
    WrongRunError,
    begin_run,
    prune,
    publish,
    rollback,
)
from moshtari.settings import Settings
from moshtari.warehouse.connection import connect

LIFE_CYCLE = next(mart for mart in PUBLISHED if mart.table == "customer_life_cycle")


def publish_day(
    settings: Settings, pg: psycopg.Connection, offset: int = 0, night: int | None = None
) -> Run:
    run = prepared_run(settings, pg, DAY + timedelta(days=offset), night=night)
    publish(settings, run.run_id)
    return run


def stored(pg: psycopg.Connection, table: str = "customer_life_cycle") -> tuple[int, int]:
    """Rows of a history, and those that hold at the head."""
    row = pg.execute(
        "select count(*), count(*) filter (where to_position = 2147483647) "
        f"from store.{table}_history"
    ).fetchone()
    assert row is not None
    return row


def test_every_night_shows_its_own_history_and_rows_that_stay_are_kept_once(settings, pg):
    for offset in range(4):
        run = publish_day(settings, pg, offset)
        assert shows_history_of(pg, offset) == []
        # Of two rows a customer, one changes for a third of the fifty.
        assert stored(pg)[1] == 100
    assert stored(pg)[0] == 100 + sum(
        len([n for n in range(1, 51) if n % 3 == offset % 3]) for offset in (1, 2, 3)
    )
    rows = pg.execute("select distinct run_id, as_of_date from bi.customer_life_cycle").fetchall()
    assert rows == [(run.run_id, run.as_of_date)]
    counted = pg.execute(
        "select row_counts ->> 'customer_life_cycle', row_counts ->> 'customer_types' "
        "from ops.runs where run_id = %s",
        [run.run_id],
    ).fetchone()
    assert counted == ("100", "150")
    partition = f"select count(*) from store.customer_life_cycle_r{run.run_id}"
    assert pg.execute(partition).fetchone() == (0,)


def test_a_candidate_that_changes_nothing_writes_nothing(settings, pg):
    publish_day(settings, pg, 0)
    publish_day(settings, pg, 1, night=0)
    assert stored(pg) == (100, 100)


def test_everybody_in_scope_writes_only_what_differs(settings, pg):
    publish_day(settings, pg, 0)
    # The same day again has no run on the line before it, and so no change but everything.
    again = publish_day(settings, pg, 0, night=1)
    assert again.prior_run_id is None
    assert stored(pg) == (100 + len([n for n in range(1, 51) if n % 3 == 1]), 100)
    assert shows_history_of(pg, 1) == []


def test_the_same_day_again_replaces_what_its_first_run_did(settings, pg):
    publish_day(settings, pg, 0)
    first = publish_day(settings, pg, 1, night=1)
    # The second try has another third of the customers: what the first had changed is put back.
    again = publish_day(settings, pg, 1, night=2)
    assert again.prior_run_id == first.prior_run_id
    assert shows_history_of(pg, 2) == []
    again = publish_day(settings, pg, 1, night=0)
    assert shows_history_of(pg, 0) == []
    publish_day(settings, pg, 2, night=1)
    assert shows_history_of(pg, 1) == []


def test_rolling_back_is_pointing_back_and_the_next_night_goes_on_from_there(settings, pg):
    runs = [publish_day(settings, pg, offset) for offset in range(3)]
    assert rollback(settings).run_id == runs[1].run_id
    assert shows_history_of(pg, 1) == []
    assert rollback(settings, to_run_id=runs[0].run_id).shown
    assert shows_history_of(pg, 0) == []
    assert rollback(settings, to_run_id=runs[2].run_id).shown
    assert shows_history_of(pg, 2) == []
    rollback(settings, to_run_id=runs[1].run_id)
    run = publish_day(settings, pg, 2, night=7)
    assert run.prior_run_id == runs[1].run_id
    assert shows_history_of(pg, 7) == []
    publish_day(settings, pg, 3, night=8)
    assert shows_history_of(pg, 8) == []


@pytest.mark.parametrize("mart", [mart.table for mart in HISTORIES])
def test_a_run_that_loses_the_fence_leaves_nothing_to_be_seen(settings, pg, mart):
    publish_day(settings, pg, 0)
    zombie = prepared_run(settings, pg, DAY + timedelta(days=1), night=2)

    def observe(step: str) -> None:
        if step == f"wrote the history of {mart}":
            begin_run(settings, DAY + timedelta(days=1))

    with pytest.raises(FencedError):
        publish(settings, zombie.run_id, observe=observe)
    assert shows_history_of(pg, 0) == []
    publish_day(settings, pg, 1)
    assert shows_history_of(pg, 1) == []
    publish_day(settings, pg, 2)
    assert shows_history_of(pg, 2) == []


def test_an_older_day_stands_beside_the_line(settings, pg):
    publish_day(settings, pg, 0)
    newest = publish_day(settings, pg, 3)
    before = stored(pg)
    older = prepared_run(settings, pg, DAY + timedelta(days=1))
    assert not older.on_line
    assert not publish(settings, older.run_id).shown
    assert stored(pg) == before
    assert shows_history_of(pg, 3) == []
    rollback(settings, to_run_id=older.run_id)
    assert shows_history_of(pg, 1) == []
    # A night that builds upon it begins anew, and the line goes on.
    after = publish_day(settings, pg, 2)
    assert after.on_line
    assert after.prior_run_id == older.run_id
    assert shows_history_of(pg, 2) == []
    rollback(settings, to_run_id=newest.run_id)
    assert shows_history_of(pg, 3) == []


def test_an_older_day_shown_all_the_same_shows_its_partition(settings, pg):
    publish_day(settings, pg, 3)
    older = prepared_run(settings, pg, DAY + timedelta(days=1))
    assert publish(settings, older.run_id, allow_older=True).shown
    assert shows_history_of(pg, 1) == []
    publish_day(settings, pg, 4)
    assert shows_history_of(pg, 4) == []


def test_a_change_of_something_that_is_not_there_is_refused(settings, pg):
    first = publish_day(settings, pg, 3)
    older = prepared_run(settings, pg, DAY)
    publish(settings, older.run_id)
    rollback(settings, to_run_id=older.run_id)

    def as_a_change(run: Run) -> None:
        pg.execute("update candidate.customer_life_cycle_history_scope set customer_key = 'c1'")

    run = prepared_run(settings, pg, DAY + timedelta(days=2), after=as_a_change)
    with pytest.raises(HistoryIncompleteError, match="has no history of it"):
        publish(settings, run.run_id)
    assert shows_history_of(pg, 0) == []
    rollback(settings, to_run_id=first.run_id)
    assert shows_history_of(pg, 3) == []


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            "update candidate.customer_life_cycle_history set run_id = 999",
            WrongRunError, "holds rows of another run",
        ),
        (
            "delete from candidate.customer_life_cycle_history_scope where customer_key = 'c1'",
            HistoryIncompleteError, "rows of keys that its scope does not name",
        ),
        (
            "alter table candidate.customer_life_cycle_history drop column entered_because;"
            "alter table candidate.customer_life_cycle drop column entered_because",
            CandidateShapeError, "entered_because",
        ),
        (
            "alter table candidate.customer_life_cycle_history add column extra int",
            CandidateShapeError, "column extra as integer, customer_life_cycle as none",
        ),
        (
            "drop table candidate.customer_life_cycle_history_scope",
            CandidateMissingError, "candidate.customer_life_cycle_history_scope",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_published_changes_nothing(settings, pg, change, error, message):
    publish_day(settings, pg, 0)
    run = prepared_run(settings, pg, DAY + timedelta(days=1), after=lambda _: pg.execute(change))
    with pytest.raises(error, match=message):
        publish(settings, run.run_id)
    assert shows_history_of(pg, 0) == []
    publish_day(settings, pg, 1)
    assert shows_history_of(pg, 1) == []


def test_a_candidate_built_again_after_its_history_was_written_is_refused(settings, pg):
    publish_day(settings, pg, 0)
    run = prepared_run(settings, pg, DAY + timedelta(days=1))

    def observe(step: str) -> None:
        if step == "extended the views":
            build_candidates(settings, run, night=5)
            raise RuntimeError(step)

    with pytest.raises(RuntimeError):
        publish(settings, run.run_id, observe=observe)
    with pytest.raises(PublicationError, match="Begin a new run"):
        publish(settings, run.run_id)
    assert shows_history_of(pg, 0) == []


def test_an_added_column_is_null_for_runs_before_it(settings, pg):
    publish_day(settings, pg, 0)
    tables = ("customer_life_cycle", "customer_life_cycle_history")

    def add(_: Run) -> None:
        for table in tables:
            pg.execute(f"alter table candidate.{table} add column said text default 'x'")

    run = prepared_run(settings, pg, DAY + timedelta(days=1), after=add)
    publish(settings, run.run_id)
    said = "select said, count(*) from bi.customer_life_cycle group by said order by said"
    # Sixteen customers changed; all their rows differ from what was there by the new column.
    assert pg.execute(said).fetchall() == [("x", 34), (None, 66)]
    rollback(settings)
    assert pg.execute(said).fetchall() == [(None, 100)]


def test_a_history_is_taken_up_by_a_view_that_had_none(settings, pg):
    """An upgrade: the release before had every row of the mart in its partitions."""
    before = tuple(replace(mart, scope=None) for mart in PUBLISHED)
    run = prepared_run(settings, pg)
    pg.execute(
        "insert into candidate.customer_life_cycle "
        "select * from candidate.customer_life_cycle_history"
    )
    pg.execute("update ops.runs set on_line = false")
    publish(settings, run.run_id, marts=before)
    rows = "select count(*), min(run_id), max(run_id) from bi.customer_life_cycle"
    assert pg.execute(rows).fetchone() == (100, run.run_id, run.run_id)
    publish_day(settings, pg, 1)
    assert shows_history_of(pg, 1) == []
    rollback(settings)
    assert pg.execute(rows).fetchone() == (100, run.run_id, run.run_id)


def test_a_mart_founded_since_the_prior_run_must_be_whole(settings, pg):
    """The run that brought the mart was taken back: the one before knows nothing of it."""
    before = tuple(mart for mart in PUBLISHED if mart.table != "customer_life_cycle")
    run = prepared_run(settings, pg)
    publish(settings, run.run_id, marts=before)

    def whole(_: Run) -> None:
        pg.execute("update candidate.customer_life_cycle_history_scope set customer_key = null")

    # Of everybody, but for the sake of the test with a third of the customers only.
    second = prepared_run(settings, pg, DAY + timedelta(days=1), after=whole)
    publish(settings, second.run_id)
    rollback(settings)
    third = prepared_run(settings, pg, DAY + timedelta(days=1))
    with pytest.raises(HistoryIncompleteError, match="has no history of it"):
        publish(settings, third.run_id)
    assert pg.execute("select count(*) from bi.customer_life_cycle").fetchone() == (0,)


def test_prune_deletes_what_no_kept_run_shows_and_nothing_else(settings, pg):
    runs = [publish_day(settings, pg, offset) for offset in range(6)]
    before = stored(pg)
    report = prune(settings, keep=2)
    assert report.runs == tuple(run.run_id for run in runs[:4])
    assert report.history_rows > 0
    # The two kept nights differ by one third: every other row is shown by both.
    assert stored(pg)[0] < before[0]
    assert stored(pg) == (100 + len([n for n in range(1, 51) if n % 3 == 5 % 3]), 100)
    assert shows_history_of(pg, 5) == []
    rollback(settings)
    assert shows_history_of(pg, 4) == []
    publish_day(settings, pg, 5, night=3)
    assert shows_history_of(pg, 3) == []
    # The night that was taken back is kept as long as it is among the last, then it goes.
    assert prune(settings, keep=2).history_rows == 0
    publish_day(settings, pg, 6, night=3)
    publish_day(settings, pg, 7, night=3)
    assert prune(settings, keep=2).history_rows > 0
    assert shows_history_of(pg, 3) == []
    assert prune(settings, keep=2).history_rows == 0


def test_a_snapshot_taken_before_keeps_its_rows_while_they_are_pruned(settings, pg):
    publish_day(settings, pg, 0)
    count = b"select count(*) from bi.customer_life_cycle where to_date = '2026-01-31'"
    with connect(settings, role="bi_reader") as reader:
        reader.execute("set transaction isolation level repeatable read")
        seen = reader.execute(count).fetchone()
        run = prepared_run(settings, pg, DAY + timedelta(days=1))
        with pytest.raises(PublicationError, match="transactions that were open"):
            publish(settings, run.run_id, wait_seconds=0.2)
        prune(settings, wait_seconds=1)
        assert reader.execute(count).fetchone() == seen
    assert seen is not None
    assert seen[0] > 0


def test_two_publishers_of_one_run_write_its_history_once(settings, pg):
    publish_day(settings, pg, 0)
    run = prepared_run(settings, pg, DAY + timedelta(days=1))
    errors: list[Exception] = []

    def work() -> None:
        try:
            publish(settings, run.run_id)
        except (PublicationError, psycopg.Error) as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    publish(settings, run.run_id)
    assert shows_history_of(pg, 1) == []
    assert stored(pg)[1] == 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_whatever_happened_every_kept_run_shows_its_own_night(settings, pg, seed):
    chance = random.Random(seed)
    shown = publish_day(settings, pg, 0)
    kept = {shown.run_id: shown}
    offset = 0
    for _ in range(25):
        what = chance.choice(["next", "next", "again", "rollback", "fenced", "older", "prune"])
        night = chance.randrange(9)
        if what in ("next", "again"):
            offset = (shown.as_of_date - DAY).days + (what == "next")
            shown = publish_day(settings, pg, offset, night=night)
            kept[shown.run_id] = shown
        elif what == "rollback":
            shown = kept[rollback(settings, to_run_id=chance.choice(list(kept))).run_id]
        elif what == "fenced":
            zombie = prepared_run(settings, pg, shown.as_of_date + timedelta(days=1), night=night)
            step = f"wrote the history of {chance.choice(HISTORIES).table}"

            def observe(seen: str, step: str = step, day=shown.as_of_date) -> None:
                if seen == step:
                    begin_run(settings, day)

            with pytest.raises(FencedError):
                publish(settings, zombie.run_id, observe=observe)
        elif what == "older":
            older = prepared_run(settings, pg, DAY - timedelta(days=1), night=night)
            publish(settings, older.run_id)
            kept[older.run_id] = older
        else:
            for run_id in prune(settings, keep=3).runs:
                kept.pop(run_id, None)
        assert shows_history_of(pg, night_of(settings, shown)) == [], what
    for run in kept.values():
        rollback(settings, to_run_id=run.run_id)
        assert shows_history_of(pg, night_of(settings, run)) == []


def test_readers_see_nothing_of_the_histories_but_the_published_run(settings, pg):
    run = publish_day(settings, pg, 0)
    later = prepared_run(settings, pg, DAY + timedelta(days=1))

    def observe(step: str) -> None:
        if step == "earlier readers have ended":
            raise RuntimeError(step)

    with pytest.raises(RuntimeError):
        publish(settings, later.run_id, observe=observe)
    with connect(settings, role="bi_reader", autocommit=True) as reader:
        for mart in HISTORIES:
            seen = reader.execute(f"select distinct run_id from {mart.view_name}".encode())
            assert seen.fetchall() == [(run.run_id,)]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(f"select 1 from store.{mart.history_table}".encode())
    assert shows_history_of(pg, 0) == []
    open_gate(pg, later.run_id)
    publish(settings, later.run_id)
    assert shows_history_of(pg, 1) == []
