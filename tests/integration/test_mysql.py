"""The `mysql` source on a real MariaDB: WooCommerce's tables by the shipped example, and any other.

The server is Debian's `mariadb-server`, run from a temporary folder (`tests/servers/mariadb.py`).
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.conftest import REPOSITORY, free_port
from tests.http_servers import ALL_HISTORY, ONE_DAY, assert_exact
from tests.servers import woocommerce as api
from tests.servers.hpos import SCHEMA, Hpos
from tests.servers.mariadb import PASSWORD, MariaDB
from tests.unit.landing.feeds import TEHRAN, counted, reasons, versions, visible

from moshtari.demo.serving import serving
from moshtari.landing.contract import ENTITIES
from moshtari.landing.errors import ExtractError, LandingError
from moshtari.landing.extract import LoadSummary, extract, reconcile
from moshtari.landing.quarantine import Selection
from moshtari.landing.replay import replay
from moshtari.settings import Deployment, Settings, load_deployment
from moshtari.sources.base import RejectedRecord, SourceContext, SourceError, TextRows
from moshtari.sources.mysql import MysqlSource
from moshtari.sources.mysql_config import MysqlConfig
from moshtari.sources.registry import make_source

DAY = date(2026, 3, 20)
NEXT = DAY + timedelta(days=1)
# Noon of the day in Tehran, and a minute before its end, in UTC as WooCommerce writes it.
NOON, LATE = "2026-03-20 08:30:00", "2026-03-20 20:29:00"

SALES = """
create table sales (
    id varchar(40), placed datetime(6) null, changed datetime(6) null, state varchar(40),
    price varchar(60)
) default charset=utf8mb4;
"""
COLUMNS = {
    "order_id": "id",
    "ordered_at": "placed",
    "updated_at": "coalesce(changed, placed)",
    "status": "state",
    "currency": "'IRT'",
    "gross_amount": "price",
    "discount_amount": 0,
    "shipping_amount": 0,
    "tax_amount": 0,
    "total_amount": "price",
    "direction": "'sale'",
}
ORDERS = {"table": "sales", "changed_at": "changed", "columns": COLUMNS}


@pytest.fixture
def database(mariadb: MariaDB) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    mariadb.run(f"create database {name}")
    mariadb.run(f"grant select on {name}.* to moshtari@'127.0.0.1'")
    yield name
    mariadb.run(f"drop database {name}")


@pytest.fixture
def shop(mariadb: MariaDB, database: str) -> Iterator[Hpos]:
    """WooCommerce's tables; what is written is seen at once."""
    mariadb.script(SCHEMA, database)
    with mariadb.connect(database) as connection:
        yield Hpos(connection)


