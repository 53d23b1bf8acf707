"""A deployment of one file source over a real PostgreSQL, for tests of files as they arrive."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from moshtari.landing.errors import ExtractError
from moshtari.landing.extract import LoadSummary, extract
from moshtari.settings import Settings, load_deployment

DAY = date(2026, 3, 20)
HEADER = "no,on,customer,amount\n"
LINES = [
    "1,2026-03-01 10:00:00,17850.0,10.50\n",
    "2,2026-03-02 10:00:00,17851.0,0.10\n",
    "3,2026-03-03 10:00:00,,7\n",
]
SHOP: dict[str, Any] = {
    "kind": "files",
    "path": "sales.csv",
    "columns": {"no": "id", "on": "timestamp", "customer": "id", "amount": "decimal"},
    "entities": {
        "orders": {
            "columns": {
                "order_id": "no",
                "customer_id": "customer",
                "ordered_at": '"on"',
                "updated_at": '"on"',
                "status": "'completed'",
                "currency": "'IRR'",
                "gross_amount": "amount",
                "discount_amount": 0,
                "shipping_amount": 0,
                "tax_amount": 0,
                "total_amount": "amount",
                "direction": "'sale'",
            }
        }
    },
}


class Shop:
    """A deployment of one file source in a folder, landed day after day."""

    def __init__(self, folder: Path, settings: Settings, pg: psycopg.Connection) -> None:
        self.folder, self.settings, self.pg = folder, settings, pg
        self.day = DAY

    def write(self, content: str | bytes, name: str = "sales.csv") -> None:
        data = content.encode() if isinstance(content, str) else content
        (self.folder / name).write_bytes(data)

    def land(self, **changes: Any) -> LoadSummary:
        config = self.folder / "moshtari.yml"
        document = {"name": "faults", "sources": {"shop": {**SHOP, **changes}}}
        config.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        self.day += timedelta(days=1)
        [summary] = extract(self.settings, load_deployment(config), "shop", "orders", self.day)
        return summary

    def fails(self, **changes: Any) -> str:
        """Landing fails, brings nothing, and the ledger has the reason; returns what was told."""
        before = self.rows()
        with pytest.raises(ExtractError) as caught:
            self.land(**changes)
        assert self.rows() == before
        row = self.pg.execute(
            "select error from ops.loads where status = 'failed' order by load_id desc limit 1"
        ).fetchone()
        assert row is not None
        assert "source shop, orders" in row[0]
        return str(caught.value)

    def rows(self) -> dict[str, Decimal]:
        """Gross amount of each order as it stands now."""
        return dict(
            self.pg.execute(
                """
                select order_id, gross_amount
                from (
                    select distinct on (_key) order_id, gross_amount, _is_deleted
                    from raw.orders
                    order by _key asc, _load_id desc
                ) as latest
                where not _is_deleted
                order by order_id
                """
            ).fetchall()
        )

    def quarantined(self) -> list[tuple[str, str, bytes]]:
        return self.pg.execute(
            "select position, reason, raw from quarantine.records order by quarantine_id"
        ).fetchall()


GOOD = {"1": Decimal("10.50"), "2": Decimal("0.10"), "3": Decimal(7)}
