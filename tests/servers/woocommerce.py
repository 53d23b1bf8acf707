"""WooCommerce's REST API v3 over rows in memory, as the real one answers.

Written after the plugin's own controllers: parameters it does not know are ignored, those out of
range are refused; `status=any` leaves out the trash and checkout drafts; `after` and `before` leave
out the second itself; a time with an offset is turned into the shop's zone before it is compared,
`dates_are_gmt` or not; amounts are rounded to `dp`, by default to the decimals the shop shows;
accounts are customers only, by name, unless asked otherwise.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.http_servers import CONTEXT, Sleeps

from moshtari.sources.http_config import HttpPolicy
from moshtari.sources.woocommerce import WooCommerceConfig, WooCommerceSource

KEY, SECRET = "ck_open", "cs_sesame"
ZONE = ZoneInfo("Asia/Tehran")
FORGOTTEN = "packed"
"""The status of a plugin that is no more: no list shows its orders."""
Row = dict[str, Any]

_ORDERBY = {
    "orders": {"date", "id", "include", "title", "slug", "modified"},
    "customers": {"id", "include", "name", "registered_date"},
}
_AMOUNTS = ("discount_total", "shipping_total", "total_tax", "total", "amount")
_LINE_AMOUNTS = ("subtotal", "total")


@dataclass
class Shop:
    """A shop's rows. `meanwhile` is called with the number of each request, before its answer."""

    orders: list[Row] = field(default_factory=list)
    refunds: dict[int, list[Row]] = field(default_factory=dict)
    customers: list[Row] = field(default_factory=list)
    shown_decimals: int = 0
    meanwhile: Callable[[int], None] = lambda _number: None
    revoked_after: int | None = None
    requests: list[Request] = field(default_factory=list)

    def order(self, key: int) -> Row:
        return next(row for row in self.orders if row["id"] == key)

    def touch(self, key: int, at: datetime, **changes: Any) -> None:
        """Save an order: its time of change moves."""
        self.order(key).update(date_modified_gmt=_text(at), **changes)

    def forget(self) -> None:
        self.orders, self.refunds, self.customers, self.requests = [], {}, [], []
        self.meanwhile, self.revoked_after = (lambda _number: None), None