@pytest.fixture
def example(mariadb: MariaDB, database: str, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """The shipped example, pointed at the test's database."""
    monkeypatch.setenv("WP_DB_PORT", str(mariadb.port))
    monkeypatch.setenv("WP_DB_USER", "moshtari")
    monkeypatch.setenv("WP_DB_PASSWORD", PASSWORD)
    monkeypatch.setenv("WP_DB_NAME", database)
    return load_deployment(REPOSITORY / "examples" / "woocommerce_mysql" / "moshtari.yml")


@pytest.fixture
def sales(mariadb: MariaDB, database: str) -> Iterator[Hpos]:
    """A shop of one plain table."""
    mariadb.script(SALES, database)
    with mariadb.connect(database) as connection:
        yield Hpos(connection)


def dsn(mariadb: MariaDB, database: str) -> dict[str, Any]:
    login = {"user": "moshtari", "password": PASSWORD, "database": database}
    return {"host": "127.0.0.1", "port": mariadb.port, **login}


def source(
    mariadb: MariaDB, database: str, entity: dict[str, Any] = ORDERS, **given: Any
) -> MysqlSource:
    values = {"dsn": dsn(mariadb, database), "timezone": "UTC", "entities": {"orders": entity}}
    return MysqlSource("shop", MysqlConfig(**values | given), SourceContext(TEHRAN, "IRR", Path()))


def sell(sales: Hpos, key: str, changed: str | None = NOON, **row: str | None) -> None:
    given = {"placed": NOON, "state": "paid", "price": "10.50", **row}
    sales.run(
        "insert into sales values (%s, %s, %s, %s, %s)",
        (key, given["placed"], changed, given["state"], given["price"]),
    )


def fill(sales: Hpos, count: int) -> None:
    sales.run(
        f"insert into sales select seq, %s, %s, 'paid', '10.50' from seq_1_to_{count}",
        (NOON, NOON),
    )


def rows(source: MysqlSource, window: Any = ALL_HISTORY) -> list[dict[str, str | None]]:
    found = []
    for batch in source.read("orders", window):
        assert isinstance(batch, TextRows)
        found += [dict(zip(batch.columns, row, strict=True)) for row in batch.rows]
    return found


def land(settings: Settings, deployment: Deployment, day: date = DAY) -> dict[str, LoadSummary]:
    landed = extract(settings, deployment, "shop", "orders", day)
    return {summary.entity: summary for summary in landed}


def run(
    settings: Settings, mariadb: MariaDB, database: str, day: date = DAY, **given: Any
) -> LoadSummary:
    config = {
        "kind": "mysql",
        "dsn": dsn(mariadb, database),
        "timezone": "UTC",
        "entities": {"orders": ORDERS},
    }
    deployment = Deployment(name="test", sources={"shop": config | given})
    return land(settings, deployment, day)["orders"]


def test_woocommerces_tables_become_the_contracts_entities(
    settings: Settings, pg: psycopg.Connection, shop: Hpos, example: Deployment
) -> None:
    shop.user(
        7,
        "2025-01-01 05:00:00",
        first_name="سارا",
        last_name="کریمی 🌷",
        last_update="1773990000",
        billing_phone="۰۹۱۲۰۰۰۰۰۰۰",
        billing_city="تهران",
        billing_state="THR",
        billing_country="IR",
    )
    shop.user(1, "2020-01-01 00:00:00", "administrator", billing_company="شرکت")
    shop.run("insert into wp_wc_product_meta_lookup values (5, 'TEA')")
    shop.order(
        1, NOON, lines=[(11, "چای 🍵", "3", "100", "89.5"), (12, "قند", "2", "9.99", "9.99")]
    )
    shop.order(2, NOON, customer_id=0, coupons=['a"b', "دو"], campaign=None, status="wc-completed")
    shop.order(3, NOON, status="auto-draft")
    shop.order(4, NOON, status="trash")
    shop.refund(90, 1, NOON, "29.83", line_11="-1")
    shop.refund(91, 2, NOON, "5")

    landed = land(settings, example)

    assert {entity: counted(summary) for entity, summary in landed.items()} == {
        "orders": (3, 3, 0, 0),
        "customers": (2, 2, 0, 0),
        "order_items": (4, 4, 0, 0),
        "refunds": (2, 2, 0, 0),
    }
    columns = "order_id, customer_id, guest_email, guest_phone, status, campaign, coupon_codes"
    assert visible(pg, columns, DAY) == [
        ("1", "7", None, None, "processing", "بهار 🌷", ["نوروز"]),
        ("2", None, "sara@example.com", "۰۹۱۲۰۰۰۰۰۰۰", "completed", None, ['a"b', "دو"]),
    ]
    amounts = "gross_amount, discount_amount, shipping_amount, tax_amount, total_amount, currency"
    assert [str(value) for value in visible(pg, amounts, DAY)[0]] == [
        "100.00000000", "10.50000000", "20.00000000", "9.45000000", "118.95000000", "IRT",
    ]  # fmt: skip
    assert visible(pg, "ordered_at at time zone 'UTC' = '2026-03-20 07:30'", DAY) == [(True,)] * 2
    line = "_key, product_id, sku, product_name, quantity::text, unit_price, discount_amount"
    first, second, *_ = visible(pg, line, DAY, "order_items")
    assert first[:5] == ("1/11", "5", "TEA", "چای 🍵", "3")
    assert str(first[5]).startswith("33.33333333")
    assert str(first[6]) == "10.50000000"
    assert (second[0], str(second[5])[:6]) == ("1/12", "4.9950")
    who = "customer_id, full_name, phone, party, is_employee, updated_at::text"
    assert visible(pg, who, DAY, "customers") == [
        ("1", "کاربر 1", None, "organization", True, "2020-01-01 00:00:00+00"),
        ("7", "سارا کریمی 🌷", "۰۹۱۲۰۰۰۰۰۰۰", "person", False, "2026-03-20 07:00:00+00"),
    ]
    given = "refund_id, order_id, line_no, amount::text, kind, reason, completed_at is not null"
    assert visible(pg, given, DAY, "refunds") == [
        ("90", "1", 11, "29.83000000", "return", "شکسته بود", True),
        ("91", "2", None, "5.00000000", "compensation", "شکسته بود", True),
    ]
    assert versions(pg, "_key, _is_deleted")[-1] == ("4", True)


def test_a_reader_vouches_for_what_the_columns_types_spell(
    mariadb: MariaDB, database: str, shop: Hpos, sales: Hpos, example: Deployment
) -> None:
    shop.user(7, "2025-01-01 05:00:00")
    shop.order(1, NOON, coupons=['a"b', "دو"])
    shop.refund(90, 1, NOON, "50.00", line_11="-1")
    tables = make_source("shop", example.sources["shop"], example)
    vouched = {}
    for entity in tables.entities():
        (batch,) = tables.read(entity, ALL_HISTORY)
        assert isinstance(batch, TextRows)
        vouched[entity] = batch.exact
        if batch.exact:
            assert_exact(entity, batch)
    # A line's quantity is text to WordPress, and so is a refund's line.
    assert vouched == {"orders": True, "customers": True, "order_items": False, "refunds": False}
    sell(sales, "1")
    (batch,) = source(mariadb, database).read("orders", ALL_HISTORY)
    assert isinstance(batch, TextRows)
    assert not batch.exact


def test_the_tables_and_the_api_bring_the_same(
    mariadb: MariaDB, shop: Hpos, example: Deployment
) -> None:
    """One shop, read by both kinds: the same rows, whatever their amounts' trailing zeros."""
    shop.order(1, NOON)
    shop.order(2, NOON, customer_id=0, status="wc-on-hold", coupons=[], campaign=None)
    shop.order(4, NOON, status="trash")
    shop.refund(90, 1, NOON, "50.00", line_11="-1")
    tables = make_source("shop", example.sources["shop"], example)

    at = datetime(2026, 3, 20, 8, 30, tzinfo=UTC)
    tea = {"name": "چای 🍵", "sku": ""}
    flowers = [{"id": 1, "key": "_wc_order_attribution_utm_campaign", "value": "بهار 🌷"}]
    phone = api.address(phone="۰۹۱۲۰۰۰۰۰۰۰")
    given: dict[str, Any] = {"billing": phone, "meta_data": flowers}
    stub = [{"id": 90, "reason": "", "total": "-50"}]
    website = api.Shop(
        orders=[
            api.order(1, at, line_items=[api.line(11, **tea)], refunds=stub, **given),
            api.order(2, at, line_items=[api.line(21, **tea)], customer_id=0, status="on-hold",
                      coupon_lines=[], billing=phone, meta_data=[]),
            api.order(4, at, line_items=[api.line(41, **tea)], status="trash", **given),
        ],
        refunds={1: [api.refund(90, at - timedelta(hours=1))]},
    )  # fmt: skip
    with serving(api.create_app(website)) as base_url:
        for entity in ("orders", "order_items", "refunds"):
            by_api = plain(api.woocommerce(base_url), entity)
            assert by_api
            assert plain(tables, entity) == by_api


def plain(source: Any, entity: str) -> list[dict[str, Any]]:
    """The rows with numbers and times compared by value, in the order of their keys."""
    kinds = {column.name: column.pg_type for column in ENTITIES[entity].columns}
    found = []
    for batch in source.read(entity, ALL_HISTORY):
        for values in batch.rows:
            row: dict[str, Any] = dict(zip(batch.columns, values, strict=True))
            row.pop("_changed_at", None)
            for name, value in row.items():
                if value is not None and kinds.get(name) == "numeric":
                    row[name] = Decimal(value)
                elif value is not None and kinds.get(name) == "timestamptz":
                    row[name] = datetime.fromisoformat(value)
            # A default of the contract, and no value.
            row["coupon_codes"] = row.get("coupon_codes") or "{}"
            found.append(row)
    return sorted(found, key=lambda row: [str(row[name]) for name in ENTITIES[entity].key])


def test_each_night_brings_its_own_changes(
    settings: Settings, pg: psycopg.Connection, shop: Hpos, example: Deployment
) -> None:
    shop.order(1, NOON)
    # Equal times at the window's end belong to the next day, a second before it to this one.
    shop.order(2, "2026-03-20 20:29:59")
    shop.order(3, "2026-03-20 20:30:00")
    shop.order(4, "2026-03-20 20:30:00")
    assert counted(land(settings, example)["orders"]) == (2, 2, 0, 0)
    # Twice in one night: the last state is what there is.
    shop.touch(1, "2026-03-21 09:00:00", "wc-on-hold")
    shop.touch(1, "2026-03-21 10:00:00", "wc-completed")
    night = land(settings, example, NEXT)
    assert counted(night["orders"]) == (4, 3, 1, 0)
    assert counted(night["order_items"])[2] >= 1
    assert visible(pg, "order_id, status", NEXT) == [
        ("1", "completed"),
        ("2", "processing"),
        ("3", "processing"),
        ("4", "processing"),
    ]
    assert counted(land(settings, example, NEXT)["orders"]) == (4, 0, 4, 0)


def test_an_order_that_goes_to_the_trash_takes_its_lines_and_refunds(
    settings: Settings, pg: psycopg.Connection, shop: Hpos, example: Deployment
) -> None:
    shop.order(1, NOON)
    shop.refund(90, 1, NOON, "5")
    land(settings, example)
    shop.touch(1, "2026-03-21 09:00:00", "trash")
    land(settings, example, NEXT)
    for entity in ("orders", "order_items", "refunds"):
        assert visible(pg, "_key", DAY, entity)
        assert visible(pg, "_key", NEXT, entity) == []


def test_a_row_that_commits_late_is_caught_by_the_lookback(
    settings: Settings, pg: psycopg.Connection, mariadb: MariaDB, shop: Hpos, example: Deployment,
    database: str,
) -> None:  # fmt: skip
    shop.order(1, NOON)
    with mariadb.connect(database) as connection:
        connection.begin()
        Hpos(connection).order(2, LATE)
        assert land(settings, example)["orders"].landed == 1
        connection.commit()
    assert counted(land(settings, example, NEXT)["orders"]) == (1, 1, 0, 0)
    assert visible(pg, "order_id", NEXT) == [("1",), ("2",)]


def test_a_reading_is_of_one_moment(mariadb: MariaDB, database: str, sales: Hpos) -> None:
    for number in range(5000):
        sell(sales, str(number))
    batches = source(mariadb, database).read("orders", ALL_HISTORY)
    first = next(batches)
    assert isinstance(first, TextRows)
    sales.run("update sales set state = 'changed'")
    sell(sales, "new")
    states = [row[3] for batch in [first, *batches] for row in batch.rows]  # type: ignore[union-attr]
    assert states == ["paid"] * 5000


def test_bad_values_cost_their_own_rows_only(
    settings: Settings, pg: psycopg.Connection, mariadb: MariaDB, database: str, sales: Hpos
) -> None:
    for number in range(3000):
        sell(sales, str(number))
    sell(sales, "text", price="ده تومان")
    sell(sales, "persian", price="۱۲٫۵")
    sell(sales, "never", placed=None)
    sell(sales, "large", price="12345678901234567890123.12345678901234567890")
    sales.run("set sql_mode = ''")
    sell(sales, "zero", placed="0000-00-00")
    sell(sales, "no day", placed="2026-02-00")
    assert counted(run(settings, mariadb, database)) == (3006, 3002, 0, 4)
    assert sorted(reasons(pg)) == [
        "gross_amount: not a number; total_amount: not a number",
        "ordered_at: missing",
        "ordered_at: missing",
        "ordered_at: out of range",
    ]
    large = pg.execute("select total_amount::text from raw.orders where _key = 'large'").fetchone()
    assert large == ("12345678901234567890123.12345678901234567890",)
    assert counted(run(settings, mariadb, database)) == (3006, 0, 3002, 4)


def test_bytes_that_are_no_text_are_rejected_as_they_came(
    mariadb: MariaDB, database: str, sales: Hpos
) -> None:
    sell(sales, "1")
    sales.run("alter table sales modify state varbinary(40)")
    sales.run("insert into sales values ('2', %s, %s, x'FF00', '1')", (NOON, NOON))
    batches = list(source(mariadb, database).read("orders", ALL_HISTORY))
    (rejected,) = (batch for batch in batches if isinstance(batch, RejectedRecord))
    assert (rejected.position, rejected.reason) == ("2", "not UTF-8 text")
    assert b"\t\xff\x00\t" in rejected.raw
    assert [len(batch.rows) for batch in batches if isinstance(batch, TextRows)] == [1]


def test_every_type_keeps_its_value(mariadb: MariaDB, database: str) -> None:
    mariadb.script(
        """
        create table people (
            id bigint unsigned, at timestamp(3) null, day date, flag tinyint(1), bits bit(1),
            money decimal(30,12), wide double, narrow float, latin varchar(20) character set latin1,
            codes json, consents json
        );
        insert into people values (
            18446744073709551615, '2026-03-20 08:30:00.123', '2026-03-20', 1, b'0',
            123456789012345678.123456789012, 0.1, 0.1, 'café', '["a", "چای"]',
            '{"sms": {"state": "granted"}}'
        );
        """,
        database,
    )
    columns = {
        "order_id": "id",
        "ordered_at": "at",
        "updated_at": "day",
        "status": "latin",
        "currency": "flag",
        "gross_amount": "money",
        "discount_amount": "wide",
        "shipping_amount": "narrow",
        "tax_amount": "1e20 + 0e0",
        "total_amount": "-money",
        "coupon_codes": "codes",
        "campaign": "bits",
        "direction": "consents",
        "_is_deleted": "bits",
    }
    entity = {"table": "people", "columns": columns, "timezone": "Asia/Tehran"}
    (row,) = rows(source(mariadb, database, entity))
    assert row == {
        "order_id": "18446744073709551615",
        # Written in the server's zone, read in UTC.
        "ordered_at": row["ordered_at"],
        "updated_at": "2026-03-20T00:00:00+03:30",
        "status": "café",
        "currency": "1",
        "gross_amount": "123456789012345678.123456789012",
        "discount_amount": "0.1",
        "shipping_amount": "0.1",
        "tax_amount": "1e20",
        "total_amount": "-123456789012345678.123456789012",
        "coupon_codes": '{"a","چای"}',
        "campaign": "0",
        "direction": '{"sms": {"state": "granted"}}',
        "_is_deleted": "false",
    }
    assert (row["ordered_at"] or "").endswith(".123+00:00")


def test_naive_times_need_a_zone_and_days_are_of_that_zone(
    settings: Settings, pg: psycopg.Connection, mariadb: MariaDB, database: str, sales: Hpos
) -> None:
    sell(sales, "1", changed="2026-03-20 23:59:59", placed="2026-03-20 12:00")
    sell(sales, "2", changed="2026-03-21 00:00:00")
    sell(sales, "3", changed=None)
    with pytest.raises(ExtractError, match=r"columns\.ordered_at is a time without a zone\. Set"):
        run(settings, mariadb, database, timezone=None)
    assert run(settings, mariadb, database, timezone="Asia/Tehran").landed == 2
    placed = versions(pg, "_key, ordered_at at time zone 'UTC' = '2026-03-20 08:30'")
    assert placed[0] == ("1", True)
    assert [key for key, _ in placed] == ["1", "3"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"table": "gone"}, r"gone' doesn't exist \(1146\).*Mend `table`"),
        (
            {"columns": {**COLUMNS, "status": "condition_"}},
            r"entities\.orders\.columns\.status: the source has no column 'condition_'",
        ),
        ({"where": "sate = 'paid'"}, r"entities\.orders\.where: the source has no column 'sate'"),
        ({"changed_at": "touched"}, r"orders\.changed_at: the source has no column 'touched'"),
        ({"changed_at": "id"}, r"orders\.changed_at is no DATETIME"),
        (
            {"columns": {**COLUMNS, "total_amount": "cast(state as decimal(10,2))"}},
            r"the server changed values .*\(1292\)",
        ),
        (
            {"columns": {**COLUMNS, "status": "repeat(state, 1000000000)"}},
            r"longer than max_allowed_packet",
        ),
    ],
)
def test_a_mapping_that_does_not_fit_is_told_by_its_key(
    settings: Settings, pg: psycopg.Connection, mariadb: MariaDB, database: str, sales: Hpos,
    change: dict[str, Any], told: str,
) -> None:  # fmt: skip
    sell(sales, "1")
    with pytest.raises(ExtractError, match=told):
        run(settings, mariadb, database, entities={"orders": ORDERS | change})
    assert pg.execute("select status from ops.loads").fetchall() == [("failed",)]
    assert versions(pg, "_key") == []


