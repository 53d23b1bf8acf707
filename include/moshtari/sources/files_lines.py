"""What a reader of a file gives: batches of records as columns of text, and which were broken."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from moshtari.sources.drift import now_called
from moshtari.sources.files_bytes import FileFormatError
from moshtari.sources.files_config import FilesConfig

# PostgreSQL cannot store it.
NUL = "\0"
NOT_OF_ITS_ENCODING = "the bytes are not of the file's encoding"
HAS_NUL = "a NUL character, which PostgreSQL cannot store"

# What the decoder leaves of undecodable bytes (surrogateescape).
_UNDECODABLE = re.compile("[\udc80-\udcff]")

Row = Sequence[str | None]


@dataclass(slots=True)
class RecordBatch:
    """Some records: one sequence a column, first and last line of each, and what was broken.

    A column is a sequence of texts, or an Arrow array of them. `extra` is what the records hold in
    the new columns that are kept, as JSON; None where there are none.
    """

    columns: list[Any]
    first: Sequence[int]
    last: Sequence[int]
    broken: list[tuple[int, int, str]] = field(default_factory=list)
    ascii: bool = False
    extra: Sequence[str] | None = None


class Records(Protocol):
    """Reads one file, in one of the formats."""

    extra: tuple[str, ...]
    """After `batches()` is exhausted: the file's columns that the YAML does not name."""
    types: dict[str, str]
    """The types of the file's columns, where its format has any."""
    place: str
    """What stands before a record's number in its position, such as `row `."""

    def batches(self) -> Iterator[RecordBatch]:
        """All records in the file's order. Raises FileFormatError when the file is not usable."""

    def raw(self, ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
        """The records of some ranges (first, last; sorted) as received, each with its first."""


class Block:
    """A block of lines, decoded; `dirty` if a record in it may hold what cannot be stored."""

    __slots__ = ("ascii", "dirty", "text")

    def __init__(self, block: bytes, encoding: str) -> None:
        try:
            self.text = block.decode(encoding)
            self.dirty = NUL in self.text
        except UnicodeDecodeError:
            self.text = block.decode(encoding, "surrogateescape")
            self.dirty = True
        self.ascii = self.text.isascii()

    def lines(self) -> list[str]:
        return list(io.StringIO(self.text, newline="\n"))


def headers(config: FilesConfig) -> list[str]:
    """What the columns are called in the file."""
    return [spec.header or name for name, spec in config.columns.items()]


def require(wanted: Sequence[str], found: Sequence[str]) -> None:
    """FileFormatError if a column is missing."""
    missing = [name for name in wanted if name not in found]
    if missing:
        names = ", ".join(f"{name!r}" for name in missing)
        hint = now_called(missing[0], found, wanted)
        raise FileFormatError(
            f"expected column {names} is missing{f' ({hint})' if hint else ''}; "
            f"the file has: {', '.join(map(repr, found))}",
            "Mend the file, or `columns` (and `format`) in the YAML",
        )


def require_once(wanted: Sequence[str], found: Sequence[str]) -> None:
    """FileFormatError if a column is missing, or there twice."""
    require(wanted, found)
    twice = [name for name in wanted if found.count(name) > 1]
    if twice:
        raise FileFormatError(
            f"the header names column {twice[0]!r} more than once",
            "Give each column of the file a name of its own",
        )


def unstorable(row: Row) -> str | None:
    """Why PostgreSQL could not keep a record, if it could not."""
    text = "".join(value for value in row if value)
    if _UNDECODABLE.search(text):
        return NOT_OF_ITS_ENCODING
    return HAS_NUL if NUL in text else None


def line_by_line(
    block: Block, split: Callable[[str], Row | str], width: int, number: int, skip: int = 0
) -> tuple[RecordBatch, int]:
    """The records of a block whose first line is `number`, a line each; and how many lines it has.

    `split` gives the record, or the reason why the line is none.
    """
    rows: list[Row] = []
    at: list[int] = []
    broken: list[tuple[int, int, str]] = []
    lines = block.lines()
    for here, line in enumerate(lines, number):
        line = line.rstrip("\r\n")
        if here <= skip or not line.strip():
            continue
        undecodable = block.dirty and _UNDECODABLE.search(line)
        found = NOT_OF_ITS_ENCODING if undecodable else split(line)
        if not isinstance(found, str):
            found = unstorable(found) or found
        if isinstance(found, str):
            broken.append((here, here, found))
        else:
            rows.append(found)
            at.append(here)
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * width
    return RecordBatch(columns, at, at, broken, block.ascii), len(lines)
