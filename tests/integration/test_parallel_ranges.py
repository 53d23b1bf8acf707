"""Large loads in ranges of a key: processes at once, killed and run twice, end in the same rows."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

import psycopg
import pytest
from tests.integration.test_landing_founding import (
    DAY,
    INDEX,
    ROWS,
    SPOILT,
    deployment,
    in_the_ordinary_way,
    kept,
    shop,
)
from tests.integration.test_landing_founding import land as land_whole
from tests.servers.mariadb import PASSWORD, MariaDB

from moshtari.landing.errors import ExtractError
from moshtari.landing.extract import extract
from moshtari.landing.held import land_held
from moshtari.landing.in_parts import PartOfDay, complete_parts, extract_part, plan_parts
from moshtari.settings import Deployment, Quarantine, Settings
from moshtari.sources.base import SourceError
from moshtari.warehouse.connection import connect

__all__ = ["shop"]

NEXT = DAY + timedelta(days=1)
NO_MORE = 30
SUMS = """
select sum(read_rows), sum(landed_rows), sum(unchanged_rows), sum(quarantined_rows)
from ops.loads where status = 'landed'
"""
TWICE = "select count(*) - count(distinct _key) from raw.orders where not _is_deleted"


def in_ranges(settings: Settings, rows: int = 10, parts: int = 5, **columns: str) -> Deployment:
    given = deployment(settings, **columns)
    given.sources["shop"]["parallel"] = {"rows_a_part": rows, "parts": parts}
    return given


def plan(settings: Settings, given: Deployment, day: date = DAY) -> list[PartOfDay]:
    return plan_parts(settings, given, "shop", "orders", day)


def part(settings: Settings, given: Deployment, wanted: PartOfDay, day: date = DAY) -> int:
    return extract_part(settings, given, "shop", wanted, day).read


def complete(
    settings: Settings, given: Deployment, planned: list[PartOfDay], day: date = DAY
) -> None:
    assert complete_parts(settings, given, "shop", planned, day) == ["orders"]


def whole_day(settings: Settings, given: Deployment, day: date = DAY) -> list[int]:
    """All of a day, one part after another; returns the rows that each read."""
    planned = plan(settings, given, day)
    read = [part(settings, given, wanted, day) for wanted in planned]
    complete(settings, given, planned, day)
    return read


def is_even(read: list[int]) -> bool:
    return sum(read) == 50 and {9, 10, 11} >= set(read)


def expected(settings: Settings, shop: psycopg.Connection, **columns: str) -> tuple[Any, Any]:
    """What one ordinary load makes of the source; takes it away again."""
    in_the_ordinary_way(shop)
    land_whole(settings, **columns)
    shop.execute("delete from raw.orders where _source = 'other'")
    found = shop.execute(ROWS).fetchall(), kept(shop)
    shop.execute("truncate raw.orders, quarantine.records, ops.loads cascade")
    return found


def analyzed(shop: psycopg.Connection) -> None:
    shop.execute("analyze shop.sales")


@contextlib.contextmanager
def at_once(*work: Callable[[], object]) -> Iterator[list[Any]]:
    """Each in a process of its own; those that still run at the end are waited for."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_quietly, args=(one,)) for one in work]
    for process in processes:
        process.start()
    try:
        yield processes
        for process in processes:
            process.join(NO_MORE)
    finally:
        for process in processes:
            if process.is_alive():
                process.kill()
                process.join()


def _quietly(work: Callable[[], object]) -> None:
    try:
        work()
    except BaseException:
        os._exit(1)
    os._exit(0)


def exits(processes: list[Any]) -> list[int | None]:
    for process in processes:
        process.join(NO_MORE)
    return [process.exitcode for process in processes]


@contextlib.contextmanager
def source_held(settings: Settings) -> Iterator[psycopg.Connection]:
    """Whoever reads the source's table waits, until the connection rolls back."""
    with connect(settings, admin=True, database=settings.pg_database) as holder:
        holder.execute("lock table shop.sales in access exclusive mode")
        yield holder
        holder.rollback()


