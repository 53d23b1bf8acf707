"""Hundreds of nights under faults: does the warehouse end as one that never saw a fault?

    python -m tests.soak --nights 300 --faults 500 --seed 1

Starts a PostgreSQL of its own (and MariaDB where it is installed) in temporary folders. Exits with
1 when anything differs. The same seed gives the same world; when a strike hits is chance.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tests.conftest import embedded_postgres
from tests.soak.run import Soak, soak

_TOLD = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--nights", type=int, default=300)
    parser.add_argument("--faults", type=int, default=500, help="at least so many")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    console, began = Console(width=110), time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="moshtari-soak-") as folder,
        embedded_postgres() as server,
    ):
        progress = _Progress(console, given.nights)
        result = soak(
            server,
            Path(folder),
            seed=given.seed,
            nights=given.nights,
            faults=given.faults,
            progress=progress,
        )
    _show(console, result, time.monotonic() - began)
    enough = result.faults.total() >= given.faults
    if not enough:
        console.print(f"only {result.faults.total()} of {given.faults} faults were met")
    return 0 if result.is_good and enough else 1


class _Progress:
    """A line for each tenth of the nights that the slowest source has lived."""

    def __init__(self, console: Console, nights: int) -> None:
        self._console, self._nights = console, nights
        self._reached: Counter[str] = Counter()
        self._lock, self._told, self._began = threading.Lock(), 0, time.monotonic()

    def __call__(self, source: str, night: int) -> None:
        with self._lock:
            self._reached[source] = night + 1
            slowest = min(self._reached.values())
            if slowest * 10 // self._nights > self._told:
                self._told = slowest * 10 // self._nights
                seconds = time.monotonic() - self._began
                self._console.print(f"night {slowest} of {self._nights}, {seconds:.0f} s")


def _show(console: Console, result: Soak, seconds: float) -> None:
    kinds = result.sources
    table = Table("fault", *kinds, "all", title="Faults met, by kind of source")
    for fault in sorted({fault for fault, _ in result.faults}):
        counts = [result.faults[fault, kind] for kind in kinds]
        table.add_row(fault, *(str(count or "") for count in counts), str(sum(counts)))
    table.add_row("all", *(str(sum(count for (_, of), count in result.faults.items() if of == kind))
                           for kind in kinds), str(result.faults.total()))  # fmt: skip
    console.print(table)
    loads = ", ".join(f"{count:,} {status}" for status, count in sorted(result.loads.items()))
    console.print(
        f"seed {result.seed}: {result.nights} nights of {len(kinds)} sources in {seconds:.0f} s;"
        f" {result.runs:,} processes, {result.retries:,} retries; loads under attack: {loads}"
    )
    sums = Table("content", "attacked", "twin", "items")
    for name, (attacked, twin, items) in result.verdict.checksums.items():
        sums.add_row(name, attacked, twin, f"{items:,}")
    console.print(sums)
    for what, found in (
        ("difference", result.verdict.differences),
        ("unexplained failure", result.unexplained),
    ):
        console.print(f"{what}s: {len(found)}")
        for line in found[:_TOLD]:
            console.print(f"  {line}", highlight=False, markup=False)


if __name__ == "__main__":
    sys.exit(main())
