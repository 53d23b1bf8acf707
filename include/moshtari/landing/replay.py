"""Records in quarantine landed after all, when the mapping, or Moshtari, was mended.

Records are replayed in loads of their own, one for each load that had received them (its file and
its place in time are theirs), in that order. Their rows become known on a business day that has
landed already: the newest of their source and entity, unless an older is asked for.
"""

# ruff: noqa: S608 - the conditions are this package's own, values are parameters

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial

import psycopg

from moshtari.landing.contract import ENTITIES
from moshtari.landing.errors import ExtractError, LandingError, warehouse_error
from moshtari.landing.families import configured_source
from moshtari.landing.land import land, prepare
from moshtari.landing.ledger import REPLAYED
from moshtari.landing.load import Load
from moshtari.landing.quarantine import Selection
from moshtari.landing.quarantine_review import QuarantineError, statuses
from moshtari.landing.replay_load import ReplayLoad, origin_of
from moshtari.landing.windows import LoadPlan, start_of
from moshtari.settings import ConfigError, Deployment, Settings
from moshtari.sources.abilities import ReplayableSource
from moshtari.sources.base import Batch, Origin, Source, SourceError, Window
from moshtari.warehouse.connection import connect

logger = logging.getLogger(__name__)

# They are held in memory, as received.
_RECORDS_AT_ONCE = 2_000


@dataclass(frozen=True)
class Replayed:
    """One load of replayed records; `read` is rows, of which a record may give several or none."""

    source: str
    entity: str
    business_date: date
    load_id: int
    records: int
    replayed: int
    still_open: int
    read: int
    landed: int
    unchanged: int
    quarantined: int


@dataclass(frozen=True)
class _Series:
    """Open records of one source and entity that one load received last."""

    source: str
    entity: str
    of_load: int


def replay(
    settings: Settings,
    deployment: Deployment,
    selection: Selection,
    *,
    business_date: date | None = None,
) -> list[Replayed]:
    """Land the open records selected, as far as the present mapping allows; the rest stays open.

    Safe to repeat, and to run twice at once. Raises QuarantineError for what cannot be replayed,
    ConfigError for a source that is configured wrongly, and ExtractError naming each entity whose
    load failed (its records are as they were; those of the others are replayed).
    """
    try:
        with closing(_connect(settings)) as connection:
            _refuse_discarded(connection, selection)
            series = _series(connection, selection)
            days = {
                key: _business_day(connection, *key, business_date)
                for key in {(item.source, item.entity) for item in series}
            }
            connection.rollback()
            sources = _sources(deployment, series)
            done: list[Replayed] = []
            failures: dict[tuple[str, str], str] = {}
            for item in series:
                key = (item.source, item.entity)
                if key in failures or connection.closed:
                    continue
                run = partial(_replay, settings, connection, deployment, selection)
                try:
                    done += run(sources[item.source], item, days[key])
                except (SourceError, LandingError) as error:
                    logger.error("%s", error)
                    failures[key] = str(error)
    except psycopg.Error as error:
        raise warehouse_error("quarantine", "replay", error) from error
    if failures:
        names = ", ".join(sorted({source for source, _ in failures}))
        raise ExtractError(names, list(failures.values()))
    return done


def _replay(
    settings: Settings,
    connection: psycopg.Connection,
    deployment: Deployment,
    selection: Selection,
    source: ReplayableSource,
    item: _Series,
    day: date,
) -> Iterator[Replayed]:
    """The records of one series, some thousand a load."""
    entity = ENTITIES[item.entity]
    end = start_of(day + timedelta(days=1), deployment.zone)
    plan = LoadPlan(Window(day, None, end, deployment.zone), covers_from=day)
    after = 0
    while True:
        records = ReplayLoad(source, selection, item.of_load, after=after, limit=_RECORDS_AT_ONCE)
        load = Load(item.source, entity, day, deployment.zone, replay=records)
        load = replace(load, origin=_origin(connection, item.of_load))
        read: Callable[[Window], Iterator[Batch]] = partial(
            records.read, connection, item.source, entity
        )
        landed = land(partial(_connect, settings), connection, load, read, plan)
        assert landed.load_id is not None
        counts = landed.counts
        logger.info(
            "%s.%s: %s of %s records replayed",
            item.source,
            item.entity,
            f"{records.replayed:,}",
            f"{len(records.chosen):,}",
        )
        if records.chosen:
            yield Replayed(
                item.source,
                item.entity,
                day,
                landed.load_id,
                len(records.chosen),
                records.replayed,
                len(records.chosen) - records.replayed,
                counts.read,
                counts.landed,
                counts.unchanged,
                counts.quarantined,
            )
        if len(records.chosen) < _RECORDS_AT_ONCE:
            return
        after = records.chosen[-1]


def _refuse_discarded(connection: psycopg.Connection, selection: Selection) -> None:
    """Ids that were replayed already need nothing; discarded ones are a decision to take back."""
    found = statuses(connection, tuple(selection.ids)) if selection.ids else {}
    discarded = sorted(key for key, status in found.items() if status == "discarded")
    if discarded:
        told = " ".join(map(str, discarded))
        raise QuarantineError(
            f"discarded records are not replayed: {told}. `moshtari quarantine reopen {told}` "
            "takes that back"
        )


def _series(connection: psycopg.Connection, selection: Selection) -> list[_Series]:
    """In the order in which the records were received."""
    rows = connection.execute(
        f"""
        select distinct records.source, records.entity, records.last_load_id
        from quarantine.records as records
        inner join ops.loads as loads on records.last_load_id = loads.load_id
        where {selection.condition} and records.status = 'open'
        order by 1, 2, 3
        """,
        selection.values,
    )
    return [_Series(*row) for row in rows]


def _business_day(
    connection: psycopg.Connection, source: str, entity: str, wanted: date | None
) -> date:
    row = connection.execute(
        """
        select max(business_date)
        from ops.loads
        where source = %s and entity = %s and status = 'landed' and not details ? %s
        """,
        [source, entity, REPLAYED],
    ).fetchone()
    assert row is not None
    newest: date = row[0]
    if wanted is not None and wanted > newest:
        raise QuarantineError(
            f"{source}.{entity} has landed up to {newest} only: replay for that day or an older "
            "one, or run the newer day first"
        )
    return wanted or newest


def _sources(deployment: Deployment, series: list[_Series]) -> dict[str, ReplayableSource]:
    found: dict[str, ReplayableSource] = {}
    for item in series:
        if item.source not in deployment.sources:
            raise ConfigError(
                deployment.file,
                f"sources.{item.source}",
                "there is no such source any more",
                "Put it back to replay its records, or discard them",
            )
        source: Source = configured_source(deployment, item.source)
        if not isinstance(source, ReplayableSource):
            raise QuarantineError(
                f"source {item.source}: records of kind {source.kind} cannot be replayed. Run the "
                "day that they came with again; it reads them anew"
            )
        if item.entity not in source.entities():
            raise QuarantineError(
                f"source {item.source} supplies {item.entity} no longer: put the entity back to "
                "replay its records, or discard them"
            )
        found[item.source] = source
    return found


def _origin(connection: psycopg.Connection, load_id: int) -> Origin | None:
    row = connection.execute(
        "select origin, origin_size, origin_checksum from ops.loads where load_id = %s", [load_id]
    ).fetchone()
    return origin_of(*row) if row is not None else None


def _connect(settings: Settings) -> psycopg.Connection:
    connection = connect(settings, role="moshtari_loader", application="moshtari replay")
    try:
        prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection
