"""Posts as rows, and windows read from a server that refuses what X refuses."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.http_servers import ALL_HISTORY, DAY, END, ONE_DAY, START, TEHRAN, TOKEN, read, x
from tests.servers.x import SEARCH, MemoryX, create_app, first_id, post, user

from moshtari.demo.faults import Faults
from moshtari.demo.serving import serving
from moshtari.landing.contract import ENTITIES
from moshtari.sources.base import SourceError, Window
from moshtari.sources.registry import parse_config
from moshtari.sources.x import XConfig
from moshtari.sources.x_records import (
    MENTION_COLUMNS,
    Post,
    Problem,
    User,
    handle,
    mention_row,
    time_of,
)

POST = {
    "id": "2034890000000000001",
    "text": "سلام",
    "created_at": "2026-03-20T05:00:00.000Z",
    "author_id": "5",
    "lang": "fa",
    "public_metrics": {"retweet_count": 2, "like_count": 0, "quote_count": 9},
    "edit_history_tweet_ids": ["2034890000000000001"],
}
ALI = User("5", "Ali_R", "علی")
NOW = END + timedelta(hours=3)


def row_of(
    author: User | None = ALI, brand: str | None = None, **changes: Any
) -> dict[str, str | None]:
    found = {key: value for key, value in (POST | changes).items() if value is not None}
    decoded = msgspec.json.decode(msgspec.json.encode(found), type=Post)
    return dict(zip(MENTION_COLUMNS, mention_row(decoded, author, brand), strict=True))


def test_the_columns_are_the_contracts() -> None:
    assert ENTITIES["mentions"].mapping_problems(MENTION_COLUMNS) == []


def test_a_post_is_a_mention() -> None:
    replied = [{"type": "quoted", "id": "8"}, {"type": "replied_to", "id": "9"}]
    assert row_of(referenced_tweets=replied) == {
        "mention_id": "2034890000000000001",
        "network": "x",
        "created_at": "2026-03-20T05:00:00+00:00",
        "updated_at": None,
        "author_handle": "x:ali_r",
        "author_name": "علی",
        "text": "سلام",
        "language": "fa",
        "url": "https://x.com/Ali_R/status/2034890000000000001",
        "reply_to_id": "9",
        "by_brand": "false",
        "likes": "0",
        "reposts": "2",
    }


def test_a_post_without_its_author_lands_without_one() -> None:
    row = row_of(author=None, brand="x:ali_r")
    assert (row["author_handle"], row["author_name"], row["by_brand"]) == (None, None, "false")
    assert row["url"] == "https://x.com/i/status/2034890000000000001"


def test_what_a_post_lacks_is_null() -> None:
    row = row_of(lang=None, public_metrics=None, edit_history_tweet_ids=None, created_at=None)
    assert (row["language"], row["likes"], row["reposts"]) == (None, None, None)
    # Its id holds the time, to the millisecond.
    assert row["created_at"] == time_of(str(POST["id"])).isoformat()


def test_an_edited_post_keeps_the_key_and_time_of_its_first_version() -> None:
    written, edited = datetime(2026, 3, 20, 5, tzinfo=UTC), "2026-03-20T05:20:00.000Z"
    first, second = str(first_id(written)), str(first_id(written + timedelta(minutes=20)))
    row = row_of(id=second, created_at=edited, edit_history_tweet_ids=[first, second])
    assert row["mention_id"] == first
    assert row["created_at"] == "2026-03-20T05:00:00+00:00"
    assert row["updated_at"] == "2026-03-20T05:20:00+00:00"
    assert row["url"] == f"https://x.com/Ali_R/status/{second}"


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("1 &lt; 2 &amp; 3 &gt; 2", "1 < 2 & 3 > 2"),
        ("he typed &amp;lt; and &amp;amp;", "he typed &lt; and &amp;"),
        ("شکایت 😡🏽‍♂️ دارم\n\u200fبی‌جواب", "شکایت 😡🏽‍♂️ دارم\n\u200fبی‌جواب"),
        ("&quot; &copy;", "&quot; &copy;"),
        ("", ""),
    ],
)
def test_text_is_as_it_was_typed(sent: str, text: str) -> None:
    assert row_of(text=sent)["text"] == text


def test_a_long_post_is_whole() -> None:
    long = "الف" * 300 + " &amp; تمام"
    row = row_of(text="الف…", note_tweet={"text": long, "entities": {}})
    assert row["text"] == "الف" * 300 + " & تمام"


@pytest.mark.parametrize(
    ("brand", "username", "by_brand"),
    [
        ("x:pishkhan", "Pishkhan", "true"),
        ("x:pishkhan", "pishkhan2", "false"),
        (None, "pishkhan", "false"),
    ],
)
def test_the_brand_knows_its_own_posts(brand: str | None, username: str, by_brand: str) -> None:
    assert row_of(User("1", username), brand)["by_brand"] == by_brand


@pytest.mark.parametrize("written", ["x:Pishkhan", "pishkhan", "@pishkhan", " @PISHKHAN "])
def test_a_handle_may_be_written_as_people_write_it(written: str) -> None:
    assert handle(written) == "x:pishkhan"


def test_ids_hold_the_time() -> None:
    # The id that X's documentation of its ids takes apart.
    assert time_of("1541815603606036480") == datetime(2022, 6, 28, 16, 7, 40, 105_000, tzinfo=UTC)


@given(st.integers(0, 50 * 365 * 86_400_000))
def test_the_time_of_an_id_is_the_one_it_was_made_of(milliseconds: int) -> None:
    at = datetime(2011, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    assert time_of(str(first_id(at))) == at


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        ("https://api.twitter.com/2/problems/resource-not-found", "resource-not-found"),
        ("about:blank", "aboutblank"),
        ("", "unnamed"),
        ("https://x/09123456789", "unnamed"),
    ],
)
def test_a_problem_is_named_without_telling_of_anybody(type_: str, name: str) -> None:
    assert Problem(type_).name == name


CONFIG = {"kind": "x", "token": "secret", "query": ' (@pishkhan OR "پیشخوان") -is:retweet '}


def test_a_configuration_is_made_by_the_registry() -> None:
    config = parse_config(CONFIG | {"brand_handle": "@Pishkhan"})
    assert isinstance(config, XConfig)
    assert config.query == '(@pishkhan OR "پیشخوان") -is:retweet'
    assert (config.base_url, config.brand_handle) == ("https://api.x.com", "x:pishkhan")
    assert config.http.longest_wait_seconds > 15 * 60
    assert "secret" not in repr(config)


def test_patience_set_in_part_still_waits_out_a_limit() -> None:
    config = parse_config(CONFIG | {"http": {"tries": 3}})
    assert isinstance(config, XConfig)
    assert config.http.longest_wait_seconds > 15 * 60


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"token": ""}, "token"),
        ({"query": ""}, "query"),
        ({"query": "x" * 4097}, "query"),
        ({"page_size": 9}, "page_size"),
        ({"page_size": 101}, "page_size"),
        ({"base_url": "http://api.x.com"}, "base_url"),
        ({"brand_handle": "x:"}, "brand_handle"),
        ({"lookback_hours": 150}, "lookback_hours"),
        ({"begins": "soon"}, "begins"),
        ({"hashtags": ["x"]}, "hashtags"),
    ],
)
def test_a_wrong_key_is_named(change: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as error:
        parse_config(CONFIG | change)
    assert {found["loc"][0] for found in error.value.errors()} == {key}


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[MemoryX, Faults, str]]:
    """One server for the module's many examples; each puts posts of its own."""
    store = MemoryX(NOW)
    app = Faults(create_app(store, token=TOKEN))
    with serving(app) as base_url:
        yield store, app, base_url


