"""Freshdesk's API v2 over rows in memory, as far as a warehouse reads it.

Kept from the published contract: 30 rows a page and at most 100, at most 300 pages of tickets,
thirty days where no `updated_since` is given, descending by creation unless asked otherwise,
deleted tickets and spam only by `filter`, descriptions and the like only by `include`, the `Link`
header, credits by `X-RateLimit-*`, basic authentication by key and `X`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.http_servers import CONTEXT, START, Sleeps

from moshtari.demo.serving import Guard, RateLimit, json_response
from moshtari.sources.freshdesk import FreshdeskSource
from moshtari.sources.freshdesk_config import FreshdeskConfig
from moshtari.sources.http_config import HttpPolicy

Row = dict[str, Any]

API_KEY = "open sesame"
LAST_PAGE = 300
_CREDITS = 1000


@dataclass
class FreshdeskRows:
    """What the account holds, unordered. `knows` gives the requesters by id."""

    tickets: list[Row] = field(default_factory=list)
    conversations: dict[int, list[Row]] = field(default_factory=dict)
    ratings: list[Row] = field(default_factory=list)
    now: datetime = START + timedelta(days=1, hours=2)
    includes_its_second: bool = True
    """Whether `updated_since` includes its own second; the documentation does not say."""

    def ticket(self, key: int) -> Row:
        (found,) = (row for row in self.tickets if row["id"] == key)
        return found


def create_app(rows: FreshdeskRows, *, api_key: str = API_KEY) -> Starlette:
    """The account as an ASGI application."""
    desk = _Freshdesk(rows)
    credentials = base64.b64encode(f"{api_key}:X".encode()).decode()
    refusal = {"code": "invalid_credentials", "message": "You have to be logged in."}
    guard = Middleware(
        Guard,
        authorization=f"Basic {credentials}",
        limit=RateLimit(0, 0),
        unauthorized=refusal,
    )
    routes = [
        Route("/api/v2/tickets", desk.list_tickets),
        Route("/api/v2/tickets/{key:int}", desk.view_ticket),
        Route("/api/v2/tickets/{key:int}/conversations", desk.list_conversations),
        Route("/api/v2/tickets/{key:int}/satisfaction_ratings", desk.list_ticket_ratings),
        Route("/api/v2/surveys/satisfaction_ratings", desk.list_ratings),
    ]
    return Starlette(routes=routes, middleware=[guard])


class _InvalidError(Exception):
    def __init__(self, name: str, message: str) -> None:
        self.body = {
            "description": "Validation failed",
            "errors": [{"field": name, "message": message, "code": "invalid_value"}],
        }


def _validated(answer: Callable[[Any, Request], Response]) -> Callable[[Any, Request], Response]:
    def validated(self: Any, request: Request) -> Response:
        try:
            return answer(self, request)
        except _InvalidError as error:
            return json_response(error.body, status=400)

    return validated


class _Freshdesk:
    def __init__(self, rows: FreshdeskRows) -> None:
        self._rows = rows

    @_validated
    def list_tickets(self, request: Request) -> Response:
        query = request.query_params
        wanted = query.get("filter")
        found = [row for row in self._rows.tickets if _listed(row, wanted)]
        if "updated_since" in query:
            since = datetime.fromisoformat(query["updated_since"])
            if not self._rows.includes_its_second:
                since += timedelta(seconds=1)
            found = [row for row in found if row["updated_at"] >= since]
        else:
            earliest = self._rows.now - timedelta(days=30)
            found = [row for row in found if row["created_at"] >= earliest]
        order = query.get("order_by", "created_at")
        if order not in ("created_at", "due_by", "updated_at", "status"):
            raise _InvalidError("order_by", "It should be one of these values")
        found.sort(
            key=lambda row: (row[order], row["id"]), reverse=query.get("order_type") != "asc"
        )
        if int(query.get("page", 1)) > LAST_PAGE:
            message = "You cannot access tickets beyond the 300th page."
            raise _InvalidError("page", f"{message} Please provide a smaller page number.")
        include = [part for part in query.get("include", "").split(",") if part]
        shown = [_ticket(row, include) for row in found]
        return _page(request, shown, used=1 + 2 * len(include))

    def view_ticket(self, request: Request) -> Response:
        found = [row for row in self._rows.tickets if row["id"] == request.path_params["key"]]
        if not found:
            return Response(status_code=404)
        include = [*request.query_params.get("include", "").split(","), "description"]
        return json_response(_ticket(found[0], include))

    @_validated
    def list_conversations(self, request: Request) -> Response:
        key = request.path_params["key"]
        if not any(row["id"] == key for row in self._rows.tickets):
            return Response(status_code=404)
        found = sorted(self._rows.conversations.get(key, []), key=lambda row: row["id"])
        return _page(request, [_shown(row) for row in found])

    @_validated
    def list_ratings(self, request: Request) -> Response:
        found = sorted(self._rows.ratings, key=lambda row: row["id"], reverse=True)
        if since := request.query_params.get("created_since"):
            found = [row for row in found if row["created_at"] >= datetime.fromisoformat(since)]
        return _page(request, [_shown(row) for row in found])

    @_validated
    def list_ticket_ratings(self, request: Request) -> Response:
        key = request.path_params["key"]
        return _page(
            request, [_shown(row) for row in self._rows.ratings if row["ticket_id"] == key]
        )


def _listed(row: Row, wanted: str | None) -> bool:
    if wanted in ("deleted", "spam"):
        return bool(row.get(wanted))
    return not row.get("deleted") and not row.get("spam")


def _page(request: Request, rows: list[Row], used: int = 1) -> Response:
    number, size = (
        int(request.query_params.get(name, default))
        for name, default in (("page", 1), ("per_page", 30))
    )
    if not 1 <= size <= 100:
        raise _InvalidError("per_page", "It should be a Positive Integer less than or equal to 100")
    headers = {
        "X-Freshdesk-API-Version": "latest=v2; requested=v2",
        "X-RateLimit-Total": str(_CREDITS),
        "X-RateLimit-Remaining": str(_CREDITS - used),
        "X-RateLimit-Used-CurrentRequest": str(used),
    }
    if len(rows) > number * size:
        url = request.url.include_query_params(page=number + 1)
        headers["Link"] = f'<{url}>; rel="next"'
    return json_response(rows[(number - 1) * size : number * size], headers=headers)


def _shown(value: Any) -> Any:
    """As JSON: times in UTC with a Z, in whole seconds."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, dict):
        return {name: _shown(part) for name, part in value.items()}
    return value


