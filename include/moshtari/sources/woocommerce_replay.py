"""WooCommerce's records out of quarantine, read again by the present mapping (see `woocommerce`).

A refund is kept without its order, whose currency it has: the order is asked anew. Of an order that
could not be read, the refunds were not asked for either: that is made up for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

from moshtari.sources.base import Batch, KeptRecord, RejectedRecord
from moshtari.sources.http import HttpClient, NotFoundError
from moshtari.sources.json_records import COMES_LATER, decode_kept, decode_record, kept_rows
from moshtari.sources.woocommerce_pages import ORDERS, Collections, once
from moshtari.sources.woocommerce_records import ORDER_FIELDS, TRASH, Order, Refund
from moshtari.sources.woocommerce_rows import REFUND_COLUMNS, Row, refund_row, refund_tombstone

Shape = TypeVar("Shape")

_ORDER = msgspec.json.Decoder(Order)
_REFUND = msgspec.json.Decoder(Refund)
_GONE = "its order is gone"
_NO_ORDER = "nothing says of which order it is: run its day again"


def replay_rows(
    records: Sequence[KeptRecord],
    columns: tuple[str, ...],
    shape: type[Shape],
    rows_of: Callable[[Shape], Sequence[Row]],
) -> Iterator[Batch]:
    """What was kept, as it was; of an order's lines the one that the position names, or all."""
    decoder = msgspec.json.Decoder(shape)
    rows: list[tuple[Row, KeptRecord]] = []
    for record in records:
        try:
            found = rows_of(_decoded(record, decoder))
        except ValueError as error:
            yield RejectedRecord(record.position, str(error), record.raw)
            continue
        _, is_line, number = record.position.rpartition(", line ")
        rows += [(row, record) for row in found if not is_line or row[1] == number]
    yield from kept_rows(columns, rows)


def replay_refunds(
    client: HttpClient, records: Sequence[KeptRecord], details: Collections, end: datetime
) -> Iterator[Batch]:
    """Refunds as they were, and those of today of orders that were kept. Raises SourceError."""
    orders: dict[str, Order] = {}
    rows: list[tuple[Row, KeptRecord]] = []
    for record in records:
        order, names_refund, number = record.position.partition(", refund ")
        try:
            if not names_refund and not record.position.endswith("a refund without id"):
                found = _of_order(_decoded(record, _ORDER), details, end)
            elif (trashed := _trashed(record)) is not None:
                found = _tombstones(trashed, number)
            else:
                refund = _decoded(record, _REFUND)
                if not _is_before(end, refund):
                    raise ValueError(COMES_LATER)
                key = order.partition(",")[0].removeprefix("order ")
                orders[key] = orders.get(key) or _order(client, key)
                found = [refund_row(orders[key], refund)]
        except NotFoundError:
            yield RejectedRecord(record.position, _GONE, record.raw)
        except ValueError as error:
            yield RejectedRecord(record.position, str(error), record.raw)
        else:
            rows += [(row, record) for row in found]
    yield from kept_rows(REFUND_COLUMNS, rows)


def _decoded(record: KeptRecord, decoder: msgspec.json.Decoder[Shape]) -> Shape:
    decoded = decode_kept(record, decoder)
    if isinstance(decoded, RejectedRecord):
        raise ValueError(decoded.reason)
    return decoded


def _trashed(record: KeptRecord) -> Order | None:
    """The order, where that was kept: of a deleted refund there is nothing else."""
    order = decode_kept(record, _ORDER)
    return order if isinstance(order, Order) and order.status == TRASH else None


def _tombstones(order: Order, number: str = "") -> list[Row]:
    stubs = (stub for stub in order.refunds if number in ("", str(stub.id)))
    return [refund_tombstone(order, stub) for stub in stubs]


def _of_order(order: Order, details: Collections, end: datetime) -> list[Row]:
    if order.status == TRASH:
        return _tombstones(order)
    rows: list[Row] = []
    for page in once(details.refunds(order.id)) if order.refunds else ():
        for raw in page:
            refund = decode_record(raw, _REFUND, "refund", "a refund without id")
            if isinstance(refund, RejectedRecord):
                raise ValueError(f"{refund.position}: {refund.reason}")
            if _is_before(end, refund):
                rows.append(refund_row(order, refund))
    return rows


def _is_before(end: datetime, refund: Refund) -> bool:
    return refund.date_created_gmt is None or refund.date_created_gmt < end


def _order(client: HttpClient, key: str) -> Order:
    if not key.isdecimal():
        raise ValueError(_NO_ORDER)
    query = {"_fields": ",".join(ORDER_FIELDS)}
    raw = client.get("refunds", f"{ORDERS}/{key}", query, msgspec.Raw).body
    order = decode_record(raw, _ORDER, "order", "its order")
    if isinstance(order, RejectedRecord):
        raise ValueError(f"{order.position}: {order.reason}")
    return order
