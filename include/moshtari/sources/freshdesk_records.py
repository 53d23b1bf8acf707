"""What Freshdesk's API sends, as typed records, and how they become columns of the contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec

from moshtari.sources.base import array_text
from moshtari.sources.html_text import plain_text

Instant: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]

STATUSES = {
    2: "open",
    3: "pending",
    4: "resolved",
    5: "closed",
    6: "waiting on customer",
    7: "waiting on third party",
}
PRIORITIES = {1: "low", 2: "medium", 3: "high", 4: "urgent"}
CHANNELS = {
    1: "email",
    2: "portal",
    3: "phone",
    4: "forum",
    5: "twitter",
    6: "facebook",
    7: "chat",
    8: "mobile app",
    9: "feedback widget",
    10: "outbound email",
    11: "ecommerce",
    12: "bot",
    13: "whatsapp",
    15: "chat",
}

# Surveys of two, three, five or seven answers share one scale; classic ones have 1, 2 and 3.
_SCORES = {
    103: "1", 102: "0.833333", 101: "0.666667", 100: "0.5",
    -101: "0.333333", -102: "0.166667", -103: "0",
    1: "1", 2: "0.5", 3: "0",
}  # fmt: skip
_RESOLVED, _CLOSED = 4, 5


class Requester(msgspec.Struct):
    """Who asked, as `include=requester` tells it."""

    name: str | None = None
    email: str | None = None
    mobile: str | None = None
    phone: str | None = None


class Stats(msgspec.Struct):
    """When a ticket last came into a status, as `include=stats` tells it."""

    status_updated_at: Instant | None = None
    resolved_at: Instant | None = None
    closed_at: Instant | None = None


class Place(msgspec.Struct):
    """Where a ticket stands in the list."""

    id: int
    updated_at: Instant


class Ticket(msgspec.Struct):
    """A ticket; `deleted` and `spam` are left out where they are false."""

    id: int
    created_at: Instant
    updated_at: Instant
    status: int
    priority: int | None = None
    source: int | None = None
    subject: str | None = None
    description: str | None = None
    description_text: str | None = None
    tags: list[str] | None = None
    custom_fields: dict[str, object] | None = None
    requester: Requester | None = None
    stats: Stats | None = None
    deleted: bool | None = None
    spam: bool | None = None


class Conversation(msgspec.Struct):
    """A reply or note of a ticket; `incoming` is what the customer wrote."""

    id: int
    created_at: Instant
    body: str | None = None
    body_text: str | None = None
    incoming: bool = False
    private: bool = False
    user_id: int | None = None


class Rating(msgspec.Struct):
    """An answered satisfaction survey; `default_question` is about the ticket as a whole."""

    id: int
    ticket_id: int
    created_at: Instant
    updated_at: Instant | None = None
    ratings: dict[str, int] = {}
    feedback: str | None = None

    @property
    def changed_at(self) -> datetime:
        return max(self.created_at, self.updated_at or self.created_at)


TICKET_COLUMNS = (
    "ticket_id", "customer_id", "requester_email", "requester_phone", "requester_name",
    "created_at", "updated_at", "channel", "subject", "body", "status", "priority", "tags",
    "order_id", "satisfaction_score", "satisfaction_comment", "_is_deleted",
)  # fmt: skip
EVENT_COLUMNS = (
    "event_id", "ticket_id", "occurred_at", "kind", "author_role", "is_public", "body",
    "from_status", "to_status",
)  # fmt: skip


def ticket_row(
    ticket: Ticket,
    rating: Rating | None,
    *,
    statuses: Mapping[int, str] = STATUSES,
    order_id_from: str | None = None,
    customer_id_from: str | None = None,
    is_gone: bool = False,
) -> tuple[str | None, ...]:
    """A ticket as TICKET_COLUMNS; one that is deleted or spam is a tombstone.

    A status, priority or channel of the account's own keeps its number.
    """
    requester = ticket.requester or Requester()
    gone = is_gone or ticket.deleted or ticket.spam
    return (
        str(ticket.id),
        _custom(ticket, customer_id_from),
        requester.email or None,
        requester.mobile or requester.phone or None,
        requester.name or None,
        ticket.created_at.isoformat(),
        ticket.updated_at.isoformat(),
        "unknown" if ticket.source is None else CHANNELS.get(ticket.source, str(ticket.source)),
        ticket.subject or "",
        _text(ticket.description_text, ticket.description),
        status_name(ticket.status, statuses),
        None if ticket.priority is None else PRIORITIES.get(ticket.priority, str(ticket.priority)),
        array_text(ticket.tags or []),
        _custom(ticket, order_id_from),
        None if rating is None else score(rating),
        None if rating is None else rating.feedback or None,
        "true" if gone else "false",
    )


def conversation_row(ticket_id: int, conversation: Conversation) -> tuple[str | None, ...]:
    """A reply or note as EVENT_COLUMNS; one that nobody wrote is the system's."""
    role = "customer" if conversation.incoming else "agent"
    return (
        str(conversation.id),
        str(ticket_id),
        conversation.created_at.isoformat(),
        "comment",
        "system" if conversation.user_id is None else role,
        "false" if conversation.private else "true",
        _text(conversation.body_text, conversation.body),
        None,
        None,
    )


def status_rows(
    ticket: Ticket, before: datetime, statuses: Mapping[int, str] = STATUSES
) -> Iterator[tuple[str | None, ...]]:
    """The changes of status that a ticket still shows, as EVENT_COLUMNS.

    They are named by ticket, status and time, so that every reading names them alike.
    """
    stats = ticket.stats or Stats()
    changes = {
        (_RESOLVED, stats.resolved_at),
        (_CLOSED, stats.closed_at),
        (ticket.status, stats.status_updated_at),
    }
    for status, at in sorted((status, at) for status, at in changes if at is not None):
        if at < before:
            yield (
                f"{ticket.id}-{status}-{int(at.timestamp())}",
                str(ticket.id),
                at.isoformat(),
                "status",
                "system",
                "false",
                None,
                None,
                status_name(status, statuses),
            )


def status_name(status: int, statuses: Mapping[int, str]) -> str:
    """The configured name, else Freshdesk's own, else the number."""
    return statuses.get(status) or STATUSES.get(status, str(status))


def score(rating: Rating) -> str | None:
    """From 0 to 1; None for a survey without the default question. KeyError for no known answer."""
    answer = rating.ratings.get("default_question")
    return None if answer is None else _SCORES[answer]


def _custom(ticket: Ticket, field: str | None) -> str | None:
    """A custom field that holds one value; a cleared one is null or ''."""
    value = (ticket.custom_fields or {}).get(field) if field else None
    return str(value) if isinstance(value, str | int) and value != "" else None


def _text(text: str | None, html: str | None) -> str:
    return text if text is not None else plain_text(html or "")