def create_app(shop: Shop) -> Starlette:
    def guarded(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def endpoint(request: Request) -> Response:
            shop.requests.append(request)
            number = len(shop.requests)
            token = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
            revoked = shop.revoked_after is not None and number > shop.revoked_after
            if revoked or request.headers.get("authorization") != f"Basic {token}":
                return refusal(401, "woocommerce_rest_authentication_error")
            shop.meanwhile(number)
            return answer(request)

        return endpoint

    def orders(request: Request) -> Response:
        wrong = _wrong_parameter(request, "orders")
        if wrong:
            return refusal(400, "rest_invalid_param", f"Invalid parameter(s): {wrong}")
        asked = request.query_params
        rows = [row for row in shop.orders if _has_status(row, asked.get("status", "any"))]
        rows = [row for row in rows if _is_asked_for(row, request)]
        rows.sort(
            key=lambda row: _order_of(row, asked.get("orderby", "date")),
            reverse=asked.get("order", "desc") == "desc",
        )
        return _page(request, rows, _decimals(request, shop))

    def order(request: Request) -> Response:
        key = request.path_params["order"]
        found = next((row for row in shop.orders if row["id"] == key), None)
        if found is None:
            return refusal(404, "woocommerce_rest_shop_order_invalid_id")
        fields = request.query_params.get("_fields")
        return JSONResponse(_shown(found, fields, _decimals(request, shop)))

    def refunds(request: Request) -> Response:
        key = request.path_params["order"]
        if not any(row["id"] == key for row in shop.orders):
            return refusal(404, "woocommerce_rest_invalid_order_id")
        rows = sorted(shop.refunds.get(key, []), key=lambda row: int(row["id"]))
        if request.query_params.get("order", "desc") == "desc":
            rows.reverse()
        return _page(request, rows, _decimals(request, shop))

    def customers(request: Request) -> Response:
        wrong = _wrong_parameter(request, "customers")
        if wrong:
            return refusal(400, "rest_invalid_param", f"Invalid parameter(s): {wrong}")
        asked = request.query_params
        role = asked.get("role", "customer")
        rows = [row for row in shop.customers if role in ("all", row["role"])]
        by = {"id": "id", "registered_date": "date_created_gmt"}.get(
            asked.get("orderby", "name"), "username"
        )
        rows.sort(key=lambda row: row[by], reverse=asked.get("order", "asc") == "desc")
        return _page(request, rows, None)

    def refund(request: Request) -> Response:
        key, parent = request.path_params["refund"], request.path_params["order"]
        rows = [(owner, row) for owner, rows in shop.refunds.items() for row in rows]
        found = next((pair for pair in rows if pair[1]["id"] == key), None)
        if found is None:
            return refusal(404, "woocommerce_rest_shop_order_refund_invalid_id")
        if found[0] != parent:
            # The plugin gives this one its status in a way that WordPress does not understand.
            return refusal(500, "woocommerce_rest_invalid_order_refund_id")
        fields = request.query_params.get("_fields")
        return JSONResponse(_shown(found[1], fields, _decimals(request, shop)))

    def customer(request: Request) -> Response:
        key = request.path_params["customer"]
        found = next((row for row in shop.customers if row["id"] == key), None)
        if found is None:
            return refusal(404, "woocommerce_rest_invalid_id")
        return JSONResponse(_shown(found, request.query_params.get("_fields"), None))

    async def no_route(_: Request, __: Exception) -> Response:
        return refusal(404, "rest_no_route")

    return Starlette(
        routes=[
            Route("/wp-json/wc/v3/orders", guarded(orders)),
            Route("/wp-json/wc/v3/orders/{order:int}", guarded(order)),
            Route("/wp-json/wc/v3/orders/{order:int}/refunds", guarded(refunds)),
            Route("/wp-json/wc/v3/orders/{order:int}/refunds/{refund:int}", guarded(refund)),
            Route("/wp-json/wc/v3/customers", guarded(customers)),
            Route("/wp-json/wc/v3/customers/{customer:int}", guarded(customer)),
        ],
        exception_handlers={404: no_route},
    )


def refusal(status: int, code: str, message: str = "Nope, علی") -> Response:
    """An error as WordPress writes it."""
    body = {"code": code, "message": message, "data": {"status": status}}
    return JSONResponse(body, status_code=status)


def _wrong_parameter(request: Request, collection: str) -> str | None:
    asked = request.query_params
    if asked.get("orderby", "id") not in _ORDERBY[collection]:
        return "orderby"
    if asked.get("order", "asc") not in ("asc", "desc"):
        return "order"
    if not 1 <= int(asked.get("per_page", 10)) <= 100:
        return "per_page"
    return None


def _has_status(row: Row, status: str) -> bool:
    if status == "any":
        return row["status"] not in ("trash", "checkout-draft", "auto-draft", FORGOTTEN)
    return bool(row["status"] == status)


def _is_asked_for(row: Row, request: Request) -> bool:
    asked = request.query_params
    gmt = asked.get("dates_are_gmt") in ("true", "1")
    changed = row["date_modified_gmt"]
    for name, later in (("modified_after", True), ("modified_before", False)):
        if name not in asked:
            continue
        if changed is None:
            return False
        bound = datetime.fromisoformat(asked[name])
        if bound.tzinfo is not None:
            bound = bound.astimezone(ZONE).replace(tzinfo=None)
        at = datetime.fromisoformat(changed)
        if not gmt:
            at = at.replace(tzinfo=UTC).astimezone(ZONE).replace(tzinfo=None)
        if (at <= bound) if later else (at >= bound):
            return False
    return True


def _order_of(row: Row, orderby: str) -> tuple[str, int]:
    if orderby == "modified":
        return (row["date_modified_gmt"] or "", row["id"])
    if orderby == "date":
        return (row["date_created_gmt"], row["id"])
    return ("", row["id"])


def _decimals(request: Request, shop: Shop) -> int:
    return int(request.query_params.get("dp", shop.shown_decimals))


def _page(request: Request, rows: list[Row], decimals: int | None) -> Response:
    asked = request.query_params
    size, number = int(asked.get("per_page", 10)), int(asked.get("page", 1))
    at = int(asked.get("offset", 0)) or (number - 1) * size
    page = [_shown(row, asked.get("_fields"), decimals) for row in rows[at : at + size]]
    pages = -(-len(rows) // size)
    headers = {"X-WP-Total": str(len(rows)), "X-WP-TotalPages": str(pages)}
    return JSONResponse(page, headers=headers)


def _shown(row: Row, fields: str | None, decimals: int | None) -> Row:
    shown = deepcopy(row)
    if decimals is not None:
        _round(shown, _AMOUNTS, decimals)
        for found in shown.get("line_items", []):
            if isinstance(found, dict):
                _round(found, _LINE_AMOUNTS, decimals)
    if fields is not None:
        shown = {name: value for name, value in shown.items() if name in fields.split(",")}
    return shown


def _round(row: Row, names: tuple[str, ...], decimals: int) -> None:
    """As `wc_format_decimal`: through a float, and '' stays ''."""
    for name in names:
        if row.get(name, "x")[-1:].isdigit():
            row[name] = f"{float(row[name]):.{decimals}f}"


def _text(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat()


def order(key: int, changed: datetime | None, **changes: Any) -> Row:
    """An order as the database has it; amounts with more decimals than the shop shows."""
    created = (changed or datetime(2026, 1, 1, tzinfo=UTC)) - timedelta(hours=1)
    row = {
        "id": key,
        "parent_id": 0,
        "number": str(key),
        "status": "processing",
        "currency": "IRT",
        "created_via": "checkout",
        "date_created_gmt": _text(created),
        "date_modified_gmt": None if changed is None else _text(changed),
        "discount_total": "10.5",
        "discount_tax": "1.05",
        "shipping_total": "20",
        "total_tax": "9.45",
        "total": "118.95",
        "customer_id": 7,
        "billing": address(),
        "line_items": [line(key * 10 + 1), line(key * 10 + 2, quantity=3, subtotal="10")],
        "coupon_lines": [{"id": 1, "code": "نوروز", "discount": "10.5"}],
        "fee_lines": [],
        "refunds": [],
        "meta_data": [
            {"id": 1, "key": "_wc_order_attribution_utm_campaign", "value": "بهار"},
            {"id": 2, "key": "_x", "value": {"any": ["thing"]}},
        ],
        "date_paid_gmt": None,
        "transaction_id": "",
    }
    return row | changes


def line(key: int, **changes: Any) -> Row:
    row = {
        "id": key,
        "name": f"چای {key}",
        "product_id": 5,
        "variation_id": 0,
        "quantity": 2,
        "subtotal": "100",
        "total": "89.5",
        "sku": "TEA",
        "price": 44.75,
        "meta_data": [],
    }
    return row | changes


def address(**changes: Any) -> Row:
    row = {
        "first_name": "سارا",
        "last_name": "کریمی",
        "company": "",
        "city": "تهران",
        "state": "THR",
        "country": "IR",
        "email": "sara@example.com",
        "phone": "09120000000",
    }
    return row | changes


def refund(key: int, created: datetime, **changes: Any) -> Row:
    returned = line(
        key * 10,
        quantity=-1,
        subtotal="-50",
        total="-50",
        meta_data=[{"id": 3, "key": "_refunded_item_id", "value": "11"}],
    )
    row = {
        "id": key,
        "date_created_gmt": _text(created),
        "amount": "50.00",
        "reason": "شکسته بود",
        "refunded_by": 1,
        "refunded_payment": False,
        "meta_data": [],
        "line_items": [returned],
        "shipping_lines": [],
        "tax_lines": [],
        "fee_lines": [],
    }
    return row | changes


def customer(key: int, changed: datetime | None, **changes: Any) -> Row:
    row = {
        "id": key,
        "date_created_gmt": "2025-06-01T08:00:00",
        "date_modified_gmt": None if changed is None else _text(changed),
        "email": f"c{key}@example.com",
        "first_name": "سارا",
        "last_name": f"کریمی {key}",
        "role": "customer",
        "username": f"c{key}",
        "billing": address(),
        "meta_data": [],
    }
    return row | changes


def woocommerce(base_url: str, *, sleep: Any = None, **config: Any) -> WooCommerceSource:
    http = HttpPolicy(**{"timeout_seconds": 5, "tries": 4} | config.pop("http", {}))
    given = {
        "kind": "woocommerce",
        "base_url": base_url,
        "consumer_key": KEY,
        "consumer_secret": SECRET,
        "http": http,
    }
    parsed = WooCommerceConfig(**given | config)
    return WooCommerceSource("shop", parsed, CONTEXT, sleep=Sleeps() if sleep is None else sleep)
