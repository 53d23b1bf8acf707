"""Where a large reading of PostgreSQL is cut: by quantiles of the key, from a sample of a table.

Ranges are of the key and never of pages (ctid): a row that is updated moves to another page, and
between the readings of two ranges it would be read twice or not at all.
"""

# ruff: noqa: S608 - the deployment's own SQL is what this module sends

from __future__ import annotations

from collections.abc import Callable

import psycopg
from psycopg import sql

from moshtari.sources.abilities import KeyRange
from moshtari.sources.ranges import Parallel, bounds_of, condition, fractions

# So many rows, taken by pages, tell the size of a part to within a tenth; the parts are planned
# larger by more than that, so that none comes out smaller than it was to be.
_SAMPLE = 200_000
_MARGIN = 1.25
_FEWEST_SAMPLED = 5_000


def quantiles(
    connection: psycopg.Connection,
    parallel: Parallel,
    select: str,
    table: str | None,
    sample: Callable[[float], str],
) -> list[str]:
    """Bounds of the parts of ``select``, whose one column is `key`; none where it is to stay whole.

    ``sample`` gives the same query of a sample of ``table``, in per cent of its pages.
    """
    expected = _estimate(connection, select)
    if parallel.parts_of(expected) < 2:
        return []
    percent = 100 * _SAMPLE / expected
    if table is not None and percent < 50 and _can_be_sampled(connection, table):
        taken = sample(percent)
        found = _count(connection, taken)
        if found >= _FEWEST_SAMPLED:
            return _cut(connection, taken, parallel.parts_of(found * 100 / percent / _MARGIN))
    return _cut(connection, select, parallel.parts_of(_count(connection, select)))


def in_range(connection: psycopg.Connection, expression: str, oid: int, key_range: KeyRange) -> str:
    """A condition for the rows of a range of the expression, which has the type ``oid``."""
    # Without -1 the name of char(n) would be that of char(1).
    row = connection.execute("select format_type(%s, -1)", [oid]).fetchone()
    assert row is not None

    def literal(bound: str | None) -> str | None:
        return None if bound is None else f"{sql.Literal(bound).as_string(connection)}::{row[0]}"

    return condition(f"({expression})", literal(key_range.lower), literal(key_range.upper))


def _cut(connection: psycopg.Connection, select: str, parts: int) -> list[str]:
    if parts < 2:
        return []
    row = connection.execute(
        f"select (percentile_disc(array{fractions(parts)}::float8[]) within group (order by key))"
        f"::text[] from ({select}) as keys".encode()
    ).fetchone()
    assert row is not None
    return bounds_of(row[0] or [])


def _estimate(connection: psycopg.Connection, select: str) -> float:
    row = connection.execute(f"explain (format json) {select}".encode()).fetchone()
    assert row is not None
    return float(row[0][0]["Plan"]["Plan Rows"])


def _count(connection: psycopg.Connection, select: str) -> int:
    row = connection.execute(f"select count(*) from ({select}) as keys".encode()).fetchone()
    assert row is not None
    return int(row[0])


def _can_be_sampled(connection: psycopg.Connection, table: str) -> bool:
    """Whether it is the name of a table with pages of its own, and not a view or a join."""
    try:
        with connection.transaction():
            row = connection.execute(
                "select relkind in ('r', 'm', 'p') from pg_class where oid = to_regclass(%s)",
                [table],
            ).fetchone()
    except psycopg.Error:
        if connection.closed:
            raise
        return False
    return row is not None and bool(row[0])
