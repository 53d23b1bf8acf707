"""First loads from PostgreSQL go straight into raw: same rows, same quarantine, same ledger."""

from __future__ import annotations

from datetime import date
from typing import Any

import psycopg
import pytest

from moshtari.landing.extract import LoadSummary, extract
from moshtari.settings import Deployment, Settings
from moshtari.warehouse.connection import connect

DAY = date(2026, 3, 20)
INDEX = "select count(*) from pg_indexes where schemaname = 'raw' and tablename = 'orders'"
ROWS = """
select
    _key, _source, _known_from::text, _changed_at, _is_deleted, _origin, customer_id,
    gross_amount::text, coupon_codes, status
from raw.orders
order by _key
"""


def deployment(settings: Settings, **columns: str) -> Deployment:
    dsn = " ".join(f"{name}={value}" for name, value in settings.dsn(admin=True).items())
    mapping = {
        "order_id": "id",
        "customer_id": "customer",
        "ordered_at": "at",
        "updated_at": "at",
        "status": "'paid'",
        "currency": "'IRR'",
        "gross_amount": "price",
        "discount_amount": "0",
        "shipping_amount": "0",
        "tax_amount": "0",
        "total_amount": "price",
        "direction": "'sale'",
        **columns,
    }
    orders = {"table": "shop.sales", "changed_at": "at", "columns": mapping}
    source = {"kind": "postgres", "dsn": dsn, "timezone": "UTC", "entities": {"orders": orders}}
    return Deployment(name="test", sources={"shop": source})


@pytest.fixture
def shop(pg: psycopg.Connection) -> psycopg.Connection:
    pg.execute(
        """
        create schema shop;
        create table shop.sales (id text, customer text, at timestamptz, price numeric);
        insert into shop.sales
        select n, n % 7, timestamptz '2026-03-20 08:00Z' + n * interval '1 second', n * 1.50
        from generate_series(1, 50) as n
        """
    )
    return pg


def land(settings: Settings, day: date = DAY, **columns: str) -> LoadSummary:
    return extract(settings, deployment(settings, **columns), "shop", "orders", day)[0]


def counted(summary: LoadSummary) -> tuple[int, int, int, int]:
    return summary.read, summary.landed, summary.unchanged, summary.quarantined


def kept(pg: psycopg.Connection) -> list[Any]:
    return pg.execute(
        "select position, reason, convert_from(raw, 'UTF8') from quarantine.records order by 1, 2"
    ).fetchall()


def in_the_ordinary_way(pg: psycopg.Connection) -> None:
    """A row of another source, so that the table is not empty."""
    pg.execute(
        "insert into raw.orders (order_id, _source, _key, _load_id, _known_from)"
        " values ('x', 'other', 'x', 0, '-infinity')"
    )


SPOILT = {
    "nothing": "select",
    "a number that is none": "update shop.sales set price = 'NaN' where id in ('3', '44')",
    "no key": "update shop.sales set id = null where id = '9'",
    "an empty key": "update shop.sales set id = '' where id in ('9', '10')",
    "no time": "update shop.sales set at = 'infinity' where id = '9'",
    "a key twice": "insert into shop.sales select id, 'late', at + interval '1 hour', 5"
    " from shop.sales where id in ('7', '8')",
    "a key twice at one time": "insert into shop.sales select id, 'twin', at, 5 from shop.sales"
    " where id in ('7', '8')",
    "more than is noted": "update shop.sales set price = 'NaN', customer = repeat('x', 150000)"
    " where id in ('3', '4', '5', '6')",
    "values that are spelt in several ways": "update shop.sales set price = '-Infinity',"
    " at = '0044-03-15 10:11:12.123456+03:25:44 BC', customer = e'\\x01\\t\\x7f\\u200c\"\\\\N{,}/'"
    " where id = '3'; update shop.sales set price = 'NaN', at = null, id = e'a\"\\n'"
    " where id = '4'",
    "both": "update shop.sales set price = 'Infinity' where id = '1';"
    " insert into shop.sales select id, 'late', at + interval '1 hour', 5 from shop.sales",
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
def test_a_first_load_ends_in_the_rows_of_the_ordinary_way(
    settings: Settings, shop: psycopg.Connection, spoilt: str
) -> None:
    shop.execute(spoilt)
    in_the_ordinary_way(shop)
    ordinary = counted(land(settings))
    shop.execute("delete from raw.orders where _source = 'other'")
    rows, rejected = shop.execute(ROWS).fetchall(), kept(shop)
    shop.execute("truncate raw.orders, quarantine.records, ops.loads cascade")

    assert counted(land(settings)) == ordinary
    assert shop.execute(ROWS).fetchall() == rows
    assert kept(shop) == rejected
    assert shop.execute(INDEX).fetchone() == (2,)
    # Once more, by comparison now: nothing is new.
    read, landed, unchanged, quarantined = counted(land(settings))
    assert (read, landed) == (ordinary[0], 0)
    assert unchanged + quarantined == read
    assert kept(shop) == rejected


def test_values_that_are_not_of_their_type_are_read_as_text(
    settings: Settings, shop: psycopg.Connection
) -> None:
    shop.execute("alter table shop.sales add column told text default '12.5'")
    shop.execute("update shop.sales set told = 'much' where id = '4'")
    summary = land(settings, gross_amount="told")
    assert counted(summary) == (50, 49, 0, 1)
    assert shop.execute(INDEX).fetchone() == (2,)
    assert [row[:2] for row in kept(shop)] == [("4", "gross_amount: not a number")]


def test_a_table_that_somebody_reads_is_not_waited_for(
    settings: Settings, shop: psycopg.Connection
) -> None:
    with connect(settings, admin=True, database=settings.pg_database) as reader:
        reader.execute("select count(*) from raw.orders")
        assert counted(land(settings)) == (50, 50, 0, 0)
    assert shop.execute(INDEX).fetchone() == (2,)


def test_a_load_takes_back_its_own_rows_alone_and_only_while_it_runs(
    settings: Settings, shop: psycopg.Connection
) -> None:
    load_id = land(settings).load_id
    with (
        connect(settings, role="moshtari_loader") as loader,
        pytest.raises(psycopg.errors.RaiseException, match=f"load {load_id} is not running"),
    ):
        loader.execute(
            "select ops.take_back('orders', %s, (select array_agg(ctid) from raw.orders))",
            [load_id],
        )
    assert shop.execute("select count(*) from raw.orders").fetchone() == (50,)
