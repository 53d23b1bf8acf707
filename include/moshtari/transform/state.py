"""What the incremental models hold (`ops.state`), and whether a build may go on from it.

A build goes on from the last one that ended cleanly when it is of no earlier day and its rules and
settings are the same; else it begins anew. A build that was killed leaves the state dirty to its
day: the next one of that day or a later goes on from the clean build before, and computes what the
killed one may have computed once more, which ends in the same rows.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from moshtari.landing.contract import ENTITIES, Entity
from moshtari.settings import Settings
from moshtari.warehouse.connection import connect

_BUILDER = "moshtari_builder"
_SCHEMAS = ("staging", "intermediate", "candidate")
# Whoever writes to the state shares this lock (ops.hold_state); who takes it over has it alone.
_TAKE_OVER = "select pg_advisory_xact_lock(hashtextextended('moshtari.state', 0))"
_LOGS = ("int_orders_changed", "int_customers_changed", "int_identity_changes")
_INCREMENTAL = re.compile(r"materialized\s*=\s*[\"']incremental[\"']")
# Of a run itself: these say nothing about how its rows are computed.
_OF_THE_RUN = ("as_of_date", "run_id", "prior_run_id")


class StateError(RuntimeError):
    """A build cannot use the state. The message says what to do."""


@dataclass(frozen=True)
class _State:
    clean_run_id: int | None
    clean_date: date | None
    log_from_run: int | None
    fingerprint: str | None
    dirty_to: date | None
    building_run_id: int | None
    building: dict[str, Any] | None


def fingerprint(project: Path, variables: dict[str, Any]) -> str:
    """What the rows depend on besides the data: every rule's text, the seeds, and the settings.

    All of the project counts, not the incremental models alone: a mart with a history carries on
    rows of earlier nights, and those were made by the rules of their time.
    """
    digest = hashlib.sha256()
    files = [project / "dbt_project.yml"]
    for folder, pattern in (("models", "*.sql"), ("macros", "*.sql"), ("seeds", "*.csv")):
        files += sorted((project / folder).rglob(pattern))
    for file in files:
        digest.update(file.relative_to(project).as_posix().encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    settled = {name: value for name, value in variables.items() if name not in _OF_THE_RUN}
    digest.update(json.dumps(settled, sort_keys=True, ensure_ascii=False).encode())
    digest.update(os.environ.get("MOSHTARI_CUSTOMER_KEY_SALT", "").encode())
    return digest.hexdigest()


def incremental_models(project: Path) -> list[str]:
    """Names of the models whose rows outlast a night."""
    return sorted(
        file.stem
        for file in (project / "models").rglob("*.sql")
        if _INCREMENTAL.search(file.read_text(encoding="utf-8"))
    )


def begin(settings: Settings, project: Path, variables: dict[str, Any]) -> dict[str, Any]:
    """Take the state over for a run, and return the variables that say how it is to be built.

    Safe to repeat for the same run. Waits until a model that an older build is writing has ended.
    Raises StateError when a newer build has taken the state over.
    """
    run_id, day = int(variables["run_id"]), date.fromisoformat(variables["as_of_date"])
    digest = fingerprint(project, variables)
    with connect(settings, role=_BUILDER) as connection:
        connection.execute(_TAKE_OVER)
        state = _read(connection)
        if state.building_run_id is not None and state.building_run_id > run_id:
            raise StateError(
                f"run {run_id} has been overtaken: run {state.building_run_id} builds now. "
                f"Begin a new run for {day} when that one has ended"
            )
        goes_on = _may_go_on(state, run_id, day, digest) and not _missing(connection, project)
        told = _told(connection, state, goes_on, int(variables["prior_run_id"]), run_id)
        loads = _landed(connection, day, goes_on)
        if not goes_on:
            connection.execute("delete from ops.state_loads")
        connection.execute(
            """
            update ops.state
            set
                clean_run_id = case when %(goes_on)s then clean_run_id end,
                clean_date = case when %(goes_on)s then clean_date end,
                log_from_run = case when %(goes_on)s then log_from_run else %(run)s end,
                dirty_to = case when %(goes_on)s then greatest(dirty_to, %(day)s) end,
                fingerprint = %(digest)s,
                building_run_id = %(run)s,
                building = %(building)s,
                updated_at = clock_timestamp()
            """,
            {
                "goes_on": goes_on,
                "run": run_id,
                "day": day,
                "digest": digest,
                "building": Jsonb({"variables": told, "as_of_date": str(day), "loads": loads}),
            },
        )
    return told


def resume(settings: Settings, run_id: int) -> dict[str, Any]:
    """What `begin` told this run. Raises StateError when it does not hold the state any more."""
    with connect(settings, role=_BUILDER) as connection:
        state = _read(connection)
    return dict(_building(state, run_id)["variables"])


def settle(settings: Settings, run_id: int) -> None:
    """The build has ended cleanly: the next one may go on from it. Safe to repeat.

    Raises StateError when the run no longer holds the state.
    """
    with connect(settings, role=_BUILDER) as connection:
        connection.execute(_TAKE_OVER)
        state = _read(connection)
        if state.clean_run_id == run_id:
            return
        building = _building(state, run_id)
        _note_loads(connection, building["loads"])
        log_from = _shorten_logs(connection, state.log_from_run or run_id)
        connection.execute(
            """
            update ops.state
            set clean_run_id = %s, clean_date = %s, dirty_to = null, log_from_run = %s,
                updated_at = clock_timestamp()
            """,
            [run_id, building["as_of_date"], log_from],
        )


def _read(connection: psycopg.Connection) -> _State:
    with connection.cursor(row_factory=class_row(_State)) as cursor:
        row = cursor.execute(
            "select clean_run_id, clean_date, log_from_run, fingerprint, dirty_to, "
            "building_run_id, building from ops.state"
        ).fetchone()
    assert row is not None
    return row


def _building(state: _State, run_id: int) -> dict[str, Any]:
    if state.building_run_id != run_id or state.building is None:
        raise StateError(
            f"run {run_id} does not hold the state of the models: run {state.building_run_id} "
            f"does. Clear begin_run and all after it, to build the day anew"
        )
    return state.building


def _may_go_on(state: _State, run_id: int, day: date, digest: str) -> bool:
    if state.clean_run_id is None or state.clean_date is None:
        return False
    newest = max(state.clean_date, state.dirty_to or state.clean_date)
    return state.clean_run_id < run_id and day >= newest and state.fingerprint == digest


def _missing(connection: psycopg.Connection, project: Path) -> list[str]:
    rows = connection.execute(
        "select c.relname from pg_class as c where c.relkind = 'r' "
        "and c.relnamespace in (select oid from pg_namespace where nspname = any(%s))",
        [list(_SCHEMAS)],
    )
    there = {row[0] for row in rows}
    return [name for name in incremental_models(project) if name not in there]


def _told(
    connection: psycopg.Connection, state: _State, goes_on: bool, prior_run_id: int, run_id: int
) -> dict[str, Any]:
    row = connection.execute(
        "select (select on_line from ops.runs where run_id = %s), "
        "(select line_position from ops.runs where run_id = %s)",
        [run_id, prior_run_id],
    ).fetchone()
    assert row is not None
    on_line, position = row
    # A publication older than the logs, or beside the line, cannot be told what has changed since.
    logged = goes_on and position is not None and prior_run_id >= (state.log_from_run or run_id)
    return {
        "state_run_id": state.clean_run_id if goes_on else 0,
        "state_date": str(state.clean_date) if goes_on else "0001-01-01",
        "changes_since_run": prior_run_id if logged else 0,
        "on_line": True if on_line is None else on_line,
    }


def _landed(connection: psycopg.Connection, day: date, goes_on: bool) -> list[int]:
    """Loads that a build of this day takes in whole, and that are not in the state yet.

    What lands while it runs may be read by it or not: the next build takes it in.
    """
    rows = connection.execute(
        """
        select load_id from ops.loads
        where status = 'landed' and business_date <= %s
            and (not %s or load_id not in (select load_id from ops.state_loads))
        order by load_id
        """,
        [day, goes_on],
    )
    return [row[0] for row in rows]


def _note_loads(connection: psycopg.Connection, loads: list[int]) -> None:
    rows = connection.execute(
        "select distinct entity from ops.loads where load_id = any(%s)", [loads]
    )
    for name in sorted(row[0] for row in rows):
        if name in ENTITIES:
            connection.execute(_note_statement(ENTITIES[name]), {"loads": loads, "entity": name})


def _note_statement(entity: Entity) -> sql.Composed:
    """Insert the entity's loads with the latest of all the times in their rows."""
    times: list[sql.Composable] = [
        sql.SQL(
            "raw.{}" if column.pg_type == "timestamptz" else "(raw.{} + 1)::timestamptz"
        ).format(sql.Identifier(column.name))
        for column in entity.columns
        if column.pg_type in ("timestamptz", "date")
    ]
    times = times or [sql.SQL("null::timestamptz")]
    return sql.SQL(
        """
        with latest as (
            select raw._load_id as load_id, max(greatest({times})) as effective_to
            from raw.{table} as raw
            where raw._load_id = any(%(loads)s)
            group by raw._load_id
        )
        insert into ops.state_loads (load_id, effective_to)
        select loads.load_id, latest.effective_to
        from ops.loads as loads
        left join latest on loads.load_id = latest.load_id
        where loads.load_id = any(%(loads)s) and loads.entity = %(entity)s
        on conflict (load_id) do update set effective_to = excluded.effective_to
        """
    ).format(
        times=sql.SQL(", ").join(times),
        table=sql.Identifier(entity.name),
    )


def _shorten_logs(connection: psycopg.Connection, log_from: int) -> int:
    """Drop what every publication that is still kept has in it; return where the logs begin."""
    row = connection.execute(
        "select min(run_id) from ops.runs where published_at is not null and pruned_at is null"
    ).fetchone()
    kept_from = row[0] if row and row[0] is not None else log_from
    if kept_from <= log_from:
        return log_from
    for log in _LOGS:
        connection.execute(
            sql.SQL("delete from {} where changed_in_run <= %s").format(
                sql.Identifier("intermediate", log)
            ),
            [kept_from],
        )
    return int(kept_from)
