"""The two warehouses of a soak: one that is attacked night by night, and its undisturbed twin."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeGuard

from tests.file_servers import Line
from tests.servers.mariadb import MariaDB
from tests.soak import strikes
from tests.soak.http_faults import EMPTY, HTTP_FAULTS, SHIFT, Script
from tests.soak.strikes import Warehouse
from tests.soak.till import Till, truncated
from tests.soak.worker import Ended, Task, Worker
from tests.soak.world import Day, HttpPart, Part

from moshtari.settings import Deployment, Settings

TWICE, AGAIN = "two runs of a night at once", "night tried again"
MISSED, BACKFILL = "night missed", "backfill while the night runs"
WAREHOUSE_CUT, SOURCE_CUT = "warehouse connection cut", "source connection cut"
TRUNCATED, ABSENT = "file cut short", "file not there yet"
REPLAY_KILLED = "replay killed (-9)"
_COMMON = (
    strikes.AT_ANY_TIME,
    strikes.WHILE_LANDING,
    strikes.SESSION_ENDED,
    WAREHOUSE_CUT,
    TWICE,
    AGAIN,
    MISSED,
    BACKFILL,
)
# New files and all accounts are read as they are now, whatever the day: which of two runs at once
# finds them first, and so from which day they are known, is chance.
_READ_WHOLE = ("till", "web")
# The night on which keys are compared.
RECONCILED = "friday"
_TRIES = 4
# So many processes at once; more would only wait for each other.
_AT_ONCE = threading.BoundedSemaphore(4)


@dataclass
class Tally:
    """What was done to a warehouse, and what nobody can explain."""

    faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    runs: int = 0
    retries: int = 0
    unexplained: list[str] = field(default_factory=list)
    # Days of a source that were not read, or shown empty: what it had then was seen later.
    unseen: dict[str, set[date]] = field(default_factory=dict)


def is_http(part: Part) -> TypeGuard[HttpPart]:
    return hasattr(part, "faults")


def menu(part: Part) -> tuple[str, ...]:
    """What can befall a source."""
    if is_http(part):
        return _COMMON + HTTP_FAULTS
    if isinstance(part, Till):
        return (*_COMMON, TRUNCATED, ABSENT)
    return (*_COMMON, strikes.SOURCE_ENDED, SOURCE_CUT)


class Side:
    """One warehouse, and how one of the sources is landed there."""

    def __init__(self, settings: Settings, part: Part, folder: Path, tally: Tally) -> None:
        self.settings, self.part, self.tally = settings, part, tally
        self._file = folder / "moshtari.yml"

    def deployment(self, config: dict[str, Any]) -> Deployment:
        return Deployment(
            name="soak",
            sources={self.part.name: config},
            reconcile={self.part.name: RECONCILED},
            # A till's file is small on its first day, whatever those before it have grown to.
            holds={"fewest_rows": 8, "shares": {"till": 0}},
            # Some nights have one bad order in eight, by chance and on both sides; nobody is there
            # to confirm them.
            quarantine={"above_share": 0.5},
            file=self._file,
        )

    def start(self, day: date, kind: str = "extract") -> Worker:
        part = self.part
        config = part.mended() if kind == "replay" else self.config()
        self.tally.runs += 1
        given = (self.settings, self.deployment(config), part.name, part.family, day)
        return Worker(Task(*given, kind))

    def config(self) -> dict[str, Any]:
        return self.part.config()

    def night(self, day: Day) -> None:
        self.until_done(day.date)

    def until_done(self, day: date, kind: str = "extract") -> None:
        """Without a fault: what fails nevertheless is told, and tried again."""
        for _ in range(_TRIES):
            with _AT_ONCE:
                ended = self.start(day, kind).ended()
            if ended.how == "landed":
                return
            self._unexplained(day, f"{kind} without a fault", ended)
        self.tally.unexplained.append(f"{self.part.name}: {kind} of {day} was given up")

    def _unexplained(self, day: date, fault: str, ended: Ended) -> None:
        self.tally.unexplained.append(
            f"{self.part.name}, {day}, {fault}: {ended.how}: {ended.told}"
        )


class Attacked(Side):
    """The warehouse under attack: by a script that follows from the seed, up to so many faults."""

    def __init__(
        self,
        settings: Settings,
        part: Part,
        folder: Path,
        tally: Tally,
        *,
        lines: tuple[Line, Line | None],
        warehouse: Warehouse,
        mariadb: MariaDB | None,
        plan: tuple[int, int, int],
    ) -> None:
        warehouse_line, self._source_line = lines
        super().__init__(
            settings.model_copy(update={"pg_port": warehouse_line.port}), part, folder, tally
        )
        self._warehouse_line, self._warehouse, self._mariadb = warehouse_line, warehouse, mariadb
        self._seed, self._nights, self._wanted = plan
        self._deck: list[str] = []
        self._missing = self._had = 0
        self._usual = 0.2
        self.tally.unseen[part.name] = set()

    def config(self) -> dict[str, Any]:
        return self.part.config(self._source_line)

    def night(self, day: Day) -> None:
        chance = random.Random(f"faults/{self._seed}/{self.part.name}/{day.number}")
        faults = list(self._planned(day, chance))
        if MISSED in faults or self._missing:
            self._missing = self._missing - 1 if self._missing else chance.randint(0, 2)
            if is_http(self.part):
                self.part.shift()
            self._struck(MISSED)
            self.tally.unseen[self.part.name].add(day.date)
            return
        ended = Ended("not begun")
        for fault in faults:
            if ended.how in ("failed", "killed"):
                self.tally.retries += 1
            ended = self._under(fault, day, chance)
            if ended.how == "broke down":
                self._unexplained(day.date, fault, ended)
            if fault == EMPTY and ended.how == "landed":
                self.tally.unseen[self.part.name].add(day.date)
                return
        if ended.how != "landed":
            self.tally.retries += bool(faults)
            if is_http(self.part):
                self.part.shift()
            began = time.monotonic()
            self.until_done(day.date)
            self._usual = 0.8 * self._usual + 0.2 * (time.monotonic() - began)
        if day.number % 12 == 7:
            self._replay(day, chance)

    def _planned(self, day: Day, chance: random.Random) -> Iterator[str]:
        """As many faults as are still wanted, spread over the nights left; the last are quiet."""
        left = self._nights - 2 - day.number
        if left <= 0:
            self._missing = 0
            return
        share = max(0.0, (self._wanted - self._had) / left)
        for _ in range(min(3, int(share) + (chance.random() < share % 1))):
            if not self._deck:
                self._deck = chance.sample(menu(self.part), len(menu(self.part)))
            fault = self._deck.pop()
            # The first nights have nothing behind them that could be missed or filled up.
            if fault not in (MISSED, BACKFILL) or day.number > 2:
                yield fault

    def _replay(self, day: Day, chance: random.Random) -> None:
        if chance.random() < 0.5:
            with _AT_ONCE:
                worker = self.start(day.date, "replay")
                if strikes.kill_some_time(worker, chance, self._usual):
                    self._struck(REPLAY_KILLED)
                worker.ended()
        self.until_done(day.date, "replay")

    def _struck(self, fault: str) -> None:
        self._had += 1
        self.tally.faults[fault, self.part.kind] += 1

    def _under(self, fault: str, day: Day, chance: random.Random) -> Ended:
        if is_http(self.part) and fault != SHIFT:
            self.part.shift()
        with _AT_ONCE:
            ended, struck = self._attack(fault, day, chance)
        if struck:
            self._struck(fault)
        return ended

    def _attack(self, fault: str, day: Day, chance: random.Random) -> tuple[Ended, bool]:
        """One run under one fault; how it ended, and whether the fault was met."""
        start = partial(self.start, day.date)
        if is_http(self.part) and fault in HTTP_FAULTS:
            script = Script(self.part, fault, chance)
            ended = start().ended()
            return ended, script.end()
        if fault in (WAREHOUSE_CUT, SOURCE_CUT):
            return self._cut(fault, start, chance)
        if fault in (TRUNCATED, ABSENT):
            return self._spoilt(fault, start, chance)
        if fault in (TWICE, AGAIN, BACKFILL):
            return self._more_than_once(fault, day)
        if fault == strikes.AT_ANY_TIME:
            worker = start()
            struck = strikes.kill_some_time(worker, chance, self._usual)
        elif fault == strikes.SOURCE_ENDED and self.part.name == "shop":
            dsn = str(self.part.config()["dsn"])
            worker, struck = strikes.end_postgres_session(dsn, start)
        elif fault == strikes.SOURCE_ENDED and self._mariadb is not None:
            worker, struck = strikes.end_mysql_session(self._mariadb, start)
        else:
            worker, struck = strikes.strike(self._warehouse, self.part.name, fault, start)
        return worker.ended(), struck

    def _cut(
        self, fault: str, start: Callable[[], Worker], chance: random.Random
    ) -> tuple[Ended, bool]:
        line = self._warehouse_line if fault == WAREHOUSE_CUT else self._source_line
        assert line is not None
        before, line.cut_after = line.cuts, chance.randrange(300, 5000)
        try:
            ended = start().ended()
        finally:
            line.cut_after = None
        return ended, line.cuts > before

    def _spoilt(
        self, fault: str, start: Callable[[], Worker], chance: random.Random
    ) -> tuple[Ended, bool]:
        assert isinstance(self.part, Till)
        file = self.part.newest
        whole = truncated(file, chance.uniform(0.1, 0.95))
        if fault == ABSENT:
            file.unlink()
        try:
            ended = start().ended()
        finally:
            file.write_bytes(whole)
        if fault == ABSENT and ended.how == "landed":
            # As far as the run could know, the day is complete: it is run again with the file.
            return Ended("failed", "a file is missing"), True
        return ended, ended.how == "failed"

    def _more_than_once(self, fault: str, day: Day) -> tuple[Ended, bool]:
        days = {TWICE: [day.date] * 2, AGAIN: [day.date], BACKFILL: [day.date]}[fault]
        if fault == BACKFILL:
            days.append(day.date - timedelta(days=min(5, day.number - 1)))
            if self.part.name in _READ_WHOLE:
                self.tally.unseen[self.part.name].add(day.date)
            if f"{days[-1]:%A}".lower() == RECONCILED:
                # The old day's comparison of keys finds what the twin's finds a week later.
                self.tally.unseen[self.part.name].add(days[-1] + timedelta(days=7))
        workers: Sequence[Worker] = [self.start(on) for on in days]
        ended = [worker.ended() for worker in workers]
        if fault == AGAIN:
            ended.append(self.start(day.date).ended())
        for result in ended:
            if result.how != "landed" and "held:" not in result.told:
                self._unexplained(day.date, fault, result)
        return ended[0], True
