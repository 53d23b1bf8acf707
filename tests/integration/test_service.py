"""Time of service against a count by hand, and nights of it against a build anew."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg import sql
from tests.integration.test_state import Shop, account, order

from moshtari.settings import Settings

pytestmark = pytest.mark.slow

TEHRAN = ZoneInfo("Asia/Tehran")
TABLES = (
    "int_tickets_timed",
    "int_orders_shipped",
    "int_customer_months_summarized",
    "int_loyalty_accounts",
)
# Public holidays among the days of the tickets below, from the official calendars of their years.
HOLIDAYS = {
    date(2022, 3, 18), date(2022, 3, 20), date(2022, 3, 21), date(2022, 3, 22), date(2022, 3, 23),
    date(2022, 3, 24), date(2025, 3, 19), date(2025, 3, 20), date(2025, 3, 21), date(2025, 3, 22),
    date(2025, 3, 23), date(2025, 3, 24), date(2025, 3, 31), date(2025, 4, 1), date(2025, 4, 2),
}  # fmt: skip
# Opened, replied and solved, by the wall clock of Tehran.
TICKETS: dict[str, tuple[str, str | None, str | None]] = {
    "in_hours": ("2025-05-17 10:00:00", "2025-05-17 10:20:30", "2025-05-17 12:00:00"),
    "night": ("2025-05-18 23:30:00", "2025-05-19 08:10:00", "2025-05-19 11:00:00"),
    "over_friday": ("2025-05-22 12:30:00", "2025-05-24 09:30:00", "2025-05-24 10:00:00"),
    "over_nowruz": ("2025-03-18 16:00:00", "2025-03-25 09:45:00", "2025-04-03 12:00:00"),
    "clocks_forward": ("2022-03-19 15:00:00", "2022-03-26 09:10:00", "2022-03-27 10:00:00"),
    "clocks_back": ("2022-09-20 16:30:00", "2022-09-22 09:15:00", "2022-09-24 09:05:00"),
    "same_minute": ("2025-05-17 10:00:05", "2025-05-17 10:00:20", "2025-05-17 10:00:50"),
    "never_replied": ("2025-05-31 16:00:00", None, None),
}


def instant(wall: str) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=TEHRAN)


def business_minutes(start: datetime, end: datetime) -> float:
    """Minutes of the office's hours between two instants, day after day."""
    minutes, day = 0.0, start.astimezone(TEHRAN).date()
    while day <= end.astimezone(TEHRAN).date():
        closes = time(13) if day.isoweekday() == 4 else time(17)
        if day.isoweekday() != 5 and day not in HOLIDAYS:
            opens_at = datetime.combine(day, time(9), TEHRAN).timestamp()
            closes_at = datetime.combine(day, closes, TEHRAN).timestamp()
            passed = min(end.timestamp(), closes_at) - max(start.timestamp(), opens_at)
            minutes += max(passed, 0) / 60
        day += timedelta(days=1)
    return minutes


def ticket(number: str, opened: datetime, status: str, changed: datetime) -> dict[str, Any]:
    return {
        "ticket_id": number, "created_at": opened, "updated_at": changed, "status": status,
        "channel": "email", "tags": [],
    }  # fmt: skip


def status(number: str, of: str, at: datetime, to: str) -> dict[str, Any]:
    return {
        "event_id": number, "ticket_id": of, "occurred_at": at, "kind": "status",
        "author_role": "agent", "is_public": False, "to_status": to,
    }  # fmt: skip


def reply(number: str, of: str, at: datetime, *, public: bool = True) -> dict[str, Any]:
    return {
        "event_id": number, "ticket_id": of, "occurred_at": at, "kind": "comment",
        "author_role": "agent", "is_public": public, "body": "-",
    }  # fmt: skip


def shipment(number: str, of: str, promised: str, delivered: str | None) -> dict[str, Any]:
    return {
        "shipment_id": number, "order_id": of, "promised_at": f"{promised} 20:00+03:30",
        "shipped_at": f"{promised} 05:00+03:30", "status": "delivered" if delivered else "sent",
        "delivered_at": f"{delivered} 12:00+03:30" if delivered else None,
    }  # fmt: skip


@pytest.fixture
def shop(settings: Settings, pg: psycopg.Connection) -> Shop:
    return Shop(settings, pg)


def rows(pg: psycopg.Connection) -> dict[str, list[str]]:
    """Every row of the compared tables, without the run that wrote it."""
    found = {}
    for table in TABLES:
        given = pg.execute(
            sql.SQL(
                "select (to_jsonb(t) - 'changed_in_run')::text from intermediate.{} as t"
            ).format(sql.Identifier(table))
        ).fetchall()
        found[table] = sorted(row[0] for row in given)
    return found


