"""The YAML's expressions as DuckDB queries: tried when the source is made, each under its own key.

Results leave as PostgreSQL text input, times as Arrow's own. A float is refused: money and
quantities are exact here, and DuckDB's `/` gives a float, so the remedy names the cast.
"""

# ruff: noqa: S608 - the queries are the YAML's own, in a DuckDB that holds nothing else

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import duckdb

from moshtari.landing.contract import ENTITIES
from moshtari.sources.files_config import EntityMapping, Exclusion, FilesConfig
from moshtari.sources.files_sandbox import excluded
from moshtari.sources.files_types import as_written, quoted
from moshtari.sources.files_verbatim import Verbatim, named, verbatim

_FLOATS = ("DOUBLE", "FLOAT")
_SIZES = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_INTEGERS = (*_SIZES, *(f"U{size}" for size in _SIZES))
_ZONED = "TIMESTAMP WITH TIME ZONE"
_TIMES = ("DATE", "TIMESTAMP", _ZONED)
# What could give rows in another order than the file's.
_REORDERS = re.compile(r"\b(over|select|unnest)\b", re.IGNORECASE)


class MappingError(Exception):
    """An expression of the YAML cannot be used. `key` is relative to the source's part of it."""

    def __init__(self, key: str, problem: str, remedy: str) -> None:
        self.key, self.problem, self.remedy = key, problem, remedy
        super().__init__(f"{key}: {problem}. {remedy}")


@dataclass(frozen=True)
class EntityQuery:
    """One entity's query over any staged file of the source."""

    entity: str
    mapping: EntityMapping
    outputs: tuple[str, ...]
    in_order: bool = False
    exact: bool = False
    """Whether every output is spelt as its column's type is; a text may say anything."""
    moments: frozenset[str] = frozenset()
    """Outputs that are times with a zone."""
    verbatim: Verbatim | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.mapping.columns)

    def rows(self, table: str, *, extra: bool = False) -> str:
        """The entity's rows as text, but for times, the record's line last, in the file's order.

        With `extra`, what new columns hold stands before the line: of groups a list.
        """
        kept = "list(__extra order by line)" if self.mapping.group_by else "__extra"
        values = self._values(table, f", {kept} as __kept" if extra else "")
        # DuckDB keeps the order of rows that it filters and projects; sorting all would cost more.
        order = "" if self.in_order else " order by __line"
        return (
            f"select {', '.join(self._named())}{', __kept' if extra else ''}, "
            f"cast(__line as varchar) as __at from ({values}){order}"
        )

    def rows_of(self, table: str, lines: Iterable[int]) -> str:
        """As `rows`, of these lines or of groups with any; last, by commas, which of the lines."""
        wanted = f"line in ({', '.join(map(str, lines))})"
        kept = f"case when {wanted} then cast(line as varchar) end"
        if self.mapping.group_by:
            kept = f"string_agg(cast(line as varchar), ',') filter (where {wanted})"
        values = _values(self.mapping, self._judged(table), also=f", {kept} as __kept")
        outputs = ", ".join(self.outputs)
        return f"select {outputs}, __kept from ({values}) where __kept is not null order by __line"

    def excluded(self, table: str) -> str:
        """Name and number of the records that the entity's own exclusions take out."""
        return (
            f"select __rule, count(*) from ({self._judged(table)}) "
            "where __rule is not null group by 1"
        )

    def failing_key(self, db: duckdb.DuckDBPyConnection, table: str) -> str:
        """The key of the expression that fails on this file's data."""
        for i, name in enumerate(self.columns):
            try:
                db.execute(f"select max(c{i}) from ({self._values(table)})").fetchall()
            except duckdb.Error:
                return f"entities.{self.entity}.columns.{name}"
        return f"entities.{self.entity}"

    def _named(self) -> Iterator[str]:
        for i, (output, column) in enumerate(zip(self.outputs, self.columns, strict=True)):
            value = f"cast(c{i} as timestamptz)" if column in self.moments else output
            yield f"{value} as {quoted(column)}"

    def _values(self, table: str, also: str = "") -> str:
        return _values(self.mapping, self._judged(table), also)

    def _judged(self, table: str) -> str:
        return _judged(self.mapping, table)


