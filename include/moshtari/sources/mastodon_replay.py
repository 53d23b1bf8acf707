"""Mastodon's records out of quarantine, read again by the present mapping (see `mastodon`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from moshtari.sources.base import Batch, KeptRecord, RejectedRecord
from moshtari.sources.json_records import decode_kept, kept_rows
from moshtari.sources.mastodon_records import MENTION_COLUMNS, Notification, Status, mention_row


class _Shape(msgspec.Struct):
    type: object = None
    content: object = None


_SHAPE = msgspec.json.Decoder(_Shape)
_STATUS = msgspec.json.Decoder(Status)
_NOTIFICATION = msgspec.json.Decoder(Notification)


def replay_mentions(records: Sequence[KeptRecord], brand: str | None) -> Iterator[Batch]:
    """The posts that were kept by themselves, or in a notification."""
    rows: list[tuple[tuple[str | None, ...], KeptRecord]] = []
    for record in records:
        status = _status(record)
        if isinstance(status, RejectedRecord):
            yield status
        elif status is not None:
            rows.append((mention_row(status, brand), record))
    yield from kept_rows(MENTION_COLUMNS, rows)


def _status(record: KeptRecord) -> Status | RejectedRecord | None:
    """The record's post; None for a notification that is no mention."""
    shape = decode_kept(record, _SHAPE)
    if isinstance(shape, _Shape) and shape.type is not None and shape.content is None:
        notification = decode_kept(record, _NOTIFICATION)
        if isinstance(notification, RejectedRecord):
            return notification
        return notification.status if notification.type == "mention" else None
    return decode_kept(record, _STATUS)