def first_load(shop: Shop) -> None:
    for entity in ("refunds", "mentions", "exchange_rates"):
        shop.load("2025-06-01", entity, first=True)
    shop.load("2025-06-01", "customers", account("1"), account("2"), account("3"), first=True)
    # Of customer 1 a day leaves the window of the tier on 2 June, of customer 2 points expire.
    shop.load(
        "2025-06-01", "orders",
        order("o1", "2023-06-03", "1", 90_000_000), order("o2", "2024-06-03", "1", 60_000_000),
        order("o3", "2024-06-02", "2", 5_000_000), order("o4", "2025-03-02", "2", 9_000_000),
        order("o5", "2025-05-20", "3", 1_000_000),
        first=True,
    )  # fmt: skip
    shop.load(
        "2025-06-01", "shipments",
        shipment("s1", "o4", "2025-03-05", "2025-03-06"), shipment("s2", "o5", "2025-06-02", None),
        first=True,
    )  # fmt: skip
    tickets, events = [], []
    for number, (opened, replied, solved) in TICKETS.items():
        state, last = ("solved", solved) if solved else ("new", opened)
        tickets.append(ticket(number, instant(opened), state, instant(last)))
        # A note before the reply is none.
        events.append(reply(f"{number}-n", number, instant(opened), public=False))
        if replied and solved:
            events.append(reply(f"{number}-r", number, instant(replied)))
            events.append(status(f"{number}-s", number, instant(solved), "solved"))
    shop.load("2025-06-01", "tickets", *tickets, first=True)
    shop.load("2025-06-01", "ticket_events", *events, first=True)


def assert_timed_by_hand(pg: psycopg.Connection) -> None:
    timed = {
        row[0].removeprefix("shop/"): [None if value is None else float(value) for value in row[1:]]
        for row in pg.execute(
            "select ticket_key, first_reply_minutes, first_reply_business_minutes,"
            " solution_minutes, solution_business_minutes, requester_wait_business_minutes"
            " from intermediate.int_tickets_timed"
        )
    }
    for number, (opened, replied, solved) in TICKETS.items():
        start = instant(opened)
        expected: list[float | None] = []
        for wall in (replied, solved):
            if wall is None:
                expected += [None, None]
            else:
                end = instant(wall)
                elapsed = (end.timestamp() - start.timestamp()) / 60
                expected += [elapsed, business_minutes(start, end)]
        stop = instant(solved) if solved else instant("2025-06-02 00:00:00")
        expected.append(business_minutes(start, stop))
        assert timed[number] == pytest.approx(expected, abs=0.01), number


def test_time_of_service_by_hand_and_night_by_night(shop: Shop, pg: psycopg.Connection) -> None:
    first_load(shop)
    shop.build("2025-06-01")
    assert_timed_by_hand(pg)

    # A ticket is answered, one opened again, one new; a clock runs on; a parcel comes late, another
    # order is brought; a late order of long ago moves a customer's first month.
    shop.load(
        "2025-06-02", "tickets",
        ticket("never_replied", instant("2025-05-31 16:00"), "open", instant("2025-06-02 10:00")),
        ticket("in_hours", instant("2025-05-17 10:00"), "open", instant("2025-06-02 11:00")),
        ticket("fresh", instant("2025-06-02 12:00"), "new", instant("2025-06-02 12:00")),
    )  # fmt: skip
    shop.load(
        "2025-06-02", "ticket_events",
        reply("e1", "never_replied", instant("2025-06-02 10:00")),
        status("e2", "in_hours", instant("2025-06-02 11:00"), "open"),
    )  # fmt: skip
    shop.load("2025-06-02", "shipments", shipment("s3", "o5", "2025-06-02", "2025-06-02"))
    shop.load(
        "2025-06-02", "orders",
        order("o6", "2025-06-02", "3", 2_000_000),
        order("o7", "2025-01-20", "3", 3_000_000, updated_at="2025-06-02 09:00Z"),
    )  # fmt: skip
    shop.build("2025-06-02")
    assert shop.told["state_run_id"] > 0

    # Nothing comes in: only the clocks of what is open run on.
    shop.build("2025-06-03")
    gone_on = rows(pg)
    shop.forget()
    shop.build("2025-06-03")
    anew = rows(pg)
    for table in TABLES:
        assert gone_on[table] == anew[table], table
        assert anew[table]