def until(shop: psycopg.Connection, question: str, answer: int) -> None:
    end = time.monotonic() + NO_MORE
    while shop.execute(question.encode()).fetchone() != (answer,):
        assert time.monotonic() < end, question
        time.sleep(0.02)


READING = (
    "select count(*)::int from pg_stat_activity"
    " where application_name = 'moshtari' and wait_event_type = 'Lock'"
)
WAITING_FOR_TURN = (
    "select count(*)::int from pg_stat_activity"
    " where application_name = 'moshtari landing' and wait_event = 'advisory'"
)


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
def test_parts_end_in_the_rows_of_one_load(
    settings: Settings, shop: psycopg.Connection, spoilt: str
) -> None:
    shop.execute(spoilt)
    analyzed(shop)
    given = in_ranges(settings)
    want = expected(settings, shop)

    read = whole_day(settings, given)
    assert len(read) in (4, 5)
    total = len(
        shop.execute("select from shop.sales where at < 'infinity' or at is null").fetchall()
    )
    assert sum(read) == total
    assert (shop.execute(ROWS).fetchall(), kept(shop)) == want
    assert shop.execute(INDEX).fetchone() == (2,)
    sums = shop.execute(SUMS).fetchone()
    assert sums is not None
    assert sums[0] == sums[1] + sums[2] + sums[3] == total

    assert sum(whole_day(settings, given)) == total
    assert (shop.execute(ROWS).fetchall(), kept(shop)) == want


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("text", "id"),
        ("bigint using id::bigint", "id"),
        ("numeric using id::numeric / 3", "id"),
        ("float8 using id::float8 / 3", "id"),
        ("uuid using md5(id)::uuid", "id"),
        ("timestamptz using to_timestamp(id::int * 1e6)", "id"),
        ("char(9)", "id"),
        ("text", "id || ':' || customer"),
        ('text collate "C" using md5(id)', "id"),
        ("text", "'it''s %s ' || id || E'\\\\'"),
    ],
)
def test_keys_of_any_type(
    settings: Settings, shop: psycopg.Connection, kind: str, key: str
) -> None:
    shop.execute(f"alter table shop.sales alter column id type {kind}".encode())
    analyzed(shop)
    want = expected(settings, shop, order_id=key)
    read = whole_day(settings, in_ranges(settings, order_id=key))
    assert is_even(read)
    assert (shop.execute(ROWS).fetchall(), kept(shop)) == want


def test_keys_are_cut_in_the_order_of_the_source(
    settings: Settings, shop: psycopg.Connection
) -> None:
    """An enum is sorted by the places of its labels, whatever these are."""
    labels = "', '".join(sorted(map(str, range(1, 51)), key=lambda label: label[::-1]))
    shop.execute(f"create type shop.label as enum ('{labels}')".encode())
    shop.execute("alter table shop.sales alter column id type shop.label using id::shop.label")
    shop.execute("insert into shop.sales select * from shop.sales where id in ('50', '2')")
    analyzed(shop)
    want = expected(settings, shop)
    given = in_ranges(settings)
    planned = plan(settings, given)
    bounds = shop.execute("select bounds from ops.part_plans").fetchone()
    assert bounds is not None
    assert bounds[0] == sorted(bounds[0], key=lambda label: label[::-1]) != sorted(bounds[0])
    assert sum(part(settings, given, wanted) for wanted in planned) == 52
    complete(settings, given, planned)
    assert (shop.execute(ROWS).fetchall(), kept(shop)) == want


def test_a_column_that_is_new_at_the_source_is_kept_by_all_parts(
    settings: Settings, shop: psycopg.Connection
) -> None:
    analyzed(shop)
    given = in_ranges(settings)
    whole_day(settings, given)
    shop.execute("alter table shop.sales add column gift text")
    shop.execute("update shop.sales set gift = 'to ' || id, at = at + interval '1 day'")
    analyzed(shop)
    assert sum(whole_day(settings, given, NEXT)) == 50
    extra = (
        "select count(*) from raw.orders where _extra = jsonb_build_object('gift', 'to ' || _key)"
    )
    assert shop.execute(extra).fetchone() == (50,)
    new = "select column_name from ops.source_columns where accepted_at is null"
    assert shop.execute(new).fetchall() == [("gift",)]


