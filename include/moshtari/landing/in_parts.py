"""What the extraction DAGs call for sources that are read in parallel: plan, land a part, complete.

An entity that is not worth cutting, or cannot be, is left to `extract`. What goes from task to task
is the number of a plan and of a part, and nothing of the source.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import TypedDict

from moshtari.landing import ledger, part_plans, schema
from moshtari.landing.completing import Completion
from moshtari.landing.contract import ENTITIES, Entity, entities_of
from moshtari.landing.errors import ExtractError, LandingError
from moshtari.landing.extract import (
    configured,
    connected,
    is_due,
    new_load,
    reconcile_entity,
    warehouse,
)
from moshtari.landing.land import land
from moshtari.landing.ledger import Counts
from moshtari.landing.load import Load
from moshtari.landing.parts import PartPlan
from moshtari.landing.windows import plan_load
from moshtari.settings import Deployment, Settings
from moshtari.sources.abilities import DescribedSource, KeyRange, MarkingSource, RangedSource
from moshtari.sources.base import Batch, Source, SourceError, Window

logger = logging.getLogger(__name__)


class PartOfDay(TypedDict):
    """One part of one entity's load, as one task tells another of it."""

    entity: str
    plan: int
    made_at: str
    part: int


def plan_parts(
    settings: Settings,
    deployment: Deployment,
    source_name: str,
    family: str,
    business_date: date,
) -> list[PartOfDay]:
    """The parts of the source's large entities of the family; none of those that stay whole.

    A day whose parts have not all landed goes on as it was planned. An entity that cannot be
    planned stays whole: its load will say what is wrong. Raises ConfigError.
    """
    source = configured(deployment, source_name)
    if not isinstance(source, RangedSource) or not source.is_parallel():
        return []
    planned: list[PartOfDay] = []
    for entity in entities_of(family):
        if entity.name not in source.entities():
            continue
        try:
            plan = _plan(settings, deployment, source, entity, business_date)
        except (SourceError, LandingError) as error:
            logger.warning("%s.%s is read in one: %s", source_name, entity.name, error)
            continue
        if plan is not None:
            planned += [
                PartOfDay(
                    entity=entity.name,
                    plan=plan.plan_id,
                    made_at=plan.made_at.isoformat(),
                    part=part.number,
                )
                for part in plan.parts
            ]
    return planned


def _plan(
    settings: Settings,
    deployment: Deployment,
    source: Source,
    entity: Entity,
    business_date: date,
) -> PartPlan | None:
    assert isinstance(source, RangedSource)
    mapping = _mapping(deployment, source.name, entity)
    zone = deployment.zone
    with warehouse(settings, source.name, entity) as connection:
        plan = part_plans.standing_plan(
            connection, source.name, entity, business_date, mapping, zone
        )
        covered = ledger.coverage(connection, source.name, entity, business_date)
        connection.rollback()
        if plan is not None:
            return plan
        load_plan = plan_load(business_date, covered, source.lookback_hours, zone)
        bounds = source.bounds(entity.name, load_plan.window)
        if not bounds:
            return None
        mark = source.mark(entity.name) if isinstance(source, MarkingSource) else None
        if isinstance(source, DescribedSource):
            # Here, and not with each part: they would wait for one another to write the same.
            found = source.columns(entity.name, load_plan.window)
            schema.note(connection, source.name, entity.name, business_date, found)
        return part_plans.make_plan(
            connection, source.name, entity, load_plan, mapping, bounds, mark
        )


def _mapping(deployment: Deployment, source_name: str, entity: Entity) -> str:
    """A hash of what decides how the entity's rows are read; of no secret."""
    config = deployment.sources[source_name]
    decides = [config.get("timezone"), config.get("entities", {}).get(entity.name)]
    text = json.dumps(decides, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def extract_part(
    settings: Settings,
    deployment: Deployment,
    source_name: str,
    part_of_day: PartOfDay,
    business_date: date,
    *,
    dag_run: str = "",
) -> Counts:
    """Land one part; nothing where it has landed, or the day has. Raises SourceError, LandingError
    and ConfigError.
    """
    source = configured(deployment, source_name)
    entity = ENTITIES[part_of_day["entity"]]
    load = new_load(deployment, source, entity, business_date, dag_run)
    with warehouse(settings, source_name, entity) as connection:
        plan = part_plans.find_plan(connection, part_of_day["plan"], deployment.zone)
        keep = schema.new_columns(connection, source_name, entity.name)
        connection.rollback()
        if plan is None:
            logger.info("%s.%s: the plan of this part has ended", source_name, entity.name)
            return Counts()
        part = plan.parts[part_of_day["part"] - 1]
        assert isinstance(source, RangedSource)
        read = partial(_read, source, entity.name, part.key_range)
        result = land(
            partial(connected, settings),
            connection,
            replace(load, part=part, details=part.details),
            read,
            replace(plan.load_plan, window=replace(plan.load_plan.window, keep=keep)),
        )
    counts = result.counts
    logger.info(
        "%s.%s, part %s of %s: %s read, %s landed, %s unchanged, %s quarantined",
        source_name,
        entity.name,
        part.number,
        part.of,
        *(
            f"{number:,}"
            for number in (counts.read, counts.landed, counts.unchanged, counts.quarantined)
        ),
    )
    return counts


def complete_parts(
    settings: Settings,
    deployment: Deployment,
    source_name: str,
    planned: Iterable[PartOfDay],
    business_date: date,
    *,
    dag_run: str = "",
) -> list[str]:
    """Say of every entity whose parts have landed that its day is landed; returns their names.

    Raises ExtractError naming all that are not, and ConfigError.
    """
    source = configured(deployment, source_name)
    plans = {part["entity"]: part for part in planned}
    failures: list[str] = []
    for name, part in plans.items():
        load = new_load(deployment, source, ENTITIES[name], business_date, dag_run)
        try:
            _complete(settings, deployment, load, part)
            if is_due(deployment, source_name, business_date):
                reconcile_entity(settings, source, load)
        except (SourceError, LandingError) as error:
            logger.error("%s", error)
            failures.append(str(error))
    if failures:
        raise ExtractError(source_name, failures)
    return list(plans)


def _complete(settings: Settings, deployment: Deployment, load: Load, part: PartOfDay) -> None:
    source, entity, day = load.source, load.entity, load.business_date
    with warehouse(settings, source, entity) as connection:
        plan = part_plans.find_plan(connection, part["plan"], deployment.zone)
        if plan is None:
            made_at = datetime.fromisoformat(part["made_at"])
            if part_plans.was_completed(connection, source, entity, day, made_at):
                return
            raise LandingError(
                source,
                entity.name,
                f"another run has planned {day} anew, and not landed all of it yet",
                "Run the day again",
            )
        connection.rollback()
        load = replace(load, completes=Completion(plan, day))
        land(partial(connected, settings), connection, load, _nothing, plan.load_plan)


def _read(
    source: RangedSource, entity: str, key_range: KeyRange, window: Window
) -> Iterator[Batch]:
    return source.read_range(entity, window, key_range)


def _nothing(_window: Window) -> Iterator[Batch]:
    return iter(())
