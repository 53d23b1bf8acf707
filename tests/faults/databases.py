"""A shop in PostgreSQL and one in MariaDB, which tests of faults hold, cut off, and restart."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from tests.http_servers import DAY
from tests.servers.mariadb import PASSWORD, MariaDB

from moshtari.landing.extract import LoadSummary, extract
from moshtari.settings import Deployment, Settings
from moshtari.warehouse.embedded import EmbeddedServer

_TABLE = """
create table sales (
    id varchar(40) primary key, changed {time}, state varchar(40), note varchar(400)
)
"""
_COLUMNS = {
    **dict.fromkeys(("discount_amount", "shipping_amount", "tax_amount"), "0"),
    "order_id": "id",
    "ordered_at": "changed",
    "updated_at": "changed",
    "status": "state",
    "campaign": "note",
    "currency": "'IRR'",
    "gross_amount": "1",
    "total_amount": "1",
    "direction": "'sale'",
}


class DatabaseShop(ABC):
    """One table of sales. Whoever reads it passes by the table `gate`, where he can be held."""

    kind: str
    time: str

    def make(self) -> None:
        self.run(_TABLE.format(time=self.time))
        self.run("create table gate as select 1 as is_open")

    @abstractmethod
    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        """A statement that is seen at once."""

    @abstractmethod
    def config(self, port: int | None = None, **given: Any) -> dict[str, Any]:
        """The source's part of the YAML; `port` is that of a line to the server."""

    @property
    @abstractmethod
    def port(self) -> int: ...

    @abstractmethod
    def held(self) -> Any:
        """A context in which readers wait at the gate."""

    @abstractmethod
    def waiting(self) -> list[int]:
        """Sessions of readers that wait at the gate."""

    @abstractmethod
    def kill(self, session: int) -> None: ...

    @abstractmethod
    def restart(self) -> None: ...

    @abstractmethod
    def uncommitted(self, key: str, changed: datetime) -> Any:
        """A context that has sold something, and commits at its end."""

    def sell(self, key: str, changed: datetime, state: str = "paid") -> None:
        row = [key, self.at(changed), state, "یادداشت"]
        self.run("insert into sales values (%s, %s, %s, %s)", row)

    def touch(self, key: str, changed: datetime, state: str) -> None:
        row = [self.at(changed), state, key]
        self.run("update sales set changed = %s, state = %s where id = %s", row)

    @abstractmethod
    def fill(self, count: int, changed: datetime) -> None:
        """That many sales of 400 letters each."""

    @abstractmethod
    def at(self, changed: datetime) -> Any: ...

    def entities(self) -> dict[str, Any]:
        where = "exists (select 1 from gate)"
        orders = {"table": "sales", "where": where, "changed_at": "changed", "columns": _COLUMNS}
        return {"orders": orders}

    def night(
        self,
        settings: Settings,
        on: date = DAY,
        *,
        port: int | None = None,
        nightly_keys: bool = False,
        **given: Any,
    ) -> LoadSummary:
        deployment = Deployment(
            name="test",
            sources={"shop": self.config(port, **given)},
            reconcile={"shop": "nightly"} if nightly_keys else {},
        )
        return extract(settings, deployment, "shop", "orders", on)[0]

    def start(self, settings: Settings, on: date) -> Future[LoadSummary]:
        """A night that runs beside others."""
        pool = ThreadPoolExecutor(1)
        try:
            return pool.submit(self.night, settings, on)
        finally:
            pool.shutdown(wait=False)

    def struck_at_the_gate(
        self, settings: Settings, strike: Callable[[int], None], **given: Any
    ) -> Exception | LoadSummary:
        """A night whose reader is struck while it waits; how it ended."""
        ended: list[Exception | LoadSummary] = []

        def run() -> None:
            try:
                ended.append(self.night(settings, **given))
            except Exception as error:
                ended.append(error)

        with self.held():
            night = threading.Thread(target=run)
            night.start()
            deadline = time.monotonic() + 60
            while not (sessions := self.waiting()):
                assert night.is_alive(), f"the night ended early: {ended}"
                assert time.monotonic() < deadline, "no reader came to the gate"
                time.sleep(0.02)
            strike(sessions[0])
        night.join(timeout=60)
        assert not night.is_alive()
        return ended[0]


