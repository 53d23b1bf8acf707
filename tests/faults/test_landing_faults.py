"""Landing under attack: killed, cut off and doubled, it ends in the rows it would have had.

The attempts are processes of their own, held at a known place by a lock on the table that they need
next, and struck there; some are struck wherever they happen to be.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import psycopg
import pytest
from tests.faults.matrix import Note

from moshtari.landing import ledger
from moshtari.landing.contract import Entity
from moshtari.landing.extract import LoadSummary, extract
from moshtari.settings import Deployment, Settings
from moshtari.warehouse.connection import connect

DAY = date(2026, 3, 20)
ROWS = 30_000
PROGRAM = """
import json, os, sys
from datetime import date
from moshtari.landing import ledger
from moshtari.landing.contract import Entity
from moshtari.landing.extract import extract
from moshtari.settings import Deployment, Settings
deployment = Deployment(**json.loads(sys.argv[1]))
for summary in extract(Settings(), deployment, "shop", "orders", date(2026, 3, 20)):
    print(summary.read, summary.landed, summary.unchanged, summary.quarantined)
"""
FINGERPRINT = """
select
    count(*),
    count(distinct _key),
    md5(string_agg((to_jsonb(orders) - '_load_id')::text, ',' order by _key))
from raw.orders
"""


@pytest.fixture
def shop(pg: psycopg.Connection) -> psycopg.Connection:
    """30,000 orders, three of which cannot be landed."""
    pg.execute(
        f"""
        create schema shop;
        create table shop.sales as
        select n as id, timestamptz '2026-03-20 12:00+03:30' as at, (n % 900)::numeric as price
        from generate_series(1, {ROWS}) as n;
        update shop.sales set price = 'NaN' where id in (7, 77, 777);
        """
    )
    return pg


def deployment(settings: Settings) -> Deployment:
    dsn = " ".join(f"{name}={value}" for name, value in settings.dsn(admin=True).items())
    zeros = dict.fromkeys(("discount_amount", "shipping_amount", "tax_amount"), "0")
    columns = {
        "order_id": "id",
        "ordered_at": "at",
        "updated_at": "at",
        "status": "'paid'",
        "currency": "'IRR'",
        "gross_amount": "price",
        "total_amount": "price",
        "direction": "'sale'",
        **zeros,
    }
    orders = {"table": "shop.sales", "changed_at": "at", "columns": columns}
    source = {"kind": "postgres", "dsn": dsn, "entities": {"orders": orders}}
    return Deployment(name="test", sources={"shop": source})


def start(settings: Settings) -> subprocess.Popen[str]:
    """A process that lands the day."""
    environment = os.environ | {
        "MOSHTARI_HOME": str(settings.home),
        "MOSHTARI_PG_PORT": str(settings.pg_port),
        "MOSHTARI_PG_DATABASE": settings.pg_database,
    }
    given = deployment(settings).model_dump_json()
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, given],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def land(settings: Settings) -> LoadSummary:
    return extract(settings, deployment(settings), "shop", "orders", DAY)[0]


@contextmanager
def held(settings: Settings, table: str) -> Iterator[None]:
    """Whoever needs the table next waits until this ends."""
    with connect(settings, admin=True, database=settings.pg_database) as other:
        other.execute(f"lock table {table} in access exclusive mode".encode())
        yield


def wait_for(pg: psycopg.Connection, question: str, process: subprocess.Popen[str]) -> int:
    """The backend pid that the question finds, once it does."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        row = pg.execute(question.encode()).fetchone()
        if row is not None:
            return int(row[0])
        if process.poll() is not None:
            pytest.fail(f"the process ended early: {process.communicate()[1]}")
        time.sleep(0.02)
    pytest.fail("the process never came to the place where it was to be struck")


def waits_for_lock(application: str) -> str:
    return f"""
        select pid from pg_stat_activity
        where application_name = '{application}' and datname = current_database()
            and wait_event_type = 'Lock'
    """


PLACES = {
    "reading the source": ("shop.sales", "moshtari"),
    "comparing and inserting": ("raw.orders", "moshtari landing"),
    "keeping the rejected": ("quarantine.records", "moshtari landing"),
}


def statuses(pg: psycopg.Connection) -> list[tuple[str, int]]:
    return pg.execute("select status, count(*) from ops.loads group by 1 order by 1").fetchall()


def assert_all_is_in(pg: psycopg.Connection) -> None:
    """Raw and quarantine as one undisturbed load leaves them."""
    row = pg.execute(FINGERPRINT).fetchone()
    assert row is not None
    assert row[:2] == (ROWS - 3, ROWS - 3)
    assert pg.execute("select count(*) from quarantine.records").fetchone() == (3,)
    assert pg.execute(
        "select count(*) from raw.orders where _known_from <> '-infinity'"
    ).fetchone() == (0,)
    # Every row belongs to a load that the ledger calls landed, and their numbers agree.
    assert pg.execute(
        """
        select count(*)
        from (
            select loads.load_id
            from ops.loads as loads
            left join raw.orders as orders on orders._load_id = loads.load_id
            group by loads.load_id
            having count(orders._load_id)
                <> case when loads.status = 'landed' then loads.landed_rows else 0 end
        ) as wrong
        """
    ).fetchone() == (0,)


