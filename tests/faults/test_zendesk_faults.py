"""Zendesk's exports when they misbehave: every fault ends in all rows, or is named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from tests.faults.matrix import (
    ALL_ROWS,
    EMPTY,
    LASTING,
    NAMED,
    NEXT_NIGHT,
    PASSING,
    QUARANTINED,
    Content,
    Landed,
    Note,
    afterwards,
    from_page,
    latest,
    night,
    on_pages,
    outcome,
)
from tests.http_servers import (
    END,
    ONE_DAY,
    START,
    MemoryHelpDesk,
    comment,
    help_desk,
    read,
    status_change,
    ticket,
    user,
    zendesk,
)
from tests.processes import children

from moshtari.demo.faults import Fault, Faults, edited, json_answer, refused, server_error
from moshtari.settings import Settings
from moshtari.sources import zendesk_apart

MINUTE = timedelta(minutes=1)
STORE = MemoryHelpDesk()
# entity: part of the path, its key, how many rows a reading without faults has
EXPORTS = {
    "tickets": ("/tickets/", "ticket_id", 10),
    "ticket_events": ("/ticket_events", "event_id", 9),
}
entities = pytest.mark.parametrize("entity", EXPORTS)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Faults, str]]:
    with help_desk(STORE) as served:
        yield served


class Desk:
    """One of the exports under a script of faults."""

    def __init__(self, app: Faults, base_url: str, entity: str, note: Note) -> None:
        self.app, self.base_url, self.entity, self.note = app, base_url, entity, note
        self.path, self.key, count = EXPORTS[entity]
        self.expected = self.found()
        assert len(self.expected) == count

    def found(self, *script: Fault, **config: Any) -> Content:
        self.app.follow(script)
        source = zendesk(self.base_url, **{"page_size": 3} | config)
        reading = read(source, self.entity, ONE_DAY)
        assert not reading.rejected
        return latest(reading, self.key)

    def outcome(self, fault: str, *script: Fault, **config: Any) -> str:
        return outcome(
            self.note,
            "zendesk",
            fault,
            lambda: self.found(*script, **config),
            self.expected,
        )


@pytest.fixture
def desk(server: tuple[Faults, str], entity: str, note: Note) -> Desk:
    STORE.ticket_rows = [ticket(key, START + key * MINUTE) for key in range(1, 11)]
    STORE.user_rows = [user(1), user(2, "agent")]
    STORE.event_rows = [
        *(comment(key, START + key * MINUTE, author_id=1 + key % 2) for key in range(1, 9)),
        status_change(9, START + 9 * MINUTE, "open", "solved", by=2),
    ]
    return Desk(*server, entity, note)


@entities
@pytest.mark.parametrize("fault", PASSING)
def test_a_passing_fault_changes_nothing(desk: Desk, fault: str) -> None:
    answer, http = PASSING[fault]
    assert desk.outcome(fault, on_pages(desk.path, answer), http=http) == ALL_ROWS


@entities
@pytest.mark.parametrize("fault", PASSING)
def test_a_lasting_fault_is_named(desk: Desk, fault: str) -> None:
    answer, http = PASSING[fault]
    script = from_page(desk.path, answer, 2)
    told = desk.outcome(f"{fault}{LASTING}", script, http=http | {"tries": 2})
    assert told.startswith(NAMED)
    assert "failed 2 times" in told


@entities
def test_a_cursor_that_leads_back_is_named(desk: Desk) -> None:
    second = int(START.timestamp()) + 60
    page = {
        "tickets": {"tickets": [], "after_cursor": "bG9vcA==", "end_of_stream": False},
        "ticket_events": {"ticket_events": [], "end_time": second, "end_of_stream": False},
    }[desk.entity]
    told = desk.outcome("looping cursor", from_page(desk.path, json_answer(page), 2))
    assert "never end" in told


@entities
def test_what_changes_while_it_is_read_comes_further_on(desk: Desk) -> None:
    """A ticket of a page already read, and one of a page to come, both move to the end."""

    def shift() -> None:
        if desk.entity == "ticket_events":
            STORE.event_rows.append(comment(99, START + 70 * MINUTE))
            return
        for key, minute in ((1, 60), (8, 61)):
            STORE.ticket_rows[key - 1] = ticket(key, START + minute * MINUTE, status="solved")

    shift()
    desk.expected = desk.found()
    # As it was before, until the first page is out.
    if desk.entity == "ticket_events":
        STORE.event_rows.pop()
    else:
        for key in (1, 8):
            STORE.ticket_rows[key - 1] = ticket(key, START + key * MINUTE)
    script = Fault(desk.path, afterwards(shift), on={1})
    assert desk.outcome("page that shifts while read", script) == ALL_ROWS


@entities
def test_rows_of_one_second_are_all_there(desk: Desk) -> None:
    """On pages of three, whose borders all lie within the second."""
    desk.app.follow([])
    STORE.ticket_rows = [ticket(key, START) for key in range(1, 11)]
    STORE.event_rows = [comment(key, START) for key in range(1, 11)]
    reading = read(zendesk(desk.base_url, page_size=3), desk.entity, ONE_DAY)
    assert {row[desk.key] for row in reading.rows} == {str(key) for key in range(1, 11)}
    assert len(latest(reading, desk.key)) == 10
    desk.note("zendesk", "equal times across pages", ALL_ROWS)


@entities
def test_a_record_on_two_pages_is_one_row(desk: Desk) -> None:
    name = desk.entity
    kept: list[Any] = []

    def remember(page: Any) -> Any:
        kept.append(page[name][-1])
        return page

    def repeat(page: Any) -> Any:
        return page | {name: [*kept, *page[name]]}

    script = [
        Fault(desk.path, edited(remember), on={1}),
        Fault(desk.path, edited(repeat), on={2, 3}),
    ]
    assert desk.outcome("duplicate across pages", *script) == ALL_ROWS


@entities
def test_a_token_that_expires_half_way_is_named(desk: Desk) -> None:
    told = desk.outcome("token that expires half way", from_page(desk.path, refused(401), 2))
    assert told.endswith("status 401")


@entities
def test_a_cursor_that_expires_half_way_is_named(desk: Desk) -> None:
    told = desk.outcome("page token that expires half way", from_page(desk.path, refused(422), 2))
    assert told.endswith("status 422")


@pytest.mark.parametrize("entity", ["tickets"])
def test_a_reading_process_that_is_killed_leaves_nothing(
    desk: Desk, settings: Settings, pg: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zendesk_apart, "_BEGINS_AFTER", 1)
    monkeypatch.setattr(zendesk_apart, "_GOES_ON_AFTER", 2)
    source = zendesk(desk.base_url, page_size=3)

    def kill() -> None:
        [process] = [it for it in children() if zendesk_apart.__name__ in it.cmdline()]
        process.kill()

    desk.app.follow([Fault(desk.path, afterwards(kill), on={3})])
    assert night(settings, source, desk.entity) is None
    assert pg.execute("select count(*) from raw.tickets").fetchone() == (0,)
    desk.app.follow([])
    full = len(desk.expected)
    assert night(settings, source, desk.entity) == (full, full, 0, 0)
    desk.note("zendesk", "reading process killed (-9)", f"nothing stays; run again, {ALL_ROWS}")


@pytest.mark.parametrize("entity", ["ticket_events"])
def test_authors_that_cannot_be_looked_up_are_named(desk: Desk) -> None:
    told = desk.outcome("partial errors, authors missing", Fault("/show_many", server_error()))
    assert "show_many" in told


@entities
def test_a_broken_record_is_rejected_and_its_page_lands(desk: Desk) -> None:
    def spoil(page: Any) -> Any:
        record = page[desk.entity][0]
        broken = record if desk.entity == "tickets" else record["child_events"][0]
        broken["id"] = {"no": "id"}
        return page

    desk.app.follow([Fault(desk.path, edited(spoil), on={1})])
    reading = read(zendesk(desk.base_url, page_size=3), desk.entity, ONE_DAY)
    assert len(reading.rows) == len(desk.expected) - 1
    assert len(reading.rejected) == 1
    desk.note("zendesk", "broken record", QUARANTINED)


@entities
def test_the_minute_that_is_kept_back_comes_with_the_next_night(
    desk: Desk, settings: Settings, pg: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run twenty seconds after midnight does not see the day's last forty."""
    desk.app.follow([])
    last, first = END - timedelta(seconds=30), END + MINUTE
    STORE.ticket_rows += [ticket(20, last), ticket(21, first)]
    STORE.event_rows += [comment(20, last), comment(21, first)]

    def load(days: int) -> Landed:
        midnight = END + timedelta(days=days)
        monkeypatch.setattr(STORE, "now", midnight + timedelta(seconds=20))
        return night(settings, zendesk(desk.base_url), desk.entity, days)

    full = len(desk.expected)
    assert load(0) == (full, full, 0, 0)
    assert load(1) == (2, 2, 0, 0)
    count = f"select count(*) from raw.{desk.entity}"
    assert pg.execute(count.encode()).fetchone() == (full + 2,)
    desk.note("zendesk", "last minute kept back", NEXT_NIGHT)


@entities
def test_an_empty_day_after_a_full_one_loses_nothing(
    desk: Desk, settings: Settings, pg: psycopg.Connection
) -> None:
    """The full day stays; and a day that was empty by mistake is read again with the next."""
    desk.app.follow([])

    def load(days: int) -> Landed:
        return night(settings, zendesk(desk.base_url), desk.entity, days)

    def replaced(tickets: list[Any], events: list[Any]) -> None:
        STORE.ticket_rows, STORE.event_rows = tickets, events

    tickets, events = STORE.ticket_rows, STORE.event_rows
    full = len(desk.expected)
    assert load(0) == (full, full, 0, 0)
    replaced([], [])
    assert load(1) in EMPTY
    later = [END + MINUTE, END + timedelta(days=1, minutes=1)]
    replaced(
        [*tickets, *(ticket(20 + number, at) for number, at in enumerate(later))],
        [*events, *(comment(20 + number, at) for number, at in enumerate(later))],
    )
    assert load(2) == (2, 2, 0, 0)
    count = f"select count(*) from raw.{desk.entity} where not _is_deleted"
    assert pg.execute(count.encode()).fetchone() == (full + 2,)
    desk.note("zendesk", "empty day after a full one", NEXT_NIGHT)
