"""One entity of a PostgreSQL source: how the server reads each mapped column, and the query."""

# ruff: noqa: S608 - the deployment's own SQL is what this module sends

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from moshtari.landing.contract import ENTITIES, EXTRA
from moshtari.sources.abilities import KeyRange
from moshtari.sources.base import SourceColumn, Window
from moshtari.sources.database import lost_column, types_of, without_zone
from moshtari.sources.drift import described
from moshtari.sources.postgres_columns import columns_of, extra_of, name_at
from moshtari.sources.postgres_config import PostgresConfig
from moshtari.sources.postgres_ranges import in_range
from moshtari.sources.postgres_session import error_of

_FLOAT4, _FLOAT8, _TIMESTAMP = 700, 701, 1114
_TIMES = (1082, 1114, 1184)


@dataclass(frozen=True)
class Reading:
    """How a column is read: in the contract's type, and as text where a value defies that."""

    typed: str
    as_text: str


class PostgresMapping:
    """What the configuration says of one entity, as SQL.

    `new` are columns of the source that are known to be new: a lost one may be among them.
    """

    def __init__(self, source: str, entity: str, config: PostgresConfig) -> None:
        self._source = source
        self._name = entity
        self._contract = ENTITIES[entity]
        self._config = config.entities[entity]
        self._timezone = config.timezone
        extra = {"_changed_at": self._config.changed_at} if self._config.changed_at else {}
        self._expressions = {**self._config.columns, **extra}
        self.new: tuple[str, ...] = ()

    def columns(self, connection: psycopg.Connection) -> list[SourceColumn]:
        """Those of the table or query; none where the login may not see them all."""
        sqls = [*self._expressions.values(), self._config.where or ""]
        return described(columns_of(connection, self._config.relation), sqls)

    def probe(self, connection: psycopg.Connection, keep: Sequence[str] = ()) -> dict[str, Reading]:
        """How each column is read; SourceError naming the one that cannot be."""
        oids = self._types_of(connection, self._expressions)
        readings = {
            name: self._reading(name, expression, oids[name])
            for name, expression in self._expressions.items()
        }
        self._types_of(connection, {name: reading.typed for name, reading in readings.items()})
        if self._config.where is not None:
            self._types_of(connection, {"where": f"({self._config.where})::boolean"})
        if self._config.row_versions:
            self._types_of(connection, {"row_versions": "xmin"})
        extra = [column.name for column in self.columns(connection) if column.name in keep]
        if extra:
            built = extra_of(connection, extra)
            readings[EXTRA] = Reading(built, f"({built})::text")
        return readings

    def within(self, connection: psycopg.Connection, key_range: KeyRange) -> str:
        """A condition for the rows of a range of the first key column."""
        if key_range.lower is None and key_range.upper is None:
            return ""
        column = self._contract.key[0]
        expression = self._config.columns[column]
        oid = self._types_of(connection, {column: expression})[column]
        return in_range(connection, expression, oid, key_range)

    def select(
        self,
        window: Window | None,
        columns: dict[str, str],
        late: str,
        within: str = "",
        relation: str | None = None,
    ) -> str:
        """The query for the window's rows and the late ones, or for all there are."""
        config = self._config
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

    def _reading(self, column: str, expression: str, oid: int) -> Reading:
        target = self._contract.type_of(column)
        if target == "timestamptz" and oid == _TIMESTAMP and self._timezone is None:
            raise without_zone(self._source, self._name, column)
        as_text = f"({expression})::text"
        if target == "numeric" and oid in (_FLOAT4, _FLOAT8):
            # A float cast to numeric loses its last digits; its text has them all.
            return Reading(f"{as_text}::numeric", as_text)
        typed = f"({expression})::{target}"
        return Reading(typed, f"{typed}::text" if oid in _TIMES else as_text)

    def _types_of(
        self, connection: psycopg.Connection, expressions: Mapping[str, str]
    ) -> dict[str, int]:
        """Type ids of the expressions; SourceError naming the one that is wrong."""

        def statement(expressions: Mapping[str, str]) -> str:
            selected = ", ".join(f"({expression})" for expression in expressions.values())
            return f"select {selected} from {self._config.relation} limit 0"

        def ask(expressions: Mapping[str, str]) -> dict[str, int]:
            with connection.transaction():
                cursor = connection.execute(statement(expressions).encode())
            types = (column.type_code for column in cursor.description or ())
            return dict(zip(expressions, types, strict=True))

        def explain(name: str, error: psycopg.Error) -> dict[str, int]:
            if isinstance(error, psycopg.DataError):
                return {name: 0}  # a constant that does not fit its type: for landing to say
            if isinstance(error, psycopg.errors.UndefinedColumn):
                lost = name_at(error, statement({name: expressions[name]}))
                there = self.columns(connection)
                raise lost_column(self._source, self._name, name, lost, there, self.new) from error
            raise error_of(self._source, self._name, name, error) from error

        return types_of(expressions, ask, psycopg.Error, lambda: connection.closed, explain)
