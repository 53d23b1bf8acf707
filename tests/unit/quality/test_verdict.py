"""Severity decides, and whatever was not evaluated shuts the gate."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from moshtari.quality import Check, GateShutError, Verdict
from moshtari.quality.expectations import _cause, _figures
from moshtari.quality.gate import THRESHOLDS, _earliest, thresholds
from moshtari.settings import Deployment

SOURCES = {"shop": {"kind": "postgres"}}


def check(severity: str, *, success: bool) -> Check:
    return Check("suite", f"{severity}_check", "raw.orders", severity, success, {"n": 3}, "mend it")


def verdict(*checks: Check, problems: tuple[str, ...] = ()) -> Verdict:
    return Verdict(7, "arrivals", date(2026, 3, 10), checks, problems, {})


@pytest.mark.parametrize(
    ("checks", "problems", "is_open"),
    [
        ([("critical", True), ("warning", True)], (), True),
        ([("critical", True), ("warning", False), ("info", False)], (), True),
        ([("critical", False), ("warning", True)], (), False),
        ([("critical", True)], ("suite x did not run",), False),
        ([], ("suite x holds no expectation",), False),
    ],
)
def test_what_opens_and_what_shuts(checks, problems, is_open):
    decided = verdict(*(check(s, success=ok) for s, ok in checks), problems=problems)
    assert decided.is_open is is_open
    assert decided.as_json()["is_open"] is is_open


def test_the_error_names_run_stage_check_table_severity_figures_and_remedy():
    error = GateShutError(
        verdict(check("critical", success=False), check("warning", success=False))
    )
    for part in (
        "run 7",
        "arrivals",
        "2026-03-10",
        "critical_check",
        "raw.orders",
        "n 3",
        "mend it",
    ):
        assert part in str(error)
    assert "warning_check" not in str(error)


def test_a_deployment_may_set_thresholds_but_not_to_words():
    own = Deployment(name="x", sources=SOURCES, vars={"gate_min_customers_share": 0.5})
    assert thresholds(own) == {**THRESHOLDS, "gate_min_customers_share": 0.5}
    for value in ("half", True):
        wrong = Deployment(name="x", sources=SOURCES, vars={"gate_min_customers_share": value})
        with pytest.raises(ValueError, match="gate_min_customers_share"):
            thresholds(wrong)


def test_times_carry_the_deployments_zone():
    earliest = _earliest(Deployment(name="x", sources=SOURCES, timezone="Asia/Tehran"))
    assert earliest.astimezone(UTC) == datetime(1989, 12, 31, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("info", "cause"),
    [
        ({}, None),
        ({"raised_exception": False, "exception_message": None}, None),
        (
            {"raised_exception": True, "exception_message": 'column "segmen" does not exist'},
            'column "segmen" does not exist',
        ),
        (
            {"metric": {"raised_exception": True, "exception_message": "invalid: 'Farhad'"}},
            "see the log of this task",
        ),
        ({"metric": {"raised_exception": False, "exception_message": None}}, None),
    ],
)
def test_causes_of_broken_checks_show_no_values(info, cause):
    assert _cause(info) == cause


def test_only_figures_are_kept_of_a_result():
    result = {
        "element_count": 10,
        "unexpected_count": 2,
        "partial_unexpected_list": ["Farhad"],
        "details": {"value_counts": [{"value": "Farhad", "count": 2}]},
    }
    assert _figures(result) == {"element_count": 10, "unexpected_count": 2}
    # Values that occur are no figures, not even where the library calls them observed.
    assert _figures({"observed_value": ["Farhad", "Farnaz"]}) == {"observed_value": 2}
