"""Records of a Parquet file as columns of text, row group by row group.

Every value becomes the text that says it exactly, and is typed from that like any other file's: a
decimal keeps its digits, a moment its zone, a float is its shortest text, a list is JSON. A
timestamp without a zone (INT96 has none) is a time of the source's zone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from moshtari.sources.drift import extra_text
from moshtari.sources.files_bytes import FileFormatError
from moshtari.sources.files_config import FilesConfig
from moshtari.sources.files_lines import HAS_NUL, NUL, RecordBatch, headers, require_once
from moshtari.sources.files_types import REAL, reads_moments

_ROWS_AT_ONCE = 10_000
# Column chunks are read in pieces of this size, however large a row group is.
_BUFFER_BYTES = 1 << 20
_NOT_TEXT = "the bytes are not UTF-8 text"
_NOT_JSON = "a list or structure holds a number that is none (NaN, infinity)"

_JSON = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


class ParquetReader:
    """Reads one Parquet file once; a record's number is that of its row, from 1."""

    place = "row "

    def __init__(self, path: Path, config: FilesConfig, keep: Sequence[str] = ()) -> None:
        self._path = path
        self._keep = keep
        self.types: dict[str, str] = {}
        self._wanted = headers(config)
        self._marked = [reads_moments(spec, config) for spec in config.columns.values()]
        self.extra: tuple[str, ...] = ()

    def batches(self) -> Iterator[RecordBatch]:
        """All rows in the file's order. Raises FileFormatError when the file is not usable."""
        with self._opened() as file:
            names = file.schema_arrow.names
            require_once(self._wanted, names)
            self.extra = tuple(name for name in names if name not in self._wanted)
            self.types = {field.name: str(field.type) for field in file.schema_arrow}
            kept = [name for name in dict.fromkeys(self.extra) if name in self._keep]
            number = 1
            for group in range(file.num_row_groups):
                for rows in self._rows(file, group, self._wanted + kept):
                    yield self._batch(rows, number, kept)
                    number += rows.num_rows

    def raw(self, ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
        """Rows as JSON objects of all their columns; row groups without any are not read."""
        wanted = iter([first for first, _ in ranges])
        current = next(wanted, None)
        number = 1
        with self._opened() as file:
            for group in range(file.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                if current is None or current >= number + count:
                    number += count
                    continue
                for rows in self._rows(file, group, None):
                    while current is not None and current < number + rows.num_rows:
                        yield current, _as_json(rows.slice(current - number, 1))
                        current = next(wanted, None)
                    number += rows.num_rows

    def _rows(
        self, file: pq.ParquetFile, group: int, columns: list[str] | None
    ) -> Iterator[pa.RecordBatch]:
        found: Iterator[pa.RecordBatch] = file.iter_batches(
            batch_size=_ROWS_AT_ONCE, row_groups=[group], columns=columns, use_threads=False
        )
        return found

    def _batch(self, rows: pa.RecordBatch, number: int, kept: list[str]) -> RecordBatch:
        columns: list[pa.Array] = []
        broken: dict[int, str] = {}
        for name, marked in zip(self._wanted, self._marked, strict=True):
            # By place: a column of another nesting may begin with the same name.
            array = rows.column(rows.schema.names.index(name))
            try:
                text, bad = _texts(array)
            except pa.ArrowNotImplementedError as error:
                raise FileFormatError(
                    f"column {name!r} is of type {array.type}, which cannot be read",
                    "Write it as text, or leave it out of `columns`",
                ) from error
            if marked and _is_moment(array.type):
                text = pc.binary_join_element_wise(pa.scalar(REAL), text, "")
            columns.append(text)
            broken.update(bad)
        at: Sequence[int] = range(number, number + rows.num_rows)
        extra = _kept(rows, kept) if kept else None
        if broken:
            good = [i for i in range(rows.num_rows) if i not in broken]
            columns = [column.take(pa.array(good, pa.int64())) for column in columns]
            at = [number + i for i in good]
            extra = [extra[i] for i in good] if extra else None
        told = [(number + i, number + i, reason) for i, reason in sorted(broken.items())]
        return RecordBatch(columns, at, at, told, extra=extra)

    @contextmanager
    def _opened(self) -> Iterator[pq.ParquetFile]:
        try:
            with pq.ParquetFile(
                self._path,
                buffer_size=_BUFFER_BYTES,
                pre_buffer=False,
                coerce_int96_timestamp_unit="us",
                page_checksum_verification=True,
            ) as file:
                yield file
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise FileFormatError(
                "it is no Parquet file, or cut off or damaged", "Fetch or write the file again"
            ) from error


def _kept(rows: pa.RecordBatch, names: list[str]) -> list[str]:
    """New columns, of whatever type and however strange, for each row."""
    columns = [rows.column(rows.schema.names.index(name)) for name in names]
    return [extra_text(names, list(map(_kept_text, items))) for items in zip(*columns, strict=True)]


def _kept_text(item: pa.Scalar) -> str | None:
    value = _value(item)
    if value is None or isinstance(value, str):
        return value
    return str(value) if isinstance(value, Decimal) else _JSON.encode(value).decode().strip('"')


def _is_moment(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _texts(array: pa.Array) -> tuple[pa.Array, dict[int, str]]:
    """A column as text; and the places, with the reason, of values that no text can say."""
    if isinstance(array, pa.ExtensionArray):
        if str(array.type) == "extension<arrow.uuid>":
            return _each(array.storage, lambda value: str(UUID(bytes=value)))
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind, types = array.type, pa.types
    if types.is_nested(kind):
        return _each(array, _nested)
    if types.is_timestamp(kind):
        text = array.cast(pa.timestamp(kind.unit)).cast(pa.string())
        return (pc.binary_join_element_wise(text, "Z", "") if kind.tz else text), {}
    if types.is_floating(kind):
        return _plain(array.cast(pa.float32()) if types.is_float16(kind) else array, "e")
    if types.is_decimal(kind):
        return _plain(array, "E")
    if not (types.is_integer(kind) or types.is_boolean(kind) or types.is_temporal(kind)):
        return _strings(array)
    return array.cast(pa.string()), {}


def _plain(numbers: pa.Array, exponent: str) -> tuple[pa.Array, dict[int, str]]:
    """Numbers without exponents."""
    text = numbers.cast(pa.string())
    if not pc.any(pc.match_substring(text, exponent)).as_py():
        return text, {}
    return _each(text, lambda value: f"{Decimal(value):f}" if exponent in value else value)


def _strings(array: pa.Array) -> tuple[pa.Array, dict[int, str]]:
    """Text, or bytes that should be, checked: Arrow takes whatever the file holds."""
    try:
        array.validate(full=True)
        text = array.cast(pa.string())
        if not pc.any(pc.match_substring(text, NUL)).as_py():
            return text, {}
    except pa.ArrowInvalid:
        text = array if pa.types.is_fixed_size_binary(array.type) else array.cast(pa.binary())
    return _each(text.cast(pa.binary()), _decoded)


def _decoded(value: bytes) -> str:
    text = value.decode("utf-8")
    if NUL in text:
        raise _UnsayableError(HAS_NUL)
    return text


def _nested(value: Any) -> str:
    text = _JSON.encode(_sayable(value)).decode("utf-8")
    if "\\u0000" in text and NUL in str(value):
        raise _UnsayableError(HAS_NUL)
    return text


def _sayable(value: Any) -> Any:
    """A nested value as JSON can say it; a map is a list of pairs, as Arrow gives it."""
    if isinstance(value, list | tuple):
        return [_sayable(item) for item in value]
    if isinstance(value, dict):
        return {name: _sayable(item) for name, item in value.items()}
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, float | Decimal) and not isfinite(value):
        raise _UnsayableError(_NOT_JSON)
    return value


class _UnsayableError(Exception):
    """A value that no text can say; its message is the reason."""


def _each(array: pa.Array, convert: Callable[[Any], str]) -> tuple[pa.Array, dict[int, str]]:
    texts: list[str | None] = []
    bad: dict[int, str] = {}
    for place, item in enumerate(array):
        text: str | None = None
        try:
            value = item.as_py()
            text = None if value is None else convert(value)
        except UnicodeDecodeError:
            bad[place] = _NOT_TEXT
        except _UnsayableError as error:
            bad[place] = str(error)
        texts.append(text)
    return pa.array(texts, pa.string()), bad


def _as_json(row: pa.RecordBatch) -> bytes:
    found: dict[str, Any] = {}
    for name, column in zip(row.schema.names, row.columns, strict=True):
        found[name] = _value(column[0])
    return _JSON.encode(found)


def _value(item: pa.Scalar) -> Any:
    try:
        return _received(item.as_py())
    except UnicodeDecodeError:
        return _received(item.cast(pa.binary()).as_py())


def _received(value: Any) -> Any:
    """A value for people to see: bytes with escapes, and numbers that are none by name."""
    if isinstance(value, list | tuple):
        return [_received(item) for item in value]
    if isinstance(value, dict):
        return {name: _received(item) for name, item in value.items()}
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, float | Decimal) and not isfinite(value):
        return str(value)
    return value