def _judged(mapping: EntityMapping, table: str) -> str:
    where = f" and (\n{mapping.where}\n)" if mapping.where else ""
    return (
        f"select *, {excluded(mapping.exclude)} as __rule "
        f"from {table} where __excluded is null{where}"
    )


def _values(mapping: EntityMapping, judged: str, also: str = "") -> str:
    values = ", ".join(f"(\n{sql}\n) as c{i}" for i, sql in enumerate(mapping.columns.values()))
    query = (
        f"select {values}, {_line(mapping)} as __line{also} from ({judged}) where __rule is null"
    )
    if mapping.group_by:
        query += " group by " + ", ".join(f"(\n{sql}\n)" for sql in mapping.group_by)
    return query


def _line(mapping: EntityMapping) -> str:
    return "min(line)" if mapping.group_by else "line"


def compile_mapping(
    db: duckdb.DuckDBPyConnection, shape: str, config: FilesConfig
) -> dict[str, EntityQuery]:
    """Queries of all entities, tried on `shape`: an empty table of the typed columns.

    Raises MappingError naming the key of the first expression that cannot be used.
    """
    scope = f"select * exclude (__excluded) from {shape}"
    for name, sql in config.derive.items():
        scope = f"select *, (\n{sql}\n) as {quoted(name)} from ({scope})"
        _try(db, scope, f"derive.{name}")
    _try_exclusions(db, scope, config.exclude, "exclude")
    scope = f"select *, cast(null as varchar) as __excluded from ({scope})"
    by_row = not config.derive and not _reorders(rule.where for rule in config.exclude)
    return {
        name: _compile(db, f"({scope})", name, mapping, config, by_row)
        for name, mapping in config.entities.items()
    }


def _reorders(expressions: Iterable[str]) -> bool:
    return any(_REORDERS.search(sql) for sql in expressions)


def _compile(
    db: duckdb.DuckDBPyConnection,
    scope: str,
    entity: str,
    mapping: EntityMapping,
    config: FilesConfig,
    by_row: bool,
) -> EntityQuery:
    key = f"entities.{entity}"
    if mapping.where is not None:
        _try_condition(db, scope, mapping.where, f"{key}.where")
    _try_exclusions(db, scope, mapping.exclude, f"{key}.exclude")
    for i, sql in enumerate(mapping.group_by):
        _try(db, f"select (\n{sql}\n) from {scope}", f"{key}.group_by[{i}]")
    judged = _judged(mapping, scope)
    outputs = []
    exact = True
    moments = set()
    spelt = {}
    for i, (column, sql) in enumerate(mapping.columns.items()):
        alone = mapping.model_copy(update={"columns": {column: sql}})
        place = f"{key}.columns.{column}"
        found = _try(db, _values(alone, judged), place)[0]
        wanted = ENTITIES[entity].type_of(column)
        output = _as_postgres(f"c{i}", found, wanted)
        given = named(sql, config)
        if given and found.startswith("DECIMAL") and wanted == "numeric" and not mapping.group_by:
            output, sql = f"c{i}", quoted(as_written(given))
        spelt[column] = sql
        if wanted == "timestamptz" and found in _TIMES:
            moments.add(column)
        if output is None:
            raise MappingError(
                place,
                f"it is a {found.lower()}, but {entity}.{column} is a {wanted}",
                _remedy(found, wanted),
            )
        outputs.append(output)
        exact = exact and (found != "VARCHAR" or wanted == "text")
    used = [*mapping.columns.values(), mapping.where or "", *(r.where for r in mapping.exclude)]
    in_order = by_row and not mapping.group_by and not _reorders(used)
    return EntityQuery(
        entity,
        mapping.model_copy(update={"columns": spelt}),
        tuple(outputs),
        in_order,
        exact,
        frozenset(moments),
        verbatim(entity, mapping, config) if in_order else None,
    )


