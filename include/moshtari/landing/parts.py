"""One large load in parts: ranges of a key that several workers land at once, each by itself.

The cuts are made once for a day and kept in `ops.part_plans`, so that whoever lands a part, tries
it again, or runs the day a second time, goes by the same. Each part is a load of its own; the day
is landed by one more, which finds that all parts are.

Whose turn it is: loads of one (source, entity) hold an advisory lock of their series, alone. Parts
share it, for ranges of one plan have no row in common. Those of different plans may have, so only
one plan is in turn, and to pass on the turn takes the lock alone: parts under way end first.
"""

# ruff: noqa: S608 - what is put into the statements are constants of this module

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg.types.json import Jsonb

from moshtari.landing import ledger
from moshtari.landing.contract import Entity
from moshtari.landing.errors import LandingError
from moshtari.landing.holding import HoldPolicy, hold_if_suspicious
from moshtari.landing.ledger import Counts
from moshtari.landing.windows import LoadPlan
from moshtari.sources.base import KeyRange, Window
from moshtari.sources.ranges import ranges_between

PLAN = "plan"
# A plan that nobody ended is not gone on with after so long: a new one is made in its place.
_KEPT = "interval '1 day'"
# And it is thrown away, whatever day it was for, by the next load that does not need it.
_FORGOTTEN = "interval '7 days'"
_PART = "hashtextextended('moshtari.part/' || %s::bigint::text || '/' || %s::int::text, 0)"
_TURN = "hashtextextended('moshtari.turn/' || %s || '/' || %s, 0)"


@dataclass(frozen=True)
class Part:
    """One part of a plan; parts are numbered from 1."""

    plan_id: int
    number: int
    of: int
    key_range: KeyRange
    founds: bool

    @property
    def details(self) -> dict[str, Any]:
        """What the ledger says of it: no bounds, for keys may be personal."""
        return {PLAN: self.plan_id, ledger.PART: self.number, "of": self.of}

    def is_wanted(self, connection: psycopg.Connection, source: str, entity: Entity) -> bool:
        """Whether the plan still stands, and nobody has landed the part."""
        row = connection.execute(
            """
            select
                exists (select from ops.part_plans where plan_id = %(plan)s)
                and not exists (
                    select from ops.loads
                    where
                        source = %(source)s
                        and entity = %(entity)s
                        and status = 'landed'
                        and details @> %(details)s
                )
            """,
            {
                "plan": self.plan_id,
                "source": source,
                "entity": entity.name,
                "details": Jsonb(self.details),
            },
        ).fetchone()
        return row is not None and bool(row[0])

    def is_alone(self, connection: psycopg.Connection, source: str, entity: Entity) -> bool:
        """Whether raw has nothing of the series but other parts of the plan: no row of this one."""
        if not self.founds:
            return False
        row = connection.execute(
            """
            select not exists (
                select from ops.loads
                where
                    source = %s
                    and entity = %s
                    and status = 'landed'
                    and landed_rows > 0
                    and (details ->> 'plan')::bigint is distinct from %s
            )
            """,
            [source, entity.name, self.plan_id],
        ).fetchone()
        return row is not None and bool(row[0])


@dataclass(frozen=True)
class PartPlan:
    """How the load of one day is cut, and the window that all its parts read."""

    plan_id: int
    load_plan: LoadPlan
    bounds: list[str]
    founds: bool
    mark_reached: str | None
    made_at: datetime

    @property
    def parts(self) -> list[Part]:
        """All parts, in their order."""
        ranges = ranges_between(self.bounds)
        return [
            Part(self.plan_id, number, len(ranges), key_range, self.founds)
            for number, key_range in enumerate(ranges, 1)
        ]


