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

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar, TypeVar

import psycopg
from pydantic import BaseModel

from moshtari.landing.contract import ENTITIES
from moshtari.sources.abilities import KeyRange
from moshtari.sources.base import (
    BadRows,
    Batch,
    BinaryCopy,
    CheckResult,
    KeptRecord,
    Origin,
    SourceColumn,
    SourceContext,
    TextRows,
    Window,
)
from moshtari.sources.database import checked
from moshtari.sources.postgres_config import PostgresConfig
from moshtari.sources.postgres_copy import (
    bad_rows,
    binary_blocks,
    text_batches,
    text_lines,
    with_expressions,
)
from moshtari.sources.postgres_mapping import PostgresMapping
from moshtari.sources.postgres_ranges import quantiles
from moshtari.sources.postgres_replay import KeyedRecords
from moshtari.sources.postgres_session import error_of, snapshot
from moshtari.sources.ranges import can_be_cut

# Transactions are counted anew after 2^32; of two that lie further apart than half of that, nobody
# knows which is the older.
_COUNTABLE = 2_000_000_000
_T = TypeVar("_T")


class PostgresSource:
    """Reader of one PostgreSQL database; opens a connection for each entity and check."""

    kind: ClassVar[str] = "postgres"
    Config: ClassVar[type[BaseModel]] = PostgresConfig

    def __init__(self, name: str, config: PostgresConfig, context: SourceContext) -> None:
        self.name = name
        self.config = config
        self.lookback_hours = config.lookback_hours
        self._mappings = {
            entity: PostgresMapping(name, entity, config)
            for entity in ENTITIES
            if entity in config.entities
        }
        self._marks: dict[str, str] = {}

    def entities(self) -> tuple[str, ...]:
        """The configured entities, in the contract's order."""
        return tuple(self._mappings)

    def read(self, entity: str, window: Window) -> Iterator[Batch]:
        """One `BinaryCopy` of the window's rows.

        Raises SourceError when the database cannot be reached, or the mapping does not fit it.
        """
        yield from self.read_range(entity, window, KeyRange(None, None))

    def read_range(self, entity: str, window: Window, key_range: KeyRange) -> Iterator[Batch]:
        """The same of the rows in a range of the first key column."""
        mapping, contract = self._mappings[entity], ENTITIES[entity]
        mapping.new = window.keep
        with self._session(entity) as connection:
            readings = mapping.probe(connection, window.keep)
            late = self._late(connection, entity, window)
            within = mapping.within(connection, key_range)
            typed = {name: reading.typed for name, reading in readings.items()}
            select = mapping.select(window, typed, late, within)

            def as_text() -> Iterator[Batch]:
                text = {name: reading.as_text for name, reading in readings.items()}
                again = mapping.select(window, text, late, within)
                return self._told(entity, text_batches(connection, again, tuple(text), contract))

            def told_of() -> BadRows:
                with self._telling(entity):
                    return bad_rows(connection)

            def extended(expressions: Mapping[str, str], is_good: str) -> BinaryCopy:
                wider = with_expressions(select, contract, readings, expressions, is_good)
                blocks = self._told(entity, binary_blocks(connection, wider))
                return BinaryCopy(tuple(expressions), blocks, as_text, bad_rows=told_of)

            blocks = self._told(entity, binary_blocks(connection, select))
            yield BinaryCopy(tuple(readings), blocks, as_text, extended)

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
        mapping, config = self._mappings[entity], self.config.entities[entity]
        key = {"key": config.columns[ENTITIES[entity].key[0]]}
        with self._session(entity) as connection:
            mapping.probe(connection)
            late = self._late(connection, entity, window)
            select = mapping.select(window, key, late)

            def sample(percent: float) -> str:
                relation = f"{config.table} tablesample system ({percent:.6f})"
                return mapping.select(window, key, late, relation=relation)

            return quantiles(connection, parallel, select, config.table, sample)

    def mark(self, entity: str) -> str | None:
        """The oldest transaction that was open at the last reading (xid8)."""
        return self._marks.get(entity)

    def keys(self, entity: str, window: Window) -> Generator[TextRows]:
        """The keys of all rows that the entity's table or query and its `where` give now."""
        mapping, contract = self._mappings[entity], ENTITIES[entity]
        with self._session(entity) as connection:
            readings = mapping.probe(connection)
            texts = {name: readings[name].as_text for name in contract.key}
            select = mapping.select(None, texts, "true")
            batches = text_batches(connection, select, contract.key, contract)
            for batch in self._told(entity, batches):
                # A row whose key is no text was never landed, so it is not missing either.
                if isinstance(batch, TextRows):
                    yield batch

    def replay(self, entity: str, records: Sequence[KeptRecord], window: Window) -> Iterator[Batch]:
        """The rows of the records' keys as they are now: kept are results of the old mapping."""
        mapping = self._mappings[entity]
        keyed = KeyedRecords(ENTITIES[entity], records)
        yield from keyed.without_key()
        if keyed.keys:
            with self._session(entity) as connection:
                readings = mapping.probe(connection)
                texts = {name: reading.as_text for name, reading in readings.items()}
                found = mapping.select(replace(window, start=None), texts, "false")
                select = keyed.among(found, connection)
                lines = self._told(entity, text_lines(connection, select))
                yield from keyed.rows(tuple(readings), (row for _, row in lines if row))
            yield from keyed.not_found(window)

    def replays_anew(self, entity: str) -> bool:
        return True

    def check(self) -> list[CheckResult]:
        """Connection, then each entity's table, columns and permission."""

        def answer() -> str:
            with self._session(None) as connection:
                return f"PostgreSQL {connection.info.server_version // 10000}"

        def probe(entity: str) -> None:
            with self._session(entity) as connection:
                self._mappings[entity].probe(connection)

        return checked(self.name, answer, self.entities(), probe)

    @contextmanager
    def _session(self, entity: str | None) -> Iterator[psycopg.Connection]:
        """A read-only snapshot, with psycopg's errors told as SourceError."""
        with self._telling(entity), snapshot(self.config) as connection:
            yield connection

    def _told(self, entity: str, batches: Iterator[_T]) -> Iterator[_T]:
        """The iterator, with psycopg's errors told as SourceError: landing runs it, not `read`."""
        with self._telling(entity):
            yield from batches

    @contextmanager
    def _telling(self, entity: str | None) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise error_of(self.name, entity, None, error) from error

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
