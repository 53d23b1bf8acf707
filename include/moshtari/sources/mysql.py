"""The `mysql` source: a shop's own MariaDB (10.5 or newer) or MySQL (8), WooCommerce's among them.

Configuration maps each contract column to an SQL expression over one table or query. Rows are read
in a read-only transaction of one snapshot, streamed as the text that the server writes, and landing
casts them one by one. What MySQL does not tell, and what follows from it:

- DATETIME has no zone: `timezone` gives it one, for the source or for one entity. TIMESTAMP is read
  in UTC. An expression that gives text with an offset is taken as it is. `0000-00-00` is null.
- Its functions change what they cannot take instead of failing: `cast('x' as decimal)` is 0, a long
  group_concat is cut. The load is then given up, for which row it was is not to be had.
- Tables of an engine without transactions (MyISAM) are no part of the snapshot.

Late commits: a transaction that set the time of change before midnight may commit after the night's
run began. `lookback_hours` must be longer than the shop's longest transaction; what is read twice
lands once.
"""

# ruff: noqa: S608 - the deployment's own SQL is what this module sends

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

import pymysql
from pydantic import BaseModel
from pymysql.constants import ER, FIELD_TYPE

from moshtari.landing.contract import ENTITIES, EXTRA, SUPPLIED_SYSTEM_COLUMNS
from moshtari.sources.base import (
    Batch,
    CheckResult,
    KeptRecord,
    KeyRange,
    Origin,
    RejectedRecord,
    SourceColumn,
    SourceContext,
    SourceError,
    TextRows,
    Window,
)
from moshtari.sources.drift import described, extra_text, now_called, remedy_for_lost
from moshtari.sources.mysql_columns import as_kept, columns_of, quoted, type_name
from moshtari.sources.mysql_config import MysqlConfig
from moshtari.sources.mysql_errors import (
    changed_values,
    code_of,
    describe,
    remedy_for,
    unknown_column,
)
from moshtari.sources.mysql_ranges import in_range, quantiles
from moshtari.sources.mysql_replay import among, keyed_records
from moshtari.sources.mysql_session import Connection, snapshot, streaming
from moshtari.sources.mysql_values import NAIVE, TIMES, Convert, converter, copy_line
from moshtari.sources.ranges import can_be_cut

_ROWS_A_BATCH = 2_000


@dataclass(frozen=True)
class _Reading:
    """How a column is read: the expression that is sent, its type, and what becomes of its text."""

    expression: str
    field_type: int
    convert: Convert


