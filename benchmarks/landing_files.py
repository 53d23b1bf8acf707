"""Gzipped JSON lines into an empty table, against COPY of the same rows, parsed already.

    python benchmarks/landing_files.py --rows 1000000 --runs 5

- the limit: psql's COPY of the parsed rows from a binary file, into a table without an index,
- Moshtari: the first load of the kind `files`: decoded, validated, quarantined, keyed and indexed,
  with its ledger,
- dlt: its file system source, Parquet to ADBC; without a key.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import ClassVar

from landing import orders, sides
from landing.content import Content, content
from landing.measure import Benchmark, main
from landing.server import LIMIT, PEER, SHOP, WAREHOUSE

_TEXTS = ("guest_email", "status", "currency", "channel", "campaign", "direction")
_BROKEN = 5
"""Lines that end in their middle."""


class LandingFiles(Benchmark):
    name = "landing_files"
    title = "Gzipped JSON lines to an empty table"
    what = "orders as gzipped JSON lines in one file"
    limit_name = "psql COPY of the parsed rows from a binary file"
    rows = 1_000_000
    peers: ClassVar = {
        "peer": (
            "`filesystem` and `read_jsonl` with chunks of 50,000 and types given, no nested "
            "tables; buffers of 50,000, files of 400,000 rows, as many workers as cores; Parquet "
            "without compression by ADBC; append, no key; without lines that are broken or break "
            "the contract"
        ),
        "arrow": "the same, with the file read by Arrow's own reader, by code of ours, before dlt",
    }

    def prepare(self) -> None:
        self.columns = list(orders.COLUMNS)
        self.server.execute(SHOP, *orders.create_shop(self.size))
        self.good = f"id <= {self.size - orders.BAD}"
        self.parsed = self.server.home / "parsed"
        query = f"select {orders.typed_columns()} from shop.orders where {self.good}"
        sides.save_rows(self.server, query, self.parsed)
        self.files = {side: self.server.home / side / "orders.jsonl.gz" for side in ("in", "clean")}
        for side, file in self.files.items():
            file.parent.mkdir()
            self._write(file, clean=side == "clean")

    def before(self, side: str) -> None:
        sides.bare_table(self.server, "orders", self.columns)
        sides.empty_warehouse(self.server, "orders")
        sides.empty_peer(self.server)

    def limit(self) -> sides.Run:
        return sides.copy_file(self.server, self.parsed, "public.orders", self.columns)

    def ours(self) -> sides.Run:
        types = {name: "decimal(38,18)" for name in self.columns if name.endswith("_amount")}
        types |= dict.fromkeys(_TEXTS, "text")
        types |= {"order_id": "id", "customer_id": "id", "coupon_codes": "text[]"}
        types |= {"ordered_at": "timestamp", "updated_at": "timestamp"}
        source = {
            "kind": "files",
            "path": str(self.files["in"].parent / "*.jsonl.gz"),
            "format": {"type": "jsonl"},
            # JSON says null itself; an empty text is one.
            "null_values": [],
            "columns": types,
            "entities": {"orders": {"columns": {name: name for name in self.columns}}},
        }
        return sides.land(self.server, "shop", source, "orders", orders.DAY)

    def peer(self) -> sides.Run:
        return self._by_dlt("lines")

    def arrow(self) -> sides.Run:
        return self._by_dlt("lines from arrow")

    def _by_dlt(self, kind: str) -> sides.Run:
        given = {"kind": kind, "folder": str(self.files["clean"].parent)}
        return sides.load_by_peer(self.server, given)

    def content(self, side: str) -> Content:
        database, relation, columns = {
            "limit": (LIMIT, "public.orders", self.columns),
            "ours": (WAREHOUSE, "raw.orders", self.columns),
            "peer": (PEER, "peer.orders", orders.PEER_COLUMNS),
        }["peer" if side in self.peers else side]
        unwanted = orders.unwanted(self.size)
        return content(self.server, database, relation, "orders", columns, unwanted)

    def truth(self, side: str) -> Content:
        relation = f"(select {orders.typed_columns()} from shop.orders where {self.good})"
        unwanted = orders.unwanted(self.size)
        return content(self.server, SHOP, relation, "orders", self.columns, unwanted)

    def _write(self, file: Path, *, clean: bool) -> None:
        pairs = ", ".join(f"'{name}', {sql}" for name, sql in orders.COLUMNS.items())
        where = self.good if clean else "true"
        query = f"select convert_to(json_build_object({pairs})::text, 'UTF8') from shop.orders"
        with gzip.open(file, "wb", compresslevel=6) as lines:
            for number, (line,) in enumerate(self.server.stream(SHOP, f"{query} where {where}")):
                if not clean and number % (self.size // _BROKEN) == 0:
                    lines.write(bytes(line)[:40] + b"\n")
                lines.write(bytes(line) + b"\n")


if __name__ == "__main__":
    main(LandingFiles)