@dataclass(frozen=True)
class Completion:
    """The load that says that a day is landed: it finds all parts there, and reads nothing."""

    plan: PartPlan
    business_date: date

    def settle(
        self, connection: psycopg.Connection, source: str, entity: Entity, hold: HoldPolicy
    ) -> Counts:
        """Judge the parts together and end their plan, within the load's transaction.

        Raises LandingError when a part is missing, HeldLoadError when all have far too few rows.
        """
        standing = connection.execute(
            "select from ops.part_plans where plan_id = %s", [self.plan.plan_id]
        )
        if not standing.rowcount:
            raise LandingError(
                source,
                entity.name,
                f"another run has ended the plan for {self.business_date}",
                "See whether the day has landed; if not, run it again",
            )
        of = len(self.plan.parts)
        rows = connection.execute(
            """
            select (details ->> 'part')::int, sum(read_rows)::bigint
            from ops.loads
            where
                source = %s
                and entity = %s
                and status = 'landed'
                and (details ->> 'plan')::bigint = %s
                and details ? 'part'
            group by 1
            """,
            [source, entity.name, self.plan.plan_id],
        ).fetchall()
        landed: dict[int, int] = dict(rows)
        missing = [str(number) for number in range(1, of + 1) if number not in landed]
        if missing:
            raise LandingError(
                source,
                entity.name,
                f"part {', '.join(missing)} of {of} has not landed",
                "What did land stays; run the day again, which lands the rest",
            )
        read = sum(landed.values())
        covers_from = self.plan.load_plan.covers_from
        hold_if_suspicious(
            connection, hold, source, entity.name, self.business_date, covers_from, read
        )
        drop_plan(connection, source, entity, self.business_date)
        details: dict[str, Any] = {PLAN: self.plan.plan_id, "parts": of, ledger.ROWS_IN_PARTS: read}
        if self.plan.mark_reached is not None:
            details["mark"] = self.plan.mark_reached
        return Counts(details=details)


def take_turn(connection: psycopg.Connection, source: str, entity: Entity, part: Part) -> None:
    """Wait until this plan may land, and nobody else lands the part; hold both to the end."""
    if not _is_in_turn(connection, source, entity, part):
        connection.rollback()
        _pass_turn(connection, source, entity, part)
    connection.execute(f"select pg_advisory_xact_lock({_PART})", [part.plan_id, part.number])


def _is_in_turn(connection: psycopg.Connection, source: str, entity: Entity, part: Part) -> bool:
    """Take the lock of the series with the other parts, and see whose turn it is.

    A plan that has ended has no turn to wait for.
    """
    shared = f"select pg_advisory_xact_lock_shared({ledger.SERIES})"
    connection.execute(shared, [source, entity.name])
    row = connection.execute(
        "select in_turn from ops.part_plans where plan_id = %s", [part.plan_id]
    ).fetchone()
    return row is None or bool(row[0])


def _pass_turn(connection: psycopg.Connection, source: str, entity: Entity, part: Part) -> None:
    """Give the turn to this plan, unless another of its parts has by now.

    Should it fail, the session ends, and its locks with it.
    """
    series = [source, entity.name]
    # One at a time: who waits for the series here would else wait for parts of its own plan.
    connection.execute(f"select pg_advisory_lock({_TURN})", series)
    if not _is_in_turn(connection, source, entity, part):
        connection.rollback()
        connection.execute(f"select pg_advisory_lock({ledger.SERIES})", series)
        connection.execute(
            "update ops.part_plans set in_turn = (plan_id = %s) where source = %s and entity = %s",
            [part.plan_id, *series],
        )
        connection.commit()
        # Taken while the lock is held alone, so that no other plan comes in between.
        _is_in_turn(connection, source, entity, part)
        connection.execute(f"select pg_advisory_unlock({ledger.SERIES})", series)
    connection.execute(f"select pg_advisory_unlock({_TURN})", series)


def find_plan(connection: psycopg.Connection, plan_id: int, timezone: ZoneInfo) -> PartPlan | None:
    """The plan of that number; None when it has ended."""
    return _found(connection, "plan_id = %s", [plan_id], timezone)


