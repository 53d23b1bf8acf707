"""Nights of changes to a shop's orders, against `insert ... on conflict` of the same rows.

    python benchmarks/landing_increment.py --rows 5000000 --runs 5

Each run is a night: one row in a hundred is new or changed since the night before. All sides have
the rows of the nights before, and read the rows of the night's window from the source by its index.

- the limit: COPY of the window's rows to a temporary table, `analyze`, `insert ... on conflict`,
- Moshtari: the night's load of the kind `postgres`: what is unchanged dropped, what changed landed
  as a new version, validated, quarantined, keyed and indexed, with its ledger,
- dlt: ConnectorX to Arrow, in Parquet to ADBC, merged by key.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import ClassVar

from landing import orders, sides
from landing.measure import main
from landing.orders_benchmark import OrdersBenchmark, peer_settings
from landing.server import LIMIT, PEER, SHOP, WAREHOUSE

_LOOKBACK_HOURS = 6


class LandingIncrement(OrdersBenchmark):
    name = "landing_increment"
    title = "A night's changes"
    what = "orders, of which each night changes or adds one in a hundred"
    limit_name = (
        "psql COPY to psql COPY, binary, into a temporary table, `analyze` and "
        "`insert … on conflict`"
    )
    peers: ClassVar = {"peer": peer_settings("to a staging table, merged by upsert on the key")}
    landed = (
        "(select distinct on (_key) * from raw.orders"
        " order by _key, _changed_at desc nulls last, _load_id desc)"
    )

    def prepare(self) -> None:
        super().prepare()
        self.day = orders.DAY
        self.server.execute(SHOP, "create index on shop.orders (updated_at)")
        sides.bare_table(self.server, "orders", self.columns, keyed=True)
        everything = f"select {orders.typed_columns()} from shop.orders"
        sides.copy_across(self.server, everything, "public.orders", self.columns)
        self.server.execute(LIMIT, "vacuum analyze public.orders")
        self.ours()
        self.server.execute(WAREHOUSE, "vacuum analyze raw.orders")
        self.peer_is_ready = False

    def begin_pair(self, number: int) -> None:
        self.day = orders.DAY + timedelta(days=number)
        self.server.execute(SHOP, *orders.change(self.size, number, self.day))

    def before(self, side: str) -> None:
        if side == "peer" and not self.peer_is_ready:
            # What is there before the first night, put there as dlt would have.
            self.load_by_peer("increment", f"updated_at < '{self._since(self.day)}'")
            self.server.execute(PEER, "vacuum analyze peer.orders")
            self.peer_is_ready = True

    def limit(self) -> sides.Run:
        names = ", ".join(self.columns)
        values = ", ".join(
            f"{name} = excluded.{name}" for name in self.columns if name != "order_id"
        )
        return sides.piped(
            self.server,
            f"select {orders.typed_columns()} from shop.orders where {self._window()}",
            [
                "create temporary table fresh (like public.orders)",
                f"copy fresh ({names}) from stdin (format binary)",
                "analyze fresh",
                f"insert into public.orders ({names}) select {names} from fresh"
                f" on conflict (order_id) do update set {values}",
            ],
        )

    def ours(self) -> sides.Run:
        return self.land(self.day)

    def peer(self) -> sides.Run:
        return self.load_by_peer("increment", self._window())

    def _since(self, day: date) -> datetime:
        return datetime.combine(day, time(), UTC)

    def _window(self) -> str:
        since = self._since(self.day) - timedelta(hours=_LOOKBACK_HOURS)
        until = self._since(self.day) + timedelta(days=1)
        return f"updated_at >= '{since}' and updated_at < '{until}'"


if __name__ == "__main__":
    main(LandingIncrement)
