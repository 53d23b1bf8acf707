"""Faults of the servers behind HTTP, as scripts for them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from tests.faults.matrix import afterwards
from tests.soak.world import HttpPart

from moshtari.demo.faults import (
    Answer,
    Fault,
    cut_connection,
    edited,
    hang,
    json_answer,
    rate_limited,
    refused,
    server_error,
    truncated,
    web_page,
)

_PASSING: dict[str, Answer] = {
    "429 with Retry-After": rate_limited("2"),
    "429 without Retry-After": rate_limited(None),
    "503": server_error(503),
    "hang": hang(2.0),
    "connection cut by the server": cut_connection(0.5),
    "truncated JSON": truncated(0.6),
    "HTML with 200": web_page(),
    "JSON of another type": json_answer("maintenance"),
}
SHIFT = "page shifts while read"
EMPTY = "empty day after a full one"
HTTP_FAULTS = (
    *_PASSING,
    "500 burst",
    "500 for good",
    "token expires half way",
    "looping cursor",
    SHIFT,
    "duplicate across pages",
    EMPTY,
)


class Script:
    """A script for one run, which counts how often it was followed."""

    def __init__(self, part: HttpPart, fault: str, chance: random.Random) -> None:
        self.followed: Counter[str] = Counter()
        self._part, self._fault = part, fault
        part.faults.follow([self._counted(path, *step) for path in part.paths
                            for step in self._steps(chance)])  # fmt: skip

    def _steps(self, chance: random.Random) -> list[tuple[Answer, Collection[int] | None]]:
        """What to answer to which requests."""
        later = chance.choice([1, 1, 2, 3])
        if self._fault in _PASSING:
            on = {later, later + 1} if chance.random() < 0.5 else {later}
            return [(_PASSING[self._fault], on)]
        part = self._part
        steps: dict[str, Callable[[], tuple[Answer, Collection[int] | None]]] = {
            "500 burst": lambda: (server_error(500), range(later, later + 4)),
            "500 for good": lambda: (server_error(502), range(later, 10_000)),
            "token expires half way": lambda: (refused(401), range(2, 10_000)),
            "looping cursor": lambda: (_first_page(), None),
            SHIFT: lambda: (afterwards(partial(part.shift, while_read=True)), {1}),
            "duplicate across pages": lambda: (edited(part.repeat([])), None),
            EMPTY: lambda: (part.nothing, None),
        }
        return [steps[self._fault]()]

    def _counted(self, path: str, answer: Answer, on: Collection[int] | None) -> Fault:
        async def counted(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
            self.followed[path] += 1
            await answer(app, scope, receive, send)

        return Fault(path, counted, on)

    def end(self) -> bool:
        """Back to a server in order; returns whether the fault was met."""
        self._part.faults.follow([])
        # The first page alone is as it should be.
        fewest = 2 if self._fault == "looping cursor" else 1
        return max(self.followed.values(), default=0) >= fewest


def _first_page() -> Answer:
    """A cache that leaves the query out: whatever is asked, the first question is answered."""
    first: dict[str, Any] = {}

    async def answer(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        query = first.setdefault(scope["path"], scope["query_string"])
        await app(scope | {"query_string": query}, receive, send)

    return answer
