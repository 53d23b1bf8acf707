"""Mastodon when it misbehaves: every fault ends in all rows, or is named."""

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
    contents,
    from_page,
    night,
    on_pages,
    outcome,
)
from tests.http_servers import (
    DAY,
    END,
    ONE_DAY,
    START,
    TEHRAN,
    TOKEN,
    MemorySocial,
    mastodon,
    post,
    read,
)

from moshtari.demo.faults import Fault, Faults, edited, json_answer, refused, rewritten
from moshtari.demo.serving import serving
from moshtari.demo.social import create_app
from moshtari.settings import Settings
from moshtari.sources.base import Window

MINUTE = timedelta(minutes=1)
TIMELINE = "/timelines/tag/"
INSTANCE = "/api/v2/instance"
STORE = MemorySocial()


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Faults, str]]:
    app = Faults(create_app(STORE, token=TOKEN))
    with serving(app) as base_url:
        yield app, base_url


class Network:
    """A network under a script of faults."""

    def __init__(self, app: Faults, base_url: str, note: Note) -> None:
        self.app, self.base_url, self.note = app, base_url, note
        self.expected = self.found()
        assert len(self.expected) == 100

    def found(self, *script: Fault, window: Window = ONE_DAY, **config: Any) -> Content:
        self.app.follow(script)
        reading = read(mastodon(self.base_url, **config), "mentions", window)
        assert not reading.rejected
        return contents(reading)

    def outcome(self, fault: str, *script: Fault, **config: Any) -> str:
        return outcome(
            self.note, "mastodon", fault, lambda: self.found(*script, **config), self.expected
        )


@pytest.fixture
def network(server: tuple[Faults, str], note: Note) -> Network:
    STORE.rows = [post(key, START + key * MINUTE) for key in range(100)]
    return Network(*server, note)


@pytest.mark.parametrize("fault", PASSING)
def test_a_passing_fault_changes_nothing(network: Network, fault: str) -> None:
    answer, http = PASSING[fault]
    assert network.outcome(fault, on_pages(TIMELINE, answer), http=http) == ALL_ROWS


@pytest.mark.parametrize("fault", PASSING)
def test_a_lasting_fault_is_named(network: Network, fault: str) -> None:
    answer, http = PASSING[fault]
    script = from_page(TIMELINE, answer, 2)
    told = network.outcome(f"{fault}{LASTING}", script, http=http | {"tries": 2})
    assert told.startswith(f"{NAMED}: GET /api/v1/timelines/tag/پیشخوان failed 2 times")


def test_pages_that_lead_back_are_named(network: Network) -> None:
    async def first_page(app: Any, scope: Any, receive: Any, send: Any) -> None:
        await app(scope | {"query_string": b"limit=40&min_id=1"}, receive, send)

    told = network.outcome("looping cursor", Fault(TIMELINE, first_page))
    assert "never end" in told


def test_posts_that_come_and_go_shift_no_page(network: Network) -> None:
    """A later post comes with the page that it belongs to, and one that goes takes no other."""
    gone = network.expected[3]
    newcomer = post(999, START + 600 * MINUTE)

    def shift() -> None:
        STORE.rows = [row for row in STORE.rows if ("mention_id", str(row["id"])) not in gone]
        STORE.rows.append(newcomer)

    wanted = len(network.expected) + 1
    found = network.found(Fault(TIMELINE, afterwards(shift), on={1}))
    assert len(found) == wanted
    assert [row for row in found if dict(row)["mention_id"] != str(newcomer["id"])] == (
        network.expected
    )
    network.note("mastodon", "page that shifts while read", ALL_ROWS)


def test_posts_of_one_millisecond_are_all_there(network: Network) -> None:
    STORE.rows = [post(key, START) for key in range(100)]
    assert len(network.found()) == 100
    network.note("mastodon", "equal times across pages", ALL_ROWS)


def test_a_post_on_two_pages_is_one_row(network: Network) -> None:
    kept: list[Any] = []

    def remember(page: Any) -> Any:
        kept.append(page[0])
        return page

    script = [
        Fault(TIMELINE, edited(remember), on={1}),
        Fault(TIMELINE, edited(lambda page: [*page, *kept]), on={2, 3}),
    ]
    assert network.outcome("duplicate across pages", *script) == ALL_ROWS


