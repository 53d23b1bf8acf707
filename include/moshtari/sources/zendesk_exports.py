"""Zendesk's time-based export of events, page by page, and what is common with that of tickets."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TypeAlias

import msgspec

from moshtari.sources.base import Batch, RejectedRecord, SourceError, TextRows, Window
from moshtari.sources.http import HttpClient, follow
from moshtari.sources.json_records import decode_record
from moshtari.sources.zendesk_records import (
    EVENT_COLUMNS,
    Audit,
    Child,
    EventPage,
    Ticket,
    User,
    UserPage,
    author_id,
    author_role,
    event_row,
    is_comment,
    is_status,
    may_be_wanted,
)

TICKETS = "/api/v2/incremental/tickets/cursor.json"
TICKET_EVENTS = "/api/v2/incremental/ticket_events.json"
USERS = "/api/v2/users/show_many.json"

Query: TypeAlias = tuple[tuple[str, str | int], ...]

_USERS_PER_REQUEST = 100
ASK_ZENDESK = "Run the load again; if it goes on, the server does not keep to Zendesk's contract."

TICKET = msgspec.json.Decoder(Ticket)
AUDIT = msgspec.json.Decoder(Audit)
CHILD = msgspec.json.Decoder(Child)
_USER = msgspec.json.Decoder(User)


class EventExport:
    """The time-based export of what happened to tickets, comments side-loaded."""

    def __init__(self, source: str, client: HttpClient, page_size: int) -> None:
        self._source, self._client, self._page_size = source, client, page_size
        self._page_number = 0
        self._roles: dict[int, str] = {}

    def read(self, window: Window) -> Iterator[Batch]:
        """The window's comments and changes of status. Raises SourceError."""
        end = int(window.end.timestamp())

        def fetch(query: Query) -> tuple[tuple[int, EventPage], Query | None]:
            page = self._client.get("ticket_events", TICKET_EVENTS, dict(query), EventPage).body
            self._page_number += 1
            if page.end_of_stream or (page.end_time is not None and page.end_time >= end):
                return (self._page_number, page), None
            if page.end_time is None:
                what = f"GET {TICKET_EVENTS}: no end_time although end_of_stream is false"
                raise SourceError(self._source, "ticket_events", what, ASK_ZENDESK)
            if page.end_time < int(dict(query)["start_time"]):
                raise loop(self._source, "ticket_events", TICKET_EVENTS)
            return (self._page_number, page), self._query(page.end_time)

        # The export repeats, on the next page, the events of the second on which a page ends.
        repeated: set[int] = set()
        pages = follow(
            fetch,
            self._query(start_of(window)),
            lambda: loop(self._source, "ticket_events", TICKET_EVENTS),
        )
        for number, page in pages:
            batch = _EventBatch(number)
            for index, raw in enumerate(page.ticket_events, start=1):
                yield from batch.add(raw, index, end)
            yield from self._learn_roles(batch.authors())
            rows = batch.rows(self._roles, repeated)
            repeated = batch.ids()
            if rows.rows:
                yield rows

    def _query(self, start_time: int) -> Query:
        size = self._page_size
        return (("start_time", start_time), ("per_page", size), ("include", "comment_events"))

    def _learn_roles(self, authors: set[int]) -> Iterator[RejectedRecord]:
        """Ask for authors not met before; one that Zendesk no longer knows stays `system`."""
        unknown = authors - self._roles.keys()
        self._roles |= dict.fromkeys(unknown, "system")
        for user in users_by_id(self._client, "ticket_events", unknown):
            if isinstance(user, RejectedRecord):
                yield user
            else:
                self._roles[user.id] = author_role(user)


class _EventBatch:
    """The events of one page, before their authors' roles are known."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._found: list[tuple[Audit, Child, bytes]] = []

    def add(self, raw: msgspec.Raw, index: int, end: int) -> Iterator[RejectedRecord]:
        """Take in one update of a ticket; what of it cannot be read comes back rejected."""
        place = f"page {self._number}, ticket event {index}"
        audit = decode_record(raw, AUDIT, "ticket event", place)
        received = bytes(raw)
        if isinstance(audit, RejectedRecord):
            yield audit
        elif audit.timestamp < end:
            for record in audit.child_events:
                child = decode_record(record, CHILD, "event", f"ticket event {audit.id}")
                if isinstance(child, RejectedRecord):
                    if may_be_wanted(record):
                        # The whole update is kept: without it, nothing says of which ticket it was.
                        yield replace(child, raw=received)
                elif is_comment(child) or is_status(child):
                    self._found.append((audit, child, received))

    def authors(self) -> set[int]:
        """Ids of the users who wrote or changed something; the system's own (-1) are no users."""
        authors = {author_id(audit, child) for audit, child, _ in self._found}
        return {author for author in authors if author > 0}

    def ids(self) -> set[int]:
        return {child.id for _, child, _ in self._found}

    def rows(self, roles: dict[int, str], repeated: set[int]) -> TextRows:
        """The page's events that the page before it did not already bring."""
        fresh = {
            child.id: (event_row(audit, child, roles.get(author_id(audit, child), "system")), raw)
            for audit, child, raw in self._found
            if child.id not in repeated
        }
        return TextRows(
            EVENT_COLUMNS,
            [row for row, _ in fresh.values()],
            [f"event {key}" for key in fresh],
            [raw for _, raw in fresh.values()],
            exact=True,
        )


def users_by_id(
    client: HttpClient, entity: str, ids: Collection[int]
) -> Iterator[User | RejectedRecord]:
    """The users of these ids whom Zendesk still knows, or what of them cannot be read."""
    ordered = sorted(ids)
    for at in range(0, len(ordered), _USERS_PER_REQUEST):
        query = {"ids": ",".join(map(str, ordered[at : at + _USERS_PER_REQUEST]))}
        yield from decoded_users(client.get(entity, USERS, query, UserPage).body.users)


def decoded_users(users: list[msgspec.Raw]) -> Iterator[User | RejectedRecord]:
    """Users, or what of them cannot be read: their tickets land without requester's details."""
    for index, raw in enumerate(users, start=1):
        user = decode_record(raw, _USER, "user", f"user at place {index} of its page")
        yield user


def start_of(window: Window) -> int:
    """Where an export begins for the window, as Zendesk counts: in seconds."""
    return 0 if window.start is None else max(0, int(window.start.timestamp()))


def loop(source: str, entity: str, path: str) -> SourceError:
    """The export would go round for ever."""
    what = f"GET {path}: the export leads back to a page it already gave, so it would never end"
    return SourceError(source, entity, what, ASK_ZENDESK)
