"""The keys of all that a WooCommerce shop has, for what was deleted there without a trace.

No list is a proof: `any` status leaves out drafts and orders whose status no plugin knows any more,
and a plugin may hide others. So every record that seems gone is asked for by its id, and is gone
when WooCommerce itself answers that it has no such record.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence

import msgspec

from moshtari.sources.base import TextRows
from moshtari.sources.http import HttpClient
from moshtari.sources.json_records import decode_record
from moshtari.sources.woocommerce_http import NoSuchRecordError
from moshtari.sources.woocommerce_pages import CUSTOMERS, ORDERS, Collections, Query
from moshtari.sources.woocommerce_records import TRASH

ASKED_BY = {
    "orders": ("order_id",),
    "order_items": ("order_id", "line_no"),
    "refunds": ("order_id", "refund_id"),
    "customers": ("customer_id",),
}
_FIELDS = {"order_items": "id,line_items", "refunds": "id,refunds"}


class _Numbered(msgspec.Struct):
    id: int


class _Numbers(msgspec.Struct):
    """A record's id, and those of its lines and refunds."""

    id: int
    line_items: list[_Numbered] = []
    refunds: list[_Numbered] = []


_NUMBERS = msgspec.json.Decoder(_Numbers)


def fields_of(entity: str) -> str:
    """The fields that hold the entity's keys."""
    return _FIELDS.get(entity, "id")


def keys_of(entity: str, pages: Collections) -> Generator[TextRows]:
    """The keys of what the shop lists, what is in the trash too. Raises SourceError."""
    lists: list[tuple[str, Query, str]] = [
        (ORDERS, {"status": status}, "orders") for status in ("any", TRASH)
    ]
    if entity == "customers":
        lists = [(CUSTOMERS, {"role": "all"}, "accounts")]
    for path, query, what in lists:
        for page in pages.by_id(path, query, what):
            # What cannot be read is asked for like what is not there.
            numbers = [
                found
                for raw in page
                if isinstance(found := decode_record(raw, _NUMBERS, "", ""), _Numbers)
            ]
            rows = [row for found in numbers for row in _keys(entity, found)]
            if rows:
                columns = ("refund_id",) if entity == "refunds" else ASKED_BY[entity]
                yield TextRows(columns, rows, ["/".join(row) for row in rows])


def are_gone(
    entity: str, client: HttpClient, rows: Iterable[Sequence[str | None]]
) -> Generator[bool]:
    """Of each row (`ASKED_BY`), whether the shop says that it is gone. Raises SourceError."""
    lines: set[str] = set()
    order: str | None = None
    for row in rows:
        ids = [value for value in row if value and value.isascii() and value.isdecimal()]
        if len(ids) < len(row):
            # No number that the shop gives, so nothing that it can be asked for.
            yield False
        elif entity == "customers":
            yield _known(entity, client, f"{CUSTOMERS}/{ids[0]}") is None
        elif entity == "orders":
            yield _known(entity, client, f"{ORDERS}/{ids[0]}") is None
        elif entity == "refunds":
            yield _known(entity, client, f"{ORDERS}/{ids[0]}/refunds/{ids[1]}") is None
        else:
            if ids[0] != order:
                order, found = ids[0], _known(entity, client, f"{ORDERS}/{ids[0]}")
                lines = {str(line.id) for line in found.line_items} if found else set()
            yield ids[1] not in lines


def _known(entity: str, client: HttpClient, path: str) -> _Numbers | None:
    """The record, or None where WooCommerce says that there is none."""
    fields = "id" if entity == "refunds" else fields_of(entity)
    try:
        return client.get(entity, path, {"_fields": fields}, _Numbers).body
    except NoSuchRecordError:
        return None


def _keys(entity: str, found: _Numbers) -> list[tuple[str, ...]]:
    if entity == "order_items":
        return [(str(found.id), str(line.id)) for line in found.line_items]
    if entity == "refunds":
        return [(str(refund.id),) for refund in found.refunds]
    return [(str(found.id),)]
