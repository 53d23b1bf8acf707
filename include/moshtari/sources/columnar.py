"""Rows a column at a time (`ArrowRows`) and row by row (`TextRows`): the same, said in two ways.

Whole columns of text are read here too, where each of them is plainly spelt; what is not raises
pyarrow.ArrowInvalid, and is to be judged value by value.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from moshtari.sources.base import ArrowRows, TextRows

MOMENT = pa.timestamp("us", "UTC")
_SHORTEST_MOMENT = len("2024-05-01T10:00:00Z")
_OFFSET = re.compile(r"[+-](0\d|1[0-5])(:?[0-5]\d)?$")


def in_columns(batch: TextRows) -> ArrowRows | None:
    """The batch a column at a time; None if it holds what is no text (half of a surrogate pair)."""
    columns = list(zip(*batch.rows, strict=True)) or [()] * len(batch.columns)
    try:
        arrays = [pa.array(values, pa.string()) for values in columns]
        positions = pa.array(batch.positions, pa.string())
    except UnicodeEncodeError:
        return None
    values = pa.RecordBatch.from_arrays(arrays, names=list(batch.columns))
    return ArrowRows(values, positions, batch.raw, batch.origin, batch.recall)


def in_rows(batch: ArrowRows) -> TextRows:
    """The batch row by row."""
    return TextRows(
        columns=tuple(batch.values.schema.names),
        rows=rows_of(batch.values),
        positions=batch.positions.to_pylist(),
        raw=batch.raw,
        origin=batch.origin,
        recall=batch.recall,
    )


def rows_of(values: pa.RecordBatch) -> list[tuple[str | None, ...]]:
    """The rows of some columns, as PostgreSQL text input."""
    columns = [as_texts(column).to_pylist() for column in values.columns]
    return list(zip(*columns, strict=True))


def as_texts(values: pa.Array) -> pa.Array:
    """A column as PostgreSQL text input."""
    if not pa.types.is_timestamp(values.type):
        return values.cast(pa.string())
    return pc.replace_substring_regex(values.cast(MOMENT).cast(pa.string()), r"\.?0*Z$", "+00")


def moments(values: pa.Array) -> pa.Array:
    """Times with an offset: ISO's form, with a blank or T, and at most six digits of a second."""
    if pa.types.is_timestamp(values.type):
        return values.cast(MOMENT)
    # Of a shorter text Arrow would take the hour alone.
    if _shortest(values) < _SHORTEST_MOMENT:
        raise pa.ArrowInvalid("too short for a time with minutes and an offset")
    found = values.cast(MOMENT)
    # Nearly always all have the same.
    if not any(pc.all(pc.ends_with(values, end)).as_py() for end in ("Z", "+00:00", "+03:30")):
        ends = pc.unique(pc.utf8_slice_codeunits(values, -6)).to_pylist()
        if not all(end is None or end.endswith("Z") or _OFFSET.search(end) for end in ends):
            raise pa.ArrowInvalid("an offset that no place has")
    _refuse_year_zero(values)
    return found


def days(values: pa.Array) -> pa.Array:
    """Days as yyyy-mm-dd."""
    found = values.cast(pa.date32())
    _refuse_year_zero(values)
    return found


def whole_numbers(values: pa.Array) -> pa.Array:
    """Whole numbers of 64 bits."""
    if holds(values, b"xX"):
        raise pa.ArrowInvalid("a number of another base")
    return values.cast(pa.int64())


def holds(texts: pa.Array, letters: bytes) -> bool:
    """Whether one of the letters (ASCII) stands anywhere in the texts, or beside them."""
    content = _content(texts)
    return any(letter.to_bytes() in content for letter in letters)


def is_plain(texts: pa.Array) -> bool:
    """Whether the texts, and what may stand beside them, are ASCII without white space."""
    content = _content(texts)
    return content.isascii() and not any(space in content for space in (b" ", b"\t", b"\r", b"\n"))


def _content(texts: pa.Array) -> bytes:
    buffer = texts.buffers()[2]
    return b"" if buffer is None else buffer.to_pybytes()


def _shortest(values: pa.Array) -> int:
    found = pc.min(pc.binary_length(values)).as_py()
    return _SHORTEST_MOMENT if found is None else found


def _refuse_year_zero(values: pa.Array) -> None:
    if pc.any(pc.starts_with(values, "0000")).as_py():
        raise pa.ArrowInvalid("a year that PostgreSQL does not have")
