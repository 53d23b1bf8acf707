"""A first load into an empty table: rows go straight into raw, and are indexed when they are in.

What landing promises is kept: rows that break the contract go to quarantine and come out of raw
again, of rows of one key the latest stays, and all of it is one transaction. What a first load need
not do is compare, and so nothing is copied twice.
"""

# ruff: noqa: S608 - names come from the contract, values are parameters

from __future__ import annotations

import psycopg
from psycopg import sql

from moshtari.landing import rules, statements
from moshtari.landing.contract import EXTRA, Entity


class Founding:
    """The table of one first load, within the load's transaction."""

    def __init__(
        self, connection: psycopg.Connection, source: str, entity: Entity, load_id: int
    ) -> None:
        self._connection, self._entity, self._load_id = connection, entity, load_id
        self._source = source
        self.table = f"raw.{entity.name}"
        self.begun = False

    def begin(self) -> bool:
        """Make the table ready; False when it is in use or holds anything."""
        row = self._connection.execute(
            "select ops.begin_founding(%s)", [self._entity.name]
        ).fetchone()
        self.begun = row is not None and bool(row[0])
        return self.begun

    def expressions(self, *, extra: bool) -> dict[str, str]:
        """Every column of the table as SQL over the contract's columns, those of landing too.

        Columns that are new at the source are among them if it gives any.
        """
        entity = self._entity
        changed_at = statements.changed_at(entity)
        return {
            **{column.name: rules.value(column) for column in entity.columns},
            "_source": sql.Literal(self._source).as_string() + "::text",
            # A row without a key comes out again before the keys are indexed.
            "_key": f"coalesce({entity.key_sql()}, '')",
            "_load_id": f"{self._load_id}::bigint",
            "_known_from": "'-infinity'::date",
            "_changed_at": f"({changed_at})::timestamptz",
            "_is_deleted": "coalesce(_is_deleted, false)",
            **({EXTRA: f"nullif(jsonb_strip_nulls({EXTRA}), '{{}}')"} if extra else {}),
        }

    def reject(self) -> int:
        """Move rows that break the contract to the rejected; returns how many."""
        # An aggregate, and not `exists`: that would not be asked of several workers at once.
        bad = f"from {self.table} where not {rules.is_good(self._entity)}"
        row = self._connection.execute(f"select count(*) {bad}").fetchone()
        if row is None or row[0] == 0:
            return 0
        self._connection.execute(statements.reject_typed(self._entity, self.table))
        return self._take_back(f"select array_agg(ctid) {bad}")

    def index(self) -> int:
        """Index what has come; returns how many rows gave way to a later one of their key."""
        given_way = 0
        try:
            with self._connection.transaction():
                self._end()
        except psycopg.errors.UniqueViolation:
            self._connection.execute(statements.find_losers(self._entity, relation=self.table))
            given_way = self._take_back(
                f"select array_agg(row_id) from {statements.LOSERS} as losers"
            )
            self._end()
        return given_way

    def _end(self) -> None:
        self._connection.execute("select ops.end_founding(%s)", [self._entity.name])

    def _take_back(self, row_ids: str) -> int:
        row = self._connection.execute(
            f"select ops.take_back(%s, %s, ({row_ids}))", [self._entity.name, self._load_id]
        ).fetchone()
        assert row is not None
        return int(row[0])
