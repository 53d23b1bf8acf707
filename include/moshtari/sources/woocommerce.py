"""WooCommerce: orders, their lines and refunds, and accounts, by the REST API v3 (5.8 or newer).

A key with permission *Read* is needed. What the API cannot tell, and what follows from it:

- Orders, lines and refunds come by the order's `date_modified_gmt`; a refund moves it. The present
  state only: an order changed again after the window's end is left for that later day.
- Accounts have no filter by change, and their `date_modified_gmt` does not move with every change:
  all of them are read every night, and landing drops what it has. Those that say they changed after
  the window's end are left for their own day.
- An order in the trash is a tombstone, its lines and refunds too. What is deleted for good shows
  only where keys are compared (`reconcile`, see `woocommerce_keys`): a line taken out of an order,
  a refund, an account, an order whose trash was emptied.
- `any` status leaves out drafts of the checkout, and orders whose status no plugin knows any more.
- Amounts are rounded to the decimals asked for, and pass through a float of the shop: four decimals
  are exact below a hundred billion.
- Only the last payment of an order is known and no failed attempt, so there are no `payments`: they
  would say that every checkout went well.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Annotated, ClassVar, Literal

import httpx
import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from moshtari.sources.base import (
    Batch,
    CheckResult,
    KeptRecord,
    RejectedRecord,
    TextRows,
    Window,
)
from moshtari.sources.http import HttpClient
from moshtari.sources.http_config import HttpPolicy, checked_base_url
from moshtari.sources.http_source import HttpSource
from moshtari.sources.json_records import COMES_LATER, decode_record, reject_once, text_rows
from moshtari.sources.woocommerce_http import WordPress
from moshtari.sources.woocommerce_keys import ASKED_BY, are_gone, fields_of, keys_of
from moshtari.sources.woocommerce_pages import (
    CUSTOMERS,
    ORDERS,
    PAGE,
    Collections,
    Query,
    naive,
    once,
)
from moshtari.sources.woocommerce_records import (
    CUSTOMER_FIELDS,
    ORDER_FIELDS,
    TRASH,
    Customer,
    Order,
    Refund,
)
from moshtari.sources.woocommerce_replay import replay_refunds, replay_rows
from moshtari.sources.woocommerce_rows import (
    CUSTOMER_COLUMNS,
    ITEM_COLUMNS,
    ORDER_COLUMNS,
    REFUND_COLUMNS,
    Row,
    changed,
    customer_row,
    item_rows,
    order_row,
    refund_row,
    refund_tombstone,
)

_ORDER = msgspec.json.Decoder(Order)
_CUSTOMER = msgspec.json.Decoder(Customer)
_REFUND = msgspec.json.Decoder(Refund)
_KEY = (
    "See that consumer_key and consumer_secret are right and not revoked (WooCommerce, Settings, "
    "Advanced, REST API), and that the web server passes the header Authorization on"
)
_REMEDIES = {
    400: "WooCommerce 5.8 or newer is needed, for orders by the time of their change",
    401: _KEY,
    403: "Give the key the permission Read, and an owner who may see orders and customers",
    404: "See that base_url is the shop's own address, WooCommerce is active and permalinks are "
    "not *Plain*; an order that was deleted meanwhile needs another run only",
    429: "Raise http.tries and http.longest_wait_seconds, or have this machine's address excepted "
    "from the host's rate limit",
}

Entity = Literal["orders", "customers", "order_items", "refunds"]


class WooCommerceConfig(BaseModel):
    """One shop, as the deployment's YAML describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["woocommerce"]
    base_url: Annotated[str, AfterValidator(checked_base_url)]
    consumer_key: SecretStr = Field(min_length=1)
    consumer_secret: SecretStr = Field(min_length=1)
    entities: tuple[Entity, ...] = Field(
        default=("orders", "customers", "order_items", "refunds"), min_length=1
    )
    decimals: int = Field(default=4, ge=0, le=8)
    """Decimals that amounts are asked with; without, the shop rounds them to those it shows."""
    campaign_from: str | None = "_wc_order_attribution_utm_campaign"
    """The meta key of an order that holds the campaign."""
    employee_roles: tuple[str, ...] = ("administrator", "shop_manager")
    page_size: int = Field(default=100, ge=2, le=100)
    lookback_hours: float = Field(default=1, ge=0, le=24 * 31)
    http: HttpPolicy = HttpPolicy()


