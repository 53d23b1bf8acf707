"""When a parse of the dbt project may be used again, and when not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import extended_mashumaro_encoder

from moshtari.settings import Settings
from moshtari.transform.dbt import OF_THE_RUN
from moshtari.transform.dbt_process import kept_manifest, manifest_file

RUN = {"as_of_date": "2026-03-18", "run_id": 7, "state_run_id": 6, "horizon_days": 90}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text("name: small")
    (folder / "models" / "one.sql").write_text("select 1 as one")
    return folder


def file_of(project: Path, **changed: Any) -> Path:
    database = str(changed.pop("database", "moshtari"))
    settings = Settings(home=project.parent, pg_database=database)
    return manifest_file(settings, project, {**RUN, **changed}, OF_THE_RUN)


def test_another_night_uses_the_parse_of_the_first(project: Path) -> None:
    assert file_of(project) == file_of(project, as_of_date="2026-03-19", run_id=8, state_run_id=7)


@pytest.mark.parametrize(
    "changed",
    [{"state_run_id": 0}, {"horizon_days": 60}, {"weekend": ["friday"]}, {"database": "other"}],
)
def test_a_build_anew_a_setting_and_a_database_have_a_parse_of_their_own(
    project: Path, changed: dict[str, Any]
) -> None:
    assert file_of(project) != file_of(project, **changed)


@pytest.mark.parametrize("name", ["one.sql", "two.sql", "one.yml", "one.csv", "one.md"])
def test_a_changed_or_new_file_is_read(project: Path, name: str) -> None:
    before = file_of(project)
    (project / "models" / name).write_text("select 2 as one")
    assert file_of(project) != before


def test_a_file_that_went_is_noticed(project: Path) -> None:
    before = file_of(project)
    (project / "models" / "one.sql").unlink()
    assert file_of(project) != before


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x81\xa5nodes", b"not one"])
def test_a_parse_that_cannot_be_read_is_made_anew(tmp_path: Path, content: bytes) -> None:
    broken = tmp_path / "broken.msgpack"
    broken.write_bytes(content)
    assert kept_manifest(broken) is None


def test_a_parse_that_was_cut_is_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "cut.msgpack"
    whole = Manifest().to_msgpack(extended_mashumaro_encoder)
    file.write_bytes(whole)
    assert kept_manifest(file) is not None
    file.write_bytes(whole[: len(whole) // 2])
    assert kept_manifest(file) is None


def test_no_parse_is_none(tmp_path: Path) -> None:
    assert kept_manifest(tmp_path / "missing.msgpack") is None
