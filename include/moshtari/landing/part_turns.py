"""Whose turn it is to land, among the parts of one plan, of other plans, and whole loads.

Loads of one (source, entity) hold an advisory lock of their series, alone. Parts share it, for
ranges of one plan have no row in common. Those of different plans may have, so only one plan is in
turn, and to pass on the turn takes the lock alone: parts that are under way end first.
"""

from __future__ import annotations

import psycopg

from moshtari.landing import ledger
from moshtari.landing.contract import Entity
from moshtari.landing.parts import Part

_PART = "hashtextextended('moshtari.part/' || %s::bigint::text || '/' || %s::int::text, 0)"
_TURN = "hashtextextended('moshtari.turn/' || %s || '/' || %s, 0)"


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
