"""Publication on a real PostgreSQL: what readers may see, and what they see while things change."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module

import psycopg
import pytest
from tests.candidates import DAY, VIEWS, build_candidates, days, open_gate, prepared_run
from tests.reading import JOIN, KINDS, readers

from moshtari.publication import (
    PUBLISHED,
    CandidateMissingError,
    CandidateShapeError,
    FencedError,
    GateNotPassedError,
    NothingToRollBackToError,
    PublicationError,
    ReadersBusyError,
    Run,
    WrongRunError,
    begin_run,
    fail_run,
    prune,
    publish,
    published_run,
    rollback,
    status,
)
from moshtari.settings import Settings
from moshtari.warehouse.connection import connect

COUNT = b"select count(*), min(run_id), max(run_id) from bi.customers"


def publish_day(settings: Settings, pg: psycopg.Connection, offset: int = 0, **more: int) -> Run:
    run = prepared_run(settings, pg, DAY + timedelta(days=offset), **more)
    publish(settings, run.run_id)
    return run


def shown(pg: psycopg.Connection) -> set[int]:
    """Runs that the views show, all of them together."""
    return {
        row[0]
        for view in VIEWS
        for row in pg.execute(f"select distinct run_id from {view}").fetchall()
    }


def tables_in_store(pg: psycopg.Connection) -> set[str]:
    return {
        row[0]
        for row in pg.execute(
            "select relname from pg_class where relnamespace = 'store'::regnamespace "
            "and relkind = 'r' and relname like '%\\_r%'"
        )
    }


def test_first_publication_makes_every_view_with_its_comments(settings, pg):
    run = prepared_run(settings, pg)
    existing = "select count(*) from pg_views where schemaname in ('bi', 'outreach')"
    assert pg.execute(existing).fetchone() == (0,)
    done = publish(settings, run.run_id)
    assert done.shown
    assert done.previous_run_id is None
    assert done.row_counts["customers"] == 50
    assert set(done.row_counts) == {mart.table for mart in PUBLISHED}
    assert shown(pg) == {run.run_id}
    for mart in PUBLISHED:
        comments = pg.execute(
            "select obj_description(to_regclass(%(v)s), 'pg_class'), col_description("
            "to_regclass(%(v)s), (select attnum from pg_attribute where attname = 'as_of_date' "
            "and attrelid = to_regclass(%(v)s)))",
            {"v": mart.view_name},
        ).fetchone()
        assert comments == (f"About {mart.table}.", f"Day of {mart.table}.")
    assert pg.execute(
        "select count(*) from pg_class where relnamespace = 'candidate'::regnamespace "
        "and relkind = 'r'"
    ).fetchone() == (0,)


def test_publishing_again_changes_nothing(settings, pg):
    first = publish_day(settings, pg)
    second = publish_day(settings, pg, 1)
    assert publish(settings, second.run_id).previous_run_id == first.run_id
    assert not publish(settings, first.run_id).shown
    assert shown(pg) == {second.run_id}
    assert pg.execute("select count(*) from ops.publications").fetchone() == (2,)


@pytest.mark.slow
def test_no_statement_mixes_two_runs_or_finds_none(settings, pg):
    first = publish_day(settings, pg, customers=200)
    with readers(settings) as seen:
        for day in days(32):
            run = prepared_run(settings, pg, day, customers=200)
            publish(settings, run.run_id)
            if day.toordinal() % 8 == 0:
                rollback(settings)
                prune(settings, keep=3)
    assert seen.errors == []
    assert seen.mixed.total() == 0
    assert seen.empty.total() == 0
    assert set(seen.statements) == set(KINDS)
    assert seen.statements.total() > 2000
    assert len(seen.runs) > 10, "the readers must have been at work throughout"
    assert first.run_id in seen.runs
    # Every night has as many rows as any other: a history half written would show here.
    assert {kind: len(counts) for kind, counts in seen.counts.items()} == dict.fromkeys(KINDS, 1)


BLOCKED_PLAN = """
    create function public.blocks_once() returns text language plpgsql stable as $$
    begin
        if coalesce(current_setting('reading.planned', true), '') = '' then
            perform pg_advisory_lock_shared(42);
            perform pg_advisory_unlock_shared(42);
            perform set_config('reading.planned', 'yes', true);
        end if;
        return '';
    end
    $$
