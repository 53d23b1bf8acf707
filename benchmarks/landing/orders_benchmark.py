"""What every benchmark of orders has: the shop, what dlt makes of it, and how all are compared."""

from __future__ import annotations

from datetime import date

from landing import orders, sides
from landing.content import Content, content
from landing.measure import Benchmark
from landing.server import LIMIT, PEER, SHOP, WAREHOUSE


def peer_settings(disposition: str) -> str:
    """dlt's settings, with how it puts the rows into its table."""
    return (
        "ConnectorX `arrow_stream`, binary, batches of 100,000; Parquet without compression in "
        "files of 400,000 rows, as many load workers as cores, by ADBC; "
        f"{disposition}, no columns of its own; "
        f"without the rows that ConnectorX cannot read ({orders.UNREADABLE_TO_PEER})"
    )


class OrdersBenchmark(Benchmark):
    """Orders of a shop in PostgreSQL; `landed` is what Moshtari has of them, as a FROM item."""

    rows = 5_000_000
    landed = "raw.orders"

    def prepare(self) -> None:
        self.columns = list(orders.COLUMNS)
        self.server.execute(SHOP, *orders.create_shop(self.size))

    def land(self, day: date) -> sides.Run:
        source = orders.source(self.server.url(SHOP))
        return sides.land(self.server, "shop", source, "orders", day)

    def load_by_peer(self, kind: str, where: str = "true") -> sides.Run:
        """`kind` as `peers/load.py` has it."""
        query = orders.peer_query(self.size, where)
        return sides.load_by_peer(self.server, {"kind": kind, "query": query})

    def content(self, side: str) -> Content:
        database, relation, columns = {
            "limit": (LIMIT, "public.orders", self.columns),
            "ours": (WAREHOUSE, self.landed, self.columns),
            "peer": (PEER, "peer.orders", orders.PEER_COLUMNS),
        }[side]
        unwanted = orders.unwanted(self.size)
        return content(self.server, database, relation, "orders", columns, unwanted)

    def truth(self, side: str) -> Content:
        where = orders.readable_to_peer(self.size) if side == "peer" else "true"
        relation = f"(select {orders.typed_columns()} from shop.orders where {where})"
        unwanted = orders.unwanted(self.size)
        return content(self.server, SHOP, relation, "orders", self.columns, unwanted)