@pytest.mark.parametrize("login", [{"password": "hunter2"}, {"user": "nobody"}, {"database": "no"}])
def test_a_wrong_login_is_told_without_the_password(
    mariadb: MariaDB, database: str, login: dict[str, Any]
) -> None:
    wrong = source(mariadb, database, dsn=dsn(mariadb, database) | login)
    with pytest.raises(SourceError, match="denied") as error:
        rows(wrong)
    assert "hunter2" not in str(error.value)
    assert "user, password and database" in error.value.remedy
    assert [result.ok for result in wrong.check()] == [False]


def test_a_missing_permission_is_told_with_the_grant(
    mariadb: MariaDB, database: str, sales: Hpos
) -> None:
    mariadb.run(f"revoke select on {database}.* from moshtari@'127.0.0.1'")
    mariadb.run(f"create table {database}.other (id int)")
    mariadb.run(f"grant select on {database}.other to moshtari@'127.0.0.1'")
    results = source(mariadb, database).check()
    assert [result.ok for result in results] == [True, False]
    assert "command denied" in results[1].detail
    assert "Grant select" in results[1].remedy
    mariadb.run(f"revoke select on {database}.other from moshtari@'127.0.0.1'")
    mariadb.run(f"grant select on {database}.* to moshtari@'127.0.0.1'")


def test_check_tells_what_works(mariadb: MariaDB, database: str, sales: Hpos) -> None:
    results = source(mariadb, database).check()
    assert [result.ok for result in results] == [True, True]
    assert "MariaDB" in results[0].detail


def test_a_server_that_is_away_is_told(database: str, mariadb: MariaDB) -> None:
    away = source(mariadb, database, dsn=dsn(mariadb, database) | {"port": free_port()})
    (result,) = away.check()
    assert "Can't connect" in result.detail
    assert "dsn is right" in result.remedy
    tls = source(mariadb, database, dsn=dsn(mariadb, database) | {"ssl_ca": "/no/such/file"})
    assert "FileNotFoundError" in tls.check()[0].detail


def test_a_connection_killed_half_way_lands_nothing(
    settings: Settings, pg: psycopg.Connection, mariadb: MariaDB, database: str, sales: Hpos,
) -> None:  # fmt: skip
    # Some two seconds a batch: the kill comes when one has arrived and the next has begun.
    fill(sales, 6000)
    slow = {**COLUMNS, "campaign": "concat('y', sleep(0.001))"}

    def kill() -> None:
        for _ in range(1200):
            found = mariadb.run(
                "select id from information_schema.processlist "
                f"where db = '{database}' and user = 'moshtari' and time_ms > 3500"
            )
            if found:
                mariadb.run(f"kill connection {found[0][0]}")
                return
            time.sleep(0.05)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(ExtractError, match=r"ended the connection|Lost connection") as error:
        run(settings, mariadb, database, entities={"orders": {**ORDERS, "columns": slow}})
    killer.join()
    assert "run the day again" in str(error.value)
    assert pg.execute("select status from ops.loads").fetchall() == [("failed",)]
    assert versions(pg, "_key") == []
    assert run(settings, mariadb, database).landed == 6000