"""


@contextmanager
def a_statement_between_plan_and_execution(
    settings: Settings, pg: psycopg.Connection
) -> Iterator[list[int]]:
    """While the block runs, a reader's statement is planned and not executed; then its count."""
    pg.execute(BLOCKED_PLAN)
    pg.execute("select pg_advisory_lock(42)")
    counts: list[int] = []

    def read() -> None:
        with connect(settings, role="bi_reader", autocommit=True) as reader:
            query = "select count(*) from bi.customers where customer_key >= blocks_once()"
            counts.append(reader.execute(query).fetchone()[0])

    thread = threading.Thread(target=read)
    thread.start()
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    while pg.execute(waiting).fetchone() == (0,):
        assert thread.is_alive()
    try:
        yield counts
    finally:
        pg.execute("select pg_advisory_unlock(42)")
        thread.join()


def test_without_the_wait_a_statement_planned_before_finds_nothing(settings, pg, monkeypatch):
    """Not what is wanted, but what happens: it shows that the tests of the wait can fail."""
    publish_day(settings, pg)
    run = prepared_run(settings, pg, DAY + timedelta(days=1))
    module = import_module("moshtari.publication.publish")
    monkeypatch.setattr(module, "wait_for_earlier_readers", lambda *_, **__: 0.0)
    with a_statement_between_plan_and_execution(settings, pg) as counts:
        publish(settings, run.run_id)
    assert counts == [0]


def test_with_the_wait_a_statement_planned_before_finds_its_run(settings, pg):
    publish_day(settings, pg)
    run = prepared_run(settings, pg, DAY + timedelta(days=1))
    with (
        a_statement_between_plan_and_execution(settings, pg) as counts,
        pytest.raises(ReadersBusyError),
    ):
        publish(settings, run.run_id, wait_seconds=0.5)
    assert counts == [50]
    assert publish(settings, run.run_id).shown


def test_an_idle_reader_bounds_the_wait_and_nothing_is_flipped(settings, pg):
    first = publish_day(settings, pg)
    run = prepared_run(settings, pg, DAY + timedelta(days=1))
    with connect(settings, role="bi_reader", application="a dashboard") as reader:
        reader.execute(COUNT)
        with pytest.raises(ReadersBusyError) as caught:
            publish(settings, run.run_id, wait_seconds=0.3)
        assert str(reader.info.backend_pid) in str(caught.value)
        assert "a dashboard" in str(caught.value)
        assert "pg_terminate_backend" in str(caught.value)
        assert reader.execute(COUNT).fetchone() == (50, first.run_id, first.run_id)
    assert shown(pg) == {first.run_id}
    assert publish(settings, run.run_id).shown
    assert shown(pg) == {run.run_id}


def test_the_flip_comes_as_soon_as_the_earlier_reader_ends(settings, pg):
    publish_day(settings, pg)
    run = prepared_run(settings, pg, DAY + timedelta(days=1))
    attached, waits = threading.Event(), []

    def observe(step: str) -> None:
        if step == "extended the views":
            attached.set()

    def work() -> None:
        waits.append(publish(settings, run.run_id, observe=observe).waited_seconds)

    with connect(settings, role="bi_reader") as reader:
        reader.execute(COUNT)
        publisher = threading.Thread(target=work)
        publisher.start()
        assert attached.wait(60)
        assert shown(pg) != {run.run_id}
        reader.rollback()
        publisher.join(60)
    assert len(waits) == 1
    assert shown(pg) == {run.run_id}


def test_a_transaction_that_has_read_nothing_published_is_not_waited_for(settings, pg):
    publish_day(settings, pg)
    run = prepared_run(settings, pg, DAY + timedelta(days=1))
    with connect(settings, role="bi_reader") as reader:
        reader.execute("select count(*) from pg_class")
        assert publish(settings, run.run_id, wait_seconds=0.3).shown
        assert reader.execute(COUNT).fetchone() == (50, run.run_id, run.run_id)


