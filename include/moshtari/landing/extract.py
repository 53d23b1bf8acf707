"""What the extraction DAGs call: one source's entities of one family, for one business day."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from time import perf_counter
from typing import Any

import psycopg

from moshtari.landing import ledger
from moshtari.landing.contract import ENTITIES, Entity, entities_of
from moshtari.landing.errors import ExtractError, LandingError, warehouse_error
from moshtari.landing.families import configured_source
from moshtari.landing.holding import HoldPolicy, RejectionPolicy
from moshtari.landing.land import land, prepare
from moshtari.landing.ledger import Counts
from moshtari.landing.load import Load
from moshtari.landing.missing import KeyComparison
from moshtari.landing.windows import Coverage, plan_load
from moshtari.settings import ConfigError, Deployment, Settings
from moshtari.sources.abilities import (
    DescribedSource,
    ExplainedOrigins,
    KeyedSource,
    MarkingSource,
    OriginSource,
)
from moshtari.sources.arrow_memory import spare_memory
from moshtari.sources.base import Batch, Origin, Source, SourceError, Window
from moshtari.warehouse.connection import connect

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadSummary:
    """Rows and seconds of one entity's load; for files, of all together, with the day's load_id."""

    source: str
    entity: str
    load_id: int
    read: int
    landed: int
    unchanged: int
    quarantined: int
    seconds: float


def extract(
    settings: Settings,
    deployment: Deployment,
    source_name: str,
    family: str,
    business_date: date,
    *,
    dag_run: str = "",
    leave_out: Collection[str] = (),
) -> list[LoadSummary]:
    """Land every entity of the source that belongs to the family, in the contract's order.

    Those in `leave_out` are landed in parts, by others (`in_parts`). An entity that fails does not
    keep the others from landing. Raises ExtractError naming all that failed, and ConfigError when
    the deployment has no such source or its part of the YAML is wrong.
    """
    source = configured(deployment, source_name)
    supplied = set(source.entities()) - set(leave_out)
    landed: list[LoadSummary] = []
    failures: list[str] = []
    for entity in entities_of(family):
        if entity.name not in supplied:
            continue
        load = new_load(deployment, source, entity, business_date, dag_run)
        try:
            landed.append(extract_entity(settings, source, load))
            if is_due(deployment, source_name, business_date):
                reconcile_entity(settings, source, load)
        except (SourceError, LandingError) as error:
            logger.error("%s", error)
            failures.append(str(error))
    if failures:
        raise ExtractError(source_name, failures)
    return landed


def is_due(deployment: Deployment, source_name: str, business_date: date) -> bool:
    """Whether the source's keys are to be compared that night."""
    night = deployment.reconcile.get(source_name)
    return night == "nightly" or night == f"{business_date:%A}".lower()


def reconcile_entity(
    settings: Settings, source: Source, load: Load, *, however_many: bool = False
) -> LoadSummary | None:
    """Mark as deleted what the source no longer has; None where it cannot list its keys.

    Raises SourceError, and LandingError when suspiciously many rows are missing.
    """
    if not isinstance(source, KeyedSource):
        return None
    comparison = KeyComparison(source, share=1) if however_many else KeyComparison(source)
    return extract_entity(settings, source, replace(load, keys=comparison))


def reconcile(
    settings: Settings,
    deployment: Deployment,
    source_name: str,
    entity: str | None,
    business_date: date,
    *,
    however_many: bool = False,
) -> list[LoadSummary]:
    """Compare the keys of a source's entities, or of one, with raw, whatever night it is.

    Raises SourceError, LandingError (also where the source cannot list its keys) and ConfigError.
    """
    source = configured(deployment, source_name)
    done = []
    for name in source.entities() if entity is None else (entity,):
        load = new_load(deployment, source, _entity_of(source, name), business_date, "")
        summary = reconcile_entity(settings, source, load, however_many=however_many)
        if summary is None:
            raise LandingError(
                source_name,
                name,
                f"a source of kind {source.kind} cannot list its keys",
                "What is deleted there is known only where the source itself tells it",
            )
        done.append(summary)
    return done


def extract_one(
    settings: Settings, deployment: Deployment, source_name: str, entity: str, business_date: date
) -> LoadSummary:
    """Land one entity of a source. Raises SourceError, LandingError, and ConfigError."""
    source = configured(deployment, source_name)
    load = new_load(deployment, source, _entity_of(source, entity), business_date, "")
    return extract_entity(settings, source, load)


def _entity_of(source: Source, entity: str) -> Entity:
    if entity not in source.entities():
        raise LandingError(
            source.name,
            entity,
            "the source has no such entity",
            f"It has: {', '.join(source.entities())}",
        )
    return ENTITIES[entity]


def configured(deployment: Deployment, source_name: str) -> Source:
    """The reader of one of the deployment's sources. Raises ConfigError where it has none."""
    if source_name not in deployment.sources:
        raise ConfigError(
            deployment.file,
            f"sources.{source_name}",
            "there is no such source",
            f"Use one of: {', '.join(deployment.sources)}",
        )
    source = configured_source(deployment, source_name)
    spare_memory()
    return source


