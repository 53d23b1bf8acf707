"""Suspicious loads are held: one that reads far less than its source usually supplies, and one of
which much would go to quarantine.

A shop that suddenly sold nothing is far less likely than a source that shows nothing. What is usual
is the median of the latest loads of the same source and entity, by day; a first load, and a source
of few rows or few loads, is never held for it. And where many rows cannot be read, it is rather the
source that has changed, or the mapping that is wrong, than the rows. A held load lands nothing;
`accept` confirms it, and the next try lands it.
"""

# ruff: noqa: S608 - names come from the contract, values are parameters

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import psycopg

from moshtari.landing.errors import LandingError
from moshtari.landing.ledger import Counts
from moshtari.landing.statements import REJECTED

# Of as many days the usual size is known; before that there is nothing to be suspicious by.
_LOADS_LOOKED_AT = 14
_FEWEST_LOADS = 4
_REASONS_TOLD = 3


@dataclass(frozen=True)
class HoldPolicy:
    """Below which share of the usual rows a load is held, and from how many usual rows on."""

    below_share: float = 0.2
    fewest_rows: int = 30


@dataclass(frozen=True)
class RejectionPolicy:
    """Above which share of quarantined rows a load is held, and from how many rows on."""

    above_share: float = 0.1
    fewest_rows: int = 30


class HeldLoadError(LandingError):
    """A load was held; nothing of it is in raw. The message has the figures and the command."""

    rejected = 0

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


class RejectedLoadError(HeldLoadError):
    """A load was held since too many of its rows cannot be read; nothing of it has landed."""

    def __init__(
        self, source: str, entity: str, day: date, read: int, rejected: int, why: str
    ) -> None:
        self.day, self.read, self.rejected, self.why = day, read, rejected, why
        LandingError.__init__(
            self,
            source,
            entity,
            f"held: {rejected:,} of {read:,} rows for {day} would go to quarantine ({why})",
            "Mend the source or its mapping. If the other rows are to land without them: moshtari "
            f'accept-load {source} {entity} --date {day} --because "…"',
        )

    def __reduce__(self) -> tuple[type[RejectedLoadError], tuple[str, str, date, int, int, str]]:  # type: ignore[override]
        arguments = (self.source, self.entity, self.day, self.read, self.rejected, self.why)
        return type(self), arguments


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


def hold_if_mostly_rejected(
    connection: psycopg.Connection,
    policy: RejectionPolicy,
    source: str,
    entity: str,
    day: date,
    counts: Counts,
) -> None:
    """Raise RejectedLoadError when too much of a load is rejected, unless it was accepted."""
    if not counts.quarantined or counts.read < policy.fewest_rows:
        return
    if _rejected_share(counts) <= policy.above_share:
        return
    accepted = connection.execute(
        "select rejected_seen from ops.accepted_loads"
        " where source = %s and entity = %s and business_date = %s",
        [source, entity, day],
    ).fetchone()
    if accepted is not None and counts.quarantined <= accepted[0]:
        return
    reasons = connection.execute(
        f"""
        select reason, count(*) from {REJECTED}
        group by reason order by count(*) desc, reason limit {_REASONS_TOLD}
        """
    ).fetchall()
    why = [f"{reason} ({count:,})" for reason, count in reasons]
    changed = counts.details.get("changed_types") or {}
    why += [f"the type of {column} has changed: {change}" for column, change in changed.items()]
    raise RejectedLoadError(source, entity, day, counts.read, counts.quarantined, "; ".join(why))


def _rejected_share(counts: Counts) -> float:
    """Of a file's records that could not be read, and of the rows that the others make."""
    records, unread = counts.details.get("records", 0), counts.details.get("rejected", 0)
    share = counts.quarantined / counts.read
    if not records or unread > counts.quarantined:
        return share
    rows = counts.read - unread
    return float(max(unread / records, (counts.quarantined - unread) / rows if rows else 0))


def accept(
    connection: psycopg.Connection, source: str, entity: str, day: date, because: str
) -> int:
    """Confirm the latest held load of a day as it was; returns the rows it had read.

    Raises LandingError when none of that day is held.
    """
    held = connection.execute(
        """
        select read_rows, quarantined_rows from ops.loads
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
        insert into ops.accepted_loads (
            source, entity, business_date, rows_seen, rejected_seen, because
        )
        values (%s, %s, %s, %s, %s, %s)
        on conflict (source, entity, business_date) do update
        set rows_seen = least(accepted_loads.rows_seen, excluded.rows_seen),
            rejected_seen = greatest(accepted_loads.rejected_seen, excluded.rejected_seen),
            because = excluded.because, accepted_at = clock_timestamp()
        """,
        [source, entity, day, held[0], held[1], because],
    )
    connection.commit()
    return int(held[0])
