"""The demo's help desk: Zendesk's incremental exports over the schema ``help_desk``.

Speaks what Zendesk publishes for the endpoints a warehouse reads: cursor exports of tickets and
users, the time-based export of ticket events with ``comment_events`` side-loaded, ``show_many`` of
users, basic authentication by API token, and 429 with ``Retry-After``. One thing differs on
purpose: Zendesk keeps back the most recent minute, and the demo lives on its own days, not on the
clock, so all that the schema holds is served.

    python -m moshtari.demo.help_desk --port 8791 --dsn postgresql://…
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import psycopg
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moshtari.demo.help_desk_store import HelpDeskStore, Position, PostgresHelpDesk
from moshtari.demo.serving import (
    HEALTH,
    Guard,
    RateLimit,
    Row,
    arguments,
    bounded,
    database_unavailable,
    json_response,
    numbers,
    serve,
)

ORDER_ID_FIELD = 360001
"""The id of the demo's custom ticket field that holds the shop's order number."""

MOST_PER_PAGE = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Audits have ids of their own in Zendesk; the schema stores only what happened within them.
_AUDIT_ID_BASE = 900_000_000_000


def create_app(
    store: HelpDeskStore, *, email: str, token: str, limit: RateLimit | None = None
) -> Starlette:
    """The help desk as an ASGI application."""
    desk = _HelpDesk(store)
    credentials = base64.b64encode(f"{email}/token:{token}".encode()).decode()
    guard = Middleware(
        Guard,
        authorization=f"Basic {credentials}",
        limit=limit or RateLimit(0, 0),
        unauthorized={"error": "Couldn't authenticate you"},
    )
    exports: dict[str, Callable[[Request], Response]] = {
        "/api/v2/incremental/tickets/cursor": desk.tickets,
        "/api/v2/incremental/users/cursor": desk.users,
        "/api/v2/incremental/ticket_events": desk.ticket_events,
        "/api/v2/users/show_many": desk.show_many,
    }
    routes = [HEALTH]
    for path, endpoint in exports.items():
        routes += [Route(path, endpoint), Route(f"{path}.json", endpoint)]
    return Starlette(
        routes=routes,
        middleware=[guard],
        exception_handlers={psycopg.OperationalError: database_unavailable, ValueError: _refused},
    )


class _HelpDesk:
    def __init__(self, store: HelpDeskStore) -> None:
        self._store = store

    def tickets(self, request: Request) -> Response:
        answer, rows = self._cursor_page(request, self._store.tickets)
        answer["tickets"] = [_ticket(row) for row in rows]
        if "users" in request.query_params.get("include", "").split(","):
            requesters = sorted({row["requester_id"] for row in rows})
            answer["users"] = [_user(row) for row in self._store.users_by_id(requesters)]
        return json_response(answer)

    def users(self, request: Request) -> Response:
        answer, rows = self._cursor_page(request, self._store.users)
        return json_response(answer | {"users": [_user(row) for row in rows]})

    def show_many(self, request: Request) -> Response:
        ids = numbers(request.query_params.get("ids"))
        if len(ids) > 100:
            raise ValueError("ids: at most 100")
        users = [_user(row) for row in self._store.users_by_id(ids)]
        return json_response({"users": users, "count": len(users), "next_page": None})

    def ticket_events(self, request: Request) -> Response:
        """Whole seconds only: a time-based page that cut one would repeat or lose events."""
        start = _start_time(request)
        size = bounded(
            request.query_params.get("per_page"), default=MOST_PER_PAGE, most=MOST_PER_PAGE
        )
        rows = self._store.events(start, size)
        last = _seconds(rows[-1]["created_at"]) if rows else _seconds(start)
        behind = last + 1
        # Zendesk's next page starts with the last second again; one that fills a page must not.
        end = behind if rows and last == _seconds(start) else last
        ended = not self._store.events(_EPOCH + timedelta(seconds=behind), 1)
        include = request.query_params.get("include", "")
        query = f"start_time={end}&per_page={size}" + (f"&include={include}" if include else "")
        audits = _audits(rows, with_bodies="comment_events" in include.split(","))
        return json_response(
            {
                "ticket_events": audits,
                "count": len(audits),
                "end_time": end,
                "end_of_stream": ended,
                "next_page": f"{request.url.replace(query='')}?{query}",
            }
        )

    def _cursor_page(
        self, request: Request, read: Callable[[Position, int], list[Row]]
    ) -> tuple[Row, list[Row]]:
        cursor = request.query_params.get("cursor")
        after = _position(cursor) if cursor else (_start_time(request), -1)
        size = bounded(
            request.query_params.get("per_page"), default=MOST_PER_PAGE, most=MOST_PER_PAGE
        )
        found = read(after, size + 1)
        rows = found[:size]
        if rows:
            after = rows[-1]["updated_at"], rows[-1]["id"]
        token = _cursor(after)
        url = request.url.replace(query="")
        return {
            "after_cursor": token,
            "after_url": f"{url}?cursor={token}&per_page={size}",
            "before_cursor": None,
            "before_url": None,
            "end_of_stream": len(found) <= size,
        }, rows


def _start_time(request: Request) -> datetime:
    text = request.query_params.get("start_time", "")
    if not text.isdigit():
        raise ValueError("start_time: a Unix time is needed")
    return _EPOCH + timedelta(seconds=int(text))


def _cursor(position: Position) -> str:
    at, key = position
    microseconds = (at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(f"{microseconds}||{key}|".encode()).decode()


def _position(cursor: str) -> Position:
    try:
        microseconds, _, key, _ = base64.urlsafe_b64decode(cursor).decode().split("|")
        return _EPOCH + timedelta(microseconds=int(microseconds)), int(key)
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise ValueError("cursor: not one of ours") from error


def _seconds(at: datetime) -> int:
    return int((at - _EPOCH) // timedelta(seconds=1))


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _user(row: Row) -> Row:
    return {
        "id": row["id"],
        "name": row["name"],
        "email": row["email"],
        "phone": row["phone"],
        "role": row["role"],
        "external_id": None,
        "active": True,
        "created_at": _time(row["created_at"]),
        "updated_at": _time(row["updated_at"]),
    }


def _ticket(row: Row) -> Row:
    rating: Row = {"score": row["satisfaction_score"] or "unoffered"}
    if row["satisfaction_comment"] is not None:
        rating["comment"] = row["satisfaction_comment"]
    return {
        "id": row["id"],
        "requester_id": row["requester_id"],
        "submitter_id": row["requester_id"],
        "external_id": None,
        "subject": row["subject"],
        "raw_subject": row["subject"],
        "description": row["description"],
        "status": row["status"],
        "priority": row["priority"],
        "via": {"channel": row["via_channel"], "source": {"from": {}, "to": {}, "rel": None}},
        "tags": row["tags"] or [],
        "custom_fields": [{"id": ORDER_ID_FIELD, "value": row["custom_order_id"]}],
        "satisfaction_rating": rating,
        "created_at": _time(row["created_at"]),
        "updated_at": _time(row["updated_at"]),
        "generated_timestamp": _seconds(row["updated_at"]),
    }


def _audits(rows: Sequence[Row], *, with_bodies: bool) -> list[Row]:
    """Events of one author on one ticket in one second are one update, as in Zendesk."""
    audits: dict[tuple[int, int, int | None], Row] = {}
    for row in rows:
        second = _seconds(row["created_at"])
        audit = audits.setdefault(
            (second, row["ticket_id"], row["author_id"]),
            {
                "id": _AUDIT_ID_BASE + row["id"],
                "ticket_id": row["ticket_id"],
                "timestamp": second,
                "created_at": _time(row["created_at"]),
                "updater_id": row["author_id"] if row["author_id"] is not None else -1,
                "via": "Web form",
                "event_type": "Audit",
                "child_events": [],
            },
        )
        audit["child_events"].append(_child(row, with_bodies=with_bodies))
    return list(audits.values())


def _child(row: Row, *, with_bodies: bool) -> Row:
    child: Row = {"id": row["id"], "via": "Web form", "via_reference_id": None}
    if row["kind"] == "comment":
        child["event_type"] = "Comment"
        if not with_bodies:
            return child | {"comment_present": True, "comment_public": row["is_public"]}
        return child | {
            "type": "Comment",
            "author_id": row["author_id"] if row["author_id"] is not None else -1,
            "body": row["body"],
            "public": row["is_public"],
            "attachments": [],
            "created_at": _time(row["created_at"]),
        }
    if row["from_status"] is None:
        return child | {"event_type": "Create", "status": row["to_status"]}
    return child | {
        "event_type": "Change",
        "status": row["to_status"],
        "previous_value": row["from_status"],
    }


async def _refused(_: Request, error: Exception) -> Response:
    return json_response({"error": "InvalidValue", "description": str(error)}, status=422)


def main() -> None:
    """Run the help desk. Credentials: DEMO_HELP_DESK_EMAIL and DEMO_HELP_DESK_TOKEN."""
    options = arguments(
        "The demo's help desk (Zendesk's incremental exports).", port=8791, burst=25, per_second=30
    )
    app = create_app(
        PostgresHelpDesk(options.dsn),
        email=os.environ.get("DEMO_HELP_DESK_EMAIL", "warehouse@pishkhan.example"),
        token=os.environ.get("DEMO_HELP_DESK_TOKEN", "demo"),
        limit=RateLimit(options.burst, options.per_second),
    )
    serve(app, options.port, "help desk")


if __name__ == "__main__":
    main()
