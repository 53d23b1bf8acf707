"""The dbt project run for real, against a database of the test's own, with hand-made raw rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from moshtari.landing.contract import ENTITIES
from moshtari.settings import Settings
from moshtari.transform.dbt import OF_THE_RUN
from moshtari.transform.dbt_process import manifest_file

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"

# What a required column holds where the test does not care.
_FILLERS: dict[str, Any] = {
    "text": "-",
    "text[]": [],
    "numeric": 0,
    "boolean": False,
    "jsonb": Jsonb({}),
}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "orders": {"status": "completed", "currency": "IRR", "direction": "sale"},
    "customers": {"party": "person"},
    "refunds": {"currency": "IRR", "kind": "return"},
    "tickets": {"status": "open"},
}


def run_dbt(
    settings: Settings,
    verb: str,
    *arguments: str,
    variables: dict[str, Any],
    project: Path = PROJECT,
) -> str:
    """Run one dbt command and return its log; AssertionError with that log when it fails."""
    folder = settings.home / "dbt"
    kept = manifest_file(settings, project, variables, OF_THE_RUN)
    command = [
        sys.executable, "-m", "moshtari.transform.dbt_process", str(kept), "--no-use-colors", verb,
        "--project-dir", str(project), "--profiles-dir", str(project),
        "--vars", json.dumps(variables), *arguments,
    ]  # fmt: skip
    done = subprocess.run(
        command,
        env={
            **os.environ,
            **settings.database_environment(),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
        },
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def land(pg: psycopg.Connection, entity: str, *rows: dict[str, Any]) -> None:
    """Insert versions into raw.<entity>, as a first load would unless a row says otherwise.

    Required columns a row leaves out are filled; `source`, `load_id`, `known_from` and `is_deleted`
    stand for the system columns.
    """
    found = ENTITIES[entity]
    for given in rows:
        row = {**_DEFAULTS.get(entity, {}), **given}
        system = {
            "_source": row.pop("source", "shop"),
            "_load_id": row.pop("load_id", 1),
            "_known_from": row.pop("known_from", "-infinity"),
            "_is_deleted": row.pop("is_deleted", False),
        }
        for column in found.columns:
            if column.required and column.name not in row:
                row[column.name] = _FILLERS.get(column.pg_type, row.get("created_at"))
        if "ordered_at" in row and row.get("updated_at") is None:
            row["updated_at"] = row["ordered_at"]
        system["_key"] = "/".join(str(row[name]) for name in found.key)
        system["_changed_at"] = row.get("updated_at") or row.get("created_at")
        values = {**row, **system}
        pg.execute(
            sql.SQL("insert into raw.{} ({}) values ({})").format(
                sql.Identifier(entity),
                sql.SQL(", ").join(map(sql.Identifier, values)),
                sql.SQL(", ").join(sql.Placeholder() * len(values)),
            ),
            list(values.values()),
        )


def landed(pg: psycopg.Connection, *entities: str) -> None:
    """Write ledger rows that say these entities were loaded long ago."""
    for entity in entities:
        pg.execute(
            "insert into ops.loads (source, entity, family, business_date, status)"
            " values ('shop', %s, %s, '2020-01-01', 'landed')",
            [entity, ENTITIES[entity].family],
        )


def publish(pg: psycopg.Connection, *marts: str) -> None:
    """Put the candidate marts where a publication would, for a later run to carry on from."""
    for mart in marts:
        pg.execute(
            sql.SQL("create table if not exists store.{0} (like candidate.{0})").format(
                sql.Identifier(mart)
            )
        )
        pg.execute(
            sql.SQL("insert into store.{0} select * from candidate.{0}").format(
                sql.Identifier(mart)
            )
        )
        pg.execute(
            sql.SQL("grant select on store.{} to moshtari_builder").format(sql.Identifier(mart))
        )


def content(pg: psycopg.Connection, mart: str) -> list[tuple[Any, ...]]:
    """Every row of a candidate mart but its run, in an order of its own."""
    rows = pg.execute(
        sql.SQL("select to_jsonb(t) - 'run_id' from candidate.{} as t").format(sql.Identifier(mart))
    ).fetchall()
    return sorted(rows, key=str)
