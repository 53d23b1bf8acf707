"""Mastodon against the public mock, `mastodon_mock`, which others test their clients with.

It speaks the three endpoints that are read here: hashtag timelines with their Link header,
notifications, and what the server says of itself. Where it differs from Mastodon:

- Its ids are counted up and hold no time, so no day can be found by them. The first test shows
  that this is told; the others give the mock ids as Mastodon makes them.
- What is posted is posted now: a day in the past cannot be put there.
- Its timelines are open to everybody, and nothing switches them off: its own faults answer so.
- A hashtag in other letters than Latin ends in its own status 500: they do not fit its header.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from mastodon_mock.testing.server import MockServer
from tests.http_servers import DAY, TEHRAN, Sleeps, mastodon, read

from moshtari.landing.contract import ENTITIES
from moshtari.landing.extract import extract_entity
from moshtari.landing.load import Load
from moshtari.settings import Settings
from moshtari.sources.base import SourceError, Window
from moshtari.sources.mastodon import MastodonSource, first_id

TIMELINE = "/api/v1/timelines/tag/pishkhan"
HOUR = timedelta(hours=1)
# One for all: making one anew for each request takes longer than the request.
HTTP = httpx.Client(trust_env=False)


def snowflakes() -> Iterator[int]:
    """Ids as Mastodon makes them: the milliseconds, shifted by 16 bits."""
    last = 0
    while True:
        last = max(last + 1, first_id(datetime.now(UTC)))
        yield last


@pytest.fixture(params=["snowflakes"])
def network(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MockServer]:
    ids = snowflakes() if request.param == "snowflakes" else itertools.count(1_700_000_000_000)
    monkeypatch.setattr("mastodon_mock.ids._counter", ids)
    with MockServer() as server:
        yield server


def say(network: MockServer, text: str, who: str = "alice", **more: Any) -> str:
    answer = HTTP.post(
        f"{network.base_url}/api/v1/statuses",
        json={"status": text, **more},
        headers={"Authorization": f"Bearer {who}_token"},
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


@contextmanager
def fault(network: MockServer, path: str, effect: str, **more: Any) -> Iterator[None]:
    """One of the mock's own faults, by its control plane; `count` is how often it strikes."""
    control = f"{network.base_url}/api/v1/_mock/faults"
    count = more.pop("count", None)
    rule = {"match": {"path": path}, "effect": {"type": effect, **more}, "count": count}
    made = HTTP.post(control, json=rule)
    assert made.is_success, made.text
    try:
        yield
    finally:
        HTTP.delete(f"{control}/{made.json()['id']}")


def source(network: MockServer, **config: Any) -> MastodonSource:
    defaults: dict[str, Any] = {"hashtags": ["pishkhan"], "token": "bob_token"}
    return mastodon(network.base_url, **defaults | config)


def now(*, first_load: bool = False) -> Window:
    at = datetime.now(UTC)
    return Window(DAY, None if first_load else at - HOUR, at + HOUR, TEHRAN)


@pytest.mark.parametrize("network", ["as the mock counts"], indirect=True)
def test_the_mocks_own_ids_are_no_snowflakes_and_are_named(network: MockServer) -> None:
    say(network, "#pishkhan one")
    with pytest.raises(SourceError, match="no snowflakes"):
        read(source(network), "mentions", now(first_load=True))
    (result,) = source(network).check()
    assert not result.ok
    assert "no snowflakes" in result.detail


def test_every_post_of_a_hashtag_is_read(network: MockServer) -> None:
    wanted = {say(network, f"#pishkhan number {number} &amp; <b>") for number in range(95)}
    say(network, "#other")
    for window in (now(), now(first_load=True)):
        reading = read(source(network), "mentions", window)
        rows = reading.by("mention_id")
        assert set(rows) == wanted
        assert not reading.rejected
        assert {row["author_handle"] for row in rows.values()} == {"mastodon:alice"}
        assert all("<p>" not in str(row["text"]) for row in rows.values())


