"""Identity resolution on a real PostgreSQL, night after night, against the reference in Python."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from tests.dbt.project import PROJECT, run_dbt
from tests.unit.identity.reference import Rules, resolve
from tests.unit.identity.worlds import FIRST_DAY, Version, World

from moshtari.landing.contract import ENTITIES
from moshtari.settings import Settings
from moshtari.transform import state

WORLDS = 150
NIGHTS = 5
RULES = Rules(max_records=4)
FOUNDATION = "+int_identity_links"
# Where a build is killed: before, within and after the models that know the earlier state.
KILLED_AFTER = ("int_identity_key_sets", "int_identity_edges", "int_identity_clusters")
MACROS = (
    "array_types.sql", "data_tests.sql", "engine.sql", "generate_schema_name.sql", "identity.sql",
    "materializations.sql", "money.sql", "normalise.sql", "raw_versions.sql", "scoped.sql",
    "state.sql", "time.sql",
)  # fmt: skip
SEEDS = ("order_statuses.csv", "ticket_statuses.csv")
TABLES = {
    "int_identity_key_sets": "key_set_key, first_seen_at, name_key, birth_date",
    "int_identity_shared_keys": "identity_key, cause, accounts, names, records",
    "int_identity_edges": "key_set_key, identity_key, anchor_key, first_seen_at",
    "int_identity_clusters": "anchor_key, cluster_key, broken_because",
    "int_identity_links": "identity_key, key_kind, customer_key, rule_id, first_seen_on",
}


def _small_project(folder: Path) -> Path:
    """The models of identity with what they read, without the rest: dbt starts in a second."""
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(PROJECT / name, folder / name)
    for kind, names in (("macros", MACROS), ("seeds", SEEDS)):
        (folder / kind).mkdir()
        for name in names:
            shutil.copy(PROJECT / kind / name, folder / kind)
    models = [
        *(PROJECT / "models" / "intermediate" / "identity").glob("*.sql"),
        *(PROJECT / "models" / "staging" / "ops").glob("*pending.sql"),
        *(PROJECT / "models" / "staging").glob("*/stg_shop__[cow]*s.sql"),
        *(PROJECT / "models" / "staging").glob("*/stg_help_desk__tickets.sql"),
        *(PROJECT / "models" / "staging").glob("*/stg_social__mentions.sql"),
        PROJECT / "models" / "staging" / "_staging__sources.yml",
    ]
    for model in models:
        place = folder / model.relative_to(PROJECT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(model, place)
    return folder


class Nights:
    """A warehouse whose identity models are built night by night."""

    def __init__(self, settings: Settings, pg: psycopg.Connection, project: Path) -> None:
        self.settings, self.pg, self.project, self.run_id = settings, pg, project, 0
        self._dbt({"as_of_date": str(FIRST_DAY)}, "seed")

    def _dbt(self, variables: dict[str, Any], *arguments: str) -> None:
        run_dbt(self.settings, *arguments, variables=variables, project=self.project)

    def load(self, night: int, versions: list[Version]) -> None:
        """Land versions as loads of this night, one for each entity."""
        day = FIRST_DAY + timedelta(days=night)
        for entity in {version.entity for version in versions}:
            row = self.pg.execute(
                "insert into ops.loads (source, entity, family, business_date, status)"
                " values ('shop', %s, %s, %s, 'landed') returning load_id",
                [entity, ENTITIES[entity].family, day],
            ).fetchone()
            assert row is not None
            rows = [v for v in versions if v.entity == entity]
            _copy(self.pg, entity, row[0], night, rows)

    def decide(self, night: int, worlds: list[World]) -> None:
        """Bring the table of corrections to what the worlds have decided."""
        self.pg.execute("update ops.identity_corrections set withdrawn_at = now()")
        for world in worlds:
            for action, decided_on, *pair in world.decisions:
                sides = [part for key in pair for part in key.split(":", 1)]
                self.pg.execute(
                    "insert into ops.identity_corrections (action, left_kind, left_value,"
                    " right_kind, right_value, reason, decided_on, line)"
                    " values (%s, %s, %s, %s, %s, '-', %s, 1)"
                    " on conflict (action, left_kind, left_value, right_kind, right_value)"
                    " do update set withdrawn_at = null, decided_on = excluded.decided_on",
                    [action, *sides, decided_on],
                )

    def build(self, night: int, *flags: str, until: str = FOUNDATION) -> dict[str, Any]:
        """Build up to a model; only a whole build settles. Returns the run's variables."""
        self.run_id += 1
        variables = {
            "as_of_date": str(FIRST_DAY + timedelta(days=night)),
            "run_id": self.run_id,
            "prior_run_id": 0,
            "max_records_per_person": RULES.max_records,
        }
        variables |= state.begin(self.settings, self.project, variables)
        if "--full-refresh" in flags:
            variables["state_run_id"] = 0
        self._dbt(variables, "run", "--select", until, *flags)
        if until == FOUNDATION:
            state.settle(self.settings, self.run_id)
        return variables

    def links(self) -> dict[str, str]:
        return dict(
            self.pg.execute(
                "select identity_key, customer_key from intermediate.int_identity_links"
            ).fetchall()
        )

    def changes(self) -> dict[str, tuple[str | None, str | None]]:
        """What the last run logged of keys that went to another customer."""
        rows = self.pg.execute(
            "select identity_key, customer_key_before, customer_key_after"
            " from intermediate.int_identity_changes where changed_in_run = %s"
            " and customer_key_before is distinct from customer_key_after",
            [self.run_id],
        ).fetchall()
        return {key: (before, after) for key, before, after in rows}

    def tables(self) -> dict[str, list[Any]]:
        return {
            table: sorted(
                self.pg.execute(f"select {columns} from intermediate.{table}".encode()).fetchall(),
                key=str,
            )
            for table, columns in TABLES.items()
        }


