"""The columns of raw, made of a batch of exact rows: what `Founding.expressions` says in SQL."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from moshtari.landing.contract import EXTRA, Column, Entity
from moshtari.sources.columnar import moments

_WHOLE = ("integer", "bigint")
_DEFAULT = re.compile(r"'([^']*)'::\S+")
_NAME = re.compile(r"(?!coalesce\b)\b[a-z_]+\b")


def can_be_founded(entity: Entity, names: Sequence[str]) -> bool:
    """Whether the rows' key is spelt in one way only, and nothing needs PostgreSQL to be made."""
    kinds = {entity.column(name).pg_type for name in entity.key}
    return EXTRA not in names and kinds <= {"text", *_WHOLE}


def columns_of_raw(entity: Entity, values: pa.RecordBatch, origin: str | None) -> pa.RecordBatch:
    """The batch with all columns of raw but those that are the table's defaults until the end.

    Raises pyarrow.ArrowInvalid where that cannot be told here.
    """
    if not can_be_founded(entity, values.schema.names):
        raise pa.ArrowInvalid("the columns are no longer those of the first rows")
    given = {name: values.column(name) for name in values.schema.names}
    for column in entity.columns:
        if column.default is not None:
            given[column.name] = _filled(given.get(column.name), column, values.num_rows)
    times = [*_NAME.findall(entity.changed_at or ""), "_changed_at"]
    times = [given[name] for name in times if name in given]
    given["_key"] = _key(entity, given)
    given["_changed_at"] = _first_known(times) if times else pa.nulls(values.num_rows, pa.string())
    if "_is_deleted" in given:
        given["_is_deleted"] = pc.fill_null(given["_is_deleted"], "false")
    if origin is not None:
        given["_origin"] = pa.repeat(pa.scalar(origin, pa.string()), values.num_rows)
    return pa.RecordBatch.from_arrays(list(given.values()), names=list(given))


def _first_known(times: Sequence[pa.Array]) -> pa.Array:
    same = len({time.type for time in times}) == 1
    return pc.coalesce(*(times if same else map(moments, times)))


def _filled(texts: pa.Array | None, column: Column, rows: int) -> pa.Array:
    match = _DEFAULT.fullmatch(column.default or "")
    assert match is not None
    if texts is None:
        return pa.repeat(pa.scalar(match[1], pa.string()), rows)
    return pc.fill_null(texts, pa.scalar(match[1]).cast(texts.type))


def _key(entity: Entity, given: Mapping[str, pa.StringArray]) -> pa.StringArray:
    """As `Entity.key_sql` makes it."""
    texts = [name for name in entity.key if entity.column(name).pg_type == "text"]
    parts = []
    for name in entity.key:
        part = given[name]
        if name not in texts:
            part = part.cast(pa.int64()).cast(pa.string())
        elif len(texts) > 1:
            part = pc.replace_substring(part, "\\", "\\\\")
            part = pc.replace_substring(part, "/", "\\/")
        parts.append(part)
    return parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, "/")
