"""Records of a file: lines in, columns of text out, each record with the lines it stands on.

Python's own readers split the records, because only they say on which line a record begins and
which line is broken; DuckDB's sniff, count records instead of lines, and skip some mistakes. The
types come later (`files_stage`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from moshtari.sources.files_bytes import FileFormatError, is_wide, line_blocks
from moshtari.sources.files_config import Delimited, FilesConfig, FixedWidth, JsonLines
from moshtari.sources.files_split import NUL, Block, Splitter

# What the decoder leaves of undecodable bytes (surrogateescape).
_UNDECODABLE = re.compile("[\udc80-\udcff]")

Row = Sequence[str | None]


@dataclass(slots=True)
class RecordBatch:
    """Some records: one sequence a column, first and last line of each, and what was broken."""

    columns: list[Sequence[str | None]]
    first: Sequence[int]
    last: Sequence[int]
    broken: list[tuple[int, int, str]] = field(default_factory=list)
    ascii: bool = False


def _headers(config: FilesConfig) -> list[str]:
    return [spec.header or name for name, spec in config.columns.items()]


def _require(wanted: list[str], found: Sequence[str]) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        names = ", ".join(f"{name!r}" for name in missing)
        raise FileFormatError(
            f"expected column {names} is missing; the file has: {', '.join(map(repr, found))}",
            "Mend the file, or `columns` (and `format.delimiter`) in the YAML",
        )


class RecordReader:
    """Reads one file once. After `batches()` is exhausted, `extra` names the columns left out."""

    def __init__(self, path: Path, config: FilesConfig) -> None:
        self._path = path
        self._config = config
        self._encoding = "utf-8" if is_wide(config.format.encoding) else config.format.encoding
        self._encoding = self._encoding.replace("utf-8-sig", "utf-8")
        self.extra: tuple[str, ...] = ()

    def batches(self) -> Iterator[RecordBatch]:
        """All records in the file's order. Raises FileFormatError when the file is not usable."""
        blocks = (
            Block(block, self._encoding)
            for block in line_blocks(self._path, self._config.format.encoding)
        )
        form = self._config.format
        if isinstance(form, Delimited):
            yield from self._delimited(form, blocks)
        elif isinstance(form, FixedWidth):
            yield from self._fixed_width(form, blocks)
        else:
            yield from self._json_lines(form, blocks)

    # Delimited ------------------------------------------------------------------------------

    def _delimited(self, form: Delimited, blocks: Iterator[Block]) -> Iterator[RecordBatch]:
        wanted = _headers(self._config)
        splitter = Splitter(form, blocks)
        header: list[str] | None = None
        places = list(range(len(wanted)))
        width = len(wanted)
        if form.header:
            header = splitter.header()
            names = [name.strip() for name in header]
            _require(wanted, names)
            twice = [name for name in wanted if names.count(name) > 1]
            if twice:
                raise FileFormatError(
                    f"the header names column {twice[0]!r} more than once",
                    "Give each column of the file a name of its own",
                )
            self.extra = tuple(name for name in names if name not in wanted)
            places, width = [names.index(name) for name in wanted], len(names)
        for rows, first, last, dirty, ascii_only, broken in splitter.rows():
            if dirty or set(map(len, rows)) != {width} or header in rows:
                rows, first, last = _sift(rows, first, last, width, header, dirty, broken)
            columns = list(zip(*rows, strict=True)) if rows else [()] * width
            yield RecordBatch([columns[p] for p in places], first, last, broken, ascii_only)

    # Fixed width ----------------------------------------------------------------------------

    def _fixed_width(self, form: FixedWidth, blocks: Iterator[Block]) -> Iterator[RecordBatch]:
        places = [form.columns[name] for name in _headers(self._config)]
        cuts = [slice(start - 1, start - 1 + width) for start, width in places]
        least = max(start for start, _ in places)

        def split(line: str) -> Row | str:
            if len(line) < least:
                return f"the line ends before column {least}"
            return [line[cut].strip() for cut in cuts]

        yield from _line_by_line(blocks, split, len(cuts), form.skip_lines)

    # JSON lines -----------------------------------------------------------------------------

    def _json_lines(self, _form: JsonLines, blocks: Iterator[Block]) -> Iterator[RecordBatch]:
        wanted = _headers(self._config)
        decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
        seen: dict[str, None] = {}

        def split(line: str) -> Row | str:
            try:
                found = decoder.decode(line.encode("utf-8"))
                row = [_json_text(found[name]) if name in found else None for name in wanted]
            except (msgspec.DecodeError, UnicodeError):
                return "the line is not one JSON object"
            seen.update(dict.fromkeys(found))
            return row

        records = 0
        for batch in _line_by_line(blocks, split, len(wanted), 0):
            records += len(batch.first)
            yield batch
        if records:
            _require(wanted, tuple(seen))
        self.extra = tuple(name for name in seen if name not in wanted)


def _unstorable(row: Row) -> str | None:
    text = "".join(value for value in row if value)
    if _UNDECODABLE.search(text):
        return "the bytes are not of the file's encoding"
    return "a NUL character, which PostgreSQL cannot store" if NUL in text else None


def _sift(
    rows: list[list[str]],
    first: Sequence[int],
    last: Sequence[int],
    width: int,
    header: list[str] | None,
    dirty: bool,
    broken: list[tuple[int, int, str]],
) -> tuple[list[list[str]], list[int], list[int]]:
    """The usable ones of some records; others go to `broken`. Blank lines are nothing."""
    kept: list[tuple[list[str], int, int]] = []
    for row, begin, end in zip(rows, first, last, strict=True):
        if not row:
            continue
        reason = _unstorable(row) if dirty else None
        if len(row) != width:
            reason = f"the line has {len(row)} fields instead of {width}"
        elif row == header:
            reason = "the header line once more"
        if reason is None:
            kept.append((row, begin, end))
        else:
            broken.append((begin, end, reason))
    return [k[0] for k in kept], [k[1] for k in kept], [k[2] for k in kept]


def _line_by_line(
    blocks: Iterator[Block], split: Any, width: int, skip: int
) -> Iterator[RecordBatch]:
    """Batches of a format in which a record is a line."""
    number = 0
    for block in blocks:
        rows: list[Row] = []
        at: list[int] = []
        broken: list[tuple[int, int, str]] = []
        for line in block.lines():
            number += 1
            line = line.rstrip("\r\n")
            if number <= skip or not line.strip():
                continue
            found = (
                "the bytes are not of the file's encoding"
                if (block.dirty and _UNDECODABLE.search(line))
                else split(line)
            )
            if not isinstance(found, str):
                found = _unstorable(found) or found
            if isinstance(found, str):
                broken.append((number, number, found))
            else:
                rows.append(found)
                at.append(number)
        columns: list[Sequence[str | None]] = (
            list(zip(*rows, strict=True)) if rows else [()] * width
        )
        yield RecordBatch(columns, at, at, broken, block.ascii)


def _json_text(raw: msgspec.Raw) -> str | None:
    """A JSON value as text: strings decoded, null as None, the rest exactly as it is written."""
    value = bytes(raw)
    if value[:1] == b'"':
        return msgspec.json.decode(value, type=str)
    return None if value == b"null" else value.decode("utf-8")
