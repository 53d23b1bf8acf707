"""Zendesk: tickets with their requesters, and what happened to them, by the incremental exports.

Tickets come from the cursor export with users side-loaded, events from the time-based export with
`comment_events`; the roles of the events' authors from `users/show_many`. An API token of an admin
is needed. What the exports cannot tell, and what follows from it:

- A ticket is exported in its present state only. One changed again after the window's end is left
  for that later day; the state in between is not to be had.
- The export is ordered by `generated_timestamp`, which system updates move without `updated_at`.
  So rows are never dropped for being older than the window's start (landing drops what it already
  has), and reading goes on past the window's end, for `zendesk_tickets.SETTLING`, to find tickets
  of the window that the system touched afterwards.
- A deleted ticket is exported once more, with that status, and is a tombstone; so keys are not
  compared (`reconcile`).
- The most recent minute is kept back. A business day that is over by more than that is whole, and
  `lookback_hours` brings the rest with the next night.
- Requesters are as they were when their ticket last changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel

from moshtari.sources.base import (
    Batch,
    CheckResult,
    KeptRecord,
    Window,
)
from moshtari.sources.http import HttpClient
from moshtari.sources.http_source import HttpSource
from moshtari.sources.json_records import reject_once
from moshtari.sources.zendesk_config import ZendeskConfig, help_desk
from moshtari.sources.zendesk_exports import TICKET_EVENTS, TICKETS, EventExport
from moshtari.sources.zendesk_records import EventPage, TicketPage


class ZendeskSource(HttpSource[ZendeskConfig]):
    """Reads `tickets` and `ticket_events` of one Zendesk account."""

    kind: ClassVar[str] = "zendesk"
    Config: ClassVar[type[BaseModel]] = ZendeskConfig

    def entities(self) -> tuple[str, ...]:
        return tuple(self._config.entities)

    def read(self, entity: str, window: Window) -> Iterator[Batch]:
        """The window's changes; SourceError when the account cannot be read whole."""
        config = self._config
        with self._client() as client:
            if entity == "tickets":
                # Arrow only where there is something to read, not where DAGs are.
                from moshtari.sources.zendesk_apart import read_tickets

                yield from reject_once(read_tickets(self.name, client, config, window))
            elif entity == "ticket_events":
                events = EventExport(self.name, client, config.page_size)
                yield from reject_once(events.read(window))
            else:
                raise ValueError(f"source {self.name} supplies no {entity}")

    def replay(self, entity: str, records: Sequence[KeptRecord], window: Window) -> Iterator[Batch]:
        """What was kept, decoded again, with the users that Zendesk knows today."""
        from moshtari.sources.zendesk_replay import replay_events, replay_tickets

        config = self._config
        with self._client() as client:
            if entity == "ticket_events":
                yield from replay_events(client, records)
            else:
                yield from replay_tickets(
                    client,
                    records,
                    order_id_from=config.order_id_from,
                    customer_id_from=config.customer_id_from,
                )

    def check(self) -> list[CheckResult]:
        """Asks every export for one record: that takes connection, credentials and permission."""
        shapes: dict[str, tuple[str, type[Any]]] = {
            "tickets": (TICKETS, TicketPage),
            "ticket_events": (TICKET_EVENTS, EventPage),
        }
        results = []
        with self._client(tries=2) as client:
            for entity in self.entities():
                (path, shape), detail = shapes[entity], f"{self._config.base_url} exports {entity}"
                query = {"start_time": 0, "per_page": 1}
                results.append(self._checked(client, entity, path, query, shape, detail))
        return results

    def _client(self, tries: int | None = None) -> HttpClient:
        return help_desk(self.name, self._config, tries=tries, sleep=self._sleep)