class WooCommerceSource(HttpSource[WooCommerceConfig]):
    """Reads orders, order lines, refunds and accounts of one shop."""

    kind: ClassVar[str] = "woocommerce"
    Config: ClassVar[type[BaseModel]] = WooCommerceConfig

    def entities(self) -> tuple[str, ...]:
        return tuple(self._config.entities)

    def read(self, entity: str, window: Window) -> Iterator[Batch]:
        """The window's changes; SourceError when the shop cannot be read whole."""
        if entity not in self._config.entities:
            raise ValueError(f"source {self.name} supplies no {entity}")
        with self._client() as client:
            if entity == "customers":
                yield from reject_once(self._customers(client, window))
            elif entity == "refunds":
                yield from reject_once(self._refunds(client, window))
            else:
                yield from reject_once(self._orders(entity, client, window))

    def replay(self, entity: str, records: Sequence[KeptRecord], window: Window) -> Iterator[Batch]:
        """What was kept, decoded again; a refund with its order of today."""
        config = self._config
        if entity == "refunds":
            with self._client() as client:
                details = self._collections(entity, client)
                yield from replay_refunds(client, records, details, naive(window.end))
        elif entity == "customers":

            def account(found: Customer) -> list[Row]:
                at = changed(found)
                if at is not None and at >= naive(window.end):
                    raise ValueError(COMES_LATER)
                return [customer_row(found, config.employee_roles)]

            yield from replay_rows(records, CUSTOMER_COLUMNS, Customer, account)
        elif entity == "orders":

            def order(found: Order) -> list[Row]:
                return [order_row(found, config.campaign_from)]

            yield from replay_rows(records, ORDER_COLUMNS, Order, order)
        else:
            yield from replay_rows(records, ITEM_COLUMNS, Order, lambda o: list(item_rows(o)))

    def keys(self, entity: str, window: Window) -> Generator[TextRows]:
        """The keys of what the shop lists; SourceError when it cannot be read whole."""
        with self._client() as client:
            query: Query = {"_fields": fields_of(entity)}
            pages = Collections(self.name, entity, client, self._config.page_size, query)
            yield from keys_of(entity, pages)

    def asked_by(self, entity: str) -> tuple[str, ...]:
        return ASKED_BY[entity]

    def are_gone(self, entity: str, rows: Iterable[Sequence[str | None]]) -> Generator[bool]:
        """Whether the shop knows no such record any more; SourceError where it does not say."""
        with self._client() as client:
            yield from are_gone(entity, client, rows)

    def check(self) -> list[CheckResult]:
        """Asks for one record of each: that takes connection, key, permission and version."""
        modified: Query = {"per_page": 1, "orderby": "modified", "order": "asc"}
        accounts: Query = {"per_page": 1, "role": "all", "orderby": "id", "order": "asc"}
        detail = f"{self._config.base_url} shows them"
        results = []
        with self._client(tries=2) as client:
            for entity in self.entities():
                path, query = (CUSTOMERS, accounts) if entity == "customers" else (ORDERS, modified)
                results.append(self._checked(client, entity, path, query, PAGE, detail))
        return results

    def _client(self, tries: int | None = None) -> HttpClient:
        config = self._config
        auth = httpx.BasicAuth(
            config.consumer_key.get_secret_value(), config.consumer_secret.get_secret_value()
        )
        policy = config.http.patience(tries)
        return WordPress(
            self.name, config.base_url, policy, auth=auth, remedies=_REMEDIES, sleep=self._sleep
        )

    def _collections(
        self, entity: str, client: HttpClient, fields: tuple[str, ...] = ()
    ) -> Collections:
        query: Query = {"_fields": ",".join(fields)} if fields else {}
        if entity != "customers":
            query["dp"] = self._config.decimals
        return Collections(self.name, entity, client, self._config.page_size, query)

    def _orders(self, entity: str, client: HttpClient, window: Window) -> Iterator[Batch]:
        columns = ORDER_COLUMNS if entity == "orders" else ITEM_COLUMNS
        for page in once(self._collections(entity, client, ORDER_FIELDS).orders(window)):
            batch = _Rows(columns)
            for raw in page:
                order = decode_record(raw, _ORDER, "order", "an order without id")
                if isinstance(order, RejectedRecord):
                    yield order
                    continue
                position = f"order {order.id}"
                try:
                    if entity == "orders":
                        batch.add(order_row(order, self._config.campaign_from), position, raw)
                        continue
                    for row in list(item_rows(order)):
                        batch.add(row, f"{position}, line {row[1]}", raw)
                except ValueError as error:
                    yield RejectedRecord(position, str(error), bytes(raw))
            yield from batch.whole()

    def _refunds(self, client: HttpClient, window: Window) -> Iterator[Batch]:
        listed = self._collections("refunds", client, ORDER_FIELDS)
        details = self._collections("refunds", client)
        for page in once(listed.orders(window)):
            batch = _Rows(REFUND_COLUMNS)
            for raw in page:
                order = decode_record(raw, _ORDER, "order", "an order without id")
                if isinstance(order, RejectedRecord):
                    yield order
                elif order.status == TRASH:
                    for stub in order.refunds:
                        position = f"order {order.id}, refund {stub.id}"
                        batch.add(refund_tombstone(order, stub), position, raw)
                elif order.refunds:
                    for refunds in once(details.refunds(order.id)):
                        yield from self._refund_rows(order, refunds, batch, naive(window.end))
            yield from batch.whole()

    def _refund_rows(
        self, order: Order, refunds: list[msgspec.Raw], batch: _Rows, end: datetime
    ) -> Iterator[RejectedRecord]:
        what = f"order {order.id}, refund"
        for raw in refunds:
            refund = decode_record(raw, _REFUND, what, f"order {order.id}, a refund without id")
            if isinstance(refund, RejectedRecord):
                yield refund
                continue
            try:
                row = refund_row(order, refund)
            except ValueError as error:
                yield RejectedRecord(f"{what} {refund.id}", str(error), bytes(raw))
                continue
            if refund.date_created_gmt is None or refund.date_created_gmt < end:
                batch.add(row, f"{what} {refund.id}", raw)

    def _customers(self, client: HttpClient, window: Window) -> Iterator[Batch]:
        end = naive(window.end)
        for page in once(self._collections("customers", client, CUSTOMER_FIELDS).customers()):
            batch = _Rows(CUSTOMER_COLUMNS)
            for raw in page:
                customer = decode_record(raw, _CUSTOMER, "customer", "a customer without id")
                if isinstance(customer, RejectedRecord):
                    yield customer
                    continue
                at = changed(customer)
                if at is None or at < end:
                    row = customer_row(customer, self._config.employee_roles)
                    batch.add(row, f"customer {customer.id}", raw)
            yield from batch.whole()


class _Rows:
    """Rows of one page, with where each stands and what it came from."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._columns = columns
        self._rows: list[tuple[Row, str, bytes]] = []

    def add(self, row: Row, position: str, raw: msgspec.Raw) -> None:
        self._rows.append((row, position, bytes(raw)))

    def whole(self) -> Iterator[TextRows]:
        yield from text_rows(self._columns, self._rows, exact=True)
