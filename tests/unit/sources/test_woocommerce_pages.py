"""Reading a shop page by page while it goes on selling: nothing lost, of any size."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.http_servers import ALL_HISTORY, END, ONE_DAY, START, Reading, read
from tests.servers.woocommerce import (
    KEY,
    SECRET,
    Shop,
    create_app,
    customer,
    line,
    order,
    refund,
    woocommerce,
)

from moshtari.demo.serving import serving
from moshtari.sources.base import SourceError

SECOND = timedelta(seconds=1)
AFTER = END + timedelta(hours=3)


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Shop, str]]:
    """One server for the module's many examples; each puts rows of its own."""
    shop = Shop()
    with serving(create_app(shop)) as base_url:
        yield shop, base_url


@pytest.fixture
def served(shared: tuple[Shop, str]) -> tuple[Shop, str]:
    shared[0].forget()
    return shared


def ids(reading: Reading, key: str = "order_id") -> set[int]:
    return {int(found) for found in reading.by(key) if found is not None}


def test_a_window_begins_with_its_start_and_ends_before_its_end(served: tuple[Shop, str]) -> None:
    shop, base_url = served
    shop.orders = [
        order(1, START - SECOND),
        order(2, START),
        order(3, END - SECOND),
        order(4, END),
    ]
    shop.refunds = {key: [refund(90 + key, START)] for key in range(1, 5)}
    for row in shop.orders:
        row["refunds"] = [{"id": 90 + row["id"], "total": "-50"}]
    source = woocommerce(base_url)
    assert ids(read(source, "orders", ONE_DAY)) == {2, 3}
    assert ids(read(source, "orders", ALL_HISTORY)) == {1, 2, 3}
    assert {row["order_id"] for row in read(source, "order_items", ONE_DAY).rows} == {"2", "3"}
    assert ids(read(source, "refunds", ONE_DAY), "refund_id") == {92, 93}


@pytest.mark.parametrize("size", [2, 3, 100])
def test_seconds_that_lie_across_pages_come_whole(served: tuple[Shop, str], size: int) -> None:
    shop, base_url = served
    # Seconds of one to five orders, so that every border between pages is met.
    at, key = START, 0
    for together in (1, 5, 2, 4, 3, 1, 1, 5):
        at += SECOND
        for _ in range(together):
            key += 1
            shop.orders.append(order(key, at))
    reading = read(woocommerce(base_url, page_size=size), "orders", ONE_DAY)
    assert ids(reading) == set(range(1, key + 1))


def test_an_order_that_changes_meanwhile_takes_nothing_with_it(served: tuple[Shop, str]) -> None:
    shop, base_url = served
    shop.orders = [order(key, START + key * SECOND) for key in range(1, 31)]
    # By page number, each of these moves would lift an order over a border, unseen.
    moves = {2: 1, 3: 2, 4: 3, 5: 20, 6: 25}
    shop.meanwhile = lambda number: number in moves and shop.touch(moves[number], AFTER)
    reading = read(woocommerce(base_url, page_size=5), "orders", ONE_DAY)
    assert ids(reading) >= set(range(1, 31)) - {20, 25}


@given(
    seconds=st.lists(st.integers(0, 6), min_size=1, max_size=30),
    moves=st.lists(st.tuples(st.integers(1, 20), st.integers(1, 30)), max_size=12),
    size=st.integers(2, 7),
)
@settings(max_examples=60, deadline=None)
def test_no_order_that_stays_is_lost(
    shared: tuple[Shop, str],
    seconds: list[int],
    moves: list[tuple[int, int]],
    size: int,
) -> None:
    shop, base_url = shared
    shop.forget()
    shop.orders = [order(key, START + at * SECOND) for key, at in enumerate(seconds, start=1)]
    moved: set[int] = set()

    def meanwhile(number: int) -> None:
        for request, key in moves:
            if request == number and key <= len(seconds) and key not in moved:
                moved.add(key)
                shop.touch(key, AFTER)

    shop.meanwhile = meanwhile
    reading = read(woocommerce(base_url, page_size=size), "orders", ONE_DAY)
    found = {int(row["order_id"] or 0) for row in reading.rows}
    assert found >= set(range(1, len(seconds) + 1)) - moved
    assert found <= set(range(1, len(seconds) + 1))


