"""Faults of HTTP servers, scripted: an ASGI middleware that misbehaves as real servers do.

A script says which request to which path meets what. Requests are counted by path, from 1, so a
fault can hit the second page of an export and nothing else. The server underneath is a real one:

    app = Faults(help_desk, [Fault("/tickets", on={2}, answer=server_error(503))])
    with serving(app) as base_url: ...
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Answer: TypeAlias = Callable[[ASGIApp, Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """``answer`` instead of the app's own to requests whose path contains ``path``.

    ``on`` are the request numbers (from 1, counted over the paths that contain ``path``); None is
    every request.
    """

    path: str
    answer: Answer
    on: Collection[int] | None = None


class Faults:
    """The middleware. ``requests`` holds the path and query of every request, in order."""

    def __init__(self, app: ASGIApp, script: Sequence[Fault] = ()) -> None:
        self._app = app
        self.follow(script)

    def follow(self, script: Sequence[Fault]) -> None:
        """Misbehave by another script from now on, and count from 1 again."""
        self._script = script
        self._counts: Counter[str] = Counter()
        self.requests: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        self.requests.append(f"{path}?{scope['query_string'].decode()}")
        self._counts.update({fault.path for fault in self._script if fault.path in path})
        for fault in self._script:
            if fault.path in path and (fault.on is None or self._counts[fault.path] in fault.on):
                await fault.answer(self._app, scope, receive, send)
                return
        await self._app(scope, receive, send)


def rate_limited(retry_after: str | None, **headers: str) -> Answer:
    """429, with ``Retry-After`` unless None."""
    if retry_after is not None:
        headers["Retry-After"] = retry_after
    return _always(Response("Too many requests", status_code=429, headers=headers))


def server_error(status: int = 500) -> Answer:
    """A server that cannot at the moment."""
    return _always(Response("Something went wrong", status_code=status))


def refused(status: int) -> Answer:
    """A server that does not want to: 401, 403, 404, 422."""
    return _always(Response("{}", status_code=status, media_type="application/json"))


def redirect(location: str) -> Answer:
    """302, as to a login page."""
    return _always(Response(status_code=302, headers={"Location": location}))


def web_page() -> Answer:
    """A web page with status 200, as captive portals and maintenance pages send."""
    return _always(HTMLResponse("<!doctype html><title>Back soon</title>"))


def json_answer(body: Any) -> Answer:
    """Any JSON with status 200: the wrong type, or an empty result."""
    return _always(Response(msgspec.json.encode(body), media_type="application/json"))


def hang(seconds: float) -> Answer:
    """Silence, before the app's own answer."""

    async def answer(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(seconds)
        await app(scope, receive, send)

    return answer


def cut_connection(share: float = 0.5) -> Answer:
    """All headers and ``share`` of the body; then the connection closes."""

    async def answer(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        start, body = await _answered(app, scope, receive)
        await send(start)
        part = body[: int(len(body) * share)]
        # Returning with more to come makes the server close the connection.
        await send({"type": "http.response.body", "body": part, "more_body": True})

    return answer


def drip(pieces: int, pause: float) -> Answer:
    """The app's answer in pieces, with a pause before each."""

    async def answer(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        start, body = await _answered(app, scope, receive)
        await send(start)
        size = -(-len(body) // pieces)
        for at in range(0, len(body), size):
            await asyncio.sleep(pause)
            piece = body[at : at + size]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return answer


def truncated(share: float = 0.5) -> Answer:
    """A whole response whose JSON ends too early."""
    return rewritten(lambda body: body[: int(len(body) * share)])


def edited(change: Callable[[Any], Any]) -> Answer:
    """The app's JSON after ``change``: a looping cursor, a record of another type."""
    return rewritten(lambda body: msgspec.json.encode(change(msgspec.json.decode(body))))


def rewritten(change: Callable[[bytes], bytes]) -> Answer:
    """The app's body after ``change``."""

    async def answer(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        start, body = await _answered(app, scope, receive)
        body = change(body)
        start["headers"] = [
            (name, str(len(body)).encode() if name == b"content-length" else value)
            for name, value in start["headers"]
        ]
        await send(start)
        await send({"type": "http.response.body", "body": body})

    return answer


def _always(response: Response) -> Answer:
    async def answer(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        await response(scope, receive, send)

    return answer


async def _answered(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    """The app's own answer: its start message and whole body."""
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, keep)
    body = b"".join(message.get("body", b"") for message in messages[1:])
    return messages[0], body
