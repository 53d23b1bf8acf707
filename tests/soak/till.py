"""A till that leaves its sales in files: they grow by the day, and are corrected afterwards."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from tests.file_servers import Line
from tests.http_servers import TEHRAN
from tests.soak.world import Day

_DAYS_A_FILE = 5
_HEADER = "no,on,customer,amount\n"
_COLUMNS = {"no": "id", "on": "timestamp", "customer": "id", "amount": "decimal"}


class Till:
    """One gz file for each five days; of its lines some are no sale.

    A file with such lines only grows: while it has records in quarantine, what it has lost is not
    taken for deleted, so that when it is read would decide.
    """

    name, kind, family = "till", "files", "orders"
    entities: tuple[str, ...] = ("orders",)

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "in"
        self.folder.mkdir(parents=True)
        self._lines: dict[int, list[str]] = {}
        self._next = 1

    def step(self, day: Day) -> None:
        number = day.number // _DAYS_A_FILE
        lines = self._lines.setdefault(number, [])
        for at in day.moments(8, 14):
            local = f"{at.astimezone(TEHRAN):%Y-%m-%d %H:%M:%S}"
            lines.append(f"{self._next},{local},{self._next % 40},{day.chance.randrange(10**6)}.5")
            self._next += 1
        if number % 3 == 0 and day.chance.random() < 0.4:
            lines.append(f"{self._next},{day.date},1,ده")
            self._next += 1
        self._write(number)
        if number > 1 and day.chance.random() < 0.4:
            self._correct(day, day.chance.randrange(number - 1, number))

    def _correct(self, day: Day, number: int) -> None:
        """One amount, and where that is certain to be seen one line less."""
        lines = self._lines[number]
        at = day.chance.randrange(len(lines))
        if not lines[at].endswith(",ده"):
            lines[at] = f"{lines[at].rpartition(',')[0]},{day.chance.randrange(10**6)}.25"
        if number % 3 != 0:
            lines.pop(day.chance.randrange(len(lines)))
        self._write(number)

    def _write(self, number: int) -> None:
        whole = _HEADER + "".join(f"{line}\n" for line in self._lines[number])
        self.newest = self.folder / f"sales-{number:03}.csv.gz"
        self.newest.write_bytes(gzip.compress(whole.encode(), mtime=0))

    def config(self, line: Line | None = None, **changes: Any) -> dict[str, Any]:
        amount = changes.get("amount", "amount")
        orders = {
            **dict.fromkeys(("discount_amount", "shipping_amount", "tax_amount"), 0),
            "order_id": "no",
            "customer_id": "customer",
            "ordered_at": '"on"',
            "updated_at": '"on"',
            "status": "'completed'",
            "currency": "'IRR'",
            "gross_amount": amount,
            "total_amount": amount,
            "direction": "'sale'",
        }
        columns = _COLUMNS | changes.get("columns", {})
        return {
            "kind": "files",
            "path": "in",
            "columns": columns,
            "entities": {"orders": {"columns": orders}},
        }

    def mended(self) -> dict[str, Any]:
        return self.config(
            amount="replace(amount, 'ده', '10')::decimal(18, 6)", columns={"amount": "text"}
        )

    def close(self) -> None: ...


def truncated(file: Path, share: float) -> bytes:
    """Cut a file short; returns what it held."""
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    return whole
