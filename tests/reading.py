"""Readers at work while runs are published: what they saw, and whether it was ever wrong."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from moshtari.settings import Settings
from moshtari.warehouse.connection import connect

# One statement over four views: how many rows each gave, and the lowest and highest run in them.
JOIN = """
    select
        count(*), min(least(c.run_id, t.run_id, l.run_id, k.run_id)),
        max(greatest(c.run_id, t.run_id, l.run_id, k.run_id))
    from bi.customers as c
    inner join bi.customer_types as t on t.customer_key = c.customer_key
    inner join bi.customer_life_cycle as l on l.customer_key = c.customer_key
    inner join bi.calendar as k on k.day = c.as_of_date
"""
# The opposite order, each view by itself, with a pause between planning and the end of execution.
UNION = """
    select sum(n), min(low), max(high)
    from (
        select count(*) as n, min(run_id) as low, max(run_id) as high from bi.calendar
        union all
        select count(*), min(run_id), max(run_id) from bi.customer_life_cycle
        union all
        select count(*), min(run_id), max(run_id)
        from (select pg_sleep(0.01) as slept offset 0) as pause
        cross join bi.customer_types
        union all
        select count(*), min(run_id), max(run_id) from bi.customers
    ) as views
    having count(low) = 4
"""
# The planner calls `slow_to_plan` for its estimate, when it has listed the partitions already: so a
# publication often falls between the plan and the execution, as it rarely does by itself.
SLOW_PLAN = JOIN + " where c.customer_key >= slow_to_plan()"
_SLOW_TO_PLAN = """
    create or replace function public.slow_to_plan() returns text language plpgsql stable as $$
    begin
        if coalesce(current_setting('reading.planned', true), '') = '' then
            perform pg_sleep(0.5 * random());
            perform set_config('reading.planned', 'yes', true);
        end if;
        return '';
    end
    $$
"""
KINDS = (
    "join", "union", "generic plan", "transaction", "snapshot", "late start", "slow planning",
)  # fmt: skip


@dataclass
class Seen:
    """What readers of all kinds saw; `runs` counts statements by the run that answered them.

    `counts`: the numbers of rows found, by kind.
    """

    statements: Counter[str] = field(default_factory=Counter)
    mixed: Counter[str] = field(default_factory=Counter)
    empty: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    runs: Counter[int] = field(default_factory=Counter)
    counts: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    slowest: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, row: tuple[int, int, int] | None, seconds: float) -> int | None:
        with self._lock:
            self.statements[kind] += 1
            self.slowest = max(self.slowest, seconds)
            if row is None or not row[0]:
                self.empty[kind] += 1
                return None
            self.mixed[kind] += row[1] != row[2]
            self.runs[row[1]] += 1
            self.counts[kind].add(row[0])
            return row[1]


@contextmanager
def readers(settings: Settings, kinds: tuple[str, ...] = KINDS) -> Iterator[Seen]:
    """Run one reader of each kind until the block ends; the views must exist already."""
    with connect(settings, admin=True, database=settings.pg_database) as admin:
        admin.execute(_SLOW_TO_PLAN)
    seen, stop = Seen(), threading.Event()
    threads = [
        threading.Thread(target=_guarded, args=(settings, kind, seen, stop)) for kind in kinds
    ]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _guarded(settings: Settings, kind: str, seen: Seen, stop: threading.Event) -> None:
    try:
        with connect(settings, role="bi_reader", autocommit=True, application=kind) as reader:
            reader.execute("set jit = off")
            _read(reader, kind, seen, stop)
    except psycopg.Error as error:
        seen.errors.append(f"{kind}: {error}")


def _read(reader: psycopg.Connection, kind: str, seen: Seen, stop: threading.Event) -> None:
    if kind == "generic plan":
        reader.execute("set plan_cache_mode = force_generic_plan")
    while not stop.is_set():
        if kind == "union":
            _ask(reader, UNION, kind, seen)
        elif kind == "slow planning":
            _ask(reader, SLOW_PLAN, kind, seen)
        elif kind == "transaction":
            with reader.transaction():
                for _ in range(4):
                    _ask(reader, JOIN, kind, seen)
                    time.sleep(0.005)
        elif kind == "snapshot":
            with reader.transaction():
                reader.execute("set transaction isolation level repeatable read")
                runs = {_ask(reader, JOIN, kind, seen) for _ in range(3)}
                seen.mixed[kind] += len(runs) > 1
        elif kind == "late start":
            # Has a transaction and other locks, but reads published views only at its end.
            with reader.transaction():
                reader.execute("select count(*) from pg_class")
                time.sleep(0.02)
                _ask(reader, JOIN, kind, seen)
        else:
            _ask(reader, JOIN, kind, seen, prepare=kind == "generic plan")


def _ask(
    reader: psycopg.Connection, query: str, kind: str, seen: Seen, *, prepare: bool = False
) -> int | None:
    began = time.perf_counter()
    row = reader.execute(query.encode(), prepare=prepare).fetchone()
    return seen.note(kind, row, time.perf_counter() - began)
