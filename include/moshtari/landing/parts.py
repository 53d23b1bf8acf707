"""One large load in parts: ranges of a key that several workers land at once, each by itself.

The cuts are made once for a day and kept in `ops.part_plans`, so that whoever lands a part, tries
it again, or runs the day a second time, goes by the same. Each part is a load of its own; the day
is landed by one more, which finds that all parts are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from moshtari.landing import ledger
from moshtari.landing.contract import Entity
from moshtari.landing.windows import LoadPlan
from moshtari.sources.abilities import KeyRange
from moshtari.sources.ranges import ranges_between

PLAN = "plan"


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
