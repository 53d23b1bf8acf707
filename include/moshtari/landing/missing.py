"""Rows that are gone at the source without a trace: found by their keys, and marked as deleted.

A database does not say what was deleted from it. From time to time all keys that are there are read
and compared with those in raw; of each that is missing, a tombstone lands, known from the day of
the comparison. It takes the load's turn, so nothing lands between the two.
"""

# ruff: noqa: S608 - names come from the contract, values are parameters

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import date

import psycopg

from moshtari.landing.contract import Entity
from moshtari.landing.errors import LandingError, describe
from moshtari.landing.ledger import RECONCILED, Counts
from moshtari.sources.base import KeyedSource, TextRows, Window

_PRESENT = "pg_temp.present"


@dataclass(frozen=True)
class KeyComparison:
    """What a load does otherwise when it compares keys.

    Up to `fewest` missing rows, or `share` of those known, are taken for deleted without being
    asked; a share of 1 takes any number.
    """

    source: KeyedSource
    share: float = 0.1
    fewest: int = 30

    def settle(
        self,
        connection: psycopg.Connection,
        source: str,
        entity: Entity,
        load_id: int,
        window: Window,
    ) -> Counts:
        """Land the tombstones, within the load's transaction; of the counts, `read` are the keys
        that raw had.

        Raises LandingError when more are missing than are taken for deleted, and SourceError.
        """
        with closing(self.source.keys(entity.name, window)) as present:
            there = _take(connection, source, entity, present)
        return _bury(connection, source, entity, load_id, window.business_date, there, self)


def _bury(
    connection: psycopg.Connection,
    source: str,
    entity: Entity,
    load_id: int,
    business_date: date,
    there: int,
    comparison: KeyComparison,
) -> Counts:
    values = {"source": source, "load_id": load_id, "business_date": business_date}
    connection.execute(_COMPARE.format(entity=entity.name, present=_PRESENT), values)
    row = connection.execute(
        "select count(*), count(*) filter (where is_missing) from pg_temp.compared"
    ).fetchone()
    assert row is not None
    known, missing = row
    most = max(comparison.fewest, int(comparison.share * known))
    if comparison.share < 1 and missing > most:
        raise LandingError(
            source,
            entity.name,
            f"{missing:,} of {known:,} rows are gone at the source, where {most:,} at most are "
            "taken for deleted without being asked",
            f"See whether the source is whole. If it is: moshtari reconcile {source} {entity.name} "
            f"--date {business_date} --however-many",
        )
    columns = ", ".join(f"latest.{name}" for name in entity.column_names)
    names = ", ".join(entity.column_names)
    buried = connection.execute(
        f"""
        insert into raw.{entity.name} (
            {names}, _source, _key, _load_id, _known_from, _changed_at, _is_deleted, _origin
        )
        select
            {columns},
            latest._source,
            latest._key,
            %(load_id)s,
            %(business_date)s,
            latest._changed_at,
            true,
            latest._origin
        from pg_temp.compared as compared
        inner join raw.{entity.name} as latest
            on latest._source = %(source)s
                and latest._key = compared._key
                and latest._load_id = compared._load_id
        where compared.is_missing
        """,
        values,
    ).rowcount
    details = {RECONCILED: True, "keys_at_source": there}
    return Counts(read=known, landed=buried, unchanged=known - buried, details=details)


_COMPARE = """
create temporary table compared on commit drop as
select
    latest._key,
    latest._load_id,
    present._key is null as is_missing
from (
    select distinct on (_key) _key, _load_id, _is_deleted
    from raw.{entity}
    where _source = %(source)s and _known_from <= %(business_date)s
    order by _key, _changed_at desc nulls last, _load_id desc
) as latest
left join {present} as present on latest._key = present._key
where not latest._is_deleted
"""


def _take(
    connection: psycopg.Connection, source: str, entity: Entity, present: Iterable[TextRows]
) -> int:
    """Copy the keys in, in the form that raw has them in; returns how many there are."""
    key = ", ".join(f"{name} {entity.column(name).pg_type}" for name in entity.key)
    connection.execute(f"create temporary table present_keys ({key}) on commit drop")
    statement = f"copy pg_temp.present_keys ({', '.join(entity.key)}) from stdin"
    try:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for batch in present:
                for row in batch.rows:
                    copy.write_row(row)
    except psycopg.DataError as error:
        raise LandingError(
            source,
            entity.name,
            f"a key at the source is not of its type: {describe(error)}",
            f"Mend the expression of {' or '.join(entity.key)} in the source's mapping",
        ) from None
    connection.execute(
        f"create temporary table present on commit drop as"
        f" select distinct {entity.key_sql()} as _key from pg_temp.present_keys"
    )
    connection.execute(f"analyze {_PRESENT}")
    counted = connection.execute(f"select count(*) from {_PRESENT}").fetchone()
    return int(counted[0]) if counted else 0
