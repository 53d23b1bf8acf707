"""Zendesk's cursor export of tickets with their requesters, page by page (see `zendesk`)."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from moshtari.sources.base import ArrowRows, RejectedRecord, SourceError
from moshtari.sources.http import HttpClient, follow
from moshtari.sources.json_records import Received, decode_page, decode_record, decode_whole
from moshtari.sources.recent import Recent
from moshtari.sources.zendesk_columns import ticket_values
from moshtari.sources.zendesk_config import ZendeskConfig
from moshtari.sources.zendesk_exports import (
    ASK_ZENDESK,
    TICKET,
    TICKETS,
    decoded_users,
    loop,
)
from moshtari.sources.zendesk_records import Ticket, TicketPage, User, WholeTicketPage

SETTLING = timedelta(hours=24)
"""How far past the window's end the export is searched for tickets the system touched later."""

_REMEMBERED = 20_000

TicketBatch: TypeAlias = ArrowRows | RejectedRecord


class Place(msgspec.Struct, frozen=True):
    """Where on the export a page stands: at a time (in seconds) or a cursor; and how many came
    before it.
    """

    start: int | str
    pages: int = 0


class TicketExport:
    """The cursor export of tickets, their requesters side-loaded."""

    def __init__(self, source: str, client: HttpClient, config: ZendeskConfig) -> None:
        self._source, self._client, self._config = source, client, config
        self._recent = Recent(_REMEMBERED)
        self._fingerprints: set[int] = set()

    def read(
        self, place: Place, end: datetime, pages: int | None = None
    ) -> Generator[TicketBatch, None, Place | None]:
        """The tickets from there on that changed before the end; raises SourceError.

        Returns the place of the next page, if there are more than so many.
        """
        horizon = int((end + SETTLING).timestamp())
        rest: Place | None = None

        def fetch(place: Place) -> tuple[list[TicketBatch], Place | None]:
            nonlocal rest
            page = self._page(place)
            # All of a page is done in one thread: what it is made of is at hand there.
            batches = list(self._batches(page, end, horizon))
            if page.end_of_stream or page.is_past(horizon):
                return batches, None
            # Cursors are opaque: a server may lead back under ever new ones.
            if page.fingerprint in self._fingerprints:
                raise self._loop()
            self._fingerprints.add(page.fingerprint)
            if page.after_cursor is None:
                what = f"GET {TICKETS}: no after_cursor although end_of_stream is false"
                raise SourceError(self._source, "tickets", what, ASK_ZENDESK)
            following = Place(page.after_cursor, place.pages + 1)
            if following.pages == pages:
                rest = following
                return batches, None
            return batches, following

        for batches in follow(fetch, place, self._loop):
            yield from batches
        return rest

    def _loop(self) -> SourceError:
        return loop(self._source, "tickets", TICKETS)

    def _page(self, place: Place) -> _Page:
        start = "cursor" if isinstance(place.start, str) else "start_time"
        query = {start: place.start, "per_page": self._config.page_size, "include": "users"}
        decode = partial(_Page, place.pages + 1)
        return self._client.get_by(decode, "tickets", TICKETS, query).body

    def _batches(self, page: _Page, end: datetime, horizon: int) -> Iterator[TicketBatch]:
        yield from page.rejected
        tickets, places = self._wanted(page, end, horizon)
        if tickets:
            values = ticket_values(
                tickets,
                page.users,
                order_id_from=self._config.order_id_from,
                customer_id_from=self._config.customer_id_from,
            )
            yield ticket_rows(values, page.received(places))

    def _wanted(
        self, page: _Page, end: datetime, horizon: int
    ) -> tuple[Sequence[Ticket], Sequence[int]]:
        """Tickets of the window that have not come yet, and their places on the page."""
        times = {ticket.id: ticket.updated_at for ticket in page.tickets}
        # Nearly always it is all of them.
        if (
            len(times) == len(page.tickets) > 0
            and max(times.values()) < end
            and max(page.generated) < horizon
            and self._recent.are_new(times)
        ):
            return page.tickets, page.places
        found: dict[int, tuple[Ticket, int]] = {}
        for ticket, place in zip(page.tickets, page.places, strict=True):
            if (
                ticket.updated_at < end
                and ticket.generated_timestamp < horizon
                # One changed while it is exported comes again further on: the latest wins.
                and self._recent.is_news(ticket.id, ticket.updated_at)
            ):
                found[ticket.id] = ticket, place
        return [ticket for ticket, _ in found.values()], [place for _, place in found.values()]


def ticket_rows(values: pa.RecordBatch, raw: Sequence[bytes]) -> ArrowRows:
    """Tickets and how they were received."""
    positions = pc.binary_join_element_wise("ticket", values.column("ticket_id"), " ")
    return ArrowRows(values, positions, raw)


class _Page:
    """A page's tickets, by their places on it, its users, and what of them cannot be read.

    Raises UnreadablePageError.
    """

    tickets: list[Ticket]
    places: Sequence[int]
    users: list[User]
    rejected: list[RejectedRecord]
    generated: list[int]
    """When each record was made ready for the export, the broken ones included, in seconds."""

    def __init__(self, number: int, content: bytes) -> None:
        self._content = content
        whole = decode_whole(content, _WHOLE)
        if whole is None:
            self._read_singly(number)
            return
        self.end_of_stream, self.after_cursor = whole.end_of_stream, whole.after_cursor
        self.tickets, self.users, self.rejected = whole.tickets, whole.users, []
        self.places = range(len(self.tickets))
        self.generated = [ticket.generated_timestamp for ticket in self.tickets]
        ends = msgspec.json.encode([*self.tickets[:1], *self.tickets[-1:]])
        self.fingerprint = hash((ends, *[ticket.id for ticket in self.tickets], *self.generated))

    def _read_singly(self, number: int) -> None:
        page = decode_page(self._content, TicketPage)
        self.end_of_stream, self.after_cursor = page.end_of_stream, page.after_cursor
        self.tickets, self.users, self.rejected = [], [], []
        for user in decoded_users(page.users):
            if isinstance(user, RejectedRecord):
                self.rejected.append(user)
            else:
                self.users.append(user)
        places = []
        for place, raw in enumerate(page.tickets):
            ticket = decode_record(raw, TICKET, "ticket", f"page {number}, ticket {place + 1}")
            if isinstance(ticket, RejectedRecord):
                self.rejected.append(ticket)
            else:
                self.tickets.append(ticket)
                places.append(place)
        self.places = places
        self.generated = [_generated(raw) for raw in page.tickets]
        self.fingerprint = hash(tuple(map(bytes, page.tickets)))

    def is_past(self, horizon: int) -> bool:
        """Whether the whole page lies past the horizon.

        A single ticket proves nothing: one changed while the page was made shows a later timestamp
        than that of its place.
        """
        return bool(self.generated) and min(self.generated) >= horizon

    def received(self, places: Sequence[int]) -> Received:
        """The tickets at these places as they were received."""
        content = self._content
        return Received(lambda: decode_page(content, TicketPage).tickets, places)


class _Generated(msgspec.Struct):
    generated_timestamp: int = 0


_WHOLE = msgspec.json.Decoder(WholeTicketPage)
_GENERATED = msgspec.json.Decoder(_Generated)


def _generated(raw: msgspec.Raw) -> int:
    found = decode_record(raw, _GENERATED, "", "")
    return found.generated_timestamp if isinstance(found, _Generated) else 0
