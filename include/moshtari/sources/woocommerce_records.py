"""What WooCommerce sends, as typed records."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, TypeAlias

import msgspec

Naive: TypeAlias = Annotated[datetime, msgspec.Meta(tz=False)]

TRASH = "trash"


class Head(msgspec.Struct):
    """What paging needs of a record."""

    id: int
    date_modified_gmt: Naive | None = None


class Address(msgspec.Struct):
    """The billing address of an order or an account."""

    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None
    email: str | None = None
    phone: str | None = None


class Coupon(msgspec.Struct):
    """A coupon used in an order."""

    code: str


class LineItem(msgspec.Struct):
    """A line of an order, or of a refund (quantity and totals negative).

    `price` is left alone: it is a float. `meta_data` is whatever plugins put there.
    """

    id: int
    name: str | None = None
    product_id: int | str | None = None
    variation_id: int | None = None
    quantity: Decimal = Decimal(0)
    subtotal: str = ""
    total: str = ""
    sku: str | None = None
    meta_data: object = None


class RefundStub(msgspec.Struct):
    """What an order tells of its refunds."""

    id: int


class Order(msgspec.Struct):
    """An order; its amounts are decimals written as text."""

    id: int
    status: str
    currency: str
    total: str
    date_created_gmt: Naive | None = None
    date_modified_gmt: Naive | None = None
    discount_total: str = ""
    shipping_total: str = ""
    total_tax: str = ""
    customer_id: int = 0
    created_via: str | None = None
    billing: Address | None = None
    coupon_lines: list[Coupon] = []
    line_items: list[LineItem] = []
    refunds: list[RefundStub] = []
    meta_data: object = None


class Customer(msgspec.Struct):
    """An account."""

    id: int
    date_created_gmt: Naive | None = None
    date_modified_gmt: Naive | None = None
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    role: str | None = None
    billing: Address | None = None


class Refund(msgspec.Struct):
    """A refund of one order; `amount` is positive."""

    id: int
    amount: str
    date_created_gmt: Naive | None = None
    reason: str | None = None
    line_items: list[LineItem] = []
    shipping_lines: list[msgspec.Raw] = []
    fee_lines: list[msgspec.Raw] = []


ORDER_FIELDS = (
    "id", "status", "currency", "total", "date_created_gmt", "date_modified_gmt",
    "discount_total", "shipping_total", "total_tax", "customer_id", "created_via", "billing",
    "coupon_lines", "line_items", "refunds", "meta_data",
)  # fmt: skip
CUSTOMER_FIELDS = (
    "id", "date_created_gmt", "date_modified_gmt", "email", "first_name", "last_name", "role",
    "billing",
)  # fmt: skip
