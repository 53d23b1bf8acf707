"""A WooCommerce shop that misbehaves: every fault ends in all rows, or in an error that names it.

What happened is noted with each test, for docs/fault-matrix.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from tests.faults.matrix import (
    ALL_ROWS,
    EMPTY,
    NAMED,
    NAMED_IF_LASTING,
    NEXT_NIGHT,
    QUARANTINED,
    RETRIED,
    Note,
    night,
)
from tests.http_servers import END, ONE_DAY, START, Reading, Sleeps, read
from tests.servers.woocommerce import (
    SECRET,
    Shop,
    create_app,
    customer,
    order,
    refund,
    refusal,
    woocommerce,
)

from moshtari.demo.faults import (
    Answer,
    Fault,
    Faults,
    cut_connection,
    drip,
    edited,
    hang,
    json_answer,
    rate_limited,
    redirect,
    refused,
    rewritten,
    server_error,
    truncated,
    web_page,
)
from moshtari.demo.serving import listen, serving
from moshtari.settings import Settings
from moshtari.sources.base import SourceError

SECOND = timedelta(seconds=1)
ENTITIES = {
    "orders": "/wc/v3/orders",
    "order_items": "/wc/v3/orders",
    "refunds": "/wc/v3/orders",
    "customers": "/wc/v3/customers",
}
entities = pytest.mark.parametrize("entity", ENTITIES)

SHOP = Shop()
FAULTS = Faults(create_app(SHOP))


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with serving(FAULTS) as url:
        yield url


@pytest.fixture(autouse=True)
def _shop() -> None:
    FAULTS.follow([])
    SHOP.forget()
    SHOP.orders = [order(key, START + key // 2 * SECOND) for key in range(1, 21)]
    for row in SHOP.orders[::4]:
        row["refunds"] = [{"id": 500 + row["id"], "reason": "", "total": "-50"}]
        SHOP.refunds[row["id"]] = [refund(500 + row["id"], START)]
    SHOP.customers = [customer(key, START) for key in range(1, 21)]


def contents(reading: Reading) -> list[tuple[tuple[str, str | None], ...]]:
    return sorted({tuple(row.items()) for row in reading.rows}, key=repr)


def outcome(source: Any, entity: str, expected: Reading | None = None) -> str:
    """What became of a reading: `all rows` or `named: …`; anything else fails the test."""
    try:
        reading = read(source, entity, ONE_DAY)
    except SourceError as error:
        failure = error
    else:
        assert expected is not None
        assert contents(reading) == contents(expected)
        return "all rows"
    assert (failure.source, failure.entity) == ("shop", entity)
    assert failure.remedy
    assert SECRET not in str(failure)
    return f"named: {failure.what}"


PASSING: dict[str, tuple[Answer, dict[str, Any]]] = {
    "429 with Retry-After": (rate_limited("7"), {}),
    "429 without Retry-After": (rate_limited(None), {}),
    "500 burst": (server_error(500), {}),
    "503": (server_error(503), {}),
    "hang": (hang(1.5), {"timeout_seconds": 0.3}),
    "answer that drips": (drip(40, 0.05), {"answer_seconds": 0.4}),
    "connection cut in the body": (cut_connection(0.5), {}),
    "connection cut before the body": (cut_connection(0), {}),
    "truncated JSON": (truncated(0.5), {}),
    "HTML with 200": (web_page(), {}),
    "error with 200": (json_answer({"code": "internal_server_error", "message": "x"}), {}),
    "empty body": (truncated(0), {}),
    "JSON of another type": (json_answer("maintenance"), {}),
    "JSON null": (json_answer(None), {}),
}


@entities
@pytest.mark.parametrize("fault", PASSING)
def test_a_passing_fault_changes_nothing(
    entity: str, fault: str, base_url: str, note: Note
) -> None:
    answer, http = PASSING[fault]
    expected = read(woocommerce(base_url, page_size=4), entity, ONE_DAY)
    assert len(expected.rows) == {"orders": 20, "order_items": 40, "refunds": 5}.get(entity, 20)
    FAULTS.follow([Fault(ENTITIES[entity], answer, on={1, 2, 4})])
    sleeps = Sleeps()
    source = woocommerce(base_url, page_size=4, http=http, sleep=sleeps)
    happened = outcome(source, entity, expected)
    note("woocommerce", fault, RETRIED)
    assert happened == "all rows"
    assert len(sleeps) == 3
    if fault == "429 with Retry-After":
        assert sleeps == [7, 7, 7]


@entities
@pytest.mark.parametrize("fault", PASSING)
def test_a_lasting_fault_is_named(entity: str, fault: str, base_url: str, note: Note) -> None:
    answer, http = PASSING[fault]
    FAULTS.follow([Fault(ENTITIES[entity], answer)])
    happened = outcome(woocommerce(base_url, page_size=4, http=http | {"tries": 2}), entity)
    note("woocommerce", fault, NAMED_IF_LASTING)
    assert "failed 2 times" in happened


@entities
def test_a_burst_longer_than_the_tries_is_named(entity: str, base_url: str, note: Note) -> None:
    FAULTS.follow([Fault(ENTITIES[entity], server_error(502), on=range(2, 20))])
    happened = outcome(woocommerce(base_url, page_size=4), entity)
    note("woocommerce", "500 burst", NAMED_IF_LASTING)
    assert "status 502" in happened


@entities
def test_a_key_revoked_half_way_is_named(entity: str, base_url: str, note: Note) -> None:
    SHOP.revoked_after = 2
    happened = outcome(woocommerce(base_url, page_size=4), entity)
    note("woocommerce", "token that expires half way", NAMED)
    assert "status 401 (woocommerce_rest_authentication_error)" in happened


@entities
@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_named_at_once(entity: str, status: int, base_url: str, note: Note) -> None:
    FAULTS.follow([Fault(ENTITIES[entity], refused(status))])
    happened = outcome(woocommerce(base_url), entity)
    note("woocommerce", "refused (400 to 404)", NAMED)
    assert f"status {status}" in happened
    assert len(FAULTS.requests) == 1


def test_what_wordpress_says_is_told_by_its_code_alone(base_url: str) -> None:
    async def answer(app: Any, scope: Any, receive: Any, send: Any) -> None:
        await refusal(403, "woocommerce_rest_cannot_view", "علی 0912")(scope, receive, send)

    FAULTS.follow([Fault("/orders", answer)])
    with pytest.raises(SourceError, match=r"status 403 \(woocommerce_rest_cannot_view\)") as error:
        read(woocommerce(base_url), "orders", ONE_DAY)
    assert "0912" not in str(error.value)
    assert "permission Read" in error.value.remedy


@entities
def test_a_server_that_is_away_is_named(entity: str, note: Note) -> None:
    with listen(0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    happened = outcome(woocommerce(url), entity)
    note("woocommerce", "server away", NAMED)
    assert "the connection failed" in happened


@entities
def test_a_redirect_is_not_followed_with_the_key(entity: str, base_url: str, note: Note) -> None:
    FAULTS.follow([Fault(ENTITIES[entity], redirect("/login"))])
    happened = outcome(woocommerce(base_url), entity)
    note("woocommerce", "redirect", NAMED)
    assert "status 302" in happened
    assert not any("/login" in request for request in FAULTS.requests)


@entities
def test_a_page_that_comes_again_for_ever_is_named(entity: str, base_url: str, note: Note) -> None:
    """A cache that leaves the query out answers every request with the first page."""

    async def first_page(app: Any, scope: Any, receive: Any, send: Any) -> None:
        query = b"per_page=4&order=asc&role=all&orderby="
        kind = b"id" if entity == "customers" else b"modified"
        await app(scope | {"query_string": query + kind}, receive, send)

    FAULTS.follow([Fault(ENTITIES[entity], first_page)])
    happened = outcome(woocommerce(base_url, page_size=4), entity)
    note("woocommerce", "looping cursor", NAMED)
    assert "never end" in happened
    assert len(FAULTS.requests) < 12


def test_a_shop_that_orders_by_something_else_is_named(base_url: str, note: Note) -> None:
    FAULTS.follow([Fault("/orders", edited(lambda page: list(reversed(page))))])
    happened = outcome(woocommerce(base_url, page_size=4), "orders")
    note("woocommerce", "pages in another order", NAMED)
    assert "not in the order of their change" in happened


@entities
def test_headers_that_a_proxy_takes_away_are_named(entity: str, base_url: str, note: Note) -> None:
    async def bare(app: Any, scope: Any, receive: Any, send: Any) -> None:
        async def without(message: Any) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message["headers"] if not pair[0].startswith(b"x-wp")]
                message = message | {"headers": kept}
            await send(message)

        await app(scope, receive, without)

    FAULTS.follow([Fault(ENTITIES[entity], bare)])
    happened = outcome(woocommerce(base_url), entity)
    note("woocommerce", "page without a way on", NAMED)
    assert "X-WP-TotalPages" in happened


@entities
def test_headers_that_say_too_little_lose_nothing(entity: str, base_url: str, note: Note) -> None:
    async def counting_none(app: Any, scope: Any, receive: Any, send: Any) -> None:
        async def without(message: Any) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message["headers"] if not pair[0].startswith(b"x-wp")]
                counts = [(b"x-wp-total", b"0"), (b"x-wp-totalpages", b"0")]
                message = message | {"headers": kept + counts}
            await send(message)

        await app(scope, receive, without)

    FAULTS.follow([Fault(ENTITIES[entity], counting_none)])
    happened = outcome(woocommerce(base_url, page_size=4), entity)
    note("woocommerce", "fewer rows announced than sent", NAMED)
    assert "more rows than X-WP-Total" in happened


@entities
def test_a_page_that_shifts_while_it_is_read_loses_nothing(
    entity: str, base_url: str, note: Note
) -> None:
    expected = read(woocommerce(base_url, page_size=4), entity, ONE_DAY)
    SHOP.requests.clear()

    def meanwhile(number: int) -> None:
        if number == 3:
            SHOP.touch(1, END + SECOND)
            SHOP.customers.pop(0)

    SHOP.meanwhile = meanwhile
    happened = outcome(woocommerce(base_url, page_size=4), entity, expected)
    note("woocommerce", "page that shifts while read", ALL_ROWS)
    assert happened == "all rows"


@entities
def test_a_duplicate_across_pages_lands_once(entity: str, base_url: str, note: Note) -> None:
    expected = read(woocommerce(base_url, page_size=4), entity, ONE_DAY)
    last: list[Any] = []

    def repeated(page: Any) -> Any:
        page = [*last[-1:], *page, *page[-1:]] if entity == "customers" else [*page, *page[-1:]]
        last.extend(page)
        return page

    FAULTS.follow([Fault(ENTITIES[entity], edited(repeated), on={2, 3})])
    reading = read(woocommerce(base_url, page_size=4), entity, ONE_DAY)
    assert contents(reading) == contents(expected)
    assert len(reading.rows) == len(expected.rows)
    note("woocommerce", "duplicate across pages", ALL_ROWS)


@entities
def test_an_empty_account_yields_nothing(entity: str, base_url: str, note: Note) -> None:
    """Whether that is believable is landing's to say; nothing is deleted here."""
    SHOP.forget()
    assert read(woocommerce(base_url), entity, ONE_DAY) == Reading()
    note("woocommerce", "empty account", "no rows, none taken out")


