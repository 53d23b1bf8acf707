"""Posts as rows, and tag timelines read forward by id from a real server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.http_servers import (
    ALL_HISTORY,
    END,
    ONE_DAY,
    START,
    TOKEN,
    MemorySocial,
    mastodon,
    post,
    read,
)

from moshtari.demo.faults import Faults
from moshtari.demo.serving import serving
from moshtari.demo.social import create_app
from moshtari.landing.contract import ENTITIES
from moshtari.sources.html_text import plain_text
from moshtari.sources.http import linked
from moshtari.sources.mastodon import MastodonConfig, first_id
from moshtari.sources.mastodon_records import (
    MENTION_COLUMNS,
    Status,
    handle,
    mention_row,
)
from moshtari.sources.registry import parse_config

STATUS = {
    "id": "109876543210000000",
    "created_at": "2026-03-19T20:30:00.123Z",
    "edited_at": None,
    "content": "<p>سلام</p>",
    "spoiler_text": "",
    "language": "fa",
    "url": "https://social.example/@ali/1",
    "uri": "https://social.example/users/ali/statuses/1",
    "in_reply_to_id": None,
    "favourites_count": 0,
    "reblogs_count": 2,
    "account": {"id": "5", "acct": "Ali@Fedi.Example", "display_name": "علی", "bot": False},
    "quote": {"state": "accepted"},
}


def row_of(brand: str | None = None, **changes: Any) -> dict[str, str | None]:
    status = msgspec.json.decode(msgspec.json.encode(STATUS | changes), type=Status)
    return dict(zip(MENTION_COLUMNS, mention_row(status, brand), strict=True))


def test_the_columns_are_the_contracts() -> None:
    assert ENTITIES["mentions"].mapping_problems(MENTION_COLUMNS) == []


def test_a_post_is_a_mention() -> None:
    assert row_of(edited_at="2026-03-20T05:00:00Z", in_reply_to_id="10") == {
        "mention_id": "109876543210000000",
        "network": "mastodon",
        "created_at": "2026-03-19T20:30:00.123000+00:00",
        "updated_at": "2026-03-20T05:00:00+00:00",
        "author_handle": "mastodon:ali@fedi.example",
        "author_name": "علی",
        "text": "سلام",
        "language": "fa",
        "url": "https://social.example/@ali/1",
        "reply_to_id": "10",
        "by_brand": "false",
        "likes": "0",
        "reposts": "2",
    }


def test_what_a_post_lacks_is_null() -> None:
    row = row_of(language=None, url=None, favourites_count=None, account={"acct": "x"})
    assert (row["language"], row["likes"], row["author_name"]) == (None, None, None)
    assert row["url"] == "https://social.example/users/ali/statuses/1"


@pytest.mark.parametrize(
    ("brand", "acct", "by_brand"),
    [
        ("mastodon:pishkhan", "Pishkhan", "true"),
        ("mastodon:pishkhan", "pishkhan@elsewhere.example", "false"),
        ("mastodon:pishkhan", "pishkhan2", "false"),
        (None, "pishkhan", "false"),
    ],
)
def test_the_brand_knows_its_own_posts(brand: str | None, acct: str, by_brand: str) -> None:
    assert row_of(brand, account={"acct": acct})["by_brand"] == by_brand


@pytest.mark.parametrize("written", ["mastodon:Pishkhan", "pishkhan", "@pishkhan", " @PISHKHAN "])
def test_a_handle_may_be_written_as_people_write_it(written: str) -> None:
    assert handle(written) == "mastodon:pishkhan"


def test_a_content_warning_is_part_of_the_text() -> None:
    assert row_of(spoiler_text="شکایت")["text"] == "شکایت\n\nسلام"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<p>یک</p><p>دو<br>سه<br />چهار</p>", "یک\n\nدو\nسه\nچهار"),
        ("<p>a &amp; b &lt;c&gt; &#39;d&#39; &zwnj;</p>", "a & b <c> 'd' \u200c"),
        (
            '<p>ببین <a href="https://x.example/t/پ">#<span>پیشخوان</span></a> را</p>',
            "ببین #پیشخوان را",
        ),
        (
            '<p><a><span class="invisible">https://</span><span class="ellipsis">x.example/a</span>'
            '<span class="invisible">bc</span></a></p>',
            "https://x.example/abc",
        ),
        ("<p>یک</p><script>alert(1)</script><style>p{}</style><p>دو</p>", "یک\n\nدو"),
        ("<ul><li>یک</li><li>دو</li></ul>", "یک\nدو"),
        ("بی‌پوشش", "بی‌پوشش"),
        ("<p>1 < 2 و باز", "1 < 2 و باز"),
        ("", ""),
    ],
)
def test_html_becomes_plain_text(content: str, text: str) -> None:
    assert plain_text(content) == text


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60))
def test_escaped_text_comes_back_as_it_was(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A carriage return and a NUL are no characters of HTML.
    assert plain_text(f"<p>{escaped}</p>") == text.strip("\n")


def test_ids_follow_the_time() -> None:
    at = datetime(2026, 3, 20, tzinfo=UTC)
    assert first_id(at) == 1_773_964_800_000 << 16
    assert first_id(at + timedelta(milliseconds=1)) == first_id(at) + 65536


@pytest.mark.parametrize(
    ("link", "min_id"),
    [
        ('<https://x/t?max_id=1>; rel="next", <https://x/t?limit=40&min_id=9>; rel="prev"', "9"),
        ('<https://x/t?max_id=1>; rel="next"', None),
        ('<https://x/t?limit=40>; rel="prev"', None),
        ("nonsense", None),
        (None, None),
    ],
)
def test_the_next_place_is_read_from_the_link_header(link: str | None, min_id: str | None) -> None:
    headers = httpx.Headers({} if link is None else {"Link": link})
    assert linked(headers, "prev", "min_id") == min_id


CONFIG = {"kind": "mastodon", "base_url": "https://social.example", "hashtags": ["#پیشخوان"]}


def test_a_configuration_is_made_by_the_registry() -> None:
    config = parse_config(CONFIG | {"brand_handle": "@Pishkhan", "token": "secret"})
    assert isinstance(config, MastodonConfig)
    assert config.hashtags == ("پیشخوان",)
    assert config.brand_handle == "mastodon:pishkhan"
    assert "secret" not in repr(config)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"hashtags": []}, "hashtags"),
        ({"hashtags": ["#"]}, "hashtags"),
        ({"hashtags": ["a/b"]}, "hashtags"),
        ({"hashtags": ["two words"]}, "hashtags"),
        ({"base_url": "http://social.example"}, "base_url"),
        ({"brand_handle": "mastodon:"}, "brand_handle"),
        ({"lookback_hours": -1}, "lookback_hours"),
        ({"hastags": ["x"]}, "hastags"),
    ],
)
def test_a_wrong_key_is_named(change: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as error:
        parse_config(CONFIG | change)
    assert {found["loc"][0] for found in error.value.errors()} == {key}


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[MemorySocial, str]]:
    """One server for the module's many examples; each puts rows of its own."""
    store = MemorySocial()
    with serving(create_app(store, token=TOKEN)) as base_url:
        yield store, base_url


