"""A first load into an empty table: rows go straight into raw, and are indexed when they are in.

What landing promises is kept: rows that break the contract go to quarantine (the source leaves them
out; where they are many, they come out of raw again), of rows of one key the latest stays, and all
of it is one transaction. What a first load need not do is compare, and so nothing is copied twice.
"""

# ruff: noqa: S608 - names come from the contract, values are parameters

from __future__ import annotations

from collections.abc import Collection

import psycopg

from moshtari.landing import rules, statements
from moshtari.landing.contract import EXTRA, Entity
from moshtari.sources.base import BadRows


class Founding:
    """The table of one first load, within the load's transaction."""

    def __init__(
        self,
        connection: psycopg.Connection,
        source: str,
        entity: Entity,
        load_id: int,
        origin: str | None = None,
    ) -> None:
        self._connection, self._entity, self._load_id = connection, entity, load_id
        self._source, self.origin = source, origin
        self.table = f"raw.{entity.name}"
        self.begun = False
        self.has_bad_rows = True
        """Whether a row of the table may break the contract, as far as is known."""

    def begin(self) -> bool:
        """Make the table ready; False when it is in use or holds anything."""
        self._connection.execute("savepoint founding")
        row = self._connection.execute(
            "select ops.begin_founding(%s, %s, %s)",
            [self._entity.name, self._source, self._load_id],
        ).fetchone()
        self.begun = row is not None and bool(row[0])
        if self.begun:
            # The commit waits for all of the table to reach the disk: most should be there by then.
            self._connection.execute("set local backend_flush_after = '2MB'")
        return self.begun

    def undo(self) -> None:
        """Leave the table as it was before, with nothing of what was taken since."""
        if self.begun:
            self._connection.execute("rollback to savepoint founding")
            self.begun = False

    def expressions(self, given: Collection[str]) -> dict[str, str]:
        """Columns of the table as SQL over those of the contract: all that the table cannot know.

        What every row of the load has in common is the table's default until the load's end, and a
        column that the source does not give and the contract has no default for is null.
        """
        entity = self._entity
        return {
            **{
                column.name: rules.value(column)
                for column in entity.columns
                if column.name in given or column.default
            },
            # A row without a key comes out again before the keys are indexed.
            "_key": f"coalesce({entity.key_sql()}, '')",
            "_changed_at": f"({statements.changed_at(entity)})::timestamptz",
            **({"_is_deleted": "coalesce(_is_deleted, false)"} if "_is_deleted" in given else {}),
            **({EXTRA: f"nullif(jsonb_strip_nulls({EXTRA}), '{{}}')"} if EXTRA in given else {}),
        }

    def take_left_out(self, bad: BadRows) -> int:
        """Take what the stream left out to the typed rows, to be judged there; returns how many."""
        self.has_bad_rows = bad.others_came
        statement = statements.insert_left_out(self._entity)
        return self._connection.execute(statement, [bad.left_out]).rowcount

    def reject(self) -> int:
        """Move rows that break the contract to the rejected; returns how many."""
        if not self.has_bad_rows:
            return 0
        self._connection.execute(statements.set_apart(self._entity, self.table))
        if self._connection.execute(statements.REJECT_APART).rowcount == 0:
            return 0
        return self._take_back(f"select array_agg(row_id) from {statements.APART}")

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
        # The workers that sort share it; with less they sort every part in several runs.
        self._connection.execute("set local maintenance_work_mem = '512MB'")
        self._connection.execute("select ops.end_founding(%s)", [self._entity.name])

    def _take_back(self, row_ids: str) -> int:
        row = self._connection.execute(
            f"select ops.take_back(%s, %s, ({row_ids}))", [self._entity.name, self._load_id]
        ).fetchone()
        assert row is not None
        return int(row[0])
