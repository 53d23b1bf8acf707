"""A real PostgreSQL for every test that needs one: the embedded server, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from tests.servers.mariadb import INSTALLED, MariaDB, running

from moshtari.settings import Settings
from moshtari.warehouse.connection import connect
from moshtari.warehouse.migrate import embedded_server, migrate, prepare_embedded

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"
TEMPLATE = "moshtari_template"


def free_port() -> int:
    """A loopback port that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class TestServer:
    """The session's PostgreSQL."""

    __test__ = False
    settings: Settings

    def dsn(self, database: str = "postgres") -> str:
        """A superuser's connection string to ``database``."""
        params = self.settings.dsn(database=database, admin=True)
        return (
            f"postgresql://{params['user']}:{params['password']}"
            f"@{params['host']}:{params['port']}/{params['dbname']}"
        )

    def create_database(self, template: str | None = None) -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        with connect(self.settings, admin=True, database="postgres", autocommit=True) as admin:
            suffix = f" template {template}" if template else ""
            admin.execute(f"create database {name}{suffix}".encode())
        return name

    def settings_of(self, database: str, home: Path) -> Settings:
        """Settings of one of its databases, with a home of their own."""
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.settings.home / "secrets.json", home / "secrets.json")
        return self.settings.model_copy(update={"pg_database": database, "home": home})

    def drop_database(self, name: str) -> None:
        with connect(self.settings, admin=True, database="postgres", autocommit=True) as admin:
            admin.execute(f"drop database if exists {name} with (force)".encode())


@contextmanager
def embedded_postgres() -> Iterator[TestServer]:
    """An embedded PostgreSQL in a folder of its own, with a migrated template database."""
    for name in [name for name in os.environ if name.startswith("MOSHTARI_")]:
        del os.environ[name]
    home = Path(tempfile.mkdtemp(prefix="moshtari-test-"))
    settings = Settings(home=home, pg_port=free_port(), pg_database=TEMPLATE)
    try:
        prepare_embedded(settings)
        migrate(settings)
        yield TestServer(settings)
    finally:
        embedded_server(settings).stop()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def pg_server() -> Iterator[TestServer]:
    """The session's PostgreSQL."""
    with embedded_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """The session's MariaDB, which CI always has."""
    if not INSTALLED:
        told = "MariaDB is not installed (Debian's mariadb-server)"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    with running() as server:
        yield server


@pytest.fixture
def settings(pg_server: TestServer, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a fresh, migrated database."""
    name = pg_server.create_database(template=TEMPLATE)
    yield pg_server.settings_of(name, tmp_path / "home")
    pg_server.drop_database(name)


@pytest.fixture
def pg(settings: Settings) -> Iterator[psycopg.Connection]:
    """A superuser's connection to the test's database, in autocommit."""
    with connect(settings, admin=True, database=settings.pg_database, autocommit=True) as admin:
        yield admin
