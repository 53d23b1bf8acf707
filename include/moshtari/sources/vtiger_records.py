"""Records of Vtiger's modules, and how they become columns of the contract."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from moshtari.landing.contract import ENTITIES, Column
from moshtari.sources.base import array_text

Record: TypeAlias = dict[str, Any]
Row: TypeAlias = tuple[str | None, ...]
Fields: TypeAlias = Mapping[str, tuple[str, ...]]
"""Contract column: fields of the module, of which the first that is not empty counts."""

RECORD = msgspec.json.Decoder(Record, float_hook=Decimal)

MODULES = {"tickets": "HelpDesk", "customers": "Contacts", "orders": "SalesOrder"}
DEFAULT_FIELDS: dict[str, Fields] = {
    "tickets": {
        "created_at": ("createdtime",),
        "updated_at": ("modifiedtime",),
        "customer_id": ("contact_id",),
        "channel": ("source",),
        "subject": ("ticket_title",),
        "body": ("description",),
        "status": ("ticketstatus",),
        "priority": ("ticketpriorities",),
    },
    "customers": {
        "created_at": ("createdtime",),
        "updated_at": ("modifiedtime",),
        "email": ("email",),
        "phone": ("mobile", "phone"),
        "birth_date": ("birthday",),
        "occupation": ("title",),
        "region": ("mailingstate",),
        "city": ("mailingcity",),
        "country": ("mailingcountry",),
    },
    "orders": {
        "ordered_at": ("createdtime",),
        "updated_at": ("modifiedtime",),
        "customer_id": ("contact_id",),
        "status": ("sostatus",),
        "gross_amount": ("hdnSubTotal",),
        "shipping_amount": ("hdnS_H_Amount",),
        "total_amount": ("hdnGrandTotal",),
    },
}
# Columns that are made of several fields, or of none, where no field is configured for them.
_MADE: dict[str, Fields] = {
    "tickets": {"channel": ()},
    "customers": {
        "full_name": ("firstname", "lastname"),
        "party": (),
        "is_employee": (),
        "consents": ("emailoptout", "donotcall"),
    },
    "orders": {
        "currency": ("currency_id",),
        "discount_amount": ("hdnDiscountAmount", "hdnDiscountPercent"),
        "shipping_amount": (),
        "tax_amount": ("txtAdjustment",),
        "direction": (),
    },
}

ITEM_COLUMNS = (
    "order_id", "line_no", "product_id", "product_name", "quantity", "unit_price",
    "discount_amount", "_changed_at",
)  # fmt: skip

# A choice of several is written with this between them.
_SEPARATOR = " |##| "
_NOTHING = ("", None, "0000-00-00")


class UnfitRecordError(ValueError):
    """A record that makes no row; the message names the field and quotes nothing of it."""


class OutsideBatchError(Exception):
    """A record whose time lies elsewhere than the server says: the zone is another."""


def columns(entity: str, fields: Fields) -> tuple[str, ...]:
    """The contract columns that rows of the entity have, key first."""
    made = (column for column in _MADE[entity] if column not in fields)
    return (*ENTITIES[entity].key, *fields, *made)


def needed_fields(entity: str, fields: Fields) -> dict[str, str]:
    """The fields that rows of the entity are made of, and for which column."""
    chosen = {**_MADE[entity], **fields}
    return {name: column for column, names in chosen.items() for name in names}


def row(entity: str, record: Record, fields: Fields, zone: ZoneInfo, currency: str | None) -> Row:
    """A record as `columns`. Raises UnfitRecordError."""
    values = {
        name: _value(ENTITIES[entity].column(name), _first(record, chosen), zone)
        for name, chosen in fields.items()
    }
    if entity == "tickets":
        values["channel"] = values.get("channel") or "unknown"
    elif entity == "customers":
        values = _person(record, values.get("updated_at")) | values
    else:
        values = {"currency": currency, "direction": "sale"} | _amounts(record, values) | values
    return (identity(record), *(values[name] for name in columns(entity, fields)[1:]))


def identity(record: Record) -> str:
    """The record's id, with its module's: `12x345`. Raises UnfitRecordError."""
    key = record.get("id")
    if not isinstance(key, str) or "x" not in key:
        raise UnfitRecordError("no id")
    return key


def instant(record: Record, name: str, zone: ZoneInfo) -> datetime:
    """A field's time. Raises UnfitRecordError."""
    try:
        return datetime.fromisoformat(str(record[name])).replace(tzinfo=zone)
    except KeyError:
        raise UnfitRecordError(f"no field {name}") from None
    except ValueError:
        raise UnfitRecordError(f"{name}: not a time") from None


