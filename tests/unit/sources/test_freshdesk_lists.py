"""Reading Freshdesk's lists from a real server: what belongs to a window, and with what rating."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.http_servers import ALL_HISTORY, END, ONE_DAY, START, read
from tests.servers.freshdesk import (
    FreshdeskRows,
    conversation,
    create_app,
    freshdesk,
    rating,
    ticket,
)

from moshtari.demo.faults import Fault, Faults, refused
from moshtari.demo.serving import serving

SECOND, HOUR, DAYS = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[FreshdeskRows, str, Faults]]:
    rows = FreshdeskRows()
    faults = Faults(create_app(rows))
    with serving(faults) as base_url:
        yield rows, base_url, faults


@pytest.fixture
def desk(shared: tuple[FreshdeskRows, str, Faults]) -> tuple[FreshdeskRows, str, Faults]:
    rows, base_url, faults = shared
    rows.tickets, rows.conversations, rows.ratings = [], {}, []
    rows.includes_its_second = True
    faults.follow([])
    return rows, base_url, faults


Desk = tuple[FreshdeskRows, str, Faults]


@pytest.mark.parametrize("inclusive", [True, False])
def test_a_window_begins_with_its_start_and_ends_before_its_end(
    desk: Desk, inclusive: bool
) -> None:
    rows, base_url, _ = desk
    rows.includes_its_second = inclusive
    times = {1: START - HOUR, 2: START, 3: END - SECOND, 4: END}
    rows.tickets = [ticket(key, at) for key, at in times.items()]
    found = set(read(freshdesk(base_url), "tickets", ONE_DAY).by("ticket_id"))
    assert found == {"2", "3"}
    assert set(read(freshdesk(base_url), "tickets", ALL_HISTORY).by("ticket_id")) == found | {"1"}


def test_a_first_load_goes_further_back_than_thirty_days(desk: Desk) -> None:
    rows, base_url, _ = desk
    rows.tickets = [ticket(1, START - 4000 * DAYS), ticket(2, START)]
    assert set(read(freshdesk(base_url), "tickets", ALL_HISTORY).by("ticket_id")) == {"1", "2"}


def test_a_ticket_comes_with_what_is_left_out_unless_asked_for(desk: Desk) -> None:
    rows, base_url, _ = desk
    rows.tickets = [ticket(1, START)]
    (row,) = read(freshdesk(base_url, order_id_from="cf_order"), "tickets", ONE_DAY).rows
    assert (row["body"], row["requester_email"]) == ("سفارشم نرسید", "sara@example.com")
    assert row["order_id"] == "O-1"


def test_what_is_deleted_or_spam_is_a_tombstone(desk: Desk) -> None:
    rows, base_url, _ = desk
    rows.tickets = [
        ticket(1, START),
        ticket(2, START, deleted=True),
        ticket(3, START, spam=True),
        ticket(4, END, deleted=True),
    ]
    found = read(freshdesk(base_url), "tickets", ONE_DAY).by("ticket_id")
    assert {key: row["_is_deleted"] for key, row in found.items()} == {
        "1": "false",
        "2": "true",
        "3": "true",
    }


def scores(desk: Desk, window: object = ONE_DAY) -> dict[str | None, str | None]:
    found = read(freshdesk(desk[1], page_size=2), "tickets", window).by("ticket_id")  # type: ignore[arg-type]
    return {key: row["satisfaction_score"] for key, row in found.items()}


def test_a_ticket_keeps_its_rating_however_old(desk: Desk) -> None:
    rows, _, _ = desk
    long_ago = START - 400 * DAYS
    rows.tickets = [
        ticket(1, START, created_at=long_ago),
        ticket(2, START, created_at=long_ago),
        ticket(3, START),
    ]
    rows.ratings = [rating(1, 1, long_ago, -103), rating(2, 3, START, 103)]
    assert scores(desk) == {"1": "0", "2": None, "3": "1"}
    assert scores(desk, ALL_HISTORY) == {"1": "0", "2": None, "3": "1"}


def test_the_last_rating_before_the_windows_end_counts(desk: Desk) -> None:
    rows, _, _ = desk
    rows.tickets = [ticket(1, START)]
    rows.ratings = [
        rating(1, 1, START, 103),
        rating(2, 1, START + HOUR, -103, feedback=None),
        rating(3, 1, END, 103),
    ]
    assert scores(desk) == {"1": "0"}


def test_a_rating_brings_its_ticket_where_nothing_else_changed(desk: Desk) -> None:
    rows, _, _ = desk
    before = START - 2 * DAYS
    rows.tickets = [ticket(key, before) for key in (1, 2, 3)]
    rows.tickets += [ticket(4, END), ticket(5, before, deleted=True)]
    rows.ratings = [
        rating(1, 1, START, 103),
        rating(2, 2, before, 103),
        rating(3, 3, before, 100, updated_at=START),
        rating(4, 4, START, 103),
        rating(5, 99, START, 103),
    ]
    assert scores(desk) == {"1": "1", "3": "0.5"}


def test_an_answer_of_no_known_survey_is_rejected_and_its_ticket_lands(desk: Desk) -> None:
    rows, base_url, _ = desk
    rows.tickets = [ticket(1, START)]
    rows.ratings = [rating(7, 1, START, 42, feedback="0912 345 6789")]
    reading = read(freshdesk(base_url), "tickets", ONE_DAY)
    assert [found.position for found in reading.rejected] == ["rating 7"]
    assert "0912" not in reading.rejected[0].reason
    assert set(reading.by("ticket_id")) == {"1"}


def test_an_account_without_surveys_is_read_without_them(desk: Desk) -> None:
    rows, base_url, faults = desk
    rows.tickets = [ticket(1, START, created_at=START - 400 * DAYS)]
    faults.follow([Fault("satisfaction_ratings", refused(403))])
    source = freshdesk(base_url, satisfaction=False)
    assert set(read(source, "tickets", ONE_DAY).by("ticket_id")) == {"1"}
    assert all(result.ok for result in source.check())
    (_, ratings) = freshdesk(base_url).check()
    assert "satisfaction: false" in ratings.remedy


def test_events_are_those_before_the_windows_end_of_tickets_touched_since(desk: Desk) -> None:
    rows, base_url, _ = desk
    rows.tickets = [
        ticket(1, START),
        ticket(2, END + HOUR),
        ticket(3, END + 2 * DAYS),
        ticket(4, START - HOUR),
        ticket(5, START, deleted=True),
    ]
    for row in rows.tickets:
        row["stats"] = {"status_updated_at": START + SECOND, "resolved_at": None, "closed_at": END}
    rows.conversations = {
        key: [conversation(10 * key, START), conversation(10 * key + 1, END)] for key in range(1, 6)
    }
    found = read(freshdesk(base_url), "ticket_events", ONE_DAY).by("event_id")
    assert {row["ticket_id"] for row in found.values()} == {"1", "2"}
    assert [key for key in found if str(key).isdigit()] == ["10", "20"]
    assert {row["to_status"] for row in found.values()} == {None, "open"}


def test_a_ticket_deleted_after_it_was_listed_has_no_conversations(desk: Desk) -> None:
    rows, base_url, faults = desk
    rows.tickets = [ticket(1, START), ticket(2, START)]
    rows.conversations = {2: [conversation(5, START)]}
    faults.follow([Fault("/tickets/1/conversations", refused(404))])
    found = read(freshdesk(base_url), "ticket_events", ONE_DAY).by("event_id")
    assert "5" in found


@settings(max_examples=40, deadline=None)
@given(
    offsets=st.lists(st.integers(-3, 12), min_size=1, max_size=40),
    size=st.integers(1, 9),
    inclusive=st.booleans(),
)
def test_no_ticket_is_lost_whatever_the_times_and_the_page(
    shared: Desk, offsets: list[int], size: int, inclusive: bool
) -> None:
    rows, base_url, faults = shared
    faults.follow([])
    rows.includes_its_second = inclusive
    rows.ratings = []
    rows.tickets = [ticket(key, START + at * SECOND) for key, at in enumerate(offsets)]
    source = freshdesk(base_url, page_size=size, satisfaction=False)
    found = read(source, "tickets", ONE_DAY).by("ticket_id")
    wanted = {str(key) for key, at in enumerate(offsets) if at >= 0}
    assert wanted <= set(found)
    assert len(read(source, "tickets", ALL_HISTORY).rows) == len(offsets)