@pytest.fixture
def network(shared: tuple[MemoryX, Faults, str]) -> tuple[MemoryX, str]:
    store, app, base_url = shared
    store.now, store.posts, store.users = NOW, [], [user()]
    app.follow([])
    return store, base_url


def test_a_window_begins_with_its_start_and_ends_before_its_end(
    network: tuple[MemoryX, str],
) -> None:
    store, base_url = network
    instant = timedelta(milliseconds=1)
    moments = [START - instant, START, END - instant, END]
    store.posts = [post(0, at) for at in moments]
    ids = [row["id"] for row in store.posts]
    assert set(read(x(base_url), "mentions", ONE_DAY).by("mention_id")) == set(ids[1:3])
    assert set(read(x(base_url), "mentions", ALL_HISTORY).by("mention_id")) == set(ids[:3])


def test_a_first_load_begins_where_the_search_begins_and_says_so(
    network: tuple[MemoryX, str], caplog: pytest.LogCaptureFixture
) -> None:
    store, base_url = network
    store.posts = [post(0, NOW - timedelta(days=days)) for days in range(1, 12)]
    with caplog.at_level(logging.WARNING):
        reading = read(x(base_url), "mentions", ALL_HISTORY)
    assert len(reading.rows) == 7
    assert "seven days ago" in caplog.text


