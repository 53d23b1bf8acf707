"""A WooCommerce shop, night after night, from its REST API into raw."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from tests.http_servers import END, START
from tests.servers.woocommerce import KEY, SECRET, Shop, create_app, customer, line, order, refund
from tests.unit.landing.feeds import counted, reasons, visible

from moshtari.demo.faults import Fault, Faults, server_error
from moshtari.demo.serving import serving
from moshtari.landing.errors import ExtractError
from moshtari.landing.extract import LoadSummary, extract
from moshtari.settings import Deployment, Settings

DAY = date(2026, 3, 20)
NEXT = DAY + timedelta(days=1)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@pytest.fixture
def served() -> Iterator[tuple[Shop, Faults, Deployment]]:
    shop = Shop()
    faults = Faults(create_app(shop))
    with serving(faults) as base_url:
        config: dict[str, Any] = {
            "kind": "woocommerce",
            "base_url": base_url,
            "consumer_key": KEY,
            "consumer_secret": SECRET,
            "page_size": 5,
            "http": {"tries": 1},
        }
        yield shop, faults, Deployment(name="test", sources={"shop": config})


def land(settings: Settings, deployment: Deployment, day: date = DAY) -> dict[str, LoadSummary]:
    landed = extract(settings, deployment, "shop", "orders", day)
    return {summary.entity: summary for summary in landed}


def test_every_night_brings_its_own_changes(
    settings: Settings, pg: psycopg.Connection, served: tuple[Shop, Faults, Deployment]
) -> None:
    shop, _, deployment = served
    # Twelve orders of one second across the pages; one of the next day's first second.
    shop.orders = [order(key, END - SECOND, line_items=[line(key)]) for key in range(1, 13)]
    shop.orders.append(order(20, END, line_items=[line(20)]))
    shop.orders[0]["refunds"] = [{"id": 90, "reason": "", "total": "-50"}]
    shop.refunds[1] = [refund(90, START)]
    shop.customers = [customer(7, START)]
    first = land(settings, deployment)
    assert {entity: counted(summary) for entity, summary in first.items()} == {
        "orders": (12, 12, 0, 0),
        "customers": (1, 1, 0, 0),
        "order_items": (12, 12, 0, 0),
        "refunds": (1, 1, 0, 0),
    }
    amounts = "gross_amount::text, total_amount::text, coupon_codes, currency"
    assert visible(pg, amounts, DAY)[0] == ("100", "118.95", ["نوروز"], "IRT")

    # Changed twice in a night, thrown away, and saved late with a time of the day before.
    shop.touch(2, END + HOUR, status="on-hold")
    shop.touch(2, END + 2 * HOUR, status="completed")
    shop.touch(3, END + HOUR, status="trash")
    shop.orders.append(order(30, END - 60 * SECOND, line_items=[line(30)]))
    second = land(settings, deployment, NEXT)
    # What the lookback brings again lands nowhere.
    assert counted(second["orders"]) == (14, 4, 10, 0)
    assert counted(second["customers"]) == (1, 0, 1, 0)
    found = dict(visible(pg, "order_id, status", NEXT))
    assert set(found) == {str(key) for key in (*range(1, 13), 20, 30)} - {"3"}
    assert found["2"] == "completed"
    assert ("3/3",) not in visible(pg, "_key", NEXT, "order_items")
    assert counted(land(settings, deployment, NEXT)["orders"]) == (14, 0, 14, 0)


def test_a_reading_that_fails_half_way_lands_nothing(
    settings: Settings, pg: psycopg.Connection, served: tuple[Shop, Faults, Deployment]
) -> None:
    shop, faults, deployment = served
    shop.orders = [order(key, START + key * SECOND) for key in range(1, 31)]
    faults.follow([Fault("/orders", server_error(500), on={4})])
    with pytest.raises(ExtractError, match="status 500"):
        extract(settings, deployment, "shop", "orders", DAY)
    assert visible(pg, "_key", DAY) == []
    faults.follow([])
    assert counted(land(settings, deployment)["orders"]) == (30, 30, 0, 0)


def test_bad_rows_are_quarantined_and_mended_ones_land(
    settings: Settings, pg: psycopg.Connection, served: tuple[Shop, Faults, Deployment]
) -> None:
    shop, _, deployment = served
    shop.orders = [order(key, START + key * SECOND) for key in range(1, 4)]
    shop.order(2).update(total="a lot", date_created_gmt="2026-03-20T00:00:00")
    shop.order(3).update(date_created_gmt=None)
    assert counted(land(settings, deployment)["orders"]) == (3, 1, 0, 2)
    assert sorted(reasons(pg)) == ["ordered_at: missing", "total: not a number"]
    shop.order(2).update(total="118.95")
    assert counted(land(settings, deployment)["orders"]) == (3, 1, 1, 1)
