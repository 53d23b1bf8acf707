"""The `postgres` source: a shop's own PostgreSQL (14 or newer), read by COPY.

Configuration maps each contract column to an SQL expression over one table or query. Rows are read
in a read-only transaction of one snapshot, in binary, so that nothing is parsed on the way; when a
value does not fit the contract's type, the same rows are read again as text, and landing
quarantines the bad ones alone.

Late commits: a transaction that set `updated_at` before midnight may commit after the night's run
began. `lookback_hours` must be longer than the source's longest transaction, or `row_versions` be
set for the table: then rows whose version (xmin) is not older than the oldest transaction that was
open at the last reading are read too, however long it took. What is read twice lands once.
"""

# ruff: noqa: S608 - the deployment's own SQL is what this module sends

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

import psycopg
from pydantic import BaseModel

from moshtari.landing.contract import ENTITIES, EXTRA, SUPPLIED_SYSTEM_COLUMNS, Entity
from moshtari.landing.errors import describe
from moshtari.sources.base import (
    Batch,
    BinaryCopy,
    CheckResult,
    KeptRecord,
    KeyRange,
    Origin,
    RejectedRecord,
    SourceColumn,
    SourceContext,
    SourceError,
    TextRows,
    TypedReadError,
    Window,
)
from moshtari.sources.drift import described, now_called, remedy_for_lost
from moshtari.sources.postgres_columns import columns_of, extra_of, name_at
from moshtari.sources.postgres_config import PostgresConfig
from moshtari.sources.postgres_ranges import in_range, quantiles
from moshtari.sources.postgres_replay import KeyedRecords
from moshtari.sources.postgres_text import parse_copy_text
from moshtari.sources.ranges import can_be_cut

_BLOCK = 256 * 1024
_ROWS_A_BATCH = 2_000
# Transactions are counted anew after 2^32; of two that lie further apart than half of that, nobody
# knows which is the older.
_COUNTABLE = 2_000_000_000
_FLOAT4, _FLOAT8, _TIMESTAMP = 700, 701, 1114
_TIMES = (1082, 1114, 1184)
_T = TypeVar("_T")


@dataclass(frozen=True)
class _Reading:
    """How a column is read: in the contract's type, and as text where a value defies that."""

    typed: str
    as_text: str