def test_a_connection_killed_after_a_batch_is_told(
    mariadb: MariaDB, database: str, sales: Hpos
) -> None:
    fill(sales, 20_000)
    wide = {**ORDERS, "columns": {**COLUMNS, "campaign": "repeat('y', 2000)"}}
    batches = source(mariadb, database, wide).read("orders", ALL_HISTORY)
    first = next(batches)
    assert isinstance(first, TextRows)
    assert len(first.rows) == 2000
    (reader,) = mariadb.run(
        f"select id from information_schema.processlist where db = '{database}' "
        "and user = 'moshtari'"
    )
    mariadb.run(f"kill connection {reader[0]}")
    with pytest.raises(SourceError, match=r"ended the connection|Lost connection") as error:
        list(batches)
    assert "run the day again" in error.value.remedy


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ({"statement_timeout_seconds": 0.3}, r"statement timeout.*Raise statement_timeout_seconds"),
        ({"read_timeout_seconds": 0.3}, r"timed out.*Raise read_timeout_seconds"),
    ],
)
def test_a_query_that_takes_too_long_is_told(
    mariadb: MariaDB, database: str, sales: Hpos, limit: dict[str, Any], told: str,
) -> None:  # fmt: skip
    sell(sales, "1")
    slow = {**COLUMNS, "status": "concat(state, sleep(20))"}
    with pytest.raises(SourceError, match=told):
        rows(source(mariadb, database, {**ORDERS, "columns": slow}, **limit))


