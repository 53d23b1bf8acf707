"""Freshdesk: tickets with requester and rating, conversations, and the statuses still to be seen.

Tickets come from the list of API v2 in the order of their last change, with requester, description
and times of status; ratings from the surveys; conversations from each ticket that changed. What the
API cannot tell, and what follows from it:

- A ticket is shown in its present state only. One changed again after the window's end is left for
  that later day; the state in between is not to be had.
- There is no history of statuses: a ticket tells when it was last resolved and closed, and when it
  came into its present status. Those become events; what lay between two readings does not.
- Pages are counted from the head of a list that moves while it is read, and no list shows more
  than 300: see `freshdesk_lists` for how it is read whole all the same.
- Deleted tickets and spam are left out of the list, and have lists of their own; there they are
  tombstones. They are found because a deletion is a change of its ticket. A ticket deleted for good
  before a night saw it in the trash stays as it was last seen. Keys are not compared (`reconcile`):
  statuses of the past are in no list.
- A rating is no change of its ticket. Tickets rated in the window come with it even where nothing
  else changed, and every ticket brings its rating, however old.
- Conversations have no list of their own. Those of tickets changed up to `SETTLING` past the
  window's end are read, so that a ticket touched again next morning does not hold back its replies.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, TypeAlias

import httpx
import msgspec
from pydantic import BaseModel

from moshtari.sources.base import (
    Batch,
    CheckResult,
    KeptRecord,
    RejectedRecord,
    SourceError,
    Window,
)
from moshtari.sources.freshdesk_config import FreshdeskConfig
from moshtari.sources.freshdesk_lists import (
    FIRST_DAY,
    PAGE,
    RATINGS,
    TICKETS,
    Page,
    Ratings,
    TicketList,
    whole_list,
)
from moshtari.sources.freshdesk_records import (
    EVENT_COLUMNS,
    TICKET_COLUMNS,
    Conversation,
    Rating,
    Ticket,
    conversation_row,
    status_rows,
    ticket_row,
)
from moshtari.sources.freshdesk_replay import replay_events, replay_tickets
from moshtari.sources.http import HttpClient, NotFoundError
from moshtari.sources.http_source import HttpSource
from moshtari.sources.json_records import decode_record, reject_once, text_rows

SETTLING = timedelta(hours=24)
"""How far past the window's end tickets are searched for conversations of the window."""

Row: TypeAlias = tuple[str | None, ...]

_TICKET = msgspec.json.Decoder(Ticket)
_CONVERSATION = msgspec.json.Decoder(Conversation)
_GONE = ("deleted", "spam")
_REMEDIES = {
    400: "See that page_size is at most 100 and base_url the help desk's own",
    401: "See that api_key is right: it stands in the profile settings of an agent",
    403: "Use the key of an agent who sees all tickets; without surveys, set satisfaction: false",
    404: "See that base_url is the help desk's own, such as https://shop.freshdesk.com; an account "
    "without surveys needs satisfaction: false",
    429: "Raise http.longest_wait_seconds, or keep other programs off the account's hourly calls",
}