def test_what_is_small_stays_whole(settings: Settings, shop: psycopg.Connection) -> None:
    analyzed(shop)
    assert plan(settings, in_ranges(settings, rows=26)) == []
    assert len(plan(settings, in_ranges(settings, rows=25))) == 2
    assert plan(settings, deployment(settings)) == []
    shop.execute("drop table shop.sales")
    assert plan(settings, in_ranges(settings), NEXT) == []


def test_a_large_table_is_cut_by_a_sample(settings: Settings, shop: psycopg.Connection) -> None:
    shop.execute(
        "insert into shop.sales select n, 'c', '2026-03-20 08:00Z', n"
        " from generate_series(1000, 600000) as n"
    )
    analyzed(shop)
    read = whole_day(settings, in_ranges(settings, rows=100_000, parts=8))
    # By a sample of the pages, of which there are a few more or less each time.
    assert len(read) in (4, 5)
    assert sum(read) == 599_051
    assert min(read) > 100_000
    assert shop.execute("select count(*), count(distinct _key) from raw.orders").fetchone() == (
        599_051,
        599_051,
    )


def test_values_that_are_not_of_their_type_concern_their_part_alone(
    settings: Settings, shop: psycopg.Connection
) -> None:
    shop.execute("alter table shop.sales add column told text default '12.5'")
    shop.execute("update shop.sales set told = 'much' where id = '4'")
    analyzed(shop)
    want = expected(settings, shop, gross_amount="told")
    assert sum(whole_day(settings, in_ranges(settings, gross_amount="told"))) == 50
    assert (shop.execute(ROWS).fetchall(), kept(shop)) == want


def test_parts_land_at_once_and_the_day_when_all_have(
    settings: Settings, shop: psycopg.Connection
) -> None:
    analyzed(shop)
    given = in_ranges(settings)
    want = expected(settings, shop)
    planned = plan(settings, given)
    with pytest.raises(ExtractError, match=r"part 1, 2, 3, 4, 5 of 5 has not landed"):
        complete(settings, given, planned)
    with source_held(settings) as holder:
        work = [lambda wanted=wanted: part(settings, given, wanted) for wanted in planned]
        with at_once(*work) as processes:
            # All five are reading in the same moment: none waits for another's turn.
            until(shop, READING, 5)
            holder.rollback()
            assert exits(processes) == [0] * 5
    complete(settings, given, planned)
    assert (shop.execute(ROWS).fetchall(), kept(shop)) == want
    # The next day begins where this one ended, and has nothing to cut.
    assert plan(settings, in_ranges(settings, rows=1), NEXT) == []


def test_a_killed_part_is_landed_alone_by_the_next_try(
    settings: Settings, shop: psycopg.Connection
) -> None:
    analyzed(shop)
    given = in_ranges(settings)
    want = expected(settings, shop)
    planned = plan(settings, given)
    for wanted in planned[:2] + planned[3:]:
        assert part(settings, given, wanted) in (9, 10, 11)
    with source_held(settings), at_once(lambda: part(settings, given, planned[2])) as processes:
        until(shop, READING, 1)
        os.kill(processes[0].pid, signal.SIGKILL)
        assert exits(processes) == [-signal.SIGKILL]
    with pytest.raises(ExtractError, match=r"part 3 of 5 has not landed"):
        complete(settings, given, planned)

    # Whoever runs the day again goes by the same cuts, and reads nothing a second time.
    again = plan(settings, given)
    assert again == planned
    assert [part(settings, given, wanted) for wanted in again] == [0, 0, 10, 0, 0]
    complete(settings, given, again)
    assert (shop.execute(ROWS).fetchall(), kept(shop)) == want
    assert shop.execute("select count(*) from ops.part_plans").fetchone() == (0,)
    failed = shop.execute("select details, error from ops.loads where status = 'failed'").fetchall()
    assert [row[0] for row in failed if "part" in row[0]] == [
        {"plan": planned[0]["plan"], "part": 3, "of": 5}
    ]


