"""A real MariaDB in a folder of its own: Debian's `mariadb-server`, without its service.

Where the server is not installed, tests that need it are skipped, but for CI, which installs it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
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


@dataclass
class MariaDB:
    """A server; `connect` is its superuser."""

    port: int
    socket: str
    command: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        for _ in range(600):
            if self.process.poll() is not None:
                break
            try:
                self.run("select 1")
            except pymysql.Error:
                time.sleep(0.1)
            else:
                return
        told = self.log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"MariaDB did not start:\n{told}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=60)

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
    """A server on a free loopback port, gone with all its data at the end.

    It has a login `moshtari` without any rights.
    """
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
    command = [
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
    ]
    found = MariaDB(port, path, command, folder / "log")
    try:
        found.start()
        found.run(f"create user moshtari@'127.0.0.1' identified by '{PASSWORD}'")
        yield found
    finally:
        found.stop()
