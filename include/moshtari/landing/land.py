"""One load: a source's batches of one entity, or of one file of it, into raw in one transaction.

Whatever happens, raw holds all of a load or nothing of it, and the ledger says which. Loads of one
(source, entity) take turns, so a second run of the same night finds everything there already.
"""

# ruff: noqa: S608 - names come from the contract, values are parameters

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from moshtari.landing import ledger, quarantine, schema, statements
from moshtari.landing.completing import Completion
from moshtari.landing.contract import Entity
from moshtari.landing.errors import LandingError, describe, warehouse_error
from moshtari.landing.founding import Founding
from moshtari.landing.holding import (
    HeldLoadError,
    HoldPolicy,
    RejectionPolicy,
    hold_if_mostly_rejected,
    hold_if_suspicious,
)
from moshtari.landing.incoming import Incoming
from moshtari.landing.ledger import Counts
from moshtari.landing.missing import KeyComparison
from moshtari.landing.part_plans import drop_plan
from moshtari.landing.part_turns import take_turn
from moshtari.landing.parts import Part
from moshtari.landing.replay_load import ReplayLoad
from moshtari.landing.windows import LoadPlan, plan_load
from moshtari.sources.base import Batch, Origin, SourceColumn, SourceError, Window

logger = logging.getLogger(__name__)

# From this many rows on, an index is sooner made anew than filled row by row.
_FOUND_FROM = 10_000
_WITHHELD = "tombstones_withheld"


@dataclass(frozen=True)
class Load:
    """What is loaded, and for which day."""

    source: str
    entity: Entity
    business_date: date
    timezone: ZoneInfo
    lookback_hours: float = 0
    dag_run: str = ""
    hold: HoldPolicy = field(default_factory=HoldPolicy)
    rejection: RejectionPolicy = field(default_factory=RejectionPolicy)
    columns: Callable[[Window], Sequence[SourceColumn]] | None = None
    origin: Origin | None = None
    details: dict[str, Any] = field(default_factory=dict)
    explain: Callable[[], dict[str, Any]] = dict
    replay: ReplayLoad | None = None
    keys: KeyComparison | None = None
    part: Part | None = None
    completes: Completion | None = None


@dataclass(frozen=True)
class Landed:
    """A load that ended well; None as load_id: what it was for is there already."""

    load_id: int | None
    counts: Counts


def prepare(connection: psycopg.Connection) -> None:
    """Settle how values are written as text, on which content hashes and keys depend; commits."""
    connection.execute("set timezone = 'UTC'")
    connection.execute("set datestyle = 'ISO, YMD'")
    connection.execute("set client_encoding = 'UTF8'")
    # A crash of the server may take back the last loads whole, ledger rows and all; no more.
    connection.execute("set synchronous_commit = off")
    connection.execute("set work_mem = '64MB'")
    connection.commit()


def land(
    reconnect: Callable[[], psycopg.Connection],
    connection: psycopg.Connection,
    load: Load,
    read: Callable[[Window], Iterator[Batch]],
    plan: LoadPlan | None = None,
) -> Landed:
    """Run one load on a prepared connection; `reconnect` serves to note a failure if that one dies.

    `plan` is given by file sources, whose files share the plan of their day, and for parts; else it
    is made here, when the load's turn has come. Raises SourceError or LandingError; the ledger says
    'failed'.
    """
    load_id = _begin_in_turn(connection, load)
    try:
        counts = _run(connection, load, load_id, read, plan)
        connection.commit()
    except BaseException as error:
        told = _as_told(error, load)
        _note_failure(reconnect, connection, load_id, told)
        if told is error:
            raise
        raise told from error
    if counts is None:
        return Landed(None, Counts())
    try:
        ledger.let_go(connection, load_id)
    except psycopg.Error as error:
        logger.warning("load %s is in; tidying up after it failed: %s", load_id, describe(error))
    return Landed(load_id, counts)


