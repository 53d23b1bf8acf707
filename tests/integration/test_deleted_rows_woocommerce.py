"""What is deleted for good in a WooCommerce shop: only what the shop itself says is gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from tests.http_servers import START
from tests.servers.woocommerce import (
    FORGOTTEN,
    KEY,
    SECRET,
    Shop,
    create_app,
    customer,
    line,
    order,
    refund,
)

from moshtari.demo.faults import (
    Answer,
    Fault,
    Faults,
    cut_connection,
    json_answer,
    refused,
    server_error,
    truncated,
)
from moshtari.demo.serving import serving
from moshtari.landing.errors import LandingError
from moshtari.landing.extract import extract, reconcile
from moshtari.settings import Deployment, Settings
from moshtari.sources.base import SourceError

DAY = date(2026, 3, 20)
NEXT = DAY + timedelta(days=1)
SECOND = timedelta(seconds=1)
Served = tuple[Shop, Faults, Deployment]


@pytest.fixture
def served(settings: Settings, pg: psycopg.Connection) -> Iterator[Served]:
    """A shop of fifty orders and accounts, ten refunds, all of it landed."""
    shop = Shop()
    faults = Faults(create_app(shop))
    with serving(faults) as base_url:
        config: dict[str, Any] = {
            "kind": "woocommerce",
            "base_url": base_url,
            "consumer_key": KEY,
            "consumer_secret": SECRET,
            "page_size": 20,
            "http": {"tries": 1},
        }
        shop.orders = [
            order(key, START + key * SECOND, line_items=[line(key * 10), line(key * 10 + 1)])
            for key in range(1, 51)
        ]
        shop.orders.append(order(60, START, status="trash", line_items=[line(600)]))
        for key in range(1, 11):
            shop.orders[key - 1]["refunds"] = [{"id": 900 + key, "total": "-50"}]
            shop.refunds[key] = [refund(900 + key, START)]
        shop.customers = [customer(key, START) for key in range(1, 51)]
        deployment = Deployment(name="test", sources={"shop": config})
        extract(settings, deployment, "shop", "orders", DAY)
        yield shop, faults, deployment


def compare(
    settings: Settings, served: Served, entity: str | None = None, **given: bool
) -> dict[str, int]:
    """How many were found to be gone, by entity."""
    done = reconcile(settings, served[2], "shop", entity, NEXT, **given)
    return {summary.entity: summary.landed for summary in done}


def gone(pg: psycopg.Connection, entity: str) -> list[str]:
    """Keys of the tombstones that comparisons left."""
    rows = pg.execute(
        f"select _key from raw.{entity} where _is_deleted and _known_from = %s"
        " order by _key".encode(),
        [NEXT],
    )
    return [key for (key,) in rows]


def found_when_asked(pg: psycopg.Connection) -> int:
    row = pg.execute(
        "select details ->> 'found_when_asked' from ops.loads"
        " where details ? 'reconciled' order by load_id desc limit 1"
    ).fetchone()
    return int(row[0]) if row else -1


def delete(shop: Shop, key: int) -> None:
    shop.orders = [row for row in shop.orders if row["id"] != key]
    shop.refunds.pop(key, None)


def test_what_is_deleted_for_good_gets_a_tombstone_once(
    settings: Settings, pg: psycopg.Connection, served: Served
) -> None:
    shop = served[0]
    nothing = dict.fromkeys(("orders", "customers", "order_items", "refunds"), 0)
    assert compare(settings, served) == nothing
    delete(shop, 3)
    shop.order(2)["line_items"].pop()
    shop.order(1)["refunds"], shop.refunds[1] = [], []
    shop.customers = [row for row in shop.customers if row["id"] != 50]
    assert compare(settings, served) == {
        "orders": 1,
        "customers": 1,
        "order_items": 3,
        "refunds": 2,
    }
    assert gone(pg, "orders") == ["3"]
    assert gone(pg, "order_items") == ["2/21", "3/30", "3/31"]
    assert gone(pg, "refunds") == ["901", "903"]
    assert gone(pg, "customers") == ["50"]
    assert compare(settings, served) == nothing


def test_an_order_that_no_list_shows_stays(
    settings: Settings, pg: psycopg.Connection, served: Served
) -> None:
    # As many as would be suspicious: a plugin with a status of its own is gone.
    for row in served[0].orders[5:45]:
        row["status"] = FORGOTTEN
    for entity, found in (("orders", 40), ("order_items", 80), ("refunds", 5)):
        assert compare(settings, served, entity) == {entity: 0}
        assert found_when_asked(pg) == found


@pytest.mark.parametrize("entity", ["orders", "order_items", "refunds", "customers"])
def test_a_list_that_shifts_while_it_is_read_deletes_nothing_alive(
    settings: Settings, pg: psycopg.Connection, served: Served, entity: str
) -> None:
    shop = served[0]

    def meanwhile(number: int) -> None:
        if number == 2:
            # Of the first page, which has been read: all behind them move up.
            shop.orders = [row for row in shop.orders if row["id"] not in (4, 5, 6)]
            shop.customers = [row for row in shop.customers if row["id"] not in (4, 5, 6)]
        if number == 3:
            shop.order(49)["status"] = "trash"
            shop.order(60)["status"] = "processing"

    shop.requests.clear()
    shop.meanwhile = meanwhile
    assert compare(settings, served, entity) == {entity: 0}
    shop.meanwhile = lambda _number: None
    for key in (4, 5, 6):
        delete(shop, key)
    found = {"order_items": 6}.get(entity, 3)
    assert compare(settings, served, entity) == {entity: found}


HALF_WAY: dict[str, tuple[str, Answer]] = {
    "500 on the second page": ("/orders", server_error(500)),
    "cut on the second page": ("/orders", cut_connection()),
    "truncated on the second page": ("/orders", truncated()),
    "500 when asked": ("/orders/4", server_error(500)),
    "404 of something else when asked": ("/orders/4", refused(404)),
    "another answer when asked": ("/orders/4", json_answer({"code": "x", "message": "y"})),
}


@pytest.mark.parametrize("fault", HALF_WAY)
def test_an_error_half_way_deletes_nothing(
    settings: Settings, pg: psycopg.Connection, served: Served, fault: str
) -> None:
    shop, faults, _ = served
    for key in (3, 4):
        delete(shop, key)
    path, answer = HALF_WAY[fault]
    faults.follow([Fault(path, answer, on={2} if path == "/orders" else None)])
    with pytest.raises(SourceError):
        compare(settings, served, "orders")
    assert gone(pg, "orders") == []
    faults.follow([])
    assert compare(settings, served, "orders") == {"orders": 2}


def test_suspiciously_many_are_asked_for_and_still_not_buried(
    settings: Settings, pg: psycopg.Connection, served: Served
) -> None:
    shop = served[0]
    for key in range(1, 41):
        delete(shop, key)
    with pytest.raises(LandingError, match=r"40 of 50 rows are gone .* 30 at most"):
        compare(settings, served, "orders")
    assert gone(pg, "orders") == []
    assert compare(settings, served, "orders", however_many=True) == {"orders": 40}
