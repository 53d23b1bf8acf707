"""Telegram's messages out of quarantine, read again by the present mapping (see `telegram`).

The export is not needed: which chat a message is of stands in its position.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence

import msgspec

from moshtari.sources.base import Batch, KeptRecord, RejectedRecord
from moshtari.sources.json_records import kept_rows
from moshtari.sources.telegram_records import MENTION_COLUMNS, Row

_CHAT = re.compile(r"((?:user|chat|channel)(-?\d+)), message .*")
_NO_CHAT = "nothing says of which chat it is: load the export under another name"


def replay_messages(
    records: Sequence[KeptRecord],
    chats: Collection[int],
    row: Callable[[str, msgspec.Raw], Row | RejectedRecord | str],
) -> Iterator[Batch]:
    """The messages of these chats (of all, where none are named) as they were exported.

    ``row`` gives the reason where a message is left out.
    """
    rows: list[tuple[Row, KeptRecord]] = []
    for record in records:
        chat = _CHAT.fullmatch(record.position)
        if chat is None:
            yield RejectedRecord(record.position, _NO_CHAT, record.raw)
        elif not chats or int(chat[2]) in chats:
            found = row(chat[1], msgspec.Raw(record.raw))
            if isinstance(found, RejectedRecord):
                yield RejectedRecord(record.position, found.reason, record.raw)
            elif not isinstance(found, str):
                rows.append((found, record))
    yield from kept_rows(MENTION_COLUMNS, rows)