def test_prepared_statements_with_generic_plans_follow_the_pointer(settings, pg):
    publish_day(settings, pg)
    with connect(settings, role="bi_reader", autocommit=True) as reader:
        reader.execute("set plan_cache_mode = force_generic_plan")
        for offset in range(1, 8):
            run = publish_day(settings, pg, offset)
            low, high = reader.execute(JOIN, prepare=True).fetchone()[1:]
            assert (low, high) == (run.run_id, run.run_id)


def test_a_snapshot_taken_before_keeps_its_run_after_rollback_and_prune(settings, pg):
    runs = [publish_day(settings, pg, offset) for offset in range(4)]
    with connect(settings, role="bi_reader") as reader:
        reader.execute("set transaction isolation level repeatable read")
        before = reader.execute(COUNT).fetchone()
        rollback(settings)
        prune(settings, keep=2, wait_seconds=1)
        assert reader.execute(COUNT).fetchone() == before == (50, *[runs[3].run_id] * 2)
    assert shown(pg) == {runs[2].run_id}


def test_zombie_is_fenced_and_changes_nothing(settings, pg):
    first = publish_day(settings, pg)
    zombie = prepared_run(settings, pg, DAY + timedelta(days=1))
    newer = begin_run(settings, DAY + timedelta(days=2))
    build_candidates(settings, newer)
    with pytest.raises(FencedError, match=f"run {newer.run_id} has begun since"):
        publish(settings, zombie.run_id)
    assert shown(pg) == {first.run_id}
    assert pg.execute("select count(*) from candidate.customers").fetchone() == (50,)
    row = pg.execute("select status from ops.runs where run_id = %s", [zombie.run_id]).fetchone()
    assert row == ("superseded",)
    open_gate(pg, newer.run_id)
    assert publish(settings, newer.run_id).shown


@pytest.mark.parametrize("step", ["prepared calendar", "attached customers", "extended the views"])
def test_a_run_that_loses_the_fence_midway_never_flips(settings, pg, step):
    first = publish_day(settings, pg)
    zombie = prepared_run(settings, pg, DAY + timedelta(days=1))

    def observe(seen: str) -> None:
        if seen == step:
            begin_run(settings, DAY + timedelta(days=2))

    with pytest.raises(FencedError):
        publish(settings, zombie.run_id, observe=observe)
    assert shown(pg) == {first.run_id}


@pytest.mark.parametrize(
    ("verdict", "run_status"),
    [
        (None, "building"),
        ('{"candidate": {"is_open": true}}', "building"),
        ('{"arrivals": {"is_open": true}, "candidate": {"is_open": false}}', "refused"),
    ],
)
def test_nothing_is_published_without_an_open_gate(settings, pg, verdict, run_status):
    run = begin_run(settings, DAY)
    build_candidates(settings, run)
    pg.execute("update ops.runs set verdict = %s, status = %s", [verdict, run_status])
    with pytest.raises(GateNotPassedError):
        publish(settings, run.run_id)
    assert tables_in_store(pg) == set()


def test_a_mart_that_is_missing_stops_the_publication_before_anything_moves(settings, pg):
    run = prepared_run(
        settings, pg, after=lambda _: pg.execute("drop table candidate.segments_daily")
    )
    with pytest.raises(CandidateMissingError, match=r"candidate\.segments_daily"):
        publish(settings, run.run_id)
    assert tables_in_store(pg) == set()


def test_rows_of_another_run_are_not_moved_and_not_shown(settings, pg):
    run = prepared_run(
        settings,
        pg,
        after=lambda _: pg.execute(
            "update candidate.customers set run_id = 999 where customer_key = 'c7'"
        ),
    )
    with pytest.raises(WrongRunError) as caught:
        publish(settings, run.run_id)
    assert "c7" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert pg.execute("select count(*) from candidate.customers").fetchone() == (50,)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("drop column segment", r"column segment \(text\) is gone"),
        ("alter column orders type bigint", "column orders was integer and is bigint"),
    ],
)
def test_published_columns_are_never_taken_back(settings, pg, change, problem):
    first = publish_day(settings, pg)
    run = prepared_run(
        settings,
        pg,
        DAY + timedelta(days=1),
        after=lambda _: pg.execute(f"alter table candidate.customers {change}"),
    )
    with pytest.raises(CandidateShapeError, match=problem):
        publish(settings, run.run_id)
    assert shown(pg) == {first.run_id}


