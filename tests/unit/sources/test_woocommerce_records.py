"""WooCommerce's records as columns of the contract."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError
from tests.http_servers import START
from tests.servers.woocommerce import address, customer, line, order, refund

from moshtari.landing.contract import ENTITIES
from moshtari.sources.registry import parse_config
from moshtari.sources.woocommerce_records import Customer, Order, Refund
from moshtari.sources.woocommerce_rows import (
    CUSTOMER_COLUMNS,
    ITEM_COLUMNS,
    ORDER_COLUMNS,
    REFUND_COLUMNS,
    customer_row,
    item_rows,
    meta_value,
    order_row,
    plain,
    refund_row,
)

CAMPAIGN = "_wc_order_attribution_utm_campaign"


def as_order(**changes: Any) -> Order:
    return msgspec.convert(order(1, START) | changes, Order)


def row_of(**changes: Any) -> dict[str, str | None]:
    return dict(zip(ORDER_COLUMNS, order_row(as_order(**changes), CAMPAIGN), strict=True))


def lines_of(**changes: Any) -> list[dict[str, str | None]]:
    rows = item_rows(as_order(line_items=[line(11, **changes)]))
    return [dict(zip(ITEM_COLUMNS, row, strict=True)) for row in rows]


def as_customer(**changes: Any) -> dict[str, str | None]:
    record = msgspec.convert(customer(7, START) | changes, Customer)
    return dict(zip(CUSTOMER_COLUMNS, customer_row(record, ("administrator",)), strict=True))


def refund_of(**changes: Any) -> dict[str, str | None]:
    record = msgspec.convert(refund(90, START) | changes, Refund)
    return dict(zip(REFUND_COLUMNS, refund_row(as_order(), record), strict=True))


@pytest.mark.parametrize(
    ("written", "line_no"), [("11", "11"), (11, "11"), ("۱۱", "11"), ("0x1F", None), ("1_1", None)]
)
def test_a_refunded_line_is_a_number(written: object, line_no: str | None) -> None:
    meta = [{"key": "_refunded_item_id", "value": written}]
    given = {"line_items": [line(900, quantity=-1, meta_data=meta)]}
    if line_no is None:
        with pytest.raises(ValueError, match="line_no: not a whole number"):
            refund_of(**given)
    else:
        assert refund_of(**given)["line_no"] == line_no


@pytest.mark.parametrize(
    ("entity", "columns"),
    [
        ("orders", ORDER_COLUMNS),
        ("order_items", ITEM_COLUMNS),
        ("customers", CUSTOMER_COLUMNS),
        ("refunds", REFUND_COLUMNS),
    ],
)
def test_the_columns_are_those_of_the_contract(entity: str, columns: tuple[str, ...]) -> None:
    assert ENTITIES[entity].mapping_problems(columns) == []


def test_an_orders_amounts_add_up_exactly() -> None:
    row = row_of()
    assert row["total_amount"] == "118.95"
    assert row["gross_amount"] == "100"
    gross, discount, shipping, tax, total = (
        Decimal(row[f"{name}_amount"] or "")
        for name in ("gross", "discount", "shipping", "tax", "total")
    )
    assert gross - discount + shipping + tax == total


def test_zeros_of_dp_are_dropped_and_large_amounts_keep_every_digit() -> None:
    row = row_of(total="123456789012345678.1000", total_tax="0.0000", discount_total="")
    assert row["total_amount"] == "123456789012345678.1"
    assert row["tax_amount"] == "0"
    assert row["discount_amount"] == "0"
    assert plain(Decimal("1E+3")) == "1000"


def test_only_a_guest_has_a_guests_address() -> None:
    account, guest = row_of(), row_of(customer_id=0)
    assert (account["customer_id"], account["guest_email"]) == ("7", None)
    assert guest["customer_id"] is None
    assert (guest["guest_email"], guest["guest_phone"]) == ("sara@example.com", "09120000000")
    blank = row_of(customer_id=0, billing=address(email="", phone=""))
    assert (blank["guest_email"], blank["guest_phone"]) == (None, None)


def test_times_are_utc_with_an_offset() -> None:
    row = row_of()
    assert row["updated_at"] == START.isoformat()
    assert row["updated_at"].endswith("+00:00")
    never = row_of(date_modified_gmt=None)
    assert never["updated_at"] == never["ordered_at"]


def test_coupons_and_campaign_keep_their_letters() -> None:
    row = row_of(coupon_lines=[{"code": 'ب"ه\\ار'}, {"code": "a,b"}])
    assert row["coupon_codes"] == '{"ب\\"ه\\\\ار","a,b"}'
    assert row["campaign"] == "بهار"


def test_an_order_in_the_trash_is_a_tombstone() -> None:
    assert row_of(status="trash")["_is_deleted"] == "true"
    items = item_rows(as_order(status="trash"))
    assert {row[-1] for row in items} == {"true"}


@pytest.mark.parametrize("text", ["ten", "NaN", "Infinity", "1,5"])
def test_an_amount_that_is_none_is_named_without_quoting_it(text: str) -> None:
    with pytest.raises(ValueError, match="total: not a number") as error:
        row_of(total=text)
    assert text not in str(error.value)


def test_a_lines_number_is_woocommerces_id_and_its_price_exact() -> None:
    (row,) = lines_of(variation_id=55)
    assert (row["line_no"], row["product_id"]) == ("11", "55")
    assert (row["unit_price"], row["discount_amount"]) == ("50", "10.5")
    assert lines_of(quantity=3, subtotal="10")[0]["unit_price"] == "3.333333"
    assert lines_of(quantity=0, subtotal="10")[0]["unit_price"] == "10"
    assert lines_of(quantity=Decimal("0.5"), subtotal="10")[0]["unit_price"] == "20"
    assert lines_of(sku=None, name=None)[0]["product_name"] == ""


def test_an_account_takes_what_it_lacks_from_its_address() -> None:
    row = as_customer(first_name="", last_name="", email="")
    assert row["full_name"] == "سارا کریمی"
    assert row["email"] == "sara@example.com"
    assert (row["party"], row["is_employee"]) == ("person", "false")
    firm = as_customer(billing=address(company="شرکت"), role="administrator")
    assert (firm["party"], firm["organization_name"]) == ("organization", "شرکت")
    assert firm["is_employee"] == "true"
    assert as_customer(date_modified_gmt=None)["updated_at"] == "2025-06-01T08:00:00+00:00"


def test_a_refund_of_goods_is_a_return_and_one_of_money_a_compensation() -> None:
    row = refund_of()
    assert (row["kind"], row["line_no"], row["amount"]) == ("return", "11", "50")
    assert row["requested_at"] == row["completed_at"] == START.isoformat()
    assert row["currency"] == "IRT"
    money = refund_of(line_items=[], amount="-5.00", reason="")
    assert (money["kind"], money["line_no"], money["amount"]) == ("compensation", None, "5")
    assert money["reason"] is None
    two = refund_of(line_items=[line(1, quantity=-1), line(2, quantity=-1)])
    assert two["line_no"] is None


@pytest.mark.parametrize(
    ("meta_data", "found"),
    [
        ([{"key": "k", "value": " v "}], "v"),
        ([{"key": "k", "value": 5}], "5"),
        ({"0": {"key": "k", "value": "v"}}, "v"),
        ([{"key": "k", "value": {"a": 1}}], None),
        ([{"key": "k", "value": True}], None),
        ([{"key": "k"}, "no entry", None], None),
        ("text", None),
        (None, None),
    ],
)
def test_meta_data_may_be_anything(meta_data: object, found: str | None) -> None:
    assert meta_value(meta_data, "k") == found


def config(**changes: Any) -> dict[str, Any]:
    given = {"base_url": "https://shop.example", "consumer_key": "ck", "consumer_secret": "cs"}
    return {"kind": "woocommerce", **given, **changes}


def test_a_configuration_is_taken() -> None:
    parsed = parse_config(config(entities=["orders"], decimals=2))
    assert "cs" not in repr(parsed).replace("customers", "")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"base_url": "http://shop.example"}, "use https"),
        ({"entities": ["payments"]}, "entities"),
        ({"page_size": 101}, "page_size"),
        ({"consumer": "x"}, "consumer"),
        ({"entities": []}, "entities"),
    ],
)
def test_a_wrong_configuration_is_told(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        parse_config(config(**change))
