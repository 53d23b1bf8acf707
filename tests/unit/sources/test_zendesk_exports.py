"""Reading the exports page by page from a real server: nothing lost, nothing twice, of any size."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.http_servers import (
    ALL_HISTORY,
    EMAIL,
    END,
    ONE_DAY,
    START,
    TOKEN,
    MemoryHelpDesk,
    comment,
    read,
    status_change,
    ticket,
    user,
    zendesk,
)

from moshtari.demo.faults import Fault, Faults, edited
from moshtari.demo.help_desk import create_app
from moshtari.demo.serving import serving

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[MemoryHelpDesk, str]]:
    """One server for the module's many examples; each puts rows of its own."""
    store = MemoryHelpDesk()
    with serving(create_app(store, email=EMAIL, token=TOKEN)) as base_url:
        yield store, base_url


@pytest.fixture
def desk(shared: tuple[MemoryHelpDesk, str]) -> tuple[MemoryHelpDesk, str]:
    store, base_url = shared
    store.ticket_rows, store.event_rows = [], []
    store.user_rows = [user(1), user(2, "agent"), user(3)]
    return store, base_url


def test_a_window_begins_with_its_start_and_ends_before_its_end(
    desk: tuple[MemoryHelpDesk, str],
) -> None:
    store, base_url = desk
    second = timedelta(seconds=1)
    store.ticket_rows = [
        ticket(1, START - second),
        ticket(2, START),
        ticket(3, END - second),
        ticket(4, END),
    ]
    store.event_rows = [
        comment(11, START - second),
        comment(12, START),
        comment(13, END - second),
        comment(14, END),
    ]
    source = zendesk(base_url)
    assert set(read(source, "tickets", ONE_DAY).by("ticket_id")) == {"2", "3"}
    assert set(read(source, "ticket_events", ONE_DAY).by("event_id")) == {"12", "13"}
    assert set(read(source, "tickets", ALL_HISTORY).by("ticket_id")) == {"1", "2", "3"}
    assert set(read(source, "ticket_events", ALL_HISTORY).by("event_id")) == {"11", "12", "13"}


def test_a_ticket_comes_with_its_requester(desk: tuple[MemoryHelpDesk, str]) -> None:
    store, base_url = desk
    store.ticket_rows = [ticket(1, START, requester_id=3), ticket(2, START, requester_id=99)]
    rows = read(zendesk(base_url, order_id_from=360001), "tickets", ONE_DAY).by("ticket_id")
    assert rows["1"]["requester_email"] == "c3@example.com"
    assert rows["1"]["order_id"] == "O-1"
    assert rows["2"]["requester_email"] is None


def test_events_know_who_did_them(desk: tuple[MemoryHelpDesk, str]) -> None:
    store, base_url = desk
    store.event_rows = [
        comment(1, START, author_id=1),
        comment(2, START + MINUTE, author_id=2, is_public=False),
        status_change(3, START + MINUTE, "new", "open", by=2),
        comment(4, START + 2 * MINUTE, author_id=None),
        comment(5, START + 3 * MINUTE, author_id=404),
    ]
    rows = read(zendesk(base_url), "ticket_events", ONE_DAY).by("event_id")
    roles = {key: row["author_role"] for key, row in rows.items()}
    assert roles == {"1": "customer", "2": "agent", "3": "agent", "4": "system", "5": "system"}
    assert (rows["2"]["is_public"], rows["2"]["kind"]) == ("false", "comment")
    assert (rows["3"]["from_status"], rows["3"]["to_status"]) == ("new", "open")


def test_every_author_is_asked_for_once(desk: tuple[MemoryHelpDesk, str]) -> None:
    store, _ = desk
    store.user_rows = [user(key) for key in range(1, 251)]
    store.event_rows = [
        comment(key, START + key * MINUTE, author_id=1 + key % 250) for key in range(1, 501)
    ]
    app = Faults(create_app(store, email=EMAIL, token=TOKEN), [])
    with serving(app) as base_url:
        rows = read(zendesk(base_url), "ticket_events", ONE_DAY).by("event_id")
    assert {row["author_role"] for row in rows.values()} == {"customer"}
    assert sum("show_many" in request for request in app.requests) == 3


def test_reading_stops_a_day_after_the_window(desk: tuple[MemoryHelpDesk, str]) -> None:
    store, _ = desk
    store.ticket_rows = [ticket(key, START + key * timedelta(hours=6)) for key in range(100)]
    app = Faults(create_app(store, email=EMAIL, token=TOKEN), [])
    with serving(app) as base_url:
        reading = read(zendesk(base_url, page_size=4), "tickets", ONE_DAY)
    assert set(reading.by("ticket_id")) == {"0", "1", "2", "3"}
    assert len(app.requests) == 3, "one page of the day, one of the next, one that ends it"