def test_an_added_column_appears_while_readers_read(settings, pg):
    first = publish_day(settings, pg)

    def add(run: Run) -> None:
        pg.execute("alter table candidate.customers add column cohort text default '1404-01'")
        pg.execute("comment on column candidate.customers.cohort is 'Month of the first purchase.'")

    with readers(settings, ("join", "union", "generic plan", "snapshot")) as seen:
        run = prepared_run(settings, pg, DAY + timedelta(days=1), after=add)
        publish(settings, run.run_id)
    assert seen.errors == []
    assert seen.mixed.total() == seen.empty.total() == 0
    rows = pg.execute("select distinct run_id, cohort from bi.customers").fetchall()
    assert rows == [(run.run_id, "1404-01")]
    comment = pg.execute(
        "select col_description('bi.customers'::regclass, attnum) from pg_attribute "
        "where attrelid = 'bi.customers'::regclass and attname = 'cohort'"
    ).fetchone()
    assert comment == ("Month of the first purchase.",)
    rollback(settings)
    rows = pg.execute("select distinct run_id, cohort from bi.customers").fetchall()
    assert rows == [(first.run_id, None)]


def test_a_long_reader_stops_an_added_column_in_bounded_time(settings, pg):
    first = publish_day(settings, pg)
    run = prepared_run(
        settings,
        pg,
        DAY + timedelta(days=1),
        after=lambda _: pg.execute("alter table candidate.customers add column cohort text"),
    )
    with connect(settings, role="bi_reader") as reader:
        reader.execute(COUNT)
        with pytest.raises(ReadersBusyError, match=str(reader.info.backend_pid)):
            publish(settings, run.run_id, wait_seconds=0.5)
        # Others were never locked out for good.
        with connect(settings, role="bi_reader") as another:
            assert another.execute(COUNT).fetchone() == (50, first.run_id, first.run_id)
    assert publish(settings, run.run_id).shown


def test_readers_read_their_schema_and_nothing_else(settings, pg):
    publish_day(settings, pg)
    own = {
        "bi_reader": [v for v in VIEWS if v.startswith("bi.")] + ["bi.publications"],
        "outreach_reader": [v for v in VIEWS if v.startswith("outreach.")],
    }
    everything = {
        row[0]
        for row in pg.execute(
            "select format('%I.%I', n.nspname, c.relname) from pg_class as c "
            "inner join pg_namespace as n on n.oid = c.relnamespace "
            "where c.relkind in ('r', 'v', 'p', 'm') and n.nspname = any("
            "array['raw', 'quarantine', 'ops', 'reference', 'staging', 'intermediate', "
            "'candidate', 'store', 'bi', 'outreach'])"
        )
    }
    assert len(everything) > 30
    for role, allowed in own.items():
        assert set(allowed) <= everything
        with connect(settings, role=role, autocommit=True) as reader:
            for relation in allowed:
                assert reader.execute(f"select count(*) from {relation}").fetchone() is not None
            for relation in sorted(everything - set(allowed)):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    reader.execute(f"select count(*) from {relation}")
        for relation in sorted(everything):
            rights = pg.execute(
                "select has_table_privilege(%s, %s, 'insert, update, delete, truncate')",
                [role, relation],
            ).fetchone()
            assert rights == (False,), relation


