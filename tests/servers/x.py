"""X's recent search over rows in memory, as its published contract has it, on a clock of its own.

What X refuses is refused here with X's status and shape: a token that is none, a parameter that
does not exist, a page size out of range, a window older than seven days or younger than ten
seconds, ids together with times. Fields come only when they are asked for, and none is ever null.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moshtari.demo.serving import HEALTH, Guard, RateLimit, json_response

Row = dict[str, Any]

SEARCH = "/2/tweets/search/recent"
USERS = "/2/users"
REACH = timedelta(days=7)
_EPOCH = datetime(2010, 11, 4, 1, 42, 54, 657_000, tzinfo=UTC)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_PARAMETERS = {
    "query",
    "start_time",
    "end_time",
    "since_id",
    "until_id",
    "max_results",
    "next_token",
    "pagination_token",
    "sort_order",
    "tweet.fields",
    "expansions",
    "user.fields",
}
_ALWAYS = ("id", "text", "edit_history_tweet_ids")
_PROBLEMS = "https://api.twitter.com/2/problems/"


def first_id(at: datetime) -> int:
    """The smallest id of a post written at this millisecond."""
    return ((at - _EPOCH) // timedelta(milliseconds=1)) << 22


def post(number: int, created_at: datetime, **changes: Any) -> Row:
    """A post; ``number`` tells posts of the same millisecond apart."""
    key = str(first_id(created_at) + number % (1 << 22))
    row: Row = {
        "id": key,
        "text": f"سلام @pishkhan {number}",
        "edit_history_tweet_ids": [key],
        "created_at": created_at,
        "author_id": "5",
        "conversation_id": key,
        "lang": "fa",
        "public_metrics": {
            "retweet_count": 1,
            "reply_count": 0,
            "like_count": 3,
            "quote_count": 0,
            "bookmark_count": 0,
            "impression_count": 70,
        },
    }
    return row | changes


def user(key: str = "5", username: str = "Ali_R", name: str = "علی") -> Row:
    return {"id": key, "username": username, "name": name}


@dataclass
class MemoryX:
    """What X has indexed, unordered, and X's own clock. An author who is no user is suspended."""

    now: datetime
    posts: list[Row] = field(default_factory=list)
    users: list[Row] = field(default_factory=lambda: [user()])


class _RefusedError(Exception):
    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


def create_app(store: MemoryX, *, token: str) -> Starlette:
    """The search as an ASGI application."""
    search = _Search(store)
    guard = Middleware(
        Guard,
        authorization=f"Bearer {token}",
        limit=RateLimit(0, 0),
        unauthorized={"title": "Unauthorized", "type": "about:blank", "status": 401},
    )
    return Starlette(
        routes=[HEALTH, Route(SEARCH, search.recent), Route(USERS, search.users)],
        middleware=[guard],
        exception_handlers={_RefusedError: _refused},
    )


