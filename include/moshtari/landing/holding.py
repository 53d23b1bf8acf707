"""Suspicious loads: one that reads far less than its source usually supplies is held.

A shop that suddenly sold nothing is far less likely than a source that shows nothing. What is usual
is the median of the latest loads of the same source and entity, by day; a first load, and a source
of few rows or few loads, is never held. A held load lands nothing; `accept` confirms it, and the
next try lands it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import psycopg

from moshtari.landing.errors import LandingError

# Of as many days the usual size is known; before that there is nothing to be suspicious by.
_LOADS_LOOKED_AT = 14
_FEWEST_LOADS = 4


@dataclass(frozen=True)
class HoldPolicy:
    """Below which share of the usual rows a load is held, and from how many usual rows on."""

    below_share: float = 0.2
    fewest_rows: int = 30


class HeldLoadError(LandingError):
    """A load was held; nothing of it is in raw. The message has the figures and the command."""

    def __init__(self, source: str, entity: str, day: date, read: int, usual: int) -> None:
        self.day, self.read, self.usual = day, read, usual
        super().__init__(
            source,
            entity,
            f"held: {read:,} rows for {day}, where {usual:,} are usual",
            f"See whether the source is whole. If it is: moshtari accept-load {source} {entity} "
            f'--date {day} --because "…", which lands it',
        )

    def __reduce__(self) -> tuple[type[HeldLoadError], tuple[str, str, date, int, int]]:  # type: ignore[override]
        return type(self), (self.source, self.entity, self.day, self.read, self.usual)


def usual_rows(
    connection: psycopg.Connection, source: str, entity: str, day: date, origin: str | None
) -> float | None:
    """Median of the rows read a day by the latest loads; None where too few have landed.

    Of files, the rows of one file.
    """
    row = connection.execute(
        """
        select percentile_cont(0.5) within group (order by rows_a_day), count(*)
        from (
            select
                coalesce((details ->> 'rows_in_parts')::bigint, read_rows)::double precision
                / case when origin is null then business_date - covers_from + 1 else 1 end
                    as rows_a_day
            from ops.loads
            where
                source = %(source)s
                and entity = %(entity)s
                and status = 'landed'
                and (origin is null) = %(is_no_file)s
                and business_date <= %(day)s
                and (origin is not null or covers_from is not null)
                and not details ?| array[
                    'already_landed', 'replayed', 'reconciled', 'files', 'part'
                ]
            order by business_date desc, load_id desc
            limit %(looked_at)s
        ) as latest
        """,
        {
            "source": source,
            "entity": entity,
            "day": day,
            "is_no_file": origin is None,
            "looked_at": _LOADS_LOOKED_AT,
        },
    ).fetchone()
    if row is None or row[1] < _FEWEST_LOADS:
        return None
    return float(row[0])


def hold_if_suspicious(
    connection: psycopg.Connection,
    policy: HoldPolicy,
    source: str,
    entity: str,
    day: date,
    covers_from: date | None,
    read: int,
    origin: str | None = None,
) -> None:
    """Raise HeldLoadError unless the load has about as many rows as usual, or was accepted."""
    if origin is None and covers_from is None:
        return
    usual = usual_rows(connection, source, entity, day, origin)
    if usual is None:
        return
    days = 1 if origin is not None or covers_from is None else (day - covers_from).days + 1
    expected = usual * days
    if expected < policy.fewest_rows or read >= policy.below_share * expected:
        return
    accepted = connection.execute(
        "select rows_seen from ops.accepted_loads"
        " where source = %s and entity = %s and business_date = %s",
        [source, entity, day],
    ).fetchone()
    if accepted is None or read < accepted[0]:
        raise HeldLoadError(source, entity, day, read, round(expected))


def accept(
    connection: psycopg.Connection, source: str, entity: str, day: date, because: str
) -> int:
    """Confirm the latest held load of a day; returns the rows it had read.

    Raises LandingError when none of that day is held.
    """
    held = connection.execute(
        """
        select read_rows from ops.loads
        where source = %s and entity = %s and business_date = %s and status = 'held'
        order by load_id desc
        limit 1
        """,
        [source, entity, day],
    ).fetchone()
    if held is None:
        raise LandingError(
            source, entity, f"no load of {day} is held", "`moshtari status` lists those that are"
        )
    connection.execute(
        """
        insert into ops.accepted_loads (source, entity, business_date, rows_seen, because)
        values (%s, %s, %s, %s, %s)
        on conflict (source, entity, business_date) do update
        set rows_seen = least(accepted_loads.rows_seen, excluded.rows_seen),
            because = excluded.because, accepted_at = clock_timestamp()
        """,
        [source, entity, day, held[0], because],
    )
    connection.commit()
    return int(held[0])
