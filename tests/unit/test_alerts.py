import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import psycopg
import pytest

from moshtari.operations.alerts import cause_of, send_alert
from moshtari.settings import ConfigError, Settings


def test_our_own_errors_are_told_in_full_and_others_by_type_only() -> None:
    ours = ConfigError("moshtari.yml", "name", "this key is missing", "Add it")
    assert "this key is missing" in cause_of(ours)
    theirs = psycopg.errors.UniqueViolation("Key (email)=(sara@example.com) already exists")
    assert "sara" not in cause_of(theirs)
    assert "UniqueViolation" in cause_of(theirs)
    assert cause_of(None)


def test_an_alert_is_written_down_and_posted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[dict[str, str]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("MOSHTARI_ALERT_URL", f"http://127.0.0.1:{server.server_port}/")
    settings = Settings(home=tmp_path)
    send_alert("task_failed", settings=settings, dag="build", cause="gate shut", task=None)
    server.shutdown()
    expected = {"kind": "task_failed", "dag": "build", "cause": "gate shut"}
    assert received == [expected]
    assert json.loads((tmp_path / "alerts.jsonl").read_text()) == expected


def test_a_dead_webhook_breaks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOSHTARI_ALERT_URL", "http://127.0.0.1:1/")
    assert send_alert("task_failed", settings=Settings(home=tmp_path))["kind"] == "task_failed"
