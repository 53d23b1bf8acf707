"""Freshdesk's lists, read so that nothing is lost while they move (see `freshdesk`).

Pages are counted from the head of a list. A ticket that is changed while the list is read leaves
its place for the list's end, and every page behind it begins one ticket too late.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import count
from typing import TypeAlias

import httpx
import msgspec

from moshtari.sources.base import RejectedRecord, SourceError
from moshtari.sources.freshdesk_records import Place, Rating, score
from moshtari.sources.http import HttpClient, NotFoundError, follow, linked
from moshtari.sources.json_records import decode_record

TICKETS = "/api/v2/tickets"
RATINGS = "/api/v2/surveys/satisfaction_ratings"
FIRST_DAY = datetime(2000, 1, 1, tzinfo=UTC)
"""Before Freshdesk was; without `updated_since` it shows the last thirty days only."""

UNKNOWN_ANSWER = "an answer that is none of Freshdesk's (-103 to 103, 1 to 3)"

Page: TypeAlias = list[msgspec.Raw]
PAGE: type[Page] = list[msgspec.Raw]

_PLACE = msgspec.json.Decoder(Place)
_RATING = msgspec.json.Decoder(Rating)
_LAST_PAGE = 300
_PASSES = 5
# How exact Freshdesk's times are; whether `updated_since` includes its own second is not told.
_SECOND = timedelta(seconds=1)
# How far the clock that answers may be from the one that dates changes.
_CLOCKS = timedelta(minutes=1)
# A ticket has no rating before it exists: only older ones are asked for theirs one by one.
_RATED_WITHIN = timedelta(days=30)
_ASK = "Run the load again; if it goes on, the server does not keep to Freshdesk's contract."

Position: TypeAlias = tuple[datetime, int, int]
"""Since when, which page, and which pass over the pages from there on."""


class TicketList:
    """Tickets in the order of their last change, from a time on.

    Every page is the first one since the time that the page before it reached, so a list that
    moves cannot hide a ticket, and the cap of 300 pages is far. Only where one second fills more
    than a page are pages counted; they are read again until two passes show the same tickets.
    """

    def __init__(
        self,
        source: str,
        entity: str,
        client: HttpClient,
        page_size: int,
        include: str,
        only: str | None = None,
    ) -> None:
        self._source, self._entity, self._client, self._size = source, entity, client, page_size
        self._query: dict[str, str | int] = {
            "order_by": "updated_at",
            "order_type": "asc",
            "per_page": page_size,
            "include": include,
            **({"filter": only} if only else {}),
        }
        self._pass: list[tuple[int, datetime]] = []
        self._shown: set[tuple[int, datetime]] = set()
        self._pass_before: set[tuple[int, datetime]] | None = None

    def pages(self, start: datetime | None, horizon: datetime) -> Iterator[Page]:
        """Pages with every ticket last changed from ``start`` on and before ``horizon``.

        Some tickets come twice, and some that changed later come too; those that change while the
        list is read need not come. Raises SourceError.
        """
        known_until = horizon

        def fetch(position: Position) -> tuple[Page, Position | None]:
            nonlocal known_until
            since, number, _ = position
            query = self._query | {"updated_since": _text(since), "page": number}
            answer = self._client.get(self._entity, TICKETS, query, PAGE)
            if position == first:
                known_until = min(horizon, _answered_at(answer.headers, horizon) - _CLOCKS)
            is_more = len(answer.body) >= self._size or bool(linked(answer.headers, "next", "page"))
            return answer.body, self._following(position, answer.body, is_more, known_until)

        since = FIRST_DAY if start is None else start.replace(microsecond=0) - _SECOND
        first = (since, 1, 1)
        return follow(fetch, first, self._loop)

    def _following(
        self, position: Position, page: Page, is_more: bool, known_until: datetime
    ) -> Position | None:
        since, number, attempt = position
        rows = [
            found for raw in page if isinstance(found := decode_record(raw, _PLACE, "", ""), Place)
        ]
        shown = {(row.id, row.updated_at) for row in rows}
        # One changed while the page was made shows a later time than that of its place, and says
        # nothing about how far the page reaches.
        within = [(row.id, row.updated_at) for row in rows if row.updated_at < known_until]
        reached = max((at for _, at in within), default=since)
        if number == 1:
            self._pass, self._shown = [], set()
        if (shown and shown <= self._shown) or reached < since:
            raise self._loop()
        self._shown |= shown
        is_deep = number > 1 and bool(within)
        self._pass += within
        if is_more and page and (within or not rows) and reached - _SECOND <= since:
            if number == _LAST_PAGE:
                what = (
                    f"GET {TICKETS}: more than {_LAST_PAGE * self._size} tickets were changed in "
                    "one second, and Freshdesk shows no more of them"
                )
                remedy = "Set page_size to 100; beyond that, ask Freshdesk for an export."
                raise SourceError(self._source, self._entity, what, remedy)
            return since, number + 1, attempt
        if (number > 2 or is_deep) and not self._is_settled():
            if attempt == _PASSES:
                raise _restless(self._source, self._entity, TICKETS)
            return since, 1, attempt + 1
        self._pass_before = None
        if not is_more or not page or (rows and not within):
            return None
        return reached - _SECOND, 1, 1

    def _is_settled(self) -> bool:
        """Whether this pass showed what the last one did, and nothing twice."""
        before, self._pass_before = self._pass_before, set(self._pass)
        return before == self._pass_before and len(self._pass) == len(self._pass_before)

    def _loop(self) -> SourceError:
        return _loop(self._source, self._entity, TICKETS)


class Ratings:
    """What customers answered to surveys before a time, by ticket.

    Ratings since shortly before the window are read as a list. A ticket older than that is asked
    for its own.
    """

    def __init__(
        self, source: str, client: HttpClient, start: datetime | None, end: datetime
    ) -> None:
        self._source, self._client, self._end = source, client, end
        self._start, self._since = start, FIRST_DAY
        if start is not None:
            self._since = start.replace(microsecond=0) - _RATED_WITHIN
        self._latest: dict[int, Rating] = {}
        self._asked: set[int] = set()

    def load(self) -> Iterator[RejectedRecord]:
        """Read the list; what of it cannot be read comes back rejected."""
        yield from self._take(RATINGS, {"created_since": _text(self._since)})

    def of(self, ticket_id: int, created_at: datetime) -> Iterator[Rating | RejectedRecord]:
        """The ticket's rating, if it has one, after what of its ratings cannot be read."""
        if created_at < self._since and ticket_id not in self._asked:
            self._asked.add(ticket_id)
            # Deleted since it was listed: it comes again as such.
            with suppress(NotFoundError):
                yield from self._take(f"{TICKETS}/{ticket_id}/satisfaction_ratings", {})
        if ticket_id in self._latest:
            yield self._latest[ticket_id]

    def rated_in_window(self) -> list[int]:
        """Tickets whose rating is of the window, so that their rows have changed with it."""
        start = self._start
        if start is None:
            return []
        return [key for key, rating in self._latest.items() if rating.changed_at >= start]

    def _take(self, path: str, query: dict[str, str | int]) -> Iterator[RejectedRecord]:
        def key(raw: msgspec.Raw) -> Hashable:
            rating = decode_record(raw, _RATING, "rating", path)
            if isinstance(rating, RejectedRecord):
                return rating
            return (rating.id, rating.changed_at) if rating.created_at < self._end else None

        for raw in whole_list(self._source, "tickets", self._client, path, query, key):
            rating = decode_record(raw, _RATING, "rating", "a rating without id")
            if isinstance(rating, RejectedRecord):
                yield rating
            elif rating.created_at < self._end:
                try:
                    score(rating)
                except KeyError:
                    yield RejectedRecord(f"rating {rating.id}", UNKNOWN_ANSWER, bytes(raw))
                    continue
                known = self._latest.get(rating.ticket_id)
                if known is None or (known.created_at, known.id) <= (rating.created_at, rating.id):
                    self._latest[rating.ticket_id] = rating


