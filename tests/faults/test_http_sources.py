"""HTTP sources against servers that misbehave: every fault is recovered exactly, or named.

Real servers on loopback; only the waits between tries are noted instead of spent.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from tests.faults.matrix import (
    NAMED,
    NAMED_IF_LASTING,
    QUARANTINED,
    RETRIED,
    Note,
)
from tests.http_servers import (
    EMAIL,
    ONE_DAY,
    START,
    TOKEN,
    MemoryHelpDesk,
    MemorySocial,
    Reading,
    Sleeps,
    comment,
    mastodon,
    post,
    read,
    status_change,
    ticket,
    user,
    zendesk,
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
from moshtari.demo.help_desk import create_app as create_help_desk
from moshtari.demo.serving import listen, serving
from moshtari.demo.social import create_app as create_social
from moshtari.sources.base import SourceError
from moshtari.sources.mastodon import MastodonSource
from moshtari.sources.zendesk import ZendeskSource

MINUTE = timedelta(minutes=1)
Source = ZendeskSource | MastodonSource

DESK = MemoryHelpDesk(
    ticket_rows=[ticket(key, START + key * MINUTE) for key in range(1, 11)],
    user_rows=[user(1), user(2, "agent")],
    event_rows=[
        *(comment(key, START + key * MINUTE, author_id=1 + key % 2) for key in range(1, 9)),
        status_change(9, START + 9 * MINUTE, "open", "solved", by=2),
    ],
)
NETWORK = MemorySocial([post(key, START + key * MINUTE) for key in range(100)])

# entity: part of the path, page that a fault hits, how to make the source
EXPORTS: dict[str, tuple[str, Callable[..., Source]]] = {
    "tickets": ("/tickets/", lambda url, **more: zendesk(url, page_size=3, **more)),
    "ticket_events": ("/ticket_events", lambda url, **more: zendesk(url, page_size=3, **more)),
    "mentions": ("/timelines/tag/", mastodon),
}
entities = pytest.mark.parametrize("entity", EXPORTS)
KINDS = {"tickets": "zendesk", "ticket_events": "zendesk", "mentions": "mastodon"}


@pytest.fixture(scope="module", autouse=True)
def _servers() -> Iterator[None]:
    """One server for each of the two, for all tests; each test has a script of its own."""
    desk = Faults(create_help_desk(DESK, email=EMAIL, token=TOKEN))
    network = Faults(create_social(NETWORK, token=TOKEN))
    with serving(desk) as desk_url, serving(network) as network_url:
        SERVERS.update(
            tickets=(desk_url, desk),
            ticket_events=(desk_url, desk),
            mentions=(network_url, network),
        )
        yield


SERVERS: dict[str, tuple[str, Faults]] = {}


@contextmanager
def misbehaving(entity: str, *script: Fault) -> Iterator[tuple[str, Faults]]:
    base_url, faults = SERVERS[entity]
    faults.follow(script)
    yield base_url, faults


@cache
def faultless(entity: str) -> Reading:
    with misbehaving(entity) as (base_url, _):
        reading = read(EXPORTS[entity][1](base_url), entity, ONE_DAY)
    assert len(reading.rows) == {"tickets": 10, "ticket_events": 9, "mentions": 100}[entity]
    assert not reading.rejected
    return reading


def contents(reading: Reading) -> list[tuple[tuple[str, str | None], ...]]:
    return sorted(tuple(row.items()) for row in reading.rows)


PASSING: dict[str, tuple[Answer, dict[str, Any]]] = {
    "429 with Retry-After": (rate_limited("7"), {}),
    "429 with Retry-After 0": (rate_limited("0"), {}),
    "429 with a date": (rate_limited("Thu, 01 Jan 2026 10:00:00 GMT"), {}),
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


@entities
@pytest.mark.parametrize("fault", PASSING)
def test_a_passing_fault_on_any_page_changes_nothing(entity: str, fault: str, note: Note) -> None:
    path, make = EXPORTS[entity]
    answer, http = PASSING[fault]
    expected = contents(faultless(entity))
    # Twice on the first page, once on a later one.
    with misbehaving(entity, Fault(path, answer, on={1, 2, 4})) as (base_url, faults):
        sleeps = Sleeps()
        reading = read(make(base_url, http=http, sleep=sleeps), entity, ONE_DAY)
    assert contents(reading) == expected
    assert not reading.rejected
    assert len(sleeps) == 3
    assert len(faults.requests) > 3
    note(KINDS[entity], fault, RETRIED)


@entities
@pytest.mark.parametrize("fault", PASSING)
def test_a_lasting_fault_is_named_after_the_last_try(entity: str, fault: str, note: Note) -> None:
    path, make = EXPORTS[entity]
    answer, http = PASSING[fault]
    with misbehaving(entity, Fault(path, answer)) as (base_url, faults):
        source = make(base_url, http=http | {"tries": 2})
        with pytest.raises(SourceError) as error:
            read(source, entity, ONE_DAY)
    assert sum(path in request for request in faults.requests) == 2
    assert (error.value.source, error.value.entity) == (source.name, entity)
    assert path in error.value.what
    assert "failed 2 times" in error.value.what
    assert error.value.remedy
    assert not any(secret in str(error.value) for secret in (TOKEN, EMAIL, "start_time", "min_id"))
    note(KINDS[entity], fault, NAMED_IF_LASTING)


@entities
def test_a_server_that_is_away_is_named(entity: str, note: Note) -> None:
    with listen(0) as listener:
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    sleeps = Sleeps()
    with pytest.raises(SourceError, match="the connection failed"):
        read(EXPORTS[entity][1](base_url, sleep=sleeps), entity, ONE_DAY)
    assert len(sleeps) == 3
    note(KINDS[entity], "server away", NAMED)


@entities
@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_a_refusal_is_named_at_once(entity: str, status: int, note: Note) -> None:
    path, make = EXPORTS[entity]
    with (
        misbehaving(entity, Fault(path, refused(status))) as (base_url, faults),
        pytest.raises(SourceError, match=f"status {status}") as error,
    ):
        read(make(base_url), entity, ONE_DAY)
    assert sum(path in request for request in faults.requests) == 1
    assert error.value.remedy.endswith(".")
    note(KINDS[entity], "refused (400 to 404)", NAMED)


@entities
def test_wrong_credentials_are_named_without_quoting_them(entity: str, note: Note) -> None:
    with misbehaving(entity) as (base_url, _):
        source = EXPORTS[entity][1](base_url, token="a wrong token")
        with pytest.raises(SourceError, match="status 401") as error:
            read(source, entity, ONE_DAY)
    assert "a wrong token" not in str(error.value)
    assert "token" in error.value.remedy
    note(KINDS[entity], "wrong credentials", NAMED)


@entities
def test_a_redirect_is_not_followed_with_the_credentials(entity: str, note: Note) -> None:
    path, make = EXPORTS[entity]
    with (
        misbehaving(entity, Fault(path, redirect("/login"))) as (base_url, faults),
        pytest.raises(SourceError, match="status 302"),
    ):
        read(make(base_url), entity, ONE_DAY)
    assert not any("/login" in request for request in faults.requests)
    note(KINDS[entity], "redirect", NAMED)


@entities
def test_the_wait_that_the_server_asks_for_is_kept(entity: str, note: Note) -> None:
    path, make = EXPORTS[entity]
    faults = [Fault(path, rate_limited("7"), on={2}), Fault(path, rate_limited("0"), on={3})]
    with misbehaving(entity, *faults) as (base_url, _):
        sleeps = Sleeps()
        read(make(base_url, sleep=sleeps), entity, ONE_DAY)
    assert sleeps == [7, 0]
    note(KINDS[entity], "429 with Retry-After 0", RETRIED)


@entities
def test_a_wait_beyond_the_bound_ends_the_load_at_once(entity: str, note: Note) -> None:
    path, make = EXPORTS[entity]
    with misbehaving(entity, Fault(path, rate_limited("3600"))) as (base_url, _):
        sleeps = Sleeps()
        with pytest.raises(SourceError, match="asks to wait 3600 s") as error:
            read(make(base_url, sleep=sleeps), entity, ONE_DAY)
    assert sleeps == []
    assert "longest_wait_seconds" in error.value.remedy
    note(KINDS[entity], "429 that asks for an hour", NAMED)


@entities
def test_back_off_grows_and_is_bounded(entity: str, note: Note) -> None:
    path, make = EXPORTS[entity]
    with misbehaving(entity, Fault(path, server_error())) as (base_url, _):
        sleeps = Sleeps()
        with pytest.raises(SourceError):
            read(make(base_url, sleep=sleeps, http={"tries": 10}), entity, ONE_DAY)
    assert len(sleeps) == 9
    assert all(
        0.5 * 2**tries <= wait <= 0.5 * 2**tries + 1 for tries, wait in enumerate(sleeps[:5])
    )
    assert max(sleeps) <= 30
    note(KINDS[entity], "500 burst", NAMED_IF_LASTING)


def looping(entity: str) -> Answer:
    """Every page leads back to the second."""
    if entity == "tickets":
        return edited(lambda page: page | {"after_cursor": "bG9vcA==", "end_of_stream": False})
    return edited(
        lambda page: page | {"end_time": int(START.timestamp()) + 60, "end_of_stream": False}
    )


@pytest.mark.parametrize("entity", ["tickets", "ticket_events"])
def test_a_cursor_that_loops_is_named(entity: str, note: Note) -> None:
    path, make = EXPORTS[entity]
    script = [Fault(path, looping(entity), on={1})]
    # The looping cursor is no cursor of the server: answer it as Zendesk would, with a page.
    page = {
        "tickets": {"tickets": [], "after_cursor": "bG9vcA==", "end_of_stream": False},
        "ticket_events": {
            "ticket_events": [],
            "end_time": int(START.timestamp()) + 60,
            "end_of_stream": False,
        },
    }[entity]
    script.append(Fault(path, json_answer(page)))
    with (
        misbehaving(entity, *script) as (base_url, faults),
        pytest.raises(SourceError, match="never end"),
    ):
        read(make(base_url), entity, ONE_DAY)
    assert len(faults.requests) <= 3
    note(KINDS[entity], "looping cursor", NAMED)


def test_ever_new_cursors_that_lead_nowhere_are_named(note: Note) -> None:
    seen: list[int] = []

    def first_page_under_a_new_cursor(page: Any) -> Any:
        seen.append(1)
        at = int(START.timestamp()) * 1_000_000
        cursor = base64.b64encode(f"{at}||{-len(seen)}|".encode()).decode()
        return page | {"after_cursor": cursor, "end_of_stream": False}

    script = Fault("/tickets/", edited(first_page_under_a_new_cursor))
    with (
        misbehaving("tickets", script) as (base_url, _),
        pytest.raises(SourceError, match="never end"),
    ):
        read(zendesk(base_url, page_size=3), "tickets", ONE_DAY)
    assert len(seen) == 2
    note("zendesk", "looping cursor", NAMED)


def test_events_that_go_back_in_time_are_named(note: Note) -> None:
    earlier = {"end_time": int(START.timestamp()) - 60, "end_of_stream": False}
    script = Fault("/ticket_events", edited(lambda page: page | earlier))
    with (
        misbehaving("ticket_events", script) as (base_url, _),
        pytest.raises(SourceError, match="never end"),
    ):
        read(zendesk(base_url, page_size=3), "ticket_events", ONE_DAY)
    note("zendesk", "looping cursor", NAMED)


def test_a_timeline_that_loops_is_named(note: Note) -> None:
    def first_page() -> Answer:
        async def answer(app: Any, scope: Any, receive: Any, send: Any) -> None:
            await app(scope | {"query_string": b"limit=40&min_id=1"}, receive, send)

        return answer

    with (
        misbehaving("mentions", Fault("/timelines/tag/", first_page())) as (base_url, faults),
        pytest.raises(SourceError, match="never end"),
    ):
        read(mastodon(base_url), "mentions", ONE_DAY)
    assert len(faults.requests) == 2
    note("mastodon", "looping cursor", NAMED)


@pytest.mark.parametrize(
    ("entity", "page"),
    [
        ("tickets", {"tickets": [], "end_of_stream": False, "after_cursor": None}),
        ("ticket_events", {"ticket_events": [], "end_of_stream": False, "end_time": None}),
        ("mentions", [{"id": "1"}]),
    ],
)
def test_a_page_without_a_way_on_is_named(entity: str, page: Any, note: Note) -> None:
    path, make = EXPORTS[entity]
    with (
        misbehaving(entity, Fault(path, json_answer(page))) as (base_url, _),
        pytest.raises(SourceError, match=r"no (after_cursor|end_time|Link)"),
    ):
        read(make(base_url), entity, ONE_DAY)
    note(KINDS[entity], "page without a way on", NAMED)


@pytest.mark.parametrize(
    ("entity", "page"),
    [
        ("tickets", {"tickets": [], "end_of_stream": True}),
        ("ticket_events", {"ticket_events": [], "end_of_stream": True, "end_time": None}),
        ("mentions", []),
    ],
)
def test_a_source_that_is_suddenly_empty_yields_nothing(entity: str, page: Any) -> None:
    """Whether that is believable is the gate's to say; nothing is deleted here."""
    path, make = EXPORTS[entity]
    with misbehaving(entity, Fault(path, json_answer(page))) as (base_url, _):
        assert read(make(base_url), entity, ONE_DAY) == Reading()


