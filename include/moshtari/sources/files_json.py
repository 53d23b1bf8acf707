"""JSON lines into columns of text: a whole block at once where it can be, else line by line.

Numbers are taken as they are written, never as floats (by msgspec's hook for these), and what is
neither text nor number is kept raw. A block is decoded at once into a class made for the keys seen
so far; what does not fit (a new key, a value of another kind, a broken line, a record over two
lines) sends that block, and no other, the slow way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moshtari.sources.files_lines import Block, RecordBatch, Row, line_by_line

# Each block costs some calls a column, and goes the slow way whole where one line of it must.
JSON_BLOCK_BYTES = 512 * 1024
# Beyond it the keys are data, such as ids, and no class could be made for them.
_MOST_KEYS = 200
_NOTHING = (b"", b"null")
_FEED, _RETURN, _OPENS, _CLOSES = b"\n\r{}"


class JsonLinesSplitter:
    """Splits blocks of lines; `seen` are the keys of all records so far, in their order."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self._wanted = wanted
        self._decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
        self._numbers: set[str] = set()
        self._nested: set[str] = set()
        self._known: tuple[int, int, int] = (0, 0, 0)
        self._fast: msgspec.json.Decoder[Any] | None = None
        self._getters: list[tuple[str, attrgetter[Any] | None]] = []
        self._line = 1
        self.seen: dict[str, None] = {}

    def batches(self, blocks: Iterator[bytes], encoding: str) -> Iterator[RecordBatch]:
        """The records of all blocks; blank lines are nothing."""
        for block in blocks:
            batch = self._at_once(block, encoding)
            if batch is None:
                text = Block(block, encoding)
                batch, count = line_by_line(text, self._split, len(self._wanted), self._line)
                self._learn()
                self._line += count
            yield batch

    def _split(self, line: str) -> Row | str:
        try:
            found = self._decoder.decode(line.encode("utf-8"))
            row = [_text(found.get(name)) for name in self._wanted]
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return "the line is not one JSON object"
        self.seen.update(dict.fromkeys(found))
        for name in self._wanted:
            begins = bytes(found.get(name, b"n"))[:1]
            if begins not in b'"n':
                (self._numbers if begins in b"-0123456789" else self._nested).add(name)
        return row

    def _learn(self) -> None:
        known = (len(self.seen), len(self._numbers), len(self._nested))
        if known == self._known or len(self.seen) > _MOST_KEYS:
            return
        self._known = known
        fields: list[tuple[str, Any, Any]] = []
        names: dict[str, str] = {}
        places: dict[str, str] = {}
        for place, name in enumerate(self.seen):
            field = f"f{place}"
            kind: Any = msgspec.Raw
            if name in self._wanted and name not in self._nested:
                kind = object if name in self._numbers else str | None
            fields.append((field, kind, msgspec.Raw() if kind is msgspec.Raw else None))
            names[field], places[name] = name, field
        record = msgspec.defstruct(
            "Record", fields, rename=names, forbid_unknown_fields=True, gc=False
        )
        self._fast = msgspec.json.Decoder(record, float_hook=str)
        self._getters = [
            (name, attrgetter(places[name]) if name in places else None) for name in self._wanted
        ]

    def _at_once(self, block: bytes, encoding: str) -> RecordBatch | None:
        if self._fast is None or len(self.seen) > _MOST_KEYS:
            return None
        count = _lines_in_braces(block)
        if count is None or b"\\u0000" in block:
            return None
        try:
            if encoding != "utf-8":
                block = block.decode(encoding).encode("utf-8")
            rows = self._fast.decode_lines(block)
            # A line in braces that is one of as many records as there are lines is one record.
            if len(rows) != count:
                return None
            columns = [self._column(name, getter, rows) for name, getter in self._getters]
        except (msgspec.DecodeError, ValueError, RecursionError):
            return None
        at = range(self._line, self._line + count)
        self._line += count
        return RecordBatch(columns, at, at)

    def _column(
        self, name: str, getter: attrgetter[Any] | None, rows: list[Any]
    ) -> list[str | None] | pa.Array:
        if getter is None:
            return [None] * len(rows)
        values = list(map(getter, rows))
        if name in self._nested:
            return _raw(values)
        return _numbers(values) if name in self._numbers else values


def _lines_in_braces(block: bytes) -> int | None:
    """How many lines there are; None if one does not begin and end with a brace."""
    if not block.endswith(b"\n"):
        block += b"\n"
    content = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(content == _FEED)
    last = ends - 1
    last -= (content[last] == _RETURN) & (last > 0)
    braced = (content[last] == _CLOSES).all() and (content[ends[:-1] + 1] == _OPENS).all()
    return len(ends) if braced and content[0] == _OPENS else None


def _numbers(values: list[Any]) -> pa.Array:
    """Numbers and texts as text. ArrowInvalid where one is neither."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds == {int}:
        try:
            return pa.array(values, pa.int64()).cast(pa.string())
        except OverflowError:
            pass
    if not kinds <= {int, str}:
        raise pa.ArrowInvalid("neither number nor text")
    if int in kinds:
        values = [str(value) if type(value) is int else value for value in values]
    return pa.array(values, pa.string())


def _raw(values: list[msgspec.Raw]) -> list[str | None] | pa.Array:
    raw = pa.array(map(bytes, values), pa.binary(), size=len(values))
    if pc.any(pc.starts_with(raw, '"')).as_py():
        return [_text(value) for value in values]
    nothing = pc.is_in(raw, pa.array(_NOTHING, pa.binary()))
    return pc.if_else(nothing, None, raw).cast(pa.string())


def _text(raw: msgspec.Raw | None) -> str | None:
    """A JSON value as text: strings decoded, null as None, the rest exactly as it is written."""
    value = b"" if raw is None else bytes(raw)
    if value[:1] == b'"':
        return msgspec.json.decode(value, type=str)
    # JSON's two zeros are one.
    return None if value in _NOTHING else value.decode("utf-8") if value != b"-0" else "0"
