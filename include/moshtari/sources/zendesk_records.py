"""What Zendesk's exports send, as typed records, and how they become columns of the contract."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, TypeAlias

import msgspec

Instant: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]

_COMMENTS = ("Comment", "VoiceComment")


class Via(msgspec.Struct, gc=False):
    """How a ticket came in; of old accounts the channel is a number."""

    channel: str | int | None = None


class Rating(msgspec.Struct, gc=False):
    """The satisfaction rating: score `good`, `bad`, `offered` or `unoffered`."""

    score: str | None = None
    comment: str | None = None


class CustomField(msgspec.Struct, gc=False):
    """A custom field's value on one ticket."""

    id: int
    value: object = None


class Ticket(msgspec.Struct, gc=False):
    """A ticket of the cursor export."""

    id: int
    created_at: Instant
    updated_at: Instant
    status: str
    requester_id: int | None = None
    external_id: str | None = None
    subject: str | None = None
    description: str | None = None
    priority: str | None = None
    via: Via | None = None
    tags: list[str] | None = None
    custom_fields: list[CustomField] | None = None
    satisfaction_rating: Rating | None = None
    generated_timestamp: int = 0


class User(msgspec.Struct, gc=False):
    """A requester, agent or admin."""

    id: int
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    role: str | None = None
    external_id: str | None = None


class Child(msgspec.Struct, gc=False):
    """One thing that an update did to a ticket; its fields differ by `event_type`."""

    id: int
    event_type: str
    author_id: int | None = None
    body: str | None = None
    plain_body: str | None = None
    public: bool | None = None
    comment_public: bool | None = None
    created_at: Instant | None = None
    status: str | None = None
    previous_value: object = None


class Audit(msgspec.Struct, gc=False):
    """One update of a ticket, with all that it did."""

    id: int
    ticket_id: int
    timestamp: int
    created_at: Instant | None = None
    updater_id: int | None = None
    child_events: list[msgspec.Raw] = []


class TicketPage(msgspec.Struct):
    """A page of the cursor export."""

    tickets: list[msgspec.Raw]
    end_of_stream: bool
    after_cursor: str | None = None
    users: list[msgspec.Raw] = []


class WholeTicketPage(msgspec.Struct):
    """The same, where no record is broken."""

    tickets: list[Ticket]
    end_of_stream: bool
    after_cursor: str | None = None
    users: list[User] = []


class EventPage(msgspec.Struct):
    """A page of the time-based export; `end_time` is the start of the next."""

    ticket_events: list[msgspec.Raw]
    end_of_stream: bool
    end_time: int | None = None


class UserPage(msgspec.Struct):
    """An answer of `users/show_many`."""

    users: list[msgspec.Raw]


_TEXT_OR_NUMBER = (str, int)

TICKET_COLUMNS = (
    "ticket_id", "customer_id", "requester_email", "requester_phone", "requester_name",
    "created_at", "updated_at", "channel", "subject", "body", "status", "priority", "tags",
    "order_id", "satisfaction_score", "satisfaction_comment", "_is_deleted",
)  # fmt: skip
EVENT_COLUMNS = (
    "event_id", "ticket_id", "occurred_at", "kind", "author_role", "is_public", "body",
    "from_status", "to_status",
)  # fmt: skip


def order_id(ticket: Ticket, source: int | str | None) -> str | None:
    """The shop's order that a ticket names, or None for none (a cleared field is '')."""
    if source is None:
        return None
    if source == "external_id":
        return ticket.external_id or None
    for field in ticket.custom_fields or []:
        if field.id == source and isinstance(field.value, _TEXT_OR_NUMBER) and field.value != "":
            return str(field.value)
    return None


def event_row(audit: Audit, child: Child, role: str) -> tuple[str | None, ...]:
    """A comment or a change of status as EVENT_COLUMNS; a status is not public."""
    occurred_at = child.created_at or audit.created_at
    if occurred_at is None:
        occurred_at = datetime.fromtimestamp(audit.timestamp, UTC)
    head = (str(child.id), str(audit.ticket_id), *written([occurred_at]))
    if is_comment(child):
        public = child.public if child.public is not None else child.comment_public
        body = child.plain_body if child.plain_body is not None else child.body
        flag = None if public is None else str(public).lower()
        return (*head, "comment", role, flag, body, None, None)
    before = child.previous_value if isinstance(child.previous_value, str) else None
    return (*head, "status", role, "false", None, before, child.status)


def is_comment(child: Child) -> bool:
    """Whether the event is a comment, public or a note."""
    return child.event_type in _COMMENTS


def is_status(child: Child) -> bool:
    """Whether the event sets the status, at the ticket's creation or later."""
    return child.event_type in ("Create", "Change") and child.status is not None


def author_id(audit: Audit, child: Child) -> int:
    """The user's id; Zendesk writes -1 (or none) for its own automations."""
    author = child.author_id if child.author_id is not None else audit.updater_id
    return author if author is not None else -1


def author_role(user: User) -> str:
    """`agent` or `customer`, from Zendesk's end-user, agent and admin."""
    return "customer" if user.role in (None, "end-user") else "agent"


def may_be_wanted(raw: msgspec.Raw) -> bool:
    """Whether a child event that cannot be read may have been a comment or a status.

    Most kinds of child event are no business of the warehouse, and their fields differ by kind.
    """
    content = bytes(raw)
    return b'"Comment"' in content or b'"VoiceComment"' in content or b'"status"' in content


def written(times: list[datetime]) -> list[str]:
    """In ISO 8601; a tenth of what `isoformat` takes."""
    texts: list[str] = msgspec.to_builtins(times)
    return texts