class MysqlSource:
    """Reader of one database; opens a connection for each entity and check."""

    kind: ClassVar[str] = "mysql"
    Config: ClassVar[type[BaseModel]] = MysqlConfig

    def __init__(self, name: str, config: MysqlConfig, context: SourceContext) -> None:
        self.name = name
        self.config = config
        self.lookback_hours = config.lookback_hours
        self._new: dict[str, tuple[str, ...]] = {}

    def entities(self) -> tuple[str, ...]:
        """The configured entities, in the contract's order."""
        return tuple(name for name in ENTITIES if name in self.config.entities)

    def read(self, entity: str, window: Window) -> Iterator[Batch]:
        """The window's rows.

        Raises SourceError when the database cannot be reached, the mapping does not fit it, or its
        answer ends too early.
        """
        yield from self.read_range(entity, window, KeyRange(None, None))

    def read_range(self, entity: str, window: Window, key_range: KeyRange) -> Iterator[Batch]:
        """The same of the rows in a range of the first key column."""
        self._new[entity] = window.keep
        with self._session(entity) as connection:
            readings, changed_type = self._probe(connection, entity)
            extra = self._extra(connection, entity, window.keep)
            # By other names: a new column may be called as one of the entity is.
            new = {f"_new_{i}": reading for i, reading in enumerate(extra.values())}
            relation = self.config.entities[entity].relation
            within = in_range(connection, relation, self._key_expression(entity), key_range)
            selected = _selected({**readings, **new})
            select = self._select(entity, window, selected, changed_type, within)
            yield from self._rows(connection, entity, readings, select, extra=extra)

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
        with self._session(entity) as connection:
            _, changed_type = self._probe(connection, entity)
            key = f"({self._key_expression(entity)}) as cut_at"
            return quantiles(connection, parallel, self._select(entity, window, key, changed_type))

    def _key_expression(self, entity: str) -> str:
        return self.config.entities[entity].columns[ENTITIES[entity].key[0]]

    def replay(self, entity: str, records: Sequence[KeptRecord], window: Window) -> Iterator[Batch]:
        """The rows of the records' keys as they are now: kept are results of the old mapping."""
        contract = ENTITIES[entity]
        keyed = keyed_records(contract, records)
        yield from keyed.without_key()
        if not keyed.keys:
            return
        with self._session(entity) as connection:
            readings, changed_type = self._probe(connection, entity)
            always = replace(window, start=None)
            select = self._select(entity, always, _selected(readings), changed_type)
            types = {name: reading.field_type for name, reading in readings.items()}
            select, values = among(select, contract, types, keyed)
            for batch in self._rows(connection, entity, readings, select, values):
                if isinstance(batch, RejectedRecord):
                    yield from keyed.rejected((batch.position,), batch.reason)
                else:
                    yield from keyed.rows(batch.columns, batch.rows)
        yield from keyed.not_found(window)

    def replays_anew(self, entity: str) -> bool:
        return True

    def check(self) -> list[CheckResult]:
        """Connection, then each entity's table, columns and permission."""
        label = f"source {self.name}"
        try:
            with self._session(None) as connection:
                # MariaDB says that it is MySQL 5.5.5 first, for clients that know nothing newer.
                version = connection.get_server_info().removeprefix("5.5.5-")
        except SourceError as error:
            return [CheckResult(label, False, error.what, error.remedy)]
        results = [CheckResult(label, True, f"{version} answers")]
        for entity in self.entities():
            try:
                with self._session(entity) as connection:
                    self._probe(connection, entity)
                results.append(CheckResult(f"{label}: {entity}", True, "can be read"))
            except SourceError as error:
                results.append(CheckResult(f"{label}: {entity}", False, error.what, error.remedy))
        return results

    @contextmanager
    def _session(self, entity: str | None) -> Iterator[Connection]:
        """A read-only snapshot, with the driver's errors told as SourceError."""
        try:
            with snapshot(self.config) as connection:
                yield connection
        except pymysql.Error as error:
            raise self._error(entity, None, error) from error
        except (OSError, RuntimeError) as error:
            what = f"no connection ({type(error).__name__}: {error})"
            remedy = f"See host, port, ssl_ca and the login of sources.{self.name}.dsn."
            raise SourceError(self.name, entity, what, remedy) from error

    def _probe(self, connection: Connection, entity: str) -> tuple[dict[str, _Reading], int | None]:
        """How each column is read, and the type of changed_at; SourceError for what cannot be."""
        config = self.config.entities[entity]
        extra = {"_changed_at": config.changed_at} if config.changed_at else {}
        expressions = {**config.columns, **extra}
        types = self._types_of(connection, entity, expressions)
        if config.where is not None:
            self._types_of(connection, entity, {"where": config.where})
        readings = {
            name: self._reading(entity, name, expression, types[name])
            for name, expression in expressions.items()
        }
        changed_type = types["_changed_at"] if config.changed_at else None
        if changed_type is not None and changed_type not in TIMES:
            what = f"{self._key(entity, '_changed_at')} is no DATETIME, TIMESTAMP or DATE"
            remedy = "Name the column with the time of change, or make one (from_unixtime)"
            raise SourceError(self.name, entity, what, remedy)
        return readings, changed_type

    def _columns(self, connection: Connection, entity: str) -> list[SourceColumn]:
        config = self.config.entities[entity]
        types = {
            name: type_name(kind) for name, kind in columns_of(connection, config.relation).items()
        }
        used = [*config.columns.values(), config.changed_at or "", config.where or ""]
        return described(types, used)

    def _extra(
        self, connection: Connection, entity: str, keep: Sequence[str]
    ) -> dict[str, _Reading]:
        """How the new columns that are to be kept are read, by their own names."""
        if not keep:
            return {}
        types = columns_of(connection, self.config.entities[entity].relation)
        return {
            name: _Reading(_exact(quoted(name), kind), kind, as_kept(kind))
            for name, kind in types.items()
            if name in keep
        }

    def _types_of(
        self, connection: Connection, entity: str, expressions: dict[str, str]
    ) -> dict[str, int]:
        """Types of the expressions: of all at once, or one by one to find the wrong one."""
        relation = self.config.entities[entity].relation
        selected = ", ".join(f"({expression})" for expression in expressions.values())
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"select {selected} from {relation} limit 0")
                description = cursor.description or ()
        except pymysql.Error as error:
            if not connection.open:
                raise
            if len(expressions) > 1:
                found: dict[str, int] = {}
                for name, expression in expressions.items():
                    found |= self._types_of(connection, entity, {name: expression})
                return found
            name = next(iter(expressions))
            if code_of(error) == ER.BAD_FIELD_ERROR:
                raise self._lost(connection, entity, name, error) from error
            raise self._error(entity, name, error) from error
        return dict(zip(expressions, (int(column[1]) for column in description), strict=True))

    def _lost(
        self, connection: Connection, entity: str, column: str, error: pymysql.Error
    ) -> SourceError:
        """A column that the mapping uses is gone: which, and what it may be called now."""
        found = self._columns(connection, entity)
        # Where there are none, it is the query itself that cannot be read.
        key = self._key(entity, column if found else None)
        lost = unknown_column(error)
        used = {column.name for column in found if column.used}
        hint = now_called(lost, [c.name for c in found], used, self._new.get(entity, ()))
        what = f"{key}: the source has no column {lost!r}"
        return SourceError(self.name, entity, what, remedy_for_lost(lost, hint, key))

    def _reading(self, entity: str, column: str, expression: str, field_type: int) -> _Reading:
        contract = ENTITIES[entity]
        target = SUPPLIED_SYSTEM_COLUMNS.get(column) or contract.column(column).pg_type
        zone = self._zone(entity)
        if target == "timestamptz" and field_type in NAIVE and zone is None:
            raise SourceError(
                self.name,
                entity,
                f"{self._key(entity, column)} is a time without a zone",
                f"Set sources.{self.name}.timezone to the zone that the shop writes its times in "
                "(WooCommerce's columns in _gmt: UTC)",
            )
        convert = converter(target, field_type, zone)
        return _Reading(_exact(expression, field_type), field_type, convert)

    def _zone(self, entity: str) -> ZoneInfo | None:
        name = self.config.entities[entity].timezone or self.config.timezone
        return ZoneInfo(name) if name else None

    def _select(
        self,
        entity: str,
        window: Window,
        selected: str,
        changed_type: int | None,
        within: str = "",
    ) -> str:
        config = self.config.entities[entity]
        conditions = [f"({config.where})"] if config.where else []
        if within:
            conditions.append(within)
        if config.changed_at:
            zone = self._zone(entity) if changed_type in NAIVE else None
            changed = f"({config.changed_at})"
            bounds = [f"{changed} < '{_local(window.end, zone)}'"]
            if window.start is not None:
                bounds.insert(0, f"{changed} >= '{_local(window.start, zone)}'")
            # A row that does not say when it changed would never be in any window.
            unsaid = f"{changed} is null or {changed} < '0001-01-01'"
            conditions.append(f"(({' and '.join(bounds)}) or {unsaid})")
        where = f" where {' and '.join(conditions)}" if conditions else ""
        return f"select {selected} from {config.relation}{where}"

    def _rows(
        self,
        connection: Connection,
        entity: str,
        readings: dict[str, _Reading],
        select: str,
        values: Sequence[str] = (),
        extra: Mapping[str, _Reading] | None = None,
    ) -> Iterator[TextRows | RejectedRecord]:
        names = (*readings, EXTRA) if extra else tuple(readings)
        width = len(readings)
        converts = [reading.convert for reading in readings.values()]
        key = [names.index(name) for name in ENTITIES[entity].key]
        with streaming(connection, select, values) as cursor:
            while found := cursor.fetchmany(_ROWS_A_BATCH):
                rows: list[tuple[str | None, ...]] = []
                positions: list[str] = []
                for row in found:
                    try:
                        texts = tuple(
                            None if value is None else convert(value)
                            for value, convert in zip(row[:width], converts, strict=True)
                        )
                        if extra:
                            texts += (_kept(extra, row[width:]),)
                    except UnicodeDecodeError:
                        yield RejectedRecord(
                            _position([_lenient(row[index]) for index in key]),
                            "not UTF-8 text",
                            copy_line(row),
                        )
                        continue
                    rows.append(texts)
                    positions.append(_position([texts[index] for index in key]))
                if rows:
                    yield TextRows(names, rows, positions)
            warnings = cursor.warning_count
        if warnings:
            self._judge_warnings(connection, entity)

    def _judge_warnings(self, connection: Connection, entity: str) -> None:
        """Give the load up when the server changed values on the way; it only warns of that."""
        with connection.cursor() as cursor:
            cursor.execute("show warnings")
            told = changed_values(int(row[1]) for row in cursor.fetchall())
        if told:
            raise SourceError(
                self.name,
                entity,
                f"{self._key(entity, None)}: the server changed values while it computed them "
                f"({told})",
                "Leave out the cast, so that landing quarantines what does not fit, or guard it "
                "(case when x regexp '^-?[0-9.]+$' then ... end)",
            )

    def _key(self, entity: str, column: str | None) -> str:
        place = f"sources.{self.name}.entities.{entity}"
        if column is None:
            return place
        if column == "_changed_at":
            return f"{place}.changed_at"
        return f"{place}.{column}" if column == "where" else f"{place}.columns.{column}"

    def _error(self, entity: str | None, column: str | None, error: pymysql.Error) -> SourceError:
        key = self._key(entity, column) if entity else f"sources.{self.name}"
        where = f"{key}: " if column else ""
        return SourceError(self.name, entity, f"{where}{describe(error)}", remedy_for(error, key))


def _selected(readings: dict[str, _Reading]) -> str:
    return ", ".join(f"({r.expression}) as `{name}`" for name, r in readings.items())


def _local(at: datetime, zone: ZoneInfo | None) -> str:
    """The instant as a time without an offset, as the columns have it."""
    return at.astimezone(zone or UTC).replace(tzinfo=None).isoformat(" ")


def _exact(expression: str, field_type: int) -> str:
    """A single float is sent as the double that equals it, for its text would be cut."""
    return f"({expression}) + 0e0" if field_type == FIELD_TYPE.FLOAT else expression


def _kept(extra: Mapping[str, _Reading], row: tuple[bytes | None, ...]) -> str:
    values = [
        None if value is None else reading.convert(value)
        for value, reading in zip(row, extra.values(), strict=True)
    ]
    return extra_text(tuple(extra), values)


def _position(key: list[str | None]) -> str:
    return "/".join(part or "" for part in key).strip("/") or "no key"


def _lenient(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="backslashreplace")
