"""Rows that are a file's columns as they stand: DuckDB need not see them.

That is where an entity's mapping only names columns of the file, or constants, and all their texts
are plainly of their types, which Arrow tells for a whole column at once. Where it cannot, DuckDB
types the records (`files_types`); a row is the same, whichever of the two it went through.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from moshtari.landing.contract import ENTITIES
from moshtari.sources.base import array_text
from moshtari.sources.columnar import days, holds, is_plain, moments, whole_numbers
from moshtari.sources.files_config import ColumnSpec, EntityMapping, FilesConfig

_WHOLE = ("integer", "bigint", "numeric")
# SQL that says no more than a value.
_TEXT, _WHOLE_NUMBER = re.compile("'[^']*'"), re.compile(r"0|-?[1-9]\d{0,8}")
# Of more arrays that differ, making each once saves little.
_MOST_ARRAYS = 1_000
_TEXTS = msgspec.json.Decoder(list[str | None])


@dataclass(frozen=True)
class _Constant:
    """A column of the entity that is the same in each row; None is null."""

    name: str
    text: str | None

    def of(self, records: pa.RecordBatch) -> pa.Array:
        return pa.repeat(pa.scalar(self.text, pa.string()), records.num_rows)


@dataclass(frozen=True)
class _Column:
    """One column of the entity: the file's, the texts that are null there, and how to read it."""

    name: str
    given: str
    nulls: pa.Array
    read: Callable[[pa.Array], pa.Array]

    def of(self, records: pa.RecordBatch) -> pa.Array:
        texts = records.column(self.given)
        if len(self.nulls):
            texts = pc.if_else(pc.is_in(texts, self.nulls), None, texts)
        return texts if texts.null_count == len(texts) else self.read(texts)


class Verbatim:
    """One entity's rows of records that need no judging one by one."""

    def __init__(self, columns: list[_Column | _Constant]) -> None:
        self._columns = columns

    def rows(self, records: pa.Table) -> pa.RecordBatch | None:
        """The rows as landing takes them; None where a value needs a closer look."""
        if records.column("__extra").null_count < records.num_rows:
            return None
        given = dict.fromkeys(c.given for c in self._columns if isinstance(c, _Column))
        [batch] = records.select(list(given)).combine_chunks().to_batches()
        try:
            arrays = [column.of(batch) for column in self._columns]
        except pa.ArrowInvalid:
            return None
        return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in self._columns])


def verbatim(entity: str, mapping: EntityMapping, config: FilesConfig) -> Verbatim | None:
    """How the entity's rows are had without DuckDB; None where the YAML does more than name."""
    if config.derive or config.exclude or mapping.exclude or mapping.where or mapping.group_by:
        return None
    found: list[_Column | _Constant] = []
    for name, sql in mapping.columns.items():
        constant = _constant(entity, name, sql.strip())
        if constant is not None:
            found.append(constant)
            continue
        given = named(sql, config)
        read = None if given is None else _reading(entity, name, config.columns[given], config)
        if given is None or read is None:
            return None
        nulls = list(config.nulls)
        if config.columns[given].type not in ("text", "text[]"):
            nulls = [*(null.strip() for null in nulls), ""]
        found.append(_Column(name, given, pa.array(nulls, pa.string()), read))
    return Verbatim(found) if any(isinstance(column, _Column) for column in found) else None


def named(sql: str, config: FilesConfig) -> str | None:
    """The file's column that an expression only names."""
    text = sql.strip()
    if text.startswith('"') and text.endswith('"'):
        text = text[1:-1]
    return text if text in config.columns else None


def _constant(entity: str, name: str, sql: str) -> _Constant | None:
    wanted = ENTITIES[entity].type_of(name)
    if sql.lower() == "null":
        return _Constant(name, None)
    if wanted == "text" and _TEXT.fullmatch(sql):
        return _Constant(name, sql[1:-1])
    if wanted in _WHOLE and _WHOLE_NUMBER.fullmatch(sql):
        return _Constant(name, sql)
    if wanted == "boolean" and sql.lower() in ("true", "false"):
        return _Constant(name, sql.lower())
    return None


def _reading(
    entity: str, name: str, spec: ColumnSpec, config: FilesConfig
) -> Callable[[pa.Array], pa.Array] | None:
    contract = ENTITIES[entity]
    if name not in contract.column_names:
        return None
    wanted = contract.column(name).pg_type
    jalali = (spec.calendar or config.calendar) == "jalali"
    if spec.type in ("date", "timestamp") and (spec.format is not None or jalali):
        return None
    if spec.decimal is not None:
        marks = (config.decimal_separator, config.thousands_separator)
        return _decimals(*spec.decimal) if wanted == "numeric" and marks == (".", None) else None
    reading: dict[tuple[str, str], Callable[[pa.Array], pa.Array]] = {
        ("text", "text"): lambda texts: texts,
        ("id", "text"): _ids,
        ("timestamp", "timestamptz"): moments,
        ("date", "date"): _days,
        ("boolean", "boolean"): _truths,
        ("text[]", "text[]"): _arrays,
        **{("integer", kind): _integers for kind in _WHOLE},
    }
    return reading.get((spec.type, wanted))


def _ids(texts: pa.Array) -> pa.Array:
    if holds(texts, b".") or not is_plain(texts):
        raise pa.ArrowInvalid("an id that may be written as a number, or with blanks")
    return texts


def _days(texts: pa.Array) -> pa.Array:
    days(texts)
    return texts


def _truths(texts: pa.Array) -> pa.Array:
    if pc.all(pc.or_(pc.equal(texts, "true"), pc.equal(texts, "false"))).as_py() is False:
        raise pa.ArrowInvalid("neither true nor false")
    return texts


def _integers(texts: pa.Array) -> pa.Array:
    return whole_numbers(texts).cast(pa.string())


def _decimals(width: int, scale: int) -> Callable[[pa.Array], pa.Array]:
    def read(texts: pa.Array) -> pa.Array:
        """As they are written, if they fit the type."""
        if holds(texts, b"eE"):
            raise pa.ArrowInvalid("a number with an exponent, which is none here")
        texts.cast(pa.decimal128(width, scale))
        return texts

    return read


def _arrays(texts: pa.Array) -> pa.Array:
    coded = texts.dictionary_encode()
    if len(coded.dictionary) > _MOST_ARRAYS:
        raise pa.ArrowInvalid("too many arrays that differ")
    try:
        found = [array_text(_TEXTS.decode(text)) for text in coded.dictionary.to_pylist()]
    except msgspec.DecodeError as error:
        raise pa.ArrowInvalid("no array of texts alone") from error
    return pa.array(found, pa.string()).take(coded.indices)
