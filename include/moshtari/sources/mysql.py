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

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

import pymysql
from pydantic import BaseModel

from moshtari.landing.contract import ENTITIES
from moshtari.sources.abilities import KeyRange
from moshtari.sources.base import (
    Batch,
    CheckResult,
    KeptRecord,
    Origin,
    RejectedRecord,
    SourceColumn,
    SourceContext,
    SourceError,
    TextRows,
    Window,
)
from moshtari.sources.database import checked
from moshtari.sources.mysql_config import MysqlConfig
from moshtari.sources.mysql_errors import error_of
from moshtari.sources.mysql_mapping import MysqlMapping, selected
from moshtari.sources.mysql_ranges import in_range, quantiles
from moshtari.sources.mysql_replay import among, keyed_records
from moshtari.sources.mysql_rows import batches_of
from moshtari.sources.mysql_session import Connection, snapshot
from moshtari.sources.ranges import can_be_cut


class MysqlSource:
    """Reader of one database; opens a connection for each entity and check."""

    kind: ClassVar[str] = "mysql"
    Config: ClassVar[type[BaseModel]] = MysqlConfig

    def __init__(self, name: str, config: MysqlConfig, context: SourceContext) -> None:
        self.name = name
        self.config = config
        self.lookback_hours = config.lookback_hours
        self._mappings = {
            entity: MysqlMapping(name, entity, config)
            for entity in ENTITIES
            if entity in config.entities
        }

    def entities(self) -> tuple[str, ...]:
        """The configured entities, in the contract's order."""
        return tuple(self._mappings)

    def read(self, entity: str, window: Window) -> Iterator[Batch]:
        """The window's rows.

        Raises SourceError when the database cannot be reached, the mapping does not fit it, or its
        answer ends too early.
        """
        yield from self.read_range(entity, window, KeyRange(None, None))

    def read_range(self, entity: str, window: Window, key_range: KeyRange) -> Iterator[Batch]:
        """The same of the rows in a range of the first key column."""
        mapping = self._mappings[entity]
        mapping.new = window.keep
        with self._session(entity) as connection:
            readings, changed_type = mapping.probe(connection)
            extra = mapping.extra(connection, window.keep)
            # By other names: a new column may be called as one of the entity is.
            new = {f"_new_{i}": reading for i, reading in enumerate(extra.values())}
            within = in_range(connection, mapping.relation, mapping.key_expression, key_range)
            select = mapping.select(window, selected({**readings, **new}), changed_type, within)
            yield from batches_of(self.name, entity, connection, readings, select, extra=extra)

    def columns(
        self, entity: str, window: Window, origin: Origin | None = None
    ) -> list[SourceColumn]:
        """Those of the table or query; none where the login may not see them all."""
        with self._session(entity) as connection:
            return self._mappings[entity].columns(connection)

    def is_parallel(self) -> bool:
        return self.config.parallel is not None

    def bounds(self, entity: str, window: Window) -> list[str]:
        """Quantiles of the first key column among the window's rows."""
        parallel = self.config.parallel
        if parallel is None or not can_be_cut(ENTITIES[entity]):
            return []
        mapping = self._mappings[entity]
        with self._session(entity) as connection:
            _, changed_type = mapping.probe(connection)
            key = f"({mapping.key_expression}) as cut_at"
            return quantiles(connection, parallel, mapping.select(window, key, changed_type))

    def keys(self, entity: str, window: Window) -> Generator[TextRows]:
        """The keys of all rows that the entity's table or query and its `where` give now."""
        mapping = self._mappings[entity]
        with self._session(entity) as connection:
            readings, _ = mapping.probe(connection)
            key = {name: readings[name] for name in ENTITIES[entity].key}
            select = mapping.select(None, selected(key), None)
            for batch in batches_of(self.name, entity, connection, key, select):
                # A row whose key is no text was never landed, so it is not missing either.
                if isinstance(batch, TextRows):
                    yield batch

    def replay(self, entity: str, records: Sequence[KeptRecord], window: Window) -> Iterator[Batch]:
        """The rows of the records' keys as they are now: kept are results of the old mapping."""
        contract, mapping = ENTITIES[entity], self._mappings[entity]
        keyed = keyed_records(contract, records)
        yield from keyed.without_key()
        if not keyed.keys:
            return
        with self._session(entity) as connection:
            readings, changed_type = mapping.probe(connection)
            always = replace(window, start=None)
            select = mapping.select(always, selected(readings), changed_type)
            types = {name: reading.field_type for name, reading in readings.items()}
            select, values = among(select, contract, types, keyed)
            for batch in batches_of(self.name, entity, connection, readings, select, values):
                if isinstance(batch, RejectedRecord):
                    yield from keyed.rejected((batch.position,), batch.reason)
                else:
                    yield from keyed.rows(batch.columns, batch.rows)
        yield from keyed.not_found(window)

    def replays_anew(self, entity: str) -> bool:
        return True

    def check(self) -> list[CheckResult]:
        """Connection, then each entity's table, columns and permission."""

        def answer() -> str:
            with self._session(None) as connection:
                # MariaDB says that it is MySQL 5.5.5 first, for clients that know nothing newer.
                version: str = connection.get_server_info().removeprefix("5.5.5-")
            return version

        def probe(entity: str) -> None:
            with self._session(entity) as connection:
                self._mappings[entity].probe(connection)

        return checked(self.name, answer, self.entities(), probe)

    @contextmanager
    def _session(self, entity: str | None) -> Iterator[Connection]:
        """A read-only snapshot, with the driver's errors told as SourceError."""
        try:
            with snapshot(self.config) as connection:
                yield connection
        except pymysql.Error as error:
            raise error_of(self.name, entity, None, error) from error
        except (OSError, RuntimeError) as error:
            what = f"no connection ({type(error).__name__}: {error})"
            remedy = f"See host, port, ssl_ca and the login of sources.{self.name}.dsn."
            raise SourceError(self.name, entity, what, remedy) from error