def test_two_runs_of_a_day_at_once_share_its_parts(
    settings: Settings, shop: psycopg.Connection
) -> None:
    analyzed(shop)
    given = in_ranges(settings)
    want = expected(settings, shop)
    both = [plan(settings, given), plan(settings, in_ranges(settings, rows=5))]
    assert both[0] == both[1]
    work = [lambda wanted=wanted: part(settings, given, wanted) for wanted in both[0] + both[1]]
    with at_once(*work) as processes:
        assert exits(processes) == [0] * 10
    with at_once(*[lambda planned=planned: complete(settings, given, planned) for planned in both]):
        pass
    complete(settings, given, both[0])
    complete(settings, given, both[1])
    assert (shop.execute(ROWS).fetchall(), kept(shop)) == want
    assert shop.execute(SUMS).fetchone() == (50, 50, 0, 0)
    # A part that is tried again when the day is landed finds that it is.
    assert part(settings, given, both[0][0]) == 0


def test_runs_of_two_days_with_other_cuts_at_once_bring_nothing_twice(
    settings: Settings, shop: psycopg.Connection
) -> None:
    analyzed(shop)
    want = expected(settings, shop)
    one, other = in_ranges(settings), in_ranges(settings, rows=7, parts=7)
    first, second = plan(settings, one), plan(settings, other, NEXT)
    assert (len(first), len(second)) == (5, 7)
    work = [lambda wanted=wanted: part(settings, one, wanted) for wanted in first]
    work += [lambda wanted=wanted: part(settings, other, wanted, NEXT) for wanted in second]
    with at_once(*work) as processes:
        assert exits(processes) == [0] * 12
    complete(settings, one, first)
    complete(settings, other, second, NEXT)
    assert (shop.execute(ROWS).fetchall(), kept(shop)) == want
    assert shop.execute(SUMS).fetchone() == (100, 50, 50, 0)


def test_another_plan_waits_for_the_parts_under_way(
    settings: Settings, shop: psycopg.Connection
) -> None:
    analyzed(shop)
    given = in_ranges(settings)
    first, second = plan(settings, given), plan(settings, given, NEXT)
    with (
        source_held(settings) as holder,
        at_once(
            lambda: part(settings, given, first[0]), lambda: part(settings, given, first[1])
        ) as processes,
    ):
        until(shop, READING, 2)
        with at_once(lambda: part(settings, given, second[0], NEXT)) as later:
            until(shop, WAITING_FOR_TURN, 1)
            with at_once(lambda: land_whole(settings)) as whole:
                until(shop, WAITING_FOR_TURN, 2)
                holder.rollback()
                assert exits([*processes, *later, *whole]) == [0] * 4
    assert shop.execute(TWICE).fetchone() == (0,)
    assert shop.execute("select count(*) from raw.orders").fetchone() == (50,)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_killed_in_whatever_order_ends_in_the_same_rows(
    settings: Settings, shop: psycopg.Connection, seed: int
) -> None:
    """Two days with other cuts and a whole load at once, some killed at any moment, then again."""
    chance = Random(seed)
    analyzed(shop)
    want = expected(settings, shop)
    one, other = in_ranges(settings), in_ranges(settings, rows=7, parts=7)
    first, second = plan(settings, one), plan(settings, other, NEXT)
    work: list[Callable[[], object]] = [lambda: land_whole(settings)]
    work += [lambda wanted=wanted: part(settings, one, wanted) for wanted in first * 2]
    work += [lambda wanted=wanted: part(settings, other, wanted, NEXT) for wanted in second]
    chance.shuffle(work)
    with at_once(*work) as processes:
        for process in chance.sample(processes, 8):
            time.sleep(chance.random() / 8)
            process.kill()
        assert set(exits(processes)) <= {0, -signal.SIGKILL}
    for given, planned, day in ((one, first, DAY), (other, second, NEXT)):
        for wanted in planned:
            part(settings, given, wanted, day)
        complete(settings, given, planned, day)
    assert (shop.execute(ROWS).fetchall(), kept(shop)) == want
    assert shop.execute("select count(*) from ops.loads where status = 'running'").fetchone() == (
        0,
    )