def new_load(
    deployment: Deployment, source: Source, entity: Entity, business_date: date, dag_run: str
) -> Load:
    """An entity's load of one day, as the deployment has it."""
    holds, quarantine = deployment.holds, deployment.quarantine
    return Load(
        source=source.name,
        entity=entity,
        business_date=business_date,
        timezone=deployment.zone,
        lookback_hours=source.lookback_hours,
        dag_run=dag_run,
        hold=HoldPolicy(holds.share(source.name, entity.name), holds.fewest_rows),
        rejection=RejectionPolicy(
            quarantine.share(source.name, entity.name), quarantine.fewest_rows
        ),
    )


def extract_entity(settings: Settings, source: Source, load: Load) -> LoadSummary:
    """Land one entity. Raises SourceError or LandingError; the ledger has the failure too."""
    began = perf_counter()
    with warehouse(settings, load.source, load.entity) as connection:
        if isinstance(source, OriginSource):
            load_id, counts = _land_files(settings, connection, source, load)
        else:
            if isinstance(source, MarkingSource):
                load = replace(load, explain=partial(_mark, source, load.entity.name))
            if isinstance(source, DescribedSource):
                load = replace(load, columns=partial(source.columns, load.entity.name))
            read = partial(source.read, load.entity.name)
            result = land(partial(connected, settings), connection, load, read)
            assert result.load_id is not None
            load_id, counts = result.load_id, result.counts
    seconds = perf_counter() - began
    logger.info(
        "%s.%s: %s read, %s landed, %s unchanged, %s quarantined in %.1f s",
        load.source,
        load.entity.name,
        f"{counts.read:,}",
        f"{counts.landed:,}",
        f"{counts.unchanged:,}",
        f"{counts.quarantined:,}",
        seconds,
    )
    return LoadSummary(
        load.source,
        load.entity.name,
        load_id,
        counts.read,
        counts.landed,
        counts.unchanged,
        counts.quarantined,
        round(seconds, 3),
    )


def _land_files(
    settings: Settings, connection: psycopg.Connection, source: OriginSource, load: Load
) -> tuple[int, Counts]:
    """Land new and changed files, each by itself, then note that the day is complete."""
    entity = load.entity
    landed_to = ledger.coverage(connection, load.source, entity, load.business_date).landed_to
    connection.rollback()
    # A day's own row reads nothing, the files' rows do: the day counts as read when it is landed.
    covered = Coverage(landed_to=landed_to, read_to=landed_to)
    plan = plan_load(load.business_date, covered, load.lookback_hours, load.timezone)
    reconnect = partial(connected, settings)
    try:
        origins = source.origins(entity.name, plan.window)
    except SourceError as error:
        land(reconnect, connection, load, partial(_raise, error), plan)
        raise
    total = Counts(details={"files": len(origins), "unchanged_files": 0})
    failures: list[str] = []
    for origin in origins:
        before = ledger.landed_origin(connection, load.source, entity, origin.path)
        connection.rollback()
        if before is not None and before[0] == origin.checksum:
            total.details["unchanged_files"] += 1
            continue
        logger.info("%s.%s: reading %s", load.source, entity.name, origin.path)
        read = partial(source.read_origin, entity.name, origin)
        try:
            counts = land(reconnect, connection, _of_file(source, load, origin), read, plan).counts
        except (SourceError, LandingError) as error:
            failures.append(str(error))
            if connection.closed:
                break
            continue
        total.read += counts.read
        total.landed += counts.landed
        total.unchanged += counts.unchanged
        total.quarantined += counts.quarantined
    if failures:
        raise LandingError(
            load.source,
            entity.name,
            f"{len(failures)} of {len(origins)} files failed: " + "; ".join(failures),
            "What did land stays; mend the files and run the day again",
        )
    day = replace(load, details=total.details)
    result = land(reconnect, connection, day, lambda _window: iter(()), plan)
    assert result.load_id is not None
    return result.load_id, total


def _of_file(source: OriginSource, load: Load, origin: Origin) -> Load:
    if isinstance(source, DescribedSource):
        columns = partial(source.columns, load.entity.name, origin=origin)
        load = replace(load, columns=columns)
    if isinstance(source, ExplainedOrigins):
        explain = partial(source.details, load.entity.name, origin)
        return replace(load, origin=origin, explain=explain)
    return replace(load, origin=origin)


def _mark(source: MarkingSource, entity: str) -> dict[str, Any]:
    mark = source.mark(entity)
    return {} if mark is None else {"mark": mark}


def _raise(error: SourceError, _window: Window) -> Iterator[Batch]:
    raise error


@contextmanager
def warehouse(settings: Settings, source: str, entity: Entity) -> Iterator[psycopg.Connection]:
    """A prepared connection, with psycopg's errors told as LandingError."""
    try:
        with closing(connected(settings)) as connection:
            yield connection
    except psycopg.Error as error:
        raise warehouse_error(source, entity.name, error) from error


def connected(settings: Settings) -> psycopg.Connection:
    """A prepared connection to the warehouse, as the role that lands."""
    connection = connect(settings, role="moshtari_loader", application="moshtari landing")
    try:
        prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection
