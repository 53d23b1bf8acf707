"""The end of a day that was landed in parts: one load that finds all of them, and reads nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg

from moshtari.landing import ledger
from moshtari.landing.contract import Entity
from moshtari.landing.errors import LandingError
from moshtari.landing.holding import HoldPolicy, hold_if_suspicious
from moshtari.landing.ledger import Counts
from moshtari.landing.part_plans import drop_plan
from moshtari.landing.parts import PLAN, PartPlan


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
