"""Zendesk's records out of quarantine, read again by the present mapping (see `zendesk`).

A ticket is kept as it was exported, without its requester: who that is now is asked anew, as the
requester would be if the ticket changed today. Of an update of a ticket the whole is kept, and the
position says which event of it was rejected.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from moshtari.sources.base import Batch, KeptRecord, RejectedRecord
from moshtari.sources.columnar import rows_of
from moshtari.sources.http import HttpClient
from moshtari.sources.json_records import decode_kept, decode_record, kept_rows
from moshtari.sources.zendesk_columns import ticket_values
from moshtari.sources.zendesk_exports import AUDIT, CHILD, TICKET, users_by_id
from moshtari.sources.zendesk_records import (
    EVENT_COLUMNS,
    TICKET_COLUMNS,
    Audit,
    Child,
    Ticket,
    User,
    author_id,
    author_role,
    event_row,
    is_comment,
    is_status,
    may_be_wanted,
)

_OF_A_USER = (
    "a user: what they asked or wrote landed without them. When the user can be read, run those "
    "days again, then discard this record"
)


def replay_tickets(
    client: HttpClient,
    records: Sequence[KeptRecord],
    *,
    order_id_from: int | str | None,
    customer_id_from: str | None,
) -> Iterator[Batch]:
    """Tickets as they were exported, with their requesters of today. Raises SourceError."""
    found: list[tuple[KeptRecord, Ticket]] = []
    for record in records:
        if record.position.startswith("user "):
            yield RejectedRecord(record.position, _OF_A_USER, record.raw)
            continue
        ticket = decode_kept(record, TICKET)
        if isinstance(ticket, RejectedRecord):
            yield ticket
        else:
            found.append((record, ticket))
    requesters = {ticket.requester_id for _, ticket in found if ticket.requester_id is not None}
    users = _known(client, "tickets", requesters)
    values = ticket_values(
        [ticket for _, ticket in found],
        list(users.values()),
        order_id_from=order_id_from,
        customer_id_from=customer_id_from,
    )
    kept = [(row, record) for row, (record, _) in zip(rows_of(values), found, strict=True)]
    yield from kept_rows(TICKET_COLUMNS, kept)


def replay_events(client: HttpClient, records: Sequence[KeptRecord]) -> Iterator[Batch]:
    """The rejected events of each kept update. Raises SourceError."""
    found: list[tuple[KeptRecord, Audit, Child]] = []
    for record in records:
        if record.position.startswith("user "):
            yield RejectedRecord(record.position, _OF_A_USER, record.raw)
            continue
        audit = decode_kept(record, AUDIT)
        if isinstance(audit, RejectedRecord):
            yield audit
            continue
        children = list(_children(record, audit))
        broken = [child for child in children if isinstance(child, RejectedRecord)]
        if broken:
            yield broken[0]
        found += [(record, audit, c) for c in children if not isinstance(c, RejectedRecord)]
    authors = {author_id(audit, child) for _, audit, child in found}
    users = _known(client, "ticket_events", {author for author in authors if author > 0})
    roles = {key: author_role(user) for key, user in users.items()}
    rows = [
        (event_row(audit, child, roles.get(author_id(audit, child), "system")), record)
        for record, audit, child in found
    ]
    yield from kept_rows(EVENT_COLUMNS, rows)


def _children(record: KeptRecord, audit: Audit) -> Iterator[Child | RejectedRecord]:
    """The event that the position names, or all that are wanted where it names the update."""
    for raw in audit.child_events:
        child = decode_record(raw, CHILD, "event", "")
        if isinstance(child, RejectedRecord):
            named = child.position or f"ticket event {audit.id}"
            if may_be_wanted(raw) and _is_meant(record.position, named):
                yield RejectedRecord(record.position, child.reason, record.raw)
        elif (is_comment(child) or is_status(child)) and _is_meant(
            record.position, f"event {child.id}"
        ):
            yield child


def _is_meant(position: str, name: str) -> bool:
    return position == name or not position.startswith("event ")


def _known(client: HttpClient, entity: str, ids: Iterable[int]) -> dict[int, User]:
    users = users_by_id(client, entity, set(ids))
    return {user.id: user for user in users if isinstance(user, User)}
