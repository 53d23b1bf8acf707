"""Rows of a query by COPY: in binary for a stream of typed columns, or as text, row by row."""

# ruff: noqa: S608 - the deployment's own SQL is what this module sends

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import closing

import psycopg
from psycopg import pq
from psycopg.generators import fetch_many

from moshtari.landing.contract import SUPPLIED_SYSTEM_COLUMNS, Entity
from moshtari.sources.base import BadRows, Batch, RejectedRecord, TextRows, TypedReadError
from moshtari.sources.postgres_text import parse_copy_text

# Memory for much larger ones comes from the kernel and goes back to it, each time.
_BLOCK = 64 * 1024
_ROWS_A_BATCH = 2_000
# To libpq: do not wait for more.
_AT_ONCE = 1
_BAD_ROWS, _BAD_ROWS_CAME = "moshtari.bad_rows", "moshtari.bad_rows_came"
_CHARACTERS_NOTED = 200_000


def binary_blocks(connection: psycopg.Connection, select: str) -> Iterator[bytes]:
    """PGCOPY in blocks of 64 KB: the server sends a message a row, and each write costs a call.

    Raises TypedReadError when a value is not of its type.
    """
    block = bytearray()
    received = connection.pgconn.get_copy_data
    try:
        with (
            connection.cursor() as cursor,
            cursor.copy(_sql(f"copy ({select}) to stdout (format binary)")) as copy,
        ):
            # psycopg waits for what is to come. What has come already is taken without it: its step
            # for each row costs more than the row.
            size = 0
            while size >= 0 and (row := copy.read()):
                block += row
                size, more = received(_AT_ONCE)
                while size > 0:
                    block += more
                    size, more = received(_AT_ONCE)
                if len(block) >= _BLOCK:
                    yield bytes(block)
                    block.clear()
            if size < 0:
                _end(connection)
    except psycopg.DataError as error:
        raise TypedReadError(type(error).__name__) from error
    if block:
        yield bytes(block)


def _end(connection: psycopg.Connection) -> None:
    """Take what the server says at the end of its data. Raises what it says went wrong."""
    # libpq's own `get_result` would wait for it without a limit.
    for result in connection.wait(fetch_many(connection.pgconn)):
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result)


def text_lines(
    connection: psycopg.Connection, select: str
) -> Generator[tuple[bytes, tuple[str | None, ...] | None]]:
    """Each row as it came and as values; None for one that is no text."""
    with (
        connection.cursor() as cursor,
        cursor.copy(_sql(f"copy ({select}) to stdout")) as copy,
    ):
        for line in copy:
            yield bytes(line), parse_copy_text(bytes(line))


def text_batches(
    connection: psycopg.Connection, select: str, names: tuple[str, ...], entity: Entity
) -> Iterator[Batch]:
    """The rows of ``select``, whose columns are texts, for landing to cast one by one."""
    connection.rollback()
    key = [names.index(name) for name in entity.key]
    rows: list[tuple[str | None, ...]] = []
    positions: list[str] = []
    with closing(text_lines(connection, select)) as lines:
        for line, row in lines:
            if row is None:
                yield RejectedRecord("no key", "not UTF-8 text", line)
                continue
            rows.append(row)
            positions.append("/".join(row[index] or "" for index in key) or "no key")
            if len(rows) >= _ROWS_A_BATCH:
                yield TextRows(names, rows, positions)
                rows, positions = [], []
    if rows:
        yield TextRows(names, rows, positions)


def with_expressions(
    select: str,
    entity: Entity,
    given: Collection[str],
    expressions: Mapping[str, str],
    is_good: str,
) -> str:
    """The rows of ``select`` with the expressions as columns; what is not given is null to them.

    A row that is not good is left out and noted in the transaction (`bad_rows`), while there is
    room.
    """
    types = {column.name: column.pg_type for column in entity.columns} | SUPPLIED_SYSTEM_COLUMNS
    missing = [f", null::{kind} as {name}" for name, kind in types.items() if name not in given]
    selected = ", ".join(f"{expression} as {name}" for name, expression in expressions.items())
    noted = f"coalesce(current_setting('{_BAD_ROWS}', true), '')"
    left_out = f"set_config('{_BAD_ROWS}', {noted} || ',' || row_to_json(rows), true) is null"
    comes = f"set_config('{_BAD_ROWS_CAME}', 'yes', true) is not null"
    bad = f"case when length({noted}) < {_CHARACTERS_NOTED} then {left_out} else {comes} end"
    # Behind `offset` each value is computed once, however often it is used.
    rows = f"select *{''.join(missing)} from ({select}) as given offset 0"
    return f"select {selected} from ({rows}) as rows where ({is_good}) or {bad}"


def bad_rows(connection: psycopg.Connection) -> BadRows:
    """The rows that were read in this transaction `with_expressions` and are not good."""
    settings = "select current_setting(%s, true), current_setting(%s, true) = 'yes'"
    row = connection.execute(settings, [_BAD_ROWS, _BAD_ROWS_CAME]).fetchone()
    assert row is not None
    noted, others_came = row
    return BadRows(f"[{(noted or '').removeprefix(',')}]", bool(others_came))


def _sql(statement: str) -> bytes:
    """The deployment's own SQL, as psycopg takes statements that are no literals of the program."""
    return statement.encode()
