"""Readers against publications: does any statement see two runs, or none, and how long is it?

Marts with and without a history are read together, in every kind of transaction; each night has as
many rows as any other, so one more or less of them would be a history seen half written.

    python benchmarks/publication_readers.py --publications 300 --customers 2000

Starts a PostgreSQL of its own in a temporary folder. With `--careless` the wait for earlier readers
is left out, which shows what it is for: statements planned before an attach then find nothing.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.candidates import DAY, prepared_run
from tests.conftest import free_port
from tests.reading import KINDS, readers

from moshtari.publication import prune, publish, rollback
from moshtari.settings import Settings
from moshtari.warehouse.connection import connect
from moshtari.warehouse.migrate import embedded_server, migrate, prepare_embedded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--publications", type=int, default=300)
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--readers-of-a-kind", type=int, default=1)
    parser.add_argument("--careless", action="store_true", help="flip without waiting")
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="moshtari-benchmark-"))
    settings = Settings(home=home, pg_port=free_port())
    try:
        prepare_embedded(settings)
        migrate(settings)
        _measure(settings, arguments)
    finally:
        embedded_server(settings).stop()
        shutil.rmtree(home, ignore_errors=True)


def _measure(settings: Settings, arguments: argparse.Namespace) -> None:
    database = settings.pg_database
    with connect(settings, admin=True, database=database, autocommit=True) as admin:

        def one(number: int = 0) -> tuple[float, float]:
            # Each night a third of the customers have another history than the night before.
            day = DAY + timedelta(days=number)
            run = prepared_run(settings, admin, day, customers=arguments.customers)
            began = time.perf_counter()
            done = publish(settings, run.run_id)
            return time.perf_counter() - began, done.waited_seconds

        one()
        times: list[tuple[float, float]] = []
        kinds = KINDS * arguments.readers_of_a_kind
        with readers(settings, kinds) as seen:
            for number in range(arguments.publications):
                if arguments.careless:
                    # `moshtari.publication.publish` is the function; this is its module.
                    module = import_module("moshtari.publication.publish")
                    with patch.object(module, "wait_for_earlier_readers", return_value=0.0):
                        times.append(one(number))
                else:
                    times.append(one(number))
                if number % 10 == 9:
                    rollback(settings)
                    prune(settings, keep=3)
    took = sorted(t for t, _ in times)
    waited = sorted(w for _, w in times)
    print(f"publications {len(times)}, statements {sum(seen.statements.values())}")
    for kind in KINDS:
        print(
            f"  {kind:12} statements {seen.statements[kind]:6} mixed {seen.mixed[kind]} "
            f"empty {seen.empty[kind]} row counts seen {len(seen.counts[kind])}"
        )
    print(f"errors {len(seen.errors)}: {seen.errors[:3]}; runs seen {len(seen.runs)}")
    print(f"slowest statement {seen.slowest:.3f} s")
    for name, values in (("publish", took), ("of it waiting", waited)):
        middle, worst = values[len(values) // 2], values[-1]
        print(f"{name}: median {middle:.3f} s, worst {worst:.3f} s")


if __name__ == "__main__":
    main()