@pytest.mark.parametrize("place", PLACES)
def test_a_killed_process_leaves_nothing_and_the_next_brings_all(
    settings: Settings, shop: psycopg.Connection, place: str, note: Note
) -> None:
    table, application = PLACES[place]
    with held(settings, table):
        process = start(settings)
        wait_for(shop, waits_for_lock(application), process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert shop.execute("select count(*) from raw.orders").fetchone() == (0,)
    assert statuses(shop) == [("running", 1)]
    summary = land(settings)
    assert (summary.landed, summary.quarantined) == (ROWS - 3, 3)
    assert_all_is_in(shop)
    assert statuses(shop) == [("failed", 1), ("landed", 1)]
    error = shop.execute("select error from ops.loads where status = 'failed'").fetchone()
    assert error == ("the process ended before the load did",)
    note(
        "landing",
        f"process killed (-9) while {place}",
        "nothing stays; run again, all rows",
    )


@pytest.mark.parametrize("place", ["comparing and inserting", "keeping the rejected"])
def test_a_warehouse_session_that_is_ended_is_a_failure_that_a_rerun_mends(
    settings: Settings, shop: psycopg.Connection, place: str, note: Note
) -> None:
    table, application = PLACES[place]
    with held(settings, table):
        process = start(settings)
        backend = wait_for(shop, waits_for_lock(application), process)
        shop.execute("select pg_terminate_backend(%s)", [backend])
        _, told = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "source shop, orders: the warehouse gave up" in told
    assert statuses(shop) == [("failed", 1)]
    land(settings)
    assert_all_is_in(shop)
    note(
        "landing",
        f"warehouse session ended while {place}",
        "nothing stays; run again, all rows",
    )


def test_a_source_session_that_is_ended_is_a_failure_that_a_rerun_mends(
    settings: Settings, shop: psycopg.Connection, note: Note
) -> None:
    with held(settings, "shop.sales"):
        process = start(settings)
        backend = wait_for(shop, waits_for_lock("moshtari"), process)
        shop.execute("select pg_terminate_backend(%s)", [backend])
        _, told = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "source shop, orders:" in told
    assert "run the day again" in told
    assert statuses(shop) == [("failed", 1)]
    land(settings)
    assert_all_is_in(shop)
    note("postgres", "session killed half way", "stopped")


@pytest.mark.slow
def test_processes_killed_anywhere_end_in_the_same_rows(
    settings: Settings, shop: psycopg.Connection, note: Note
) -> None:
    chance = random.Random(20260320)
    for attempt in range(1, 7):
        process = start(settings)
        begun = f"select {attempt} from ops.loads having count(*) >= {attempt}"
        wait_for(shop, begun, process)
        time.sleep(chance.uniform(0, 0.6))
        process.kill()
        process.communicate()
    land(settings)
    assert_all_is_in(shop)
    left = dict(statuses(shop))
    assert "running" not in left
    assert sum(left.values()) == 7
    assert land(settings).unchanged == ROWS - 3
    note(
        "landing",
        "processes killed (-9) at any time, one after the other",
        "nothing stays; run again, all rows",
    )


def test_two_processes_of_one_night_take_turns(
    settings: Settings, shop: psycopg.Connection, note: Note
) -> None:
    with held(settings, "raw.orders"):
        processes = [start(settings), start(settings)]
        wait_for(shop, "select 1 from ops.loads having count(*) = 2", processes[0])
        waiting = f"select 1 from ({waits_for_lock('moshtari landing')}) as w having count(*) = 2"
        wait_for(shop, waiting, processes[1])
        # The one that waits is alive: the other must not take it for dead.
        assert statuses(shop) == [("running", 2)]
    told = sorted(process.communicate(timeout=120)[0].strip() for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert told == [f"{ROWS} 0 {ROWS - 3} 3", f"{ROWS} {ROWS - 3} 0 3"]
    assert_all_is_in(shop)
    assert statuses(shop) == [("landed", 2)]
    note("landing", "two runs of a night at once", "they take turns")


def test_an_attempt_that_was_overtaken_begins_anew(
    settings: Settings, shop: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, note: Note
) -> None:
    # Load ids order the versions of a key, so they must follow the order of the turns.
    take_turn = ledger.take_turn
    inner: list[LoadSummary] = []

    def take_turn_late(connection: psycopg.Connection, source: str, entity: Entity) -> bool:
        if not inner:
            monkeypatch.setattr(ledger, "take_turn", take_turn)
            inner.append(land(settings))
        return take_turn(connection, source, entity)

    monkeypatch.setattr(ledger, "take_turn", take_turn_late)
    outer = land(settings)
    assert outer.load_id > inner[0].load_id
    assert outer.unchanged == inner[0].landed == ROWS - 3
    rows = shop.execute("select status, error from ops.loads order by load_id").fetchall()
    assert rows == [
        ("failed", "overtaken by a later attempt; begun again"),
        ("landed", None),
        ("landed", None),
    ]
    note("landing", "run overtaken by a later one", "it begins anew")
