"""Replaying quarantine by the shops, desks and networks that are read over HTTP or from exports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from tests import exports
from tests.exports import CHAT, chat, message
from tests.http_servers import DAY, END, START, TOKEN
from tests.servers import freshdesk as freshdesk_server
from tests.servers import vtiger as vtiger_server
from tests.servers import woocommerce as woocommerce_server
from tests.servers import x as x_server
from tests.servers.freshdesk import FreshdeskRows, conversation, rating, ticket
from tests.servers.vtiger import VtigerRecords, help_desk, sales_order
from tests.servers.woocommerce import Shop, customer, line, order, refund
from tests.servers.x import MemoryX, post, user
from tests.unit.landing.feeds import versions, visible

from moshtari.demo.faults import Fault, Faults, edited
from moshtari.demo.serving import serving
from moshtari.landing.extract import extract
from moshtari.landing.quarantine import Selection
from moshtari.landing.replay import Replayed, replay
from moshtari.settings import Deployment, Settings
from moshtari.sources import (
    freshdesk_lists,
    freshdesk_replay,
    telegram,
    vtiger_records,
    woocommerce_records,
    woocommerce_replay,
    woocommerce_rows,
    x_replay,
)

NEXT = DAY + timedelta(days=1)
HOUR = timedelta(hours=1)


def records(pg: psycopg.Connection) -> list[tuple[Any, ...]]:
    return pg.execute(
        "select position, reason, status from quarantine.records order by position"
    ).fetchall()


def replayed(settings: Settings, deployment: Deployment, entity: str) -> Replayed:
    (done,) = replay(settings, deployment, Selection(entity=entity))
    return done


def lenient(shape: type[Any]) -> msgspec.json.Decoder[Any]:
    """As a release has it that understands numbers written as texts."""
    return msgspec.json.Decoder(shape, strict=False)


def every(key: str, value: Any) -> Callable[[Any], Any]:
    """A page whose records, in whatever list, all have that value."""

    def changed(page: Any) -> Any:
        if isinstance(page, dict):
            return {name: value if name == key else changed(found) for name, found in page.items()}
        return [changed(found) for found in page] if isinstance(page, list) else page

    return changed


# WooCommerce --------------------------------------------------------------------------------


def shop(base_url: str, **config: Any) -> Deployment:
    source = {
        "kind": "woocommerce",
        "base_url": base_url,
        "consumer_key": woocommerce_server.KEY,
        "consumer_secret": woocommerce_server.SECRET,
        **config,
    }
    return Deployment(name="t", sources={"shop": source})


def amount_of(text: str, name: str) -> Decimal:
    return Decimal(text.replace(",", ".") or "0")


def test_orders_and_accounts_land_when_they_are_understood(
    settings: Settings, pg: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Shop()
    store.orders = [
        order(1, START, total="118,95", line_items=[line(11, total="80,5"), line(12)]),
        order(2, START, meta_data=[{"id": 1, "key": "note", "value": "a\x00b"}]),
        order(3, START),
    ]
    store.customers = [customer(7, START, email="a\x00b"), customer(8, START)]
    with serving(woocommerce_server.create_app(store)) as base_url:
        wrong = shop(base_url, campaign_from="note")
        # Decimals are the shop's own affair here: what is broken shall arrive as it is.
        monkeypatch.setattr(woocommerce_server, "_decimals", lambda *_: None)
        extract(settings, wrong, "shop", "orders", DAY)
        assert [row[0] for row in records(pg)] == ["customer 7", "order 1", "order 1", "order 2"]
        store.orders[1] |= {"status": "completed", "date_modified_gmt": "2026-03-21T09:00:00"}
        mended = shop(base_url)
        assert replayed(settings, mended, "orders").replayed == 1
        assert versions(pg, "_key, status") == [("2", "processing"), ("3", "processing")]
        monkeypatch.setattr(woocommerce_rows, "_amount", amount_of)
        done = replayed(settings, mended, "orders")
        assert (done.records, done.landed) == (1, 1)
        assert versions(pg, "_key, total_amount::text")[0] == ("1", "118.95")
        done = replayed(settings, mended, "order_items")
        assert (done.replayed, done.landed) == (1, 2)
        assert versions(pg, "_key", "order_items")[:2] == [("1/11",), ("1/12",)]
        assert replayed(settings, mended, "customers").still_open == 1
    assert [row[0] for row in records(pg) if row[2] == "open"] == ["customer 7"]


def test_one_line_of_an_order_lands_alone(
    settings: Settings, pg: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Shop()
    store.orders = [order(1, START, line_items=[line(11, sku="x\x00y"), line(12, sku="x\x00z")])]
    with serving(woocommerce_server.create_app(store)) as base_url:
        deployment = shop(base_url, entities=["order_items"])
        extract(settings, deployment, "shop", "orders", DAY)
        assert [row[0] for row in records(pg)] == ["order 1, line 11", "order 1, line 12"]
        rows = woocommerce_rows.item_rows

        def cleaned(found: woocommerce_records.Order) -> Any:
            for row in rows(found):
                yield (*row[:3], row[3] and row[3].replace("\x00y", "y"), *row[4:])

        monkeypatch.setattr("moshtari.sources.woocommerce.item_rows", cleaned)
        done = replayed(settings, deployment, "order_items")
    assert (done.replayed, done.still_open, done.read) == (1, 1, 2)
    assert versions(pg, "_key, sku", "order_items") == [("1/11", "xy")]


def test_refunds_land_with_their_order_of_today(
    settings: Settings, pg: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Shop()
    stubs = [{"id": key, "reason": "", "total": "-50"} for key in (90, 91)]
    store.orders = [
        order(1, START, refunds=stubs),
        order(2, START, refunds=[{"id": 92, "reason": "", "total": "-1"}]),
        order(3, START, refunds=[{"id": 93, "reason": "", "total": "-1"}]),
    ]
    store.refunds = {
        1: [refund(90, START, amount="50,5"), refund(91, START)],
        2: [refund(92, START), refund(94, END + HOUR)],
        3: [refund(93, START, reason="x\x00y")],
    }
    monkeypatch.setattr(woocommerce_server, "_decimals", lambda *_: None)
    app = Faults(woocommerce_server.create_app(store))

    def spoil(page: Any) -> Any:
        return [row | {"status": 5} if row["id"] == 2 else row for row in page]

    app.follow([Fault("/v3/orders", edited(spoil), on={1})])
    with serving(app) as base_url:
        deployment = shop(base_url, entities=["refunds"])
        extract(settings, deployment, "shop", "orders", DAY)
        kept = ["order 1, refund 90", "order 2", "order 3, refund 93"]
        assert [row[0] for row in records(pg)] == kept
        assert replayed(settings, deployment, "refunds").still_open == 3
        monkeypatch.setattr(woocommerce_rows, "_amount", amount_of)
        store.orders[0]["currency"] = "IRR"
        del store.orders[2]
        done = replayed(settings, deployment, "refunds")
        assert (done.replayed, done.still_open) == (1, 2)
        # As a release does that knows states by numbers.
        shape = msgspec.defstruct("Order", [("status", Any)], bases=(woocommerce_records.Order,))
        monkeypatch.setattr(woocommerce_replay, "_ORDER", msgspec.json.Decoder(shape))
        done = replayed(settings, deployment, "refunds")
    assert (done.replayed, done.still_open, done.landed) == (1, 1, 1)
    assert versions(pg, "_key, order_id, currency, amount::text", "refunds") == [
        ("90", "1", "IRR", "50.5"),
        ("91", "1", "IRT", "50"),
        ("92", "2", "IRT", "50"),
    ]
    assert records(pg)[2][1:] == ("its order is gone", "open")


# Freshdesk ----------------------------------------------------------------------------------


def desk(base_url: str, **config: Any) -> Deployment:
    source = {
        "kind": "freshdesk",
        "base_url": base_url,
        "api_key": freshdesk_server.API_KEY,
        **config,
    }
    return Deployment(name="t", sources={"desk": source})


def test_tickets_land_with_their_rating_of_today(
    settings: Settings, pg: psycopg.Connection
) -> None:
    rows = FreshdeskRows()
    fields = {"cf_order": "O\x00-1", "cf_customer": None}
    old = START - timedelta(days=90)
    rows.tickets = [
        ticket(1, START, custom_fields=fields, created_at=old),
        ticket(2, START, custom_fields=fields),
        ticket(3, START),
    ]
    with serving(freshdesk_server.create_app(rows)) as base_url:
        wrong = desk(base_url, order_id_from="cf_order", entities=["tickets"])
        extract(settings, wrong, "desk", "tickets", DAY)
        assert [row[0] for row in records(pg)] == ["ticket 1", "ticket 2"]
        rows.ratings = [rating(key, key, START + HOUR, 103) for key in (1, 2)]
        rows.ticket(2).update(subject="later", updated_at=END + HOUR)
        done = replayed(settings, desk(base_url), "tickets")
    assert (done.replayed, done.landed) == (2, 2)
    columns = "_key, subject, order_id, satisfaction_score::text, requester_phone"
    assert versions(pg, columns, "tickets")[:2] == [
        ("1", "موضوع 1", None, "1", "09120000000"),
        ("2", "موضوع 2", None, "1", "09120000000"),
    ]


def test_an_answer_to_a_survey_brings_its_ticket(
    settings: Settings, pg: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = FreshdeskRows()
    rows.tickets = [ticket(key, START) for key in (1, 2, 3)]
    rows.ratings = [
        rating(5, 1, START + HOUR, 77),
        rating(6, 2, START + HOUR, 103, user_id=1),
        rating(7, 3, START + HOUR, 103),
    ]
    app = Faults(freshdesk_server.create_app(rows))
    spoil = edited(lambda page: [row | {"id": str(row["id"])} for row in page])
    app.follow([Fault("/satisfaction_ratings", spoil)])
    with serving(app) as base_url:
        deployment = desk(base_url, entities=["tickets"])
        extract(settings, deployment, "desk", "tickets", DAY)
        assert [row[0] for row in records(pg)] == ["rating 5", "rating 6", "rating 7"]
        assert replayed(settings, deployment, "tickets").still_open == 3
        decoder = lenient(freshdesk_replay.Rating)
        monkeypatch.setattr(freshdesk_replay, "_RATING", decoder)
        monkeypatch.setattr(freshdesk_lists, "_RATING", decoder)
        del rows.tickets[2]
        done = replayed(settings, deployment, "tickets")
    assert (done.replayed, done.still_open, done.landed) == (1, 2, 1)
    assert [row[1] for row in records(pg) if row[2] == "open"] == [
        freshdesk_lists.UNKNOWN_ANSWER,
        "its ticket is gone",
    ]
    assert visible(pg, "_key, satisfaction_score::text", DAY, "tickets") == [
        ("1", None),
        ("2", "1"),
        ("3", None),
    ]


def test_conversations_land_and_those_of_a_ticket_that_was_unreadable(
    settings: Settings, pg: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = FreshdeskRows()
    rows.tickets = [ticket(1, START + HOUR), ticket(2, START + 2 * HOUR)]
    rows.conversations = {
        1: [conversation(11, START + HOUR), conversation(12, START + HOUR)],
        2: [conversation(21, START + HOUR), conversation(22, END + HOUR)],
    }
    app = Faults(freshdesk_server.create_app(rows))

    def spoil(page: Any) -> Any:
        return [row | {"status": str(row["status"])} if row["id"] == 2 else row for row in page]

    def spoil_written(page: Any) -> Any:
        return [row | {"user_id": "2"} if row["id"] == 12 else row for row in page]

    app.follow(
        [
            Fault("/tickets/1/conversations", edited(spoil_written)),
            Fault("/api/v2/tickets", edited(spoil), on={1, 2, 3}),
        ]
    )
    with serving(app) as base_url:
        deployment = desk(base_url, entities=["ticket_events"])
        extract(settings, deployment, "desk", "tickets", DAY)
        assert [row[0] for row in records(pg)] == ["ticket 1, conversation 12", "ticket 2"]
        assert replayed(settings, deployment, "ticket_events").still_open == 2
        for name, shape in (
            ("_CONVERSATION", freshdesk_replay.Conversation),
            ("_TICKET", freshdesk_replay.Ticket),
        ):
            monkeypatch.setattr(freshdesk_replay, name, lenient(shape))
        done = replayed(settings, deployment, "ticket_events")
    assert (done.replayed, done.still_open) == (2, 0)
    found = visible(pg, "event_id, ticket_id, kind", DAY, "ticket_events")
    assert [row for row in found if row[2] == "comment"] == [
        ("11", "1", "comment"),
        ("12", "1", "comment"),
        ("21", "2", "comment"),
    ]
    assert {row[1] for row in found if row[2] == "status"} == {"1", "2"}


# Vtiger -------------------------------------------------------------------------------------


def crm(base_url: str, **config: Any) -> Deployment:
    source = {
        "kind": "vtiger",
        "base_url": base_url,
        "username": vtiger_server.USERNAME,
        "access_key": vtiger_server.ACCESS_KEY,
        **config,
    }
    return Deployment(name="t", sources={"crm": source})


def test_records_of_vtiger_land_by_the_fields_of_today(
    settings: Settings, pg: psycopg.Connection
) -> None:
    held = VtigerRecords()
    held.modules["SalesOrder"] = [sales_order(1, START), sales_order(2, START, currency_id="21x2")]
    held.modules["HelpDesk"] = [help_desk(1, START, cf_order="x\x00y"), help_desk(2, START)]
    with serving(vtiger_server.create_app(held)) as base_url:
        wrong = crm(
            base_url,
            entities=["tickets", "orders"],
            fields={"orders": {"gross_amount": "subject"}, "tickets": {"order_id": "cf_order"}},
        )
        extract(settings, wrong, "crm", "orders", DAY)
        extract(settings, wrong, "crm", "tickets", DAY)
        kept = ["HelpDesk 17x1", "SalesOrder 6x1", "SalesOrder 6x2"]
        assert sorted({row[0] for row in records(pg)} - {"a record without id"}) == kept
        held.modules["SalesOrder"][0] |= {"sostatus": "Later", "modifiedtime": END + HOUR}
        mended = crm(base_url, entities=["tickets", "orders"])
        done = replayed(settings, mended, "orders")
        assert (done.replayed, done.landed) == (2, 2)
        assert replayed(settings, mended, "tickets").replayed == 1
    assert versions(pg, "_key, status, currency, gross_amount::integer") == [
        ("6x1", "Approved", "IRR", 1000),
        ("6x2", "Approved", "EUR", 1000),
    ]
    assert versions(pg, "_key, order_id", "tickets") == [("17x1", None), ("17x2", "6x2")]


def test_lines_of_an_order_of_vtiger(
    settings: Settings, pg: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = VtigerRecords()
    lines = [vtiger_server.line(1, quantity="2,5"), vtiger_server.line(2)]
    odd = [vtiger_server.line(1, product_name="x\x00y"), vtiger_server.line(2)]
    held.modules["SalesOrder"] = [
        sales_order(1, START, LineItems=lines),
        sales_order(2, START, LineItems=odd),
        sales_order(3, START),
    ]
    app = Faults(vtiger_server.create_app(held))

    def spoil(page: Any) -> Any:
        for row in (page.get("result") or {}).get("updated", []):
            if row["id"] == "6x3":
                del row["modifiedtime"]
        return page

    app.follow([Fault("/webservice.php", edited(spoil))])
    with serving(app) as base_url:
        deployment = crm(base_url, entities=["order_items"])
        extract(settings, deployment, "crm", "orders", DAY)
        kept = ["SalesOrder 6x1", "SalesOrder 6x2, line 1", "SalesOrder 6x3"]
        assert [row[0] for row in records(pg)] == kept
        app.follow([])
        numbers = vtiger_records._number

        def known(name: str, values: Any) -> Any:
            return numbers(name, {key: v and v.replace(",", ".") for key, v in values.items()})

        monkeypatch.setattr(vtiger_records, "_number", known)
        done = replayed(settings, deployment, "order_items")
    assert (done.replayed, done.still_open, done.landed) == (2, 1, 4)
    found = versions(pg, "_key, quantity::text", "order_items")
    assert found[:3] == [("6x1/1", "2.5"), ("6x1/2", "2.000"), ("6x2/2", "2.000")]
    # Of this one not even the lines had been asked for.
    assert [key for key, _ in found[3:]] == ["6x3/1", "6x3/2"]
    assert records(pg)[1][1].startswith("a character that no database keeps")


# X and Telegram -----------------------------------------------------------------------------


def test_posts_of_x_land_with_their_authors_of_today(
    settings: Settings, pg: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryX(END + 3 * HOUR)
    store.users = [user(), user("6", "Pishkhan", "پیشخوان")]
    store.posts = [post(1, START), post(2, START + HOUR, author_id="6")]
    store.posts.append(post(3, START + 2 * HOUR, author_id="99"))
    app = Faults(x_server.create_app(store, token=TOKEN))
    app.follow([Fault("/search/recent", edited(every("like_count", "3")))])
    with serving(app) as base_url:
        source = {
            "kind": "x",
            "base_url": base_url,
            "token": TOKEN,
            "query": "@pishkhan",
            "brand_handle": "x:pishkhan",
        }
        deployment = Deployment(name="t", sources={"voices": source})
        extract(settings, deployment, "voices", "mentions", DAY)
        assert replayed(settings, deployment, "mentions").still_open == 3
        monkeypatch.setattr(x_replay, "_POST", lenient(x_replay.Post))
        done = replayed(settings, deployment, "mentions")
    assert (done.replayed, done.landed) == (3, 3)
    assert versions(pg, "author_handle, by_brand, likes::text", "mentions") == [
        ("x:ali_r", False, "3"),
        ("x:pishkhan", True, "3"),
        (None, False, "3"),
    ]


def test_an_author_of_x_that_cannot_be_read_is_told_what_to_do(
    settings: Settings, pg: psycopg.Connection
) -> None:
    store = MemoryX(END + 3 * HOUR, posts=[post(1, START)])
    app = Faults(x_server.create_app(store, token=TOKEN))
    app.follow([Fault("/search/recent", edited(every("username", 5)))])
    with serving(app) as base_url:
        source = {"kind": "x", "base_url": base_url, "token": TOKEN, "query": "@pishkhan"}
        deployment = Deployment(name="t", sources={"voices": source})
        extract(settings, deployment, "voices", "mentions", DAY)
        assert replayed(settings, deployment, "mentions").still_open == 1
    assert "run those days again" in records(pg)[0][1]


def test_messages_of_telegram_land_without_their_export(
    settings: Settings, pg: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [{"type": "emoji", "count": "3", "emoji": "👍"}]
    path = exports.write(
        tmp_path / "result.json",
        chat(
            message(1),
            message(2, reactions=many),
            message(3, text="a\x00b"),
            message(4, type="service", id="4"),
        ),
    )
    source = {"kind": "telegram", "path": "result.json"}
    deployment = Deployment(name="t", sources={"voices": source}, file=tmp_path / "moshtari.yml")
    extract(settings, deployment, "voices", "mentions", DAY)
    place = f"channel{CHAT}, message"
    assert [row[0] for row in records(pg)] == [f"{place} 2", f"{place} 3", f"{place} 4"]
    path.unlink()
    assert replayed(settings, deployment, "mentions").still_open == 3
    monkeypatch.setattr(telegram, "_MESSAGE", lenient(telegram.Message))
    done = replayed(settings, deployment, "mentions")
    # The one about somebody who joined is left out, as it would have been.
    assert (done.replayed, done.still_open, done.landed) == (2, 1, 1)
    assert versions(pg, "_key, likes::text, _origin", "mentions") == [
        (f"channel{CHAT}/1", None, "result.json"),
        (f"channel{CHAT}/2", "3", "result.json"),
    ]
    other = source | {"chats": [5]}
    elsewhere = Deployment(name="t", sources={"voices": other}, file=tmp_path / "moshtari.yml")
    done = replayed(settings, elsewhere, "mentions")
    assert (done.replayed, done.landed) == (1, 0)