def whole_list(
    source: str,
    entity: str,
    client: HttpClient,
    path: str,
    query: dict[str, str | int],
    key: Callable[[msgspec.Raw], Hashable],
) -> Page:
    """All records of a list whose order is not told.

    A list of more than one page is read again until two passes show the same ``key``s, none of them
    twice; None is the key of what does not count. Raises SourceError.
    """
    size = 100
    before: set[Hashable] | None = None
    for _ in range(_PASSES):
        records: Page = []
        keys: list[Hashable] = []
        seen: set[bytes] = set()
        for number in count(1):
            parameters = query | {"per_page": size, "page": number}
            answer = client.get(entity, path, parameters, PAGE)
            contents = {bytes(raw) for raw in answer.body}
            if contents and contents <= seen:
                raise _loop(source, entity, path)
            seen |= contents
            records += answer.body
            keys += [found for raw in answer.body if (found := key(raw)) is not None]
            is_more = len(answer.body) >= size or linked(answer.headers, "next", "page")
            if not answer.body or not is_more:
                break
        distinct = set(keys)
        if number == 1 or (distinct == before and len(distinct) == len(keys)):
            return records
        before = distinct
    raise _restless(source, entity, path)


def _answered_at(headers: httpx.Headers, otherwise: datetime) -> datetime:
    """When the server says it answered."""
    try:
        at: datetime = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return otherwise + _CLOCKS
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _loop(source: str, entity: str, path: str) -> SourceError:
    what = f"GET {path}: the pages lead back to one that was already read, so they would never end"
    return SourceError(source, entity, what, _ASK)


def _restless(source: str, entity: str, path: str) -> SourceError:
    what = f"GET {path}: the list was another at each of {_PASSES} readings"
    remedy = "Run the load again when less is changed at the help desk at once."
    return SourceError(source, entity, what, remedy)