def standing_plan(
    connection: psycopg.Connection,
    source: str,
    entity: Entity,
    business_date: date,
    mapping: str,
    timezone: ZoneInfo,
) -> PartPlan | None:
    """The day's plan, where one was made lately under the same mapping and is not complete."""
    condition = (
        "source = %s and entity = %s and business_date = %s and mapping = %s"
        f" and made_at > now() - {_KEPT}"
    )
    values = [source, entity.name, business_date, mapping]
    return _found(connection, condition, values, timezone)


def make_plan(
    connection: psycopg.Connection,
    source: str,
    entity: Entity,
    load_plan: LoadPlan,
    mapping: str,
    bounds: list[str],
    mark_reached: str | None,
) -> PartPlan:
    """Keep a new plan, unless another run has made one meanwhile: then it is that; commits."""
    window = load_plan.window
    connection.execute(f"select pg_advisory_xact_lock({ledger.SERIES})", [source, entity.name])
    day = window.business_date
    plan = standing_plan(connection, source, entity, day, mapping, window.timezone)
    if plan is None:
        drop_plan(connection, source, entity, day)
        row = connection.execute(
            f"""
            insert into ops.part_plans (
                source, entity, business_date, mapping, bounds, founds, covers_from,
                window_start, window_end, needed_from, mark, mark_reached
            )
            select
                %(source)s::text,
                %(entity)s::text,
                %(day)s::date,
                %(mapping)s::text,
                %(bounds)s::text[],
                not exists (select from raw.{entity.name} where _source = %(source)s),
                %(covers_from)s::date,
                %(start)s::timestamptz,
                %(end)s::timestamptz,
                %(needed_from)s::timestamptz,
                %(mark)s::text,
                %(mark_reached)s::text
            returning plan_id, founds, made_at
            """,
            {
                "source": source,
                "entity": entity.name,
                "day": day,
                "mapping": mapping,
                "bounds": bounds,
                "covers_from": load_plan.covers_from,
                "start": window.start,
                "end": window.end,
                "needed_from": window.needed_from,
                "mark": window.mark,
                "mark_reached": mark_reached,
            },
        ).fetchone()
        assert row is not None
        plan = PartPlan(row[0], load_plan, bounds, row[1], mark_reached, row[2])
    connection.commit()
    return plan


def was_completed(
    connection: psycopg.Connection,
    source: str,
    entity: Entity,
    business_date: date,
    since: datetime,
) -> bool:
    """Whether the day was landed as a whole since then, by whichever run."""
    row = connection.execute(
        """
        select exists (
            select
            from ops.loads
            where
                source = %(source)s
                and entity = %(entity)s
                and business_date = %(day)s
                and status = 'landed'
                and origin is null
                and not details ?| array['part', 'replayed', 'reconciled']
                and finished_at > %(since)s
        )
        """,
        {"source": source, "entity": entity.name, "day": business_date, "since": since},
    ).fetchone()
    return row is not None and bool(row[0])


def _found(
    connection: psycopg.Connection, condition: str, values: list[Any], timezone: ZoneInfo
) -> PartPlan | None:
    row = connection.execute(
        f"""
        select
            plan_id, business_date, window_start, window_end, needed_from, mark, covers_from,
            bounds, founds, mark_reached, made_at
        from ops.part_plans
        where {condition}
        """,
        values,
    ).fetchone()
    if row is None:
        return None
    plan_id, day, start, end, needed_from, mark, covers_from, *rest = row
    window = Window(day, start, end, timezone, needed_from, mark)
    return PartPlan(plan_id, LoadPlan(window, covers_from), *rest)


def drop_plan(
    connection: psycopg.Connection, source: str, entity: Entity, business_date: date
) -> None:
    """End the day's plan, if there is one: the day is landed."""
    connection.execute(
        f"""
        delete from ops.part_plans
        where
            source = %s
            and entity = %s
            and (business_date = %s or made_at < now() - {_FORGOTTEN})
        """,
        [source, entity.name, business_date],
    )
