"""Where a large reading of MySQL or MariaDB is cut: at the first keys of equal parts.

Only keys that are whole numbers or text are cut by. Others are compared with a literal otherwise
than they are sorted (an enum by its place, and by its name), so that ranges of them might overlap.
"""

# ruff: noqa: S608 - the deployment's own SQL is what this module sends

from __future__ import annotations

from typing import Any

from pymysql.constants import FIELD_TYPE, FLAG

from moshtari.sources.abilities import KeyRange
from moshtari.sources.mysql_session import Connection
from moshtari.sources.ranges import Parallel, bounds_of, condition

_NUMBERS = (
    FIELD_TYPE.TINY,
    FIELD_TYPE.SHORT,
    FIELD_TYPE.INT24,
    FIELD_TYPE.LONG,
    FIELD_TYPE.LONGLONG,
)
_TEXTS = (FIELD_TYPE.VARCHAR, FIELD_TYPE.VAR_STRING, FIELD_TYPE.STRING)
_BINARY = 63


def quantiles(connection: Connection, parallel: Parallel, select: str) -> list[str]:
    """Bounds of the parts of ``select``, whose one column is `cut_at`; none where it stays whole.

    The server's estimate decides whether the rows are counted at all.
    """
    if parallel.parts_of(_estimate(connection, select)) < 2:
        return []
    with connection.cursor() as cursor:
        cursor.execute(f"{select} limit 0")
        if _kind(cursor) is None:
            return []
        cursor.execute(f"select count(*) from ({select}) as counted")
        row = cursor.fetchone()
        parts = parallel.parts_of(int(row[0]) if row else 0)
        if parts < 2:
            return []
        cursor.execute(
            "select min(cut_at) as first from"
            f" (select cut_at, ntile({parts}) over (order by cut_at) as part"
            f" from ({select}) as source_keys) as numbered"
            " group by part having part > 1 order by part"
        )
        found = [row[0] for row in cursor.fetchall()]
    try:
        bounds = bounds_of([None if value is None else value.decode() for value in found])
    except UnicodeDecodeError:
        return []
    # Such a key cannot be kept in the warehouse, not even as a bound.
    return [] if any("\0" in bound for bound in bounds) else bounds


def in_range(connection: Connection, relation: str, expression: str, key_range: KeyRange) -> str:
    """A condition for the rows of a range of the expression."""
    if key_range.lower is None and key_range.upper is None:
        return ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"select ({expression}) as cut_at, charset({expression}), collation({expression})"
            f" from {relation} limit 1"
        )
        is_number = _kind(cursor) == "number"
        row = cursor.fetchone()
    if row is None:
        return ""
    charset, collation = (name.decode() for name in row[1:])

    def literal(bound: str | None) -> str | None:
        if bound is None:
            return None
        if is_number:
            return str(int(bound))
        # Compared in the order in which the keys were sorted; in hex a literal needs no escapes.
        text = f"convert(_utf8mb4 x'{bound.encode().hex()}' using {charset})"
        return f"{text} collate {collation}"

    return condition(f"({expression})", literal(key_range.lower), literal(key_range.upper))


def _kind(cursor: Any) -> str | None:
    """What the one column is: a number, text, or nothing to cut by."""
    field = cursor._result.fields[0]
    if field.type_code in _NUMBERS:
        return "number"
    is_text = field.type_code in _TEXTS and field.charsetnr != _BINARY
    return "text" if is_text and not field.flags & (FLAG.ENUM | FLAG.SET) else None


def _estimate(connection: Connection, select: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"explain {select}")
        place = [column[0] for column in cursor.description or ()].index("rows")
        return max((int(row[place]) for row in cursor.fetchall() if row[place]), default=0)