def test_an_empty_day_after_a_full_one_loses_nothing(
    base_url: str, settings: Settings, pg: psycopg.Connection, note: Note
) -> None:
    """The full day stays; and a day that was empty by mistake is read again with the next."""
    full = SHOP.orders
    assert night(settings, woocommerce(base_url), "orders") == (20, 20, 0, 0)
    SHOP.orders = []
    assert night(settings, woocommerce(base_url), "orders", 1) in EMPTY
    SHOP.orders = [*full, order(21, END + SECOND), order(22, END + timedelta(days=1, seconds=1))]
    assert night(settings, woocommerce(base_url), "orders", 2) == (2, 2, 0, 0)
    assert pg.execute("select count(*) from raw.orders where not _is_deleted").fetchone() == (22,)
    note("woocommerce", "empty day after a full one", NEXT_NIGHT)


@entities
def test_a_wait_beyond_the_bound_ends_the_load(entity: str, base_url: str, note: Note) -> None:
    FAULTS.follow([Fault(ENTITIES[entity], rate_limited("3600"))])
    sleeps = Sleeps()
    happened = outcome(woocommerce(base_url, sleep=sleeps), entity)
    assert "asks to wait 3600 s" in happened
    assert sleeps == []
    note("woocommerce", "429 that asks for an hour", NAMED)


