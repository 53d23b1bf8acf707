"""The plans of loads in parts (`ops.part_plans`): made once for a day, gone when it is landed."""

# ruff: noqa: S608 - what is put into the statements are constants, and names of the contract

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from moshtari.landing import ledger
from moshtari.landing.contract import Entity
from moshtari.landing.parts import PartPlan
from moshtari.landing.windows import LoadPlan
from moshtari.sources.base import Window

# A plan that nobody ended is not gone on with after so long: a new one is made in its place.
_KEPT = "interval '1 day'"
# And it is thrown away, whatever day it was for, by the next load that does not need it.
_FORGOTTEN = "interval '7 days'"


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