def test_a_reading_given_up_closes_its_connection(
    mariadb: MariaDB, database: str, sales: Hpos
) -> None:
    for number in range(5000):
        sell(sales, str(number))
    batches = source(mariadb, database).read("orders", ONE_DAY)
    next(batches)
    batches.close()
    for _ in range(100):
        left = mariadb.run(
            f"select count(*) from information_schema.processlist where db = '{database}' "
            "and user = 'moshtari'"
        )
        if left == [(0,)]:
            return
        time.sleep(0.05)
    raise AssertionError("the connection is still there")


def test_the_source_cannot_be_written(mariadb: MariaDB, database: str, sales: Hpos) -> None:
    mariadb.run(f"grant all on {database}.* to moshtari@'127.0.0.1'")
    mariadb.script(
        "create function leave_one() returns int modifies sql data "
        "return (select count(*) from sales);\n",
        database,
    )
    with mariadb.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("drop function leave_one")
        cursor.execute(
            "create function leave_one() returns int modifies sql data "
            "begin insert into sales (id) values ('x'); return 1; end"
        )
    sell(sales, "1")
    with pytest.raises(SourceError, match=r"READ ONLY transaction \(1792\)"):
        rows(source(mariadb, database, {**ORDERS, "columns": {**COLUMNS, "status": "leave_one()"}}))
    assert mariadb.run("select count(*) from sales", database) == [(1,)]


