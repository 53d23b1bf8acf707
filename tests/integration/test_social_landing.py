"""X and Telegram through a deployment's YAML into PostgreSQL, night after night."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from tests.exports import CHAT, account, chat, message, service, write
from tests.http_servers import DAY, END, START, TOKEN
from tests.servers.x import MemoryX, create_app, post, user

from moshtari.demo.serving import serving
from moshtari.landing.errors import ExtractError
from moshtari.landing.extract import extract
from moshtari.settings import Settings, load_deployment

HOUR = timedelta(hours=1)
Counts = tuple[int, int, int, int]


class Deployment:
    """One source in a deployment of its own."""

    def __init__(self, folder: Path, settings: Settings, **source: Any) -> None:
        self._settings, self._file = settings, folder / "moshtari.yml"
        document = {"name": "voices", "sources": {"voices": source}}
        self._file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")

    def night(self, days: int = 0) -> Counts:
        day = DAY + timedelta(days=days)
        deployment = load_deployment(self._file)
        (summary,) = extract(self._settings, deployment, "voices", "mentions", day)
        return summary.read, summary.landed, summary.unchanged, summary.quarantined


def mentions(pg: psycopg.Connection, columns: str) -> list[tuple[Any, ...]]:
    query = f"select {columns} from raw.mentions order by mention_id, _load_id"
    return pg.execute(query.encode()).fetchall()


@pytest.fixture
def network() -> Iterator[tuple[MemoryX, str]]:
    store = MemoryX(END + 3 * HOUR)
    with serving(create_app(store, token=TOKEN)) as base_url:
        yield store, base_url


def x(folder: Path, settings: Settings, base_url: str) -> Deployment:
    return Deployment(
        folder,
        settings,
        kind="x",
        base_url=base_url,
        token=TOKEN,
        query="@pishkhan",
        brand_handle="x:pishkhan",
    )


def test_x_lands_once_and_goes_on_from_there(
    network: tuple[MemoryX, str], tmp_path: Path, settings: Settings, pg: psycopg.Connection
) -> None:
    store, base_url = network
    store.users = [user(), user("6", "Pishkhan", "پیشخوان")]
    store.posts = [
        post(1, START, text="@pishkhan 1 &lt; 2 😡"),
        post(2, START + HOUR, author_id="6"),
        post(3, START + 2 * HOUR, author_id="gone"),
        *(post(10 + number, START - number * HOUR) for number in range(1, 140)),
    ]
    voices = x(tmp_path, settings, base_url)
    assert voices.night() == (142, 142, 0, 0)
    assert voices.night() == (142, 0, 142, 0)
    rows = mentions(pg, "text, author_handle, by_brand, created_at = _changed_at")
    assert ("@pishkhan 1 < 2 😡", "x:ali_r", False, True) in rows
    assert ("سلام @pishkhan 2", "x:pishkhan", True, True) in rows
    assert ("سلام @pishkhan 3", None, False, True) in rows


def test_an_edited_post_of_x_is_a_version_of_its_mention(
    network: tuple[MemoryX, str], tmp_path: Path, settings: Settings, pg: psycopg.Connection
) -> None:
    store, base_url = network
    written = post(1, END - HOUR / 6)
    store.posts = [written]
    voices = x(tmp_path, settings, base_url)
    assert voices.night() == (1, 1, 0, 0)
    edit = post(1, END + HOUR / 6, text="@pishkhan درست شد")
    edit["edit_history_tweet_ids"] = [written["id"], edit["id"]]
    store.posts, store.now = [edit], store.now + timedelta(days=1)
    assert voices.night(1) == (1, 1, 0, 0)
    assert mentions(pg, "mention_id, text") == [
        (written["id"], "سلام @pishkhan 1"),
        (written["id"], "@pishkhan درست شد"),
    ]


def test_three_missed_nights_of_x_are_caught_up_and_eight_are_named(
    network: tuple[MemoryX, str], tmp_path: Path, settings: Settings, pg: psycopg.Connection
) -> None:
    store, base_url = network
    day = timedelta(days=1)
    store.posts = [post(number, START + number * day + HOUR) for number in range(14)]
    voices = x(tmp_path, settings, base_url)
    assert voices.night() == (1, 1, 0, 0)
    store.now = END + 4 * day + 3 * HOUR
    assert voices.night(4) == (4, 4, 0, 0)
    store.now = END + 12 * day + 3 * HOUR
    with pytest.raises(ExtractError, match="what is older cannot be had"):
        voices.night(12)
    assert len(mentions(pg, "mention_id")) == 5


def test_a_brand_that_nobody_names_for_weeks_does_not_stop_its_own_loads(
    network: tuple[MemoryX, str], tmp_path: Path, settings: Settings, pg: psycopg.Connection
) -> None:
    """Empty days are asked for again with the next, but no further back than X remembers."""
    store, base_url = network
    day = timedelta(days=1)
    store.posts = [post(1, START), post(2, START + 14 * day)]
    voices = x(tmp_path, settings, base_url)
    for number in range(15):
        store.now = END + number * day + 3 * HOUR
        assert voices.night(number) == ((1, 1, 0, 0) if number in (0, 14) else (0, 0, 0, 0))


def test_telegram_lands_once_and_an_export_made_again_brings_what_is_new(
    tmp_path: Path, settings: Settings, pg: psycopg.Connection
) -> None:
    first = [message(key, text=["پیام ", {"type": "bold", "text": "😡"}]) for key in range(1, 31)]
    personal = chat(message(1), type="personal_chat", id=9)
    write(tmp_path / "exports/a/result.json", account(chat(service(99), *first), personal))
    voices = Deployment(tmp_path, settings, kind="telegram", path="exports", brand_ids=["user7"])
    assert voices.night() == (30, 30, 0, 0)
    assert voices.night() == (0, 0, 0, 0), "a file is read once"
    again = [*first, message(31, from_id="user7")]
    write(tmp_path / "exports/b/result.json", chat(*again))
    assert voices.night(1) == (31, 1, 30, 0)
    rows = mentions(pg, "mention_id, text, author_handle, by_brand, network")
    assert len(rows) == 31
    key = f"channel{CHAT}/31"
    assert (key, "پیام 31", "telegram:user7", True, "telegram") in rows
    assert {row[1] for row in rows} == {"پیام 😡", "پیام 31"}
    details = [
        row[0] for row in pg.execute("select details from ops.loads where origin like '%a/%'")
    ]
    assert details[0]["excluded"] == {"service_messages": 1, "personal_chats": 1}
