"""Rows deleted at a source without a trace: their keys are missing, and a tombstone says so."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from moshtari.landing.errors import LandingError
from moshtari.landing.extract import LoadSummary, extract, reconcile
from moshtari.settings import Deployment, Settings

DAY = date(2026, 3, 20)
ORDERS = {
    "table": "shop.sales",
    "changed_at": "at",
    "columns": {
        "order_id": "id",
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
    },
}
ITEMS = {
    "table": "shop.lines",
    "columns": {
        "order_id": "sale",
        "line_no": "line",
        "product_id": "'p'",
        "product_name": "'p'",
        "quantity": "1",
        "unit_price": "1",
        "discount_amount": "0",
    },
}


@pytest.fixture
def shop(pg: psycopg.Connection) -> psycopg.Connection:
    pg.execute(
        """
        create schema shop;
        create table shop.sales (id text, at timestamptz, price numeric);
        create table shop.lines (sale text, line integer);
        insert into shop.sales
        select n, '2026-03-20 08:00+03:30', n from generate_series(1, 100) as n;
        insert into shop.lines values ('a/b', 1), ('a', 12), ('a', 1)
        """
    )
    return pg


def deployment(settings: Settings, **given: Any) -> Deployment:
    dsn = " ".join(f"{name}={value}" for name, value in settings.dsn(admin=True).items())
    entities = {"orders": ORDERS, "order_items": ITEMS}
    source = {"kind": "postgres", "dsn": dsn, "entities": entities}
    return Deployment(name="test", sources={"shop": source}, **given)


def night(settings: Settings, number: int = 0, **given: Any) -> list[LoadSummary]:
    day = DAY + timedelta(days=number)
    return extract(settings, deployment(settings, **given), "shop", "orders", day)


def compare(
    settings: Settings, number: int = 0, entity: str = "orders", *, however_many: bool = False
) -> tuple[int, int, int]:
    done = reconcile(
        settings,
        deployment(settings),
        "shop",
        entity,
        DAY + timedelta(days=number),
        however_many=however_many,
    )[0]
    return done.read, done.landed, done.unchanged


def gone(pg: psycopg.Connection, entity: str = "orders") -> list[tuple[str, str]]:
    return pg.execute(
        f"select _key, _known_from::text from raw.{entity} where _is_deleted order by _key".encode()
    ).fetchall()


def test_what_is_missing_gets_a_tombstone_once(
    settings: Settings, shop: psycopg.Connection
) -> None:
    night(settings)
    shop.execute("delete from shop.sales where id in ('7', '70')")
    assert compare(settings, 1) == (100, 2, 98)
    assert compare(settings, 1) == (98, 0, 98)
    assert gone(shop) == [("7", "2026-03-21"), ("70", "2026-03-21")]
    # What the row was is still known of the days before.
    assert shop.execute(
        "select count(*), max(gross_amount) from raw.orders where _key = '7'"
    ).fetchone() == (2, 7)


def test_an_old_day_that_is_run_again_does_not_rewrite_the_nights_since(
    settings: Settings, shop: psycopg.Connection
) -> None:
    night(settings)
    night(settings, 3)
    shop.execute("delete from shop.sales where id = '7'")
    assert compare(settings, 1) == (100, 1, 99)
    assert gone(shop) == [("7", "2026-03-23")]


def test_a_row_that_comes_back_lands_again(settings: Settings, shop: psycopg.Connection) -> None:
    night(settings)
    shop.execute("delete from shop.sales where id = '7'")
    compare(settings, 1)
    shop.execute("insert into shop.sales values ('7', '2026-03-22 08:00+03:30', 7)")
    night(settings, 2)
    assert compare(settings, 2) == (100, 0, 100)


def test_keys_of_several_columns_are_told_apart(
    settings: Settings, shop: psycopg.Connection
) -> None:
    night(settings)
    shop.execute("delete from shop.lines where sale = 'a' and line = 12")
    assert compare(settings, 1, "order_items") == (3, 1, 2)
    assert [key for key, _ in gone(shop, "order_items")] == ["a/12"]


def test_suspiciously_many_are_not_buried_unless_told(
    settings: Settings, shop: psycopg.Connection
) -> None:
    night(settings)
    shop.execute("delete from shop.sales where id::integer > 40")
    with pytest.raises(LandingError, match=r"60 of 100 rows are gone .* 30 at most") as told:
        compare(settings, 1)
    assert "moshtari reconcile shop orders --date 2026-03-21 --however-many" in str(told.value)
    assert gone(shop) == []
    assert compare(settings, 1, however_many=True) == (100, 60, 40)


def test_a_comparison_covers_no_day(settings: Settings, shop: psycopg.Connection) -> None:
    night(settings)
    compare(settings, 5)
    shop.execute("insert into shop.sales values ('new', '2026-03-22 08:00+03:30', 7)")
    night(settings, 6)
    assert shop.execute(
        "select _known_from::text from raw.orders where _key = 'new'"
    ).fetchall() == [("2026-03-22",)]


@pytest.mark.parametrize(("nights", "found"), [("nightly", 1), ("saturday", 1), ("sunday", 0)])
def test_it_is_done_on_the_nights_that_the_deployment_names(
    settings: Settings, shop: psycopg.Connection, nights: str, found: int
) -> None:
    night(settings)
    shop.execute("delete from shop.sales where id = '7'")
    night(settings, 1, reconcile={"shop": nights})  # 2026-03-21 is a Saturday
    assert len(gone(shop)) == found


def test_an_old_day_finds_the_tombstone_of_a_later_one(
    settings: Settings, shop: psycopg.Connection
) -> None:
    night(settings)
    shop.execute("delete from shop.sales where id = '7'")
    compare(settings, 2)
    assert compare(settings, 1) == (99, 0, 99)
    assert gone(shop) == [("7", "2026-03-22")]