class FreshdeskSource(HttpSource[FreshdeskConfig]):
    """Reads `tickets` and `ticket_events` of one Freshdesk account."""

    kind: ClassVar[str] = "freshdesk"
    Config: ClassVar[type[BaseModel]] = FreshdeskConfig

    def entities(self) -> tuple[str, ...]:
        return tuple(self._config.entities)

    def read(self, entity: str, window: Window) -> Iterator[Batch]:
        """The window's changes; SourceError when the account cannot be read whole."""
        readers = {"tickets": self._tickets, "ticket_events": self._events}
        if entity not in readers:
            raise ValueError(f"source {self.name} supplies no {entity}")
        with self._client() as client:
            yield from reject_once(readers[entity](client, window))

    def replay(self, entity: str, records: Sequence[KeptRecord], window: Window) -> Iterator[Batch]:
        """What was kept, decoded again, with what else Freshdesk tells of it today."""
        config = self._config
        with self._client() as client:
            if entity == "ticket_events":
                statuses = partial(status_rows, before=window.end, statuses=config.statuses)

                def conversations(ticket_id: int) -> Iterator[Row | RejectedRecord]:
                    for found in self._conversations(client, ticket_id, window):
                        yield found if isinstance(found, RejectedRecord) else found[0]

                yield from replay_events(records, statuses, conversations, window.end)
                return
            ratings = None
            if config.satisfaction:
                ratings = Ratings(self.name, client, window.end, window.end)
                # What of the list cannot be read is kept already.
                deque(ratings.load(), maxlen=0)
            yield from replay_tickets(client, records, ratings, partial(_row, config), window.end)

    def check(self) -> list[CheckResult]:
        """Asks for one ticket and one rating: that takes address, key and permission."""
        lists: dict[str, tuple[str, Mapping[str, str | int]]] = {
            "tickets": (TICKETS, {"updated_since": FIRST_DAY.isoformat(), "per_page": 1})
        }
        if self._config.satisfaction:
            lists["ratings"] = (RATINGS, {"per_page": 1})
        results = []
        with self._client(tries=2) as client:
            for what, (path, query) in lists.items():
                detail = f"{self._config.base_url} lists {what}"
                results.append(self._checked(client, what, path, query, PAGE, detail))
        return results

    def _client(self, tries: int | None = None) -> HttpClient:
        config = self._config
        return HttpClient(
            self.name,
            config.base_url,
            config.http.patience(tries),
            # Freshdesk ignores the password, but basic authentication needs one.
            auth=httpx.BasicAuth(config.api_key.get_secret_value(), "X"),
            remedies=_REMEDIES,
            sleep=self._sleep,
        )

    def _tickets(self, client: HttpClient, window: Window) -> Iterator[Batch]:
        ratings = Ratings(self.name, client, window.start, window.end)
        if self._config.satisfaction:
            yield from ratings.load()
        tickets = _Tickets(self.name, self._config, ratings, window)
        for only in (None, *_GONE):
            listed = TicketList(
                self.name,
                "tickets",
                client,
                self._config.page_size,
                "description,requester,stats",
                only,
            )
            for page in listed.pages(window.start, window.end):
                yield from tickets.batches(page, is_gone=only is not None)
        for ticket_id in ratings.rated_in_window():
            if ticket_id not in tickets.landed:
                path = f"{TICKETS}/{ticket_id}"
                try:
                    answer = client.get("tickets", path, {"include": "requester"}, msgspec.Raw)
                except NotFoundError:
                    continue
                yield from tickets.batches([answer.body], is_gone=False)
        tickets.miss_no_field()

    def _events(self, client: HttpClient, window: Window) -> Iterator[Batch]:
        listed = TicketList(self.name, "ticket_events", client, self._config.page_size, "stats")
        done: dict[int, object] = {}
        horizon = window.end + SETTLING
        for page in listed.pages(window.start, horizon):
            rows: list[tuple[Row, str, bytes]] = []
            for raw in page:
                ticket = decode_record(raw, _TICKET, "ticket", "a ticket without id")
                if isinstance(ticket, RejectedRecord):
                    yield ticket
                elif ticket.updated_at < horizon and done.get(ticket.id) != ticket.updated_at:
                    done[ticket.id] = ticket.updated_at
                    statuses = status_rows(ticket, window.end, self._config.statuses)
                    rows += [(row, f"ticket {ticket.id}", bytes(raw)) for row in statuses]
                    for found in self._conversations(client, ticket.id, window):
                        if isinstance(found, RejectedRecord):
                            yield found
                        else:
                            rows.append(found)
            yield from text_rows(EVENT_COLUMNS, rows, exact=True)

    def _conversations(
        self, client: HttpClient, ticket_id: int, window: Window
    ) -> Iterator[tuple[Row, str, bytes] | RejectedRecord]:
        path = f"{TICKETS}/{ticket_id}/conversations"

        def decoded(raw: msgspec.Raw) -> Conversation | RejectedRecord:
            unnamed = f"ticket {ticket_id}, a conversation without id"
            return decode_record(raw, _CONVERSATION, f"ticket {ticket_id}, conversation", unnamed)

        def key(raw: msgspec.Raw) -> object:
            found = decoded(raw)
            if isinstance(found, RejectedRecord):
                return found
            return found.id if found.created_at < window.end else None

        try:
            page = whole_list(self.name, "ticket_events", client, path, {}, key)
        except NotFoundError:
            # Deleted since it was listed: it comes again as such.
            return
        for raw in page:
            found = decoded(raw)
            if isinstance(found, RejectedRecord):
                yield found
            elif found.created_at < window.end:
                position = f"ticket {ticket_id}, conversation {found.id}"
                yield conversation_row(ticket_id, found), position, bytes(raw)


class _Tickets:
    """Tickets of one reading as rows: each once, or again if it changed in between."""

    def __init__(
        self, source: str, config: FreshdeskConfig, ratings: Ratings, window: Window
    ) -> None:
        self._source, self._config, self._ratings = source, config, ratings
        self._window = window
        self._fields: set[str] = set()
        self.landed: dict[int, Any] = {}

    def batches(self, page: Page, *, is_gone: bool) -> Iterator[Batch]:
        rows: list[tuple[Row, str, bytes]] = []
        for raw in page:
            ticket = decode_record(raw, _TICKET, "ticket", "a ticket without id")
            if isinstance(ticket, RejectedRecord):
                yield ticket
                continue
            self._fields |= (ticket.custom_fields or {}).keys()
            known = self.landed.get(ticket.id)
            if ticket.updated_at >= self._window.end or (
                known is not None and known >= ticket.updated_at
            ):
                continue
            self.landed[ticket.id] = ticket.updated_at
            rating: Rating | None = None
            if self._config.satisfaction and not is_gone:
                for found in self._ratings.of(ticket.id, ticket.created_at):
                    if isinstance(found, RejectedRecord):
                        yield found
                    else:
                        rating = found
            row = _row(self._config, ticket, rating, is_gone=is_gone)
            rows.append((row, f"ticket {ticket.id}", bytes(raw)))
        yield from text_rows(TICKET_COLUMNS, rows, exact=True)

    def miss_no_field(self) -> None:
        """Raise SourceError where tickets were read and none has a configured custom field."""
        for key in ("order_id_from", "customer_id_from"):
            field = getattr(self._config, key)
            if field and self.landed and field not in self._fields:
                what = f"no ticket has the custom field {field}"
                remedy = f"Put its name of today into {key}, or remove {key}."
                raise SourceError(self._source, "tickets", what, remedy)


def _row(
    config: FreshdeskConfig, ticket: Ticket, rating: Rating | None, *, is_gone: bool = False
) -> Row:
    return ticket_row(
        ticket,
        rating,
        statuses=config.statuses,
        order_id_from=config.order_id_from,
        customer_id_from=config.customer_id_from,
        is_gone=is_gone,
    )
