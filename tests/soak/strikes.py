"""Faults that strike the landing process, its sessions and its connections while it works."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from tests.servers.mariadb import MariaDB
from tests.soak.worker import Worker

# As long as a process may take to come to the place where it is to be struck.
_PATIENCE = 3.0
_RAW = {"shop": "orders", "store": "orders", "web": "orders", "till": "orders",
        "desk": "tickets", "voices": "mentions"}  # fmt: skip

AT_ANY_TIME = "killed (-9) at any time"
WHILE_LANDING = "killed (-9) while landing"
SESSION_ENDED = "warehouse session ended"
SOURCE_ENDED = "source session ended"


class Warehouse:
    """A superuser's view of the warehouse under attack."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._watch = psycopg.connect(dsn, autocommit=True)

    def close(self) -> None:
        self._watch.close()

    @contextmanager
    def held(self, source: str) -> Iterator[None]:
        """Whoever needs the source's first table next waits until this ends."""
        with psycopg.connect(self._dsn) as other:
            other.execute(f"lock table raw.{_RAW[source]} in access exclusive mode".encode())
            yield

    def waiting(self, source: str, worker: Worker) -> int | None:
        """The session of the source's load that waits for a lock, once there is one."""
        return _found(
            worker,
            lambda: self._watch.execute(
                """
                select loads.backend_pid
                from ops.loads as loads
                inner join pg_stat_activity as sessions on loads.backend_pid = sessions.pid
                where
                    loads.source = %s
                    and loads.status = 'running'
                    and sessions.datname = current_database()
                    and sessions.wait_event_type = 'Lock'
                """,
                [source],
            ).fetchone(),
        )

    def end(self, session: int) -> bool:
        row = self._watch.execute("select pg_terminate_backend(%s)", [session]).fetchone()
        return row is not None and bool(row[0])


def strike(
    warehouse: Warehouse, source: str, fault: str, start: Callable[[], Worker]
) -> tuple[Worker, bool]:
    """Hold a process where it lands and strike there; whether it came so far."""
    with warehouse.held(source):
        worker = start()
        session = warehouse.waiting(source, worker)
        if session is None:
            return worker, False
        if fault == WHILE_LANDING:
            worker.process.kill()
            worker.process.join()
            return worker, True
        return worker, warehouse.end(session)


def kill_some_time(worker: Worker, chance: random.Random, usual: float) -> bool:
    """Kill a process that has begun, within the time it usually takes."""
    worker.await_beginning()
    time.sleep(chance.uniform(0, usual))
    is_at_work = worker.process.is_alive()
    worker.process.kill()
    worker.process.join()
    return is_at_work


def end_postgres_session(dsn: str, start: Callable[[], Worker]) -> tuple[Worker, bool]:
    """End the reader's session while it waits at the gate."""
    with psycopg.connect(dsn) as other, psycopg.connect(dsn, autocommit=True) as watch:
        other.execute("lock table gate in access exclusive mode")
        worker = start()
        ended = _found(
            worker,
            lambda: watch.execute(
                "select pg_terminate_backend(pid)::int from pg_stat_activity"
                " where application_name = 'moshtari' and datname = current_database()"
                " and wait_event_type = 'Lock'"
            ).fetchone(),
        )
        return worker, ended == 1


def end_mysql_session(server: MariaDB, start: Callable[[], Worker]) -> tuple[Worker, bool]:
    """End the reader's session while it waits at the gate."""
    waits = (
        "select id from information_schema.processlist where user = 'moshtari'"
        " and db = 'soak' and state like 'Waiting for table%'"
    )
    with server.connect("soak") as other, other.cursor() as cursor:
        cursor.execute("lock tables gate write")
        worker = start()
        found = _found(worker, lambda: next(iter(server.run(waits)), None))
        if found is not None:
            server.run(f"kill connection {found}")
        cursor.execute("unlock tables")
    return worker, found is not None


def _found(worker: Worker, ask: Callable[[], tuple[Any, ...] | None]) -> int | None:
    """The first value of the row asked for, once there is one; None if the process ends before."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and worker.process.is_alive():
        row = ask()
        if row is not None:
            return int(row[0])
        time.sleep(0.004)
    return None
