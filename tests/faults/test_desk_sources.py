"""Freshdesk and Vtiger while they misbehave: every fault ends in all rows, or is named.

Each case notes what became of it, for docs/fault-matrix.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
    Landed,
    Note,
    night,
)
from tests.http_servers import DAY, END, ONE_DAY, START, TEHRAN, Reading, Sleeps, read
from tests.servers import freshdesk as freshdesk_server
from tests.servers import vtiger as vtiger_server
from tests.servers.freshdesk import (
    API_KEY,
    FreshdeskRows,
    conversation,
    freshdesk,
    rating,
    ticket,
)
from tests.servers.vtiger import (
    ACCESS_KEY,
    USERNAME,
    VtigerRecords,
    contact,
    help_desk,
    sales_order,
    vtiger,
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
from moshtari.sources.base import SourceError, Window

MINUTE, SECOND, DAYS = timedelta(minutes=1), timedelta(seconds=1), timedelta(days=1)
LATER = END + timedelta(hours=1)
KEYS = {
    "tickets": "ticket_id",
    "ticket_events": "event_id",
    "customers": "customer_id",
    "orders": "order_id",
    "order_items": "order_id",
}


@dataclass
class Service:
    """One server with its rows: as they were at first before each test."""

    base_url: str
    faults: Faults
    rows: Any
    make: Callable[..., Any]

    def reading(self, entity: str, window: Window = ONE_DAY, **config: Any) -> Reading:
        return read(self.make(self.base_url, **config), entity, window)


def fill_freshdesk(rows: FreshdeskRows) -> None:
    rows.tickets[:] = [ticket(key, START + key * MINUTE) for key in range(1, 11)]
    rows.tickets.append(ticket(11, START + 11 * MINUTE, deleted=True))
    rows.conversations = {
        key: [conversation(100 * key + n, START + n * SECOND) for n in range(2)]
        for key in range(1, 11)
    }
    rows.ratings[:] = [rating(key, key, START + key * SECOND, 103) for key in range(1, 4)]
    rows.includes_its_second = True


def fill_vtiger(rows: VtigerRecords) -> None:
    made = {"HelpDesk": help_desk, "Contacts": contact, "SalesOrder": sales_order}
    for module, make in made.items():
        rows.modules[module] = [make(key, START + key * MINUTE) for key in range(1, 11)]
        rows.modules[module].append(make(11, START + 11 * MINUTE, deleted=True))
    rows.batch, rows.is_admin, rows.calls_per_session = 3, True, None
    rows.hidden_fields.clear()
    rows.denied.clear()
    rows.sessions.clear()
    rows.logins = rows.calls = 0


@pytest.fixture(scope="module")
def services() -> Iterator[dict[str, Service]]:
    desk, crm = FreshdeskRows(), VtigerRecords()
    desk_faults = Faults(freshdesk_server.create_app(desk))
    crm_faults = Faults(vtiger_server.create_app(crm))
    with serving(desk_faults) as desk_url, serving(crm_faults) as crm_url:
        yield {
            "freshdesk": Service(
                desk_url, desk_faults, desk, lambda url, **more: freshdesk(url, **SMALL | more)
            ),
            "vtiger": Service(crm_url, crm_faults, crm, vtiger),
        }


SMALL = {"page_size": 3}


@pytest.fixture
def service(services: dict[str, Service], source: str) -> Service:
    found = services[source]
    found.faults.follow([])
    {"freshdesk": fill_freshdesk, "vtiger": fill_vtiger}[source](found.rows)
    return found


def contents(reading: Reading) -> set[tuple[tuple[str, str | None], ...]]:
    assert not reading.rejected
    return {tuple(row.items()) for row in reading.rows}


def keys(reading: Reading, entity: str) -> set[str | None]:
    return {row[KEYS[entity]] for row in reading.rows}


PLACES = [
    ("freshdesk", "tickets", "/api/v2/"),
    ("freshdesk", "ticket_events", "/api/v2/"),
    ("vtiger", "tickets", "/webservice.php"),
    ("vtiger", "customers", "/webservice.php"),
    ("vtiger", "orders", "/webservice.php"),
    ("vtiger", "order_items", "/webservice.php"),
]
places = pytest.mark.parametrize(("source", "entity", "path"), PLACES)
of_freshdesk = pytest.mark.parametrize("source", ["freshdesk"])
of_vtiger = pytest.mark.parametrize("source", ["vtiger"])
COUNTS = {
    ("freshdesk", "tickets"): 11,
    ("freshdesk", "ticket_events"): 30,
    ("vtiger", "tickets"): 11,
    ("vtiger", "customers"): 11,
    ("vtiger", "orders"): 11,
    ("vtiger", "order_items"): 20,
}

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
    "empty body": (truncated(0), {}),
    "HTML with 200": (web_page(), {}),
    "JSON of another type": (json_answer("maintenance"), {}),
    "JSON null": (json_answer(None), {}),
}


@places
@pytest.mark.parametrize("fault", PASSING)
def test_a_passing_fault_changes_nothing(
    service: Service, source: str, entity: str, path: str, fault: str, note: Note
) -> None:
    expected = contents(service.reading(entity))
    assert len(expected) == COUNTS[source, entity]
    answer, http = PASSING[fault]
    # A burst at the beginning (Vtiger: at the challenge), then one at a time: login, pages.
    service.faults.follow([Fault(path, answer, on={1, 2, 4, 7})])
    service.rows.sessions = set()
    sleeps = Sleeps()
    reading = service.reading(entity, http=http, sleep=sleeps)
    assert contents(reading) == expected
    assert len(reading.rows) == len(expected)
    assert len(sleeps) == 4
    note(source, fault, RETRIED)


@places
@pytest.mark.parametrize("fault", PASSING)
def test_a_lasting_fault_is_named(
    service: Service, source: str, entity: str, path: str, fault: str, note: Note
) -> None:
    answer, http = PASSING[fault]
    service.faults.follow([Fault(path, answer, on=range(5, 100))])
    with pytest.raises(SourceError, match="failed 2 times") as error:
        service.reading(entity, http=http | {"tries": 2})
    assert error.value.entity == entity
    assert path in error.value.what
    assert error.value.remedy.endswith(".")
    secrets = (API_KEY, ACCESS_KEY, USERNAME, "session", "updated_since", "token")
    assert not any(secret in str(error.value) for secret in secrets)
    note(source, fault, NAMED_IF_LASTING)


@places
def test_a_server_that_is_away_is_named(
    service: Service, source: str, entity: str, path: str, note: Note
) -> None:
    with listen(0) as listener:
        service_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(SourceError, match="the connection failed"):
        read(service.make(service_url), entity, ONE_DAY)
    note(source, "server away", NAMED)


@places
@pytest.mark.parametrize("status", [400, 401, 403, 302])
def test_a_refusal_on_any_page_is_named_at_once(
    service: Service, source: str, entity: str, path: str, status: int, note: Note
) -> None:
    answer = redirect("/login") if status == 302 else refused(status)
    service.faults.follow([Fault(path, answer, on={5})])
    with pytest.raises(SourceError, match=f"status {status}"):
        service.reading(entity)
    assert len([request for request in service.faults.requests if path in request]) >= 5
    assert not any("login" in request for request in service.faults.requests)
    note(source, "redirect" if status == 302 else "refused (400 to 404)", NAMED)


@places
def test_a_wait_beyond_the_bound_ends_the_load(
    service: Service, source: str, entity: str, path: str, note: Note
) -> None:
    service.faults.follow([Fault(path, rate_limited("3600"), on={5})])
    with pytest.raises(SourceError, match="asks to wait 3600 s"):
        service.reading(entity)
    note(source, "429 that asks for an hour", NAMED)


@places
def test_a_quiet_day_is_empty(
    service: Service, source: str, entity: str, path: str, note: Note
) -> None:
    assert service.reading(entity).rows
    next_day = Window(DAY + timedelta(days=1), END, END + timedelta(days=1), TEHRAN)
    reading = service.reading(entity, next_day)
    assert not reading.rows
    assert not reading.rejected
    note(source, "quiet day", "no rows, none taken out")


@pytest.mark.parametrize("source", ["freshdesk", "vtiger"])
def test_an_empty_day_after_a_full_one_loses_nothing(
    service: Service, source: str, settings: Settings, pg: psycopg.Connection, note: Note
) -> None:
    """The full day stays; and a day that was empty by mistake is read again with the next."""

    def load(days: int) -> Landed:
        return night(settings, service.make(service.base_url), "tickets", days)

    rows = service.rows.tickets if source == "freshdesk" else service.rows.modules["HelpDesk"]
    made = ticket if source == "freshdesk" else help_desk
    full = list(rows)
    assert load(0) == (11, 11, 0, 0)
    rows.clear()
    assert load(1) in EMPTY
    rows[:] = [*full, made(21, END + MINUTE), made(22, END + DAYS + MINUTE)]
    read_rows, landed, _, quarantined = load(2) or (0, 0, 0, 0)
    assert (landed, quarantined) == (2, 0)
    assert read_rows >= 2
    assert pg.execute("select count(*) from raw.tickets where not _is_deleted").fetchone() == (12,)
    note(source, "empty day after a full one", NEXT_NIGHT)


@pytest.mark.parametrize(("source", "entity", "path"), PLACES[:-1])
def test_a_record_of_another_shape_costs_itself_only(
    service: Service, source: str, entity: str, path: str, note: Note
) -> None:
    expected = contents(service.reading(entity))

    def spoil(page: Any) -> Any:
        for record in records_of(page):
            if str(record["id"]).endswith(("x2", "00")) or record["id"] == 2:
                record["id"] = {"broken": "0912 345 6789"}
        return page

    service.faults.follow([Fault(path, edited(spoil))])
    reading = service.reading(entity)
    assert reading.rejected
    assert all("0912" not in found.reason + found.position for found in reading.rejected)
    assert {tuple(row.items()) for row in reading.rows} < expected
    note(source, "broken record", QUARANTINED)


def records_of(page: Any) -> list[Any]:
    if isinstance(page, list):
        return page
    return page["result"].get("updated", []) if "result" in page else [page]


@pytest.mark.parametrize(("source", "entity", "path"), PLACES[:-1])
def test_text_that_is_no_unicode_costs_its_record_only(
    service: Service, source: str, entity: str, path: str, note: Note
) -> None:
    expected = contents(service.reading(entity))
    whole = {"customers": "محمدی 2", "orders": "سفارش 2", "ticket_events": "متن 200"}
    text = f'"{whole.get(entity, "موضوع 2")}"'.encode()
    service.faults.follow(
        [Fault(path, rewritten(lambda body: body.replace(text, b'"\\ud83d \xff"')))]
    )
    reading = service.reading(entity)
    assert reading.rejected
    assert {tuple(row.items()) for row in reading.rows} < expected
    assert len(reading.rows) == len(expected) - 1
    note(source, "text that is no Unicode", QUARANTINED)


# What moves while it is read


def then(change: Callable[[], None]) -> Answer:
    """The app's own answer, after which something changes at the server."""

    async def answer(app: Any, scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        change()

    return answer


@of_freshdesk
@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("request_number", range(1, 7))
def test_tickets_that_move_to_the_end_hide_no_others(
    service: Service, source: str, request_number: int, inclusive: bool, note: Note
) -> None:
    rows: FreshdeskRows = service.rows
    rows.includes_its_second = inclusive

    def move() -> None:
        for key in (1, 2, 3):
            rows.ticket(key)["updated_at"] = LATER

    service.faults.follow([Fault("/api/v2/tickets", then(move), on={request_number})])
    reading = service.reading("tickets", satisfaction=False)
    assert keys(reading, "tickets") >= {str(key) for key in range(4, 12)}
    later = Window(DAY, END, LATER + MINUTE, TEHRAN)
    assert keys(service.reading("tickets", later), "tickets") == {"1", "2", "3"}
    note(source, "page that shifts while read", ALL_ROWS)


@of_freshdesk
@pytest.mark.parametrize("request_number", range(1, 12))
def test_tickets_of_one_second_that_move_hide_no_others(
    service: Service, source: str, request_number: int, note: Note
) -> None:
    rows: FreshdeskRows = service.rows
    rows.tickets[:] = [ticket(key, START + MINUTE) for key in range(1, 13)]

    def move() -> None:
        for key in (1, 2, 3):
            rows.ticket(key)["updated_at"] = LATER

    service.faults.follow([Fault("/api/v2/tickets", then(move), on={request_number})])
    reading = service.reading("tickets", satisfaction=False)
    assert keys(reading, "tickets") >= {str(key) for key in range(4, 13)}
    note(source, "page that shifts within one second", ALL_ROWS)


@of_freshdesk
@pytest.mark.parametrize("place", range(3))
def test_a_ticket_that_shows_a_later_time_than_its_places_hides_no_others(
    service: Service, source: str, place: int, note: Note
) -> None:
    """It changed while its page was made, so it stands where it stood before."""
    now = datetime.now(UTC).replace(microsecond=0)
    rows: FreshdeskRows = service.rows
    rows.tickets[:] = [ticket(key, now + (key - 600) * MINUTE) for key in range(1, 31)]
    rows.conversations = {key: [conversation(key, now - DAYS)] for key in range(1, 31)}

    def change(page: Any) -> Any:
        page[place]["updated_at"] = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        return page

    window = Window(DAY, now - 2 * DAYS, now - timedelta(hours=1), TEHRAN)
    service.faults.follow([Fault("/api/v2/tickets", edited(change), on={2})])
    found = keys(service.reading("tickets", window, satisfaction=False), "tickets")
    assert len(found) >= 29
    service.faults.follow([Fault("/api/v2/tickets", edited(change), on={1})])
    found = keys(service.reading("ticket_events", window), "ticket_events")
    assert found >= {str(key) for key in range(1, 31)}
    note(source, "row later than its place", ALL_ROWS)


@of_freshdesk
def test_a_list_that_never_rests_is_named(service: Service, source: str, note: Note) -> None:
    rows: FreshdeskRows = service.rows
    rows.tickets[:] = [ticket(key, START + MINUTE) for key in range(1, 60)]
    moved = iter(rows.tickets)

    def move() -> None:
        next(moved)["updated_at"] = LATER

    service.faults.follow([Fault("/api/v2/tickets", then(move))])
    with pytest.raises(SourceError, match="was another at each"):
        service.reading("tickets", satisfaction=False, page_size=10)
    note(source, "list that shifts at every request", NAMED)


@of_freshdesk
def test_conversations_that_go_hide_no_others(service: Service, source: str, note: Note) -> None:
    rows: FreshdeskRows = service.rows
    rows.tickets[:] = [ticket(1, START + MINUTE)]
    rows.conversations = {1: [conversation(key, START) for key in range(1, 251)]}

    def go() -> None:
        rows.conversations[1] = rows.conversations[1][3:]

    service.faults.follow([Fault("/conversations", then(go), on={1})])
    found = keys(service.reading("ticket_events"), "ticket_events")
    assert found >= {str(key) for key in range(4, 251)}
    note(source, "conversations deleted while read", ALL_ROWS)


@of_freshdesk
def test_ratings_that_come_hide_no_others(service: Service, source: str, note: Note) -> None:
    rows: FreshdeskRows = service.rows
    rows.tickets[:] = [ticket(key, START + key * SECOND) for key in range(1, 151)]
    rows.ratings[:] = [rating(key, key, START + key * SECOND, 103) for key in range(1, 151)]

    def go() -> None:
        # The newest is first: without it, every page behind begins one rating too late.
        rows.ratings[:] = [row for row in rows.ratings if row["id"] != 150]

    service.faults.follow([Fault("/surveys/", then(go), on={1})])
    found = service.reading("tickets", page_size=100).by("ticket_id")
    assert all(found[str(key)]["satisfaction_score"] == "1" for key in range(1, 150))
    note(source, "ratings deleted while read", ALL_ROWS)


@of_vtiger
@pytest.mark.parametrize("request_number", range(3, 8))
@pytest.mark.parametrize("entity", ["tickets", "orders", "order_items"])
def test_records_changed_while_read_hide_no_others(
    service: Service, source: str, entity: str, request_number: int, note: Note
) -> None:
    module, number = {"tickets": ("HelpDesk", 17)}.get(entity, ("SalesOrder", 6))

    def move() -> None:
        for record in service.rows.modules[module][:3]:
            record["modifiedtime"] = LATER

    service.faults.follow([Fault("/webservice.php", then(move), on={request_number})])
    found = keys(service.reading(entity), entity)
    assert found >= {f"{number}x{key}" for key in range(4, 11)}
    later = Window(DAY, END, LATER + MINUTE, TEHRAN)
    assert keys(service.reading(entity, later), entity) == {f"{number}x{key}" for key in (1, 2, 3)}
    note(source, "page that shifts while read", ALL_ROWS)


# Pages that come again


@of_freshdesk
@pytest.mark.parametrize("ignored", ["page", "updated_since", "page and updated_since"])
def test_a_list_that_ignores_what_it_is_asked_is_named(
    service: Service, source: str, ignored: str, note: Note
) -> None:
    service.rows.tickets[:] = [ticket(key, START + key // 6 * MINUTE) for key in range(1, 31)]

    async def answer(app: Any, scope: Any, receive: Any, send: Any) -> None:
        kept = [
            part
            for part in scope["query_string"].decode().split("&")
            if part.partition("=")[0] not in ignored.split(" and ")
        ]
        if "updated_since" in ignored:
            kept.append("updated_since=2000-01-01T00:00:00Z")
        await app(scope | {"query_string": "&".join(kept).encode()}, receive, send)

    service.faults.follow([Fault("/api/v2/tickets", answer)])
    with pytest.raises(SourceError, match="never end"):
        service.reading("tickets", satisfaction=False)
    assert len(service.faults.requests) < 20
    note(source, "looping cursor", NAMED)


@of_freshdesk
@pytest.mark.parametrize("path", ["/conversations", "/surveys/"])
def test_a_longer_list_that_loops_is_named(
    service: Service, source: str, path: str, note: Note
) -> None:
    rows: FreshdeskRows = service.rows
    rows.conversations = {1: [conversation(key, START) for key in range(1, 151)]}
    rows.ratings[:] = [rating(key, key, START, 103) for key in range(1, 151)]

    async def answer(app: Any, scope: Any, receive: Any, send: Any) -> None:
        query = scope["query_string"].replace(b"&page=2", b"&page=1")
        await app(scope | {"query_string": query}, receive, send)

    service.faults.follow([Fault(path, answer)])
    with pytest.raises(SourceError, match="never end"):
        service.reading("ticket_events" if path == "/conversations" else "tickets")
    note(source, "looping cursor", NAMED)


@of_vtiger
@pytest.mark.parametrize("step", [0, -60])
def test_a_sync_that_loops_is_named(service: Service, source: str, step: int, note: Note) -> None:
    reached = int(START.timestamp()) + 60

    def stay(page: Any) -> Any:
        if "lastModifiedTime" in (page.get("result") or {}):
            page["result"] |= {"lastModifiedTime": reached, "updated": [], "more": True}
        return page

    service.faults.follow([Fault("/webservice.php", edited(stay))])
    window = Window(DAY, START - step * SECOND, END, TEHRAN)
    with pytest.raises(SourceError, match="never end"):
        service.reading("tickets", window)
    assert len(service.faults.requests) < 8
    note(source, "looping cursor", NAMED)


@of_freshdesk
def test_rows_that_come_on_two_pages_are_one(service: Service, source: str, note: Note) -> None:
    expected = contents(service.reading("tickets"))
    seen: list[Any] = []

    def again(page: Any) -> Any:
        page = seen[-1:] + page
        seen.extend(page[-1:])
        return page

    service.faults.follow([Fault("/api/v2/tickets", edited(again), on={1, 2, 3})])
    reading = service.reading("tickets")
    assert contents(reading) == expected
    assert len(reading.rows) == len(expected)
    note(source, "duplicate across pages", ALL_ROWS)


@of_vtiger
@pytest.mark.parametrize("entity", ["tickets", "orders", "order_items"])
def test_records_that_come_twice_are_one(
    service: Service, source: str, entity: str, note: Note
) -> None:
    expected = contents(service.reading(entity))

    def twice(page: Any) -> Any:
        if isinstance(page["result"], dict) and "updated" in page["result"]:
            page["result"]["updated"] *= 2
        return page

    service.faults.follow([Fault("/webservice.php", edited(twice))])
    reading = service.reading(entity)
    assert contents(reading) == expected
    assert len(reading.rows) == len(expected)
    note(source, "duplicate across pages", ALL_ROWS)


# One instant


@of_freshdesk
@pytest.mark.parametrize("inclusive", [True, False])
def test_tickets_of_one_second_across_pages_are_all_there(
    service: Service, source: str, inclusive: bool, note: Note
) -> None:
    rows: FreshdeskRows = service.rows
    rows.includes_its_second = inclusive
    rows.tickets[:] = [ticket(key, START + key // 8 * SECOND) for key in range(1, 41)]
    reading = service.reading("tickets", satisfaction=False)
    assert set(reading.by("ticket_id")) == {str(key) for key in range(1, 41)}
    note(source, "equal times across pages", ALL_ROWS)


@of_freshdesk
def test_more_tickets_than_pages_are_all_there(service: Service, source: str, note: Note) -> None:
    service.rows.tickets[:] = [ticket(key, START + key * SECOND) for key in range(1, 321)]
    reading = service.reading("tickets", satisfaction=False, page_size=2)
    assert set(reading.by("ticket_id")) == {str(key) for key in range(1, 321)}
    service.rows.tickets[:] = [ticket(key, START) for key in range(1, 300)]
    reading = service.reading("tickets", satisfaction=False, page_size=1)
    assert set(reading.by("ticket_id")) == {str(key) for key in range(1, 300)}
    note(source, "more than 300 pages", ALL_ROWS)


@of_freshdesk
def test_a_second_that_fills_all_pages_is_named(service: Service, source: str, note: Note) -> None:
    service.rows.tickets[:] = [ticket(key, START) for key in range(1, 303)]
    with pytest.raises(SourceError, match="more than 300 tickets were changed in one second"):
        service.reading("tickets", satisfaction=False, page_size=1)
    note(source, "one second fills 300 pages", NAMED)


@of_vtiger
@pytest.mark.parametrize("entity", ["tickets", "customers", "orders"])
def test_records_of_one_second_are_never_parted(
    service: Service, source: str, entity: str, note: Note
) -> None:
    rows: VtigerRecords = service.rows
    rows.batch = 100
    make, module, number = {
        "tickets": (help_desk, "HelpDesk", 17),
        "customers": (contact, "Contacts", 12),
        "orders": (sales_order, "SalesOrder", 6),
    }[entity]
    rows.modules[module] = [make(key, START + key // 130 * SECOND) for key in range(1, 400)]
    reading = service.reading(entity)
    assert set(reading.by(KEYS[entity])) == {f"{number}x{key}" for key in range(1, 400)}
    note(source, "equal times across pages", ALL_ROWS)


# Who may ask


@of_freshdesk
def test_a_key_that_is_taken_away_half_way_is_named(
    service: Service, source: str, note: Note
) -> None:
    service.faults.follow([Fault("/api/v2/tickets", refused(401), on=range(3, 100))])
    with pytest.raises(SourceError, match="status 401") as error:
        service.reading("tickets")
    assert "api_key" in error.value.remedy
    note(source, "token that expires half way", NAMED)


@of_freshdesk
def test_a_wrong_key_is_named_without_quoting_it(service: Service, source: str, note: Note) -> None:
    with pytest.raises(SourceError, match="status 401") as error:
        service.reading("tickets", api_key="a wrong key")
    assert "a wrong key" not in str(error.value)
    note(source, "wrong credentials", NAMED)


@of_vtiger
@pytest.mark.parametrize("entity", ["tickets", "customers", "orders", "order_items"])
@pytest.mark.parametrize("calls", [1, 2, 3])
def test_a_session_that_ends_half_way_is_renewed(
    service: Service, source: str, entity: str, calls: int, note: Note
) -> None:
    expected = contents(service.reading(entity))
    service.rows.calls_per_session = calls
    reading = service.reading(entity)
    assert contents(reading) == expected
    assert len(reading.rows) == len(expected)
    assert service.rows.logins > 2
    note(source, "token that expires half way", "a new session")


@of_vtiger
@pytest.mark.parametrize(
    "code",
    ["INVALID_SESSIONID", "SESSION_EXPIRED", "SESSION_LEFT_IDLE", "AUTHENTICATION_REQUIRED"],
)
def test_a_session_that_is_refused_however_new_is_named(
    service: Service, source: str, code: str, note: Note
) -> None:
    service.rows.calls_per_session = 0
    service.faults.follow([Fault("/webservice.php", vtiger_error(code), on=range(3, 100))])
    with pytest.raises(SourceError, match=code):
        service.reading("tickets")
    assert len(service.faults.requests) == 3
    note(source, "token that expires half way", NAMED_IF_LASTING)


def vtiger_error(code: str) -> Answer:
    return json_answer({"success": False, "error": {"code": code, "message": "سارا 0912"}})


@of_vtiger
@pytest.mark.parametrize("code", ["INVALID_SESSIONID", "AUTHENTICATION_REQUIRED"])
@pytest.mark.parametrize("request_number", [4, 5, 6])
def test_a_session_lost_by_the_server_is_renewed(
    service: Service, source: str, code: str, request_number: int, note: Note
) -> None:
    expected = contents(service.reading("tickets"))
    service.rows.logins = 0
    fault = Fault("/webservice.php", vtiger_error(code), on={request_number})
    service.faults.follow([fault])
    assert contents(service.reading("tickets")) == expected
    assert service.rows.logins == 2
    note(source, "token that expires half way", "a new session")


@of_vtiger
@pytest.mark.parametrize("code", ["INTERNAL_SERVER_ERROR", "DATABASE_QUERY_ERROR"])
def test_a_failure_with_status_200_is_tried_again(
    service: Service, source: str, code: str, note: Note
) -> None:
    expected = contents(service.reading("tickets"))
    service.faults.follow([Fault("/webservice.php", vtiger_error(code), on={1, 2, 4, 7})])
    sleeps = Sleeps()
    assert contents(service.reading("tickets", sleep=sleeps)) == expected
    assert len(sleeps) == 4
    note(source, "error with 200", RETRIED)
    service.faults.follow([Fault("/webservice.php", vtiger_error(code), on=range(5, 100))])
    with pytest.raises(SourceError, match=f"failed 4 times.*{code}"):
        service.reading("tickets")


@of_vtiger
@pytest.mark.parametrize("request_number", [1, 3, 4, 5])
@pytest.mark.parametrize("code", ["ACCESS_DENIED", "UNKNOWN_OPERATION", "ACCESSKEY_UNDEFINED"])
def test_a_refusal_with_status_200_is_named_at_once(
    service: Service, source: str, code: str, request_number: int, note: Note
) -> None:
    service.faults.follow([Fault("/webservice.php", vtiger_error(code), on={request_number})])
    with pytest.raises(SourceError, match=code) as error:
        service.reading("tickets")
    assert len(service.faults.requests) <= request_number + 1
    assert not any(part in str(error.value) for part in ("سارا", "0912", USERNAME, ACCESS_KEY))
    note(source, "refused with 200", NAMED)


@of_vtiger
def test_a_challenge_taken_by_another_login_is_asked_for_again(
    service: Service, source: str, note: Note
) -> None:
    expected = contents(service.reading("tickets"))
    service.faults.follow([Fault("/webservice.php", vtiger_error("INVALID_AUTH_TOKEN"), on={2, 4})])
    assert contents(service.reading("tickets")) == expected
    note(source, "challenge taken by another login", RETRIED)
    fault = Fault("/webservice.php", vtiger_error("INVALID_AUTH_TOKEN"), on=range(2, 100, 2))
    service.faults.follow([fault])
    with pytest.raises(SourceError, match="INVALID_AUTH_TOKEN"):
        service.reading("tickets")


@of_vtiger
def test_wrong_credentials_are_named_without_quoting_them(
    service: Service, source: str, note: Note
) -> None:
    with pytest.raises(SourceError, match="INVALID_USER_CREDENTIALS") as error:
        service.reading("tickets", access_key="a wrong key")
    assert "a wrong key" not in str(error.value)
    with pytest.raises(SourceError, match="ACCESS_DENIED"):
        service.reading("tickets", username="nobody")
    note(source, "wrong credentials", NAMED)


@of_vtiger
def test_a_user_who_sees_a_part_only_is_refused(service: Service, source: str, note: Note) -> None:
    service.rows.is_admin = False
    with pytest.raises(SourceError, match="ACCESS_DENIED") as error:
        service.reading("tickets")
    assert "administrator" in error.value.remedy
    note(source, "user sees own records only", NAMED)


@of_vtiger
def test_an_order_that_may_not_be_retrieved_is_named(
    service: Service, source: str, note: Note
) -> None:
    service.rows.denied.add("6x4")
    with pytest.raises(SourceError, match="refused retrieve"):
        service.reading("order_items")
    note(source, "order that may not be retrieved", NAMED)


@of_vtiger
def test_no_log_names_a_session(
    service: Service, source: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    assert service.reading("tickets").rows
    assert any("sessionName" in request for request in service.faults.requests)
    assert "session" not in caplog.text
    assert ACCESS_KEY not in caplog.text


# Drift


@of_vtiger
@pytest.mark.parametrize(
    ("entity", "gone"),
    [
        ("tickets", "ticketstatus"),
        ("customers", "phone"),
        ("customers", "emailoptout"),
        ("orders", "hdnGrandTotal"),
        ("orders", "hdnDiscountPercent"),
        ("orders", "currency_id"),
    ],
)
def test_a_field_that_is_gone_stops_the_load(
    service: Service, source: str, entity: str, gone: str, note: Note
) -> None:
    service.rows.hidden_fields.add(gone)
    with pytest.raises(SourceError, match=f"no field {gone}"):
        service.reading(entity)
    without: dict[str, Any] = {"phone": {"fields": {"customers": {"phone": "mobile"}}}}
    without["currency_id"] = {"currency": "IRR"}
    if gone in without:
        assert len(keys(service.reading(entity, **without[gone]), entity)) == 11
    note(source, "field renamed", NAMED)


@of_freshdesk
def test_a_custom_field_that_is_gone_stops_the_load(
    service: Service, source: str, note: Note
) -> None:
    assert service.reading("tickets", order_id_from="cf_order").rows[0]["order_id"] == "O-1"
    with pytest.raises(SourceError, match="no ticket has the custom field cf_gone"):
        service.reading("tickets", order_id_from="cf_gone")
    note(source, "field renamed", NAMED)


@of_vtiger
def test_a_wrong_zone_stops_the_load(service: Service, source: str, note: Note) -> None:
    window = Window(DAY, START + 3 * MINUTE, END, TEHRAN)
    with pytest.raises(SourceError, match="modifiedtime in Asia/Tehran lies outside"):
        service.reading("tickets", window, timezone="Asia/Tehran")
    note(source, "wrong time zone configured", NAMED)


@of_vtiger
def test_an_unfit_record_is_rejected_and_the_others_land(
    service: Service, source: str, note: Note
) -> None:
    service.rows.modules["SalesOrder"][1]["hdnSubTotal"] = "a lot"
    reading = service.reading("orders")
    assert [found.position for found in reading.rejected] == ["SalesOrder 6x2"]
    assert len(keys(reading, "orders")) == 10
    note(source, "amount that is no number", QUARANTINED)


@places
def test_the_doctor_finds_a_server_in_order_and_names_what_is_wrong(
    service: Service, source: str, entity: str, path: str
) -> None:
    results = service.make(service.base_url).check()
    assert results
    assert all(result.ok for result in results)
    for answer, detail in (
        (refused(401), "status 401"),
        (web_page(), "web page"),
        (server_error(), "status 500"),
    ):
        service.faults.follow([Fault("/", answer)])
        for result in service.make(service.base_url).check():
            assert not result.ok
            assert detail in result.detail
            assert result.remedy