class PostgresSource:
    """Reader of one PostgreSQL database; opens a connection for each entity and check."""

    kind: ClassVar[str] = "postgres"
    Config: ClassVar[type[BaseModel]] = PostgresConfig

    def __init__(self, name: str, config: PostgresConfig, context: SourceContext) -> None:
        self.name = name
        self.config = config
        self.lookback_hours = config.lookback_hours
        self._marks: dict[str, str] = {}
        self._new: dict[str, tuple[str, ...]] = {}

    def entities(self) -> tuple[str, ...]:
        """The configured entities, in the contract's order."""
        return tuple(name for name in ENTITIES if name in self.config.entities)

    def read(self, entity: str, window: Window) -> Iterator[Batch]:
        """One `BinaryCopy` of the window's rows.

        Raises SourceError when the database cannot be reached, or the mapping does not fit it.
        """
        yield from self.read_range(entity, window, KeyRange(None, None))

    def read_range(self, entity: str, window: Window, key_range: KeyRange) -> Iterator[Batch]:
        """The same of the rows in a range of the first key column."""
        self._new[entity] = window.keep
        with self._session(entity) as connection:
            readings = self._probe(connection, entity, window.keep)
            late = self._late(connection, entity, window)
            within = self._within(connection, entity, key_range)
            typed = {name: reading.typed for name, reading in readings.items()}
            select = self._select(entity, window, typed, late, within)

            def as_text() -> Iterator[Batch]:
                text = {name: reading.as_text for name, reading in readings.items()}
                again = self._select(entity, window, text, late, within)
                return self._told(entity, self._read_text(entity, connection, again, tuple(text)))

            def extended(expressions: Mapping[str, str]) -> BinaryCopy:
                wider = _extended(select, ENTITIES[entity], readings, expressions)
                blocks = self._told(entity, _blocks(connection, wider))
                return BinaryCopy(tuple(expressions), blocks, as_text)

            blocks = self._told(entity, _blocks(connection, select))
            yield BinaryCopy(tuple(readings), blocks, as_text, extended)

    def columns(
        self, entity: str, window: Window, origin: Origin | None = None
    ) -> list[SourceColumn]:
        """Those of the table or query; none where the login may not see them all."""
        with self._session(entity) as connection:
            return self._columns(connection, entity)

    def is_parallel(self) -> bool:
        return self.config.parallel is not None

    def bounds(self, entity: str, window: Window) -> list[str]:
        """Quantiles of the first key column among the window's rows."""
        parallel = self.config.parallel
        if parallel is None or not can_be_cut(ENTITIES[entity]):
            return []
        config = self.config.entities[entity]
        key = {"key": config.columns[ENTITIES[entity].key[0]]}
        with self._session(entity) as connection:
            self._probe(connection, entity)
            late = self._late(connection, entity, window)
            select = self._select(entity, window, key, late)

            def sample(percent: float) -> str:
                relation = f"{config.table} tablesample system ({percent:.6f})"
                return self._select(entity, window, key, late, relation=relation)

            return quantiles(connection, parallel, select, config.table, sample)

    def mark(self, entity: str) -> str | None:
        """The oldest transaction that was open at the last reading (xid8)."""
        return self._marks.get(entity)

    def keys(self, entity: str, window: Window) -> Generator[TextRows]:
        """The keys of all rows that the entity's table or query and its `where` give now."""
        contract = ENTITIES[entity]
        with self._session(entity) as connection:
            readings = self._probe(connection, entity)
            texts = {name: readings[name].as_text for name in contract.key}
            select = self._select(entity, None, texts, "true")
            batches = self._read_text(entity, connection, select, contract.key)
            for batch in self._told(entity, batches):
                # A row whose key is no text was never landed, so it is not missing either.
                if isinstance(batch, TextRows):
                    yield batch

    def replay(self, entity: str, records: Sequence[KeptRecord], window: Window) -> Iterator[Batch]:
        """The rows of the records' keys as they are now: kept are results of the old mapping."""
        keyed = KeyedRecords(ENTITIES[entity], records)
        yield from keyed.without_key()
        if keyed.keys:
            with self._session(entity) as connection:
                readings = self._probe(connection, entity)
                texts = {name: reading.as_text for name, reading in readings.items()}
                found = self._select(entity, replace(window, start=None), texts, "false")
                select = keyed.among(found, connection)
                lines = self._told(entity, _text_lines(connection, select))
                yield from keyed.rows(tuple(readings), (row for _, row in lines if row))
            yield from keyed.not_found(window)

    def replays_anew(self, entity: str) -> bool:
        return True

    def check(self) -> list[CheckResult]:
        """Connection, then each entity's table, columns and permission."""
        label = f"source {self.name}"
        try:
            with self._session(None) as connection:
                version = connection.info.server_version // 10000
        except SourceError as error:
            return [CheckResult(label, False, error.what, error.remedy)]
        results = [CheckResult(label, True, f"PostgreSQL {version} answers")]
        for entity in self.entities():
            try:
                with self._session(entity) as connection:
                    self._probe(connection, entity)
                results.append(CheckResult(f"{label}: {entity}", True, "can be read"))
            except SourceError as error:
                results.append(CheckResult(f"{label}: {entity}", False, error.what, error.remedy))
        return results

    @contextmanager
    def _session(self, entity: str | None) -> Iterator[psycopg.Connection]:
        """A read-only snapshot, with psycopg's errors told as SourceError."""
        try:
            with psycopg.connect(
                self.config.dsn, connect_timeout=10, application_name="moshtari"
            ) as connection:
                connection.read_only = True
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                for setting, value in (
                    ("statement_timeout", f"{self.config.statement_timeout_seconds * 1000:.0f}"),
                    ("timezone", self.config.timezone or "UTC"),
                    ("datestyle", "ISO, YMD"),
                    ("client_encoding", "UTF8"),
                ):
                    connection.execute("select set_config(%s, %s, false)", [setting, value])
                connection.commit()
                yield connection
        except psycopg.Error as error:
            raise self._error(entity, None, error) from error

    def _columns(self, connection: psycopg.Connection, entity: str) -> list[SourceColumn]:
        config = self.config.entities[entity]
        sqls = [*self._expressions(entity).values(), config.where or ""]
        return described(columns_of(connection, config.relation), sqls)

    def _probe(
        self, connection: psycopg.Connection, entity: str, keep: Sequence[str] = ()
    ) -> dict[str, _Reading]:
        """How each column is read; SourceError naming the one that cannot be."""
        config = self.config.entities[entity]
        expressions = self._expressions(entity)
        oids = self._types_of(connection, entity, expressions)
        readings = {
            name: self._reading(entity, name, expression, oids[name])
            for name, expression in expressions.items()
        }
        typed = {name: reading.typed for name, reading in readings.items()}
        self._types_of(connection, entity, typed)
        if config.where is not None:
            self._types_of(connection, entity, {"where": f"({config.where})::boolean"})
        if config.row_versions:
            self._types_of(connection, entity, {"row_versions": "xmin"})
        extra = [c.name for c in self._columns(connection, entity) if c.name in keep]
        if extra:
            built = extra_of(connection, extra)
            readings[EXTRA] = _Reading(built, f"({built})::text")
        return readings

    def _expressions(self, entity: str) -> dict[str, str]:
        config = self.config.entities[entity]
        extra = {"_changed_at": config.changed_at} if config.changed_at else {}
        return {**config.columns, **extra}

    def _types_of(
        self, connection: psycopg.Connection, entity: str, expressions: dict[str, str]
    ) -> dict[str, int]:
        """Type ids of the expressions: of all at once, or one by one to find the wrong one."""
        relation = self.config.entities[entity].relation
        selected = ", ".join(f"({expression})" for expression in expressions.values())
        statement = f"select {selected} from {relation} limit 0"
        try:
            with connection.transaction():
                cursor = connection.execute(_sql(statement))
        except psycopg.Error as error:
            if connection.closed:
                raise
            if len(expressions) > 1:
                found: dict[str, int] = {}
                for name, expression in expressions.items():
                    found |= self._types_of(connection, entity, {name: expression})
                return found
            name = next(iter(expressions))
            if isinstance(error, psycopg.DataError):
                return {name: 0}  # a constant that does not fit its type: for landing to say
            if isinstance(error, psycopg.errors.UndefinedColumn):
                raise self._lost(connection, entity, name, statement, error) from error
            raise self._error(entity, name, error) from error
        description = cursor.description or []
        return dict(zip(expressions, (column.type_code for column in description), strict=True))

    def _lost(
        self,
        connection: psycopg.Connection,
        entity: str,
        column: str,
        statement: str,
        error: psycopg.Error,
    ) -> SourceError:
        """A column that the mapping uses is gone: which, and what it may be called now."""
        found = self._columns(connection, entity)
        # Where there are none, it is the query itself that cannot be read.
        key = self._key(entity, column if found else None)
        lost = name_at(error, statement)
        used = {column.name for column in found if column.used}
        hint = now_called(lost, [c.name for c in found], used, self._new.get(entity, ()))
        what = f"{key}: the source has no column {lost!r}"
        return SourceError(self.name, entity, what, remedy_for_lost(lost, hint, key))

    def _reading(self, entity: str, column: str, expression: str, oid: int) -> _Reading:
        contract = ENTITIES[entity]
        target = SUPPLIED_SYSTEM_COLUMNS.get(column) or contract.column(column).pg_type
        if target == "timestamptz" and oid == _TIMESTAMP and self.config.timezone is None:
            raise SourceError(
                self.name,
                entity,
                f"{self._key(entity, column)} is a time without a zone",
                f"Set sources.{self.name}.timezone to the zone that the shop writes its times in",
            )
        as_text = f"({expression})::text"
        if target == "numeric" and oid in (_FLOAT4, _FLOAT8):
            # A float cast to numeric loses its last digits; its text has them all.
            return _Reading(f"{as_text}::numeric", as_text)
        typed = f"({expression})::{target}"
        return _Reading(typed, f"{typed}::text" if oid in _TIMES else as_text)

    def _late(self, connection: psycopg.Connection, entity: str, window: Window) -> str:
        """A condition for rows written by what was open at the last reading, or came after it."""
        if not self.config.entities[entity].row_versions:
            return "false"
        row = connection.execute(
            "select snapshot_xmin::text, snapshot_xmax::text::numeric - coalesce(%s, '0')::numeric"
            " from (select pg_snapshot_xmin(pg_current_snapshot()) as snapshot_xmin,"
            " pg_snapshot_xmax(pg_current_snapshot()) as snapshot_xmax) as snapshot",
            [window.mark],
        ).fetchone()
        assert row is not None
        self._marks[entity], passed = row
        if window.mark is None or passed >= _COUNTABLE:
            return "true"
        return f"age(xmin) <= age('{int(window.mark) % 2**32}'::xid)"

    def _within(self, connection: psycopg.Connection, entity: str, key_range: KeyRange) -> str:
        """A condition for the rows of a range."""
        if key_range.lower is None and key_range.upper is None:
            return ""
        column = ENTITIES[entity].key[0]
        expression = self.config.entities[entity].columns[column]
        oid = self._types_of(connection, entity, {column: expression})[column]
        return in_range(connection, expression, oid, key_range)

    def _select(
        self,
        entity: str,
        window: Window | None,
        columns: dict[str, str],
        late: str,
        within: str = "",
        relation: str | None = None,
    ) -> str:
        """The query for the window's rows, or for all there are."""
        config = self.config.entities[entity]
        selected = ", ".join(f"{expression} as {name}" for name, expression in columns.items())
        conditions = [f"({config.where})"] if config.where else []
        if within:
            conditions.append(within)
        if config.changed_at and window is not None:
            changed = f"({config.changed_at})"
            bounds = [f"{changed} < '{window.end.isoformat()}'::timestamptz"]
            if window.start is not None:
                since = f"{changed} >= '{window.start.isoformat()}'::timestamptz"
                bounds.insert(0, f"({since} or {late})")
            # A row that does not say when it changed would never be in any window.
            conditions.append(f"(({' and '.join(bounds)}) or {changed} is null)")
        where = f" where {' and '.join(conditions)}" if conditions else ""
        return f"select {selected} from {relation or config.relation}{where}"

    def _read_text(
        self, entity: str, connection: psycopg.Connection, select: str, names: tuple[str, ...]
    ) -> Iterator[Batch]:
        """The same rows with each expression as text, for landing to cast one by one."""
        connection.rollback()
        key = [names.index(name) for name in ENTITIES[entity].key]
        rows: list[tuple[str | None, ...]] = []
        positions: list[str] = []
        with closing(_text_lines(connection, select)) as lines:
            for line, row in lines:
                if row is None:
                    yield RejectedRecord("no key", "not UTF-8 text", line)
                    continue
                rows.append(row)
                positions.append("/".join(row[index] or "" for index in key) or "no key")
                if len(rows) >= _ROWS_A_BATCH:
                    yield TextRows(names, rows, positions)
                    rows, positions = [], []
        if rows:
            yield TextRows(names, rows, positions)

    def _told(self, entity: str, batches: Iterator[_T]) -> Iterator[_T]:
        """The iterator, with psycopg's errors told as SourceError: landing runs it, not `read`."""
        try:
            yield from batches
        except psycopg.Error as error:
            raise self._error(entity, None, error) from error

    def _key(self, entity: str, column: str | None) -> str:
        place = f"sources.{self.name}.entities.{entity}"
        if column is None:
            return place
        if column == "_changed_at":
            return f"{place}.changed_at"
        own = column in ("where", "row_versions")
        return f"{place}.{column}" if own else f"{place}.columns.{column}"

    def _error(self, entity: str | None, column: str | None, error: psycopg.Error) -> SourceError:
        key = self._key(entity, column) if entity else f"sources.{self.name}"
        remedy = _remedy(error, key)
        where = f"{key}: " if column else ""
        return SourceError(self.name, entity, f"{where}{describe(error)}", remedy)


