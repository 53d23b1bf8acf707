"""A demo of a few hundred people on real Airflow, its own PostgreSQL and real HTTP services."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest
from tests.conftest import free_port

from moshtari.demo import scenario
from moshtari.operations.nights import NightProgress
from moshtari.operations.stack import down
from moshtari.settings import Settings
from moshtari.warehouse.connection import connect

LAST_NIGHT = date(2026, 3, 18)
PLAN = scenario.DemoPlan(LAST_NIGHT, customers=400, days=500, seed=77)
FIRST_LOAD = PLAN.first_load
SECOND_NIGHT = FIRST_LOAD + timedelta(days=1)
THIRD_NIGHT = FIRST_LOAD + timedelta(days=2)


@dataclass
class Stage:
    """The running demo, and how far its nights have come."""

    settings: Settings
    progress: list[NightProgress] = field(default_factory=list)

    def night(self, *days: date, backfill: bool = False) -> None:
        scenario.live_through(
            self.settings, list(days), backfill=backfill, watch=self.progress.append
        )

    def admin(self, database: str | None = None) -> psycopg.Connection:
        name = database or self.settings.pg_database
        return connect(self.settings, admin=True, database=name, autocommit=True)

    def published(self, *, day: date | None = None) -> dict[str, tuple[int, str]]:
        """Rows and content hash of every published view, but for the number of the run.

        What a run shows is in its partition and, on the line, in the history beside it.
        """
        run = "(select run_id from store.pointer)"
        if day is not None:
            run = (
                "(select max(run_id) from ops.runs where status = 'published'"
                f" and as_of_date = '{day}')"
            )
        position = f"(select line_position from ops.runs where run_id = {run})"
        content: dict[str, tuple[int, str]] = {}
        with self.admin() as admin:
            tables = {
                row[0]: row[1]
                for row in admin.execute(
                    "select relname, relkind::text from pg_class"
                    " where relnamespace = 'store'::regnamespace and relkind in ('p', 'r')"
                ).fetchall()
            }
            for table in sorted(name for name, kind in tables.items() if kind == "p"):
                rows = f"select to_jsonb(t) as j from store.{table} as t where run_id = {run}"
                if f"{table}_history" in tables:
                    rows += (
                        f" union all select to_jsonb(t) from store.{table}_history as t"
                        f" where from_position <= {position} and to_position > {position}"
                    )
                row = admin.execute(
                    "select count(*), md5(coalesce(string_agg(h, ',' order by h), '')) from ("
                    f" select md5((j - %s::text[])::text) as h from ({rows}) as shown) as hashes",
                    [["run_id", "as_of_date", "from_position", "to_position"]],
                ).fetchone()
                assert row is not None
                content[table] = (row[0], row[1])
        return content


@pytest.fixture(scope="package")
def stage() -> Iterator[Stage]:
    """Up with its first load and two more nights done, the first of them late, as a backfill."""
    home = Path(tempfile.mkdtemp(prefix="moshtari-nights-"))
    settings = Settings(
        home=home,
        config=scenario.CONFIG,
        pg_port=free_port(),
        airflow_port=free_port(),
        help_desk_port=free_port(),
        social_port=free_port(),
    )
    # A failed task is tried again as in production, only without the waiting.
    os.environ.update(
        MOSHTARI_RETRY_SECONDS="1", MOSHTARI_TASK_RETRIES="1", MOSHTARI_DEADLINE_MINUTES="0.25"
    )
    running = Stage(settings)
    try:
        scenario.set_stage(settings, PLAN, lambda _message: None)
        running.night(FIRST_LOAD)
        running.night(SECOND_NIGHT, THIRD_NIGHT, backfill=True)
        yield running
    finally:
        down(settings, lambda _message: None)
        shutil.rmtree(home, ignore_errors=True)