def test_rows_are_replayed_by_their_keys(
    settings: Settings, pg: psycopg.Connection, mariadb: MariaDB, database: str, sales: Hpos
) -> None:
    def sold(**changes: str) -> Deployment:
        columns = {**COLUMNS, "campaign": "concat('50% of ', id)", **changes}
        config = {
            "kind": "mysql",
            "dsn": dsn(mariadb, database),
            "timezone": "UTC",
            "entities": {"orders": {**ORDERS, "columns": columns}},
        }
        return Deployment(name="test", sources={"shop": config})

    keys = ["a", "A", 'O\'Hara \\ "2"', "50%s", "چای 🍵", "later", "gone"]
    for key in keys:
        sell(sales, key, price="ده")
    sell(sales, "good")
    # Of the same collation's eyes, but not one of those that were kept.
    sell(sales, "LATER")
    assert counted(land(settings, sold())["orders"]) == (9, 2, 0, 7)
    sales.run("update sales set changed = '2026-03-21 08:30:00' where binary id = 'later'")
    sales.run("delete from sales where id = 'gone'")
    mended = sold(**dict.fromkeys(("gross_amount", "total_amount"), "replace(price, 'ده', '10')"))
    (done,) = replay(settings, mended, Selection())
    assert (done.replayed, done.still_open, done.landed) == (5, 2, 5)
    assert sorted(versions(pg, "_key, gross_amount::text, campaign")) == sorted(
        [(key, "10", f"50% of {key}") for key in keys[:5]]
        + [(key, "10.50", f"50% of {key}") for key in ("LATER", "good")]
    )
    reason = "the source had no such row by the end of 2026-03-20"
    still = pg.execute("select reason from quarantine.records where status = 'open'").fetchall()
    assert [found.startswith(reason) for (found,) in still] == [True, True]
    assert counted(land(settings, mended, NEXT)["orders"]) == (1, 1, 0, 0)
    (done,) = replay(settings, mended, Selection())
    assert (done.replayed, done.still_open, done.landed) == (1, 1, 0)


def test_rows_with_other_keys_than_texts_are_replayed(
    settings: Settings, pg: psycopg.Connection, mariadb: MariaDB, database: str, sales: Hpos
) -> None:
    sales.run("create table parts (order_id bigint unsigned, at datetime(3), name varbinary(40))")
    names = [("18446744073709551615", "x'FF00'"), ("7", "'tea'"), ("8", "x'FF01'")]
    for key, name in names:
        sales.run(f"insert into parts values ({key}, '2026-03-20 08:30:00.123', {name})")

    def items(name: str, number: str = "1 + row_number() over (order by order_id)") -> Deployment:
        columns = {
            "order_id": "order_id",
            "line_no": number,
            "product_id": "at",
            "product_name": name,
            "quantity": "1",
            "unit_price": "if(order_id = 7, 'x', '1')",
            "discount_amount": "0",
        }
        config = {
            "kind": "mysql",
            "dsn": dsn(mariadb, database),
            "timezone": "UTC",
            "entities": {"order_items": {"table": "parts", "columns": columns}},
        }
        return Deployment(name="test", sources={"shop": config})

    landed = land(settings, items("hex(name)"))["order_items"]
    assert (landed.landed, landed.quarantined) == (2, 1)
    (done,) = replay(settings, items("hex(name)"), Selection())
    assert (done.replayed, done.still_open) == (0, 1)
    # It was found: the row's number is that among all rows, not among those asked for.
    assert reasons(pg) == ["unit_price: not a number"]
    sales.run("update parts set order_id = 9 where order_id = 7")
    (done,) = replay(settings, items("name"), Selection())
    assert done.still_open == 1
    assert reasons(pg)[0].startswith("the source had no such row")


def test_bytes_that_are_no_text_are_replayed_by_their_position(
    settings: Settings, pg: psycopg.Connection, mariadb: MariaDB, database: str, sales: Hpos
) -> None:
    sales.run("alter table sales modify state varbinary(40)")
    sales.run("insert into sales values ('2', %s, %s, x'FF', '1')", (NOON, NOON))

    def sold(state: str) -> Deployment:
        orders = {**ORDERS, "columns": {**COLUMNS, "status": state}}
        config = {
            "kind": "mysql",
            "dsn": dsn(mariadb, database),
            "timezone": "UTC",
            "entities": {"orders": orders},
        }
        return Deployment(name="test", sources={"shop": config})

    assert counted(land(settings, sold("state"))["orders"]) == (1, 0, 0, 1)
    (done,) = replay(settings, sold("state"), Selection())
    assert done.still_open == 1
    assert reasons(pg) == ["not UTF-8 text"]
    (done,) = replay(settings, sold("convert(state using latin1)"), Selection())
    assert (done.replayed, done.landed) == (1, 1)
    assert versions(pg, "_key, status") == [("2", "ÿ")]