def test_broken_records_are_rejected_and_their_page_lands(note: Note) -> None:
    def spoil(page: Any) -> Any:
        page["tickets"][0]["id"] = "one"
        page["tickets"][1]["updated_at"] = "yesterday, 0912 345 6789"
        page["tickets"][2] = ["no ticket"]
        page["users"] = [{"id": 1, "name": {"first": "سارا"}}]
        return page

    with misbehaving("tickets", Fault("/tickets/", edited(spoil), on={1})) as (base_url, _):
        reading = read(zendesk(base_url, page_size=5), "tickets", ONE_DAY)
    assert set(reading.by("ticket_id")) == {str(key) for key in range(4, 11)}
    assert {record.position for record in reading.rejected} == {
        "user 1",
        "page 1, ticket 1",
        "ticket 2",
        "page 1, ticket 3",
    }
    assert all(record.raw and "0912" not in record.reason for record in reading.rejected)
    note("zendesk", "broken record", QUARANTINED)


def test_broken_text_spoils_its_record_only(note: Note) -> None:
    def spoil(body: bytes) -> bytes:
        subject = "موضوع 1".encode()
        assert subject in body
        return body.replace(subject, b"\xff\xfe \\ud83d", 1)

    with misbehaving("tickets", Fault("/tickets/", rewritten(spoil), on={1})) as (base_url, _):
        reading = read(zendesk(base_url, page_size=5), "tickets", ONE_DAY)
    assert set(reading.by("ticket_id")) == {str(key) for key in range(2, 11)}
    (rejected,) = reading.rejected
    assert b"\xff\xfe" in rejected.raw or b"\\ud83d" in rejected.raw
    note("zendesk", "text that is no Unicode", QUARANTINED)


