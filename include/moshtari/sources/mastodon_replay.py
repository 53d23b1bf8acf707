"""Mastodon's records out of quarantine, read again by the present mapping (see `mastodon`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from moshtari.sources.base import Batch, KeptRecord, RejectedRecord, TextRows
from moshtari.sources.json_records import decode_kept
from moshtari.sources.mastodon_records import MENTION_COLUMNS, Notification, Status, mention_row


class _Shape(msgspec.Struct):
    type: object = None
    content: object = None


_SHAPE = msgspec.json.Decoder(_Shape)
_STATUS = msgspec.json.Decoder(Status)
_NOTIFICATION = msgspec.json.Decoder(Notification)


def replay_mentions(records: Sequence[KeptRecord], brand: str | None) -> Iterator[Batch]:
    """The posts that were kept by themselves, or in a notification."""
    rows: list[tuple[str | None, ...]] = []
    made_of: list[KeptRecord] = []
    for record in records:
        status = _status(record)
        if isinstance(status, RejectedRecord):
            yield status
        elif status is not None:
            rows.append(mention_row(status, brand))
            made_of.append(record)
    if rows:
        positions = [record.position for record in made_of]
        yield TextRows(MENTION_COLUMNS, rows, positions, [record.raw for record in made_of])


def _status(record: KeptRecord) -> Status | RejectedRecord | None:
    """The record's post; None for a notification that is no mention."""
    shape = decode_kept(record, _SHAPE)
    if isinstance(shape, _Shape) and shape.type is not None and shape.content is None:
        notification = decode_kept(record, _NOTIFICATION)
        if isinstance(notification, RejectedRecord):
            return notification
        return notification.status if notification.type == "mention" else None
    return decode_kept(record, _STATUS)