def modified_at(record: Record, zone: ZoneInfo, after: int, until: int) -> datetime:
    """When the record was modified, which Vtiger says to be past ``after`` and not past ``until``.

    An hour that the clocks of the zone show twice is the one of the two that fits. Raises
    UnfitRecordError, and OutsideBatchError for a time that fits in no way.
    """
    at = instant(record, "modifiedtime", zone)
    ways = [way.astimezone(UTC) for way in (at, at.replace(fold=1))]
    for way in ways:
        if after < way.timestamp() <= until:
            return way
    # The server's own reading of such an hour is off by as much.
    slack = timedelta(hours=1).total_seconds()
    if after - slack < ways[0].timestamp() <= until + slack:
        return ways[0]
    raise OutsideBatchError


def item_rows(order: Record, zone: ZoneInfo) -> list[Row]:
    """The lines of a retrieved order as ITEM_COLUMNS. Raises UnfitRecordError."""
    changed_at = instant(order, "modifiedtime", zone).isoformat()
    lines = order.get("LineItems")
    if not isinstance(lines, Sequence) or isinstance(lines, str):
        raise UnfitRecordError("no LineItems")
    found: list[Row] = []
    for place, line in enumerate(lines, start=1):
        if not isinstance(line, dict):
            raise UnfitRecordError(f"LineItems: line {place} is no record")
        quantity, price = _amount(line, "quantity"), _amount(line, "listprice")
        discount = _amount(line, "discount_amount") or Decimal(0)
        if percent := _amount(line, "discount_percent"):
            discount += (quantity or 0) * (price or 0) * percent / 100
        product = _text(line.get("productid"))
        found.append(
            (
                identity(order),
                _text(line.get("sequence_no")) or str(place),
                product,
                # A product that was deleted since has no name any more.
                _text(line.get("product_name")) or _text(line.get("comment")) or product,
                _plain(quantity),
                _plain(price),
                _plain(discount),
                changed_at,
            )
        )
    return found


def _person(record: Record, changed_at: str | None) -> dict[str, str | None]:
    """A contact's name, and the channels that it does not want; that it wants one is not told."""
    names = (_text(record.get("firstname")), _text(record.get("lastname")))
    refused = {"email": record.get("emailoptout"), "call": record.get("donotcall")}
    denied = {"state": "denied", "at": changed_at}
    consents = {channel: denied for channel, no in refused.items() if _flag(no) == "true"}
    return {
        "full_name": " ".join(filter(None, names)) or None,
        "party": "person",
        "is_employee": "false",
        "consents": json.dumps(consents),
    }


def _amounts(record: Record, known: Mapping[str, str | None]) -> dict[str, str | None]:
    """Discount and tax of an order.

    Tax is what the total holds beyond goods, shipping and adjustment: an order taxed as a whole
    states none, and where each line is taxed it is in the goods already.
    """
    gross, total = _number("gross_amount", known), _number("total_amount", known)
    shipping = _number("shipping_amount", known) or Decimal(0)
    discount = _number("discount_amount", known)
    if discount is None:
        discount = _amount(record, "hdnDiscountAmount") or Decimal(0)
        if not discount and (percent := _amount(record, "hdnDiscountPercent")):
            discount = (gross or Decimal(0)) * percent / 100
    tax = None
    if gross is not None and total is not None:
        adjustment = _amount(record, "txtAdjustment") or Decimal(0)
        tax = total - gross + discount - shipping - adjustment
    return {
        "discount_amount": _plain(discount),
        "shipping_amount": _plain(shipping),
        "tax_amount": _plain(tax),
    }


def _first(record: Record, fields: Sequence[str]) -> object:
    for name in fields:
        if name not in record:
            raise UnfitRecordError(f"no field {name}")
    return next((record[name] for name in fields if record[name] not in _NOTHING), None)


def _value(column: Column, value: object, zone: ZoneInfo) -> str | None:
    """A field as text input for the column; Vtiger writes '' for nothing."""
    if column.pg_type == "text[]":
        return array_text([part for part in str(value or "").split(_SEPARATOR) if part])
    if value is None:
        # The contract wants them, and an empty one is one that nobody has filled in.
        return {"subject": "", "body": "", "shipping_amount": "0"}.get(column.name)
    if column.pg_type == "timestamptz":
        return instant({column.name: value}, column.name, zone).isoformat()
    return _flag(value) if column.pg_type == "boolean" else _text(value)


def _text(value: object) -> str | None:
    if value in _NOTHING or isinstance(value, list | dict):
        return None
    return str(value)


def _flag(value: object) -> str | None:
    known = {"1": "true", "on": "true", "true": "true", "0": "false", "off": "false"}
    return known.get(str(value).lower(), "false" if value in _NOTHING else str(value))


def _amount(record: Record, name: str) -> Decimal | None:
    return _number(name, {name: _text(record.get(name))})


def _number(name: str, values: Mapping[str, str | None]) -> Decimal | None:
    text = values.get(name)
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        raise UnfitRecordError(f"{name}: not a number") from None


def _plain(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")
