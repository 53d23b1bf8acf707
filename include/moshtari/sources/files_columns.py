"""What DuckDB made of a file's records, as columns for landing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from moshtari.landing.contract import ENTITIES, EXTRA
from moshtari.sources.base import ArrowRows, TextRows
from moshtari.sources.columnar import MOMENT, in_rows
from moshtari.sources.drift import merged_extra
from moshtari.sources.files_mapping import EntityQuery

_EPOCH = datetime.fromtimestamp(0, UTC)
_FIRST, _LAST = (
    (end.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
    for end in (datetime.min, datetime.max)  # noqa: DTZ901 - it has one a line above
)


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
    arrays = [a.cast(MOMENT if pa.types.is_timestamp(a.type) else pa.string()) for a in arrays]
    values = pa.RecordBatch.from_arrays(arrays, names=names)
    rows = ArrowRows(values, positions)
    return rows if query.exact and _has_plain_times(query, rows.values) else in_rows(rows)


def _has_plain_times(query: EntityQuery, values: pa.RecordBatch) -> bool:
    """Whether all years have four digits: of others landing has its own opinion."""
    columns = (c for c in ENTITIES[query.entity].columns if c.pg_type in ("date", "timestamptz"))
    times = [values.column(c.name) for c in columns if c.name in query.columns]
    if "_changed_at" in query.columns:
        times.append(values.column("_changed_at"))
    return all(map(_is_plain_time, times))


def _is_plain_time(values: pa.Array) -> bool:
    if not pa.types.is_timestamp(values.type):
        dashes = pc.equal(pc.utf8_slice_codeunits(values, 4, 5), "-")
        return pc.all(dashes).as_py() is not False
    span = pc.min_max(values.cast(pa.int64())).as_py()
    return span["min"] is None or _FIRST <= span["min"] <= span["max"] <= _LAST