def test_edits_replies_and_likes_are_seen(network: MockServer) -> None:
    first = say(network, "#pishkhan کجایید؟", spoiler_text="شکایت", language="fa")
    answer = say(network, "#pishkhan اینجا", "bob", in_reply_to_id=first)
    headers = {"Authorization": "Bearer carol_token"}
    liked = HTTP.post(f"{network.base_url}/api/v1/statuses/{first}/favourite", headers=headers)
    assert liked.status_code == 200
    rows = read(source(network, brand_handle="bob"), "mentions", now()).by("mention_id")
    assert rows[first]["text"] == "شکایت\n\n#pishkhan کجایید؟"
    assert (rows[first]["likes"], rows[first]["by_brand"]) == ("1", "false")
    assert (rows[answer]["reply_to_id"], rows[answer]["by_brand"]) == (first, "true")


def test_posts_that_mention_the_account_are_read(network: MockServer) -> None:
    tagged = say(network, "#pishkhan @bob hello")
    named = say(network, "@bob where is my order?")
    rows = read(source(network, notifications=True), "mentions", now()).by("mention_id")
    assert set(rows) == {tagged, named}


def test_a_deleted_post_is_gone(network: MockServer) -> None:
    kept, gone = say(network, "#pishkhan one"), say(network, "#pishkhan two")
    headers = {"Authorization": "Bearer alice_token"}
    assert HTTP.delete(f"{network.base_url}/api/v1/statuses/{gone}", headers=headers).is_success
    assert set(read(source(network), "mentions", now()).by("mention_id")) == {kept}


@pytest.mark.parametrize("status", [401, 403, 422])
def test_a_timeline_closed_to_strangers_is_named(network: MockServer, status: int) -> None:
    say(network, "#pishkhan one")
    with fault(network, TIMELINE, "status", status=status):
        with pytest.raises(SourceError, match=f"status {status}"):
            read(source(network, token=None), "mentions", now())
        (result,) = source(network, token=None).check()
    assert not result.ok
    assert "scope `read`" in result.remedy


def test_a_timeline_that_is_switched_off_is_empty_and_told(network: MockServer) -> None:
    instance = HTTP.get(f"{network.base_url}/api/v2/instance").json()
    access = {"hashtag_feeds": {"local": "disabled", "remote": "disabled"}}
    instance["configuration"]["timelines_access"] = access
    say(network, "#pishkhan one")
    with (
        fault(network, TIMELINE, "status", status=200, body=[]),
        fault(network, "/api/v2/instance", "status", status=200, body=instance),
    ):
        with pytest.raises(SourceError, match="switched hashtag timelines off"):
            read(source(network), "mentions", now())
        (result,) = source(network).check()
        assert not result.ok
    assert len(read(source(network), "mentions", now()).rows) == 1


def test_a_quiet_hashtag_is_no_error(network: MockServer) -> None:
    assert read(source(network), "mentions", now()).rows == []
    (result,) = source(network).check()
    assert result.ok


def test_the_mocks_own_faults_pass(network: MockServer) -> None:
    wanted = {say(network, f"#pishkhan number {number}") for number in range(50)}
    sleeps = Sleeps()
    with (
        fault(network, TIMELINE, "status", status=503, count=2),
        fault(network, TIMELINE, "malformed", count=1),
        fault(network, TIMELINE, "ratelimit", headers={"Retry-After": "9"}, count=1),
    ):
        reading = read(source(network, sleep=sleeps, http={"tries": 6}), "mentions", now())
    assert set(reading.by("mention_id")) == wanted
    assert len(sleeps) == 4
    assert 9 in sleeps


def test_a_second_load_finds_everything_there(
    network: MockServer, settings: Settings, pg: psycopg.Connection
) -> None:
    for number in range(45):
        say(network, f"#pishkhan number {number}")
    tomorrow = datetime.now(TEHRAN).date() + timedelta(days=1)

    def load() -> tuple[int, int, int, int]:
        given = Load("social", ENTITIES["mentions"], tomorrow, TEHRAN, 24)
        summary = extract_entity(settings, source(network), given)
        return summary.read, summary.landed, summary.unchanged, summary.quarantined

    assert load() == (45, 45, 0, 0)
    assert load() == (45, 0, 45, 0)
    assert pg.execute("select count(*) from raw.mentions").fetchone() == (45,)
