"""What a load has read, from its temporary tables (or where it is in raw already) to its place."""

# ruff: noqa: S608 - names come from the contract, values are parameters

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg

from moshtari.landing import ledger, quarantine, schema, statements, versions
from moshtari.landing.founding import Founding
from moshtari.landing.incoming import Incoming
from moshtari.landing.ledger import Counts
from moshtari.landing.load import Load
from moshtari.landing.windows import LoadPlan

# From this many rows on, an index is sooner made anew than filled row by row.
_FOUND_FROM = 10_000
_WITHHELD = "tombstones_withheld"


def settle(
    connection: psycopg.Connection,
    load: Load,
    load_id: int,
    plan: LoadPlan,
    incoming: Incoming,
    founding: Founding,
) -> Counts:
    """From the temporary tables to raw and quarantine; what is in raw already is indexed."""
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
    in_raw = incoming.in_raw - (founding.reject() if incoming.founded else 0)
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
        arrived = connection.execute(versions.insert_all(entity, kept), values).rowcount
        counts.landed = in_raw + arrived - founding.index()
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
        counts.landed = connection.execute(versions.insert_all(entity, kept), values).rowcount
    else:
        # The comparison is planned by how many rows there are; the first load compares nothing.
        connection.execute(statements.analyze_incoming(entity))
        row = connection.execute(versions.insert_changed(entity, kept), values).fetchone()
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


def bury(connection: psycopg.Connection, load: Load, load_id: int, counts: Counts) -> None:
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
            versions.insert_tombstones(load.entity),
            {
                "source": load.source,
                "origin": load.origin.path,
                "load_id": load_id,
                "business_date": load.business_date,
            },
        ).rowcount
        if buried:
            counts.details["tombstones"] = buried
