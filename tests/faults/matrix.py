"""One line of the fault matrix: which source met which fault, and what became of the reading.

A reading under a fault ends in all rows, content included, or in a SourceError that names source
and remedy. Which of the two is noted with the test (fixture `note`), for docs/fault-matrix.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeAlias

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.http_servers import DAY, EMAIL, TEHRAN, TOKEN, Reading

from moshtari.demo.faults import (
    Answer,
    Fault,
    cut_connection,
    drip,
    hang,
    json_answer,
    rate_limited,
    server_error,
    truncated,
    web_page,
)
from moshtari.landing.contract import ENTITIES
from moshtari.landing.errors import LandingError
from moshtari.landing.extract import extract_entity
from moshtari.landing.load import Load
from moshtari.settings import Settings
from moshtari.sources.base import Source, SourceError

Note: TypeAlias = Callable[[str, str, str], None]
Landed: TypeAlias = tuple[int, int, int, int] | None
Content: TypeAlias = list[tuple[tuple[str, str | None], ...]]

ALL_ROWS = "all rows"
NAMED = "stopped"
RETRIED = "tried again"
LASTING = ", lasting"
NAMED_IF_LASTING = "if it lasts, stopped"
QUARANTINED = "quarantine"
NEXT_NIGHT = "next night"


def reset_in(seconds: int) -> Answer:
    """429 with X's header, a Unix time by the server's clock, which uvicorn's `Date` shows."""

    async def answer(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        left = {
            "x-rate-limit-limit": "450",
            "x-rate-limit-remaining": "0",
            "x-rate-limit-reset": str(int(time.time()) + seconds),
        }
        await Response('{"title":"Too Many Requests"}', 429, left)(scope, receive, send)

    return answer


# name: the answer, and how patient the source is with it.
PASSING: dict[str, tuple[Answer, dict[str, Any]]] = {
    "429 with Retry-After": (rate_limited("7"), {}),
    "429 with a Unix time": (reset_in(7), {}),
    "429 with a date": (rate_limited("Thu, 01 Jan 2026 10:00:00 GMT"), {}),
    "429 without Retry-After": (rate_limited(None), {}),
    "500 burst": (server_error(500), {}),
    "503": (server_error(503), {}),
    "hang": (hang(1.0), {"timeout_seconds": 0.2}),
    "answer that drips": (drip(40, 0.05), {"answer_seconds": 0.4}),
    "connection cut in the body": (cut_connection(0.5), {}),
    "connection cut before the body": (cut_connection(0), {}),
    "truncated JSON": (truncated(0.5), {}),
    "empty body": (truncated(0), {}),
    "HTML with 200": (web_page(), {}),
    "JSON of another type": (json_answer("maintenance"), {}),
    "JSON null": (json_answer(None), {}),
}


def contents(reading: Reading) -> Content:
    """Every row whole, as a set would hold them; a key that comes twice stays twice."""
    return sorted((tuple(sorted(row.items())) for row in reading.rows), key=repr)


def latest(reading: Reading, key: str) -> Content:
    """Every key's last version, which is what landing keeps where both are of one load."""
    by_key = {row[key]: row for row in reading.rows}
    return sorted((tuple(sorted(row.items())) for row in by_key.values()), key=repr)


def outcome(
    note: Note,
    source: str,
    fault: str,
    attempt: Callable[[], Content],
    expected: Content,
) -> str:
    """Read under a fault, judge, and note the line. Rows that are neither all nor none fail."""
    found = _tried(attempt)
    name = fault.removesuffix(LASTING)
    if isinstance(found, SourceError):
        assert found.remedy
        assert not any(secret in str(found) for secret in (TOKEN, EMAIL))
        note(source, name, NAMED if name == fault else NAMED_IF_LASTING)
        return f"{NAMED}: {found.what}"
    missing = [row for row in expected if row not in found]
    assert found == expected, f"{len(missing)} of {len(expected)} rows are not as they should"
    note(source, name, RETRIED if fault in PASSING else ALL_ROWS)
    return ALL_ROWS


def _tried(attempt: Callable[[], Content]) -> Content | SourceError:
    try:
        return attempt()
    except SourceError as error:
        return error


def night(settings: Settings, source: Source, entity: str, days: int = 0) -> Landed:
    """Land the day so many days after the tests' own; None when landing holds it or it fails."""
    day = DAY + timedelta(days=days)
    load = Load(source.name, ENTITIES[entity], day, TEHRAN, source.lookback_hours)
    try:
        summary = extract_entity(settings, source, load)
    except (SourceError, LandingError):
        return None
    return summary.read, summary.landed, summary.unchanged, summary.quarantined


EMPTY: tuple[Landed, ...] = ((0, 0, 0, 0), None)
"""What may become of a day without a row after a full one: landed, or held until confirmed."""


def on_pages(path: str, answer: Answer) -> Fault:
    """Twice on the first page, once on a later one."""
    return Fault(path, answer, on={1, 2, 4})


def from_page(path: str, answer: Answer, page: int) -> Fault:
    """On every request from this page on."""
    return Fault(path, answer, on=range(page, 1000))


def afterwards(change: Callable[[], None]) -> Answer:
    """The app's own answer, and then something changes at the source."""

    async def answer(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        change()

    return answer
