"""Publishers that are killed: wherever it happens, trying again leads to the same end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from datetime import timedelta

import psycopg
import pytest
from tests.candidates import DAY, HISTORIES, VIEWS, night_of, prepared_run, shows_history_of

from moshtari.publication import PUBLISHED, Run, prune, publish, rollback
from moshtari.settings import Settings
from moshtari.warehouse.connection import connect

STEPS = (
    *(f"prepared {mart.table}" for mart in PUBLISHED),
    *(f"attached {mart.table}" for mart in PUBLISHED),
    *(f"wrote the history of {mart.table}" for mart in PUBLISHED if mart.scope),
    "extended the views",
    "earlier readers have ended",
    "flipped",
)

# A publisher in a process of its own, which kills itself as a power cut would, at a given step.
PUBLISHER = """
import json, os, signal, sys
from moshtari.publication import publish
from moshtari.settings import Settings

settings, run_id, fatal = json.loads(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

def observe(step):
    if step == fatal:
        os.kill(os.getpid(), signal.SIGKILL)

publish(Settings(**settings), run_id, observe=observe)
"""


def publish_in_a_process(settings: Settings, run: Run, fatal: str) -> int:
    given = json.dumps(settings.model_dump(mode="json"))
    return subprocess.run(
        [sys.executable, "-c", PUBLISHER, given, str(run.run_id), fatal], check=False
    ).returncode


def contents(pg: psycopg.Connection) -> dict[str, tuple[int, int, int]]:
    return {
        view: pg.execute(f"select count(*), min(run_id), max(run_id) from {view}").fetchone()
        for view in VIEWS
    }


def expected(pg: psycopg.Connection, run: Run) -> dict[str, tuple[int, int, int]]:
    """Every view has the run's rows, as many as the run says, and no other's."""
    counts = pg.execute(
        "select row_counts from ops.runs where run_id = %s", [run.run_id]
    ).fetchone()[0]
    assert counts["customers"] == 50
    return {mart.view_name: (counts[mart.table], run.run_id, run.run_id) for mart in PUBLISHED}


def with_a_new_column(pg: psycopg.Connection, number: int):
    return lambda _: pg.execute(f"alter table candidate.customers add column extra_{number} int")


@pytest.mark.slow
def test_a_publisher_killed_between_any_two_steps_goes_on_where_it_stopped(settings, pg, note):
    before = prepared_run(settings, pg)
    publish(settings, before.run_id)
    for number, step in enumerate(STEPS):
        # Each night adds a column, so that every step has something to do.
        columns = [with_a_new_column(pg, earlier) for earlier in range(number + 1)]
        run = prepared_run(
            settings,
            pg,
            DAY + timedelta(days=number // 2),  # every day twice: the second replaces the first
            night=number,
            after=lambda run, columns=columns: [add(run) for add in columns],
        )
        assert publish_in_a_process(settings, run, step) == -signal.SIGKILL, step
        shown = run if step == "flipped" else before
        assert contents(pg) == expected(pg, shown), step
        assert shows_history_of(pg, night_of(settings, shown)) == [], step
        publish(settings, run.run_id)
        assert contents(pg) == expected(pg, run), step
        assert shows_history_of(pg, number) == [], step
        moves = pg.execute(
            "select count(*) from ops.publications where run_id = %s", [run.run_id]
        ).fetchone()
        assert moves == (1,), step
        before = run
    assert prune(settings, keep=2).waiting == ()
    assert contents(pg) == expected(pg, before)
    assert shows_history_of(pg, night_of(settings, before)) == []
    note(
        "publication",
        "publisher killed (-9) between any two steps",
        "the last publication stays; run again: it goes on",
    )


@pytest.mark.slow
@pytest.mark.parametrize("mart", [mart.table for mart in HISTORIES])
def test_a_run_killed_between_histories_is_followed_by_another(settings, pg, mart, note):
    first = prepared_run(settings, pg)
    publish(settings, first.run_id)
    killed = prepared_run(settings, pg, DAY + timedelta(days=1), night=2)
    step = f"wrote the history of {mart}"
    assert publish_in_a_process(settings, killed, step) == -signal.SIGKILL
    assert shows_history_of(pg, 0) == []
    run = prepared_run(settings, pg, DAY + timedelta(days=1), night=1)
    publish(settings, run.run_id)
    assert shows_history_of(pg, 1) == []
    assert rollback(settings).run_id == first.run_id
    assert shows_history_of(pg, 0) == []
    note(
        "publication",
        "run killed (-9) between histories",
        "the last publication stays; the next run is whole",
    )


@pytest.mark.slow
@pytest.mark.parametrize("step", ["prepared customers", "attached calendar", "extended the views"])
def test_a_first_publication_that_was_killed_shows_no_view_yet(settings, pg, step, note):
    run = prepared_run(settings, pg)
    assert publish_in_a_process(settings, run, step) == -signal.SIGKILL
    marts = "select count(*) from pg_views where schemaname || '.' || viewname = any(%s)"
    assert pg.execute(marts, [list(VIEWS)]).fetchone() == (0,)
    publish(settings, run.run_id)
    assert contents(pg) == expected(pg, run)
    note(
        "publication",
        "first publication killed (-9)",
        "nothing is shown yet; run again: it goes on",
    )


@pytest.mark.parametrize("table", ["customers", "customer_life_cycle_history"])
def test_a_server_that_ends_a_step_halfway_leaves_the_candidate_whole(settings, pg, table, note):
    run = prepared_run(settings, pg)
    count = f"select count(*) from candidate.{table}"
    rows = pg.execute(count).fetchone()
    with connect(settings, role="moshtari_auditor") as holder:
        holder.execute(count)  # the step must queue
        failures: list[Exception] = []

        def work() -> None:
            try:
                publish(settings, run.run_id, wait_seconds=60)
            except psycopg.OperationalError as error:
                failures.append(error)

        publisher = threading.Thread(target=work)
        publisher.start()
        waiting = (
            "select l.pid from pg_locks as l where l.locktype = 'relation' and not l.granted "
            f"and l.relation = 'candidate.{table}'::regclass"
        )
        while (row := pg.execute(waiting).fetchone()) is None:
            assert publisher.is_alive()
        pg.execute("select pg_terminate_backend(%s)", [row[0]])
        publisher.join()
    assert len(failures) == 1
    assert pg.execute(count).fetchone() == rows
    publish(settings, run.run_id)
    assert contents(pg) == expected(pg, run)
    note(
        "publication",
        "session ended half way through a step",
        "the last publication stays; run again: it goes on",
    )


def test_a_prune_that_was_killed_midway_is_finished_by_the_next(settings, pg, note):
    runs = []
    for offset in range(4):
        runs.append(prepared_run(settings, pg, DAY + timedelta(days=offset)))
        publish(settings, runs[-1].run_id)
    with connect(settings, role="moshtari_auditor") as reader:
        reader.execute(f"select count(*) from store.customers where run_id = {runs[0].run_id}")
        failures: list[Exception] = []

        def work() -> None:
            try:
                prune(settings, keep=2)
            except psycopg.OperationalError as error:
                failures.append(error)

        pruner = threading.Thread(target=work)
        pruner.start()
        pending = "select inhrelid from pg_inherits where inhdetachpending"
        while pg.execute(pending).fetchone() is None:
            assert pruner.is_alive()
        pg.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where query like 'alter table %detach%' and pid <> pg_backend_pid()"
        )
        pruner.join()
        assert len(failures) == 1
        assert pg.execute(pending).fetchone() is not None
    report = prune(settings, keep=2)
    assert report.waiting == ()
    assert pg.execute(pending).fetchone() is None
    assert contents(pg) == expected(pg, runs[3])
    left = pg.execute(
        "select count(*) from pg_class where relnamespace = 'store'::regnamespace "
        "and relname like '%\\_r%' and relkind = 'r'"
    ).fetchone()
    assert left == (2 * len(PUBLISHED),)
    assert rollback(settings).run_id == runs[2].run_id
    assert contents(pg) == expected(pg, runs[2])
    note("publication", "prune killed (-9) half way", "the next one finishes it")