@pytest.fixture
def nights(settings: Settings, pg: psycopg.Connection, tmp_path: Path) -> Callable[[], Nights]:
    folder = tmp_path / "project"
    folder.mkdir()
    project = _small_project(folder)

    def begin() -> Nights:
        for entity in ENTITIES:
            pg.execute(f"truncate raw.{entity}".encode())
        pg.execute("truncate ops.identity_corrections, ops.state_loads")
        pg.execute("update ops.state set clean_run_id = null, building_run_id = null")
        return Nights(settings, pg, project)

    return begin


@profile(
    max_examples=1,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # an example is eleven runs of dbt: one, and no smaller one
)
@given(seed=st.integers(77, 2**32))
def test_a_night_ends_where_a_build_from_nothing_ends(
    nights: Callable[[], Nights], seed: int
) -> None:
    """Merges, splits, changed addresses, keys that become shared or cease to be, late and deleted
    rows, corrections made and withdrawn, and builds killed half-way."""
    rng = Random(seed)
    warehouse = nights()
    worlds = [World(number, Random(rng.random())) for number in range(WORLDS)]
    before: dict[str, str] = {}
    for night in range(NIGHTS):
        landed = [v for world in worlds for v in world.live_through(night, night)]
        warehouse.load(night, landed)
        warehouse.decide(night, worlds)
        if night in (2, 3):
            warehouse.build(night, until=f"+{rng.choice(KILLED_AFTER)}")
        told = warehouse.build(night)
        assert (told["state_run_id"] > 0) == (night > 0)
        found, wrong = warehouse.links(), []
        for world in worlds:
            wanted = resolve(world.records(night), RULES, world.corrections(night))
            mark = f"w{world.number}"
            ours = {key: found[key] for key in found if _world(key) == world.number}
            if ours != wanted:
                wrong.append((mark, night, ours, wanted, world))
        assert not wrong, f"{len(wrong)} worlds differ; the first: {wrong[0]}"
        if night and night not in (2, 3):
            moved = {
                key: (before.get(key), found.get(key))
                for key in before.keys() | found.keys()
                if before.get(key) != found.get(key)
            }
            assert warehouse.changes() == moved
        before = found
    incremental = warehouse.tables()
    warehouse.build(NIGHTS - 1)
    assert warehouse.changes() == {}, "nothing has come, and yet something has changed"
    assert warehouse.tables() == incremental
    warehouse.build(NIGHTS - 1, "--full-refresh")
    rebuilt = warehouse.tables()
    for table, rows in incremental.items():
        assert rebuilt[table] == rows, table


def _world(key: str) -> int:
    """The number of the world a key is of."""
    if key.startswith("phone:"):
        return int(key.removeprefix("phone:+989")[:5])
    value = key.split("w", 1)[1]
    return int("".join(c if c.isdigit() else " " for c in value).split()[0])


def _copy(
    pg: psycopg.Connection, entity: str, load_id: int, night: int, versions: list[Version]
) -> None:
    """Land the last version of each row, as a load has one of each."""
    last = {(v.source, v.key): v for v in versions}
    found = ENTITIES[entity]
    fillers = {"text": "-", "numeric": 0, "boolean": False, "text[]": [], "jsonb": "{}"}
    names = [column.name for column in found.columns]
    columns = [*names, "_source", "_key", "_load_id", "_known_from", "_changed_at", "_is_deleted"]
    with pg.cursor().copy(f"copy raw.{entity} ({', '.join(columns)}) from stdin") as copy:
        for version in last.values():
            row = {"status": "completed", "currency": "IRR", "direction": "sale"} | version.row
            row.setdefault("updated_at", version.changed_at)
            values: list[Any] = []
            for column in found.columns:
                value = row.get(column.name)
                if value is None and column.required:
                    value = fillers.get(column.pg_type, row.get("created_at"))
                values.append(json.dumps(value) if isinstance(value, dict) else value)
            known_from = "-infinity" if night == 0 else FIRST_DAY + timedelta(days=night)
            copy.write_row([*values, version.source, version.key, load_id, known_from,
                            version.changed_at, version.is_deleted])  # fmt: skip
