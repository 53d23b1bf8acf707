"""The day's lists as files: CSV (UTF-8 with BOM, so that Excel reads Persian) and XLSX.

A file is written to a temporary name beside its place and then moved: whoever opens it sees the
whole list or the one before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg import IsolationLevel, sql

from moshtari.atomic import write_atomically
from moshtari.settings import Settings
from moshtari.warehouse.connection import connect

if TYPE_CHECKING:
    import pandas as pd
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

# A cell that starts with one of these is run as a formula by spreadsheets (OWASP, "CSV
# injection"); a tab or a line end before it hides it from view.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_LARGE = 1000
_PHONE = re.compile(r"\+[0-9]{6,15}")
_COLUMNS = (
    "list_date", "list_name", "rank", "customer_key", "full_name", "channel", "address", "language",
    "reasons_fa", "reasons_en", "next_step_fa", "next_step_en", "score", "value_at_stake",
    "referrer", "order_id", "run_id", "as_of_date",
)  # fmt: skip


class NotTheShownDayError(RuntimeError):
    """Readers see another business day than the one whose files were asked for."""


@dataclass(frozen=True)
class ListFile:
    """One list as written: rows, and where its two files are."""

    list_name: str
    rows: int
    csv: Path
    xlsx: Path


def folder(settings: Settings, day: date) -> Path:
    """Where one day's list files are."""
    return settings.home / "outreach" / day.isoformat()


def write_lists(settings: Settings, day: date) -> list[ListFile]:
    """Write every list of the published day. A second call writes the same bytes' worth of rows.

    Raises NotTheShownDayError when the publication readers see is of another day.
    """
    import pandas as pd

    with connect(settings, role="outreach_reader") as connection:
        # One snapshot: the rows, the lists and the day they are of are never of two publications.
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        columns = sql.SQL(", ").join(sql.Identifier(name) for name in _COLUMNS)
        query = sql.SQL("select {} from outreach.lists order by list_name, rank").format(columns)
        rows = connection.execute(query).fetchall()
        changes = connection.execute(
            "select list_name, run_id from outreach.list_changes order by list_name"
        ).fetchall()
    with connect(settings, role="moshtari_publisher") as connection:
        shown = connection.execute("select as_of_date, run_id from store.pointer").fetchone()
    as_of, run_id = shown if shown else (None, None)
    run_column = _COLUMNS.index("run_id")
    runs = {row[run_column] for row in rows} | {run for _, run in changes}
    if as_of != day or runs - {run_id}:
        raise NotTheShownDayError(
            f"readers see the business day {as_of}, not {day}: no list files were written. "
            f"Roll back or run `moshtari run --date {day}` if {day} is the day wanted"
        )
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    target = folder(settings, day)
    # A list on which nobody is has its files, too: a missing file would leave yesterday's in place.
    return [_write(table[table["list_name"] == name], name, target) for name, _ in changes]


def harmless(value: object) -> object:
    """The value as a CSV may have it: text that could be run as a formula gets a leading quote.

    A phone number (+98…) can do nothing and stays as the tools that send messages want it.
    """
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS) and not _PHONE.fullmatch(value):
        return f"'{value}"
    return value


def _write(table: pd.DataFrame, name: str, target: Path) -> ListFile:
    csv, xlsx = target / f"{name}.csv", target / f"{name}.xlsx"
    write_atomically(
        csv, lambda path: table.map(harmless).to_csv(path, index=False, encoding="utf-8-sig")
    )
    write_atomically(xlsx, lambda path: _write_sheet(table, name, path))
    return ListFile(name, len(table), csv, xlsx)


def _write_sheet(table: pd.DataFrame, name: str, path: Path) -> None:
    import xlsxwriter

    options = {
        # Text stays text: no formula, no link, no number is made of it.
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
    }
    with xlsxwriter.Workbook(path, options) as workbook:
        sheet = workbook.add_worksheet(name[:31])
        if len(table) and table["language"].iloc[0] == "fa":
            sheet.right_to_left()
        header = workbook.add_format({"bold": True, "bg_color": "#DDE7F0", "border": 1})
        day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        money = workbook.add_format({"num_format": "#,##0"})
        for column, title in enumerate(table.columns):
            sheet.write_string(0, column, title, header)
        for row, values in enumerate(table.itertuples(index=False), start=1):
            for column, value in enumerate(values):
                _write_cell(sheet, row, column, value, day=day, money=money)
        sheet.freeze_panes(1, 0)
        sheet.autofit()
        if len(table):
            sheet.autofilter(0, 0, len(table), len(table.columns) - 1)


def _write_cell(
    sheet: Worksheet, row: int, column: int, value: object, *, day: Format, money: Format
) -> None:
    if value is None or value != value:
        return
    if isinstance(value, date):
        sheet.write_datetime(row, column, value, day)
    elif isinstance(value, Decimal | int | float):
        number = float(value)
        sheet.write_number(row, column, number, money if abs(number) >= _LARGE else None)
    else:
        sheet.write_string(row, column, str(value))