def _begin_in_turn(connection: psycopg.Connection, load: Load) -> int:
    """Begin the attempt and wait for its turn; begin anew if a younger attempt was faster.

    Load ids order the versions of a key, so they must follow the order of the loads' turns.
    """
    while True:
        load_id = ledger.begin(
            connection,
            load.source,
            load.entity,
            load.business_date,
            dag_run=load.dag_run,
            origin=load.origin,
            details=load.details,
        )
        if load.part is not None:
            take_turn(connection, load.source, load.entity, load.part)
        elif ledger.take_turn(connection, load.source, load.entity):
            logger.info("%s.%s: waited for another load", load.source, load.entity.name)
        if not ledger.is_overtaken(connection, load.source, load.entity, load_id):
            return load_id
        connection.rollback()
        ledger.fail(connection, load_id, "overtaken by a later attempt; begun again")
        ledger.let_go(connection, load_id)


def _run(
    connection: psycopg.Connection,
    load: Load,
    load_id: int,
    read: Callable[[Window], Iterator[Batch]],
    plan: LoadPlan | None,
) -> Counts | None:
    entity = load.entity
    _fail_dead_attempts(connection, load, load_id)
    before = None
    if load.origin is not None and load.replay is None:
        before = ledger.landed_origin(connection, load.source, entity, load.origin.path)
        if before is not None and before[0] == load.origin.checksum:
            # Another run landed the file while this one waited.
            unneeded = Counts(details={ledger.ALREADY_LANDED: True})
            ledger.finish(connection, load_id, plan or _plan(connection, load), unneeded)
            return None
    plan = plan or _plan(connection, load)
    if load.part is not None and not load.part.is_wanted(connection, load.source, entity):
        unneeded = Counts(details={**load.details, ledger.ALREADY_LANDED: True})
        ledger.finish(connection, load_id, plan, unneeded)
        return None
    if load.completes is not None:
        counts = load.completes.settle(connection, load.source, entity, load.hold)
        ledger.finish(connection, load_id, plan, counts)
        return counts
    if load.keys is not None:
        counts = load.keys.settle(connection, load.source, entity, load_id, plan.window)
        ledger.finish(connection, load_id, plan, counts)
        return counts
    drift = None
    if load.columns is not None:
        plan, drift = _look(connection, load, load.columns, plan)
    founding = None
    if plan.first_load and before is None and load.replay is None and load.part is None:
        origin = load.origin.path if load.origin else None
        founding = Founding(connection, load.source, entity, load_id, origin)
    incoming = Incoming(connection, load.source, entity, founding)
    incoming.take(read(plan.window))
    if load.columns is not None and drift is None and load.origin is not None:
        kept = plan.window.keep
        plan, drift = _look(connection, load, load.columns, plan)
        if not set(plan.window.keep) <= set(kept):
            # Only the reading could tell that a column is new: once more, and it is kept.
            if founding is not None and founding.begun:
                founding.undo()
                plan, drift = _look(connection, load, load.columns, plan)
            incoming.drop()
            incoming = Incoming(connection, load.source, entity)
            incoming.take(read(plan.window))
    if before is not None and before[1] > 0 and incoming.read == 0 and load.origin is not None:
        raise LandingError(
            load.source,
            entity.name,
            f"{load.origin.path} had {before[1]} rows and now has none",
            "Put its rows back; to take them out of the warehouse, leave one row at least",
        )
    if load.replay is None and load.part is None:
        hold_if_suspicious(
            connection,
            load.hold,
            load.source,
            entity.name,
            load.business_date,
            plan.covers_from,
            incoming.read,
            load.origin.path if load.origin else None,
        )
    if founding is not None and incoming.founded:
        counts = _found(connection, load, load_id, founding, incoming)
    else:
        founding = founding or Founding(connection, load.source, entity, load_id)
        counts = _settle(connection, load, load_id, plan, incoming, founding)
    if drift is not None:
        counts.details |= drift.details()
    if load.replay is None:
        hold_if_mostly_rejected(
            connection, load.rejection, load.source, entity.name, load.business_date, counts
        )
    if before is not None:
        _bury(connection, load, load_id, counts)
    if load.replay is not None:
        load.replay.settle(connection, load_id, counts)
    elif load.origin is None and load.part is None:
        drop_plan(connection, load.source, entity, load.business_date)
    # Once more: a killed attempt whose session was still ending when this one had its turn.
    _fail_dead_attempts(connection, load, load_id)
    ledger.finish(connection, load_id, plan, counts)
    return counts


