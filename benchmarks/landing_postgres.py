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
from landing.content import Content, content
from landing.measure import Benchmark, main
from landing.server import LIMIT, PEER, SHOP, WAREHOUSE


class LandingPostgres(Benchmark):
    name = "landing_postgres"
    title = "PostgreSQL to an empty table"
    what = "orders"
    limit_name = "psql COPY to psql COPY, binary"
    rows = 5_000_000
    peers: ClassVar = {
        "peer": (
            "ConnectorX `arrow_stream`, binary, batches of 100,000; Parquet without compression in "
            "files of 400,000 rows, as many load workers as cores, by ADBC; append, no key, no "
            "columns of its own; "
            f"without the rows that ConnectorX cannot read ({orders.UNREADABLE_TO_PEER})"
        ),
    }

    def prepare(self) -> None:
        self.server.execute(SHOP, *orders.create_shop(self.size))
        self.columns = list(orders.COLUMNS)

    def before(self, side: str) -> None:
        sides.bare_table(self.server, "orders", self.columns)
        sides.empty_warehouse(self.server, "orders")
        sides.empty_peer(self.server)

    def limit(self) -> sides.Run:
        query = f"select {orders.typed_columns()} from shop.orders"
        return sides.copy_across(self.server, query, "public.orders", self.columns)

    def ours(self) -> sides.Run:
        source = orders.source(self.server.url(SHOP))
        return sides.land(self.server, "shop", source, "orders", orders.DAY)

    def peer(self) -> sides.Run:
        query = orders.peer_query(self.size)
        return sides.load_by_peer(self.server, {"kind": "query", "query": query})

    def content(self, side: str) -> Content:
        database, relation, columns = {
            "limit": (LIMIT, "public.orders", list(orders.COLUMNS)),
            "ours": (WAREHOUSE, "raw.orders", list(orders.COLUMNS)),
            "peer": (PEER, "peer.orders", orders.PEER_COLUMNS),
        }[side]
        unwanted = orders.unwanted(self.size)
        return content(self.server, database, relation, "orders", columns, unwanted)

    def truth(self, side: str) -> Content:
        where = orders.readable_to_peer(self.size) if side == "peer" else "true"
        relation = f"(select {orders.typed_columns()} from shop.orders where {where})"
        columns, unwanted = list(orders.COLUMNS), orders.unwanted(self.size)
        return content(self.server, SHOP, relation, "orders", columns, unwanted)


if __name__ == "__main__":
    main(LandingPostgres)
