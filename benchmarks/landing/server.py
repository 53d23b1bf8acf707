"""One embedded server for all sides: the source, the warehouse, and a database for each other."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psycopg

from moshtari.settings import Settings
from moshtari.warehouse.connection import connect
from moshtari.warehouse.embedded import binaries
from moshtari.warehouse.migrate import embedded_server, migrate, prepare_embedded

SHOP, WAREHOUSE, LIMIT, PEER = "shop", "warehouse", "bare", "peer"


@dataclass(frozen=True)
class Server:
    """A running server in a folder of its own; `home` is there for files, too."""

    settings: Settings
    home: Path

    def admin(self, database: str) -> psycopg.Connection:
        """A connection of the administrator, with autocommit."""
        return connect(self.settings, admin=True, autocommit=True, database=database)

    def execute(self, database: str, *statements: str) -> None:
        with self.admin(database) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def rows(self, database: str, query: str) -> list[tuple[object, ...]]:
        with self.admin(database) as connection:
            return connection.execute(query.encode()).fetchall()

    def stream(self, database: str, query: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a query that has too many to hold."""
        with (
            self.admin(database) as connection,
            connection.transaction(),
            connection.cursor("stream") as cursor,
        ):
            cursor.itersize = 5_000
            yield from cursor.execute(query.encode())

    def url(self, database: str) -> str:
        """The address of a database, for what does not read libpq's environment."""
        dsn = self.settings.dsn(database=database, admin=True)
        user, password = quote(dsn["user"]), quote(dsn["password"], safe="")
        return f"postgresql://{user}:{password}@{dsn['host']}:{dsn['port']}/{database}"

    def psql(
        self,
        database: str,
        commands: Sequence[str],
        stdin: IO[bytes] | None = None,
        stdout: IO[bytes] | int | None = None,
    ) -> subprocess.Popen[bytes]:
        """psql, which runs the commands as one transaction."""
        dsn = self.settings.dsn(database=database, admin=True)
        environment = {
            **os.environ,
            "PGHOST": dsn["host"],
            "PGPORT": dsn["port"],
            "PGUSER": dsn["user"],
            "PGPASSWORD": dsn["password"],
            "PGDATABASE": database,
        }
        arguments = [item for command in commands for item in ("-c", command)]
        return subprocess.Popen(
            [str(binaries() / "psql"), "-Xq1", "-v", "ON_ERROR_STOP=1", *arguments],
            stdin=stdin,
            stdout=stdout,
            env=environment,
        )

    def quiet(self) -> None:
        """Leave nothing to write for what came before."""
        self.execute(WAREHOUSE, "checkpoint")


def finished(*processes: subprocess.Popen[bytes]) -> None:
    """Wait for processes; SystemExit when one fails."""
    statuses = [process.wait() for process in processes]
    if any(statuses):
        raise SystemExit("psql failed; what it said stands above")


@contextmanager
def server() -> Iterator[Server]:
    """A fresh server with its databases, gone with all its data afterwards.

    No database waits for its commits to reach the disk, as landing does not for its loads.
    """
    home = Path(tempfile.mkdtemp(prefix="moshtari-benchmark-"))
    settings = Settings(home=home, pg_port=free_port(), pg_database=WAREHOUSE)
    try:
        prepare_embedded(settings)
        migrate(settings)
        for database in (SHOP, LIMIT, PEER):
            embedded_server(settings).ensure_database(database)
        running = Server(settings, home)
        for database in (SHOP, WAREHOUSE, LIMIT, PEER):
            running.execute(database, f"alter database {database} set synchronous_commit = off")
        yield running
    finally:
        embedded_server(settings).stop()
        shutil.rmtree(home, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