def test_three_missed_nights_are_caught_up(network: tuple[MemoryX, str]) -> None:
    store, base_url = network
    store.posts = [post(hour, END - timedelta(hours=hour)) for hour in range(1, 100)]
    missed = Window(DAY, START - timedelta(days=3, hours=1), END, TEHRAN)
    assert len(read(x(base_url), "mentions", missed).rows) == 97


def test_a_window_that_x_has_forgotten_is_named_and_never_cut_short(
    network: tuple[MemoryX, str],
) -> None:
    store, base_url = network
    store.posts = [post(0, START)]
    forgotten = Window(DAY, END - timedelta(days=8), END, TEHRAN)
    with pytest.raises(SourceError, match="status 400") as error:
        read(x(base_url), "mentions", forgotten)
    assert "what is older cannot be had" in error.value.remedy
    assert "2026-03-12T20:30:00Z to 2026-03-20T20:30:00Z" in error.value.remedy
    assert "begins" in error.value.remedy
    # And the remedy helps.
    source = x(base_url, begins=DAY - timedelta(days=5))
    assert len(read(source, "mentions", forgotten).rows) == 1


def test_a_day_that_is_not_over_is_named(network: tuple[MemoryX, str]) -> None:
    store, base_url = network
    store.now = END + timedelta(seconds=9)
    with pytest.raises(SourceError, match="status 400") as error:
        read(x(base_url), "mentions", ONE_DAY)
    assert "load a day that is over" in error.value.remedy


def test_a_day_before_begins_is_named(network: tuple[MemoryX, str]) -> None:
    with pytest.raises(SourceError, match="lies before `begins`"):
        read(x(network[1], begins=DAY + timedelta(days=1)), "mentions", ONE_DAY)


def test_days_found_empty_are_read_again_as_far_as_x_remembers(
    network: tuple[MemoryX, str],
) -> None:
    """A brand that nobody names for weeks must not stop its own loads."""
    store, base_url = network
    store.posts = [post(0, END - timedelta(days=days, hours=-1)) for days in (1, 3, 4)]
    quiet = Window(DAY, END - timedelta(days=30), END, TEHRAN, needed_from=START)
    assert len(read(x(base_url), "mentions", quiet).rows) == 2
    # Days that were never read are not skipped for that.
    missed = Window(DAY, END - timedelta(days=30), END, TEHRAN, END - timedelta(days=5))
    assert len(read(x(base_url), "mentions", missed).rows) == 3
    lost = Window(DAY, END - timedelta(days=30), END, TEHRAN, END - timedelta(days=9))
    with pytest.raises(SourceError, match="status 400"):
        read(x(base_url), "mentions", lost)


def test_no_more_is_asked_for_than_the_window_says(
    shared: tuple[MemoryX, Faults, str], network: tuple[MemoryX, str]
) -> None:
    hour = timedelta(hours=1)
    read(x(network[1]), "mentions", Window(DAY, START - hour, END, TEHRAN, START - hour))
    (request,) = shared[1].requests
    assert "start_time=2026-03-19T19%3A30%3A00Z" in request
    assert "end_time=2026-03-20T20%3A30%3A00Z" in request


def test_an_author_whom_x_no_longer_shows_costs_no_post(network: tuple[MemoryX, str]) -> None:
    store, base_url = network
    store.posts = [post(1, START), post(2, START, author_id="6"), post(3, START, author_id="7")]
    store.users.append(user("7", "pishkhan", "پیشخوان"))
    source = x(base_url, brand_handle="pishkhan")
    rows = read(source, "mentions", ONE_DAY).rows
    assert {(row["author_handle"], row["by_brand"]) for row in rows} == {
        ("x:ali_r", "false"),
        (None, "false"),
        ("x:pishkhan", "true"),
    }


