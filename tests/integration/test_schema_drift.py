"""Columns that come, go or change their type at a source: no value lost, no version doubled."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from rich.console import Console
from tests.drifting_shops import ORDERS, File, Mysql, Postgres, Shop, sales
from typer.testing import CliRunner

from moshtari.landing import holding, schema
from moshtari.landing.errors import ExtractError, LandingError
from moshtari.landing.extract import extract
from moshtari.landing.quarantine import Selection
from moshtari.landing.replay import replay
from moshtari.operations import doctor, status
from moshtari.operations.quarantine_commands import Deployed
from moshtari.operations.schema_commands import app
from moshtari.settings import Quarantine, Settings
from moshtari.warehouse.migrate import migrate

DAY = date(2026, 3, 20)
KINDS = ("postgres", "mysql", "csv", "tsv", "jsonl", "parquet", "xlsx")
TYPED = ("postgres", "mysql", "parquet")
Record = Callable[[str, object], None]
Counted = tuple[int, int, int, int]


@pytest.fixture
def shop(
    request: pytest.FixtureRequest, settings: Settings, pg: psycopg.Connection, tmp_path: Path
) -> Iterator[Shop]:
    kind = getattr(request, "param", "postgres")
    if kind == "postgres":
        yield Postgres(settings, pg)
    elif kind == "mysql":
        server = request.getfixturevalue("mariadb")
        name = f"test_{uuid.uuid4().hex[:12]}"
        server.run(f"create database {name}")
        server.run(f"grant select on {name}.* to moshtari@'127.0.0.1'")
        yield Mysql(server, name)
        server.run(f"drop database {name}")
    else:
        yield File(tmp_path, kind)


every_kind = pytest.mark.parametrize("shop", KINDS, indirect=True)
typed_kinds = pytest.mark.parametrize("shop", TYPED, indirect=True)


def night(
    settings: Settings,
    shop: Shop,
    number: int = 0,
    columns: dict[str, str] | None = None,
    **deployment: Any,
) -> Counted:
    day = DAY + timedelta(days=number)
    found = shop.deployment(columns, **deployment)
    [summary] = extract(settings, found, "shop", "orders", day)
    return summary.read, summary.landed, summary.unchanged, summary.quarantined


def details(pg: psycopg.Connection) -> dict[str, Any]:
    """What the ledger tells of the latest load that read anything."""
    row = pg.execute(
        "select details from ops.loads where read_rows > 0 and status = 'landed'"
        " order by load_id desc limit 1"
    ).fetchone()
    assert row is not None
    found: dict[str, Any] = row[0]
    return found


def kept(pg: psycopg.Connection, key: str = "1") -> list[Any]:
    rows = pg.execute(
        "select _extra from raw.orders where _key = %s order by _load_id", [key]
    ).fetchall()
    return [row[0] for row in rows]


def landed(pg: psycopg.Connection) -> int:
    row = pg.execute("select count(*) from raw.orders").fetchone()
    assert row is not None
    return int(row[0])


@every_kind
def test_a_new_column_is_kept_and_told_until_it_is_accepted(
    settings: Settings, pg: psycopg.Connection, shop: Shop, record_property: Record,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    shop.write(sales())
    assert night(settings, shop) == (40, 40, 0, 0)
    assert schema.pending(pg) == []

    # Half of the rows say something in it: they have changed, the others have not.
    rows = sales(gift=None)
    for row in rows[:20]:
        row["gift"] = "yes"
    shop.write(rows)
    assert night(settings, shop, 1) == (40, 20, 20, 0)
    assert details(pg)["new_columns"] == ["gift"]
    assert kept(pg) == [None, {"gift": "yes"}]
    assert kept(pg, "40") == [None]
    assert "new at the source, kept in _extra: gift" in caplog.text
    [pending] = schema.pending(pg)
    assert str(pending).startswith("shop.orders: gift")

    # The same again is nothing new; another value, or none, is.
    shop.write([{**row, "state": "sent"} if row["id"] == "40" else row for row in rows])
    assert night(settings, shop, 2) == (40, 1, 39, 0)
    rows[0]["gift"], rows[1]["gift"] = "no", None
    rows[39]["state"] = "sent"
    shop.write(rows)
    assert night(settings, shop, 3) == (40, 2, 38, 0)
    assert kept(pg) == [None, {"gift": "yes"}, {"gift": "no"}]
    assert kept(pg, "2") == [None, {"gift": "yes"}, None]

    # Known from now on: no row is another for that.
    assert [item.column for item in schema.accept(pg, "shop", None)] == ["gift"]
    rows[0]["gift"] = "perhaps"
    rows[39]["state"] = "back"
    shop.write(rows)
    assert night(settings, shop, 4) == (40, 1, 39, 0)
    assert "new_columns" not in details(pg)
    with pytest.raises(LandingError, match="no column is new"):
        schema.accept(pg, "shop", "orders")
    record_property("fault", f"{shop.kind}|new column|kept with its rows and told")


@every_kind
def test_a_new_column_that_the_mapping_uses_is_known(
    settings: Settings, pg: psycopg.Connection, shop: Shop
) -> None:
    shop.write(sales())
    night(settings, shop)
    shop.write(sales(shelf="a"))
    assert night(settings, shop, 1) == (40, 40, 0, 0)
    assert len(schema.pending(pg)) == 1
    # A file is read again when its content changes.
    shop.write([*sales(39, shelf="a"), {**sales(shelf="a")[-1], "state": "sent"}])
    found = night(settings, shop, 2, {"channel": "shelf"})
    assert found == (40, 40, 0, 0)
    assert schema.pending(pg) == []
    row = pg.execute(
        "select channel, _extra from raw.orders order by _load_id desc limit 1"
    ).fetchone()
    assert row == ("a", None)


@every_kind
def test_a_renamed_column_stops_with_its_new_name(
    settings: Settings, pg: psycopg.Connection, shop: Shop, record_property: Record
) -> None:
    shop.write(sales())
    night(settings, shop)
    rows = [{("price_total" if n == "price" else n): v for n, v in row.items()} for row in sales()]
    shop.write(rows, price_total="number")
    with pytest.raises(ExtractError) as told:
        night(settings, shop, 1)
    message = str(told.value)
    assert "'price'" in message
    assert "'price_total'" in message
    assert "ay be called 'price_total' now" in message
    assert landed(pg) == 40
    assert schema.pending(pg) == []
    shop.write(sales())
    assert night(settings, shop, 1) == (
        (40, 0, 40, 0) if "files" not in shop.kind else (0, 0, 0, 0)
    )
    record_property("fault", f"{shop.kind}|renamed column|named, with its likely new name")


@every_kind
def test_a_lost_column_stops(
    settings: Settings, pg: psycopg.Connection, shop: Shop, record_property: Record
) -> None:
    shop.write(sales())
    night(settings, shop)
    shop.write([{n: v for n, v in row.items() if n != "state"} for row in sales()])
    with pytest.raises(ExtractError, match="'state'"):
        night(settings, shop, 1)
    assert landed(pg) == 40
    record_property("fault", f"{shop.kind}|lost column|named; nothing landed")


@typed_kinds
def test_a_changed_type_whose_values_fit_is_read_on_and_told(
    settings: Settings, pg: psycopg.Connection, shop: Shop, record_property: Record
) -> None:
    shop.write(sales())
    night(settings, shop)
    words = shop.words
    rows = sales()
    rows[0]["state"] = "sent"
    shop.write(rows, price="text")
    before = night(settings, shop, 1)
    assert before[0] == 40
    assert before[3] == 0
    change = {"price": f"{words['number']} -> {words['text']}"}
    assert details(pg)["changed_types"] == change
    [pending] = schema.pending(pg)
    assert str(pending) == f"shop.orders: price was {words['number']} and is {words['text']}"
    # Back as it was, it is nothing to be told any more.
    rows[0]["state"] = "back"
    shop.write(rows)
    night(settings, shop, 2)
    assert "changed_types" not in details(pg)
    assert schema.pending(pg) == []
    # Once accepted, the new type is the known one.
    rows[0]["state"] = "lost"
    shop.write(rows, price="text")
    night(settings, shop, 3)
    assert len(schema.accept(pg, "shop", "orders")) == 1
    rows[0]["state"] = "found"
    shop.write(rows, price="text")
    night(settings, shop, 4)
    assert "changed_types" not in details(pg)
    record_property("fault", f"{shop.kind}|changed type|read on and told")


@every_kind
def test_a_few_values_that_do_not_fit_go_to_quarantine(
    settings: Settings, pg: psycopg.Connection, shop: Shop, record_property: Record
) -> None:
    shop.write(sales())
    night(settings, shop)
    rows = sales()
    for row in rows[:4]:
        row["price"] = "free"
    shop.write(rows, price="text")
    found = night(settings, shop, 1)
    assert found == (40, 0, 36, 4)
    record_property("fault", f"{shop.kind}|type changed, few rows do not fit|quarantined")


@every_kind
def test_many_values_that_do_not_fit_stop_the_load_until_they_are_accepted(
    settings: Settings, pg: psycopg.Connection, shop: Shop, record_property: Record
) -> None:
    shop.write(sales())
    night(settings, shop)
    rows = sales()
    for row in rows[:5]:
        row["price"] = "free"
    rows[39]["state"] = "sent"
    shop.write(rows, price="text")
    day = DAY + timedelta(days=1)
    with pytest.raises(ExtractError) as told:
        night(settings, shop, 1)
    message = str(told.value)
    assert f"held: 5 of 40 rows for {day} would go to quarantine" in message
    assert f"moshtari accept-load shop orders --date {day}" in message
    assert "price" in message or "gross_amount" in message
    assert "free" not in message
    assert landed(pg) == 40
    assert pg.execute("select count(*) from quarantine.records").fetchone() == (0,)
    assert pg.execute(
        "select status, read_rows, quarantined_rows from ops.loads order by load_id desc limit 1"
    ).fetchone() == ("held", 40, 5)
    if shop.words:
        words = shop.words
        assert f"the type of price has changed: {words['number']} -> {words['text']}" in message

    assert holding.accept(pg, "shop", "orders", day, "free goods") == 40
    assert night(settings, shop, 1) == (40, 1, 34, 5)
    # More than were accepted are held again.
    rows[6]["price"] = "free"
    shop.write(rows, price="text")
    with pytest.raises(ExtractError, match="held: 6 of 40 rows"):
        night(settings, shop, 1)
    record_property("fault", f"{shop.kind}|type changed, many rows do not fit|held with figures")


def test_the_share_may_be_set_for_a_source(settings: Settings, shop: Shop) -> None:
    rows = sales()
    for row in rows[:20]:
        row["price"] = "free"
    shop.write(rows, price="text")
    with pytest.raises(ExtractError, match="held: 20 of 40 rows"):
        night(settings, shop)
    with pytest.raises(ExtractError, match="held: 20 of 40 rows"):
        night(settings, shop, quarantine=Quarantine(shares={"shop": 1, "shop.orders": 0.4}))
    assert night(settings, shop, quarantine=Quarantine(fewest_rows=41)) == (40, 20, 0, 20)


@every_kind
def test_a_column_that_is_suddenly_empty_is_told(
    settings: Settings, pg: psycopg.Connection, shop: Shop, record_property: Record,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    for number in range(6):
        rows = sales()
        rows[0]["state"] = str(number)
        shop.write(rows)
        night(settings, shop, number)
        assert "suddenly_empty" not in details(pg)
    shop.write([{**row, "campaign": None} for row in sales()])
    night(settings, shop, 6)
    assert details(pg)["suddenly_empty"] == ["campaign"]
    assert "empty in every row, which they never were: campaign" in caplog.text
    record_property("fault", f"{shop.kind}|column suddenly null in every row|landed and told")


def test_a_first_load_that_goes_straight_in_keeps_new_columns(
    settings: Settings, pg: psycopg.Connection, shop: Shop
) -> None:
    shop.write(sales())
    pg.execute("truncate shop.sales")
    assert night(settings, shop) == (0, 0, 0, 0)
    shop.write(sales(gift="yes", note=None))
    assert night(settings, shop, 1) == (40, 40, 0, 0)
    assert kept(pg) == [{"gift": "yes"}]
    assert details(pg)["new_columns"] == ["gift", "note"]


def test_a_new_column_does_not_keep_quarantine_from_being_replayed(
    settings: Settings, pg: psycopg.Connection, shop: Shop
) -> None:
    shop.write(sales())
    night(settings, shop)
    rows = sales(gift="yes")
    rows[0]["price"] = "free"
    shop.write(rows, price="text")
    assert night(settings, shop, 1) == (40, 39, 0, 1)
    rows[0]["price"] = "7"
    shop.write(rows, price="text")
    [done] = replay(settings, shop.deployment(), Selection())
    assert (done.replayed, done.landed) == (1, 1)
    assert night(settings, shop, 2) == (40, 1, 39, 0)
    assert kept(pg) == [None, None, {"gift": "yes"}]


def test_a_login_that_sees_some_columns_only_is_told_nothing(
    settings: Settings, pg: psycopg.Connection, shop: Shop
) -> None:
    shop.write(sales())
    pg.execute("create role narrow login password 'narrow'")
    try:
        pg.execute("grant usage on schema shop to narrow")
        pg.execute("grant select (id, placed, state, price, campaign) on shop.sales to narrow")
        pg.execute("alter table shop.sales add column secret text")
        assert isinstance(shop, Postgres)
        params = {**settings.dsn(admin=True), "user": "narrow", "password": "narrow"}
        shop.dsn = " ".join(f"{k}={v}" for k, v in params.items())
        assert night(settings, shop) == (40, 40, 0, 0)
        assert pg.execute("select count(*) from ops.source_columns").fetchone() == (0,)
    finally:
        pg.execute("drop owned by narrow; drop role narrow")


def test_strange_names_and_values_are_kept(
    settings: Settings, pg: psycopg.Connection, shop: Shop
) -> None:
    shop.write(sales())
    night(settings, shop)
    pg.execute(
        """
        alter table shop.sales
        add column "Gift's ""Wrap"" %" text default 'a''b"c\\d',
        add column "channel" bytea default '\\xff00',
        add column "list" numeric[] default '{1.50,NaN}'
        """
    )
    assert night(settings, shop, 1) == (40, 40, 0, 0)
    assert kept(pg)[-1] == {
        'Gift\'s "Wrap" %': "a'b\"c\\d",
        "channel": "\\xff00",
        "list": "{1.50,NaN}",
    }


@pytest.mark.parametrize("shop", ["mysql"], indirect=True)
def test_strange_names_and_values_of_mysql_are_kept(
    settings: Settings, pg: psycopg.Connection, shop: Shop
) -> None:
    assert isinstance(shop, Mysql)
    shop.write(sales())
    night(settings, shop)
    shop.server.run(
        """
        alter table sales
        add column `Gift's ``Wrap`` %` varchar(40) default 'a''b"c',
        add column `channel` varbinary(10) default x'ff00',
        add column `single` float default 0.1,
        add column `flag` bit(1) default b'1'
        """,
        shop.database,
    )
    assert night(settings, shop, 1) == (40, 40, 0, 0)
    assert kept(pg)[-1] == {
        "Gift's `Wrap` %": "a'b\"c",
        "channel": "\\xff00",
        "single": "0.1",
        "flag": "1",
    }


def test_a_column_lost_within_a_query_is_named(settings: Settings, shop: Shop) -> None:
    shop.write(sales())
    found = shop.deployment()
    query = "select s.*, s.price as paid from shop.sales as s"
    orders = {"query": query, "columns": ORDERS}
    found.sources["shop"]["entities"] = {"orders": orders}
    extract(settings, found, "shop", "orders", DAY)
    shop.write([{n: v for n, v in row.items() if n != "price"} for row in sales()])
    with pytest.raises(ExtractError, match=r"entities\.orders: the source has no column 'price'"):
        extract(settings, found, "shop", "orders", DAY + timedelta(days=1))


def test_status_and_doctor_tell_of_columns_and_held_loads(
    settings: Settings, pg: psycopg.Connection, shop: Shop
) -> None:
    shop.write(sales())
    night(settings, shop)
    assert doctor._columns(settings).detail == "the sources have those that are known"
    rows = sales(gift="yes")
    shop.write(rows)
    night(settings, shop, 1)
    for row in rows:
        row["price"] = "free"
    shop.write(rows, price="text")
    with pytest.raises(ExtractError, match="held: 40 of 40 rows"):
        night(settings, shop, 2)
    check = doctor._columns(settings)
    assert check.ok
    assert "shop.orders: gift (text) is new since 2026-03-21" in check.detail
    console = Console(width=200, record=True)
    status._held(console, settings)
    status._columns(console, settings)
    assert console.export_text().splitlines() == [
        "Held: shop.orders of 2026-03-22 would have 40 of 40 rows in quarantine"
        " (`moshtari accept-load shop orders --date 2026-03-22`)",
        "Column: shop.orders: gift (text) is new since 2026-03-21",
        "Map them, or `moshtari schema accept SOURCE`.",
    ]


def test_the_commands_list_and_accept(
    settings: Settings, pg: psycopg.Connection, shop: Shop
) -> None:
    shop.write(sales())
    night(settings, shop)
    shop.write(sales(gift="yes"))
    night(settings, shop, 1)
    console = Console(width=200, record=True)
    deployed = Deployed(console, lambda: (settings, Path("moshtari.yml")))
    run = CliRunner()
    assert run.invoke(app, ["list"], obj=deployed).exit_code == 0
    assert run.invoke(app, ["accept", "shop", "orders"], obj=deployed).exit_code == 0
    assert run.invoke(app, ["list"], obj=deployed).exit_code == 0
    told = console.export_text().splitlines()
    assert told == [
        "shop.orders: gift (text) is new since 2026-03-21",
        "Accepted: shop.orders: gift (text) is new since 2026-03-21",
        "The sources have the columns that are known.",
    ]


def test_a_warehouse_of_before_gets_the_column(
    settings: Settings, pg: psycopg.Connection, shop: Shop
) -> None:
    shop.write(sales())
    night(settings, shop)
    pg.execute(
        """
        alter table raw.orders drop column _extra;
        drop table ops.source_columns;
        delete from ops.schema_versions where name = '012_source_columns';
        """
    )
    assert migrate(settings) == ["012_source_columns"]
    # What is there at the first look is known, whenever that is.
    shop.write(sales(gift="yes"))
    assert night(settings, shop, 1) == (40, 0, 40, 0)
    assert schema.pending(pg) == []
    shop.write(sales(gift="yes", note="soon"))
    assert night(settings, shop, 2) == (40, 40, 0, 0)
    assert kept(pg) == [None, {"note": "soon"}]