def test_a_crowded_second_is_read_anew_when_an_order_leaves_it(served: tuple[Shop, str]) -> None:
    shop, base_url = served
    shop.orders = [order(key, START) for key in range(1, 31)]
    # 1: the page by time, 2: the next keyset (prefetched), then the second by page number.
    shop.meanwhile = lambda number: number == 5 and shop.touch(1, AFTER)
    reading = read(woocommerce(base_url, page_size=5), "orders", ONE_DAY)
    assert {int(row["order_id"] or 0) for row in reading.rows} >= set(range(2, 31))
    assert not reading.rejected


def test_a_second_that_never_rests_is_named(served: tuple[Shop, str]) -> None:
    shop, base_url = served
    shop.orders = [order(key, START) for key in range(1, 301)]
    shop.meanwhile = lambda number: shop.touch(number, AFTER)
    with pytest.raises(SourceError, match="kept changing"):
        read(woocommerce(base_url, page_size=5), "orders", ONE_DAY)


def test_an_order_thrown_away_meanwhile_ends_as_a_tombstone(served: tuple[Shop, str]) -> None:
    shop, base_url = served
    shop.orders = [order(key, START + key * SECOND) for key in range(1, 6)]
    shop.orders.append(order(9, START, status="trash"))

    def meanwhile(number: int) -> None:
        if number == 3:
            shop.touch(1, END - SECOND, status="trash")

    shop.meanwhile = meanwhile
    reading = read(woocommerce(base_url, page_size=3), "orders", ONE_DAY)
    last = {row["order_id"]: row["_is_deleted"] for row in reading.rows}
    assert last["1"] == last["9"] == "true"
    assert set(last) == {"1", "2", "3", "4", "5", "9"}


def test_orders_without_a_time_of_change_come_with_the_history(served: tuple[Shop, str]) -> None:
    shop, base_url = served
    shop.orders = [order(1, None), order(2, None)]
    shop.orders += [order(key, START + key * SECOND) for key in range(3, 9)]
    source = woocommerce(base_url, page_size=4)
    assert ids(read(source, "orders", ALL_HISTORY)) == set(range(1, 9))
    assert ids(read(source, "orders", ONE_DAY)) == set(range(3, 9))
    shop.orders += [order(key, None) for key in range(10, 20)]
    with pytest.raises(SourceError, match="do not say when they changed"):
        read(source, "orders", ALL_HISTORY)


def test_amounts_are_not_those_that_the_shop_shows(served: tuple[Shop, str]) -> None:
    shop, base_url = served
    shop.orders = [order(1, START, total="99999999999.4567")]
    (row,) = read(woocommerce(base_url), "orders", ONE_DAY).rows
    assert row["total_amount"] == "99999999999.4567"
    assert row["discount_amount"] == "10.5"


def test_times_go_out_as_utc_without_an_offset(served: tuple[Shop, str]) -> None:
    """With an offset WordPress would move them to the shop's zone, three and a half hours on."""
    shop, base_url = served
    shop.orders = [order(key, START + key * SECOND) for key in range(1, 9)]
    read(woocommerce(base_url, page_size=3), "orders", ONE_DAY)
    asked = [
        request.query_params["modified_after"]
        for request in shop.requests
        if "modified_after" in request.query_params
    ]
    assert asked[0] == (START - SECOND).astimezone(UTC).replace(tzinfo=None).isoformat()
    assert all(datetime.fromisoformat(found).tzinfo is None for found in asked)
    assert all(request.query_params["dates_are_gmt"] == "true" for request in shop.requests)


def test_lines_and_refunds_come_with_their_order(served: tuple[Shop, str]) -> None:
    shop, base_url = served
    stubs = [{"id": key, "reason": "", "total": "-1"} for key in range(90, 96)]
    shop.orders = [
        order(1, START, refunds=stubs, line_items=[line(11), line(12)]),
        order(2, START, refunds=[]),
        order(3, START, status="trash", refunds=[{"id": 99, "reason": "", "total": "-1"}]),
    ]
    shop.refunds = {1: [refund(key, START) for key in range(90, 95)] + [refund(95, AFTER)]}
    source = woocommerce(base_url, page_size=2)
    items = read(source, "order_items", ONE_DAY)
    assert {(row["order_id"], row["line_no"]) for row in items.rows} >= {("1", "11"), ("1", "12")}
    assert {row["_changed_at"] for row in items.rows} == {START.isoformat()}
    refunds = read(source, "refunds", ONE_DAY).by("refund_id")
    assert set(refunds) == {"90", "91", "92", "93", "94", "99"}
    assert refunds["99"]["_is_deleted"] == "true"
    paths = [request.url.path for request in shop.requests]
    assert not any("/orders/2/" in path or "/orders/3/" in path for path in paths)