def test_a_broken_comment_is_rejected_and_its_neighbours_land(note: Note) -> None:
    def spoil(page: Any) -> Any:
        for audit in page["ticket_events"]:
            for child in audit["child_events"]:
                if child["id"] == 2:
                    child["public"] = "perhaps"
        page["ticket_events"][0]["child_events"].append({"id": None, "event_type": "Push"})
        return page

    with misbehaving("ticket_events", Fault("/ticket_events", edited(spoil))) as (base_url, _):
        reading = read(zendesk(base_url, page_size=3), "ticket_events", ONE_DAY)
    assert set(reading.by("event_id")) == {"1", *map(str, range(3, 10))}
    assert [record.position for record in reading.rejected] == ["event 2"]
    note("zendesk", "broken record", QUARANTINED)


def test_a_broken_post_is_rejected_and_its_page_lands(note: Note) -> None:
    def spoil(page: Any) -> Any:
        page[0]["account"] = None
        return page

    with misbehaving("mentions", Fault("/timelines", edited(spoil), on={1})) as (base_url, _):
        reading = read(mastodon(base_url), "mentions", ONE_DAY)
    assert len(reading.by("mention_id")) == 99
    (rejected,) = reading.rejected
    assert rejected.position.startswith("status 1")
    note("mastodon", "broken record", QUARANTINED)