def test_an_ordinary_load_of_the_day_ends_its_plan(
    settings: Settings, shop: psycopg.Connection
) -> None:
    analyzed(shop)
    given = in_ranges(settings)
    want = expected(settings, shop)
    planned = plan(settings, given)
    first = part(settings, given, planned[0])
    summary = land_whole(settings)
    assert (summary.read, summary.landed, summary.unchanged) == (50, 50 - first, first)
    assert [part(settings, given, wanted) for wanted in planned] == [0] * 5
    complete(settings, given, planned)
    assert (shop.execute(ROWS).fetchall(), kept(shop)) == want


def test_a_plan_is_made_anew_under_another_mapping(
    settings: Settings, shop: psycopg.Connection
) -> None:
    analyzed(shop)
    old, new = in_ranges(settings), in_ranges(settings, status="'sent'")
    before = plan(settings, old)
    assert part(settings, old, before[0]) > 0
    after = plan(settings, new)
    assert after[0]["plan"] != before[0]["plan"]
    assert part(settings, old, before[1]) == 0
    with pytest.raises(ExtractError, match="has planned 2026-03-20 anew"):
        complete(settings, old, before)
    assert is_even([part(settings, new, wanted) for wanted in after])
    complete(settings, new, after)
    latest = "select distinct on (_key) status from raw.orders order by _key, _load_id desc"
    assert set(shop.execute(latest).fetchall()) == {("sent",)}


def test_what_changes_between_the_parts_comes_with_the_next_night(
    settings: Settings, shop: psycopg.Connection
) -> None:
    analyzed(shop)
    given = in_ranges(settings)
    planned = plan(settings, given)
    for wanted in planned[:3]:
        part(settings, given, wanted)
    shop.execute("update shop.sales set price = 7, at = '2026-03-21 09:00Z' where id in ('1', '9')")
    shop.execute("insert into shop.sales values ('10#', 'new', '2026-03-20 08:30Z', 3)")
    shop.execute("insert into shop.sales values ('99', 'new', '2026-03-20 08:30Z', 3)")
    for wanted in planned[3:]:
        part(settings, given, wanted)
    complete(settings, given, planned)
    # What was set back in time, as by a late commit, is found by the lookback.
    given.sources["shop"]["lookback_hours"] = 24
    land_whole_of(settings, given, NEXT)
    got = shop.execute(
        "select distinct on (_key) _key, gross_amount::int from raw.orders"
        " where _key in ('1', '9', '10#', '99') order by _key, _changed_at desc, _load_id desc"
    ).fetchall()
    assert sorted(got) == [("1", 7), ("10#", 3), ("9", 7), ("99", 3)]


def land_whole_of(settings: Settings, given: Deployment, day: date) -> None:
    extract(settings, given, "shop", "orders", day)


def test_the_ledger_holds_no_key_and_the_plan_is_gone_with_the_day(
    settings: Settings, shop: psycopg.Connection
) -> None:
    shop.execute("update shop.sales set id = 'ali' || id || '@example.org'")
    analyzed(shop)
    given = in_ranges(settings)
    planned = plan(settings, given)
    assert "@" not in json.dumps(planned)
    for wanted in planned:
        part(settings, given, wanted)
    complete(settings, given, planned)
    told = shop.execute("select string_agg(loads::text, ' ') from ops.loads as loads").fetchone()
    assert told is not None
    assert "@" not in told[0]
    assert shop.execute("select count(*) from ops.part_plans").fetchone() == (0,)


