"""Cells of a sheet that calamine gives as empty although they are not: errors, unknown results.

A formula that some program wrote without computing it has no value until Excel opens the file.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from moshtari.sources.files_bytes import FileFormatError

_CHUNK = 1 << 20
_LONGEST_ROW = 64 << 20
_CELL = rb"<(?:\w+:)?c\b(?P<attributes>[^>]*?)"
_FORMULA = rb"<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)"
_NO_VALUE = rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?"
_ERROR = re.compile(_CELL + rb">(?:" + _FORMULA + rb")?\s*(?:<(?:\w+:)?v>(?P<error>[^<]*))?")
_IS_ERROR = re.compile(rb"""\bt=["']e["']""")
_IS_TEXT = re.compile(rb"""\bt=["']str["']""")
_PENDING = re.compile(_CELL + rb">\s*" + _FORMULA + rb"\s*" + _NO_VALUE + rb"\s*</(?:\w+:)?c>")
_PLACE = re.compile(rb"""\br=["']([A-Z]+)([0-9]+)["']""")
_HINT = re.compile(rb"""\bt=["']e["']|<(?:\w+:)?f\b""")


def odd_cells(path: Path, sheet: str) -> dict[int, dict[int, str]]:
    """Reasons by row number (from 1) and column (from 0)."""
    found: dict[int, dict[int, str]] = {}
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_part(archive, sheet)) as part:
            for rows in _whole_rows(part):
                # Most sheets have neither, and one look is all they cost.
                if _HINT.search(rows) is None:
                    continue
                for row, column, reason in _odd(rows):
                    found.setdefault(row, {})[column] = reason
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ElementTree.ParseError) as error:
        raise FileFormatError(
            "it is no XLSX workbook, or cut off or damaged", "Fetch or write the file again"
        ) from error
    return found


def _part(archive: zipfile.ZipFile, sheet: str) -> str:
    """The archive's member that holds the sheet."""
    wanted = ""
    for element in ElementTree.fromstring(archive.read("xl/workbook.xml")).iter():
        if element.tag.endswith("}sheet") and element.get("name") == sheet:
            wanted = next(v for k, v in element.attrib.items() if k.endswith("}id"))
    links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    target = {link.get("Id"): link.get("Target", "") for link in links}[wanted]
    # A target is relative to the workbook's folder, or to the archive.
    return posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")


def _whole_rows(part: object) -> Iterator[bytes]:
    pending = b""
    while chunk := part.read(_CHUNK):  # type: ignore[attr-defined]
        pending += chunk
        cut = pending.rfind(b"row>") + 4
        if cut > 4:
            yield pending[:cut]
            pending = pending[cut:]
        elif len(pending) > _LONGEST_ROW:
            raise zipfile.BadZipFile
    yield pending


def _odd(rows: bytes) -> Iterator[tuple[int, int, str]]:
    for cell in _ERROR.finditer(rows):
        if _IS_ERROR.search(cell["attributes"]):
            code = (cell["error"] or b"?").decode("utf-8", "replace")
            yield *_place(cell["attributes"]), f"an error in place of a value ({code})"
    for cell in _PENDING.finditer(rows):
        # A text that came out empty is a result too.
        if not _IS_TEXT.search(cell["attributes"]):
            yield *_place(cell["attributes"]), "a formula whose result is not in the file"


def _place(attributes: bytes) -> tuple[int, int]:
    match = _PLACE.search(attributes)
    if match is None:
        raise FileFormatError(
            "its cells do not say where they stand, and some are errors or open formulas",
            "Open the file in Excel or LibreOffice and save it again",
        )
    column = 0
    for letter in match[1]:
        column = column * 26 + letter - ord("A") + 1
    return int(match[2]), column - 1
