"""From candidate to store: each mart of a run becomes a partition, without a copy."""

from __future__ import annotations

import psycopg
from psycopg import sql

from moshtari.publication.errors import (
    CandidateMissingError,
    CandidateShapeError,
    PublicationError,
    WrongRunError,
)
from moshtari.publication.history import is_written
from moshtari.publication.marts import Column, Mart, attached_to, columns_of
from moshtari.publication.readers import patiently
from moshtari.publication.runs import RunInfo, hold_fence

_CHECK = sql.Identifier("rows_of_one_run")


def require_candidates(
    connection: psycopg.Connection, marts: tuple[Mart, ...], run: RunInfo
) -> None:
    """Raise CandidateMissingError unless each mart has its candidates, or is in the store."""
    missing = [
        mart.table
        for mart in marts
        if mart.partition_name(run.run_id) not in attached_to(connection, mart)
        and not columns_of(connection, "candidate", mart.table)
    ]
    missing += [
        table
        for mart in marts
        if not is_written(connection, mart, run)
        for table in (mart.history_table, mart.scope_table)
        if not columns_of(connection, "candidate", table)
    ]
    if missing:
        raise CandidateMissingError(run.run_id, missing)


def prepare_parent(connection: psycopg.Connection, mart: Mart, run_id: int, seconds: float) -> None:
    """Make ``store.<mart>`` as the candidate is, or add to it the columns that are new.

    Adding a column is the one step that needs a lock readers feel; it happens when a release adds
    one, and lets them pass every 150 ms. Raises CandidateShapeError when a column is gone or has
    another type.
    """
    candidate = columns_of(connection, "candidate", mart.table)
    parent = columns_of(connection, "store", mart.table)
    if not candidate:
        return  # attached by an earlier try, which prepared the parent too
    new = _new_columns(mart, parent, candidate)
    if parent and not new:
        return

    def work(connection: psycopg.Connection) -> None:
        hold_fence(connection, run_id, strength="share")
        if parent:
            statement = sql.SQL("alter table {} {}").format(
                mart.parent,
                sql.SQL(", ").join(sql.SQL("add column ") + _definition(c) for c in new),
            )
        else:
            statement = sql.SQL("create table {} ({}) partition by list (run_id)").format(
                mart.parent, sql.SQL(", ").join(_definition(column) for column in candidate)
            )
        connection.execute(statement)

    patiently(connection, work, seconds=seconds, doing=f"preparing store.{mart.table}")


def attach(connection: psycopg.Connection, mart: Mart, run_id: int, seconds: float) -> bool:
    """Move the candidate into the store and attach it, in one transaction; False if it was there.

    Readers are not held up: the strong locks fall on the candidate alone. Raises FencedError,
    WrongRunError and, when someone else holds the candidate, ReadersBusyError.
    """

    def work(connection: psycopg.Connection) -> bool:
        hold_fence(connection, run_id, strength="share")
        attached = attached_to(connection, mart)
        built_again = bool(columns_of(connection, "candidate", mart.table))
        if mart.partition_name(run_id) in attached:
            if built_again:
                raise PublicationError(
                    f"candidate.{mart.table} was built again after run {run_id} had been attached "
                    f"to the store. Begin a new run for this day"
                )
            return False
        _move(connection, mart, run_id)
        connection.execute(
            sql.SQL("alter table {} attach partition {} for values in ({})").format(
                mart.parent, mart.partition(run_id), sql.Literal(run_id)
            )
        )
        connection.execute(
            sql.SQL("alter table {} drop constraint {}").format(mart.partition(run_id), _CHECK)
        )
        _count(connection, mart, run_id)
        return True

    return patiently(
        connection,
        work,
        seconds=seconds,
        doing=f"attaching candidate.{mart.table} to the store",
        schemas=("candidate",),
    )


def _move(connection: psycopg.Connection, mart: Mart, run_id: int) -> None:
    # The check is what spares the attach its own scan, and it says early whose rows these are.
    try:
        connection.execute(
            sql.SQL(
                "alter table {} add constraint {} check (run_id is not null and run_id = {})"
            ).format(mart.candidate, _CHECK, sql.Literal(run_id))
        )
    except psycopg.errors.CheckViolation:
        raise WrongRunError(run_id, mart.table) from None  # its detail would show a row
    name = mart.partition_name(run_id)
    # Names of indexes are unique in a schema, and every run's candidate brings the same ones.
    for position, index in enumerate(_indexes(connection, mart), start=1):
        connection.execute(
            sql.SQL("alter index {} rename to {}").format(
                sql.Identifier("candidate", index), sql.Identifier(f"{name}_ix{position}")
            )
        )
    moved = sql.Identifier("candidate", name)
    for statement in (
        sql.SQL("alter table {} rename to {}").format(mart.candidate, sql.Identifier(name)),
        sql.SQL("alter table {} set schema store").format(moved),
        # From here on the builder can no longer write to it.
        sql.SQL("alter table {} owner to moshtari_publisher").format(mart.partition(run_id)),
    ):
        connection.execute(statement)
    # The build has analyzed what it made; statistics go with the table.
    found = connection.execute(
        "select reltuples < 0 from pg_class where oid = to_regclass(%s)", [f"store.{name}"]
    ).fetchone()
    if found and found[0]:
        connection.execute(sql.SQL("analyze {}").format(mart.partition(run_id)))


def _count(connection: psycopg.Connection, mart: Mart, run_id: int) -> None:
    connection.execute(
        sql.SQL(
            """
            update ops.runs
            set row_counts = coalesce(row_counts, '{{}}')
                || jsonb_build_object({}, (select count(*) from {}))
            where run_id = {}
            """
        ).format(sql.Literal(mart.table), mart.partition(run_id), sql.Literal(run_id))
    )


def _indexes(connection: psycopg.Connection, mart: Mart) -> list[str]:
    rows = connection.execute(
        """
        select c.relname
        from pg_index as i
        inner join pg_class as c on c.oid = i.indexrelid
        where i.indrelid = to_regclass(%s)
        order by c.relname
        """,
        [f"candidate.{mart.table}"],
    )
    return [row[0] for row in rows]


def _definition(column: Column) -> sql.Composed:
    # The type's text comes from format_type, so it is SQL already.
    return sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.type))


def _new_columns(mart: Mart, parent: list[Column], candidate: list[Column]) -> list[Column]:
    offered = {column.name: column for column in candidate}
    problems = [] if "run_id" in offered else ["column run_id is missing"]
    for column in parent:
        if column.name not in offered:
            problems.append(f"column {column.name} ({column.type}) is gone")
        elif offered[column.name].type != column.type:
            now = offered[column.name].type
            problems.append(f"column {column.name} was {column.type} and is {now}")
    if problems:
        raise CandidateShapeError(mart.table, mart.view_name, problems)
    known = {column.name for column in parent}
    return [column for column in candidate if column.name not in known]
