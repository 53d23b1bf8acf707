"""Which sources a failed check of the ledger is about: names of the configuration and counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from moshtari.quality.verdict import Check

_SUITE = "arrivals_deliveries"


def name_the_sources(
    connection: psycopg.Connection,
    expectations: Path,
    day: date,
    configured: dict[str, str],
    checks: list[Check],
) -> list[Check]:
    """Add to each failed check of the ledger the sources it is about, with their figures."""
    if not any(check.suite == _SUITE and not check.success for check in checks):
        return checks
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        for name, value in {"moshtari.business_date": str(day), **configured}.items():
            cursor.execute("select set_config(%s, %s, true)", [name, value])
        query = (expectations / "assets" / f"{_SUITE}.sql").read_text(encoding="utf-8")
        rows = cursor.execute(query.encode()).fetchall()
    return [
        replace(check, observed={**check.observed, "sources": sources})
        if check.suite == _SUITE and (sources := _about(check.name, rows))
        else check
        for check in checks
    ]


def _about(check: str, rows: list[dict[str, Any]]) -> str:
    concerned = {
        "no_source_only_failed": lambda row: row["only_failed"],
        "ledger_adds_up": lambda row: not row["ledger_adds_up"],
        "no_source_is_suddenly_empty": lambda row: row["is_suddenly_empty"],
        "quarantine_share_is_small": lambda row: row["quarantined_rows"],
        "nothing_in_quarantine": lambda row: row["quarantined_rows"],
        "expected_sources_arrived": lambda row: not row["has_arrived"],
        "volume_is_usual": lambda row: row["share_of_usual"] is not None,
    }.get(check, lambda row: False)
    return ", ".join(
        f"{row['source']}/{row['entity']} {row['landed_rows']} landed of {row['read_rows']} read, "
        f"usually {row['usual_rows'] if row['usual_rows'] is not None else 'unknown'}, "
        f"{row['quarantined_rows']} in quarantine"
        for row in sorted(rows, key=lambda row: (row["source"], row["entity"]))
        if concerned(row)
    )