def test_a_failing_author_lookup_fails_the_load(note: Note) -> None:
    """Events whose authors cannot be known must not land as the system's."""
    script = Fault("/show_many", server_error())
    with (
        misbehaving("ticket_events", script) as (base_url, _),
        pytest.raises(SourceError, match="show_many"),
    ):
        read(zendesk(base_url), "ticket_events", ONE_DAY)
    note("zendesk", "partial errors, authors missing", NAMED)


@entities
def test_the_doctor_finds_a_server_in_order(entity: str) -> None:
    with misbehaving(entity) as (base_url, _):
        results = EXPORTS[entity][1](base_url).check()
    assert results
    assert all(result.ok for result in results)


@entities
@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (refused(401), "status 401"),
        (refused(403), "status 403"),
        (web_page(), "web page"),
        (server_error(), "status 500"),
    ],
)
def test_the_doctor_names_what_is_wrong_and_never_raises(
    entity: str, answer: Answer, detail: str
) -> None:
    with misbehaving(entity, Fault("/", answer)) as (base_url, _):
        results = EXPORTS[entity][1](base_url).check()
    assert results
    for result in results:
        assert not result.ok
        assert detail in result.detail
        assert result.remedy


def test_the_doctor_says_when_a_hashtag_has_no_post() -> None:
    with misbehaving("mentions") as (base_url, _):
        spelt, misspelt = mastodon(base_url, hashtags=["پیشخوان", "پیشخان"]).check()
    assert spelt.ok
    assert misspelt.ok
    assert "no post at all" in misspelt.detail