def _extended(
    select: str, entity: Entity, given: Collection[str], expressions: Mapping[str, str]
) -> str:
    """The rows of ``select`` with the expressions as columns; what is not given is null to them."""
    types = {column.name: column.pg_type for column in entity.columns} | SUPPLIED_SYSTEM_COLUMNS
    missing = [f", null::{kind} as {name}" for name, kind in types.items() if name not in given]
    selected = ", ".join(f"{expression} as {name}" for name, expression in expressions.items())
    return f"select {selected} from (select *{''.join(missing)} from ({select}) as given) as rows"


def _text_lines(
    connection: psycopg.Connection, select: str
) -> Generator[tuple[bytes, tuple[str | None, ...] | None]]:
    """Each row as it came and as values; None for one that is no text."""
    with (
        connection.cursor() as cursor,
        cursor.copy(_sql(f"copy ({select}) to stdout")) as copy,
    ):
        for line in copy:
            yield bytes(line), parse_copy_text(bytes(line))


def _blocks(connection: psycopg.Connection, select: str) -> Iterator[bytes]:
    """PGCOPY in blocks of 256 KB: the server sends a message a row, and each write costs a call."""
    chunks: list[bytes | bytearray | memoryview] = []
    size = 0
    try:
        with (
            connection.cursor() as cursor,
            cursor.copy(_sql(f"copy ({select}) to stdout (format binary)")) as copy,
        ):
            for chunk in copy:
                chunks.append(chunk)
                size += len(chunk)
                if size >= _BLOCK:
                    yield b"".join(chunks)
                    chunks.clear()
                    size = 0
    except psycopg.DataError as error:
        raise TypedReadError(type(error).__name__) from error
    if chunks:
        yield b"".join(chunks)


def _sql(statement: str) -> bytes:
    """The deployment's own SQL, as psycopg takes statements that are no literals of the program."""
    return statement.encode()


def _remedy(error: psycopg.Error, key: str) -> str:
    state = error.sqlstate or ""
    if state == "42501":
        return "Grant select on it to the login of the source's dsn"
    if state in ("42P01", "3F000"):
        return f"Mend `table` or `query` of {key}, or the search_path of the login"
    if state == "57014":
        return "Raise statement_timeout_seconds of the source, or give changed_at an index"
    if state.startswith("28"):
        return "Mend user and password in the source's dsn"
    if state.startswith("42"):
        return f"Mend the SQL of {key}"
    return "See that the server runs and the source's dsn is right, then run the day again"
