"""Vtiger's records out of quarantine, read again by the present mapping (see `vtiger`).

An order whose own record could not be read was not asked for its lines: that is made up for. A
deletion has no record to read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from moshtari.sources.base import Batch, KeptRecord, RejectedRecord, SourceError
from moshtari.sources.json_records import decode_kept, decode_record, kept_rows
from moshtari.sources.vtiger_records import (
    ITEM_COLUMNS,
    RECORD,
    Record,
    Row,
    UnfitRecordError,
    identity,
)

_DELETION = "a deletion: run its day again, then discard this record"


def replay_records(
    records: Sequence[KeptRecord], columns: tuple[str, ...], row: Callable[[Record], Row]
) -> Iterator[Batch]:
    """The records as they were. Raises SourceError."""
    rows: list[tuple[Row, KeptRecord]] = []
    for record in records:
        if record.position.startswith("deleted "):
            yield RejectedRecord(record.position, _DELETION, record.raw)
            continue
        found = decode_kept(record, RECORD)
        if isinstance(found, RejectedRecord):
            yield found
            continue
        try:
            rows.append((row(found), record))
        except UnfitRecordError as error:
            yield RejectedRecord(record.position, str(error), record.raw)
    yield from kept_rows(columns, rows)


def replay_lines(
    records: Sequence[KeptRecord],
    lines: Callable[[Record], list[Row]],
    retrieved: Callable[[str], msgspec.Raw],
) -> Iterator[Batch]:
    """The line that a position names, or all of its order."""
    rows: list[tuple[Row, KeptRecord]] = []
    for record in records:
        try:
            order = _order(record, retrieved)
            if isinstance(order, RejectedRecord):
                yield order
                continue
            found = lines(order)
        except UnfitRecordError as error:
            yield RejectedRecord(record.position, str(error), record.raw)
            continue
        _, is_line, number = record.position.rpartition(", line ")
        rows += [(line, record) for line in found if not is_line or line[1] == number]
    yield from kept_rows(ITEM_COLUMNS, rows)


def _order(record: KeptRecord, retrieved: Callable[[str], msgspec.Raw]) -> Record | RejectedRecord:
    """The order with its lines."""
    order = decode_kept(record, RECORD)
    if isinstance(order, RejectedRecord) or "LineItems" in order:
        return order
    try:
        raw = retrieved(identity(order))
    except SourceError as error:
        reason = f"its lines cannot be read: {error.what}"
        return RejectedRecord(record.position, reason, record.raw)
    found = decode_record(raw, RECORD, "SalesOrder", "")
    if isinstance(found, RejectedRecord):
        return RejectedRecord(record.position, found.reason, record.raw)
    return found
