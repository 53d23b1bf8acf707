"""Publishing a mart with a history: how long, by how many rows there are and how many change?

    python benchmarks/publication_history.py --rows 10000000 --changed 100000

Starts a PostgreSQL of its own in a temporary folder and publishes a made-up mart of orders night by
night. The limit beside it is one `insert … select` of the same rows into an empty table.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.candidates import open_gate
from tests.conftest import free_port

from moshtari.publication import Run, begin_run, prune, publish
from moshtari.publication.marts import Mart
from moshtari.settings import Settings
from moshtari.warehouse.connection import connect
from moshtari.warehouse.migrate import embedded_server, migrate, prepare_embedded

MART = Mart("made_up", "bi", "made_up", "bi_reader", "order_key")
DAY = date(2026, 3, 10)
ROWS = """
    select
        {run}::bigint as run_id, date '{day}' as as_of_date, 'shop/' || n as order_key,
        md5((n % 1000000)::text) as customer_key, date '2024-01-01' + n % 700 as ordered_on,
        (n % 1000) * 1000.00::numeric as gross, ({version} + n % 7)::numeric as net,
        n % 3 = 0 as is_on_time, null::date as returned_on
    from generate_series(1, {rows}) as n
    where n % {every} = {of}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--changed", type=int, default=100_000)
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="moshtari-benchmark-"))
    settings = Settings(home=home, pg_port=free_port())
    try:
        prepare_embedded(settings)
        migrate(settings)
        _measure(settings, arguments.rows, arguments.rows // arguments.changed)
    finally:
        embedded_server(settings).stop()
        shutil.rmtree(home, ignore_errors=True)


def _measure(settings: Settings, rows: int, every: int) -> None:
    with connect(settings, admin=True, database=settings.pg_database, autocommit=True) as admin:
        nights = (
            ("the first publication", 0, None),
            ("a night with few changes", 1, 1),
            ("another", 2, 2),
            ("the same day again, others changed", 2, 3),
            ("all rows built anew, few differ", 3, None),
        )
        for number, (name, offset, of) in enumerate(nights):
            run = begin_run(settings, DAY + timedelta(days=offset))
            built = _candidate(settings, run, rows, number, every, of)
            open_gate(admin, run.run_id)
            began = time.perf_counter()
            publish(settings, run.run_id, marts=(MART,))
            print(f"{name}: {time.perf_counter() - began:.1f} s (candidate {built:.1f} s)")
            if number == 0:
                print(f"  one insert of the same rows: {_limit(admin):.1f} s")
        began = time.perf_counter()
        report = prune(settings, keep=2, marts=(MART,))
        print(f"prune: {time.perf_counter() - began:.1f} s, {report.history_rows:,} rows")


def _candidate(
    settings: Settings, run: Run, rows: int, version: int, every: int, of: int | None
) -> float:
    """Build the night's candidates: everybody, or the keys of one remainder; seconds it took."""
    anew = of is None
    query = ROWS.format(
        run=run.run_id, day=run.as_of_date, rows=rows, version=0 if anew else version,
        every=1 if anew else every, of=of or 0,
    )  # fmt: skip
    key = "null::text as order_key limit 1" if anew else "order_key from candidate.made_up_history"
    began = time.perf_counter()
    with connect(settings, role="moshtari_builder") as builder:
        for table, filled in (
            ("made_up_history", query),
            ("made_up", "select * from candidate.made_up_history where false"),
            (
                "made_up_history_scope",
                f"select {run.run_id}::bigint as run_id, date '{run.as_of_date}' as as_of_date, "
                f"{key}",
            ),
        ):
            builder.execute(f"drop table if exists candidate.{table}".encode())
            builder.execute(f"create table candidate.{table} as {filled}".encode())
    return time.perf_counter() - began


def _limit(admin: psycopg.Connection) -> float:
    admin.execute("create table public.made_up (like store.made_up_history)")
    began = time.perf_counter()
    admin.execute("insert into public.made_up select * from store.made_up_history")
    took = time.perf_counter() - began
    admin.execute("drop table public.made_up")
    return took


if __name__ == "__main__":
    main()
