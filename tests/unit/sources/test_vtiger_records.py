"""How records of Vtiger's modules become columns of the contract."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError
from tests.servers.vtiger import contact, help_desk, line, sales_order

from moshtari.landing.contract import ENTITIES
from moshtari.sources.registry import parse_config
from moshtari.sources.vtiger import VtigerConfig
from moshtari.sources.vtiger_records import (
    ITEM_COLUMNS,
    RECORD,
    OutsideBatchError,
    UnfitRecordError,
    columns,
    item_rows,
    modified_at,
    row,
)

TEHRAN = ZoneInfo("Asia/Tehran")
MADE = {"tickets": help_desk, "customers": contact, "orders": sales_order}
CONFIG = {
    "kind": "vtiger",
    "base_url": "https://crm.example.com",
    "username": "warehouse",
    "access_key": "a key",
}


def configured(**changes: Any) -> VtigerConfig:
    config = parse_config(CONFIG | changes)
    assert isinstance(config, VtigerConfig)
    return config


def row_of(entity: str, fields: Any = None, **changes: Any) -> dict[str, Any]:
    record = MADE[entity](1, datetime(2026, 3, 20, tzinfo=UTC))
    times = {"createdtime": "2026-03-20 08:00:00", "modifiedtime": "2026-03-20 09:00:00"}
    chosen = configured(fields={entity: fields or {}}).fields_of(entity)
    values = row(entity, record | times | changes, chosen, TEHRAN, "IRR")
    return dict(zip(columns(entity, chosen), values, strict=True))


@pytest.mark.parametrize("entity", MADE)
def test_the_columns_are_the_contracts(entity: str) -> None:
    fields = configured().fields_of(entity)
    assert ENTITIES[entity].mapping_problems(columns(entity, fields)) == []
    assert ENTITIES["order_items"].mapping_problems(ITEM_COLUMNS) == []


def test_a_ticket_is_kept_as_received_with_its_zone() -> None:
    assert row_of("tickets") == {
        "ticket_id": "17x1",
        "created_at": "2026-03-20T08:00:00+03:30",
        "updated_at": "2026-03-20T09:00:00+03:30",
        "customer_id": "12x1",
        "channel": "PORTAL",
        "subject": "موضوع 1",
        "body": "سفارشم نرسید",
        "status": "Open",
        "priority": "High",
    }


def test_a_customer_is_kept_as_received() -> None:
    assert row_of("customers", emailoptout="1", donotcall="on") == {
        "customer_id": "12x1",
        "created_at": "2026-03-20T08:00:00+03:30",
        "updated_at": "2026-03-20T09:00:00+03:30",
        "email": "c1@example.com",
        "phone": "02188880000",
        "birth_date": "1991-03-21",
        "occupation": "مهندس",
        "region": "تهران",
        "city": "تهران",
        "country": "ایران",
        "full_name": "سارا محمدی 1",
        "party": "person",
        "is_employee": "false",
        "consents": json.dumps(
            {
                "email": {"state": "denied", "at": "2026-03-20T09:00:00+03:30"},
                "call": {"state": "denied", "at": "2026-03-20T09:00:00+03:30"},
            }
        ),
    }


@pytest.mark.parametrize(
    ("entity", "changes", "column", "value"),
    [
        ("tickets", {"ticket_title": ""}, "subject", ""),
        ("tickets", {"description": None}, "body", ""),
        ("tickets", {"contact_id": ""}, "customer_id", None),
        ("tickets", {"contact_id": None}, "customer_id", None),
        ("tickets", {"source": ""}, "channel", "unknown"),
        ("tickets", {"ticketstatus": ""}, "status", None),
        ("customers", {"mobile": "0912", "phone": "021"}, "phone", "0912"),
        ("customers", {"mobile": None, "phone": None}, "phone", None),
        ("customers", {"firstname": "", "lastname": "محمدی"}, "full_name", "محمدی"),
        ("customers", {"firstname": "", "lastname": ""}, "full_name", None),
        ("customers", {"birthday": ""}, "birth_date", None),
        ("customers", {"birthday": "0000-00-00"}, "birth_date", None),
        ("customers", {}, "consents", "{}"),
        ("orders", {"hdnS_H_Amount": ""}, "shipping_amount", "0"),
        ("orders", {"hdnSubTotal": ""}, "gross_amount", None),
        ("orders", {"hdnSubTotal": ""}, "tax_amount", None),
    ],
)
def test_what_a_record_lacks_is_empty_or_null(
    entity: str, changes: dict[str, Any], column: str, value: str | None
) -> None:
    assert row_of(entity, **changes)[column] == value


@pytest.mark.parametrize(
    ("changes", "amounts"),
    [
        ({}, ("1000.00000000", "100", "50.00000000", "81", "1031.00000000")),
        (
            {"hdnDiscountAmount": "30.5", "hdnDiscountPercent": ""},
            ("1000.00000000", "30.5", "50.00000000", "11.5", "1031.00000000"),
        ),
        (
            {"hdnDiscountPercent": "", "txtAdjustment": "-19"},
            ("1000.00000000", "0", "50.00000000", "0", "1031.00000000"),
        ),
        (
            {"hdnSubTotal": 1000, "hdnGrandTotal": Decimal("1031.10"), "hdnDiscountPercent": None},
            ("1000", "0", "50.00000000", "-18.90", "1031.10"),
        ),
    ],
)
def test_amounts_are_exact_and_the_tax_is_what_remains(
    changes: dict[str, Any], amounts: tuple[str, ...]
) -> None:
    found = row_of("orders", **changes)
    names = ("gross", "discount", "shipping", "tax", "total")
    assert [Decimal(found[f"{name}_amount"]) for name in names] == [*map(Decimal, amounts)]
    assert (found["currency"], found["direction"]) == ("IRR", "sale")


def test_numbers_of_any_length_are_read_exactly() -> None:
    text = "12345678901234567890.123456789012345"
    assert RECORD.decode(f'{{"hdnSubTotal":{text}}}')["hdnSubTotal"] == Decimal(text)


def test_fields_are_chosen_by_the_configuration() -> None:
    fields = {"order_id": "cf_order", "channel": None, "tags": "cf_tags", "priority": ["cf_p", "x"]}
    found = row_of("tickets", fields, cf_tags="دیرکرد |##| a,b", cf_p="", x="فوری")
    assert found["order_id"] == "6x1"
    assert found["channel"] == "unknown"
    assert found["tags"] == '{"دیرکرد","a,b"}'
    assert found["priority"] == "فوری"
    named = row_of("customers", {"full_name": "cf_name", "is_employee": "cf_e"}, cf_name="", cf_e=1)
    assert (named["full_name"], named["is_employee"]) == (None, "true")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": None}, "no id"),
        ({"id": "17"}, "no id"),
        ({"createdtime": "0000-00-00 00:00:00"}, "ordered_at: not a time"),
        ({"createdtime": "yesterday, 0912 345 6789"}, "ordered_at: not a time"),
        ({"hdnSubTotal": "a lot"}, "gross_amount: not a number"),
        ({"txtAdjustment": "a lot"}, "txtAdjustment: not a number"),
    ],
)
def test_a_record_that_makes_no_row_says_why_and_quotes_nothing(
    changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UnfitRecordError) as error:
        row_of("orders", **changes)
    assert str(error.value) == reason


def test_a_missing_custom_field_is_named() -> None:
    with pytest.raises(UnfitRecordError, match="no field cf_gone"):
        row_of("tickets", {"order_id": "cf_gone"})


BERLIN = ZoneInfo("Europe/Berlin")
# The clocks show 02:00 to 03:00 twice: first from 00:00, then from 01:00 in UTC.
AUTUMN = int(datetime(2026, 10, 25, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(("after", "hour"), [(AUTUMN, 0), (AUTUMN + 3600, 1)])
def test_an_hour_that_comes_twice_is_the_one_that_fits(after: int, hour: int) -> None:
    found = modified_at({"modifiedtime": "2026-10-25 02:30:00"}, BERLIN, after, after + 3600)
    assert found == datetime(2026, 10, 25, hour, 30, tzinfo=UTC)


def test_a_time_that_fits_in_no_way_is_of_another_zone() -> None:
    record = {"modifiedtime": "2026-10-25 12:00:00"}
    with pytest.raises(OutsideBatchError):
        modified_at(record, BERLIN, AUTUMN, AUTUMN + 3600)


def test_lines_of_an_order_have_prices_and_discounts_of_their_own() -> None:
    lines = [
        line(1, discount_amount="5.5"),
        line(2, discount_percent="10.000", product_name=None, comment="چای ممتاز"),
        line(3, sequence_no="", product_name="", quantity="0.125"),
    ]
    order = {"id": "6x1", "modifiedtime": "2026-03-20 09:00:00", "LineItems": lines}
    rows = [dict(zip(ITEM_COLUMNS, found, strict=True)) for found in item_rows(order, TEHRAN)]
    assert [found["line_no"] for found in rows] == ["1", "2", "3"]
    assert [found["product_id"] for found in rows] == ["14x1", "14x2", "14x3"]
    assert [found["product_name"] for found in rows] == ["چای 1", "چای ممتاز", "14x3"]
    assert [Decimal(str(found["discount_amount"])) for found in rows] == [Decimal("5.5"), 50, 0]
    assert rows[2]["quantity"] == "0.125"
    assert rows[0]["_changed_at"] == "2026-03-20T09:00:00+03:30"


@pytest.mark.parametrize("lines", [None, "none", [[]]])
def test_an_order_without_lines_is_no_order_to_land(lines: Any) -> None:
    order = {"id": "6x1", "modifiedtime": "2026-03-20 09:00:00", "LineItems": lines}
    with pytest.raises(UnfitRecordError, match="LineItems"):
        item_rows(order, TEHRAN)


def test_a_configuration_is_made_by_the_registry() -> None:
    config = configured(timezone="Asia/Tehran", fields={"tickets": {"order_id": "cf_855"}})
    assert config.entities == ("tickets", "customers", "orders", "order_items")
    assert config.fields_of("tickets")["order_id"] == ("cf_855",)
    assert "a key" not in repr(config)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"base_url": "http://crm.example.com"}, "base_url"),
        ({"access_key": ""}, "access_key"),
        ({"timezone": "Tehran"}, "timezone"),
        ({"currency": "Rial"}, "currency"),
        ({"entities": ["leads"]}, "entities"),
        ({"fields": {"leads": {}}}, "fields"),
        ({"fields": {"tickets": {"colour": "cf_1"}}}, "fields"),
        ({"fields": {"tickets": {"ticket_id": "cf_1"}}}, "fields"),
        ({"fields": {"tickets": {"subject": None}}}, "fields"),
        ({"fields": {"tickets": {"priority": []}}}, "fields"),
        ({"password": "x"}, "password"),
    ],
)
def test_a_wrong_key_is_named(change: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as error:
        parse_config(CONFIG | change)
    assert {found["loc"][0] for found in error.value.errors()} == {key}