def shop_of(mariadb: MariaDB, database: str, entity: str, mapped: Any, **given: Any) -> Deployment:
    config = {"kind": "mysql", "dsn": dsn(mariadb, database), "timezone": "UTC", **given}
    return Deployment(name="test", sources={"shop": config | {"entities": {entity: mapped}}})


def compare(settings: Settings, deployment: Deployment, entity: str) -> tuple[int, int, int]:
    (done,) = reconcile(settings, deployment, "shop", entity, NEXT)
    return done.read, done.landed, done.unchanged


def test_rows_deleted_without_a_trace_get_a_tombstone(
    settings: Settings, pg: psycopg.Connection, mariadb: MariaDB, database: str, sales: Hpos
) -> None:
    # Keys that the server's collation takes for one another, over several batches.
    fill(sales, 5000)
    for key in ("a", "A", "á", "a/1", "a 1", "یک", "ﯾک", "0x"):
        sell(sales, key)
    deployment = shop_of(mariadb, database, "orders", {**ORDERS, "where": "id <> '4999'"})
    land(settings, deployment)
    assert compare(settings, deployment, "orders") == (5007, 0, 5007)
    for key in ("A", "یک", "4321"):
        sales.run("delete from sales where binary id = %s", (key,))
    # One that changed after the night is there.
    sell(sales, "new", "2026-03-25 08:30:00")
    sales.run("update sales set changed = '2026-03-25 08:30:00' where id = '17'")
    assert compare(settings, deployment, "orders") == (5007, 3, 5004)
    assert compare(settings, deployment, "orders") == (5004, 0, 5004)
    assert pg.execute(
        'select array_agg(_key order by _key collate "C") from raw.orders where _is_deleted'
    ).fetchall() == [(["4321", "A", "یک"],)]


def test_keys_of_several_columns_are_compared_as_they_landed(
    settings: Settings, pg: psycopg.Connection, mariadb: MariaDB, database: str, sales: Hpos
) -> None:
    sales.run("create table parts (sale varbinary(20), number varchar(20))")
    for sale, number in (
        ("'a/b'", "1"), ("'a'", "12"), ("'a'", "۱"), ("'a'", "٬۲"), ("x'FF'", "1"), ("'a'", "x"),
    ):  # fmt: skip
        sales.run(f"insert into parts values ({sale}, %s)", (number,))
    columns = {
        "order_id": "sale",
        "line_no": "number",
        "product_id": "'p'",
        "product_name": "'p'",
        "quantity": "1",
        "unit_price": "1",
        "discount_amount": "0",
    }
    deployment = shop_of(mariadb, database, "order_items", {"table": "parts", "columns": columns})
    assert counted(land(settings, deployment)["order_items"]) == (6, 4, 0, 2)
    # What is no number may be any row's, so nothing is taken for deleted.
    with pytest.raises(LandingError, match="a key at the source is not of its type"):
        compare(settings, deployment, "order_items")
    sales.run("delete from parts where number = 'x'")
    assert compare(settings, deployment, "order_items") == (4, 0, 4)
    sales.run("delete from parts where number = '12'")
    assert compare(settings, deployment, "order_items") == (4, 1, 3)
    assert [key for (key,) in pg.execute("select _key from raw.order_items where _is_deleted")] == [
        "a/12"
    ]


@pytest.mark.parametrize(
    ("key", "told", "given"),
    [
        ("concat(id, left(sleep(0.001), 0))", "statement timeout", 3),
        ("if(id = '5999', cast('x' as unsigned), id)", "changed values", 3600),
    ],
    ids=["cut half way", "values changed on the way"],
)
def test_keys_that_cannot_be_read_whole_delete_nothing(
    settings: Settings, pg: psycopg.Connection, mariadb: MariaDB, database: str, sales: Hpos,
    key: str, told: str, given: float,
) -> None:  # fmt: skip
    fill(sales, 6000)
    good = shop_of(mariadb, database, "orders", ORDERS)
    land(settings, good)
    sales.run("delete from sales where id = '7'")
    mapped = {**ORDERS, "columns": {**COLUMNS, "order_id": key}}
    bad = shop_of(mariadb, database, "orders", mapped, statement_timeout_seconds=given)
    with pytest.raises(SourceError, match=told):
        compare(settings, bad, "orders")
    assert pg.execute("select count(*) from raw.orders where _is_deleted").fetchone() == (0,)
    assert compare(settings, good, "orders") == (6000, 1, 5999)