class PostgresShop(DatabaseShop):
    """The shop in PostgreSQL."""

    kind, time = "postgres", "timestamptz"

    def __init__(self, dsn: str, server: EmbeddedServer | None = None) -> None:
        self._dsn, self._server = dsn, server
        self.make()

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(statement.encode(), values)

    def config(self, port: int | None = None, **given: Any) -> dict[str, Any]:
        dsn = psycopg.conninfo.make_conninfo(self._dsn, port=port or self.port)
        return {"kind": "postgres", "dsn": dsn, "entities": self.entities(), **given}

    @property
    def port(self) -> int:
        return int(psycopg.conninfo.conninfo_to_dict(self._dsn)["port"] or 0)

    @contextmanager
    def held(self) -> Iterator[None]:
        other = psycopg.connect(self._dsn)
        other.execute("lock table gate in access exclusive mode")
        yield
        # A restart has ended it already.
        other.close()

    def waiting(self) -> list[int]:
        with psycopg.connect(self._dsn, autocommit=True) as watch:
            found = watch.execute(
                "select pid from pg_stat_activity where datname = current_database()"
                " and wait_event_type = 'Lock'"
            ).fetchall()
        return [row[0] for row in found]

    def kill(self, session: int) -> None:
        self.run("select pg_terminate_backend(%s)", [session])

    def restart(self) -> None:
        assert self._server is not None
        self._server.stop()
        self._server.start()

    @contextmanager
    def uncommitted(self, key: str, changed: datetime) -> Iterator[None]:
        with psycopg.connect(self._dsn) as slow:
            slow.execute("insert into sales values (%s, %s, 'paid', 'late')", [key, changed])
            yield

    def fill(self, count: int, changed: datetime) -> None:
        self.run(
            "insert into sales select n, %s, 'paid', repeat('x', 400)"
            " from generate_series(1, %s) as n",
            [changed, count],
        )

    def at(self, changed: datetime) -> datetime:
        return changed


class MysqlShop(DatabaseShop):
    """The shop in MariaDB, which keeps its times in UTC."""

    kind, time = "mysql", "datetime"

    def __init__(self, server: MariaDB, database: str) -> None:
        self._server, self._database = server, database
        self.make()

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        with self._server.connect(self._database) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)

    def config(self, port: int | None = None, **given: Any) -> dict[str, Any]:
        login = {"user": "moshtari", "password": PASSWORD, "database": self._database}
        dsn = {"host": "127.0.0.1", "port": port or self.port, **login}
        entities = self.entities()
        return {"kind": "mysql", "dsn": dsn, "timezone": "UTC", "entities": entities, **given}

    @property
    def port(self) -> int:
        return self._server.port

    @contextmanager
    def held(self) -> Iterator[None]:
        other = self._server.connect(self._database)
        with other.cursor() as cursor:
            cursor.execute("lock tables gate write")
        yield
        other.close()

    def waiting(self) -> list[int]:
        found = self._server.run(
            "select id from information_schema.processlist where user = 'moshtari'"
            f" and db = '{self._database}' and state like 'Waiting for table%'"
        )
        return [row[0] for row in found]

    def kill(self, session: int) -> None:
        self._server.run(f"kill connection {session}")

    def restart(self) -> None:
        self._server.stop()
        self._server.start()

    @contextmanager
    def uncommitted(self, key: str, changed: datetime) -> Iterator[None]:
        with self._server.connect(self._database) as slow, slow.cursor() as cursor:
            slow.begin()
            cursor.execute(
                "insert into sales values (%s, %s, 'paid', 'late')", [key, self.at(changed)]
            )
            yield
            slow.commit()

    def fill(self, count: int, changed: datetime) -> None:
        self.run(
            f"insert into sales select seq, %s, 'paid', repeat('x', 400) from seq_1_to_{count}",
            [self.at(changed)],
        )

    def at(self, changed: datetime) -> str:
        return changed.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
