"""The gate: checks a stage of a run, writes the verdict down, and lets the run through or not."""

from __future__ import annotations

import logging
from datetime import date, datetime
from typing import Any

import psycopg

from moshtari.publication.errors import PublicationError
from moshtari.quality.errors import GateShutError
from moshtari.quality.expectations import SUITES, evaluate
from moshtari.quality.explain import name_the_sources
from moshtari.quality.page import write_page
from moshtari.quality.record import candidate_figures, record, run_to_audit
from moshtari.quality.verdict import Check, Stage, Verdict
from moshtari.settings import Deployment, Settings
from moshtari.warehouse.connection import connect

_logger = logging.getLogger(__name__)

# Defaults of the suites' parameters; `vars` of the deployment's YAML overrides each by its name.
THRESHOLDS: dict[str, float] = {
    "gate_max_quarantined_share": 0.05,
    "gate_min_share_of_usual": 0.3,
    "gate_min_customers_share": 0.8,
    "gate_max_customers_share": 1.5,
    "gate_min_revenue_share": 0.5,
    "gate_max_revenue_share": 2.0,
    "gate_max_days_without_purchase": 7,
    "gate_max_listed_share": 0.5,
}
_EARLIEST_YEAR = 1990


def run_gate(settings: Settings, deployment: Deployment, stage: Stage, run_id: int) -> Verdict:
    """Check what arrived (``arrivals``) or what would go out (``candidate``) for a run.

    Every check and the verdict are written to ops.checks and ops.runs first. Returns the verdict of
    an open gate, warnings included. Raises GateShutError when a critical check failed, or a suite
    was empty, broke or did not run; FencedError when a newer run has begun.
    """
    if stage not in SUITES:
        raise ValueError(f"{stage!r} is not a stage of the gate; use one of {sorted(SUITES)}")
    with connect(settings, role="moshtari_auditor", autocommit=True) as connection:
        run = run_to_audit(connection, run_id)
        checks, problems, figures = _look(settings, deployment, stage, run_id, run.as_of_date)
        if stage == "arrivals":
            folder = settings.project_root / "expectations"
            checks = name_the_sources(
                connection, folder, run.as_of_date, configured(deployment), checks
            )
        elif not problems:
            figures = candidate_figures(connection)
        verdict = Verdict(run_id, stage, run.as_of_date, tuple(checks), tuple(problems), figures)
        record(connection, verdict)
        _show(settings, connection, deployment)
    if not verdict.is_open:
        raise GateShutError(verdict)
    return verdict


def _look(
    settings: Settings, deployment: Deployment, stage: Stage, run_id: int, day: date
) -> tuple[list[Check], list[str], dict[str, Any]]:
    session = {
        "moshtari.run_id": str(run_id),
        "moshtari.business_date": day.isoformat(),
        **configured(deployment),
    }
    try:
        checks, problems = evaluate(
            settings,
            stage,
            f"{day.isoformat()}-run-{run_id}",
            session,
            {**thresholds(deployment), "earliest_time": _earliest(deployment)},
        )
    except PublicationError:
        raise
    except Exception as error:
        # Whatever it was, nothing was checked: that is a shut gate, not a task that may be skipped.
        _logger.exception("the gate could not check %s of run %s", stage, run_id)
        checks, problems = [], [f"the checks did not run ({type(error).__name__}): see the log"]
    return checks, problems, {}


def _show(settings: Settings, connection: psycopg.Connection, deployment: Deployment) -> None:
    """The page is for people; that it cannot be written is no reason to shut the gate."""
    try:
        write_page(settings, connection, deployment.timezone)
    except OSError as error:
        _logger.warning("the gate's page could not be written: %s", error.strerror)


def configured(deployment: Deployment) -> dict[str, str]:
    """What the queries of the assets ask of the deployment, as settings of their session."""
    return {
        "moshtari.weekend": ",".join(deployment.weekend),
        "moshtari.sources": ",".join(deployment.sources),
    }


def thresholds(deployment: Deployment) -> dict[str, float]:
    """The suites' thresholds for this deployment. Raises ValueError on one that is no number."""
    found: dict[str, float] = {}
    for name, default in THRESHOLDS.items():
        value = deployment.vars.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{deployment.file}: vars.{name}: {value!r} is no number. Mend it")
        found[name] = value
    return found


def _earliest(deployment: Deployment) -> datetime:
    # With its zone: compared with timestamptz, a naive time would be taken in the session's.
    return datetime(_EARLIEST_YEAR, 1, 1, tzinfo=deployment.zone)
