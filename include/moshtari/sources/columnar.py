"""Rows a column at a time (`ArrowRows`) and row by row (`TextRows`): the same, said in two ways."""

from __future__ import annotations

import pyarrow as pa

from moshtari.sources.base import ArrowRows, TextRows


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
    columns = [column.to_pylist() for column in batch.values.columns]
    return TextRows(
        columns=tuple(batch.values.schema.names),
        rows=list(zip(*columns, strict=True)),
        positions=batch.positions.to_pylist(),
        raw=batch.raw,
        origin=batch.origin,
        recall=batch.recall,
    )
