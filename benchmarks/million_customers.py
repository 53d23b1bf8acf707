"""A shop of a million customers and ten million orders: its first build, and a night of 1% changes.

    .venv/bin/python benchmarks/million_customers.py [--size 1.0] [--home FOLDER] [--keep]

Starts an embedded server in a temporary folder, writes the shop straight into raw (that part is not
measured; benchmarks/landing_postgres.py measures landing), and runs two nights of the real build:
both parts of dbt with their data tests, the fits between them, the gate on the candidate, and
publication. The second night follows a day on which 1% of the orders are new or changed, and 1% of
the accounts. Beside them, in the same run, the limit: one hand-written pass over the same orders.

Memory is the proportional set size of PostgreSQL, and of this process with dbt's, each second.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psutil
from psycopg.types.json import Jsonb
from rich.console import Console
from rich.table import Table

from moshtari.publication import begin_run, prune, publish
from moshtari.quality import run_gate
from moshtari.quality.errors import GateShutError
from moshtari.scores import fit_scores
from moshtari.settings import Deployment, Settings
from moshtari.transform.dbt import Part, build
from moshtari.voice import classify_texts
from moshtari.warehouse.connection import connect
from moshtari.warehouse.migrate import embedded_server, migrate, prepare_embedded

# The second night is a Wednesday: on Mondays the scores are fitted anew, which takes longer.
FIRST_DAY = date(2025, 6, 3)
START = FIRST_DAY - timedelta(days=1094)
ENTITIES = {
    "customers": "orders", "orders": "orders", "refunds": "orders", "shipments": "orders",
    "payments": "orders", "exchange_rates": "orders", "tickets": "tickets",
    "ticket_events": "tickets", "mentions": "mentions",
}  # fmt: skip
# x, t_x, T and RFM in one pass over the orders, by hand: what the models can at best come near to.
LIMIT = """
create unlogged table public.by_hand as
with days as (
    select
        customer_id,
        (ordered_at at time zone 'Asia/Tehran')::date as day,
        sum((gross_amount - discount_amount)
            * case currency when 'IRT' then 10 when 'EUR' then 700000 else 1 end) as net
    from raw.orders
    where customer_id is not null and status in ('completed', 'delivered', 'paid', 'shipped')
    group by 1, 2
),
customers as (
    select
        customer_id, count(*) - 1 as x, max(day) - min(day) as t_x, date '{day}' - min(day) as age,
        max(day) as last_day, sum(net) filter (where day > date '{day}' - 365) as money
    from days
    group by 1
)
select
    *,
    least(5, 1 + floor(5 * percent_rank() over (order by last_day))) as r,
    least(5, 1 + floor(5 * percent_rank() over (order by x))) as f,
    least(5, 1 + floor(5 * percent_rank() over (order by money nulls first))) as m
from customers
"""
console = Console()


class Memory:
    """Peak memory, in MiB, of PostgreSQL and of Python, while it is entered."""

    def __init__(self, settings: Settings) -> None:
        self._postmaster = settings.home / "postgres" / "postmaster.pid"
        self._done = Event()
        self._thread = Thread(target=self._watch, daemon=True)
        self.peaks = {"PostgreSQL": 0.0, "Python": 0.0, "both": 0.0}

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(1):
            server = psutil.Process(int(self._postmaster.read_text().split()[0]))
            now = {"PostgreSQL": _family_mib(server), "Python": _family_mib(psutil.Process())}
            now["both"] = sum(now.values())
            self.peaks = {name: max(self.peaks[name], now[name]) for name in now}


def _family_mib(parent: psutil.Process) -> float:
    total = 0.0
    for process in [parent, *parent.children(recursive=True)]:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total / 1024**2


class Night:
    """Seconds by stage, and what dbt says of its models."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.stages: list[tuple[str, float]] = []
        self.slowest: list[tuple[str, float]] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.stages.append((name, time.perf_counter() - started))
        console.print(f"  {name}: {self.stages[-1][1]:.1f} s")

    @property
    def seconds(self) -> float:
        return sum(seconds for _name, seconds in self.stages)

    def show(self, rows: dict[str, int], peaks: dict[str, float]) -> None:
        table = Table(title=f"{self.title}: {self.seconds:.1f} s", title_justify="left")
        for column in ("stage", "seconds", "share"):
            table.add_column(column, justify="left" if column == "stage" else "right")
        for name, seconds in self.stages:
            table.add_row(name, f"{seconds:.1f}", f"{seconds / self.seconds:.0%}")
        console.print(table)
        slowest = sorted(self.slowest, key=lambda pair: -pair[1])[:20]
        console.print("slowest: " + ", ".join(f"{name} {s:.1f}" for name, s in slowest))
        console.print("rows published: " + ", ".join(f"{k} {v:,}" for k, v in rows.items()))
        console.print("peak MiB: " + ", ".join(f"{k} {v:,.0f}" for k, v in peaks.items()))