def test_reposts_are_left_out_when_the_query_says_so(network: tuple[MemoryX, str]) -> None:
    store, base_url = network
    repost = [{"type": "retweeted", "id": "1"}]
    store.posts = [post(1, START), post(2, START, referenced_tweets=repost)]
    assert len(read(x(base_url), "mentions", ONE_DAY).rows) == 1
    assert len(read(x(base_url, query="@pishkhan"), "mentions", ONE_DAY).rows) == 2


def test_both_versions_of_an_edited_post_are_one_row(network: tuple[MemoryX, str]) -> None:
    store, base_url = network
    first = post(1, START)
    second = post(1, START + timedelta(minutes=9), text="@pishkhan ببخشید")
    second["edit_history_tweet_ids"] = [first["id"], second["id"]]
    store.posts = [first, second]
    (row,) = read(x(base_url), "mentions", ONE_DAY).rows
    assert (row["mention_id"], row["text"]) == (first["id"], "@pishkhan ببخشید")


@given(offsets=st.lists(st.integers(-50, 300), max_size=60), size=st.sampled_from([10, 11, 100]))
@settings(max_examples=40, deadline=None)
def test_posts_are_the_same_however_they_fall_on_pages(
    shared: tuple[MemoryX, Faults, str], offsets: list[int], size: int
) -> None:
    store, app, base_url = shared
    store.now, store.users = NOW, [user()]
    app.follow([])
    store.posts = [
        post(number, START + timedelta(milliseconds=at)) for number, at in enumerate(offsets)
    ]
    wanted = {row["id"] for row in store.posts if START <= row["created_at"] < END}
    reading = read(x(base_url, page_size=size), "mentions", ONE_DAY)
    assert set(reading.by("mention_id")) == wanted
    assert not reading.rejected


@pytest.mark.parametrize(
    ("posts", "ok", "detail"),
    [(True, True, "7 days"), (False, True, "no post of the last 7 days")],
)
def test_the_doctor_says_what_the_search_finds(
    network: tuple[MemoryX, str], posts: bool, ok: bool, detail: str
) -> None:
    store, base_url = network
    store.posts = [post(1, START)] if posts else []
    (result,) = x(base_url).check()
    assert (result.ok, detail in result.detail) == (ok, True)


def test_the_doctor_names_a_wrong_token(network: tuple[MemoryX, str]) -> None:
    (result,) = x(network[1], token="a wrong token").check()
    assert not result.ok
    assert "status 401" in result.detail
    assert "bearer token" in result.remedy


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"query": "x" * 513},
        {"query": "x", "max_results": 9},
        {"query": "x", "max_results": 101},
        {"query": "x", "start_time": "2026-03-20"},
        {"query": "x", "start_time": "2026-03-01T00:00:00Z"},
        {"query": "x", "end_time": "2027-03-01T00:00:00Z"},
        {"query": "x", "since_id": "1"},
        {"query": "x", "since_id": "9", "start_time": "2026-03-20T00:00:00Z"},
        {"query": "x", "next_token": "none of ours"},
        {"query": "x", "limit": 3},
    ],
)
def test_the_server_refuses_what_x_refuses(network: tuple[MemoryX, str], query: Any) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = httpx.get(f"{network[1]}{SEARCH}", params=query, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["title"] == "Invalid Request"


def test_fields_come_only_when_they_are_asked_for(network: tuple[MemoryX, str]) -> None:
    store, base_url = network
    store.posts = [post(1, START)]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = httpx.get(f"{base_url}{SEARCH}", params={"query": "@pishkhan"}, headers=headers)
    (found,) = answer.json()["data"]
    assert set(found) == {"id", "text", "edit_history_tweet_ids"}
    assert "includes" not in answer.json()


def test_begins_may_be_today(network: tuple[MemoryX, str]) -> None:
    store, base_url = network
    store.posts = [post(1, START - timedelta(hours=1)), post(2, START)]
    window = Window(DAY, START - timedelta(days=1), END, TEHRAN)
    source = x(base_url, begins=date(2026, 3, 20))
    assert len(read(source, "mentions", window).rows) == 1