class _Search:
    def __init__(self, store: MemoryX) -> None:
        self._store = store

    def recent(self, request: Request) -> Response:
        asked = request.query_params
        for name in asked:
            if name not in _PARAMETERS:
                raise _RefusedError(name, f"The query parameter [{name}] is not one of [...]")
        if not 1 <= len(asked.get("query", "")) <= 512:
            raise _RefusedError("query", "The `query` query parameter can not be empty or too long")
        size = asked.get("max_results", "10")
        if not (size.isdigit() and 10 <= int(size) <= 100):
            raise _RefusedError("max_results", f"[{size}] is not between 10 and 100")
        above, below = self._span(request)
        if "next_token" in asked:
            below = min(below, _position(asked["next_token"]))
        found = sorted(
            (row for row in self._store.posts if above <= int(row["id"]) < below),
            key=lambda row: int(row["id"]),
            reverse=True,
        )
        found = [row for row in found if _matches(asked["query"], row)]
        return self._page(request, found[: int(size)], more=len(found) > int(size))

    def users(self, request: Request) -> Response:
        """Accounts by their ids; those that are gone are errors, and no `data` if all are."""
        asked = request.query_params
        for name in asked:
            if name not in ("ids", "user.fields"):
                raise _RefusedError(name, f"The query parameter [{name}] is not one of [...]")
        ids = asked.get("ids", "").split(",")
        if not 1 <= len(ids) <= 100 or not all(map(str.isdigit, ids)):
            raise _RefusedError("ids", "The `ids` query parameter must hold 1 to 100 user ids")
        answer: Row = {}
        self._expand(
            answer,
            [{"author_id": key} for key in ids],
            {"id", "name", "username", *asked.get("user.fields", "").split(",")},
        )
        if "includes" in answer:
            answer["data"] = answer.pop("includes")["users"]
        return json_response(answer)

    def _span(self, request: Request) -> tuple[int, int]:
        """The ids from the first to before the last that the window holds."""
        asked, now = request.query_params, self._store.now
        by_id, by_time = (
            {name for name in names if name in asked}
            for names in (("since_id", "until_id"), ("start_time", "end_time"))
        )
        if by_id and by_time:
            raise _RefusedError(
                "since_id",
                "Invalid use of 'since_id' or 'until_id' in conjunction with 'start_time' or "
                "'end_time'.",
            )
        start = _time("start_time", asked.get("start_time"), now - REACH)
        end = _time("end_time", asked.get("end_time"), now - timedelta(seconds=30))
        if start < now - REACH:
            raise _RefusedError(
                "start_time", f"'start_time' must be on or after {now - REACH:%Y-%m-%dT%H:%MZ}"
            )
        if end > now - timedelta(seconds=10):
            raise _RefusedError(
                "end_time",
                "'end_time' must be a minimum of 10 seconds prior to the request time.",
            )
        if end <= start:
            raise _RefusedError("end_time", "'end_time' must be after 'start_time'")
        since = int(asked.get("since_id", 0))
        if since and since < first_id(now - REACH):
            raise _RefusedError(
                "since_id", "'since_id' must be a tweet id created after 7 days ago"
            )
        until = int(asked.get("until_id", 2**63))
        return max(first_id(start), since + 1), min(first_id(end), until)

    def _page(self, request: Request, rows: list[Row], *, more: bool) -> Response:
        asked = request.query_params
        fields = {*_ALWAYS, *asked.get("tweet.fields", "").split(",")}
        meta: Row = {"result_count": len(rows)}
        answer: Row = {"meta": meta}
        if rows:
            answer["data"] = [_shown(row, fields) for row in rows]
            meta |= {"newest_id": rows[0]["id"], "oldest_id": rows[-1]["id"]}
        if more:
            meta["next_token"] = _token(int(rows[-1]["id"]))
        if "author_id" in asked.get("expansions", "").split(","):
            self._expand(answer, rows, {"id", *asked.get("user.fields", "").split(",")})
        # X says on every answer what is left of its limit.
        left = {
            "x-rate-limit-limit": "450",
            "x-rate-limit-remaining": "449",
            "x-rate-limit-reset": str(int(self._store.now.timestamp()) + 900),
        }
        return json_response(answer, headers=left)

    def _expand(self, answer: Row, rows: list[Row], fields: set[str]) -> None:
        wanted = {row["author_id"] for row in rows}
        known = [found for found in self._store.users if found["id"] in wanted]
        if known:
            answer["includes"] = {"users": [_shown(found, fields) for found in known]}
        missing = sorted(wanted - {found["id"] for found in known})
        if missing:
            answer["errors"] = [
                {
                    "value": key,
                    "detail": f"Could not find user with author_id: [{key}].",
                    "title": "Not Found Error",
                    "resource_type": "user",
                    "parameter": "author_id",
                    "resource_id": key,
                    "type": f"{_PROBLEMS}resource-not-found",
                }
                for key in missing
            ]


def _shown(row: Row, fields: set[str]) -> Row:
    return {
        name: _text(value) if isinstance(value, datetime) else value
        for name, value in row.items()
        if name in fields and value is not None
    }


def _matches(query: str, row: Row) -> bool:
    reposts = any(ref["type"] == "retweeted" for ref in row.get("referenced_tweets", ()))
    words = query.split()
    if "-is:retweet" in words and reposts:
        return False
    return all(word in row["text"] for word in words if word != "-is:retweet")


def _text(at: datetime) -> str:
    utc = at.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def _time(name: str, text: str | None, otherwise: datetime) -> datetime:
    if text is None:
        return otherwise
    if not _TIME.fullmatch(text):
        raise _RefusedError(name, f"The `{name}` query parameter value is not a valid time")
    return datetime.fromisoformat(text)


def _token(position: int) -> str:
    return base64.b32encode(str(position).encode()).decode().rstrip("=").lower()


def _position(token: str) -> int:
    try:
        return int(base64.b32decode(token.upper() + "=" * (-len(token) % 8)))
    except ValueError:
        raise _RefusedError(
            "next_token", "The `next_token` query parameter value is not valid"
        ) from None


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, _RefusedError)
    value = request.query_params.get(error.parameter, "")
    problem = {
        "errors": [{"parameters": {error.parameter: [value]}, "message": str(error)}],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": f"{_PROBLEMS}invalid-request",
    }
    return json_response(problem, status=400)
