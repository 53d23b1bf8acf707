"""A world whose days follow from its seed alone, and what each source in it can be asked.

Every source has chance of its own, so that what happens to one is the same whatever others do.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

from tests.file_servers import Line
from tests.http_servers import TEHRAN

from moshtari.demo.faults import Answer, Faults
from moshtari.landing.windows import start_of

FIRST_DAY = date(2025, 3, 21)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


@dataclass(frozen=True)
class Day:
    """One business day: its bounds, and the chance of one source on it."""

    number: int
    date: date
    start: datetime
    end: datetime
    chance: random.Random

    @classmethod
    def of(cls, seed: int, source: str, number: int) -> Day:
        on = FIRST_DAY + timedelta(days=number)
        start, end = (start_of(on + timedelta(days=days), TEHRAN) for days in (0, 1))
        return cls(number, on, start, end, random.Random(f"{seed}/{source}/{number}"))

    def moment(self) -> datetime:
        """A whole second of the day; now and then one of the two at its borders."""
        if self.chance.random() < 0.05:
            return self.chance.choice([self.start, self.end - SECOND])
        return self.start + timedelta(seconds=self.chance.randrange(86_400))

    def moments(self, fewest: int, most: int) -> list[datetime]:
        """Some moments, in order; two of them equal where there are enough."""
        found = sorted(self.moment() for _ in range(self.chance.randint(fewest, most)))
        if len(found) > 3:
            found[2] = found[1]
        return found


class Part(Protocol):
    """One source of the world, with the server that it is read from."""

    name: str
    kind: str
    family: str
    entities: tuple[str, ...]

    def step(self, day: Day) -> None:
        """What happens at the source on a day."""

    def config(self, line: Line | None = None) -> dict[str, Any]:
        """The source's part of a deployment's YAML; a database is reached through the line."""

    def mended(self) -> dict[str, Any]:
        """The same with a mapping that understands what is quarantined now."""

    def close(self) -> None: ...


class HttpPart(Part, Protocol):
    """A source behind HTTP, whose server can misbehave.

    `paths` are parts of the paths of its lists; `nothing` is the server of an empty account.
    """

    faults: Faults
    paths: tuple[str, ...]
    nothing: Answer

    def shift(self, *, while_read: bool = False) -> None:
        """What happens at the source after midnight, before it is read or while it is: once."""

    def repeat(self, pages: list[Any]) -> Callable[[Any], Any]:
        """A change of pages: the last record of one comes again on the next."""

    @property
    def shifted(self) -> set[str]:
        """Keys of the rows that changed while they were being read."""


def utc(at: datetime) -> str:
    """As MySQL writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
