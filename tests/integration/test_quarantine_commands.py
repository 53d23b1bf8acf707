"""`moshtari quarantine …` as a person types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from tests.conftest import free_port

from moshtari.operations.quarantine_commands import readable
from moshtari.settings import Settings

PHONE = "09121234567"
CONFIG = """
name: own
timezone: Asia/Tehran
sources:
  shop:
    kind: files
    path: in
    {mended}
    columns: {{id: id, placed: timestamp, phone: text, amount: "decimal(18,2)"}}
    entities:
      orders:
        columns:
          order_id: id
          ordered_at: placed
          updated_at: placed
          guest_phone: phone
          status: "'paid'"
          currency: "'IRR'"
          gross_amount: amount
          discount_amount: 0
          shipping_amount: 0
          tax_amount: 0
          total_amount: amount
          direction: "'sale'"
"""
LINES = f"""id,placed,phone,amount
1,2026-03-20 08:00,{PHONE},5
2,2026-03-20 08:00,{PHONE},1/5
3,2026-03-20 08:00,{PHONE},2/5
4,never,{PHONE},3
"""
EXTRACT = """
import sys
from datetime import date
from pathlib import Path
from moshtari.landing.extract import extract
from moshtari.settings import Settings, load_deployment
extract(Settings(), load_deployment(Path(sys.argv[1])), "shop", "orders", date(2026, 3, 20))
"""


class Shop:
    """A deployment of one file, on the test's database."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.config = folder / "moshtari.yml"
        self.settings = settings
        (folder / "in").mkdir()
        (folder / "in" / "one.csv").write_text(LINES)
        self.configure()

    def configure(self, mended: str = "") -> None:
        self.config.write_text(CONFIG.format(mended=mended))

    def run(self, *command: str, **changed: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "COLUMNS": "200",
            "MOSHTARI_CONFIG": str(self.config),
            "MOSHTARI_HOME": str(self.settings.home),
            "MOSHTARI_PG_PORT": str(self.settings.pg_port),
            "MOSHTARI_PG_DATABASE": self.settings.pg_database,
            **changed,
        }
        return subprocess.run(
            [sys.executable, *command],
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def quarantine(self, *arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        result = self.run("-m", "moshtari.cli", "quarantine", *arguments, **changed)
        assert "Traceback" not in result.stderr
        return result


@pytest.fixture
def shop(settings: Settings, tmp_path: Path) -> Shop:
    shop = Shop(tmp_path, settings)
    result = shop.run("-c", EXTRACT, str(shop.config))
    assert result.returncode == 0, result.stderr
    return shop


def test_the_way_from_a_rejected_line_to_a_landed_one(shop: Shop, pg: psycopg.Connection) -> None:
    listed = shop.quarantine("list")
    assert listed.returncode == 0
    assert "column 'amount' is not of type" in listed.stdout
    assert "3 records, open." in listed.stdout
    (first, second) = json.loads(shop.quarantine("list", "--json").stdout)
    assert (first["records"], len(first["ids"]), first["business_date"]) == (2, 2, "2026-03-20")
    assert second["reason"] == "column 'placed' is not of type timestamp"

    shown = shop.quarantine("show", str(first["ids"][0]))
    assert "in/one.csv:" in shown.stdout
    assert "may hold personal data" in shown.stdout
    for output in (listed, shown):
        assert PHONE not in output.stdout + output.stderr
    assert PHONE in shop.quarantine("show", str(first["ids"][0]), "--raw").stdout

    shop.configure('decimal_separator: "/"')
    replayed = shop.quarantine("replay", "--source", "shop")
    assert replayed.returncode == 0, replayed.stderr
    assert "shop.orders" in replayed.stdout
    assert PHONE not in replayed.stdout + replayed.stderr
    assert pg.execute("select count(*) from raw.orders").fetchone() == (3,)
    (left,) = second["ids"]

    assert shop.quarantine("discard", str(left), "--because", "typed by hand").returncode == 0
    told = shop.quarantine("show", str(left)).stdout
    assert "typed by hand" in told
    again = shop.quarantine("discard", str(left), "--because", "typed by hand")
    assert "0 discarded" in again.stdout
    refused = shop.quarantine("replay", str(left))
    assert refused.returncode == 1
    assert f"moshtari quarantine reopen {left}" in refused.stderr
    assert "1 open again" in shop.quarantine("reopen", str(left)).stdout
    assert "1 records, open." in shop.quarantine("list").stdout
    statuses = {group["status"] for group in json.loads(
        shop.quarantine("list", "--status", "all", "--json").stdout
    )}  # fmt: skip
    assert statuses == {"open", "replayed"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("replay",), "say which"),
        (("discard", "--because", "x"), "say which"),
        (("discard", "1"), "because"),
        (("discard", "--source", "shop", "--because", "  "), "say why"),
        (("show", "4711"), "no record 4711"),
        (("replay", "4711"), "no record 4711"),
        (("replay", "--source", "shop", "--day", "2026-03-21"), "landed up to 2026-03-20"),
        (("list", "--status", "broken"), "--status is one of"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    shop: Shop, arguments: tuple[str, ...], told: str
) -> None:
    result = shop.quarantine(*arguments)
    assert result.returncode != 0
    assert told in result.stderr


def test_without_a_warehouse_the_way_to_one_is_shown(shop: Shop) -> None:
    result = shop.quarantine("list", MOSHTARI_PG_PORT=str(free_port()))
    assert result.returncode == 1
    assert "moshtari up" in result.stderr


def test_bytes_are_shown_so_that_no_terminal_obeys_them() -> None:
    raw = "سلام\tو\n".encode() + b"\x1b[2J\x00\xff"
    assert readable(raw) == "سلام\tو\n\\x1b[2J\\x00\\xff"
