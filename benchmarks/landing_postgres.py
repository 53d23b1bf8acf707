"""Rows a second landed from PostgreSQL, against `psql COPY | psql COPY` of the same rows.

Run with `uv run python benchmarks/landing_postgres.py [rows] [pairs]`. Starts an embedded server in
a temporary folder, makes a shop of that many orders, and then measures in pairs, in turns, so that
a busy machine slows both:

- the limit: `psql -c "copy (...) to stdout (format binary)" | psql -c "copy ... from stdin"` into a
  table of the contract's columns without an index,
- landing: `moshtari.landing.extract` of the same orders as a first load: validated, hashed, keyed,
  indexed, with its ledger row.

Memory is the peak of this process, which does nothing else but landing.
"""

from __future__ import annotations

import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from time import perf_counter

import psycopg

from moshtari.landing.contract import ENTITIES
from moshtari.landing.extract import extract
from moshtari.settings import Deployment, Settings
from moshtari.warehouse.connection import connect
from moshtari.warehouse.embedded import binaries
from moshtari.warehouse.migrate import embedded_server, migrate, prepare_embedded

DAY = date(2026, 3, 20)
COLUMNS = {
    "order_id": "id",
    "customer_id": "customer_id",
    "guest_email": "null",
    "ordered_at": "placed_at",
    "updated_at": "updated_at",
    "status": "status",
    "currency": "currency",
    "gross_amount": "gross",
    "discount_amount": "discount",
    "shipping_amount": "shipping",
    "tax_amount": "tax",
    "total_amount": "gross - discount + shipping + tax",
    "coupon_codes": "coupons",
    "channel": "channel",
    "direction": "'sale'",
}


def make_shop(admin: psycopg.Connection, rows: int) -> None:
    """`rows` orders of a shop, in a table of its own kind."""
    admin.execute("create schema shop")
    admin.execute(
        f"""
        create table shop.orders as
        select
            n::bigint as id,
            (n * 7919 % {max(rows // 8, 1)})::bigint as customer_id,
            timestamptz '2024-03-20' + n * (interval '700 days' / {rows}) as placed_at,
            timestamptz '2024-03-21' + n * (interval '700 days' / {rows}) as updated_at,
            (array['paid', 'shipped', 'delivered', 'cancelled'])[1 + (n % 4)::integer] as status,
            'IRR'::text as currency,
            (100000 + n * 37 % 9000000)::numeric(14, 2) as gross,
            (n % 3 * 10000)::numeric(14, 2) as discount,
            35000::numeric(14, 2) as shipping,
            (n * 11 % 90000)::numeric(14, 2) as tax,
            case when n % 3 = 0 then array['NOWRUZ'] else '{{}}' end::text[] as coupons,
            case when n % 2 = 0 then 'web' else 'app' end as channel
        from generate_series(1::bigint, {rows}) as n
        """
    )
    admin.execute("vacuum analyze shop.orders")


def limit(dsn: str) -> float:
    """Seconds of psql to psql."""
    psql = str(binaries() / "psql")
    types = ENTITIES["orders"]
    names = ", ".join(COLUMNS)
    select = ", ".join(f"({sql})::{types.column(name).pg_type}" for name, sql in COLUMNS.items())
    read = f"copy (select {select} from shop.orders) to stdout (format binary)"
    write = f"copy public.bare ({names}) from stdin (format binary)"
    began = perf_counter()
    reader = subprocess.Popen([psql, dsn, "-qc", read], stdout=subprocess.PIPE)
    subprocess.run([psql, dsn, "-qc", write], stdin=reader.stdout, check=True)
    if reader.wait() != 0:
        raise SystemExit("psql could not read the source")
    return perf_counter() - began


def landing(settings: Settings, dsn: str, rows: int) -> float:
    """Seconds of our loader."""
    began = perf_counter()
    summaries = extract(settings, deployment(dsn), "shop", "orders", DAY)
    seconds = perf_counter() - began
    if [summary.landed for summary in summaries] != [rows]:
        raise SystemExit(f"landed {summaries}, not {rows} rows")
    return seconds


def deployment(dsn: str) -> Deployment:
    entity = {"table": "shop.orders", "changed_at": "updated_at", "columns": COLUMNS}
    source = {"kind": "postgres", "dsn": dsn, "entities": {"orders": entity}}
    return Deployment(name="benchmark", sources={"shop": source})


def empty(admin: psycopg.Connection) -> None:
    """Both targets empty, and nothing left to write for what came before."""
    columns = ", ".join(f"{c.name} {c.pg_type}" for c in ENTITIES["orders"].columns)
    admin.execute("drop table if exists public.bare")
    admin.execute(f"create table public.bare ({columns})")
    admin.execute("truncate raw.orders, ops.loads restart identity cascade")
    admin.execute("checkpoint")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    pairs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    home = Path(tempfile.mkdtemp(prefix="moshtari-benchmark-"))
    settings = Settings(home=home, pg_port=free_port(), pg_database="benchmark")
    try:
        prepare_embedded(settings)
        migrate(settings)
        params = settings.dsn(admin=True)
        dsn = " ".join(f"{name}={value}" for name, value in params.items())
        with connect(settings, admin=True, autocommit=True) as admin:
            make_shop(admin, rows)
            results = []
            for _ in range(pairs):
                empty(admin)
                bare = limit(dsn)
                empty(admin)
                results.append((bare, landing(settings, dsn, rows)))
                print(f"{bare:.2f} s, {results[-1][1]:.2f} s", file=sys.stderr)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    finally:
        embedded_server(settings).stop()
        shutil.rmtree(home, ignore_errors=True)
    print(
        f"| {rows:,} orders | psql to psql (s) | landing (s) | ratio |\n| --- | --- | --- | --- |"
    )
    for number, (bare, ours) in enumerate(results, 1):
        print(f"| pair {number} | {bare:.2f} | {ours:.2f} | {ours / bare:.2f} |")
    bare = statistics.median(result[0] for result in results)
    ours = statistics.median(result[1] for result in results)
    ratio = statistics.median(result[1] / result[0] for result in results)
    print(f"| **median** | {bare:.2f} | {ours:.2f} | {ratio:.2f} |")
    print(f"\nRows a second: {rows / bare:,.0f} the limit, {rows / ours:,.0f} landed.")
    print(f"Peak memory of this process: {peak:.0f} MB.")


if __name__ == "__main__":
    main()