def test_the_day_is_held_by_the_sum_of_its_parts(
    settings: Settings, shop: psycopg.Connection
) -> None:
    for back in range(5, 0, -1):
        shop.execute(
            "insert into ops.loads (source, entity, family, business_date, status, covers_from,"
            " read_rows, unchanged_rows) values ('shop', 'orders', 'orders', %s, 'landed', %s,"
            " 300, 300)",
            [DAY - timedelta(days=back)] * 2,
        )
    analyzed(shop)
    given = in_ranges(settings)
    planned = plan(settings, given)
    assert is_even([part(settings, given, wanted) for wanted in planned])
    with pytest.raises(ExtractError, match=r"held: 50 rows for 2026-03-20, where 300 are usual"):
        complete(settings, given, planned)
    assert land_held(settings, given, "shop", "orders", DAY, "a quiet day").unchanged == 50
    complete(settings, given, planned)


def test_a_mark_is_that_of_the_time_before_all_parts(
    settings: Settings, shop: psycopg.Connection
) -> None:
    analyzed(shop)
    given = in_ranges(settings)
    given.sources["shop"]["entities"]["orders"]["row_versions"] = True
    given.sources["shop"]["lookback_hours"] = 0
    planned = plan(settings, given)
    with connect(settings, admin=True, database=settings.pg_database) as late:
        late.execute("insert into shop.sales values ('0', 'late', '2026-03-20 08:00Z', 1)")
        for wanted in planned:
            part(settings, given, wanted)
        complete(settings, given, planned)
        late.commit()
    land_whole_of(settings, given, NEXT)
    assert shop.execute("select count(*) from raw.orders where _key = '0'").fetchone() == (1,)


def test_a_part_whose_source_fails_says_so_and_keeps_the_others(
    settings: Settings, shop: psycopg.Connection
) -> None:
    analyzed(shop)
    given = in_ranges(settings)
    planned = plan(settings, given)
    shop.execute("alter table shop.sales rename to gone")
    with pytest.raises(SourceError, match=r"sales"):
        part(settings, given, planned[0])
    shop.execute("alter table shop.gone rename to sales")
    assert is_even([part(settings, given, wanted) for wanted in planned])
    complete(settings, given, planned)


@pytest.fixture
def web_shop(mariadb: MariaDB) -> Iterator[Callable[[str], None]]:
    mariadb.run("create database web")
    mariadb.run("grant select on web.* to moshtari@'127.0.0.1'")
    yield lambda statement: mariadb.script(statement, "web")
    mariadb.run("drop database web")


def of_mysql(mariadb: MariaDB, parts: int = 5, **columns: str) -> Deployment:
    mapping = {
        **dict.fromkeys(("discount_amount", "shipping_amount", "tax_amount"), "0"),
        **dict.fromkeys(("gross_amount", "total_amount"), "price"),
        **dict.fromkeys(("ordered_at", "updated_at"), "at"),
        "order_id": "id",
        "status": "'paid'",
        "currency": "'IRR'",
        "direction": "'sale'",
        **columns,
    }
    login = {"user": "moshtari", "password": PASSWORD, "database": "web"}
    source = {
        "kind": "mysql",
        "dsn": {"host": "127.0.0.1", "port": mariadb.port, **login},
        "timezone": "UTC",
        "parallel": {"rows_a_part": 10, "parts": parts},
        "entities": {"orders": {"table": "sales", "changed_at": "at", "columns": mapping}},
    }
    return Deployment(name="test", quarantine=Quarantine(above_share=1), sources={"shop": source})


def fill(web_shop: Callable[[str], None], kind: str, key: str) -> None:
    web_shop(f"create table sales (id {kind}, at datetime, price decimal(9, 2))")
    web_shop(
        f"insert into sales select {key}, '2026-03-20 08:00:00' + interval seq second, seq * 1.5"
        " from seq_1_to_50"
    )
    web_shop("analyze table sales")


