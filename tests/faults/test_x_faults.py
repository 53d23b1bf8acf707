"""X's search when it misbehaves: every fault ends in all rows, or is named."""

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
from tests.http_servers import DAY, END, ONE_DAY, START, TEHRAN, TOKEN, Sleeps, read, x
from tests.servers.x import SEARCH, MemoryX, create_app, first_id, post, user

from moshtari.demo.faults import (
    Fault,
    Faults,
    edited,
    json_answer,
    rate_limited,
    redirect,
    refused,
    rewritten,
)
from moshtari.demo.serving import listen, serving
from moshtari.settings import Settings
from moshtari.sources.base import SourceError, Window

MINUTE = timedelta(minutes=1)
STORE = MemoryX(END + timedelta(hours=3))


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Faults, str]]:
    app = Faults(create_app(STORE, token=TOKEN))
    with serving(app) as base_url:
        yield app, base_url


class Search:
    """The search under a script of faults."""

    def __init__(self, app: Faults, base_url: str, note: Note) -> None:
        self.app, self.base_url, self.note = app, base_url, note
        self.expected = self.found()
        assert len(self.expected) == 45

    def found(self, *script: Fault, window: Window = ONE_DAY, **config: Any) -> Content:
        self.app.follow(script)
        reading = read(x(self.base_url, **{"page_size": 10} | config), "mentions", window)
        assert not reading.rejected
        return contents(reading)

    def outcome(self, fault: str, *script: Fault, **config: Any) -> str:
        return outcome(self.note, "x", fault, lambda: self.found(*script, **config), self.expected)


@pytest.fixture
def search(server: tuple[Faults, str], note: Note) -> Search:
    STORE.now = END + timedelta(hours=3)
    STORE.posts = [post(key, START + key * MINUTE) for key in range(45)]
    STORE.users = [user()]
    return Search(*server, note)


@pytest.mark.parametrize("fault", PASSING)
def test_a_passing_fault_changes_nothing(search: Search, fault: str) -> None:
    answer, http = PASSING[fault]
    assert search.outcome(fault, on_pages(SEARCH, answer), http=http) == ALL_ROWS


@pytest.mark.parametrize("fault", PASSING)
def test_a_lasting_fault_is_named(search: Search, fault: str) -> None:
    answer, http = PASSING[fault]
    script = from_page(SEARCH, answer, 3)
    told = search.outcome(f"{fault}{LASTING}", script, http=http | {"tries": 2})
    assert told.startswith(f"{NAMED}: GET {SEARCH} failed 2 times")


def test_a_limit_is_waited_out_until_it_ends(search: Search) -> None:
    answer, _ = PASSING["429 with a Unix time"]
    sleeps = Sleeps()
    search.found(Fault(SEARCH, answer, on={2}), sleep=sleeps)
    # The clock may pass a second between the two headers.
    assert sleeps in ([7], [6], [8])


def test_a_used_up_cap_does_not_wait_for_the_limits_end(search: Search) -> None:
    """Requests remain, so the 429 is the plan's cap of posts: no quarter of an hour mends it."""
    left = {"x-rate-limit-remaining": "449", "x-rate-limit-reset": "4102444800"}
    sleeps = Sleeps()
    told = search.outcome(
        "cap of posts used up", Fault(SEARCH, rate_limited(None, **left)), sleep=sleeps
    )
    assert told.startswith(NAMED)
    assert len(sleeps) == 3
    assert max(sleeps) < 30


@pytest.mark.parametrize("lead", ["the same token", "ever new tokens"])
def test_pages_that_lead_back_are_named(search: Search, lead: str) -> None:
    tokens = iter(range(1000))

    def back(page: Any) -> Any:
        token = "same" if lead == "the same token" else f"new{next(tokens)}"
        return page | {"meta": page["meta"] | {"next_token": token}}

    async def first_page(app: Any, scope: Any, receive: Any, send: Any) -> None:
        query = scope["query_string"].partition(b"&next_token")[0]
        await edited(back)(app, scope | {"query_string": query}, receive, send)

    told = search.outcome("looping cursor", Fault(SEARCH, first_page))
    assert told.startswith(NAMED)
    assert "never end" in told
    assert len(search.app.requests) <= 3


