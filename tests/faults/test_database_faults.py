"""Shops' databases that are killed, cut off, restarted, locked, late or skewed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from tests.conftest import TestServer, free_port
from tests.faults.databases import DatabaseShop, MysqlShop, PostgresShop
from tests.faults.matrix import ALL_ROWS, NAMED, NEXT_NIGHT, Note
from tests.file_servers import line_to
from tests.http_servers import DAY, END, START
from tests.servers.mariadb import MariaDB
from tests.unit.landing.feeds import counted, visible

from moshtari.landing.errors import ExtractError
from moshtari.settings import Settings
from moshtari.warehouse.migrate import embedded_server, prepare_embedded

NEXT = DAY + timedelta(days=1)
NOON = START + timedelta(hours=12)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
ROWS = 3000


@pytest.fixture(params=["postgres", "mysql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def shop(
    kind: str, pg_server: TestServer, request: pytest.FixtureRequest
) -> Iterator[DatabaseShop]:
    """An empty shop on a server that others use too."""
    if kind == "postgres":
        name = pg_server.create_database()
        yield PostgresShop(pg_server.dsn(name))
        pg_server.drop_database(name)
    else:
        yield from in_mariadb(request.getfixturevalue("mariadb"))


@pytest.fixture
def own_shop(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[DatabaseShop]:
    """An empty shop on a server that can be restarted."""
    if kind == "mysql":
        yield from in_mariadb(request.getfixturevalue("mariadb"))
        return
    settings = Settings(home=tmp_path / "server", pg_port=free_port(), pg_database="shop")
    server = embedded_server(settings)
    try:
        prepare_embedded(settings)
        params = settings.dsn(admin=True)
        yield PostgresShop(psycopg.conninfo.make_conninfo("", **params), server)
    finally:
        server.stop()


def in_mariadb(server: MariaDB) -> Iterator[DatabaseShop]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    server.run(f"create database {name} character set utf8mb4")
    server.run(f"grant select on {name}.* to moshtari@'127.0.0.1'")
    yield MysqlShop(server, name)
    server.run(f"drop database {name}")


def assert_nothing_landed_and_all_does_next(
    shop: DatabaseShop, settings: Settings, pg: psycopg.Connection, ended: object
) -> None:
    assert isinstance(ended, ExtractError)
    assert "source shop, orders:" in str(ended)
    assert "run the day again" in str(ended)
    assert pg.execute("select status from ops.loads").fetchall() == [("failed",)]
    assert pg.execute("select count(*) from raw.orders").fetchone() == (0,)
    assert counted(shop.night(settings)) == (ROWS, ROWS, 0, 0)


def test_a_session_that_is_killed_lands_nothing(
    shop: DatabaseShop, settings: Settings, pg: psycopg.Connection, note: Note
) -> None:
    shop.fill(ROWS, NOON)
    ended = shop.struck_at_the_gate(settings, shop.kill)
    assert_nothing_landed_and_all_does_next(shop, settings, pg, ended)
    note(shop.kind, "session killed half way", NAMED)


@pytest.mark.parametrize("passed", [100, 30_000, 600_000])
def test_a_connection_that_is_cut_lands_nothing(
    shop: DatabaseShop, settings: Settings, pg: psycopg.Connection, note: Note, passed: int
) -> None:
    shop.fill(ROWS, NOON)
    with line_to("127.0.0.1", shop.port) as line:
        line.cut_after = passed
        with pytest.raises(ExtractError) as error:
            shop.night(settings, port=line.port)
    assert line.cuts == 1
    assert_nothing_landed_and_all_does_next(shop, settings, pg, error.value)
    note(shop.kind, "connection cut half way", NAMED)


@pytest.mark.parametrize("passed", [1500, 30_000, 600_000])
def test_an_answer_that_stops_on_an_open_connection_lands_nothing(
    shop: DatabaseShop, settings: Settings, pg: psycopg.Connection, note: Note, passed: int
) -> None:
    shop.fill(ROWS, NOON)
    with line_to("127.0.0.1", shop.port) as line:
        line.cut_after, line.stays_open = passed, True
        with pytest.raises(ExtractError, match="Raise read_timeout_seconds") as error:
            shop.night(settings, port=line.port, read_timeout_seconds=1)
    assert line.cuts >= 1
    assert_nothing_landed_and_all_does_next(shop, settings, pg, error.value)
    note(shop.kind, "silent half way, connection open", NAMED)


def test_a_server_that_is_restarted_lands_nothing(
    own_shop: DatabaseShop, settings: Settings, pg: psycopg.Connection, note: Note
) -> None:
    own_shop.fill(ROWS, NOON)
    ended = own_shop.struck_at_the_gate(settings, lambda _session: own_shop.restart())
    assert_nothing_landed_and_all_does_next(own_shop, settings, pg, ended)
    note(own_shop.kind, "server restarted half way", NAMED)


def test_a_server_that_is_away_is_named(
    shop: DatabaseShop, settings: Settings, pg: psycopg.Connection, note: Note
) -> None:
    with pytest.raises(ExtractError, match="dsn is right"):
        shop.night(settings, port=free_port())
    assert pg.execute("select status from ops.loads").fetchall() == [("failed",)]
    note(shop.kind, "server away", NAMED)


def test_a_table_that_is_locked_for_too_long_is_named(
    shop: DatabaseShop, settings: Settings, pg: psycopg.Connection, note: Note
) -> None:
    shop.fill(ROWS, NOON)
    with shop.held(), pytest.raises(ExtractError, match="statement timeout"):
        shop.night(settings, statement_timeout_seconds=0.3)
    assert pg.execute("select count(*) from raw.orders").fetchone() == (0,)
    assert counted(shop.night(settings)) == (ROWS, ROWS, 0, 0)
    note(shop.kind, "locked for too long", NAMED)


def test_a_table_that_is_locked_for_a_while_is_waited_for(
    shop: DatabaseShop, settings: Settings, note: Note
) -> None:
    shop.fill(ROWS, NOON)
    ended = shop.struck_at_the_gate(settings, lambda _session: None)
    assert not isinstance(ended, Exception)
    assert counted(ended) == (ROWS, ROWS, 0, 0)
    note(shop.kind, "locked for a while", "waited for")


def test_a_row_that_commits_late_comes_with_the_next_night(
    shop: DatabaseShop, settings: Settings, pg: psycopg.Connection, note: Note
) -> None:
    shop.sell("in time", NOON)
    with shop.uncommitted("late", END - MINUTE):
        assert counted(shop.night(settings)) == (1, 1, 0, 0)
    assert counted(shop.night(settings, NEXT)) == (1, 1, 0, 0)
    assert visible(pg, "order_id", NEXT) == [("in time",), ("late",)]
    note(shop.kind, "row that commits late", NEXT_NIGHT)


def test_equal_times_at_the_end_of_a_day_land_once_each(
    shop: DatabaseShop, settings: Settings, pg: psycopg.Connection, note: Note
) -> None:
    for key in ("a", "b"):
        shop.sell(f"before {key}", END - SECOND)
        shop.sell(f"at {key}", END)
    assert counted(shop.night(settings)) == (2, 2, 0, 0)
    # Committed after the night, and of the very second that its last row had.
    shop.sell("before c", END - SECOND)
    assert counted(shop.night(settings, NEXT)) == (5, 3, 2, 0)
    names = [*(f"at {key}" for key in "ab"), *(f"before {key}" for key in "abc")]
    assert visible(pg, "order_id", NEXT) == [(name,) for name in names]
    assert pg.execute("select count(*) from raw.orders").fetchone() == (5,)
    note(shop.kind, "equal times at the end of the day", ALL_ROWS)


def test_a_row_that_changes_twice_in_a_night_lands_as_it_is(
    shop: DatabaseShop, settings: Settings, pg: psycopg.Connection, note: Note
) -> None:
    shop.sell("1", NOON)
    shop.night(settings)
    shop.touch("1", END + MINUTE, "sent")
    shop.touch("1", END + 2 * MINUTE, "returned")
    assert counted(shop.night(settings, NEXT)) == (1, 1, 0, 0)
    # And while the night runs: what came after its reading comes with its own day.
    shop.touch("1", END + timedelta(days=1, minutes=1), "paid again")
    assert counted(shop.night(settings, NEXT)) == (0, 0, 0, 0)
    assert counted(shop.night(settings, NEXT + timedelta(days=1))) == (1, 1, 0, 0)
    assert pg.execute("select status from raw.orders order by _load_id").fetchall() == [
        ("paid",),
        ("returned",),
        ("paid again",),
    ]
    note(shop.kind, "row that changes twice in a night", "its last state, once")


@pytest.mark.parametrize("ahead", [timedelta(minutes=3), timedelta(hours=30)])
def test_a_clock_that_is_fast_loses_nothing(
    shop: DatabaseShop,
    settings: Settings,
    pg: psycopg.Connection,
    note: Note,
    ahead: timedelta,
) -> None:
    """The row is there tonight and says tomorrow: it comes with the day that it says."""
    shop.sell("in time", NOON)
    shop.sell("fast", END + ahead)
    assert counted(shop.night(settings)) == (1, 1, 0, 0)
    shop.night(settings, NEXT)
    shop.night(settings, NEXT + timedelta(days=1))
    assert visible(pg, "order_id", NEXT + timedelta(days=1)) == [("fast",), ("in time",)]
    note(shop.kind, "clock that is fast", "all rows, on the days that they say")


def test_missed_nights_come_with_the_next(
    shop: DatabaseShop, settings: Settings, pg: psycopg.Connection, note: Note
) -> None:
    shop.sell("0", NOON)
    shop.night(settings)
    for number in (1, 2, 3, 4):
        shop.sell(str(number), NOON + timedelta(days=number))
    assert counted(shop.night(settings, DAY + timedelta(days=4))) == (4, 4, 0, 0)
    # Each is known from its own day on.
    for number in (1, 2, 3, 4):
        on = DAY + timedelta(days=number)
        assert len(visible(pg, "order_id", on)) == number + 1
    note(shop.kind, "three missed nights", NEXT_NIGHT)


def test_an_old_night_again_takes_nothing_back(
    shop: DatabaseShop, settings: Settings, pg: psycopg.Connection, note: Note
) -> None:
    shop.sell("1", NOON)
    shop.night(settings)
    shop.touch("1", NOON + timedelta(days=1), "sent")
    shop.sell("2", NOON + timedelta(days=1))
    shop.night(settings, NEXT)
    before = visible(pg, "order_id, status", NEXT)
    assert counted(shop.night(settings))[1] == 0
    assert visible(pg, "order_id, status", NEXT) == before == [("1", "sent"), ("2", "paid")]
    note(shop.kind, "an old night again", "nothing twice, nothing taken back")


@pytest.mark.parametrize("kind", ["postgres"])
def test_a_row_that_is_deleted_gets_a_tombstone_by_its_key(
    shop: DatabaseShop, settings: Settings, pg: psycopg.Connection, note: Note
) -> None:
    for key in ("1", "2"):
        shop.sell(key, NOON)
    shop.night(settings)
    shop.run("delete from sales where id = '1'")
    shop.night(settings, NEXT, nightly_keys=True)
    assert visible(pg, "order_id", DAY) == [("1",), ("2",)]
    assert visible(pg, "order_id", NEXT) == [("2",)]
    note(shop.kind, "row that is deleted", "known by the next comparison of keys")


def test_a_backfill_while_the_night_runs_takes_nothing_back(
    shop: DatabaseShop, settings: Settings, pg: psycopg.Connection, note: Note
) -> None:
    shop.sell("1", NOON)
    shop.sell("2", NOON)
    shop.night(settings)
    shop.touch("1", NOON + timedelta(days=1), "sent")
    shop.sell("3", NOON + timedelta(days=1))
    both = [shop.start(settings, on) for on in (NEXT, DAY)]
    ended = [run.result(timeout=60) for run in both]
    assert [summary.quarantined for summary in ended] == [0, 0]
    assert visible(pg, "order_id, status", NEXT) == [("1", "sent"), ("2", "paid"), ("3", "paid")]
    assert visible(pg, "order_id, status", DAY) == [("1", "paid"), ("2", "paid")]
    assert pg.execute("select count(*) from raw.orders").fetchone() == (4,)
    note(shop.kind, "backfill while the night runs", ALL_ROWS)
