"""Telegram's exports when they are broken: every fault ends in all rows, or is named.

An export is a file, so what goes wrong is the file's: cut off, rewritten while it is read, made
again. Through landing, where a changed file replaces its own rows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.exports import CHAT, chat, message, service, write
from tests.faults.matrix import (
    ALL_ROWS,
    NAMED,
    QUARANTINED,
    Content,
    Note,
    contents,
    night,
    outcome,
)
from tests.http_servers import CONTEXT, ONE_DAY, read

from moshtari.settings import Settings
from moshtari.sources.base import SourceContext
from moshtari.sources.telegram import TelegramConfig, TelegramSource

MESSAGES = [message(key) for key in range(1, 21)]
KEY = f"channel{CHAT}"


def telegram(folder: Path, path: str = ".") -> TelegramSource:
    config = TelegramConfig(kind="telegram", path=path)
    context = SourceContext(CONTEXT.timezone, CONTEXT.base_currency, folder)
    return TelegramSource("chat", config, context)


def found(folder: Path) -> Content:
    return contents(read(telegram(folder), "mentions", ONE_DAY))


def visible(pg: psycopg.Connection) -> set[str]:
    rows = pg.execute(
        """
        select _key
        from (
            select distinct on (_key) _key, _is_deleted
            from raw.mentions
            order by _key, _changed_at desc nulls last, _load_id desc
        ) as latest
        where not _is_deleted
        """
    ).fetchall()
    return {row[0] for row in rows}


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.999])
def test_an_export_that_ends_too_early_is_named(tmp_path: Path, note: Note, share: float) -> None:
    whole = write(tmp_path / "result.json", chat(*MESSAGES)).read_bytes()
    expected = found(tmp_path)
    write(tmp_path / "result.json", whole[: int(len(whole) * share)])
    told = outcome(note, "telegram", "cut off", lambda: found(tmp_path), expected)
    assert told.startswith(NAMED)
    assert "truncated" in told


def test_an_export_cut_behind_a_brace_is_named(tmp_path: Path, note: Note) -> None:
    whole = write(tmp_path / "result.json", chat(*MESSAGES)).read_bytes()
    expected = found(tmp_path)
    write(tmp_path / "result.json", whole[: whole.index(b"}", len(whole) // 2) + 1])
    fault = "cut off behind a brace"
    told = outcome(note, "telegram", fault, lambda: found(tmp_path), expected)
    assert told.startswith(NAMED)


@pytest.mark.parametrize(
    ("fault", "content"),
    [
        ("another format", b"<!doctype html><title>Exported Data</title>"),
        ("JSON of another type", b'"maintenance"'),
        ("0 bytes", b""),
    ],
)
def test_another_file_in_its_place_is_named(
    tmp_path: Path, note: Note, fault: str, content: bytes
) -> None:
    write(tmp_path / "result.json", content)
    told = outcome(note, "telegram", fault, lambda: found(tmp_path), [])
    assert told.startswith(NAMED)


def test_an_export_rewritten_while_it_is_read_is_named(tmp_path: Path, note: Note) -> None:
    path = write(tmp_path / "result.json", chat(*MESSAGES))
    expected = found(tmp_path)
    source = telegram(tmp_path)
    (origin,) = source.origins("mentions", ONE_DAY)
    write(path, chat(*MESSAGES[:5]))

    def attempt() -> Content:
        list(source.read_origin("mentions", origin, ONE_DAY))
        return []

    told = outcome(note, "telegram", "replaced while it is read", attempt, expected)
    assert "has changed while it was being read" in told


def test_a_broken_export_leaves_the_others_landed_and_the_day_open(
    tmp_path: Path, settings: Settings, pg: psycopg.Connection, note: Note
) -> None:
    write(tmp_path / "a" / "result.json", chat(*MESSAGES[:10]))
    broken = write(tmp_path / "b" / "result.json", b'{"name": "x", "messages": [')
    assert night(settings, telegram(tmp_path), "mentions") is None
    assert len(visible(pg)) == 10
    write(broken, chat(*MESSAGES[10:]))
    assert night(settings, telegram(tmp_path), "mentions") == (10, 10, 0, 0)
    assert len(visible(pg)) == 20
    note("telegram", "one file of several broken", "the others land; named until mended")


def test_an_export_made_again_lands_what_is_new(
    tmp_path: Path, settings: Settings, pg: psycopg.Connection, note: Note
) -> None:
    path = tmp_path / "result.json"
    write(path, chat(*MESSAGES))
    assert night(settings, telegram(tmp_path), "mentions") == (20, 20, 0, 0)
    assert night(settings, telegram(tmp_path), "mentions") == (0, 0, 0, 0)
    edited = message(3, text="ویراست", edited_unixtime="1773990000")
    write(path, chat(MESSAGES[0], edited, *MESSAGES[3:], message(21), service(22)))
    assert night(settings, telegram(tmp_path), "mentions", 1) == (20, 2, 18, 0)
    # The second message was deleted in Telegram: it got a tombstone.
    assert visible(pg) == {f"{KEY}/{key}" for key in (1, *range(3, 22))}
    row = pg.execute("select details from ops.loads where origin is not null order by load_id desc")
    details: dict[str, Any] = row.fetchone()[0]  # type: ignore[index]
    assert details["excluded"] == {"service_messages": 1}
    assert details["tombstones"] == 1
    note("telegram", "made again", "all rows; what changed or went is seen")


def test_exports_that_overlap_are_one_row_a_message(
    tmp_path: Path, settings: Settings, pg: psycopg.Connection, note: Note
) -> None:
    write(tmp_path / "2026-03-20" / "result.json", chat(*MESSAGES[:15]))
    write(tmp_path / "2026-03-21" / "result.json", chat(*MESSAGES))
    assert night(settings, telegram(tmp_path), "mentions") == (35, 20, 15, 0)
    assert len(visible(pg)) == 20
    note("telegram", "two files with the same rows", ALL_ROWS)


def test_an_empty_export_after_a_full_one_takes_nothing(
    tmp_path: Path, settings: Settings, pg: psycopg.Connection, note: Note
) -> None:
    path = write(tmp_path / "result.json", chat(*MESSAGES))
    assert night(settings, telegram(tmp_path), "mentions") == (20, 20, 0, 0)
    write(path, chat())
    assert night(settings, telegram(tmp_path), "mentions", 1) is None
    assert len(visible(pg)) == 20
    note("telegram", "empty after a full one", "stopped; nothing is taken out")


def test_a_broken_message_keeps_the_rest_from_being_buried(
    tmp_path: Path, settings: Settings, pg: psycopg.Connection, note: Note
) -> None:
    path = write(tmp_path / "result.json", chat(*MESSAGES))
    night(settings, telegram(tmp_path), "mentions")
    write(path, chat(*MESSAGES[:18], {"id": 19, "type": "unsupported"}))
    assert night(settings, telegram(tmp_path), "mentions", 1) == (19, 0, 18, 1)
    assert len(visible(pg)) == 20
    record = pg.execute("select position, raw from quarantine.records").fetchone()
    assert record is not None
    assert record[0] == f"{KEY}, message 19"
    assert json.loads(bytes(record[1])) == {"id": 19, "type": "unsupported"}
    note("telegram", "broken record", QUARANTINED)