@pytest.mark.parametrize("entity", ["orders", "order_items"])
def test_orders_of_one_second_are_all_there(entity: str, base_url: str, note: Note) -> None:
    SHOP.orders = [order(key, START) for key in range(1, 21)]
    reading = read(woocommerce(base_url, page_size=4), entity, ONE_DAY)
    assert {row["order_id"] for row in reading.rows} == {str(key) for key in range(1, 21)}
    assert len(reading.rows) == len(contents(reading))
    note("woocommerce", "equal times across pages", ALL_ROWS)


def test_a_wrong_key_is_named_without_quoting_it(base_url: str, note: Note) -> None:
    happened = outcome(woocommerce(base_url, consumer_secret="a wrong secret"), "orders")
    assert "status 401" in happened
    assert "a wrong secret" not in happened
    note("woocommerce", "wrong credentials", NAMED)


def test_a_record_of_another_shape_costs_itself_only(base_url: str, note: Note) -> None:
    def spoil(page: Any) -> Any:
        page[0]["billing"] = "0912"
        return page

    FAULTS.follow([Fault("/orders", edited(spoil), on={1})])
    reading = read(woocommerce(base_url), "orders", ONE_DAY)
    assert (len(reading.rows), len(reading.rejected)) == (19, 1)
    assert "0912" not in reading.rejected[0].reason
    note("woocommerce", "broken record", QUARANTINED)


def test_broken_text_spoils_its_record_only(base_url: str, note: Note) -> None:
    def spoil(body: bytes) -> bytes:
        # JSON of the server writes Persian as it is.
        name = "چای 11".encode()
        assert name in body
        return body.replace(name, b"\xff\xfe", 1)

    FAULTS.follow([Fault("/orders", rewritten(spoil), on={1})])
    reading = read(woocommerce(base_url), "orders", ONE_DAY)
    assert set(reading.by("order_id")) == {str(key) for key in range(2, 21)}
    (rejected,) = reading.rejected
    assert (rejected.position, b"\xff\xfe" in rejected.raw) == ("order 1", True)
    note("woocommerce", "text that is no Unicode", QUARANTINED)
