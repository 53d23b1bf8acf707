"""The demo's social network: Mastodon's tag timelines over the schema ``social``.

Pages as Mastodon does: newest first, at most 40, and three ways to move. ``max_id`` gives what is
older, ``since_id`` the newest above it, ``min_id`` the page right above it. The ``Link``
header carries the next and the previous page; an empty page has none. Deleted posts are gone.

    python -m moshtari.demo.social --port 8792 --dsn postgresql://…
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import quote, urlencode

import psycopg
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moshtari.demo.serving import (
    HEALTH,
    Database,
    Guard,
    RateLimit,
    Row,
    arguments,
    bounded,
    database_unavailable,
    json_response,
    serve,
)

DEFAULT_LIMIT = 20
MOST_PER_PAGE = 40


@dataclass(frozen=True)
class Span:
    """Which ids a page is to hold, and from which end: ``forward`` takes the oldest first."""

    above: int
    below: int
    forward: bool
    limit: int


class SocialStore(Protocol):
    """Where the network keeps its posts; pages in any order, at most ``span.limit`` posts."""

    def tagged(self, tag: str, span: Span) -> list[Row]: ...

    def mentioning(self, username: str, span: Span) -> list[Row]: ...


class PostgresSocial:
    """The store in PostgreSQL, schema ``social``."""

    def __init__(self, dsn: str) -> None:
        self._database = Database(dsn)

    def tagged(self, tag: str, span: Span) -> list[Row]:
        return self._page("%(wanted)s = any(statuses.tags)", tag, span)

    def mentioning(self, username: str, span: Span) -> list[Row]:
        return self._page("position('@' || %(wanted)s in statuses.content) > 0", username, span)

    def _page(self, condition: str, wanted: str, span: Span) -> list[Row]:
        order = "asc" if span.forward else "desc"
        # Both come from this module, never from a request.
        query = f"""
            select
                statuses.id, statuses.created_at, statuses.edited_at, statuses.content,
                statuses.language, statuses.in_reply_to_id, statuses.favourites_count,
                statuses.reblogs_count, statuses.tags, statuses.url, statuses.account_id,
                accounts.username, accounts.acct, accounts.display_name
            from social.statuses as statuses
            inner join social.accounts as accounts on statuses.account_id = accounts.id
            where
                not statuses.deleted
                and statuses.id > %(above)s
                and statuses.id < %(below)s
                and {condition}
            order by statuses.id {order}
            limit %(limit)s
        """  # noqa: S608
        bounds = {"above": span.above, "below": span.below, "limit": span.limit}
        return self._database.rows(query, {"wanted": wanted, **bounds})


def create_app(
    store: SocialStore,
    *,
    token: str | None,
    brand: str = "pishkhan",
    limit: RateLimit | None = None,
) -> Starlette:
    """The network as an ASGI application; ``brand`` is the user whose token it is."""
    network = _Network(store, brand)
    guard = Middleware(
        Guard,
        authorization=None if token is None else f"Bearer {token}",
        limit=limit or RateLimit(0, 0),
        unauthorized={"error": "The access token is invalid"},
    )
    return Starlette(
        routes=[
            HEALTH,
            Route("/api/v1/timelines/tag/{hashtag}", network.tag_timeline),
            Route("/api/v1/notifications", network.notifications),
        ],
        middleware=[guard],
        exception_handlers={psycopg.OperationalError: database_unavailable},
    )


class _Network:
    def __init__(self, store: SocialStore, brand: str) -> None:
        self._store, self._brand = store, brand

    def tag_timeline(self, request: Request) -> Response:
        tag = request.path_params["hashtag"]
        rows = _page(request, lambda span: self._store.tagged(tag, span))
        return _answer(request, [_status(row, request) for row in rows])

    def notifications(self, request: Request) -> Response:
        """Mentions of the brand; a notification has its post's id here."""
        types = request.query_params.getlist("types[]")
        rows = _page(request, lambda span: self._store.mentioning(self._brand, span))
        found = [_notification(row, request) for row in rows] if "mention" in types else []
        return _answer(request, found)


def _page(request: Request, read: Callable[[Span], list[Row]]) -> list[Row]:
    """The page's rows, newest first. ``min_id`` wins over ``since_id``, as in Mastodon."""
    asked = request.query_params
    limit = bounded(asked.get("limit"), default=DEFAULT_LIMIT, most=MOST_PER_PAGE)
    floor = asked.get("min_id") or asked.get("since_id") or "0"
    ceiling = asked.get("max_id") or str(2**63 - 1)
    if not (floor.isdigit() and ceiling.isdigit()):
        return []
    span = Span(int(floor), int(ceiling), bool(asked.get("min_id")), limit)
    return sorted(read(span), key=lambda row: int(row["id"]), reverse=True)


def _answer(request: Request, page: list[Row]) -> Response:
    if not page:
        return json_response(page)
    kept = [
        (name, value)
        for name, value in request.query_params.multi_items()
        if name in ("limit", "types[]")
    ]
    # A header takes no Persian letters.
    url = f"{request.url.scheme}://{request.url.netloc}{quote(request.url.path)}"
    older = urlencode([*kept, ("max_id", page[-1]["id"])])
    newer = urlencode([*kept, ("min_id", page[0]["id"])])
    link = f'<{url}?{older}>; rel="next", <{url}?{newer}>; rel="prev"'
    return json_response(page, headers={"Link": link})


def _time(at: datetime) -> str:
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def _status(row: Row, request: Request) -> Row:
    reply_to = row["in_reply_to_id"]
    host = f"{request.url.scheme}://{request.url.netloc}"
    return {
        "id": str(row["id"]),
        "created_at": _time(row["created_at"]),
        "edited_at": None if row["edited_at"] is None else _time(row["edited_at"]),
        "in_reply_to_id": None if reply_to is None else str(reply_to),
        "sensitive": False,
        "spoiler_text": "",
        "visibility": "public",
        "language": row["language"],
        "uri": row["url"],
        "url": row["url"],
        "replies_count": 0,
        "reblogs_count": row["reblogs_count"],
        "favourites_count": row["favourites_count"],
        "content": row["content"],
        "reblog": None,
        "account": {
            "id": str(row["account_id"]),
            "username": row["username"],
            "acct": row["acct"],
            "display_name": row["display_name"],
            "url": f"{host}/@{row['acct']}",
        },
        "media_attachments": [],
        "mentions": [],
        "tags": [{"name": tag, "url": f"{host}/tags/{tag}"} for tag in row["tags"] or []],
        "emojis": [],
        "card": None,
        "poll": None,
    }


def _notification(row: Row, request: Request) -> Row:
    status = _status(row, request)
    return {
        "id": status["id"],
        "type": "mention",
        "created_at": status["created_at"],
        "account": status["account"],
        "status": status,
    }


def main() -> None:
    """Run the social network. Its access token: DEMO_SOCIAL_TOKEN."""
    options = arguments(
        "The demo's social network (Mastodon's tag timelines).", port=8792, burst=40, per_second=40
    )
    app = create_app(
        PostgresSocial(options.dsn),
        token=os.environ.get("DEMO_SOCIAL_TOKEN", "demo"),
        brand=os.environ.get("DEMO_SOCIAL_BRAND", "pishkhan"),
        limit=RateLimit(options.burst, options.per_second),
    )
    serve(app, options.port, "social network")


if __name__ == "__main__":
    main()