@pytest.mark.parametrize(
    ("kind", "key", "mapped"),
    [
        ("bigint unsigned primary key", "seq", "id"),
        ("bigint", "seq", "concat('wc-', id)"),
        ("bigint", "seq", "cast(id as char)"),
        ("varchar(40) character set utf8mb4 collate utf8mb4_general_ci", "hex(seq)", "id"),
        ("varchar(40) character set utf8mb4 collate utf8mb4_unicode_ci", "concat('ک_', seq)", "id"),
        ("varchar(40) character set latin1", r"concat('it''s \\ é', seq)", "id"),
        ("char(9) character set utf8mb4 collate utf8mb4_bin", "seq", "id"),
        # Text of which several keys of the warehouse are one to the source.
        (
            "varchar(40) character set utf8mb4 collate utf8mb4_general_ci",
            "concat(elt(seq % 2 + 1, 'a', 'A'), seq div 4, repeat(' ', seq % 3))",
            "id",
        ),
        ("varchar(40) null", "if(seq % 4, null, seq)", "id"),
    ],
)
def test_parts_of_mariadb_end_in_the_rows_of_one_load(
    settings: Settings,
    pg: psycopg.Connection,
    mariadb: MariaDB,
    web_shop: Callable[[str], None],
    kind: str,
    key: str,
    mapped: str,
) -> None:
    fill(web_shop, kind, key)
    given = of_mysql(mariadb, order_id=mapped)
    land_whole_of(settings, given, DAY)
    want = pg.execute(ROWS).fetchall(), kept(pg)
    pg.execute("truncate raw.orders, quarantine.records, ops.loads cascade")

    planned = plan(settings, given)
    assert len(planned) > 1
    read = [part(settings, given, wanted) for wanted in planned]
    complete(settings, given, planned)
    assert sum(read) == 50
    assert (pg.execute(ROWS).fetchall(), kept(pg)) == want


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("enum('b', 'a', 'c')", "seq % 3 + 1"),
        ("varbinary(9)", "seq"),
        ("double", "seq / 7"),
        ("datetime", "'2026-01-01' + interval seq day"),
    ],
)
def test_keys_that_mariadb_sorts_otherwise_than_it_compares_are_not_cut_by(
    settings: Settings,
    mariadb: MariaDB,
    web_shop: Callable[[str], None],
    kind: str,
    key: str,
) -> None:
    fill(web_shop, kind, key)
    assert plan(settings, of_mysql(mariadb)) == []


def test_parts_of_mariadb_land_at_once_and_a_killed_one_again(
    settings: Settings,
    pg: psycopg.Connection,
    mariadb: MariaDB,
    web_shop: Callable[[str], None],
) -> None:
    fill(web_shop, "varchar(40)", "seq")
    given = of_mysql(mariadb)
    land_whole_of(settings, given, DAY)
    want = pg.execute(ROWS).fetchall(), kept(pg)
    pg.execute("truncate raw.orders, quarantine.records, ops.loads cascade")
    planned = plan(settings, given)
    assert len(planned) == 5
    reading = (
        "select count(*) from information_schema.processlist"
        " where user = 'moshtari' and state like '%metadata lock%'"
    )
    with mariadb.connect("web") as holder, holder.cursor() as cursor:
        cursor.execute("lock tables sales write")
        work = [lambda wanted=wanted: part(settings, given, wanted) for wanted in planned]
        with at_once(*work) as processes:
            end = time.monotonic() + NO_MORE
            while mariadb.run(reading) != [(5,)]:
                assert time.monotonic() < end
                time.sleep(0.02)
            os.kill(processes[3].pid, signal.SIGKILL)
            cursor.execute("unlock tables")
            assert exits(processes) == [0, 0, 0, -signal.SIGKILL, 0]
    with pytest.raises(ExtractError, match=r"part 4 of 5 has not landed"):
        complete(settings, given, planned)
    assert [part(settings, given, wanted) for wanted in planned] == [0, 0, 0, 10, 0]
    complete(settings, given, planned)
    assert (pg.execute(ROWS).fetchall(), kept(pg)) == want
