"""How WooCommerce's collections are read whole, although they move while they are read.

Orders go by the time of their last change, never by page number: each request asks for what was
modified after the second that is already whole. An order that changes meanwhile moves to the end
and takes nothing with it. Accounts have no such filter; they go by id, each page beginning with the
last one of the page before, so that a deletion in between shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import msgspec

from moshtari.sources.base import SourceError, Window
from moshtari.sources.http import HttpClient, follow
from moshtari.sources.json_records import decode_record
from moshtari.sources.woocommerce_records import TRASH, Head

API = "/wp-json/wc/v3"
ORDERS = f"{API}/orders"
CUSTOMERS = f"{API}/customers"

Page: TypeAlias = list[msgspec.Raw]
PAGE: type[Page] = list[msgspec.Raw]
Query: TypeAlias = dict[str, str | int]

_HEAD = msgspec.json.Decoder(Head)
_SECOND = timedelta(seconds=1)
_REREADS = 5
_STEPS_BACK = 100
_ASK = "Run the load again; if it goes on, see that no cache or plugin answers for WooCommerce."


@dataclass(frozen=True)
class _Orders:
    """What one request brought: whole seconds, and the second that did not fit into a page."""

    records: Page
    crowded: datetime | None = None


class Collections:
    """The collections of one shop for one entity; every method may raise SourceError."""

    def __init__(
        self, source: str, entity: str, client: HttpClient, page_size: int, query: Query
    ) -> None:
        self._source, self._entity, self._client = source, entity, client
        self._page_size = page_size
        self._query = query | {"per_page": page_size}

    def orders(self, window: Window) -> Iterator[Page]:
        """Orders changed in the window, those in the trash last.

        `any` leaves the trash out. An order thrown away meanwhile is in both, and its last state
        comes last.
        """
        for status in ("any", TRASH):
            yield from self._modified(status, window)

    def refunds(self, order_id: int) -> Iterator[Page]:
        """All refunds of one order, oldest first."""
        path = f"{ORDERS}/{order_id}/refunds"
        number = 1
        while True:
            query = self._query | {"orderby": "id", "order": "asc", "page": number}
            records, pages, _ = self._get(path, query)
            yield records
            if number >= pages:
                return
            number += 1

    def customers(self) -> Iterator[Page]:
        """All accounts, by id."""
        return self.by_id(CUSTOMERS, {"role": "all"}, "accounts")

    def by_id(self, path: str, asked: Query, what: str) -> Iterator[Page]:
        """All records of a collection in the order of their ids, however many go meanwhile."""

        def fetch(place: tuple[int, int, int]) -> tuple[Page, tuple[int, int, int] | None]:
            offset, last, steps_back = place
            query: Query = asked | {"orderby": "id", "order": "asc"}
            if offset:
                query["offset"] = offset
            records, _, total = self._get(path, self._query | query)
            heads = [_head(raw) for raw in records]
            ids = [head.id for head in heads if head is not None]
            if ids != sorted(ids):
                raise self._broken(path, f"{what} that are not in the order of their ids")
            if offset and (not records or (ids and ids[0] > last)):
                # Some were deleted, so later ones moved up: go back to one that is known.
                if steps_back >= _STEPS_BACK:
                    raise self._restless(path, f"{what} kept going")
                return [], (max(0, offset - self._page_size), last, steps_back + 1)
            fresh = [
                raw
                for raw, head in zip(records, heads, strict=True)
                if head is None or head.id > last
            ]
            reached = offset + len(records) - (len(ids) - len(set(ids)))
            if not records or reached >= total:
                return fresh, None
            if not fresh and not steps_back:
                raise self._loop(path)
            return fresh, (reached - 1, max([last, *ids]), 0 if fresh else steps_back)

        yield from follow(fetch, (0, 0, 0), lambda: self._loop(path))

    def _modified(self, status: str, window: Window) -> Iterator[Page]:
        end = naive(window.end)
        first = None if window.start is None else naive(window.start) - _SECOND

        def fetch(after: datetime | None) -> tuple[_Orders, datetime | None]:
            query: Query = {"status": status, "orderby": "modified", "order": "asc"}
            if after is not None:
                query |= {"modified_after": after.isoformat(), "dates_are_gmt": "true"}
            records, pages, _ = self._get(ORDERS, self._query | query)
            heads = [_head(raw) for raw in records]
            times = [head.date_modified_gmt for head in heads if head and head.date_modified_gmt]
            self._in_order(times, after)
            # A full page is followed by another request, whatever its headers say of the end.
            is_last = pages <= 1 and (len(records) < self._page_size or not times)
            if is_last or (times and times[-1] >= end):
                return _Orders(_before(records, heads, end)), None
            if not times:
                raise SourceError(
                    self._source,
                    self._entity,
                    f"GET {ORDERS}: a whole page of orders that do not say when they changed",
                    "Save those orders once in the shop, so that they get a time, and run again",
                )
            whole = times[-1] - _SECOND
            if after is not None and whole <= after:
                return _Orders([], crowded=times[-1]), times[-1]
            # The last second may go on on the next page: it is read there, as a whole.
            return _Orders(_before(records, heads, times[-1])), whole

        for page in follow(fetch, first, lambda: self._loop(ORDERS)):
            yield page.records
            if page.crowded is not None:
                yield from self._second(status, page.crowded)

    def _second(self, status: str, second: datetime) -> Iterator[Page]:
        """All orders of one second, more than a page: by page number, and anew if any left it."""
        query: Query = {
            "status": status,
            "modified_after": (second - _SECOND).isoformat(),
            "modified_before": (second + _SECOND).isoformat(),
            "dates_are_gmt": "true",
            "orderby": "id",
            "order": "asc",
        }
        seen: set[int] = set()
        for _ in range(_REREADS):
            number, before = 1, None
            while True:
                records, pages, total = self._get(ORDERS, self._query | query | {"page": number})
                fresh = [raw for raw in records if hash(bytes(raw)) not in seen]
                seen.update(hash(bytes(raw)) for raw in fresh)
                yield fresh
                if before is not None and total != before:
                    break
                if number >= pages:
                    return
                number, before = number + 1, total
        raise self._restless(ORDERS, "orders of one second kept changing")

    def _in_order(self, times: list[datetime], after: datetime | None) -> None:
        """Pages of an answer that ignores what was asked lead nowhere, or lose rows."""
        if times != sorted(times):
            raise self._broken(ORDERS, "orders that are not in the order of their change")
        if after is not None and times and times[0] <= after:
            raise self._loop(ORDERS)

    def _get(self, path: str, query: Query) -> tuple[Page, int, int]:
        """Records, number of pages, number of records."""
        answer = self._client.get(self._entity, path, query, PAGE)
        try:
            total = int(answer.headers["x-wp-total"])
            pages = int(answer.headers["x-wp-totalpages"])
        except (KeyError, ValueError):
            what = f"GET {path}: no X-WP-Total and X-WP-TotalPages, so its end cannot be known"
            remedy = "See that base_url is the shop itself and no proxy takes its headers away."
            raise SourceError(self._source, self._entity, what, remedy) from None
        if total < len(set(map(bytes, answer.body))):
            raise self._broken(path, "more rows than X-WP-Total says that there are")
        return answer.body, pages, total

    def _restless(self, path: str, what: str) -> SourceError:
        what = f"GET {path}: {what} while they were read"
        return SourceError(
            self._source, self._entity, what, "Run the load again when the shop is quieter."
        )

    def _loop(self, path: str) -> SourceError:
        return self._broken(path, "the pages lead back to rows already read and would never end")

    def _broken(self, path: str, what: str) -> SourceError:
        return SourceError(self._source, self._entity, f"GET {path}: {what}", _ASK)


def once(pages: Iterator[Page], key: Callable[[msgspec.Raw], object] = bytes) -> Iterator[Page]:
    """Pages without the records that they repeat, of themselves or of the page before."""
    before: set[object] = set()
    for page in pages:
        here: set[object] = set()
        fresh = []
        for raw in page:
            found = key(raw)
            if found not in before and found not in here:
                fresh.append(raw)
            here.add(found)
        before = here or before
        if fresh:
            yield fresh


def _head(raw: msgspec.Raw) -> Head | None:
    found = decode_record(raw, _HEAD, "", "")
    return found if isinstance(found, Head) else None


def _before(records: Page, heads: list[Head | None], end: datetime) -> Page:
    """The records changed before ``end``; those that do not say so stay in."""
    return [
        raw
        for raw, head in zip(records, heads, strict=True)
        if head is None or head.date_modified_gmt is None or head.date_modified_gmt < end
    ]


def naive(at: datetime) -> datetime:
    """UTC as WooCommerce takes it: with a `Z` it would be turned into the shop's zone first."""
    return at.astimezone(UTC).replace(tzinfo=None, microsecond=0)
