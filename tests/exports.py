"""Exports as Telegram Desktop writes them, for tests to change and to break."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]

CHAT = 1234567890
MIDNIGHT = 1773952200
"""2026-03-20 00:00 in Tehran."""


def message(key: int, **changes: Any) -> Row:
    """A message of an export made in Tehran, ``key`` minutes past midnight."""
    minutes = key % 1440
    row: Row = {
        "id": key,
        "type": "message",
        "date": f"2026-03-20T{minutes // 60:02d}:{minutes % 60:02d}:00",
        "date_unixtime": str(MIDNIGHT + minutes * 60),
        "from": "علی",
        "from_id": "user55",
        "text": f"پیام {key}",
        "text_entities": [{"type": "plain", "text": f"پیام {key}"}],
    }
    return {name: value for name, value in (row | changes).items() if value is not ...}


def service(key: int) -> Row:
    return message(
        key, type="service", actor="علی", actor_id="user55", action="join_group_by_link", text=""
    )


def chat(*messages: Row, **changes: Any) -> Row:
    """One chat, as it is exported by itself or as one of an account's."""
    row: Row = {
        "name": "گروه مشتریان",
        "type": "public_supergroup",
        "id": CHAT,
        "messages": list(messages),
    }
    return row | changes


def account(*chats: Row, left: tuple[Row, ...] = ()) -> Row:
    """All chats of an account."""
    return {
        "about": "Here is the data you requested.",
        "personal_information": {"user_id": 1, "phone_number": "+98 912 000 0000"},
        "contacts": {"about": "", "list": []},
        "chats": {"about": "This page lists all chats.", "list": list(chats)},
        "left_chats": {"about": "", "list": list(left)},
    }


def write(path: Path, content: Row | bytes) -> Path:
    """Put it there, with the exporter's one blank for each level."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(content, bytes):
        content = json.dumps(content, ensure_ascii=False, indent=1).encode()
    path.write_bytes(content)
    return path
