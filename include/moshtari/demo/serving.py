"""What the demo's two HTTP servers share: database, credentials, rate limit, and running them."""

from __future__ import annotations

import argparse
import math
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import msgspec
import psycopg
import uvicorn
from psycopg.rows import dict_row
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

HOST = "127.0.0.1"

Row = dict[str, Any]


class Database:
    """One connection to the demo's database, opened on first use and anew when it was lost."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[Row] | None = None

    def rows(self, query: str, parameters: Mapping[str, Any]) -> list[Row]:
        """The rows of ``query``. Raises psycopg.Error when the database cannot answer."""
        with self._lock:
            try:
                return self._run(query, parameters)
            except psycopg.OperationalError:
                # A restarted server leaves a dead connection behind; a second failure is real.
                self._connection = None
                return self._run(query, parameters)

    def _run(self, query: str, parameters: Mapping[str, Any]) -> list[Row]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._dsn,
                autocommit=True,
                connect_timeout=10,
                row_factory=dict_row,
                application_name="moshtari-demo",
            )
        return self._connection.execute(query.encode(), parameters).fetchall()


class RateLimit:
    """A token bucket: ``burst`` requests at once, then ``per_second`` (0: no limit at all)."""

    def __init__(self, burst: int, per_second: float) -> None:
        self.burst, self.per_second = burst, per_second
        self._tokens = float(burst)
        self._filled_at = time.monotonic()
        self._lock = threading.Lock()

    def take(self) -> int | None:
        """None when the request may pass, else the whole seconds to wait for the next token."""
        if not self.per_second:
            return None
        with self._lock:
            now = time.monotonic()
            refill = (now - self._filled_at) * self.per_second
            self._tokens = min(float(self.burst), self._tokens + refill)
            self._filled_at = now
            if self._tokens >= 1:
                self._tokens -= 1
                return None
            return max(1, math.ceil((1 - self._tokens) / self.per_second))


class Guard:
    """ASGI middleware: 401 without the right ``Authorization`` (None: open), 429 past the limit.

    ``/health`` needs neither, so that whoever starts the server can wait for it.
    """

    def __init__(
        self, app: ASGIApp, *, authorization: str | None, limit: RateLimit, unauthorized: object
    ) -> None:
        self._app, self._authorization, self._limit = app, authorization, limit
        self._unauthorized = unauthorized

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != "/health":
            refusal = self._refusal(Headers(scope=scope))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, headers: Headers) -> Response | None:
        wait = self._limit.take()
        if wait is not None:
            return json_response(
                {"error": "Too many requests"}, status=429, headers={"Retry-After": str(wait)}
            )
        wanted = self._authorization
        if wanted is not None and headers.get("authorization") != wanted:
            return json_response(self._unauthorized, status=401)
        return None


def json_response(
    content: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """``content`` as JSON, by msgspec."""
    return Response(
        msgspec.json.encode(content),
        status_code=status,
        headers=dict(headers or {}),
        media_type="application/json",
    )


def health(_: Request) -> Response:
    """Says that the server is up."""
    return PlainTextResponse("ok")


HEALTH = Route("/health", health)


async def database_unavailable(_: Request, __: Exception) -> Response:
    """The answer while the demo's database is away: clients shall try again."""
    return json_response({"error": "ServiceUnavailable"}, status=503)


def arguments(description: str, *, port: int, burst: int, per_second: float) -> argparse.Namespace:
    """The command line both servers share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=port, help=f"loopback port ({port})")
    parser.add_argument(
        "--dsn",
        default=os.environ.get("DEMO_DSN"),
        help="connection string of the demo's database; the environment's DEMO_DSN if not given",
    )
    parser.add_argument("--burst", type=int, default=burst, help="requests allowed at once")
    parser.add_argument(
        "--per-second", type=float, default=per_second, help="requests a second after the burst"
    )
    options = parser.parse_args()
    if not options.dsn:
        parser.error("no database is given: set DEMO_DSN or pass --dsn")
    return options


def serve(app: ASGIApp, port: int, what: str) -> None:
    """Serve ``app`` on loopback until the process is stopped; exit with 1 if the port is taken."""
    try:
        listener = listen(port)
    except OSError:
        sys.exit(
            f"Port {port} of {HOST} is taken, so the {what} cannot start. "
            f"Stop what listens there, or pass another --port."
        )
    sys.stdout.write(f"{what}: http://{HOST}:{port}\n")
    sys.stdout.flush()
    with closing(listener):
        _server(app).run(sockets=[listener])


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve ``app`` from a thread on a free loopback port; gives the base URL."""
    with closing(listen(0)) as listener:
        server = _server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        try:
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            # A test may leave a request hanging on purpose; it shall not hold up the end.
            server.should_exit = server.force_exit = True
            thread.join(timeout=10)


def listen(port: int) -> socket.socket:
    """A listening loopback socket. Raises OSError when the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def _server(app: ASGIApp) -> uvicorn.Server:
    # Only what the operator must act on: a cut connection is the client's business.
    return uvicorn.Server(
        uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", ws="none")
    )


def numbers(text: str | None) -> list[int]:
    """Comma-separated whole numbers; anything else in between is left out."""
    return [int(part) for part in (text or "").split(",") if part.strip().isdigit()]


def bounded(text: str | None, *, default: int, most: int) -> int:
    """A page size from a query parameter, between 1 and ``most``."""
    return min(max(int(text), 1), most) if text and text.isdigit() else default