def test_reading_events_stops_at_the_windows_end(desk: tuple[MemoryHelpDesk, str]) -> None:
    store, _ = desk
    store.event_rows = [comment(key, START + key * timedelta(hours=6)) for key in range(100)]
    app = Faults(create_app(store, email=EMAIL, token=TOKEN), [])
    with serving(app) as base_url:
        reading = read(zendesk(base_url, page_size=4), "ticket_events", ONE_DAY)
    assert set(reading.by("event_id")) == {"0", "1", "2", "3"}
    assert sum("ticket_events" in request for request in app.requests) == 2


def touched_by_the_system(after: datetime) -> Any:
    """Tickets whose place in the export moved although nobody changed them."""

    def change(page: Any) -> Any:
        for found in page["tickets"]:
            found["generated_timestamp"] = int(after.timestamp())
        return page

    return edited(change)


@pytest.mark.parametrize(("hours", "landed"), [(1, {"1"}), (23, {"1"}), (25, set())])
def test_a_ticket_the_system_touched_after_the_day_is_still_of_the_day(
    desk: tuple[MemoryHelpDesk, str], hours: int, landed: set[str]
) -> None:
    """Past the settling time the next night's window finds it: it is not bound to updated_at."""
    store, _ = desk
    store.ticket_rows = [ticket(1, END - MINUTE)]
    fault = Fault("/tickets", touched_by_the_system(END + timedelta(hours=hours)))
    with serving(Faults(create_app(store, email=EMAIL, token=TOKEN), [fault])) as base_url:
        assert set(read(zendesk(base_url), "tickets", ONE_DAY).by("ticket_id")) == landed


def test_one_ticket_changed_meanwhile_does_not_end_the_reading(
    desk: tuple[MemoryHelpDesk, str],
) -> None:
    """It shows a timestamp later than that of its place, as the last of a page here."""
    store, _ = desk
    store.ticket_rows = [ticket(key, START + key * MINUTE) for key in range(1, 10)]

    def change(page: Any) -> Any:
        page["tickets"][-1]["generated_timestamp"] = int((END + timedelta(days=9)).timestamp())
        return page

    fault = Fault("/tickets", edited(change), on={1})
    with serving(Faults(create_app(store, email=EMAIL, token=TOKEN), [fault])) as base_url:
        rows = read(zendesk(base_url, page_size=3), "tickets", ONE_DAY).by("ticket_id")
    assert set(rows) == {"1", "2", *map(str, range(4, 10))}, "the changed one is of its own day"


def test_a_ticket_that_comes_again_unchanged_is_one_row(desk: tuple[MemoryHelpDesk, str]) -> None:
    store, _ = desk
    store.ticket_rows = [ticket(key, START + key * MINUTE) for key in (1, 2, 3)]

    def repeat_first(page: Any) -> Any:
        again = dict(page["tickets"][0]) | {"id": 1, "updated_at": "2026-03-19T20:31:00Z"}
        page["tickets"].append(again)
        return page

    fault = Fault("/tickets", edited(repeat_first))
    with serving(Faults(create_app(store, email=EMAIL, token=TOKEN), [fault])) as base_url:
        rows = read(zendesk(base_url, page_size=1), "tickets", ONE_DAY).by("ticket_id")
    assert set(rows) == {"1", "2", "3"}
    assert rows["1"]["updated_at"] == "2026-03-19T20:31:00Z"


# Few different seconds and small pages: ties on every border of a page.
moments = st.lists(st.integers(-3, 9), min_size=0, max_size=40)
page_sizes = st.integers(1, 12)


@given(offsets=moments, size=page_sizes)
@settings(max_examples=40, deadline=None)
def test_tickets_are_the_same_at_any_page_size(
    shared: tuple[MemoryHelpDesk, str], offsets: list[int], size: int
) -> None:
    store, base_url = shared
    store.user_rows = [user(1)]
    store.ticket_rows = [
        ticket(key, START + timedelta(seconds=at)) for key, at in enumerate(offsets, start=1)
    ]
    wanted = {str(key) for key, at in enumerate(offsets, start=1) if at >= 0}
    reading = read(zendesk(base_url, page_size=size), "tickets", ONE_DAY)
    assert set(reading.by("ticket_id")) == wanted
    assert not reading.rejected


@given(offsets=moments, size=page_sizes)
@settings(max_examples=40, deadline=None)
def test_events_are_the_same_at_any_page_size(
    shared: tuple[MemoryHelpDesk, str], offsets: list[int], size: int
) -> None:
    store, base_url = shared
    store.user_rows = [user(1)]
    store.event_rows = [
        comment(key, START + timedelta(seconds=at, milliseconds=key), ticket_id=key % 3)
        for key, at in enumerate(offsets, start=1)
    ]
    wanted = {str(key) for key, at in enumerate(offsets, start=1) if at >= 0}
    reading = read(zendesk(base_url, page_size=size), "ticket_events", ONE_DAY)
    assert set(reading.by("event_id")) == wanted
    assert not reading.rejected
