"""The suites as files: each complete, none silently left out, none repeating another."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, get_args

import pytest
from tests.conftest import REPOSITORY

from moshtari.publication import PUBLISHED
from moshtari.quality.assets import asset_query
from moshtari.quality.expectations import SUITES
from moshtari.quality.gate import THRESHOLDS
from moshtari.quality.verdict import Severity

FOLDER = REPOSITORY / "expectations"
ALL = [name for suites in SUITES.values() for name in suites]


def suite(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        (FOLDER / "suites" / f"{name}.json").read_text(encoding="utf-8")
    )
    return content


def test_every_file_is_a_suite_that_runs():
    assert {file.stem for file in (FOLDER / "suites").glob("*.json")} == set(ALL)
    written = {file.stem for file in (FOLDER / "assets").glob("*.sql")}
    assert written | {"candidate_marts"} == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_every_expectation_has_a_name_a_severity_and_a_remedy(name):
    content = suite(name)
    assert content["name"] == name
    assert content["meta"]["target"]
    assert content["expectations"]
    for expectation in content["expectations"]:
        assert expectation["severity"] in get_args(Severity)
        assert expectation["meta"]["check"]
        assert expectation["meta"]["remedy"]


def test_names_of_checks_and_ids_are_unique():
    expectations = [e for name in ALL for e in suite(name)["expectations"]]
    for key in (lambda e: e["meta"]["check"], lambda e: e["id"]):
        assert Counter(map(key, expectations)).most_common(1)[0][1] == 1


def test_parameters_and_thresholds_are_the_same_set():
    used = {
        value["$PARAMETER"]
        for name in ALL
        for expectation in suite(name)["expectations"]
        for value in expectation["kwargs"].values()
        if isinstance(value, dict)
    }
    assert used == {*THRESHOLDS, "earliest_time"}


@pytest.mark.parametrize("stage", SUITES)
def test_each_stage_can_shut_and_can_warn(stage):
    severities = {e["severity"] for name in SUITES[stage] for e in suite(name)["expectations"]}
    assert {"critical", "warning"} <= severities


def test_every_published_mart_is_audited():
    query = asset_query(FOLDER, "candidate_marts")
    for mart in PUBLISHED:
        assert f'"candidate"."{mart.table}"' in query
