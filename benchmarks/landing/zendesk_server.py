"""Zendesk's cursor export of tickets on loopback, from pages that are ready; prints its port.

python benchmarks/landing/zendesk_server.py FOLDER EMAIL TOKEN
"""

from __future__ import annotations

import json
import mmap
import sys
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PATH = "/api/v2/incremental/tickets/cursor.json"


class Export(BaseHTTPRequestHandler):
    """A page for each cursor; the first for `start_time`."""

    protocol_version = "HTTP/1.1"
    authorization: str
    pages: memoryview
    offsets: list[int]

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        if self.headers.get("Authorization") != self.authorization:
            self._answer(401, b'{"error": "Couldn\'t authenticate you"}')
        elif url.path != PATH or query.get("include") != "users":
            self._answer(404, b'{"error": "InvalidEndpoint"}')
        elif "cursor" in query:
            self._page(int(query["cursor"].removeprefix("cursor-")))
        elif "start_time" in query:
            self._page(0)
        else:
            self._answer(400, b'{"error": "StartTimeMissing"}')

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _page(self, number: int) -> None:
        self._answer(200, self.pages[self.offsets[number] : self.offsets[number + 1]])

    def _answer(self, status: int, body: bytes | memoryview) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    folder, email, token = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    with (folder / "pages").open("rb") as file:
        Export.pages = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    Export.offsets = json.loads((folder / "offsets").read_text(encoding="ascii"))
    Export.authorization = "Basic " + b64encode(f"{email}/token:{token}".encode()).decode()
    with ThreadingHTTPServer(("127.0.0.1", 0), Export) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
