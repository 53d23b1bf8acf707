"""What DuckDB made of a file's records, as columns for landing."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from moshtari.landing.contract import ENTITIES, EXTRA
from moshtari.sources.base import ArrowRows, TextRows
from moshtari.sources.columnar import in_rows
from moshtari.sources.drift import merged_extra
from moshtari.sources.files_mapping import EntityQuery


def as_rows(query: EntityQuery, batch: pa.RecordBatch, before: str) -> ArrowRows | TextRows:
    """The rows of an entity's query, at `before` and their line; as text where they need a look.

    Behind the columns of the mapping come the new ones, if any are kept, and the line.
    """
    width = len(query.columns)
    names = list(query.columns)
    arrays = batch.columns[:width]
    if batch.num_columns > width + 1:
        names.append(EXTRA)
        extra = batch.column(width)
        if query.mapping.group_by:
            extra = pa.array([merged_extra(some) for some in extra.to_pylist()], pa.string())
        arrays.append(extra)
    positions = pc.binary_join_element_wise(before, batch.columns[-1], "")
    values = pa.RecordBatch.from_arrays([a.cast(pa.string()) for a in arrays], names=names)
    rows = ArrowRows(values, positions)
    return rows if query.exact and _has_plain_times(query, rows.values) else in_rows(rows)


def _has_plain_times(query: EntityQuery, values: pa.RecordBatch) -> bool:
    """Whether all years have four digits: of others landing has its own opinion."""
    columns = (c for c in ENTITIES[query.entity].columns if c.pg_type in ("date", "timestamptz"))
    times = [values.column(c.name) for c in columns if c.name in query.columns]
    if "_changed_at" in query.columns:
        times.append(values.column("_changed_at"))
    return all(
        pc.all(pc.equal(pc.utf8_slice_codeunits(texts, 4, 5), "-")).as_py() is not False
        for texts in times
    )
