"""The real data sets as purchase days, for tests that need no night around them."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal

import pytest
from tests.conftest import SHARED_DATA

needs_real_data = pytest.mark.skipif(
    not SHARED_DATA.exists(), reason="the real data sets are not beside this checkout"
)
Days = dict[tuple[str, date], Decimal]


def cdnow_days() -> Days:
    """Spend of the CDNOW sample by customer and day."""
    days: Days = defaultdict(Decimal)
    for line in (SHARED_DATA / "cdnow_sample.txt").read_text().splitlines():
        _master, customer, day, _units, dollars = line.split()
        days[customer, datetime.strptime(day, "%Y%m%d").date()] += Decimal(dollars)  # noqa: DTZ007
    return dict(days)


def online_retail_days() -> Days:
    """Spend of Online Retail by customer and day, of the lines that count as sales."""
    days: Days = defaultdict(Decimal)
    with gzip.open(SHARED_DATA / "online_retail.csv.gz", "rt", newline="") as stream:
        for row in csv.DictReader(stream):
            quantity, price = Decimal(row["Quantity"] or 0), Decimal(row["UnitPrice"] or 0)
            is_sale = not row["InvoiceNo"].startswith("C") and quantity > 0 and price > 0
            if is_sale and row["CustomerID"]:
                day = date.fromisoformat(row["InvoiceDate"][:10])
                days[row["CustomerID"], day] += quantity * price
    return dict(days)
