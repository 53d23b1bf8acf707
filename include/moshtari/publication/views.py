"""The published views: each shows the run that the pointer names, and describes its columns."""

from __future__ import annotations

from importlib.resources import files

import psycopg
from psycopg import sql

from moshtari.publication.history import RUN_COLUMNS
from moshtari.publication.marts import Mart, columns_of, comment_of
from moshtari.publication.readers import patiently
from moshtari.publication.runs import hold_fence

_TABLE_COMMENT = sql.SQL("comment on {} {} is {}")
_ROWS_OF_THE_RUN = sql.SQL(
    "select {} from {} where run_id = (select p.run_id from store.pointer as p)"
)
# Beside the line there is no position, and so no row of the history.
_ROWS_AT_ITS_POSITION = sql.SQL(
    "select {} from {} where from_position <= (select p.line_position from store.pointer as p) "
    "and to_position > (select p.line_position from store.pointer as p)"
)
_PUBLICATIONS = "publications"


def extend_views(
    connection: psycopg.Connection, marts: tuple[Mart, ...], run_id: int, seconds: float
) -> None:
    """Bring the views that exist up to date: columns that were added, comments that changed.

    Views that do not exist yet are left for the flip (`create_missing_views`), so that nobody finds
    one of them empty before there is anything in it.
    """
    for mart in marts:
        if not _exists(connection, mart):
            continue
        if _missing_columns(connection, mart) or not _shows_history(connection, mart):

            def replace(connection: psycopg.Connection, mart: Mart = mart) -> None:
                hold_fence(connection, run_id, strength="share")
                connection.execute(_view(connection, mart))

            patiently(connection, replace, seconds=seconds, doing=f"extending {mart.view_name}")

        def comments(connection: psycopg.Connection, mart: Mart = mart) -> None:
            hold_fence(connection, run_id, strength="share")
            _copy_comments(connection, mart, run_id)

        patiently(connection, comments, seconds=seconds, doing=f"describing {mart.view_name}")
    patiently(
        connection, _ensure_publications_view, seconds=seconds, doing="extending bi.publications"
    )


def create_missing_views(
    connection: psycopg.Connection, marts: tuple[Mart, ...], run_id: int
) -> None:
    """Create the views that do not exist, with comments and grants, in the caller's transaction."""
    for mart in marts:
        if _exists(connection, mart):
            continue
        connection.execute(_view(connection, mart))
        connection.execute(
            sql.SQL("grant select on {} to {}").format(
                mart.view_identifier, sql.Identifier(mart.reader)
            )
        )
        _copy_comments(connection, mart, run_id)


def _exists(connection: psycopg.Connection, mart: Mart) -> bool:
    return bool(columns_of(connection, mart.schema, mart.view))


def _missing_columns(connection: psycopg.Connection, mart: Mart) -> list[str]:
    shown = {column.name for column in columns_of(connection, mart.schema, mart.view)}
    return [
        column.name
        for column in columns_of(connection, "store", mart.table)
        if column.name not in shown
    ]


def _has_history(connection: psycopg.Connection, mart: Mart) -> bool:
    return mart.scope is not None and bool(columns_of(connection, "store", mart.history_table))


def _shows_history(connection: psycopg.Connection, mart: Mart) -> bool:
    """Whether the view reads the mart's history, or there is none to read."""
    if not _has_history(connection, mart):
        return True
    row = connection.execute(
        """
        select 1
        from pg_depend as d
        inner join pg_rewrite as r on r.oid = d.objid
        where d.classid = 'pg_rewrite'::regclass and r.ev_class = to_regclass(%s)
            and d.refobjid = to_regclass(%s)
        limit 1
        """,
        [mart.view_name, f"store.{mart.history_table}"],
    ).fetchone()
    return row is not None


def _view(connection: psycopg.Connection, mart: Mart) -> sql.Composed:
    # A view may be replaced only by one with the same columns first, in the same order.
    shown = [column.name for column in columns_of(connection, mart.schema, mart.view)]
    names = [*shown, *_missing_columns(connection, mart)]
    partition = _ROWS_OF_THE_RUN.format(sql.SQL(", ").join(map(sql.Identifier, names)), mart.parent)
    create = sql.SQL("create or replace view {} as {}")
    if not _has_history(connection, mart):
        return create.format(mart.view_identifier, partition)
    history = _ROWS_AT_ITS_POSITION.format(
        sql.SQL(", ").join(map(_in_history, names)), mart.history
    )
    return create.format(mart.view_identifier, sql.SQL(" union all ").join([partition, history]))


def _in_history(name: str) -> sql.Composable:
    """A column of the view as the history has it, which does not know runs and days."""
    if name in RUN_COLUMNS:
        return sql.SQL("(select p.{0} from store.pointer as p) as {0}").format(sql.Identifier(name))
    return sql.Identifier(name)


def _copy_comments(connection: psycopg.Connection, mart: Mart, run_id: int) -> None:
    """Take the comments that dbt left on the run's own table over to the view."""
    partition = mart.partition_name(run_id)
    wanted = comment_of(connection, "store", partition)
    if wanted and wanted != comment_of(connection, mart.schema, mart.view):
        connection.execute(
            _TABLE_COMMENT.format(sql.SQL("view"), mart.view_identifier, sql.Literal(wanted))
        )
    shown = {c.name: c.comment for c in columns_of(connection, mart.schema, mart.view)}
    for column in columns_of(connection, "store", partition):
        if column.comment and column.name in shown and shown[column.name] != column.comment:
            name = sql.Identifier(mart.schema, mart.view, column.name)
            connection.execute(
                _TABLE_COMMENT.format(sql.SQL("column"), name, sql.Literal(column.comment))
            )


def _ensure_publications_view(connection: psycopg.Connection) -> None:
    """Create ``bi.publications``; a later release that adds a column replaces it."""
    text = (files("moshtari.publication") / "publications.sql").read_text(encoding="utf-8")
    header, _, comments = text.partition("-- comments\n")
    connection.execute("set local search_path to pg_catalog")
    connection.execute(f"create temporary view {_PUBLICATIONS}_wanted as {header}".encode())
    wanted, existing = (
        connection.execute("select pg_get_viewdef(to_regclass(%s))", [name]).fetchone()
        for name in (f"pg_temp.{_PUBLICATIONS}_wanted", f"bi.{_PUBLICATIONS}")
    )
    connection.execute(f"drop view pg_temp.{_PUBLICATIONS}_wanted".encode())
    if wanted == existing:
        return
    connection.execute(f"create or replace view bi.{_PUBLICATIONS} as {header}".encode())
    connection.execute(comments.encode())
    connection.execute(f"grant select on bi.{_PUBLICATIONS} to bi_reader".encode())
