"""Freshdesk's records out of quarantine, read again by the present mapping (see `freshdesk`).

A ticket is kept with its requester and without its rating: that is asked anew. An answer to a
survey is kept by itself: its ticket is read again with it. Of a ticket that could not be read, the
conversations were not asked for either: that is made up for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

import msgspec

from moshtari.sources.base import Batch, KeptRecord, RejectedRecord
from moshtari.sources.freshdesk_lists import TICKETS, UNKNOWN_ANSWER, Ratings
from moshtari.sources.freshdesk_records import (
    EVENT_COLUMNS,
    TICKET_COLUMNS,
    Conversation,
    Rating,
    Ticket,
    conversation_row,
    score,
)
from moshtari.sources.http import HttpClient, NotFoundError
from moshtari.sources.json_records import COMES_LATER, decode_kept, decode_record, kept_rows

Row: TypeAlias = tuple[str | None, ...]

_TICKET = msgspec.json.Decoder(Ticket)
_CONVERSATION = msgspec.json.Decoder(Conversation)
_RATING = msgspec.json.Decoder(Rating)
_NO_TICKET = "nothing says of which ticket it is: run its day again"


def replay_tickets(
    client: HttpClient,
    records: Sequence[KeptRecord],
    ratings: Ratings | None,
    row: Callable[[Ticket, Rating | None], Row],
    end: datetime,
) -> Iterator[Batch]:
    """Tickets as they were, with their ratings of today. Raises SourceError.

    ``ratings`` is None where none are read.
    """
    rows: list[tuple[Row, KeptRecord]] = []
    for record in records:
        ticket = _ticket(client, record)
        if isinstance(ticket, RejectedRecord):
            yield ticket
            continue
        if ticket.updated_at >= end:
            yield RejectedRecord(record.position, COMES_LATER, record.raw)
            continue
        told = ratings.of(ticket.id, ticket.created_at) if ratings else iter(())
        rated = [found for found in told if isinstance(found, Rating)]
        rows.append((row(ticket, rated[-1] if rated else None), record))
    yield from kept_rows(TICKET_COLUMNS, rows)


def _ticket(client: HttpClient, record: KeptRecord) -> Ticket | RejectedRecord:
    """The ticket that was kept, or that of an answer to a survey as it is now."""
    if "rating" not in record.position:
        return decode_kept(record, _TICKET)
    rating = decode_kept(record, _RATING)
    if isinstance(rating, RejectedRecord):
        return rating
    try:
        score(rating)
    except KeyError:
        return RejectedRecord(record.position, UNKNOWN_ANSWER, record.raw)
    try:
        path = f"{TICKETS}/{rating.ticket_id}"
        raw = client.get("tickets", path, {"include": "requester"}, msgspec.Raw).body
    except NotFoundError:
        return RejectedRecord(record.position, "its ticket is gone", record.raw)
    ticket = decode_record(raw, _TICKET, "ticket", "ticket")
    if isinstance(ticket, RejectedRecord):
        reason = f"its ticket cannot be read: {ticket.reason}"
        return RejectedRecord(record.position, reason, record.raw)
    return ticket


def replay_events(
    records: Sequence[KeptRecord],
    statuses: Callable[[Ticket], Iterator[Row]],
    conversations: Callable[[int], Iterator[Row | RejectedRecord]],
    end: datetime,
) -> Iterator[Batch]:
    """Conversations as they were; the events that a ticket tells, and its conversations of today.

    Raises SourceError.
    """
    rows: list[tuple[Row, KeptRecord]] = []
    for record in records:
        if "conversation" in record.position:
            found = _conversation(record, end)
            if isinstance(found, RejectedRecord):
                yield found
            else:
                rows.append((found, record))
            continue
        ticket = decode_kept(record, _TICKET)
        if isinstance(ticket, RejectedRecord):
            yield ticket
            continue
        rows += [(row, record) for row in statuses(ticket)]
        for told in conversations(ticket.id):
            if isinstance(told, RejectedRecord):
                reason = f"{told.position}: {told.reason}"
                yield RejectedRecord(record.position, reason, record.raw)
            else:
                rows.append((told, record))
    yield from kept_rows(EVENT_COLUMNS, rows)


def _conversation(record: KeptRecord, end: datetime) -> Row | RejectedRecord:
    conversation = decode_kept(record, _CONVERSATION)
    if isinstance(conversation, RejectedRecord):
        return conversation
    if conversation.created_at >= end:
        return RejectedRecord(record.position, COMES_LATER, record.raw)
    ticket_id = record.position.partition(",")[0].removeprefix("ticket ")
    if not ticket_id.isdecimal():
        return RejectedRecord(record.position, _NO_TICKET, record.raw)
    return conversation_row(int(ticket_id), conversation)
