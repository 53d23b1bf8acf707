"""A soak: every source lives its nights beside the others, and both warehouses land them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import TEMPLATE, TestServer
from tests.file_servers import Line, line_to
from tests.servers import mariadb
from tests.servers.mariadb import MariaDB
from tests.soak.compare import Verdict, compare
from tests.soak.databases import MysqlShop, PostgresShop
from tests.soak.services import Desk, Network, Web
from tests.soak.sides import Attacked, Side, Tally
from tests.soak.strikes import Warehouse
from tests.soak.till import Till
from tests.soak.world import Day, Part

from moshtari.settings import Settings
from moshtari.warehouse.connection import connect

Progress = Callable[[str, int], None]


@dataclass
class Soak:
    """What became of a soak."""

    seed: int
    nights: int
    sources: list[str]
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    runs: int = 0
    retries: int = 0
    loads: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def is_good(self) -> bool:
        return self.verdict.is_good and not self.unexplained


def soak(
    server: TestServer,
    folder: Path,
    *,
    seed: int,
    nights: int,
    faults: int,
    progress: Progress = lambda _source, _night: None,
) -> Soak:
    """Run it, and compare what the two warehouses hold in the end."""
    with ExitStack() as stack:
        database = stack.enter_context(mariadb.running()) if mariadb.INSTALLED else None
        settings = [
            server.settings_of(server.create_database(TEMPLATE), folder / name)
            for name in ("attacked", "twin")
        ]
        parts = _parts(stack, server, database, folder)
        result = Soak(seed, nights, [part.kind for part in parts])
        plan = (seed, nights, -(-faults // len(parts)))
        lives = [_Life(stack, server, settings, part, folder, database, plan) for part in parts]
        given_up = threading.Event()
        with ThreadPoolExecutor(len(parts)) as pool:
            running = [pool.submit(life.lived, progress, given_up) for life in lives]
            try:
                for done in as_completed(running):
                    done.result()
            finally:
                given_up.set()
        for life in lives:
            result.faults += life.attacked.tally.faults
            result.retries += life.attacked.tally.retries
            for side in (life.attacked, life.twin):
                result.runs += side.tally.runs
                result.unexplained += side.tally.unexplained
        sides = [
            stack.enter_context(connect(given, admin=True, database=given.pg_database))
            for given in settings
        ]
        unseen = {life.part.name: life.attacked.tally.unseen[life.part.name] for life in lives}
        shifted: dict[str, set[str]] = {
            part.name: getattr(part, "shifted", set()) for part in parts
        }
        result.verdict = compare(sides[0], sides[1], unseen, shifted)
        for status, count in sides[0].execute("select status, count(*) from ops.loads group by 1"):
            result.loads[status] = count
    return result


def _parts(
    stack: ExitStack, server: TestServer, database: MariaDB | None, folder: Path
) -> list[Part]:
    made = server.create_database()
    parts: list[Part] = [PostgresShop(server.dsn(made), server.settings.pg_port)]
    if database is not None:
        parts.append(MysqlShop(database))
    parts += [Desk(), Web(), Network(), Till(folder)]
    for part in parts:
        stack.callback(part.close)
    return parts


class _Life:
    """One source through all its nights, landed by both warehouses."""

    def __init__(
        self,
        stack: ExitStack,
        server: TestServer,
        settings: list[Settings],
        part: Part,
        folder: Path,
        database: MariaDB | None,
        plan: tuple[int, int, int],
    ) -> None:
        self.part, self._seed, self._nights = part, plan[0], plan[1]
        warehouse = Warehouse(server.dsn(settings[0].pg_database))
        stack.callback(warehouse.close)
        port = server.settings.pg_port
        line = stack.enter_context(line_to("127.0.0.1", port))
        source_line: Line | None = None
        if part.name == "shop":
            source_line = stack.enter_context(line_to("127.0.0.1", port))
        elif part.name == "store" and database is not None:
            source_line = stack.enter_context(line_to("127.0.0.1", database.port))
        self.attacked = Attacked(
            settings[0],
            part,
            folder,
            Tally(),
            lines=(line, source_line),
            warehouse=warehouse,
            mariadb=database,
            plan=plan,
        )
        self.twin = Side(settings[1], part, folder, Tally())

    def lived(self, progress: Progress, given_up: threading.Event) -> None:
        for number in range(self._nights):
            if given_up.is_set():
                return
            day = Day.of(self._seed, self.part.name, number)
            self.part.step(day)
            self.attacked.night(day)
            self.twin.night(day)
            if number % 12 == 7:
                self.twin.until_done(day.date, "replay")
            progress(self.part.name, number)
        for side in (self.attacked, self.twin):
            side.until_done(day.date, "reconcile")
            side.until_done(day.date, "replay")
