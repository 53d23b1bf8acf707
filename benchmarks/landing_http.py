"""Tickets as JSON over HTTP into an empty table, against COPY of the same rows, parsed already.

    python benchmarks/landing_http.py --rows 1000000 --runs 5

A server of its own process gives Zendesk's cursor export from pages that are ready: 1,000 tickets
and their requesters each, as Zendesk does.

- the limit: psql's COPY of the parsed rows from a binary file, into a table without an index,
- Moshtari: the first load of the kind `zendesk`: decoded, validated, quarantined, keyed and
  indexed, with its ledger,
- dlt: its REST client, pages of records, Parquet to ADBC; without a key.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import ClassVar

from landing import sides, tickets
from landing.content import Content, content
from landing.measure import Benchmark, main
from landing.orders import texts_of_json
from landing.server import LIMIT, PEER, SHOP, WAREHOUSE


class LandingHttp(Benchmark):
    name = "landing_http"
    title = "JSON over HTTP to an empty table"
    what = "tickets of Zendesk's cursor export, 1,000 and their requesters a page"
    limit_name = "psql COPY of the parsed rows from a binary file"
    rows = 1_000_000
    peers: ClassVar = {
        "peer": (
            "its REST client, orjson and its normaliser: pages of records with their types given, "
            "no nested tables; buffers of 50,000, files of 400,000 rows, as many workers as cores; "
            "Parquet without compression by ADBC; append, no key; without the records that are no "
            "tickets"
        ),
        "arrow": "the same, with each page made an Arrow table by code of ours before dlt has it",
    }

    def prepare(self) -> None:
        self.columns = list(tickets.COLUMNS)
        self.servers: list[subprocess.Popen[str]] = []
        self.server.execute(SHOP, *tickets.create_tickets(self.size))
        self.parsed = self.server.home / "parsed"
        sides.save_rows(self.server, tickets.typed_rows(self.size), self.parsed)
        self.urls = {side: self._serve(side) for side in ("ours", "peer")}

    def before(self, side: str) -> None:
        sides.bare_table(self.server, "tickets", self.columns)
        sides.empty_warehouse(self.server, "tickets")
        sides.empty_peer(self.server)

    def limit(self) -> sides.Run:
        return sides.copy_file(self.server, self.parsed, "public.tickets", self.columns)

    def ours(self) -> sides.Run:
        source = {
            "kind": "zendesk",
            "base_url": self.urls["ours"],
            "email": tickets.EMAIL,
            "token": tickets.TOKEN,
            "entities": ["tickets"],
            "order_id_from": tickets.ORDER_FIELD,
        }
        return sides.land(self.server, "desk", source, "tickets", tickets.DAY)

    def peer(self) -> sides.Run:
        return self._by_dlt("tickets")

    def arrow(self) -> sides.Run:
        return self._by_dlt("tickets from arrow")

    def _by_dlt(self, kind: str) -> sides.Run:
        given = {
            "kind": kind,
            "url": self.urls["peer"],
            "user": f"{tickets.EMAIL}/token",
            "token": tickets.TOKEN,
            "order_field": tickets.ORDER_FIELD,
        }
        return sides.load_by_peer(self.server, given)

    def content(self, side: str) -> Content:
        plain = {name: name for name in self.columns}
        database, relation, columns = {
            "limit": (LIMIT, "public.tickets", plain),
            "ours": (WAREHOUSE, "raw.tickets", plain),
            "peer": (PEER, "peer.tickets", {**plain, "tags": texts_of_json("tags")}),
        }["peer" if side in self.peers else side]
        unwanted = tickets.unwanted(self.size)
        return content(self.server, database, relation, "tickets", columns, unwanted)

    def truth(self, side: str) -> Content:
        relation = f"({tickets.typed_rows(self.size)})"
        unwanted = tickets.unwanted(self.size)
        return content(self.server, SHOP, relation, "tickets", self.columns, unwanted)

    def close(self) -> None:
        for process in self.servers:
            process.terminate()
            process.wait()

    def _serve(self, side: str) -> str:
        folder = self.server.home / f"pages-{side}"
        folder.mkdir()
        tickets.write_pages(self.server, self.size, folder, clean=side == "peer")
        program = Path(__file__).parent / "landing" / "zendesk_server.py"
        process = subprocess.Popen(
            [sys.executable, str(program), str(folder), tickets.EMAIL, tickets.TOKEN],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.servers.append(process)
        assert process.stdout is not None
        return f"http://127.0.0.1:{int(process.stdout.readline())}"


if __name__ == "__main__":
    main(LandingHttp)