def test_a_token_that_expires_half_way_is_named(network: Network) -> None:
    told = network.outcome("token that expires half way", from_page(TIMELINE, refused(401), 2))
    assert told.endswith("status 401")


@pytest.mark.parametrize("status", [401, 403, 422])
def test_a_closed_timeline_is_named_with_the_remedy(network: Network, status: int) -> None:
    fault = "timeline closed to strangers"
    told = network.outcome(fault, Fault(TIMELINE, refused(status)), token=None)
    assert told.endswith(f"status {status}")
    (result,) = mastodon(network.base_url).check()
    assert not result.ok
    assert "scope `read`" in result.remedy


def closed(local: str, remote: str) -> dict[str, Any]:
    feeds = {"local": local, "remote": remote}
    return {"domain": "x", "configuration": {"timelines_access": {"hashtag_feeds": feeds}}}


def test_a_timeline_that_is_switched_off_is_told_from_a_quiet_one(network: Network) -> None:
    script = [
        Fault(TIMELINE, json_answer([])),
        Fault(INSTANCE, json_answer(closed("disabled", "disabled"))),
    ]
    told = network.outcome("empty timeline, switched off", *script)
    assert "switched hashtag timelines off" in told
    (result,) = mastodon(network.base_url).check()
    assert not result.ok
    assert "switched hashtag timelines off" in result.detail


@pytest.mark.parametrize(
    "instance",
    [
        json_answer(closed("public", "disabled")),
        json_answer(closed("authenticated", "authenticated")),
        json_answer({"configuration": {}}),
        refused(404),
    ],
)
def test_a_quiet_timeline_is_no_error(network: Network, instance: Any) -> None:
    script = [Fault(TIMELINE, json_answer([])), Fault(INSTANCE, instance)]
    assert network.found(*script) == []
    (result,) = mastodon(network.base_url).check()
    assert result.ok
    assert "no post at all" in result.detail


def test_an_empty_day_after_a_full_one_loses_nothing(
    network: Network, settings: Settings, pg: psycopg.Connection
) -> None:
    """The full day stays; and a day that was empty by mistake is read again with the next."""
    network.app.follow([])

    def load(days: int) -> Landed:
        return night(settings, mastodon(network.base_url, lookback_hours=1), "mentions", days)

    first = STORE.rows
    assert load(0) == (100, 100, 0, 0)
    STORE.rows = []
    assert load(1) in EMPTY
    STORE.rows = [*first, post(1, END + MINUTE), post(2, END + timedelta(days=1) + MINUTE)]
    assert load(2) == (2, 2, 0, 0)
    assert pg.execute("select count(*) from raw.mentions where not _is_deleted").fetchone() == (
        102,
    )
    network.note("mastodon", "empty day after a full one", NEXT_NIGHT)


def test_a_broken_post_is_rejected_and_its_page_lands(network: Network) -> None:
    def spoil(page: Any) -> Any:
        page[0]["account"] = None
        return page

    network.app.follow([Fault(TIMELINE, edited(spoil), on={1})])
    reading = read(mastodon(network.base_url), "mentions", ONE_DAY)
    assert (len(reading.rows), len(reading.rejected)) == (99, 1)
    network.note("mastodon", "broken record", QUARANTINED)


def test_text_that_is_no_unicode_costs_its_record_only(network: Network) -> None:
    def spoil(body: bytes) -> bytes:
        text = "<p>سلام #پیشخوان 7<".encode()
        assert text in body
        return body.replace(text, b"<p>\xff\xfe<", 1)

    network.app.follow([Fault(TIMELINE, rewritten(spoil), on={1})])
    reading = read(mastodon(network.base_url), "mentions", ONE_DAY)
    assert (len(reading.rows), len(reading.rejected)) == (99, 1)
    assert b"\xff\xfe" in reading.rejected[0].raw
    network.note("mastodon", "text that is no Unicode", QUARANTINED)


def test_ids_that_hold_no_time_are_named_before_a_night_is_lost(network: Network) -> None:
    """Such a server would show every later night as empty."""
    STORE.rows = [post(key, START + key * MINUTE, id=1_700_000_000_000 + key) for key in range(5)]
    network.expected = []
    window = Window(DAY, None, END, TEHRAN)
    told = network.outcome("ids that are no snowflakes", window=window)
    assert "no snowflakes" in told
    (result,) = mastodon(network.base_url).check()
    assert not result.ok
    assert "no snowflakes" in result.detail