def test_all_accounts_come_and_those_changed_later_wait(served: tuple[Shop, str]) -> None:
    shop, base_url = served
    shop.customers = [customer(key, START) for key in range(1, 24)]
    shop.customers += [customer(30, AFTER), customer(31, None), customer(32, START, role="editor")]
    reading = read(woocommerce(base_url, page_size=5), "customers", ONE_DAY)
    assert ids(reading, "customer_id") == {*range(1, 24), 31, 32}


@given(
    count=st.integers(0, 30),
    deletions=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 30)), max_size=12),
    arrivals=st.lists(st.integers(1, 12), max_size=4),
    size=st.integers(2, 7),
)
@settings(max_examples=60, deadline=None)
def test_no_account_that_stays_is_lost(
    shared: tuple[Shop, str],
    count: int,
    deletions: list[tuple[int, int]],
    arrivals: list[int],
    size: int,
) -> None:
    shop, base_url = shared
    shop.forget()
    shop.customers = [customer(key, START) for key in range(1, count + 1)]
    gone: set[int] = set()

    def meanwhile(number: int) -> None:
        for request, key in deletions:
            if request == number:
                gone.add(key)
        shop.customers = [row for row in shop.customers if row["id"] not in gone]
        for request in arrivals:
            if request == number:
                key = 100 + len(shop.requests) * 10 + len(shop.customers)
                shop.customers.append(customer(key, START))

    shop.meanwhile = meanwhile
    reading = read(woocommerce(base_url, page_size=size), "customers", ONE_DAY)
    assert ids(reading, "customer_id") >= set(range(1, count + 1)) - gone


def test_broken_records_are_rejected_and_their_page_lands(served: tuple[Shop, str]) -> None:
    shop, base_url = served
    shop.orders = [order(key, START + key * SECOND) for key in range(1, 9)]
    shop.order(2)["status"] = ["no status"]
    shop.order(3)["line_items"] = "none"
    shop.order(4)["total"] = "a hundred"
    source = woocommerce(base_url, page_size=3)
    reading = read(source, "orders", ONE_DAY)
    assert ids(reading) == {1, 5, 6, 7, 8}
    assert {(found.position, found.reason) for found in reading.rejected if found.raw} >= {
        ("order 4", "total: not a number")
    }
    assert len(reading.rejected) == 3


def test_check_says_what_works(served: tuple[Shop, str]) -> None:
    _, base_url = served
    results = woocommerce(base_url).check()
    assert [result.ok for result in results] == [True] * 4
    wrong = woocommerce(base_url, consumer_secret="wrong").check()
    assert not any(result.ok for result in wrong)
    assert "woocommerce_rest_authentication_error" in wrong[0].detail
    assert "consumer_key" in wrong[0].remedy
    elsewhere = woocommerce(f"{base_url}/blog").check()
    assert "rest_no_route" in elsewhere[0].detail


def test_the_server_refuses_what_woocommerce_refuses(served: tuple[Shop, str]) -> None:
    """The contract server itself: a client that errs shall notice."""
    shop, base_url = served
    shop.orders = [order(1, START)]
    url, auth = f"{base_url}/wp-json/wc/v3/orders", (KEY, SECRET)
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, auth=auth, params={"per_page": 101}).status_code == 400
    assert httpx.get(url, auth=auth, params={"orderby": "date_modified"}).status_code == 400
    with_offset = {"modified_after": "2026-03-19T20:29:59Z", "dates_are_gmt": "true"}
    assert httpx.get(url, auth=auth, params=with_offset).json() == []
    without = with_offset | {"modified_after": "2026-03-19T20:29:59"}
    assert len(httpx.get(url, auth=auth, params=without).json()) == 1