@pytest.fixture
def network(shared: tuple[MemorySocial, str]) -> tuple[MemorySocial, str]:
    shared[0].rows = []
    return shared


def test_a_window_begins_with_its_start_and_ends_before_its_end(
    network: tuple[MemorySocial, str],
) -> None:
    store, base_url = network
    instant = timedelta(milliseconds=1)
    moments = [START - instant, START, END - instant, END]
    store.rows = [post(0, at) for at in moments]
    ids = [str(first_id(at)) for at in moments]
    assert set(read(mastodon(base_url), "mentions", ONE_DAY).by("mention_id")) == set(ids[1:3])
    assert set(read(mastodon(base_url), "mentions", ALL_HISTORY).by("mention_id")) == set(ids[:3])


def test_a_post_under_several_hashtags_is_one_row(network: tuple[MemorySocial, str]) -> None:
    store, base_url = network
    store.rows = [
        post(1, START, tags=["پیشخوان"]),
        post(2, START, tags=["پیشخوان", "خرید آنلاین"]),
        post(3, START, tags=["خرید"]),
    ]
    source = mastodon(base_url, hashtags=["پیشخوان", "خرید"])
    texts = {row["text"] for row in read(source, "mentions", ONE_DAY).rows}
    assert texts == {f"سلام #پیشخوان {number}" for number in (1, 2, 3)}


def test_reading_a_past_day_stops_behind_it(network: tuple[MemorySocial, str]) -> None:
    store, _ = network
    store.rows = [post(number, START + timedelta(minutes=18 * number)) for number in range(400)]
    app = Faults(create_app(store, token=TOKEN), [])
    with serving(app) as base_url:
        reading = read(mastodon(base_url), "mentions", ONE_DAY)
    assert len(reading.by("mention_id")) == 80
    assert len(app.requests) == 3


def test_mentions_of_the_account_are_read_too_and_once(network: tuple[MemorySocial, str]) -> None:
    store, base_url = network
    store.rows = [
        post(1, START, content="<p>@pishkhan کجایید؟</p>"),
        post(2, START + timedelta(hours=1), content="<p>@pishkhan ممنون</p>", tags=[]),
        post(3, START - timedelta(hours=1), content="<p>@pishkhan دیروز</p>", tags=[]),
        post(4, END, content="<p>@pishkhan فردا</p>", tags=[]),
    ]
    source = mastodon(base_url, notifications=True)
    texts = [row["text"] for row in read(source, "mentions", ONE_DAY).rows]
    assert texts == ["@pishkhan کجایید؟", "@pishkhan ممنون"]
    assert len(read(mastodon(base_url), "mentions", ONE_DAY).rows) == 1


def test_mentions_are_read_back_to_the_windows_start_only(
    network: tuple[MemorySocial, str],
) -> None:
    store, _ = network
    store.rows = [
        post(number, END - timedelta(minutes=36 * number + 1), content="@pishkhan", tags=[])
        for number in range(400)
    ]
    app = Faults(create_app(store, token=TOKEN), [])
    with serving(app) as base_url:
        reading = read(mastodon(base_url, notifications=True), "mentions", ONE_DAY)
        assert len(reading.by("mention_id")) == 40
        assert len(app.requests) == 4, "the empty timeline, why, the day's page and one before it"
        history = read(mastodon(base_url, notifications=True), "mentions", ALL_HISTORY)
    assert len(history.by("mention_id")) == 400


@given(
    offsets=st.lists(st.integers(-50, 300), max_size=130),
    extra=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_posts_are_the_same_however_they_fall_on_pages(
    shared: tuple[MemorySocial, str], offsets: list[int], extra: bool
) -> None:
    store, base_url = shared
    store.rows = [
        post(number, START + timedelta(milliseconds=at)) for number, at in enumerate(offsets)
    ]
    if extra:
        store.rows += [post(60000 + number, END + timedelta(hours=1)) for number in range(50)]
    wanted = {str(row["id"]) for row in store.rows if START <= row["created_at"] < END}
    reading = read(mastodon(base_url), "mentions", ONE_DAY)
    assert set(reading.by("mention_id")) == wanted
    assert not reading.rejected