def land(settings: Settings, section: str, day: date, customers: int) -> dict[str, int]:
    """Write one section of the shop into raw, with its ledger rows; returns rows by entity."""
    text = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    wanted = text.split(f"-- section: {section}\n")[1].split("-- section:")[0]
    first = section == "first"
    rows = {}
    database = settings.pg_database
    with connect(settings, admin=True, database=database, autocommit=True) as admin:
        admin.execute("select setseed(0.42)")
        admin.execute("set synchronous_commit = off")
        loads = {}
        for entity, family in ENTITIES.items():
            found = admin.execute(
                "insert into ops.loads (source, entity, family, business_date, covers_from, status,"
                " finished_at) values ('shop', %s, %s, %s, %s, 'running', now()) returning load_id",
                [entity, family, day, None if first else day],
            ).fetchone()
            assert found is not None
            loads[entity] = found[0]
        names = {
            "customers": customers, "orders": customers * 10, "day": f"'{day}'",
            "start": f"timestamptz '{START} 00:00+03:30'",
            "end": f"timestamptz '{day} 00:00+03:30'",
            **{f"load_{entity}": load for entity, load in loads.items()},
        }  # fmt: skip
        for statement in wanted.format(**names).split(";\n\n"):
            admin.execute(statement.strip().encode())
        for entity, load in loads.items():
            counted = admin.execute(
                f"update ops.loads set status = 'landed', read_rows = c, landed_rows = c from"
                f" (select count(*) as c from raw.{entity} where _load_id = {load}) as counted"
                f" where load_id = {load} returning landed_rows".encode()
            ).fetchone()
            assert counted is not None
            rows[entity] = counted[0]
            admin.execute(f"vacuum analyze raw.{entity}".encode())
    return rows


def night(settings: Settings, deployment: Deployment, title: str, day: date) -> Night:
    """One night after landing, by the real functions that the DAG's tasks call."""
    result = Night(title)
    console.print(title)
    run = begin_run(settings, day)
    with Memory(settings) as memory:
        with result.stage("classify_texts"):
            classify_texts(settings, deployment, day)
        parts: tuple[Part, ...] = ("foundation", "marts")
        for part in parts:
            with result.stage(f"build_models {part}"):
                report = build(
                    settings, deployment, day, run.run_id, run.prior_run_id or 0, part=part
                )
            result.slowest += report.slowest
            if part == "foundation":
                with result.stage("fit_scores"):
                    fit_scores(settings, deployment, day)
        with result.stage("check_candidate"):
            try:
                run_gate(settings, deployment, "candidate", run.run_id)
            except GateShutError as shut:
                # An invented shop need not look like a real one; its night goes on all the same.
                console.print(f"  the gate would have shut: {shut}")
        _open_gate(settings, run.run_id)
        with result.stage("publish"):
            published = publish(settings, run.run_id)
        with result.stage("prune_store"):
            prune(settings)
    result.show(published.row_counts, memory.peaks)
    return result


def _open_gate(settings: Settings, run_id: int) -> None:
    verdict = {stage: {"is_open": True} for stage in ("arrivals", "candidate")}
    with connect(settings, admin=True, database=settings.pg_database) as admin:
        admin.execute(
            "update ops.runs set verdict = %s, status = 'building' where run_id = %s",
            [Jsonb(verdict), run_id],
        )


def by_hand(settings: Settings, day: date) -> float:
    """Seconds of the limit."""
    with connect(settings, admin=True, database=settings.pg_database, autocommit=True) as admin:
        admin.execute("drop table if exists public.by_hand")
        admin.execute("set work_mem = '256MB'")
        started = time.perf_counter()
        admin.execute(LIMIT.format(day=day).encode())
        return time.perf_counter() - started


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=float, default=1.0, help="of a million customers")
    parser.add_argument("--home", type=Path, help="folder of the server (default: a new one)")
    parser.add_argument("--keep", action="store_true", help="leave folder and server as they are")
    arguments = parser.parse_args()
    home = arguments.home or Path(tempfile.mkdtemp(prefix="moshtari-million-"))
    home.mkdir(parents=True, exist_ok=True)
    settings = Settings(home=home, pg_port=_free_port())
    source: dict[str, Any] = {"kind": "postgres"}
    deployment = Deployment(name="million", sources={"shop": source})
    customers = int(1_000_000 * arguments.size)
    try:
        prepare_embedded(settings)
        migrate(settings)
        started = time.perf_counter()
        rows = land(settings, "first", FIRST_DAY, customers)
        console.print(f"shop made in {time.perf_counter() - started:.0f} s: {rows}")
        first = night(settings, deployment, "first build", FIRST_DAY)
        console.print(f"the limit, one pass by hand: {by_hand(settings, FIRST_DAY):.1f} s")
        changed = land(settings, "night", FIRST_DAY + timedelta(days=1), customers)
        console.print(f"changed on the next day: {changed}")
        nightly = night(settings, deployment, "nightly build", FIRST_DAY + timedelta(days=1))
        share = nightly.seconds / first.seconds
        console.print(
            f"nightly / first = {nightly.seconds:.1f} / {first.seconds:.1f} = {share:.1%}"
        )
    finally:
        if not arguments.keep:
            embedded_server(settings).stop()
            shutil.rmtree(home, ignore_errors=True)
        else:
            console.print(f"kept: MOSHTARI_HOME={home} MOSHTARI_PG_PORT={settings.pg_port}")


if __name__ == "__main__":
    main()
