"""Which columns a table or query of a PostgreSQL has, and those that are new as one value."""

# ruff: noqa: S608 - the deployment's own SQL is what is wrapped here

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import psycopg
from psycopg import sql

_NAME = re.compile(r'(?:(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)\s*\.\s*)*("(?:[^"]|"")+"|[^\W\d][\w$]*)')


def columns_of(connection: psycopg.Connection, relation: str) -> dict[str, str]:
    """Names and types, in their order; none where they cannot be read.

    That is so where the login may read some columns only. Of columns of one name none is told.
    """
    try:
        with connection.transaction():
            cursor = connection.execute(f"select * from {relation} limit 0".encode())
            found = [(column.name, column.type_code) for column in cursor.description or ()]
            rows = connection.execute(
                "select oid, format_type(oid, null) from unnest(%s::oid[]) as types (oid)",
                [[oid for _, oid in found]],
            )
            types: dict[int, str] = dict(rows.fetchall())
    except psycopg.Error:
        if connection.closed:
            raise
        return {}
    times = Counter(name for name, _ in found)
    return {name: types[oid] for name, oid in found if times[name] == 1}


def extra_of(connection: psycopg.Connection, names: Sequence[str]) -> str:
    """Some columns as one JSON object of texts."""
    keys = ", ".join(sql.Literal(name).as_string(connection) for name in names)
    values = ", ".join(f"{sql.Identifier(name).as_string(connection)}::text" for name in names)
    return f"jsonb_object(array[{keys}]::text[], array[{values}]::text[])"


def name_at(error: psycopg.Error, statement: str) -> str:
    """The column that an error points to in a statement, whatever language the server speaks."""
    position = error.diag.statement_position
    match = _NAME.match(statement, int(position) - 1) if position else None
    return match[1].strip('"').replace('""', '"') if match else "that it asks for"
