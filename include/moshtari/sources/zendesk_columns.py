"""Zendesk's tickets and their requesters as columns of the contract."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from moshtari.sources.base import array_text
from moshtari.sources.zendesk_records import (
    TICKET_COLUMNS,
    Rating,
    Ticket,
    User,
    Via,
    order_id,
    written,
)

_SCORES = {"good": "1", "goodwithcomment": "1", "bad": "0", "badwithcomment": "0"}
_NOT_RATED = Rating()
TICKET_SCHEMA = pa.schema([(name, pa.string()) for name in TICKET_COLUMNS])


def ticket_values(
    tickets: Sequence[Ticket],
    users: Sequence[User],
    *,
    order_id_from: int | str | None = None,
    customer_id_from: str | None = None,
) -> pa.RecordBatch:
    """Tickets as TICKET_COLUMNS; a ticket deleted at the help desk is a tombstone.

    A ticket without a subject or description has an empty one. `offered` and `unoffered` are no
    scores: they are null.
    """
    requesters = _requesters(tickets, users)
    status = pa.array([ticket.status for ticket in tickets], pa.string())
    ratings = [ticket.satisfaction_rating or _NOT_RATED for ticket in tickets]
    values = {
        "ticket_id": [str(ticket.id) for ticket in tickets],
        "customer_id": requesters["external_id"] if customer_id_from else pa.nulls(len(tickets)),
        "requester_email": requesters["email"],
        "requester_phone": requesters["phone"],
        "requester_name": requesters["name"],
        "created_at": written([ticket.created_at for ticket in tickets]),
        "updated_at": written([ticket.updated_at for ticket in tickets]),
        "channel": [_channel(ticket.via) for ticket in tickets],
        "subject": [ticket.subject or "" for ticket in tickets],
        "body": [ticket.description or "" for ticket in tickets],
        "status": status,
        "priority": [ticket.priority for ticket in tickets],
        "tags": [array_text(ticket.tags) if ticket.tags else "{}" for ticket in tickets],
        "order_id": [order_id(ticket, order_id_from) for ticket in tickets],
        "satisfaction_score": [_SCORES.get(rating.score or "") for rating in ratings],
        "satisfaction_comment": [rating.comment for rating in ratings],
        "_is_deleted": pc.equal(status, "deleted"),
    }
    return pa.RecordBatch.from_pydict(values, schema=TICKET_SCHEMA)


def _requesters(tickets: Sequence[Ticket], users: Sequence[User]) -> pa.RecordBatch:
    """The requester of each ticket, null where not known; one has many tickets."""
    columns = {
        "email": [user.email for user in users],
        "phone": [user.phone for user in users],
        "name": [user.name for user in users],
        "external_id": [user.external_id or None for user in users],
    }
    schema = pa.schema([(name, pa.string()) for name in columns])
    place_of: dict[int | None, int] = {user.id: place for place, user in enumerate(users)}
    places = [place_of.get(ticket.requester_id) for ticket in tickets]
    return pa.RecordBatch.from_pydict(columns, schema=schema).take(pa.array(places, pa.int32()))


def _channel(via: Via | None) -> str:
    return str(via.channel) if via is not None and via.channel is not None else "unknown"
