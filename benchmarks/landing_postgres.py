"""A shop's orders from PostgreSQL into an empty table, against `psql COPY | psql COPY` of them.

    python benchmarks/landing_postgres.py --rows 5000000 --runs 5

- the limit: `copy (...) to stdout (format binary)` into `copy ... from stdin`, into a table of the
  contract's columns without an index,
- Moshtari: the first load of the kind `postgres`: validated, quarantined, keyed and indexed, with
  its ledger,
- dlt: ConnectorX to Arrow, in Parquet to ADBC; without a key and without columns of its own.
"""

from __future__ import annotations

from typing import ClassVar

from landing import orders, sides
from landing.measure import main
from landing.orders_benchmark import OrdersBenchmark, peer_settings


class LandingPostgres(OrdersBenchmark):
    name = "landing_postgres"
    title = "PostgreSQL to an empty table"
    what = "orders"
    limit_name = "psql COPY to psql COPY, binary"
    peers: ClassVar = {"peer": peer_settings("append, no key")}

    def before(self, side: str) -> None:
        sides.bare_table(self.server, "orders", self.columns)
        sides.empty_warehouse(self.server, "orders")
        sides.empty_peer(self.server)

    def limit(self) -> sides.Run:
        query = f"select {orders.typed_columns()} from shop.orders"
        return sides.copy_across(self.server, query, "public.orders", self.columns)

    def ours(self) -> sides.Run:
        return self.land(orders.DAY)

    def peer(self) -> sides.Run:
        return self.load_by_peer("query")


if __name__ == "__main__":
    main(LandingPostgres)
