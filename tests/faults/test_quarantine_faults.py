"""Replays under attack: killed between any two steps, and doubled, each record lands once.

A replay is a process of its own, held at a known place by a lock that a trigger or its next
statement waits for, and struck there.
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

from moshtari.landing.extract import extract
from moshtari.landing.quarantine import Selection
from moshtari.landing.replay import replay
from moshtari.settings import Deployment, Settings
from moshtari.warehouse.connection import connect

DAY = date(2026, 3, 20)
BAD = 50
PROGRAM = """
import json, sys
from moshtari.landing.quarantine import Selection
from moshtari.landing.replay import replay
from moshtari.settings import Deployment, Settings
done = replay(Settings(), Deployment(**json.loads(sys.argv[1])), Selection())
print(sum(load.replayed for load in done))
"""
# Held by whoever wants a replay to wait just before the step that the trigger guards.
GATE = 4711
TRIGGER = """
create function public.wait_at_gate() returns trigger language plpgsql security definer as $$
begin
    perform pg_advisory_xact_lock_shared(4711);
    return new;
end
$$;
create trigger wait before {event} on {table} for each row execute function public.wait_at_gate()
"""
PLACES = {
    "choosing the records": None,
    "landing the rows": ("insert", "raw.orders"),
    "marking the records": ("update", "quarantine.records"),
    "finishing the ledger": ("update of read_rows", "ops.loads"),
}


@pytest.fixture
def shop(settings: Settings, pg: psycopg.Connection) -> psycopg.Connection:
    """100 orders, of which each second is in quarantine."""
    pg.execute(
        f"""
        create schema shop;
        create table shop.sales as
        select
            n as id,
            timestamptz '2026-03-20 12:00+03:30' as placed,
            case when n % 2 = 0 then 'NaN' else n::numeric end as price
        from generate_series(1, {2 * BAD}) as n
        """
    )
    extract(settings, deployment(settings), "shop", "orders", DAY)
    assert left_open(pg) == BAD
    return pg


def deployment(settings: Settings, price: str = "price") -> Deployment:
    dsn = " ".join(f"{name}={value}" for name, value in settings.dsn(admin=True).items())
    columns = {
        **dict.fromkeys(("discount_amount", "shipping_amount", "tax_amount"), "0"),
        "order_id": "id",
        "ordered_at": "placed",
        "updated_at": "placed",
        "status": "'paid'",
        "currency": "'IRR'",
        "gross_amount": price,
        "total_amount": price,
        "direction": "'sale'",
    }
    orders = {"table": "shop.sales", "changed_at": "placed", "columns": columns}
    source = {"kind": "postgres", "dsn": dsn, "entities": {"orders": orders}}
    # That half of the rows are bad is what is wanted here.
    return Deployment.model_validate(
        {"name": "test", "quarantine": {"above_share": 1}, "sources": {"shop": source}}
    )


def mended(settings: Settings) -> Deployment:
    return deployment(settings, "coalesce(nullif(price, 'NaN'), 0)")


def start(settings: Settings) -> subprocess.Popen[str]:
    environment = os.environ | {
        "MOSHTARI_HOME": str(settings.home),
        "MOSHTARI_PG_PORT": str(settings.pg_port),
        "MOSHTARI_PG_DATABASE": settings.pg_database,
    }
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, mended(settings).model_dump_json()],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def held(settings: Settings, place: str) -> Iterator[None]:
    """A replay waits at the place until this ends."""
    where = PLACES[place]
    with connect(settings, admin=True, database=settings.pg_database) as other:
        if where is None:
            other.execute("select 1 from quarantine.records for update")
        else:
            event, table = where
            with connect(
                settings, admin=True, database=settings.pg_database, autocommit=True
            ) as admin:
                admin.execute(TRIGGER.format(event=event, table=table).encode())
            other.execute("select pg_advisory_xact_lock(%s)", [GATE])
        yield


def wait_for_waiters(
    pg: psycopg.Connection, process: subprocess.Popen[str], count: int = 1
) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        row = pg.execute(
            "select count(*) from pg_stat_activity where application_name = 'moshtari replay'"
            " and datname = current_database() and wait_event_type = 'Lock'"
        ).fetchone()
        if row is not None and row[0] >= count:
            return
        if process.poll() is not None:
            pytest.fail(f"the process ended early: {process.communicate()[1]}")
        time.sleep(0.02)
    pytest.fail("the process never came to the place where it was to be struck")


def left_open(pg: psycopg.Connection) -> int:
    row = pg.execute("select count(*) from quarantine.records where status = 'open'").fetchone()
    assert row is not None
    return int(row[0])


def assert_each_landed_once(pg: psycopg.Connection) -> None:
    assert left_open(pg) == 0
    assert pg.execute("select count(*), count(distinct _key) from raw.orders").fetchone() == (
        2 * BAD,
        2 * BAD,
    )
    # Every record names the load that brought its row, and the ledger's figures are raw's.
    assert pg.execute(
        """
        select count(*)
        from quarantine.records as records
        inner join raw.orders as orders
            on orders._key = records.position and orders._load_id = records.replay_load_id
        where records.status = 'replayed'
        """
    ).fetchone() == (BAD,)
    assert pg.execute(
        """
        select sum(landed_rows), sum((details ->> 'replayed')::int)
        from ops.loads
        where status = 'landed'
        """
    ).fetchone() == (2 * BAD, BAD)


@pytest.mark.parametrize("place", PLACES)
def test_a_killed_replay_leaves_its_records_open_and_the_next_lands_them(
    settings: Settings, shop: psycopg.Connection, place: str, note: Note
) -> None:
    with held(settings, place):
        process = start(settings)
        wait_for_waiters(shop, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert left_open(shop) == BAD
    assert shop.execute("select count(*) from raw.orders").fetchone() == (BAD,)
    (done,) = replay(settings, mended(settings), Selection())
    assert (done.replayed, done.landed) == (BAD, BAD)
    assert_each_landed_once(shop)
    assert shop.execute("select error from ops.loads where status = 'failed'").fetchall() == [
        ("the process ended before the load did",)
    ]
    note(
        "quarantine",
        f"replay killed (-9) while {place}",
        "records stay open; run again: each lands once",
    )


@pytest.mark.parametrize("place", ["choosing the records", "marking the records"])
def test_two_replays_at_once_share_no_record(
    settings: Settings, shop: psycopg.Connection, place: str, note: Note
) -> None:
    with held(settings, place):
        processes = [start(settings), start(settings)]
        wait_for_waiters(shop, processes[1], count=2)
    told = sorted(int(process.communicate(timeout=120)[0]) for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert told == [0, BAD]
    assert_each_landed_once(shop)
    note("quarantine", "two replays at once", "each record lands once")


def test_a_night_and_a_replay_take_turns(
    settings: Settings, shop: psycopg.Connection, note: Note
) -> None:
    with held(settings, "landing the rows"):
        process = start(settings)
        wait_for_waiters(shop, process)
    extract(settings, mended(settings), "shop", "orders", DAY)
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert left_open(shop) == 0
    assert shop.execute("select count(*), count(distinct _key) from raw.orders").fetchone() == (
        2 * BAD,
        2 * BAD,
    )
    note("quarantine", "night and replay at once", "they take turns")


@pytest.mark.slow
def test_replays_killed_anywhere_land_each_record_once(
    settings: Settings, shop: psycopg.Connection, note: Note
) -> None:
    chance = random.Random(20260320)
    for attempt in range(8):
        process = start(settings)
        time.sleep(chance.uniform(0.5, 1.5))
        process.kill()
        process.communicate()
        opened = left_open(shop)
        landed = shop.execute("select count(*) from raw.orders").fetchone()
        assert (opened, landed) in [(BAD, (BAD,)), (0, (2 * BAD,))], f"after kill {attempt}"
    replay(settings, mended(settings), Selection())
    assert_each_landed_once(shop)
    note(
        "quarantine",
        "replays killed (-9) at any time, one after the other",
        "records stay open; run again: each lands once",
    )