def _try_exclusions(
    db: duckdb.DuckDBPyConnection, scope: str, rules: tuple[Exclusion, ...], key: str
) -> None:
    for rule in rules:
        _try_condition(db, f"({scope})", rule.where, f"{key}.{rule.name}.where")


def _try_condition(db: duckdb.DuckDBPyConnection, scope: str, sql: str, key: str) -> None:
    found = _try(db, f"select (\n{sql}\n) from {scope}", key)[0]
    if found != "BOOLEAN":
        raise MappingError(key, f"it is a {found.lower()}, not a condition", "Compare something")


def _try(db: duckdb.DuckDBPyConnection, query: str, key: str) -> list[str]:
    """The types of a query's columns, without running it."""
    try:
        if len(db.extract_statements(query)) != 1:
            raise MappingError(key, "it is more than one expression", "Take the semicolon out")
        return [str(row[1]) for row in db.execute(f"describe {query}").fetchall()]
    except duckdb.Error as error:
        # What DuckDB says of a query without data speaks of the query alone.
        told = " ".join(line.strip() for line in _before_excerpt(str(error)))
        raise MappingError(
            key,
            f"DuckDB cannot use this expression ({told})",
            "Mend it; it may use the source's `columns` and `derive`, line and file; "
            "a name with spaces, or one of SQL's own words, goes in double quotes",
        ) from error


def _before_excerpt(message: str) -> Iterator[str]:
    for line in message.splitlines():
        if line.startswith("LINE "):
            return
        if line.strip():
            yield line


def _as_postgres(value: str, found: str, wanted: str) -> str | None:
    """SQL of the value as PostgreSQL text input for the wanted type; None where it is none."""
    text = f"cast({value} as varchar)"
    if found == '"NULL"' or (found == "VARCHAR" and wanted != "text[]"):
        return text
    if wanted == "text[]":
        return _array(value) if found == "VARCHAR[]" else None
    if wanted == "jsonb":
        if found == "JSON":
            # As it is written: DuckDB's functions would read its numbers as floats.
            return text
        nested = found.startswith(("STRUCT", "MAP")) or found.endswith("[]")
        return f"cast(to_json({value}) as varchar)" if nested else None
    if wanted == "timestamptz":
        if found in _TIMES and found != _ZONED:
            value, found = f"cast({value} as timestamptz)", _ZONED
        # In UTC: DuckDB prints offsets of old local times without their seconds.
        return f"cast(timezone('UTC', {value}) as varchar) || '+00'" if found == _ZONED else None
    if wanted == "date":
        return f"cast(cast({value} as date) as varchar)" if found in _TIMES else None
    if wanted == "boolean":
        return text if found == "BOOLEAN" else None
    if found.startswith("DECIMAL"):
        # With places behind the point, as many are printed; rtrim is twice as slow.
        return text if found.endswith(",0)") else rf"regexp_replace({text}, '\.?0+$', '')"
    if found in _INTEGERS:
        return text
    return text if wanted == "text" and found in ("BOOLEAN", "DATE", "UUID", "JSON") else None


def _array(value: str) -> str:
    escaped = r"""'"' || replace(replace(x, '\', '\\'), '"', '\"') || '"'"""
    items = f"list_transform({value}, lambda x: coalesce({escaped}, 'NULL'))"
    return f"case when {value} is not null then '{{' || array_to_string({items}, ',') || '}}' end"


def _remedy(found: str, wanted: str) -> str:
    if found in _FLOATS:
        return "Floats lose money; cast it exactly, such as cast(... as decimal(18, 2))"
    if wanted == "text[]":
        return "Make it a list of texts, such as [Tag] or string_split(Tags, ',')"
    if wanted == "jsonb":
        return "Make it JSON, such as {'email': {'state': 'granted'}}"
    return f"Cast it, such as cast(... as {'varchar' if wanted == 'text' else wanted})"
