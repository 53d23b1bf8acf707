"""Messages as rows, and exports as Telegram Desktop writes them, old ones included."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.exports import CHAT, account, chat, message, service, write
from tests.http_servers import CONTEXT, ONE_DAY, TEHRAN, Reading, read

from moshtari.landing.contract import ENTITIES
from moshtari.sources import telegram as reader
from moshtari.sources.abilities import ExplainedOrigins
from moshtari.sources.base import SourceContext, SourceError
from moshtari.sources.registry import parse_config
from moshtari.sources.telegram import TelegramConfig, TelegramSource
from moshtari.sources.telegram_records import (
    MENTION_COLUMNS,
    Brand,
    Chat,
    Message,
    NoTimeError,
    mention_row,
    sender_id,
)

NOBODY = Brand(frozenset(), frozenset())
KEY = f"channel{CHAT}"


def decoded(**changes: Any) -> Message:
    row = message(7, **changes)
    return msgspec.json.decode(json.dumps(row), type=Message)


def row_of(
    brand: Brand = NOBODY, zone: ZoneInfo = TEHRAN, chat: str = KEY, **changes: Any
) -> dict[str, str | None]:
    return dict(
        zip(MENTION_COLUMNS, mention_row(chat, decoded(**changes), brand, zone), strict=True)
    )


def telegram(folder: Path, path: str = "result.json", **config: Any) -> TelegramSource:
    parsed = parse_config({"kind": "telegram", "path": path} | config)
    assert isinstance(parsed, TelegramConfig)
    context = SourceContext(CONTEXT.timezone, CONTEXT.base_currency, folder)
    return TelegramSource("chat", parsed, context)


def told(source: TelegramSource) -> list[dict[str, Any]]:
    return [source.details("mentions", found) for found in source.origins("mentions", ONE_DAY)]


def test_the_columns_are_the_contracts() -> None:
    assert ENTITIES["mentions"].mapping_problems(MENTION_COLUMNS) == []


def test_a_message_is_a_mention() -> None:
    row = row_of(
        edited="2026-03-20T00:09:00",
        edited_unixtime="1773952740",
        reply_to_message_id=3,
        reactions=[
            {"type": "emoji", "count": 2, "emoji": "👍", "recent": [{"from": "سارا"}]},
            {"type": "custom_emoji", "count": 1, "document_id": "stickers/a.tgs"},
        ],
    )
    assert row == {
        "mention_id": "channel1234567890/7",
        "network": "telegram",
        "created_at": "2026-03-19T20:37:00+00:00",
        "updated_at": "2026-03-19T20:39:00+00:00",
        "author_handle": "telegram:user55",
        "author_name": "علی",
        "text": "پیام 7",
        "url": "https://t.me/c/1234567890/7",
        "reply_to_id": "channel1234567890/3",
        "by_brand": "false",
        "likes": "3",
    }


def test_what_a_message_lacks_is_null() -> None:
    changes = {"from": None, "from_id": ...}
    row = row_of(**changes)
    assert (row["author_handle"], row["author_name"], row["likes"]) == (None, None, None)
    assert (row["updated_at"], row["reply_to_id"]) == (None, None)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("یک خط\nدو خط", "یک خط\nدو خط"),
        ([], ""),
        ("", ""),
        (
            ["سلام ", {"type": "mention", "text": "@pishkhan"}, "، کجایید؟"],
            "سلام @pishkhan، کجایید؟",
        ),
        ([{"type": "bold", "text": "بد"}, {"type": "plain", "text": " بود"}], "بد بود"),
        (
            [{"type": "text_link", "text": "اینجا", "href": "https://x.example"}, "!"],
            "اینجا!",
        ),
        ([{"type": "custom_emoji", "text": "😡", "document_id": "a.tgs"}], "😡"),
        (["👨‍👩‍👧‍👦 ", "🏳️‍🌈"], "👨‍👩‍👧‍👦 🏳️‍🌈"),
        ("\u202bمی\u200cخواهم\u202c \u200e100%", "\u202bمی\u200cخواهم\u202c \u200e100%"),
        ([{"type": "unknown"}, "x"], "x"),
    ],
)
def test_text_is_put_together_from_its_parts(text: Any, plain: str) -> None:
    assert row_of(text=text)["text"] == plain


@given(st.lists(st.text(max_size=20), max_size=8), st.data())
def test_no_character_of_a_text_is_lost(parts: list[str], data: st.DataObject) -> None:
    mixed: Any = [
        {"type": "bold", "text": part} if data.draw(st.booleans()) else part for part in parts
    ]
    assert row_of(text=mixed)["text"] == "".join(parts)


def test_a_sticker_says_what_its_emoji_says() -> None:
    sticker = {"media_type": "sticker", "sticker_emoji": "😡", "text": ""}
    assert row_of(**sticker)["text"] == "😡"
    assert row_of(photo="photos/1.jpg", text="")["text"] == ""


@pytest.mark.parametrize(
    ("written", "author"),
    [
        ("user55", "user55"),
        ("channel77", "channel77"),
        (55, "user55"),
        ((1 << 32) + 55, "user55"),
        ((2 << 32) + 77, "channel77"),
        ("", None),
        (None, None),
    ],
)
def test_an_author_is_the_same_in_old_exports_and_new(written: Any, author: str | None) -> None:
    assert sender_id(decoded(from_id=written)) == author


@pytest.mark.parametrize(
    ("zone", "created_at"),
    [
        ("Asia/Tehran", "2026-03-20T00:07:00+03:30"),
        ("Europe/Berlin", "2026-03-20T00:07:00+01:00"),
        ("UTC", "2026-03-20T00:07:00+00:00"),
    ],
)
def test_an_old_export_has_the_times_of_its_computer(zone: str, created_at: str) -> None:
    row = row_of(zone=ZoneInfo(zone), date_unixtime=..., edited="2026-03-20T00:10:00")
    assert row["created_at"] == created_at
    assert row["updated_at"] == created_at.replace("00:07:00", "00:10:00")


def test_a_unix_time_needs_no_zone() -> None:
    there, here = (row_of(zone=ZoneInfo(name)) for name in ("America/New_York", "Asia/Tehran"))
    assert there == here


def test_1970_means_never_edited() -> None:
    assert row_of(edited="1970-01-01T01:00:00")["updated_at"] is None


@pytest.mark.parametrize(
    "changes", [{"date": ..., "date_unixtime": ...}, {"date_unixtime": "soon"}]
)
def test_a_message_without_a_time_is_no_row(changes: Any) -> None:
    with pytest.raises(NoTimeError):
        row_of(**changes)


def test_a_reply_to_another_chat_points_there() -> None:
    row = row_of(reply_to_message_id=3, reply_to_peer_id="channel9")
    assert row["reply_to_id"] == "channel9/3"


@pytest.mark.parametrize(
    ("type_", "key", "personal"),
    [
        ("personal_chat", "user5", True),
        ("bot_chat", "user5", True),
        ("saved_messages", "user5", True),
        ("private_group", "chat5", False),
        ("private_supergroup", "channel5", False),
        ("public_supergroup", "channel5", False),
        ("private_channel", "channel5", False),
        ("public_channel", "channel5", False),
    ],
)
def test_a_chat_is_named_by_kind_and_id(type_: str, key: str, personal: bool) -> None:
    found = Chat(type_, 5, [])
    assert (found.key, found.is_personal) == (key, personal)


@pytest.mark.parametrize(
    ("place", "url"),
    [("channel5", "https://t.me/c/5/7"), ("chat5", None), ("user5", None)],
)
def test_only_channels_and_supergroups_have_addresses(place: str, url: str | None) -> None:
    assert row_of(chat=place)["url"] == url


@pytest.mark.parametrize(
    ("config", "by_brand"),
    [
        ({"brand_ids": ["user55"]}, "true"),
        ({"brand_names": ["  علی "]}, "true"),
        ({"brand_ids": ["channel55"], "brand_names": ["علیرضا"]}, "false"),
        ({}, "false"),
    ],
)
def test_the_brand_knows_its_own_messages(
    tmp_path: Path, config: dict[str, Any], by_brand: str
) -> None:
    write(tmp_path / "result.json", chat(message(1)))
    (row,) = read(telegram(tmp_path, **config), "mentions", ONE_DAY).rows
    assert row["by_brand"] == by_brand


def test_a_nameless_author_is_not_a_nameless_brand(tmp_path: Path) -> None:
    nameless = {"from": None}
    write(tmp_path / "result.json", chat(message(1, **nameless)))
    source = telegram(tmp_path, brand_names=["پیشخوان"])
    assert read(source, "mentions", ONE_DAY).rows[0]["by_brand"] == "false"


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"path": ""}, "path"),
        ({"path": "s3://bucket/result.json"}, "path"),
        ({"timezone": "Tehran"}, "timezone"),
        ({"brand_ids": ["@pishkhan"]}, "brand_ids"),
        ({"chats": ["group"]}, "chats"),
        ({"token": "x"}, "token"),
    ],
)
def test_a_wrong_key_is_named(change: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as error:
        parse_config({"kind": "telegram", "path": "result.json"} | change)
    assert {found["loc"][0] for found in error.value.errors()} == {key}


def test_service_messages_are_counted_and_no_mentions(tmp_path: Path) -> None:
    write(tmp_path / "result.json", chat(service(1), message(2), service(3)))
    source = telegram(tmp_path)
    reading = read(source, "mentions", ONE_DAY)
    assert set(reading.by("mention_id")) == {f"{KEY}/2"}
    assert reading.positions == [f"{KEY}, message 2"]
    assert not reading.rejected
    assert told(source) == [
        {"records": 3, "rejected": 0, "excluded": {"service_messages": 2}},
    ]
    assert isinstance(source, ExplainedOrigins)


def test_what_cannot_be_read_is_rejected_and_the_rest_lands(tmp_path: Path) -> None:
    content = chat(
        message(1),
        {"id": 2, "type": "unsupported"},
        message(3, text={"deep": 1}),
        message(4, date_unixtime="soon"),
        {"type": "message"},
        message(6),
    )
    write(tmp_path / "result.json", content)
    source = telegram(tmp_path)
    reading = read(source, "mentions", ONE_DAY)
    assert set(reading.by("mention_id")) == {f"{KEY}/1", f"{KEY}/6"}
    assert [record.position for record in reading.rejected] == [
        f"{KEY}, message 2",
        f"{KEY}, message 3",
        f"{KEY}, message 4",
        f"{KEY}, message at 5",
    ]
    assert "too old" in reading.rejected[0].reason
    assert not any("پیام" in record.reason for record in reading.rejected)
    assert told(source) == [{"records": 6, "rejected": 4, "excluded": {}}]


PERSONAL = chat(message(1, text="خصوصی"), message(2), type="personal_chat", id=55)
OTHER = chat(message(1), type="private_group", id=9)
LEFT = chat(message(1), type="private_channel", id=8)


@pytest.mark.parametrize(
    ("config", "chats", "excluded"),
    [
        ({}, {KEY, "chat9", "channel8"}, {"personal_chats": 2}),
        ({"personal_chats": True}, {KEY, "chat9", "channel8", "user55"}, {}),
        ({"chats": [CHAT]}, {KEY}, {"other_chats": 4}),
        ({"chats": [55, 9]}, {"user55", "chat9"}, {"other_chats": 3}),
    ],
)
def test_an_accounts_export_gives_groups_and_channels(
    tmp_path: Path, config: dict[str, Any], chats: set[str], excluded: dict[str, int]
) -> None:
    write(
        tmp_path / "result.json",
        account(chat(message(1), message(2)), PERSONAL, OTHER, left=(LEFT,)),
    )
    source = telegram(tmp_path, **config)
    reading = read(source, "mentions", ONE_DAY)
    found = {str(key).partition("/")[0] for key in reading.by("mention_id")}
    assert found == chats
    assert told(source)[0]["excluded"] == excluded
    assert len(reading.rows) + sum(excluded.values()) == told(source)[0]["records"] == 6


def test_a_personal_chat_exported_by_itself_is_read(tmp_path: Path) -> None:
    write(tmp_path / "result.json", PERSONAL)
    assert len(read(telegram(tmp_path), "mentions", ONE_DAY).rows) == 2


@pytest.mark.parametrize("path", [".", "exports", "exports/*/result.json", "exports/b/result.json"])
def test_exports_are_found_in_their_folders(tmp_path: Path, path: str) -> None:
    write(tmp_path / "exports" / "a" / "result.json", chat(message(1)))
    write(tmp_path / "exports" / "b" / "result.json", chat(message(1), message(2)))
    write(tmp_path / "exports" / "b" / "photos" / "photo_1.jpg", b"\xff\xd8")
    source = telegram(tmp_path, path)
    found = [origin.path for origin in source.origins("mentions", ONE_DAY)]
    names = ["b"] if "/b/" in path else ["a", "b"]
    assert found == [f"exports/{name}/result.json" for name in names]
    assert len(read(source, "mentions", ONE_DAY).rows) == sum(1 + (n == "b") for n in names)


def test_no_export_at_all_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"there is no file or folder result\.json"):
        telegram(tmp_path).origins("mentions", ONE_DAY)


def test_control_characters_are_read_as_the_exporter_writes_them(tmp_path: Path) -> None:
    content = json.dumps(chat(message(1, text="A"), message(2, text="C:\\x41"))).encode()
    spoilt = content.replace(b'"text": "A"', b'"text": "a\\x0Bb \\x1F"', 1)
    assert spoilt != content
    write(tmp_path / "result.json", spoilt)
    rows = read(telegram(tmp_path), "mentions", ONE_DAY).rows
    assert [row["text"] for row in rows] == ["a\x0bb \x1f", "C:\\x41"]


def test_broken_text_spoils_its_message_only(tmp_path: Path) -> None:
    content = json.dumps(chat(message(1, text="A"), message(2), message(3))).encode()
    write(tmp_path / "result.json", content.replace(b'"text": "A"', b'"text": "\xff\\ud83d"', 1))
    reading = read(telegram(tmp_path), "mentions", ONE_DAY)
    assert set(reading.by("mention_id")) == {f"{KEY}/2", f"{KEY}/3"}
    assert len(reading.rejected) == 1


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "ends too early"),
        (b"<html></html>", "broken or truncated JSON"),
        (b"[]", "unexpected shape"),
        (b"{}", "no export of chats"),
        (b'{"messages": []}', "no export of chats"),
        (b'{"frequent_contacts": {"list": []}}', "no export of chats"),
    ],
)
def test_what_is_no_export_is_named(tmp_path: Path, content: bytes, what: str) -> None:
    write(tmp_path / "result.json", content)
    with pytest.raises(SourceError, match=what) as error:
        read(telegram(tmp_path), "mentions", ONE_DAY)
    assert "Machine-readable JSON" in error.value.remedy


def test_an_export_beyond_the_limit_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "result.json", chat(message(1)))
    monkeypatch.setattr(reader, "LARGEST", 10)
    with pytest.raises(SourceError, match="larger than") as error:
        read(telegram(tmp_path), "mentions", ONE_DAY)
    assert "a first and a last day" in error.value.remedy


def test_the_doctor_says_what_the_exports_hold(tmp_path: Path) -> None:
    (missing,) = telegram(tmp_path).check()
    assert not missing.ok
    write(tmp_path / "result.json", account(chat(message(1)), PERSONAL))
    (found,) = telegram(tmp_path).check()
    assert found.ok
    assert "holds 1 messages" in found.detail
    (other,) = telegram(tmp_path, chats=[3]).check()
    assert not other.ok
    assert "none of the chats" in other.detail
    write(tmp_path / "result.json", b'{"name": ')
    (broken,) = telegram(tmp_path).check()
    assert not broken.ok


def test_ten_thousand_rows_and_more_come_in_batches(tmp_path: Path) -> None:
    write(tmp_path / "result.json", chat(*(message(key) for key in range(1, 20_002))))
    source = telegram(tmp_path)
    (origin,) = source.origins("mentions", ONE_DAY)
    sizes = [len(batch.rows) for batch in source.read_origin("mentions", origin, ONE_DAY)]  # type: ignore[union-attr]
    assert sizes == [10_000, 10_000, 1]


def test_times_are_kept_to_the_second() -> None:
    row = row_of(date_unixtime="1773952201")
    assert row["created_at"] == datetime(2026, 3, 19, 20, 30, 1, tzinfo=UTC).isoformat()


def test_a_reading_is_the_same_every_time(tmp_path: Path) -> None:
    write(tmp_path / "result.json", account(chat(message(1), service(2)), OTHER))
    source = telegram(tmp_path)
    first: Reading = read(source, "mentions", ONE_DAY)
    assert read(source, "mentions", ONE_DAY) == first
