"""Records of a workbook's sheet as columns of text.

Excel keeps numbers as floats, so a whole number is written without a fraction (an id stays `12`)
and any other as its shortest text. A date is a cell's own, without a zone: it is a time of the
source's zone. What calamine reads as nothing but is something (an error such as #N/A, a formula
that was never computed, the covered part of merged cells) rejects its row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    SheetTypeEnum,
    WorksheetNotFound,
)

from moshtari.sources.drift import extra_text
from moshtari.sources.files_bytes import FileFormatError
from moshtari.sources.files_config import FilesConfig, Xlsx
from moshtari.sources.files_lines import HAS_NUL, NUL, RecordBatch, headers, require_once
from moshtari.sources.files_types import REAL, reads_moments
from moshtari.sources.files_xlsx_cells import odd_cells

_ROWS_AT_ONCE = 5_000
# Whole numbers beyond it are not exact as floats: what the file held is not known.
_EXACT = 2.0**53
_ROUNDED = "a number of more digits than a workbook keeps; such ids must be text cells"
_COVERED = "it lies under merged cells"


class XlsxReader:
    """Reads one workbook once; a record's number is that of its row in the sheet."""

    def __init__(self, path: Path, config: FilesConfig, keep: Sequence[str] = ()) -> None:
        assert isinstance(config.format, Xlsx)
        self._path = path
        self._form = config.format
        self._wanted = headers(config)
        self._keep = keep
        self.types: dict[str, str] = {}
        self._marked = [reads_moments(spec, config) for spec in config.columns.values()]
        self.extra: tuple[str, ...] = ()
        self.place = "row "

    def batches(self) -> Iterator[RecordBatch]:
        """All rows that hold something. Raises FileFormatError when the file is not usable."""
        with self._opened() as sheet:
            self.place = f"{sheet.name}!row "
            odd = odd_cells(self._path, sheet.name)
            left = (sheet.start or (0, 0))[1]
            for row, column in _covered(sheet):
                odd.setdefault(row, {}).setdefault(column, _COVERED)
            rows = _numbered(sheet, odd)
            names, at = self._names(rows)
            require_once(self._wanted, names)
            self.extra = tuple(name for name in names if name and name not in self._wanted)
            places = [names.index(name) for name in self._wanted]
            self._names_stand_alone(sheet, at, [left + place for place in places])
            kept = {n: names.index(n) for n in self.extra if n in self._keep}
            yield from self._batches(rows, places, odd, left, kept)

    def raw(self, ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
        """Rows as JSON objects of their cells, errors by name."""
        wanted = {first for first, _ in ranges}
        with self._opened() as sheet:
            odd = odd_cells(self._path, sheet.name)
            left = (sheet.start or (0, 0))[1]
            rows = _numbered(sheet, odd)
            names, _ = self._names(rows)
            for number, cells in rows:
                if number in wanted:
                    found = {
                        names[i] or f"column {left + i + 1}": odd.get(number, {}).get(
                            left + i, _text(cell, False)[0]
                        )
                        for i, cell in enumerate(cells)
                    }
                    yield number, msgspec.json.encode(found)

    def _names(self, rows: Iterator[tuple[int, list[Any]]]) -> tuple[list[str], int]:
        """The first row that holds something, and its number."""
        for number, cells in rows:
            names = [(_text(cell, False)[0] or "").strip() for cell in cells]
            if number > self._form.skip_rows and any(names):
                return names, number
        raise FileFormatError(
            "the sheet is empty: it has not even a header",
            "Write it again with its header; check `format.sheet` and `format.skip_rows`",
        )

    def _names_stand_alone(self, sheet: CalamineSheet, at: int, places: list[int]) -> None:
        for first, last in sheet.merged_cell_ranges or []:
            if not first[0] < at <= last[0] + 1 or first[1] == last[1]:
                continue
            for name, place in zip(self._wanted, places, strict=True):
                if first[1] <= place <= last[1]:
                    raise FileFormatError(
                        f"the header cell of column {name!r} is merged over several columns",
                        "Split the merged cells, or skip what stands above by `format.skip_rows`",
                    )

    def _batches(
        self,
        rows: Iterator[tuple[int, list[Any]]],
        places: list[int],
        odd: dict[int, dict[int, str]],
        left: int,
        new: dict[str, int],
    ) -> Iterator[RecordBatch]:
        kept: list[list[str | None]] = []
        extra: list[str] = []
        at: list[int] = []
        broken: list[tuple[int, int, str]] = []
        for number, cells in rows:
            strange = odd.get(number, {})
            if all(cell == "" for cell in cells) and set(strange.values()) <= {_COVERED}:
                continue
            row, reason = self._row(cells, places, strange, left)
            if reason is not None:
                broken.append((number, number, reason))
            else:
                kept.append(row)
                at.append(number)
                if new:
                    odds = [strange.get(left + p, _text(cells[p], False)[0]) for p in new.values()]
                    extra.append(extra_text(list(new), odds))
            if len(kept) + len(broken) >= _ROWS_AT_ONCE:
                yield self._batch(kept, at, broken, extra if new else None)
                kept, at, broken, extra = [], [], [], []
        if kept or broken:
            yield self._batch(kept, at, broken, extra if new else None)

    def _row(
        self, cells: list[Any], places: list[int], strange: dict[int, str], left: int
    ) -> tuple[list[str | None], str | None]:
        row: list[str | None] = []
        for name, place, marked in zip(self._wanted, places, self._marked, strict=True):
            if left + place in strange:
                return row, f"column {name!r}: {strange[left + place]}"
            text, reason = _text(cells[place], marked)
            if reason is not None:
                return row, f"column {name!r}: {reason}"
            row.append(text)
        return row, None

    def _batch(
        self,
        kept: list[list[str | None]],
        at: list[int],
        broken: list[tuple[int, int, str]],
        extra: list[str] | None,
    ) -> RecordBatch:
        columns: list[Any] = list(zip(*kept, strict=True)) if kept else [()] * len(self._wanted)
        return RecordBatch(columns, at, at, broken, extra=extra)

    @contextmanager
    def _opened(self) -> Iterator[CalamineSheet]:
        try:
            with CalamineWorkbook.from_path(str(self._path)) as workbook:
                yield workbook.get_sheet_by_name(self._form.sheet or _first_sheet(workbook))
        except WorksheetNotFound as error:
            raise FileFormatError(
                f"it has no sheet {self._form.sheet!r}", "Mend `format.sheet` in the YAML"
            ) from error
        except CalamineError as error:
            raise FileFormatError(
                "it is no XLSX workbook, or cut off, damaged or locked by a password",
                "Fetch or write the file again, as .xlsx without a password",
            ) from error


def _first_sheet(workbook: CalamineWorkbook) -> str:
    for sheet in workbook.sheets_metadata:
        if sheet.typ == SheetTypeEnum.WorkSheet:
            return sheet.name
    raise FileFormatError("it has no sheet of cells", "Write the file again")


def _numbered(
    sheet: CalamineSheet, odd: dict[int, dict[int, str]]
) -> Iterator[tuple[int, list[Any]]]:
    """All rows, those below the last value too if they hold what has none."""
    number = 0
    for number, cells in enumerate(sheet.iter_rows(), 1):
        yield number, cells
    for below in sorted(odd):
        if below > number:
            yield below, [""] * sheet.width


def _covered(sheet: CalamineSheet) -> Iterator[tuple[int, int]]:
    """Row number (from 1) and column (from 0) of cells that lie under merged ones."""
    for first, last in sheet.merged_cell_ranges or []:
        for row in range(first[0], last[0] + 1):
            for column in range(first[1], last[1] + 1):
                if (row, column) != tuple(first):
                    yield row + 1, column


def _text(cell: Any, marked: bool) -> tuple[str | None, str | None]:
    """A cell's text, or the reason why it has none."""
    if cell == "":
        return None, None
    if isinstance(cell, str):
        return (None, HAS_NUL) if NUL in cell else (cell, None)
    if isinstance(cell, bool):
        return ("true" if cell else "false"), None
    if isinstance(cell, int | float):
        if not abs(cell) <= _EXACT:
            return None, _ROUNDED
        if cell == int(cell):
            return str(int(cell)), None
        text = repr(cell)
        return (f"{Decimal(text):f}" if "e" in text else text), None
    if isinstance(cell, date):
        # datetime is a date too, and both are in ISO's form.
        return (REAL if marked else "") + str(cell), None
    return str(cell), None
