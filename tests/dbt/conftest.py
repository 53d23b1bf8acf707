"""One built database for the read-only checks of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.dbt.project import run_dbt

from moshtari.warehouse.connection import connect

if TYPE_CHECKING:
    from moshtari.settings import Settings


@pytest.fixture(scope="module")
def empty_build(pg_server, tmp_path_factory) -> Iterator[Settings]:  # type: ignore[no-untyped-def]
    """A migrated database in which every model was built from nothing."""
    home: Path = tmp_path_factory.mktemp("home")
    (home / "secrets.json").write_bytes((pg_server.settings.home / "secrets.json").read_bytes())
    name = pg_server.create_database(template=pg_server.settings.pg_database)
    settings = pg_server.settings.model_copy(update={"pg_database": name, "home": home})
    run_dbt(settings, "build", "--exclude-resource-type", "unit_test",
            variables={"as_of_date": "2025-06-01", "run_id": 1})  # fmt: skip
    yield settings
    pg_server.drop_database(name)


@pytest.fixture
def built(empty_build: Settings) -> Iterator[psycopg.Connection]:
    """A superuser's connection to that database."""
    database = empty_build.pg_database
    with connect(empty_build, admin=True, database=database, autocommit=True) as admin:
        yield admin