def _fail_dead_attempts(connection: psycopg.Connection, load: Load, load_id: int) -> None:
    dead = ledger.fail_dead_attempts(connection, load.source, load.entity, load_id)
    if dead:
        logger.warning("%s.%s: %s dead attempts marked failed", load.source, load.entity.name, dead)


def _plan(connection: psycopg.Connection, load: Load) -> LoadPlan:
    covered = ledger.coverage(connection, load.source, load.entity, load.business_date)
    return plan_load(load.business_date, covered, load.lookback_hours, load.timezone)


def _look(
    connection: psycopg.Connection,
    load: Load,
    columns: Callable[[Window], Sequence[SourceColumn]],
    plan: LoadPlan,
) -> tuple[LoadPlan, schema.Drift | None]:
    """Note the columns that the source has now; of the new ones the values are wanted.

    No drift where the source cannot tell; then those known to be new are wanted, if it has them.
    """
    entity = load.entity.name
    known = replace(plan.window, keep=schema.new_columns(connection, load.source, entity))
    found = columns(known)
    if not found:
        return replace(plan, window=known), None
    drift = schema.note(connection, load.source, entity, load.business_date, found)
    return replace(plan, window=replace(plan.window, keep=drift.new)), drift


def _found(
    connection: psycopg.Connection,
    load: Load,
    load_id: int,
    founding: Founding,
    incoming: Incoming,
) -> Counts:
    """What is in raw already: quarantine what breaks the contract, and index the rest."""
    counts = Counts(read=incoming.read, details={**load.details, **load.explain()})
    founding.reject()
    counts.quarantined = quarantine.record(connection, load.source, load.entity, load_id)
    counts.unchanged = founding.index()
    counts.landed = counts.read - counts.quarantined - counts.unchanged
    return counts


def _settle(
    connection: psycopg.Connection,
    load: Load,
    load_id: int,
    plan: LoadPlan,
    incoming: Incoming,
    founding: Founding,
) -> Counts:
    """From the temporary tables to raw and quarantine."""
    entity = load.entity
    counts = Counts(read=incoming.read, details={**load.details, **load.explain()})
    if not incoming.read:
        if founding.begun:
            founding.index()
        return counts
    all_good = True
    if incoming.text_columns:
        connection.execute(statements.cast_text(entity, incoming.text_columns))
    if incoming.typed:
        all_good = connection.execute(statements.reject_typed(entity)).rowcount == 0
    if incoming.recall is not None:
        quarantine.recall(connection, incoming.recall)
    if load.replay is None:
        counts.quarantined = quarantine.record(connection, load.source, entity, load_id)
    else:
        counts.quarantined = quarantine.count_rejected(connection)
    kept = statements.Kept(all_good)
    values = {
        "source": load.source,
        "load_id": load_id,
        "business_date": load.business_date,
        "covers_from": plan.covers_from,
        "timezone": load.timezone.key,
        "origin": load.origin.path if load.origin else None,
    }
    if founding.begun or (_may_found(load, incoming) and founding.begin()):
        # Whether a key came twice is found by indexing.
        arrived = connection.execute(statements.insert_all(entity, kept), values).rowcount
        counts.landed = incoming.in_raw + arrived - founding.index()
    else:
        _add(connection, load, kept, values, counts)
    counts.unchanged = counts.read - counts.landed - counts.quarantined
    if load.replay is None and not plan.first_load:
        counts.details |= schema.look_for_empty(
            connection, load.source, entity, incoming.columns, load.origin is not None
        )
    return counts