def test_posts_that_come_and_go_shift_no_page(search: Search) -> None:
    def shift() -> None:
        STORE.posts = [row for row in STORE.posts if row["created_at"] != START + 40 * MINUTE]
        STORE.posts.append(post(999, START + 50 * MINUTE))

    fault = Fault(SEARCH, afterwards(shift), on={1})
    assert search.outcome("page that shifts while read", fault) == ALL_ROWS
    # What was indexed late comes with the next night, by the lookback.
    late = Window(DAY + timedelta(days=1), START, END, TEHRAN)
    assert len(search.found(window=late)) == 45


def test_posts_of_one_millisecond_are_all_there(search: Search) -> None:
    STORE.posts = [post(key, START) for key in range(45)]
    assert len(search.found()) == 45
    search.note("x", "equal times across pages", ALL_ROWS)


def test_a_post_on_two_pages_is_one_row(search: Search) -> None:
    repeated: list[Any] = []

    def remember(page: Any) -> Any:
        repeated.append(page["data"][-1])
        return page

    def repeat(page: Any) -> Any:
        page["data"].insert(0, repeated[0])
        page["meta"]["result_count"] += 1
        return page

    script = [Fault(SEARCH, edited(remember), on={1}), Fault(SEARCH, edited(repeat), on={2, 3})]
    assert search.outcome("duplicate across pages", *script) == ALL_ROWS


def test_a_post_behind_the_window_is_left_for_its_own_day(search: Search) -> None:
    late = str(first_id(END))

    def add(page: Any) -> Any:
        page["data"].insert(0, page["data"][0] | {"id": late, "created_at": END})
        page["data"][0]["edit_history_tweet_ids"] = [late]
        page["meta"]["result_count"] += 1
        return page

    fault = Fault(SEARCH, edited(add), on={1})
    assert search.outcome("row of a later day", fault) == ALL_ROWS


def test_a_token_that_expires_half_way_is_named(search: Search) -> None:
    told = search.outcome("token that expires half way", from_page(SEARCH, refused(401), 3))
    assert told == f"{NAMED}: GET {SEARCH}: status 401"


def test_a_page_token_that_expires_is_named(search: Search) -> None:
    told = search.outcome("page token that expires half way", from_page(SEARCH, refused(400), 3))
    assert told == f"{NAMED}: GET {SEARCH}: status 400"


def test_an_empty_page_in_between_is_no_end(search: Search) -> None:
    empty = {"meta": {"result_count": 0, "next_token": "on"}}

    async def where_the_first_would_have_begun(
        app: Any, scope: Any, receive: Any, send: Any
    ) -> None:
        query = scope["query_string"].partition(b"&next_token")[0]
        await app(scope | {"query_string": query}, receive, send)

    script = [
        Fault(SEARCH, json_answer(empty), on={1}),
        Fault(SEARCH, where_the_first_would_have_begun, on={2}),
    ]
    assert search.outcome("empty page in between", *script) == ALL_ROWS


def test_authors_that_x_does_not_show_cost_no_post(search: Search) -> None:
    search.expected = [
        tuple((name, without_author(name, value)) for name, value in row) for row in search.expected
    ]
    STORE.users = []
    assert search.outcome("partial errors, authors missing") == ALL_ROWS


def without_author(name: str, value: str | None) -> str | None:
    if name.startswith("author_"):
        return None
    return str(value).replace("/Ali_R/", "/i/") if name == "url" else value


