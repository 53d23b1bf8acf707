"""One load: a source's batches of one entity, or of one file of it, into raw in one transaction.

Whatever happens, raw holds all of a load or nothing of it, and the ledger says which. Loads of one
(source, entity) take turns, so a second run of the same night finds everything there already.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import psycopg

from moshtari.landing import ledger, schema
from moshtari.landing.errors import LandingError, describe, warehouse_error
from moshtari.landing.founding import Founding
from moshtari.landing.holding import (
    HeldLoadError,
    hold_if_mostly_rejected,
    hold_if_suspicious,
)
from moshtari.landing.incoming import Incoming
from moshtari.landing.ledger import Counts
from moshtari.landing.load import Landed, Load
from moshtari.landing.part_plans import drop_plan
from moshtari.landing.part_turns import take_turn
from moshtari.landing.settling import bury, settle
from moshtari.landing.windows import LoadPlan, plan_load
from moshtari.sources.base import Batch, SourceColumn, SourceError, Window

logger = logging.getLogger(__name__)


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
    founding = founding or Founding(connection, load.source, entity, load_id)
    counts = settle(connection, load, load_id, plan, incoming, founding)
    if drift is not None:
        counts.details |= drift.details()
    if load.replay is None:
        hold_if_mostly_rejected(
            connection, load.rejection, load.source, entity.name, load.business_date, counts
        )
    if before is not None:
        bury(connection, load, load_id, counts)
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
