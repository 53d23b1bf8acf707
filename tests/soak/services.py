"""A help desk, a web shop and a network behind HTTP: the contract servers over rows in memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

from starlette.types import ASGIApp
from tests.file_servers import Line
from tests.http_servers import (
    EMAIL,
    TOKEN,
    MemoryHelpDesk,
    MemorySocial,
    comment,
    post,
    status_change,
    ticket,
    user,
)
from tests.servers import woocommerce
from tests.servers.woocommerce import Shop, customer, order, refund
from tests.soak.world import MINUTE, Day

from moshtari.demo import help_desk, social
from moshtari.demo.faults import Answer, Faults
from moshtari.demo.serving import serving

# Patient, but not longer than a soak can wait: a hanging server is silent for longer than that.
HTTP = {"timeout_seconds": 1.5, "tries": 5}


class _Service:
    """A server with its faults, and what moved at it while it was being read."""

    def __init__(self, app: ASGIApp, empty: ASGIApp) -> None:
        self._stack = ExitStack()
        self.faults = Faults(app)
        self.base_url = self._stack.enter_context(serving(self.faults))
        self.nothing = _instead(empty)
        self.shifted: set[str] = set()
        self._shift: Callable[[], str | None] | None = None

    def shift(self, *, while_read: bool = False) -> None:
        change, self._shift = self._shift, None
        key = change() if change else None
        if key is not None and while_read:
            self.shifted.add(key)

    def mended(self) -> dict[str, Any]:
        return self.config()

    def config(self, line: Line | None = None) -> dict[str, Any]:
        raise NotImplementedError

    def close(self) -> None:
        self._stack.close()


def _instead(other: ASGIApp) -> Answer:
    async def answer(_: ASGIApp, scope: Any, receive: Any, send: Any) -> None:
        await other(scope, receive, send)

    return answer


class Desk(_Service):
    """Tickets that come and are worked on, with all that happens to them."""

    name, kind, family = "desk", "zendesk", "tickets"
    entities: tuple[str, ...] = ("tickets", "ticket_events")
    paths: tuple[str, ...] = ("/tickets/", "/ticket_events")

    def __init__(self) -> None:
        self._rows = MemoryHelpDesk(user_rows=[user(1), user(2, "agent")])
        given = {"email": EMAIL, "token": TOKEN}
        empty = help_desk.create_app(MemoryHelpDesk(), **given)
        super().__init__(help_desk.create_app(self._rows, **given), empty)
        self._event = 1

    def step(self, day: Day) -> None:
        chance, tickets = day.chance, self._rows.ticket_rows
        worked_on = [row for row in tickets if row["updated_at"] < day.start]
        for at in day.moments(6, 9):
            key = len(tickets) + 1
            tickets.append(ticket(key, at, requester_id=1 + key % 2, created_at=at))
            self._happened(comment(self._event, at, ticket_id=key))
        for row in chance.sample(worked_on, min(len(worked_on), 5)):
            self._work_on(row, day.moment(), chance.choice(["pending", "solved", "open"]))
        # Exactly at midnight: it is the next day's.
        if worked_on:
            self._work_on(chance.choice(worked_on), day.end, "hold")
        moved = chance.choice(tickets)
        self._shift = lambda: self._move(moved, day.end + 20 * MINUTE)

    def _work_on(self, row: dict[str, Any], at: datetime, status: str) -> None:
        if at <= row["updated_at"]:
            return
        change = status_change(self._event, at, row["status"], status, by=2)
        self._happened(change | {"ticket_id": row["id"]})
        row.update(status=status, updated_at=at)

    def _happened(self, event: dict[str, Any]) -> None:
        self._event += 1
        self._rows.event_rows.append(event)

    def _move(self, row: dict[str, Any], at: datetime) -> str:
        self._work_on(row, at, "moved")
        return str(row["id"])

    def config(self, line: Line | None = None) -> dict[str, Any]:
        login = {"email": EMAIL, "token": TOKEN}
        small = {"page_size": 7, "http": HTTP}
        return {"kind": "zendesk", "base_url": self.base_url, **login, **small}

    def repeat(self, pages: list[Any]) -> Callable[[Any], Any]:
        def change(page: Any) -> Any:
            name = "tickets" if "tickets" in page else "ticket_events"
            again = [row for of, row in pages if of == name][-1:]
            pages.extend((name, row) for row in page[name][-1:])
            return page | {name: again + page[name]}

        return change


class Web(_Service):
    """Orders, refunds and accounts of a WooCommerce shop."""

    name, kind, family = "web", "woocommerce", "orders"
    entities: tuple[str, ...] = ("orders", "customers", "order_items", "refunds")
    paths: tuple[str, ...] = ("/wc/v3/orders", "/wc/v3/customers")

    def __init__(self) -> None:
        self._rows = Shop()
        super().__init__(woocommerce.create_app(self._rows), woocommerce.create_app(Shop()))
        self._changed: dict[int, datetime] = {}

    def step(self, day: Day) -> None:
        chance, orders = day.chance, self._rows.orders
        self._rows.requests.clear()
        known = [key for key, at in self._changed.items() if at < day.start]
        for at in day.moments(8, 12):
            key = len(orders) + 1
            # A total that is no amount: quarantined, and no mapping mends it.
            total = {"total": "رایگان"} if chance.random() < 0.03 else {}
            orders.append(order(key, at, customer_id=1 + key % 20, **total))
            self._changed[key] = at
        for key in chance.sample(known, min(len(known), 4)):
            self._touch(key, day.moment(), status=chance.choice(["completed", "on-hold"]))
        for key in chance.sample(known, min(len(known), 2)):
            self._refund(key, day.moment())
        if known and chance.random() < 0.3:
            self._touch(chance.choice(known), day.moment(), status="trash")
        accounts = self._rows.customers
        if len(accounts) < 20:
            accounts.append(customer(len(accounts) + 1, day.moment()))
        accounts[day.number % len(accounts)]["last_name"] = f"کریمی {day.number}"
        moved = chance.choice(sorted(self._changed))
        self._shift = lambda: self._move(moved, day.end + 20 * MINUTE)

    def _touch(self, key: int, at: datetime, **changes: Any) -> bool:
        if at <= self._changed[key] or self._rows.order(key)["status"] == "trash":
            return False
        self._changed[key] = at
        self._rows.touch(key, at, **changes)
        return True

    def _refund(self, key: int, at: datetime) -> None:
        number = 100_000 + key
        if number not in {stub["id"] for stub in self._rows.order(key)["refunds"]}:
            stub = {"id": number, "reason": "", "total": "-50"}
            if self._touch(key, at, refunds=[stub]):
                self._rows.refunds[key] = [refund(number, at)]

    def _move(self, key: int, at: datetime) -> str:
        self._touch(key, at, status="on-hold")
        return str(key)

    def config(self, line: Line | None = None) -> dict[str, Any]:
        return {
            "kind": "woocommerce",
            "base_url": self.base_url,
            "consumer_key": woocommerce.KEY,
            "consumer_secret": woocommerce.SECRET,
            "page_size": 8,
            "http": HTTP,
        }

    def repeat(self, pages: list[Any]) -> Callable[[Any], Any]:
        # Within one page: between two, the list would not be in its order, which is told.
        return lambda page: [*page, *page[-1:]]


class Network(_Service):
    """Posts under a hashtag; some reach the server a day after they were written."""

    name, kind, family = "voices", "mastodon", "mentions"
    entities: tuple[str, ...] = ("mentions",)
    paths: tuple[str, ...] = ("/timelines/tag/",)

    def __init__(self) -> None:
        self._rows = MemorySocial()
        empty = social.create_app(MemorySocial(), token=TOKEN)
        super().__init__(social.create_app(self._rows, token=TOKEN), empty)
        self._late: list[dict[str, Any]] = []
        self._number = 0

    def step(self, day: Day) -> None:
        chance, posts = day.chance, self._rows.rows
        recent = [row for row in posts if row["created_at"] >= day.start - timedelta(hours=20)]
        posts.extend(self._late)
        posts.extend(self._post(at) for at in day.moments(40, 60))
        self._late = [self._post(day.moment()) for _ in range(chance.randint(0, 3))]
        for row in chance.sample(recent, min(len(recent), 3)):
            row.update(content=f"<p>ویرایش #پیشخوان {day.number}</p>", edited_at=day.moment())
        newcomer = self._post(day.start + MINUTE)
        self._shift = lambda: self._arrive(newcomer)

    def _post(self, at: datetime) -> dict[str, Any]:
        self._number += 1
        return post(self._number, at)

    def _arrive(self, row: dict[str, Any]) -> str:
        self._rows.rows.append(row)
        return f"mastodon/{row['id']}"

    def config(self, line: Line | None = None) -> dict[str, Any]:
        hashtags = {"token": TOKEN, "hashtags": ["پیشخوان"]}
        return {"kind": "mastodon", "base_url": self.base_url, **hashtags, "http": HTTP}

    def repeat(self, pages: list[Any]) -> Callable[[Any], Any]:
        def change(page: Any) -> Any:
            again = pages[-1:]
            pages.extend(page[:1])
            return [*page, *again]

        return change
