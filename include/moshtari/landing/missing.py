"""Rows that are gone at the source without a trace: found by their keys, and marked as deleted.

A database does not say what was deleted from it. From time to time all keys that are there are read
and compared with those in raw; of each that is missing, a tombstone lands, known from the day of
the comparison. When an old day is run again, it is known from the last night that has landed: what
is missing today says nothing of the nights before. The comparison takes the load's turn, so nothing
lands between the two. Where a source's lists may be short of rows that it has, those that seem
missing are asked for one by one.
"""

# ruff: noqa: S608 - names come from the contract, values are parameters

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg

from moshtari.landing import rules
from moshtari.landing.contract import Entity
from moshtari.landing.errors import LandingError, describe
from moshtari.landing.ledger import RECONCILED, Counts
from moshtari.sources.abilities import AskableSource, KeyedSource
from moshtari.sources.base import TextRows, Window

_PRESENT = "pg_temp.present"
FOUND_WHEN_ASKED = "found_when_asked"


@dataclass(frozen=True)
class KeyComparison:
    """What a load does otherwise when it compares keys.

    Up to `fewest` missing rows, or `share` of those known, are taken for deleted without being
    told; a share of 1 takes any number. Of an `AskableSource`, up to `asked` are asked for before
    they count.
    """

    source: KeyedSource
    share: float = 0.1
    fewest: int = 30
    asked: int = 1_000

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
    known_from = max(business_date, _last_night(connection, source, entity) or business_date)
    values = {"source": source, "load_id": load_id, "known_from": known_from}
    connection.execute(_COMPARE.format(entity=entity.name, present=_PRESENT), values)
    row = connection.execute(
        "select count(*), count(*) filter (where is_missing) from pg_temp.compared"
    ).fetchone()
    assert row is not None
    known, missing = row
    most = max(comparison.fewest, int(comparison.share * known))
    details: dict[str, Any] = {RECONCILED: True, "keys_at_source": there}
    if isinstance(comparison.source, AskableSource) and (
        comparison.share == 1 or missing <= max(most, comparison.asked)
    ):
        found = _ask(connection, source, entity, comparison.source)
        details[FOUND_WHEN_ASKED] = found
        missing -= found
    if comparison.share < 1 and missing > most:
        raise LandingError(
            source,
            entity.name,
            f"{missing:,} of {known:,} rows are gone at the source, where {most:,} at most are "
            "taken for deleted without being told",
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
            %(known_from)s,
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
    return Counts(read=known, landed=buried, unchanged=known - buried, details=details)


def _last_night(connection: psycopg.Connection, source: str, entity: Entity) -> date | None:
    row = connection.execute(
        "select max(business_date) from ops.loads"
        " where source = %s and entity = %s and status = 'landed'",
        [source, entity.name],
    ).fetchone()
    assert row is not None
    last: date | None = row[0]
    return last


def _ask(connection: psycopg.Connection, source: str, entity: Entity, asked: AskableSource) -> int:
    """Take those that are not gone off the missing; returns how many."""
    columns = "".join(f", latest.{name}::text" for name in asked.asked_by(entity.name))
    missing = connection.execute(
        f"""
        select compared._key{columns}
        from pg_temp.compared as compared
        inner join raw.{entity.name} as latest
            on latest._source = %s
                and latest._key = compared._key
                and latest._load_id = compared._load_id
        where compared.is_missing
        order by compared._key
        """,
        [source],
    ).fetchall()
    with closing(asked.are_gone(entity.name, [row[1:] for row in missing])) as gone:
        found = [row[0] for row, is_gone in zip(missing, gone, strict=True) if not is_gone]
    connection.execute(
        "update pg_temp.compared set is_missing = false where _key = any(%s)", [found]
    )
    return len(found)


_COMPARE = """
create temporary table compared on commit drop as
select
    latest._key,
    latest._load_id,
    present._key is null as is_missing
from (
    select distinct on (_key) _key, _load_id, _is_deleted
    from raw.{entity}
    where _source = %(source)s and _known_from <= %(known_from)s
    order by _key, _changed_at desc nulls last, _load_id desc
) as latest
left join {present} as present on latest._key = present._key
where not latest._is_deleted
"""


def _take(
    connection: psycopg.Connection, source: str, entity: Entity, present: Iterable[TextRows]
) -> int:
    """Copy the keys in, in the form that raw has them in; returns how many there are."""
    names = ", ".join(entity.key)
    texts = ", ".join(f"{name} text" for name in entity.key)
    typed = ", ".join(
        name if column.is_text else f"{rules.normalised(column)}::{column.pg_type} as {name}"
        for name, column in ((name, entity.column(name)) for name in entity.key)
    )
    connection.execute(f"create temporary table present_keys ({texts}) on commit drop")
    statement = f"copy pg_temp.present_keys ({names}) from stdin"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for batch in present:
            for row in batch.rows:
                # A key that no text can hold never landed.
                if not any("\0" in (value or "") for value in row):
                    copy.write_row(row)
    try:
        connection.execute(
            "create temporary table present on commit drop as"
            f" select distinct {entity.key_sql()} as _key"
            f" from (select {typed} from pg_temp.present_keys) as typed"
        )
    except psycopg.DataError as error:
        raise LandingError(
            source,
            entity.name,
            f"a key at the source is not of its type: {describe(error)}",
            f"Mend the expression of {' or '.join(entity.key)} in the source's mapping",
        ) from None
    connection.execute(f"analyze {_PRESENT}")
    counted = connection.execute(f"select count(*) from {_PRESENT}").fetchone()
    return int(counted[0]) if counted else 0
