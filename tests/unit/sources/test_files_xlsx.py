"""Workbooks into records: what Excel shows is what comes out, and what it hides is told."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from tests.by_row import by_row

from moshtari.sources.base import RejectedRecord, SourceContext, SourceError, TextRows, Window
from moshtari.sources.files import FilesSource
from moshtari.sources.files_config import FilesConfig

TEHRAN = ZoneInfo("Asia/Tehran")
WINDOW = Window(date(2026, 3, 20), None, datetime(2026, 3, 20, 20, 30, tzinfo=UTC), TEHRAN)


NOON = datetime(2024, 8, 2, 11, 30, 15, tzinfo=UTC).replace(tzinfo=None)


def source(
    folder: Path, columns: dict[str, Any], values: list[str], form: Any = None, **more: Any
) -> FilesSource:
    """A source whose rows are the given expressions, one after the other, as text."""
    targets = ("author_handle", "author_name", "language", "url", "reply_to_id")
    config = FilesConfig.model_validate(
        {
            "kind": "files",
            "path": "data.xlsx",
            "format": {"type": "xlsx", **(form or {})},
            "columns": columns,
            "entities": {
                "mentions": {
                    "columns": {
                        "mention_id": "line",
                        "network": "'x'",
                        "created_at": "timestamptz '2026-01-01 00:00:00+00'",
                        "text": "''",
                        "by_brand": False,
                        **dict(zip(targets, values, strict=False)),
                    }
                }
            },
            **more,
        }
    )
    return FilesSource("shop", config, SourceContext(TEHRAN, "IRR", folder))


def read(shop: FilesSource) -> tuple[list[tuple[str | None, ...]], list[RejectedRecord]]:
    rows: list[tuple[str | None, ...]] = []
    rejected: list[RejectedRecord] = []
    for batch in by_row(shop.read("mentions", WINDOW)):
        if isinstance(batch, TextRows):
            rows += [
                (position, *row[5:])
                for row, position in zip(batch.rows, batch.positions, strict=True)
            ]
        elif isinstance(batch, RejectedRecord):
            rejected.append(batch)
    return rows, rejected


def write(folder: Path, fill: Callable[[Any, Any], None]) -> None:
    workbook = openpyxl.Workbook()
    fill(workbook, workbook.active)
    workbook.save(folder / "data.xlsx")


def column_of(
    folder: Path, cells: list[Any], spec: Any, expression: str = "x", **more: Any
) -> tuple[list[str | None], list[str]]:
    def fill(workbook: Any, sheet: Any) -> None:
        workbook.epoch = more.pop("epoch", workbook.epoch)
        sheet.append(["x"])
        for cell in cells:
            sheet.append([cell])

    write(folder, fill)
    rows, rejected = read(source(folder, {"x": spec}, [expression], **more))
    return [row[1] for row in rows], [record.reason for record in rejected]


def test_numbers(tmp_path: Path) -> None:
    cells = [12, 17850.0, "00017", 12.5, "C-1", 2**53, True]
    assert column_of(tmp_path, cells, "id")[0] == [
        "12", "17850", "00017", "12.5", "C-1", "9007199254740992", "true",
    ]  # fmt: skip
    cells = [19.99, 0.1, 1e-6, -7, "۱۲٫۵", 1e15, "ten"]
    assert column_of(tmp_path, cells, "decimal") == (
        ["19.99", "0.1", "0.000001", "-7", "12.5", "1000000000000000"],
        ["column 'x' is not of type decimal"],
    )


def test_a_number_of_more_digits_than_a_workbook_keeps(tmp_path: Path) -> None:
    found, reasons = column_of(tmp_path, [12345678901234567890, "12345678901234567890"], "id")
    assert found == ["12345678901234567890"]
    assert reasons == [
        "column 'x': a number of more digits than a workbook keeps; such ids must be text cells"
    ]


@pytest.mark.parametrize("epoch", [None, CALENDAR_MAC_1904])
def test_dates_are_of_the_sources_zone(tmp_path: Path, epoch: Any) -> None:
    cells = [NOON, date(2024, 8, 2), "2024-08-02 11:30:15Z", 45506]
    more = {} if epoch is None else {"epoch": epoch}
    found, reasons = column_of(
        tmp_path, cells, "timestamp", "strftime(x at time zone 'UTC', '%c')", **more
    )
    assert found == ["2024-08-02 08:00:15", "2024-08-01 20:30:00", "2024-08-02 11:30:15"]
    # A bare number may be a day, or anything else.
    assert reasons == ["column 'x' is not of type timestamp"]
    cells = [date(2024, 8, 2), NOON.replace(hour=0, minute=0, second=0)]
    assert column_of(tmp_path, cells, "date", "x::varchar")[0] == ["2024-08-02"] * 2


def test_a_date_cell_is_of_no_pattern_and_no_other_calendar(tmp_path: Path) -> None:
    jalali = {"type": "date", "calendar": "jalali"}
    cells: list[Any] = [date(2024, 8, 2), "1403/05/12", "۱۴۰۳/۵/۱۲"]
    assert column_of(tmp_path, cells, jalali, "x::varchar")[0] == ["2024-08-02"] * 3
    pattern = {"type": "date", "format": "%Y/%d/%m"}
    cells = [date(2024, 8, 2), "2024/02/08", "2024/13/13"]
    assert column_of(tmp_path, cells, pattern, "x::varchar") == (
        ["2024-08-02"] * 2,
        ["column 'x' is not of type date"],
    )


def test_times_and_durations_are_text(tmp_path: Path) -> None:
    cells = [time(10, 30), timedelta(hours=30)]
    assert column_of(tmp_path, cells, "text")[0] == ["10:30:00", "1 day, 6:00:00"]


def test_sheet_by_name_with_a_title_and_empty_rows(tmp_path: Path) -> None:
    def fill(workbook: Any, sheet: Any) -> None:
        sheet["A1"] = "not this one"
        orders = workbook.create_sheet("سفارش‌ها")
        orders["C2"] = "Sales of 1403"
        orders["C4"], orders["D4"], orders["E4"] = "no ", "amount", "notes"
        orders["C6"], orders["D6"] = 1, 10.5
        orders["E8"] = "only a note"
        orders["C9"], orders["D9"] = 2, "?"

    write(tmp_path, fill)
    columns = {"no": "id", "amount": "decimal"}
    form = {"sheet": "سفارش‌ها", "skip_rows": 2}
    shop = source(tmp_path, columns, ["no", "amount"], form)
    rows, rejected = read(shop)
    assert rows == [
        ("data.xlsx:سفارش‌ها!row 6", "1", "10.5"),
        ("data.xlsx:سفارش‌ها!row 8", None, None),
    ]
    assert [(r.position, json.loads(r.raw)) for r in rejected] == [
        ("data.xlsx:سفارش‌ها!row 9", {"no": "2", "amount": "?", "notes": None})
    ]
    [origin] = shop.origins("mentions", WINDOW)
    assert shop.details("mentions", origin)["columns_left_out"] == ["notes"]
    with pytest.raises(SourceError, match=r"it has no sheet 'Orders'.*format\.sheet"):
        read(source(tmp_path, columns, ["no"], {"sheet": "Orders"}))
    with pytest.raises(SourceError, match="expected column 'no', 'amount' is missing"):
        read(source(tmp_path, columns, ["no"]))


def test_errors_and_formulas(tmp_path: Path) -> None:
    def fill(_workbook: Any, sheet: Any) -> None:
        sheet.append(["no", "amount", "other"])
        sheet.append([1, 10, None])
        sheet.append([2, "#N/A", None])
        sheet["B3"].data_type = "e"
        sheet.append([3, "=1+1", None])
        sheet.append([4, 20, "#REF!"])
        sheet["C5"].data_type = "e"

    write(tmp_path, fill)
    shop = source(tmp_path, {"no": "id", "amount": "decimal"}, ["no", "amount"])
    rows, rejected = read(shop)
    # What nobody asks for may be wrong.
    assert [row[1:] for row in rows] == [("1", "10"), ("4", "20")]
    assert [(r.position, r.reason) for r in rejected] == [
        ("data.xlsx:Sheet!row 3", "column 'amount': an error in place of a value (#N/A)"),
        ("data.xlsx:Sheet!row 4", "column 'amount': a formula whose result is not in the file"),
    ]
    assert json.loads(rejected[0].raw)["amount"] == "an error in place of a value (#N/A)"


def test_results_of_formulas(tmp_path: Path) -> None:
    write(tmp_path, lambda _book, sheet: [sheet.append(row) for row in (["x"], [1], [2], [3], [4])])
    _edit(
        tmp_path / "data.xlsx",
        {
            b'<c r="A2" t="n"><v>1</v></c>': b'<c r="A2"><f>SUM(1,1)</f><v>2</v></c>',
            b'<c r="A3" t="n"><v>2</v></c>': b'<c r="A3" t="str"><f>T(1)</f><v></v></c>',
            b'<c r="A4" t="n"><v>3</v></c>': b'<c r="A4" t="e"><f>1/0</f><v>#DIV/0!</v></c>',
            b'<c r="A5" t="n"><v>4</v></c>': b"<c r='A5' ><f t='shared' si='0'/></c>",
        },
    )
    rows, rejected = read(source(tmp_path, {"x": "text"}, ["x"]))
    assert [row[1] for row in rows] == ["2"]
    assert [r.reason.rpartition(": ")[2] for r in rejected] == [
        "an error in place of a value (#DIV/0!)",
        "a formula whose result is not in the file",
    ]


def test_merged_cells(tmp_path: Path) -> None:
    def fill(_workbook: Any, sheet: Any) -> None:
        for row in (["no", "item", "note"], [1, "a", "x"], [None, "b", "x"], [2, "c", "x"]):
            sheet.append(row)
        sheet.merge_cells("A2:A3")
        sheet.merge_cells("B6:B9")

    write(tmp_path, fill)
    rows, rejected = read(source(tmp_path, {"no": "id", "item": "text"}, ["no", "item"]))
    assert [row[1:] for row in rows] == [("1", "a"), ("2", "c")]
    assert [(r.position, r.reason) for r in rejected] == [
        ("data.xlsx:Sheet!row 3", "column 'no': it lies under merged cells")
    ]


def test_merged_header(tmp_path: Path) -> None:
    def fill(_workbook: Any, sheet: Any) -> None:
        sheet.append(["no", "price", None, "seller", None])
        sheet.append([1, 5, 6, "a", "b"])
        sheet.merge_cells("B1:C1")
        sheet.merge_cells("D1:E1")

    write(tmp_path, fill)
    with pytest.raises(SourceError, match="header cell of column 'price' is merged over several"):
        read(source(tmp_path, {"no": "id", "price": "decimal"}, ["no"]))
    assert len(read(source(tmp_path, {"no": "id"}, ["no"]))[0]) == 1


def test_an_empty_sheet_and_no_workbook(tmp_path: Path) -> None:
    write(tmp_path, lambda _book, _sheet: None)
    with pytest.raises(SourceError, match="the sheet is empty: it has not even a header"):
        read(source(tmp_path, {"x": "text"}, ["x"]))
    (tmp_path / "data.xlsx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 locked")
    with pytest.raises(SourceError, match="it is no XLSX workbook, or cut off, damaged or locked"):
        read(source(tmp_path, {"x": "text"}, ["x"]))


def test_header_only(tmp_path: Path) -> None:
    assert column_of(tmp_path, [], "text") == ([], [])


def _edit(path: Path, changes: dict[bytes, bytes]) -> None:
    """Replace parts of the first sheet's XML."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for before, after in changes.items():
        assert before in members["xl/worksheets/sheet1.xml"]
        members["xl/worksheets/sheet1.xml"] = members["xl/worksheets/sheet1.xml"].replace(
            before, after
        )
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
