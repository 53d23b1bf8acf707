"""A real MariaDB in a folder of its own: Debian's `mariadb-server`, without its service.

Where the server is not installed, tests that need it are skipped; CI installs it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
from pymysql.cursors import Cursor

_FOLDERS = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
PASSWORD = "p@ss/w:rd"


def program(*names: str) -> str | None:
    """The first of the programs that is installed."""
    return next((found for name in names if (found := shutil.which(name, path=_FOLDERS))), None)


INSTALLED = program("mariadbd", "mysqld") is not None


@dataclass(frozen=True)
class MariaDB:
    """A running server; `connect` is its superuser."""

    port: int
    socket: str

    def connect(self, database: str | None = None) -> pymysql.Connection[Cursor]:
        return pymysql.connect(
            unix_socket=self.socket, user="root", database=database, autocommit=True
        )

    def run(self, statement: str, database: str | None = None) -> list[tuple[Any, ...]]:
        with self.connect(database) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def script(self, statements: str, database: str) -> None:
        """Statements that end with a semicolon at the end of a line."""
        with self.connect(database) as connection, connection.cursor() as cursor:
            for statement in statements.split(";\n"):
                if statement.strip():
                    cursor.execute(statement)


@contextmanager
def running() -> Iterator[MariaDB]:
    """A server on a free loopback port, gone with all its data at the end."""
    folder = Path(tempfile.mkdtemp(prefix="moshtari-mariadb-"))
    try:
        with _running(folder) as found:
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(folder: Path) -> Iterator[MariaDB]:
    data, path = folder / "data", str(folder / "socket")
    # As root it would refuse; then it runs as the account that its package made.
    account = ["--user=mysql"] if os.geteuid() == 0 else []
    if account:
        shutil.chown(folder, "mysql")
    install = program("mariadb-install-db", "mysql_install_db")
    assert install is not None
    common = ["--no-defaults", f"--datadir={data}", *account]
    make = [install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(make, check=True, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    daemon = program("mariadbd", "mysqld")
    assert daemon is not None
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                daemon,
                *common,
                f"--socket={path}",
                f"--port={port}",
                "--bind-address=127.0.0.1",
                f"--pid-file={folder / 'pid'}",
                "--character-set-server=utf8mb4",
                "--skip-name-resolve",
                # Nothing has to outlive the tests.
                "--innodb-flush-log-at-trx-commit=0",
                "--innodb-buffer-pool-size=64M",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            found = MariaDB(port, path)
            _await(found, server, folder / "log")
            yield found
        finally:
            server.terminate()
            server.wait(timeout=60)


def _await(found: MariaDB, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if server.poll() is not None:
            break
        try:
            found.run("select 1")
        except pymysql.Error:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"MariaDB did not start:\n{log.read_text(errors='replace')[-2000:]}")
