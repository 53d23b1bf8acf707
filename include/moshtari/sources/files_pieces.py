"""A file's records as Arrow has them, in pieces that DuckDB and landing are fast with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from moshtari.sources.files_config import FilesConfig
from moshtari.sources.files_lines import RecordBatch, Records
from moshtari.sources.files_records import reader_of
from moshtari.sources.files_types import TypedColumn, typed_column

# What stands beside the columns of the YAML.
OWN = ("line", "__last", "__extra")
# Fewer cost more calls; more take more memory, and are no longer in the processor's own.
_ROWS_AT_ONCE = 4_000

Piece: TypeAlias = tuple[pa.Table | None, list[tuple[int, int, str]]]
"""Records, if there are any; and first line, last line and reason of those that are broken."""


class Pieces:
    """Reads one file once, here and now."""

    def __init__(self, path: Path, config: FilesConfig, keep: Sequence[str] = ()) -> None:
        self._columns = [typed_column(name, spec, config) for name, spec in config.columns.items()]
        self.schema = schema(self._columns)
        self.reader: Records = reader_of(path, config, keep)

    def __iter__(self) -> Iterator[Piece]:
        waiting: list[pa.RecordBatch] = []
        broken: list[tuple[int, int, str]] = []
        rows = 0
        for batch in self.reader.batches():
            broken += batch.broken
            if batch.first:
                waiting.append(self._as_arrow(batch))
                rows += len(batch.first)
            if max(rows, len(broken)) >= _ROWS_AT_ONCE:
                yield joined(waiting), broken
                waiting, broken, rows = [], [], 0
        yield joined(waiting), broken

    def _as_arrow(self, batch: RecordBatch) -> pa.RecordBatch:
        """Their texts, and the lines that they stand on."""
        pairs = zip(self._columns, batch.columns, strict=True)
        arrays = [_texts(column, values) for column, values in pairs]
        extra = pa.nulls(len(batch.first)) if batch.extra is None else pa.array(batch.extra)
        arrays += [_lines(batch.first), _lines(batch.last), extra.cast(pa.string())]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def joined(batches: Sequence[pa.RecordBatch]) -> pa.Table | None:
    """What there is of a piece's records."""
    return pa.Table.from_batches(batches) if batches else None


def schema(columns: Sequence[TypedColumn]) -> pa.Schema:
    """The columns of a piece."""
    texts = [(column.name, pa.string()) for column in columns]
    return pa.schema([*texts, *zip(OWN, (pa.int64(), pa.int64(), pa.string()), strict=True)])


def _texts(column: TypedColumn, values: Any) -> pa.Array:
    if isinstance(values, pa.Array):
        if column.prepare is None:
            return values
        values = values.to_pylist()
    prepared = map(column.prepare, values) if column.prepare else values
    return pa.array(prepared, pa.string(), size=len(values))


def _lines(numbers: Sequence[int]) -> pa.Array:
    if isinstance(numbers, range):
        return pa.array(np.arange(numbers.start, numbers.stop, numbers.step))
    return pa.array(numbers, pa.int64())