def _add(
    connection: psycopg.Connection,
    load: Load,
    kept: statements.Kept,
    values: dict[str, Any],
    counts: Counts,
) -> None:
    """Land what is new or changed."""
    entity = load.entity
    losers = statements.find_losers(entity, kept.condition(entity))
    repeated = connection.execute(losers).rowcount
    if load.replay is not None:
        repeated += load.replay.yield_to_landed(connection, load.source, entity)
    kept = replace(kept, all_unique=repeated == 0)
    if _is_empty(connection, load):
        counts.landed = connection.execute(statements.insert_all(entity, kept), values).rowcount
    else:
        # The comparison is planned by how many rows there are; the first load compares nothing.
        connection.execute(statements.analyze_incoming(entity))
        row = connection.execute(statements.insert_changed(entity, kept), values).fetchone()
        assert row is not None
        counts.landed, elsewhere = row
        if load.origin is not None and elsewhere:
            counts.details["known_from_other_files"] = elsewhere


def _may_found(load: Load, incoming: Incoming) -> bool:
    """Whether the load is worth an index of its own, and has raw to itself."""
    return incoming.read >= _FOUND_FROM and load.replay is None and load.part is None


def _is_empty(connection: psycopg.Connection, load: Load) -> bool:
    if load.part is not None:
        return load.part.is_alone(connection, load.source, load.entity)
    row = connection.execute(
        f"select exists (select 1 from raw.{load.entity.name} where _source = %s)", [load.source]
    ).fetchone()
    return row is not None and not row[0]


def _bury(connection: psycopg.Connection, load: Load, load_id: int, counts: Counts) -> None:
    """Tombstones for what a changed file no longer has, where that is certain.

    It is not when one of its records cannot be read (it may be the one that seems gone), nor when
    another file brought rows that this one had brought before (they left no version of their own).
    """
    assert load.origin is not None
    if counts.quarantined:
        counts.details[_WITHHELD] = "the changed file has records in quarantine"
    elif ledger.shares_rows(connection, load.source, load.entity, load.origin.path):
        counts.details[_WITHHELD] = "other files of the source hold the same rows"
    else:
        buried = connection.execute(
            statements.insert_tombstones(load.entity),
            {
                "source": load.source,
                "origin": load.origin.path,
                "load_id": load_id,
                "business_date": load.business_date,
            },
        ).rowcount
        if buried:
            counts.details["tombstones"] = buried


def _as_told(error: BaseException, load: Load) -> BaseException:
    """The error as it may be told: psycopg's own can quote rows."""
    if isinstance(error, psycopg.Error):
        return warehouse_error(load.source, load.entity.name, error)
    if isinstance(error, SourceError | LandingError) or not isinstance(error, Exception):
        return error
    return LandingError(
        load.source,
        load.entity.name,
        f"the reader broke down with {type(error).__name__}",
        "This is a defect of the reader: report it with the traceback",
    )


def _note_failure(
    reconnect: Callable[[], psycopg.Connection],
    connection: psycopg.Connection,
    load_id: int,
    told: BaseException,
) -> None:
    """Write the failure to the ledger; if even that fails, the next attempt will."""
    held = (told.read, told.rejected) if isinstance(told, HeldLoadError) else None
    try:
        if not connection.closed:
            connection.rollback()
            ledger.fail(connection, load_id, str(told), held=held)
            ledger.let_go(connection, load_id)
            return
    except psycopg.Error:
        connection.close()
    try:
        with reconnect() as other:
            ledger.fail(other, load_id, str(told), held=held)
    except psycopg.Error as error:
        logger.error("load %s: its failure could not be noted: %s", load_id, describe(error))