@pytest.mark.parametrize(
    ("fault", "change"),
    [
        (
            "partial errors, posts missing",
            lambda page: (
                page | {"errors": [{"type": "https://x.example/problems/operational-disconnect"}]}
            ),
        ),
        ("partial errors, no data at all", lambda _: {"errors": [{"type": "about:blank"}]}),
        (
            "fewer posts than announced",
            lambda page: page | {"data": page["data"][:-1]},
        ),
        (
            "posts announced and none there",
            lambda page: {"meta": page["meta"]},
        ),
    ],
)
def test_an_answer_that_lacks_posts_is_named(search: Search, fault: str, change: Any) -> None:
    told = search.outcome(fault, from_page(SEARCH, edited(change), 2), http={"tries": 2})
    assert told.startswith(NAMED)


def test_a_broken_post_is_rejected_and_its_page_lands(search: Search) -> None:
    def spoil(page: Any) -> Any:
        page["data"][0]["text"] = {"html": "09123456789"}
        page["data"][1]["id"] = "12a"
        page["includes"]["users"].append({"id": "9", "username": None})
        return page

    search.app.follow([Fault(SEARCH, edited(spoil), on={1})])
    reading = read(x(search.base_url, page_size=10), "mentions", ONE_DAY)
    assert len(reading.rows) == 43
    assert len(reading.rejected) == 3
    assert not any("0912" in record.reason + record.position for record in reading.rejected)
    search.note("x", "broken record", QUARANTINED)


def test_an_empty_day_after_a_full_one_loses_nothing(
    search: Search, settings: Settings, pg: psycopg.Connection
) -> None:
    """The full day stays; and a day that was empty by mistake is read again with the next."""
    search.app.follow([])

    def load(days: int) -> Landed:
        STORE.now = END + timedelta(days=days, hours=3)
        return night(settings, x(search.base_url), "mentions", days)

    first = STORE.posts
    assert load(0) == (45, 45, 0, 0)
    STORE.posts = []
    assert load(1) in EMPTY
    STORE.posts = [*first, post(1, END + MINUTE), post(2, END + timedelta(days=1) + MINUTE)]
    assert load(2) == (2, 2, 0, 0)
    assert pg.execute("select count(*) from raw.mentions where not _is_deleted").fetchone() == (47,)
    search.note("x", "empty day after a full one", NEXT_NIGHT)


def test_a_server_that_is_away_is_named(search: Search) -> None:
    with listen(0) as listener:
        away = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(SourceError, match="the connection failed"):
        read(x(away), "mentions", ONE_DAY)
    search.note("x", "server away", NAMED)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_named_at_once(search: Search, status: int) -> None:
    told = search.outcome("refused (400 to 404)", Fault(SEARCH, refused(status)))
    assert told.endswith(f"status {status}")
    assert len(search.app.requests) == 1


def test_a_wrong_token_is_named_without_quoting_it(search: Search) -> None:
    told = search.outcome("wrong credentials", token="a wrong token")
    assert told.endswith("status 401")
    assert "a wrong token" not in told


def test_a_redirect_is_not_followed_with_the_token(search: Search) -> None:
    told = search.outcome("redirect", Fault(SEARCH, redirect("/login")))
    assert told.endswith("status 302")
    assert not any("/login" in request for request in search.app.requests)


def test_a_wait_beyond_the_bound_ends_the_load(search: Search) -> None:
    sleeps = Sleeps()
    script = Fault(SEARCH, rate_limited("3600"), on={2})
    told = search.outcome("429 that asks for an hour", script, sleep=sleeps)
    assert "asks to wait 3600 s" in told
    assert sleeps == []


def test_text_that_is_no_unicode_costs_its_record_only(search: Search) -> None:
    def spoil(body: bytes) -> bytes:
        text = "سلام @pishkhan 44".encode()
        assert text in body
        return body.replace(text, b"\xff\xfe", 1)

    search.app.follow([Fault(SEARCH, rewritten(spoil), on={1})])
    reading = read(x(search.base_url, page_size=10), "mentions", ONE_DAY)
    assert (len(reading.rows), len(reading.rejected)) == (44, 1)
    assert b"\xff\xfe" in reading.rejected[0].raw
    search.note("x", "text that is no Unicode", QUARANTINED)