def test_the_builder_cannot_write_to_what_is_published(settings, pg):
    run = publish_day(settings, pg)
    with connect(settings, role="moshtari_builder", autocommit=True) as builder:
        assert builder.execute("select count(*) from store.customers").fetchone() == (50,)
        for table in ("store.customers", f"store.customers_r{run.run_id}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                builder.execute(f"delete from {table}")


def test_rollback_and_forward_again(settings, pg):
    first, second, third = (publish_day(settings, pg, offset) for offset in range(3))
    assert rollback(settings).run_id == second.run_id
    assert shown(pg) == {second.run_id}
    assert status(settings).current.run_id == second.run_id
    assert status(settings).previous.run_id == first.run_id
    # The run that was taken back is no ground to build upon.
    assert begin_run(settings, DAY + timedelta(days=3)).prior_run_id == second.run_id
    assert rollback(settings).run_id == first.run_id
    with pytest.raises(NothingToRollBackToError, match="no publication before"):
        rollback(settings)
    assert rollback(settings, to_run_id=third.run_id).run_id == third.run_id
    assert shown(pg) == {third.run_id}
    assert rollback(settings).run_id == first.run_id
    kinds = pg.execute("select kind from ops.publications order by publication_id").fetchall()
    assert [kind for (kind,) in kinds] == ["publish"] * 3 + ["rollback"] * 4


def test_rollback_names_what_is_there_when_the_target_is_not(settings, pg):
    with pytest.raises(NothingToRollBackToError):
        rollback(settings)
    run = publish_day(settings, pg)
    with pytest.raises(NothingToRollBackToError, match=rf"kept: {run.run_id}\)"):
        rollback(settings, to_run_id=4711)
    assert shown(pg) == {run.run_id}


def test_an_older_day_is_kept_but_does_not_take_the_newer_ones_place(settings, pg):
    newer = publish_day(settings, pg, 2)
    older = prepared_run(settings, pg, DAY)
    done = publish(settings, older.run_id)
    assert not done.shown
    assert shown(pg) == {newer.run_id}
    assert published_run(settings, DAY) == older.run_id
    assert begin_run(settings, DAY + timedelta(days=1)).prior_run_id == older.run_id
    assert rollback(settings, to_run_id=older.run_id).run_id == older.run_id
    assert shown(pg) == {older.run_id}


def test_the_same_day_again_replaces_the_first(settings, pg):
    publish_day(settings, pg)
    again = publish_day(settings, pg)
    assert again.prior_run_id is None
    assert shown(pg) == {again.run_id}


def test_beginning_a_run_supersedes_the_unfinished(settings, pg):
    left, failed = begin_run(settings, DAY, "a"), begin_run(settings, DAY, "a")
    fail_run(settings, failed.run_id, "dbt stopped")
    begin_run(settings, DAY, "b")
    rows = dict(pg.execute("select run_id, status from ops.runs").fetchall())
    assert rows[left.run_id] == "superseded"
    assert rows[failed.run_id] == "failed"


def test_two_runs_begun_at_once_leave_one_that_may_publish(settings, pg):
    found: list[Run] = []
    threads = [
        threading.Thread(target=lambda: found.append(begin_run(settings, DAY))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    newest = max(run.run_id for run in found)
    assert pg.execute("select run_id from ops.fence").fetchone() == (newest,)
    building = pg.execute("select run_id from ops.runs where status = 'building'").fetchall()
    assert building == [(newest,)]


def test_prune_keeps_what_can_still_be_needed(settings, pg):
    runs = [publish_day(settings, pg, offset).run_id for offset in range(6)]
    report = prune(settings, keep=3)
    assert report.runs == tuple(runs[:3])
    assert len(report.dropped) == 3 * len(PUBLISHED)
    assert report.waiting == ()
    assert {int(name.rsplit("_r", 1)[1]) for name in tables_in_store(pg)} == set(runs[3:])
    assert prune(settings, keep=3).dropped == ()
    rollback(settings)
    rollback(settings)
    with pytest.raises(NothingToRollBackToError):
        rollback(settings)
    with pytest.raises(ValueError, match="keep at least 2"):
        prune(settings, keep=1)


def test_prune_spares_the_run_shown_the_one_before_and_what_is_being_built(settings, pg):
    runs = [publish_day(settings, pg, offset).run_id for offset in range(6)]
    rollback(settings, to_run_id=runs[1])
    building = prepared_run(settings, pg, DAY + timedelta(days=1))
    assert building.prior_run_id == runs[0]
    prune(settings, keep=2)
    left = {int(name.rsplit("_r", 1)[1]) for name in tables_in_store(pg)}
    assert left == {runs[0], runs[1], runs[4], runs[5]}


def test_prune_drops_what_an_abandoned_publication_left(settings, pg):
    publish_day(settings, pg)
    abandoned = prepared_run(settings, pg, DAY + timedelta(days=1))

    def stop(step: str) -> None:
        if step == "attached calendar":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(settings, abandoned.run_id, observe=stop)
    kept = publish_day(settings, pg, 2)
    assert any(name.endswith(f"_r{abandoned.run_id}") for name in tables_in_store(pg))
    assert abandoned.run_id in prune(settings).runs
    assert not any(name.endswith(f"_r{abandoned.run_id}") for name in tables_in_store(pg))
    assert shown(pg) == {kept.run_id}


def test_a_long_reader_delays_pruning_but_no_publication(settings, pg):
    runs = [publish_day(settings, pg, offset).run_id for offset in range(4)]
    with connect(settings, role="moshtari_auditor") as reader:
        reader.execute(f"select count(*) from store.customers where run_id = {runs[0]}")
        report = prune(settings, keep=2, wait_seconds=1)
        assert any(name.startswith("store.customers_r") for name in report.waiting)
        # The detachment is half done now; a publication goes on all the same, a new column too.
        run = prepared_run(
            settings,
            pg,
            DAY + timedelta(days=4),
            after=lambda _: pg.execute("alter table candidate.calendar add column season text"),
        )
        with pytest.raises(ReadersBusyError):
            publish(settings, run.run_id, wait_seconds=0.3)
    assert publish(settings, run.run_id).shown
    report = prune(settings, keep=2)
    assert report.waiting == ()
    left = {int(name.rsplit("_r", 1)[1]) for name in tables_in_store(pg)}
    assert left == {runs[3], run.run_id}


def test_candidates_with_the_same_index_names_every_night(settings, pg):
    for offset in range(3):
        publish_day(settings, pg, offset)
    names = pg.execute(
        "select count(*), count(distinct relname) from pg_class "
        "where relkind = 'i' and relnamespace = 'store'::regnamespace and relname like '%\\_ix%'"
    ).fetchone()
    assert names == (6, 6)


def test_publications_view_tells_what_was_published_and_how_fresh_it_is(settings, pg):
    pg.execute(
        "insert into ops.loads (source, entity, family, business_date, window_end, status, "
        "finished_at) values ('shop', 'orders', 'orders', %(d)s, %(d)s::date + 1, 'landed', "
        "clock_timestamp()), ('help', 'tickets', 'tickets', %(d)s, %(d)s::date - 1, 'landed', "
        "clock_timestamp())",
        {"d": DAY},
    )
    run = prepared_run(settings, pg)
    pg.execute(
        "insert into ops.checks (run_id, stage, suite, check_name, target, severity, success) "
        "values (%(r)s, 'candidate', 's', 'a', 't', 'warning', false), "
        "(%(r)s, 'candidate', 's', 'b', 't', 'critical', true)",
        {"r": run.run_id},
    )
    publish(settings, run.run_id)
    refused = begin_run(settings, DAY + timedelta(days=1))
    with connect(settings, role="bi_reader") as reader:
        rows = reader.execute(
            "select run_id, as_of_date, status, is_current, checks_run, warnings_failed, "
            "critical_failed, published_rows, data_freshness, row_counts "
            "from bi.publications order by run_id"
        ).fetchall()
    counted = sum(pg.execute(f"select count(*) from {view}").fetchone()[0] for view in VIEWS)
    assert rows[0][:8] == (run.run_id, DAY, "published", True, 2, 1, 0, counted)
    assert set(rows[0][8]) == {"shop", "help"}
    assert rows[0][9]["customers"] == 50
    assert rows[1][:4] == (refused.run_id, DAY + timedelta(days=1), "building", False)
    missing = pg.execute(
        "select a.attname from pg_attribute as a where a.attrelid = 'bi.publications'::regclass "
        "and a.attnum > 0 and col_description(a.attrelid, a.attnum) is null"
    ).fetchall()
    assert missing == []


def test_a_run_that_does_not_exist_is_named(settings, pg):
    with pytest.raises(PublicationError, match="there is no run 12"):
        publish(settings, 12)
