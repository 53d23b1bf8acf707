"""Freshdesk and Vtiger landed in PostgreSQL, twice: the second time nothing has changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from tests.http_servers import DAY, END, START, TEHRAN
from tests.servers import freshdesk as freshdesk_server
from tests.servers import vtiger as vtiger_server
from tests.servers.freshdesk import FreshdeskRows, conversation, freshdesk, rating, ticket
from tests.servers.vtiger import VtigerRecords, contact, help_desk, sales_order, vtiger
from tests.unit.landing.feeds import counted, reasons, versions, visible

from moshtari.demo.serving import serving
from moshtari.landing.contract import ENTITIES
from moshtari.landing.extract import LoadSummary, extract_entity
from moshtari.landing.load import Load
from moshtari.settings import Settings
from moshtari.sources.base import Source

MINUTE = timedelta(minutes=1)
NEXT_DAY = DAY + timedelta(days=1)
ACCOUNTS = 250


@pytest.fixture
def desk() -> Iterator[tuple[FreshdeskRows, Source]]:
    rows = FreshdeskRows()
    rows.tickets = [
        ticket(key, START + key // 7 * MINUTE, status=2 + key % 5, deleted=key % 50 == 0)
        for key in range(1, ACCOUNTS + 1)
    ]
    rows.conversations = {
        key: [conversation(10 * key + n, START + n * MINUTE) for n in range(3)]
        for key in range(1, ACCOUNTS + 1)
    }
    rows.ratings = [rating(key, key, START + MINUTE, 103) for key in range(1, 130)]
    with serving(freshdesk_server.create_app(rows)) as base_url:
        yield rows, freshdesk(base_url)


@pytest.fixture
def crm() -> Iterator[tuple[VtigerRecords, Source]]:
    records = VtigerRecords()
    for module, make in (
        ("HelpDesk", help_desk),
        ("Contacts", contact),
        ("SalesOrder", sales_order),
    ):
        records.modules[module] = [
            make(key, START + key // 7 * MINUTE, deleted=key % 50 == 0)
            for key in range(1, ACCOUNTS + 1)
        ]
    with serving(vtiger_server.create_app(records)) as base_url:
        yield records, vtiger(base_url)


def load(settings: Settings, source: Source, entity: str, day: Any = DAY) -> LoadSummary:
    given = Load(source.name, ENTITIES[entity], day, TEHRAN, source.lookback_hours)
    return extract_entity(settings, source, given)


def test_freshdesk_lands_once(
    settings: Settings, pg: psycopg.Connection, desk: tuple[FreshdeskRows, Source]
) -> None:
    rows, source = desk
    gone = ACCOUNTS // 50
    events = (ACCOUNTS - gone) * 4
    for entity, number in (("tickets", ACCOUNTS), ("ticket_events", events)):
        assert counted(load(settings, source, entity)) == (number, number, 0, 0)
        assert counted(load(settings, source, entity)) == (number, 0, number, 0)
    assert reasons(pg) == []
    assert len(visible(pg, "ticket_id", DAY, "tickets")) == ACCOUNTS - gone
    first = versions(pg, "ticket_id, subject, tags, status, satisfaction_score, body", "tickets")[0]
    assert first == ("1", "موضوع 1", ["دیرکرد", 'say "so"'], "pending", 1, "سفارشم نرسید")

    rows.ticket(7).update(status=5, updated_at=END + MINUTE)
    rows.ticket(8).update(deleted=True, updated_at=END + MINUTE)
    rows.ratings.append(rating(500, 9, END + MINUTE, -103, feedback="دیر بود"))
    summary = load(settings, source, "tickets", NEXT_DAY)
    assert (summary.landed, summary.quarantined) == (3, 0)
    seen = {
        key: (status, score, comment)
        for key, status, score, comment in visible(
            pg,
            "ticket_id, status, satisfaction_score, satisfaction_comment",
            NEXT_DAY,
            "tickets",
        )
    }
    assert "8" not in seen
    assert seen["7"] == ("closed", 1, "خوب بود")
    assert seen["9"] == ("closed" if 9 % 5 == 3 else seen["9"][0], 0, "دیر بود")


def test_vtiger_lands_once(
    settings: Settings, pg: psycopg.Connection, crm: tuple[VtigerRecords, Source]
) -> None:
    records, source = crm
    live = ACCOUNTS - ACCOUNTS // 50
    for entity, number in (
        ("tickets", ACCOUNTS),
        ("customers", ACCOUNTS),
        ("orders", ACCOUNTS),
        ("order_items", 2 * live),
    ):
        assert counted(load(settings, source, entity)) == (number, number, 0, 0)
        assert counted(load(settings, source, entity)) == (number, 0, number, 0)
        assert len(visible(pg, "_key", DAY, entity)) == (number if number != ACCOUNTS else live)
    assert reasons(pg) == []
    assert sum(amount for (amount,) in visible(pg, "tax_amount", DAY, "orders")) == 81 * live

    records.find("17x7").update(ticketstatus="Closed", modifiedtime=END + MINUTE)
    records.find("17x8").update(deleted=True, modifiedtime=END + MINUTE)
    summary = load(settings, source, "tickets", NEXT_DAY)
    assert (summary.landed, summary.quarantined) == (2, 0)
    seen = dict(visible(pg, "ticket_id, status", NEXT_DAY, "tickets"))
    assert "17x8" not in seen
    assert (seen["17x7"], seen["17x9"]) == ("Closed", "Open")
