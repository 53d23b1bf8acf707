"""The rows of one history, brought to a position: what differs is closed and added, no more."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from moshtari.publication.marts import Mart

# Up to this position a row holds that nothing has taken back.
OPEN = 2_147_483_647


@dataclass(frozen=True)
class HistoryWrite:
    """One mart's history being written: between which positions, and with which columns."""

    mart: Mart
    run_id: int
    prior: int | None
    head: int
    position: int
    columns: tuple[str, ...]

    @property
    def key(self) -> sql.Identifier:
        assert self.mart.scope is not None
        return sql.Identifier(self.mart.scope)

    @property
    def scope(self) -> sql.Identifier:
        return sql.Identifier("candidate", self.mart.scope_table)

    @property
    def rows(self) -> sql.Identifier:
        return sql.Identifier("candidate", self.mart.history_table)

    def names(self, alias: str = "") -> sql.Composed:
        return sql.SQL(", ").join(
            sql.Identifier(alias, name) if alias else sql.Identifier(name) for name in self.columns
        )

    def fill(self, text: str, **more: sql.Composable) -> sql.Composed:
        """A statement of this write; ``{same}`` compares rows d and h."""
        same = sql.SQL(" and ").join(
            sql.SQL("d.{0} is not distinct from h.{0}").format(sql.Identifier(name))
            for name in self.columns
        )
        known: dict[str, sql.Composable] = {
            "history": self.mart.history,
            "rows": self.rows,
            "scope": self.scope,
            "key": self.key,
            "same": same,
            "columns": self.names(),
            "names": self.names("h"),
            "open": sql.Literal(OPEN),
            "position": sql.Literal(self.position),
            "prior": sql.Literal(self.prior),
            "head": sql.Literal(self.head),
        }
        return sql.SQL(text).format(**{**known, **more})


def found(connection: psycopg.Connection, write: HistoryWrite) -> int:
    """The first history is the candidate's own table, given its positions without a rewrite."""
    for (constraint,) in connection.execute(
        "select conname from pg_constraint where conrelid = to_regclass(%s) "
        "and contype in ('p', 'u', 'x')",
        [f"candidate.{write.mart.history_table}"],
    ).fetchall():
        connection.execute(
            write.fill("alter table {rows} drop constraint {c}", c=sql.Identifier(constraint))
        )
    for (index,) in connection.execute(
        "select c.relname from pg_index as i inner join pg_class as c on c.oid = i.indexrelid "
        "where i.indrelid = to_regclass(%s)",
        [f"candidate.{write.mart.history_table}"],
    ).fetchall():
        connection.execute(sql.SQL("drop index {}").format(sql.Identifier("candidate", index)))
    for statement in (
        "alter table {rows} set schema store",
        "alter table {history} owner to moshtari_publisher",
        "alter table {history} drop column run_id, drop column as_of_date,"
        " add column from_position integer not null default {position},"
        " add column to_position integer not null default {open}",
        "alter table {history} alter column from_position drop default,"
        " alter column to_position drop default",
        # Room for the end of a row beside the row, so that ending it touches no index.
        "alter table {history} set (fillfactor = 90)",
        "create index on {history} ({key})",
        "create index on {history} using brin (from_position, to_position)",
        "grant select on {history} to moshtari_builder, moshtari_auditor",
    ):
        connection.execute(write.fill(statement))
    row = connection.execute(write.fill("select count(*) from {history}")).fetchone()
    assert row is not None
    return int(row[0])


def replace(
    connection: psycopg.Connection, write: HistoryWrite, *, everything: bool
) -> tuple[int, int]:
    """Close what is open and no longer true, add what is new; how many were added, and are open.

    Rows are compared whole, so a row that comes again as it was costs nothing.
    """
    row = connection.execute(
        "select open_rows from ops.line_marts where mart = %s", [write.mart.table]
    ).fetchone()
    assert row is not None
    if everything:
        closed, added = _replace_everything(connection, write)
    else:
        closed, added = _replace_scope(connection, write)
    return added, row[0] - closed + added


def _replace_everything(connection: psycopg.Connection, write: HistoryWrite) -> tuple[int, int]:
    closed = connection.execute(
        write.fill(
            "update {history} as h set to_position = {position} "
            "where h.to_position = {open} and not exists "
            "(select from {rows} as d where d.{key} = h.{key} and {same})"
        )
    ).rowcount
    added = connection.execute(
        write.fill(
            "insert into {history} ({columns}, from_position, to_position) "
            "select {columns}, {position}, {open} from {rows} as d where not exists "
            "(select from {history} as h"
            " where h.to_position = {open} and h.{key} = d.{key} and {same})"
        )
    ).rowcount
    return closed, added


def _replace_scope(connection: psycopg.Connection, write: HistoryWrite) -> tuple[int, int]:
    """The same for the keys in scope, with one look at the history: it is large, they are few."""
    _make(connection, write, "line_scope", "select {key} from {scope}")
    _make(connection, write, "line_rows", "select {columns} from {rows}")
    if write.prior != write.head:
        _put_back(connection, write)
    _make(
        connection,
        write,
        "line_open",
        "select h.ctid as place, {names} from {history} as h where h.to_position = {open}"
        " and h.{key} in (select s.{key} from pg_temp.line_scope as s)",
    )
    # Nobody else moves an open row: who would write here waits for ops.line.
    closed = connection.execute(
        write.fill(
            "update {history} set to_position = {position} where to_position = {open}"
            " and ctid = any(array("
            "select h.place from pg_temp.line_open as h where not exists "
            "(select from pg_temp.line_rows as d where d.{key} = h.{key} and {same})))"
        )
    ).rowcount
    added = connection.execute(
        write.fill(
            "insert into {history} ({columns}, from_position, to_position) "
            "select {columns}, {position}, {open} from pg_temp.line_rows as d where not exists "
            "(select from pg_temp.line_open as h where h.{key} = d.{key} and {same})"
        )
    ).rowcount
    return closed, added


def _put_back(connection: psycopg.Connection, write: HistoryWrite) -> None:
    """Add the keys that runs since the prior one have changed, with the rows they had there."""
    _make(
        connection,
        write,
        "line_undone",
        "select distinct h.{key} from {history} as h where (h.from_position > {prior}"
        " or (h.to_position > {prior} and h.to_position <= {head}))"
        " and not exists (select from {scope} as s where s.{key} = h.{key})",
    )
    connection.execute(
        write.fill(
            "insert into pg_temp.line_rows select {names} from {history} as h "
            "where h.from_position <= {prior} and h.to_position > {prior}"
            " and h.{key} in (select u.{key} from pg_temp.line_undone as u)"
        )
    )
    connection.execute("insert into pg_temp.line_scope select * from pg_temp.line_undone")
    for table in ("line_scope", "line_rows"):
        connection.execute(sql.SQL("analyze {}").format(sql.Identifier("pg_temp", table)))


def _make(connection: psycopg.Connection, write: HistoryWrite, name: str, query: str) -> None:
    """A table of the transaction's own, with the statistics that a good plan needs."""
    table = sql.Identifier("pg_temp", name)
    connection.execute(
        sql.SQL("create temporary table {} on commit drop as {}").format(
            sql.Identifier(name), write.fill(query)
        )
    )
    connection.execute(sql.SQL("analyze {}").format(table))
