"""How WooCommerce's records become columns of the contract."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from moshtari.sources.base import array_text
from moshtari.sources.woocommerce_records import TRASH, Address, Customer, Order, Refund, RefundStub

Row: TypeAlias = tuple[str | None, ...]

REFUNDED_ITEM = "_refunded_item_id"

_UNIT_PRICE = Decimal("1e-6")

ORDER_COLUMNS = (
    "order_id", "customer_id", "guest_email", "guest_phone", "ordered_at", "updated_at", "status",
    "currency", "gross_amount", "discount_amount", "shipping_amount", "tax_amount", "total_amount",
    "coupon_codes", "channel", "campaign", "direction", "_is_deleted",
)  # fmt: skip
ITEM_COLUMNS = (
    "order_id", "line_no", "product_id", "sku", "product_name", "quantity", "unit_price",
    "discount_amount", "_changed_at", "_is_deleted",
)  # fmt: skip
CUSTOMER_COLUMNS = (
    "customer_id", "created_at", "updated_at", "full_name", "email", "phone", "region", "city",
    "country", "party", "organization_name", "is_employee",
)  # fmt: skip
REFUND_COLUMNS = (
    "refund_id", "order_id", "line_no", "amount", "currency", "kind", "reason", "requested_at",
    "completed_at", "_is_deleted",
)  # fmt: skip


def order_row(order: Order, campaign_from: str | None) -> Row:
    """An order as ORDER_COLUMNS; one in the trash is a tombstone.

    Goods are what the total leaves without shipping and tax, before discounts: fees are among
    them, and the amounts add up. Raises ValueError naming the amount that is no number.
    """
    total, tax = _amount(order.total, "total"), _amount(order.total_tax, "total_tax")
    shipping = _amount(order.shipping_total, "shipping_total")
    discount = _amount(order.discount_total, "discount_total")
    guest = order.billing if order.customer_id == 0 and order.billing else Address()
    return (
        str(order.id),
        str(order.customer_id) if order.customer_id else None,
        guest.email or None,
        guest.phone or None,
        instant(order.date_created_gmt),
        instant(order.date_modified_gmt or order.date_created_gmt),
        order.status,
        order.currency,
        plain(total - tax - shipping + discount),
        plain(discount),
        plain(shipping),
        plain(tax),
        plain(total),
        array_text([coupon.code for coupon in order.coupon_lines]),
        order.created_via or None,
        meta_value(order.meta_data, campaign_from) if campaign_from else None,
        "sale",
        str(order.status == TRASH).lower(),
    )


def item_rows(order: Order) -> Iterator[Row]:
    """The lines of an order as ITEM_COLUMNS. Raises ValueError naming the amount that is none.

    A line's number is WooCommerce's id of it, which stays when a line before it is removed.
    """
    for item in order.line_items:
        subtotal, total = _amount(item.subtotal, "subtotal"), _amount(item.total, "total")
        yield (
            str(order.id),
            str(item.id),
            str(item.variation_id or item.product_id or 0),
            item.sku or None,
            item.name or "",
            plain(item.quantity),
            plain(_each(subtotal, item.quantity)),
            plain(subtotal - total),
            instant(order.date_modified_gmt or order.date_created_gmt),
            str(order.status == TRASH).lower(),
        )


def customer_row(customer: Customer, employee_roles: tuple[str, ...]) -> Row:
    """An account as CUSTOMER_COLUMNS; what it lacks is taken from its billing address."""
    billing = customer.billing or Address()
    return (
        str(customer.id),
        instant(customer.date_created_gmt),
        instant(changed(customer)),
        _name(customer.first_name, customer.last_name)
        or _name(billing.first_name, billing.last_name),
        customer.email or billing.email or None,
        billing.phone or None,
        billing.state or None,
        billing.city or None,
        billing.country or None,
        "organization" if billing.company else "person",
        billing.company or None,
        str(customer.role in employee_roles).lower(),
    )


def refund_row(order: Order, refund: Refund) -> Row:
    """A refund as REFUND_COLUMNS: money is back when WooCommerce has it. Raises ValueError.

    WooCommerce does not say why. Goods that came back make a return, an amount alone is a
    compensation.
    """
    returned = any(item.quantity for item in refund.line_items)
    at = instant(refund.date_created_gmt)
    return (
        str(refund.id),
        str(order.id),
        _refunded_line(refund),
        plain(abs(_amount(refund.amount, "amount"))),
        order.currency,
        "return" if returned else "compensation",
        refund.reason or None,
        at,
        at,
        "false",
    )


def refund_tombstone(order: Order, refund: RefundStub) -> Row:
    """A refund of an order that is in the trash."""
    return (str(refund.id), str(order.id), *[None] * (len(REFUND_COLUMNS) - 3), "true")


def changed(record: Order | Customer) -> datetime | None:
    """When the record last changed, naive UTC; an account that never did has its creation."""
    return record.date_modified_gmt or record.date_created_gmt


def instant(at: datetime | None) -> str | None:
    """The naive UTC of a `_gmt` field with its offset."""
    return None if at is None else at.replace(tzinfo=UTC).isoformat()


def plain(value: Decimal) -> str:
    """A decimal without an exponent and without zeros that only `dp` put there."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def meta_value(meta_data: object, key: str) -> str | None:
    """A text or number among meta data, which may be of any shape."""
    entries = meta_data.values() if isinstance(meta_data, dict) else meta_data
    if not isinstance(entries, list | type({}.values())):
        return None
    for entry in entries:
        if isinstance(entry, dict) and entry.get("key") == key:
            value = entry.get("value")
            if isinstance(value, str | int) and not isinstance(value, bool):
                return str(value).strip() or None
    return None


def _amount(text: str, name: str) -> Decimal:
    """An amount; WooCommerce writes '' where an old order has none."""
    if not text:
        return Decimal(0)
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{name}: not a number") from None
    if not value.is_finite():
        raise ValueError(f"{name}: not a number")
    return value


def _each(subtotal: Decimal, quantity: Decimal) -> Decimal:
    """The price of one; a third of something is cut after six decimals."""
    if not quantity:
        return subtotal
    price = subtotal / quantity
    return price if price * quantity == subtotal else price.quantize(_UNIT_PRICE)


def _name(first: str | None, last: str | None) -> str | None:
    return " ".join(part.strip() for part in (first, last) if part and part.strip()) or None


def _refunded_line(refund: Refund) -> str | None:
    """The order's line, when the refund is of that one alone. Raises ValueError."""
    if len(refund.line_items) != 1 or refund.shipping_lines or refund.fee_lines:
        return None
    number = meta_value(refund.line_items[0].meta_data, REFUNDED_ITEM)
    if number is None:
        return None
    if not number.isdecimal():
        raise ValueError("line_no: not a whole number")
    return str(int(number))