def _ticket(row: Row, include: list[str]) -> Row:
    hidden = {"description", "description_text", "requester", "stats"} - set(include)
    if "description" in include:
        hidden.discard("description_text")
    shown = {name: _shown(value) for name, value in row.items() if name not in hidden}
    if not shown.get("deleted"):
        shown.pop("deleted", None)
    return shown


def ticket(key: int, updated_at: datetime, **changes: Any) -> Row:
    created_at = changes.get("created_at", updated_at - timedelta(hours=2))
    row = {
        "id": key,
        "requester_id": 1,
        "responder_id": 2,
        "subject": f"موضوع {key}",
        "description": "<div>سفارشم نرسید</div>",
        "description_text": "سفارشم نرسید",
        "status": 2,
        "priority": 1,
        "source": 1,
        "type": None,
        "tags": ["دیرکرد", 'say "so"'],
        "custom_fields": {"cf_order": f"O-{key}", "cf_customer": None},
        "requester": {
            "id": 1,
            "name": "سارا",
            "email": "sara@example.com",
            "mobile": None,
            "phone": "09120000000",
        },
        "stats": {
            "status_updated_at": created_at,
            "resolved_at": None,
            "closed_at": None,
            "first_responded_at": None,
        },
        "spam": False,
        "deleted": False,
        "due_by": created_at + timedelta(days=3),
        "created_at": created_at,
        "updated_at": updated_at,
    }
    return row | changes


def conversation(key: int, created_at: datetime, **changes: Any) -> Row:
    row = {
        "id": key,
        "user_id": 2,
        "incoming": False,
        "private": False,
        "source": 0,
        "body": f"<div>متن {key}</div>",
        "body_text": f"متن {key}",
        "created_at": created_at,
        "updated_at": created_at,
    }
    return row | changes


def rating(key: int, ticket_id: int, created_at: datetime, answer: int, **changes: Any) -> Row:
    row = {
        "id": key,
        "survey_id": 1,
        "user_id": 1,
        "ticket_id": ticket_id,
        "feedback": "خوب بود",
        "ratings": {"default_question": answer},
        "created_at": created_at,
        "updated_at": created_at,
    }
    return row | changes


def freshdesk(base_url: str, *, sleep: Any = None, **config: Any) -> FreshdeskSource:
    http = HttpPolicy(**{"timeout_seconds": 5, "tries": 4} | config.pop("http", {}))
    parsed = FreshdeskConfig(
        **{"kind": "freshdesk", "base_url": base_url, "api_key": API_KEY, "http": http} | config
    )
    return FreshdeskSource("desk", parsed, CONTEXT, sleep=Sleeps() if sleep is None else sleep)
