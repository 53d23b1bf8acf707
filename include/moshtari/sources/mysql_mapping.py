"""One entity of a MySQL source: how the server reads each mapped column, and the query."""

# ruff: noqa: S608 - the deployment's own SQL is what this module sends

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pymysql
from pymysql.constants import ER, FIELD_TYPE

from moshtari.landing.contract import ENTITIES
from moshtari.sources.base import SourceColumn, SourceError, Window
from moshtari.sources.database import key_of, lost_column, types_of, without_zone
from moshtari.sources.drift import described
from moshtari.sources.mysql_columns import as_kept, columns_of, quoted, type_name
from moshtari.sources.mysql_config import MysqlConfig
from moshtari.sources.mysql_errors import code_of, error_of, unknown_column
from moshtari.sources.mysql_session import Connection
from moshtari.sources.mysql_values import NAIVE, TIMES, Convert, converter, is_exact


@dataclass(frozen=True)
class Reading:
    """How a column is read: the expression that is sent, its type, and what becomes of its text.

    `is_exact` as `TextRows.exact`, of this column.
    """

    expression: str
    field_type: int
    convert: Convert
    is_exact: bool = True


class MysqlMapping:
    """What the configuration says of one entity, as SQL.

    `new` are columns of the source that are known to be new: a lost one may be among them.
    """

    def __init__(self, source: str, entity: str, config: MysqlConfig) -> None:
        self._source = source
        self._name = entity
        self._contract = ENTITIES[entity]
        self._config = config.entities[entity]
        zone = self._config.timezone or config.timezone
        self._zone = ZoneInfo(zone) if zone else None
        self.relation = self._config.relation
        self.key_expression = self._config.columns[self._contract.key[0]]
        self.new: tuple[str, ...] = ()

    def columns(self, connection: Connection) -> list[SourceColumn]:
        """Those of the table or query; none where the login may not see them all."""
        config = self._config
        types = {
            name: type_name(kind) for name, kind in columns_of(connection, config.relation).items()
        }
        used = [*config.columns.values(), config.changed_at or "", config.where or ""]
        return described(types, used)

    def probe(self, connection: Connection) -> tuple[dict[str, Reading], int | None]:
        """How each column is read, and the type of changed_at; SourceError for what cannot be."""
        config = self._config
        extra = {"_changed_at": config.changed_at} if config.changed_at else {}
        expressions = {**config.columns, **extra}
        types = self._types_of(connection, expressions)
        if config.where is not None:
            self._types_of(connection, {"where": config.where})
        readings = {
            name: self._reading(name, expression, types[name])
            for name, expression in expressions.items()
        }
        changed_type = types["_changed_at"] if config.changed_at else None
        if changed_type is not None and changed_type not in TIMES:
            key = key_of(self._source, self._name, "_changed_at")
            what = f"{key} is no DATETIME, TIMESTAMP or DATE"
            remedy = "Name the column with the time of change, or make one (from_unixtime)"
            raise SourceError(self._source, self._name, what, remedy)
        return readings, changed_type

    def extra(self, connection: Connection, keep: Sequence[str]) -> dict[str, Reading]:
        """How the new columns that are to be kept are read, by their own names."""
        if not keep:
            return {}
        return {
            name: Reading(_exact(quoted(name), kind), kind, as_kept(kind))
            for name, kind in columns_of(connection, self.relation).items()
            if name in keep
        }

    def select(
        self, window: Window | None, selected: str, changed_type: int | None, within: str = ""
    ) -> str:
        """The query for the window's rows, or for all there are."""
        config = self._config
        conditions = [f"({config.where})"] if config.where else []
        if within:
            conditions.append(within)
        if config.changed_at and window is not None:
            zone = self._zone if changed_type in NAIVE else None
            changed = f"({config.changed_at})"
            bounds = [f"{changed} < '{_local(window.end, zone)}'"]
            if window.start is not None:
                bounds.insert(0, f"{changed} >= '{_local(window.start, zone)}'")
            # A row that does not say when it changed would never be in any window.
            unsaid = f"{changed} is null or {changed} < '0001-01-01'"
            conditions.append(f"(({' and '.join(bounds)}) or {unsaid})")
        where = f" where {' and '.join(conditions)}" if conditions else ""
        return f"select {selected} from {config.relation}{where}"

    def _types_of(self, connection: Connection, expressions: Mapping[str, str]) -> dict[str, int]:
        """Types of the expressions; SourceError naming the one that is wrong."""

        def ask(expressions: Mapping[str, str]) -> dict[str, int]:
            selected = ", ".join(f"({expression})" for expression in expressions.values())
            with connection.cursor() as cursor:
                cursor.execute(f"select {selected} from {self.relation} limit 0")
                types = (int(column[1]) for column in cursor.description or ())
                return dict(zip(expressions, types, strict=True))

        def explain(name: str, error: pymysql.Error) -> dict[str, int]:
            if code_of(error) == ER.BAD_FIELD_ERROR:
                lost, there = unknown_column(error), self.columns(connection)
                raise lost_column(self._source, self._name, name, lost, there, self.new) from error
            raise error_of(self._source, self._name, name, error) from error

        return types_of(expressions, ask, pymysql.Error, lambda: not connection.open, explain)

    def _reading(self, column: str, expression: str, field_type: int) -> Reading:
        target = self._contract.type_of(column)
        if target == "timestamptz" and field_type in NAIVE and self._zone is None:
            example = " (WooCommerce's columns in _gmt: UTC)"
            raise without_zone(self._source, self._name, column, example)
        convert = converter(target, field_type, self._zone)
        exact = is_exact(target, field_type)
        return Reading(_exact(expression, field_type), field_type, convert, exact)


def selected(readings: Mapping[str, Reading]) -> str:
    """The columns of a query, by the names of the readings."""
    return ", ".join(f"({r.expression}) as `{name}`" for name, r in readings.items())


def _local(at: datetime, zone: ZoneInfo | None) -> str:
    """The instant as a time without an offset, as the columns have it."""
    return at.astimezone(zone or UTC).replace(tzinfo=None).isoformat(" ")


def _exact(expression: str, field_type: int) -> str:
    """A single float is sent as the double that equals it, for its text would be cut."""
    return f"({expression}) + 0e0" if field_type == FIELD_TYPE.FLOAT else expression
