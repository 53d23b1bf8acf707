"""A night from extraction to list files: seconds and share of each stage, and peak memory.

    .venv/bin/python benchmarks/night.py demo [--customers N] [--seed S]
    .venv/bin/python benchmarks/night.py examples/online_retail/moshtari.yml 2011-12-09

The demo is scored against its latent truth afterwards. Memory is the proportional set size (what a
process has to itself, and its share of what it shares) of Airflow's processes with their tasks and
of PostgreSQL, sampled twice a second.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Event, Thread

import psutil
from rich.console import Console
from rich.table import Table

from moshtari.demo import scenario
from moshtari.demo.scoring import score
from moshtari.operations.nights import NightProgress, run_days
from moshtari.operations.stack import airflow_processes, down, run_folder, up
from moshtari.settings import Settings
from moshtari.warehouse.embedded import port_in_use

console = Console()


class MemoryWatch:
    """Peak memory, in MiB, of PostgreSQL and of Airflow with its tasks, while it is entered."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._done = Event()
        self._thread = Thread(target=self._watch, daemon=True)
        self.peaks = {"PostgreSQL": 0.0, "Airflow and tasks": 0.0, "both": 0.0}

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.5):
            postmaster = self._settings.home / "postgres" / "postmaster.pid"
            names = [process.name for process in airflow_processes(self._settings)]
            files = [run_folder(self._settings) / f"{name}.pid" for name in names]
            now = {
                "PostgreSQL": _family_mib([postmaster]),
                "Airflow and tasks": _family_mib(files),
            }
            now["both"] = sum(now.values())
            self.peaks = {name: max(self.peaks[name], now[name]) for name in now}


def _family_mib(pid_files: list[Path]) -> float:
    total = 0.0
    for file in pid_files:
        try:
            parent = psutil.Process(int(file.read_text().split()[0]))
            for process in [parent, *parent.children(recursive=True)]:
                total += process.memory_full_info().pss
        except (OSError, ValueError, psutil.Error):
            continue
    return total / 1024**2


def follow(settings: Settings, days: list[date]) -> tuple[NightProgress, float]:
    started = time.perf_counter()
    last: NightProgress | None = None
    for progress in run_days(settings, days, backfill=len(days) > 1):
        last = progress
    assert last is not None
    return last, time.perf_counter() - started


def show(title: str, progress: NightProgress, seconds: float, peaks: dict[str, float]) -> None:
    table = Table(title=f"{title}: {seconds:.1f} s", title_justify="left")
    for column in ("task", "seconds", "share of the night"):
        table.add_column(column, justify="left" if column == "task" else "right")
    for dag_id, tasks in progress.tasks.items():
        for task in tasks:
            took = task.duration or 0
            table.add_row(f"{dag_id}.{task.task_id}", f"{took:.1f}", f"{took / seconds:.0%}")
    console.print(table)
    console.print("peak MiB: " + ", ".join(f"{name} {mib:,.0f}" for name, mib in peaks.items()))


def demo(settings: Settings, customers: int, seed: int) -> None:
    plan = scenario.DemoPlan(date(2026, 3, 18), customers=customers, seed=seed)
    started = time.perf_counter()
    scenario.set_stage(settings, plan, lambda _message: None)
    console.print(f"world and Airflow up: {time.perf_counter() - started:.1f} s")
    for title, days in scenario.run_nights(settings, plan):
        scenario.ensure_lived(settings, days[-1])
        with MemoryWatch(settings) as watch:
            progress, seconds = follow(settings, days)
        show(title, progress, seconds, watch.peaks)
    day, identity, scores = score(settings, scenario.admin_dsn(settings))
    console.print(f"labels of {day} against the latent truth; {identity}")
    table = Table()
    for column in ("label", "claimed", "true", "precision", "recall", "recall of the observable"):
        table.add_column(column, justify="left" if column == "label" else "right")
    for found in scores:
        shares = (found.precision, found.recall, found.recall_observable)
        table.add_row(
            found.label,
            str(found.claimed),
            str(found.true),
            *("-" if share is None else f"{share:.2f}" for share in shares),
        )
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", default="demo")
    parser.add_argument("day", nargs="?", type=date.fromisoformat)
    parser.add_argument("--customers", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=20260318)
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="moshtari-night-"))
    settings = Settings(home=home)
    if port_in_use(settings.pg_port):
        raise SystemExit("a Moshtari is up on this machine: stop it first (moshtari down)")
    try:
        if arguments.what == "demo":
            demo(settings, arguments.customers, arguments.seed)
            return
        os.environ["MOSHTARI_CONFIG"] = arguments.what
        up(
            settings,
            Path(arguments.what).resolve(),
            lambda _message: None,
            schedule_from=datetime.now(UTC),
        )
        with MemoryWatch(settings) as watch:
            progress, seconds = follow(settings, [arguments.day])
        show(arguments.what, progress, seconds, watch.peaks)
    finally:
        down(settings, lambda _message: None)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
