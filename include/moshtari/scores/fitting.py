"""Fit days: what is fitted on one is kept, and every run of its week computes with it."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict
from datetime import date
from typing import Any

import psycopg
import yaml
from psycopg import sql
from psycopg.types.json import Jsonb

from moshtari.scores import past
from moshtari.scores.likelihood import Estimate
from moshtari.scores.models import HeldOut, Models, fit_models, hold_out
from moshtari.scores.return_score import Regression
from moshtari.scores.windows import fit_day
from moshtari.settings import Deployment, Settings
from moshtari.warehouse.connection import connect

_log = logging.getLogger(__name__)
# Any number will do, as long as every version of Moshtari uses the same one.
_FITTING_LOCK = 7_460_312_019
_MODELS = ("bg_nbd", "gamma_gamma", "return_score", "recency")
# Raised whenever the same rows would give another fit: fits of before are then fitted anew.
_EDITION = 1
_SHAPING = (
    "horizon_days", "score_window_days", "score_activity_days", "rhythm_prior_weight",
    "rhythm_default_gap_days",
)  # fmt: skip


def fit_scores(settings: Settings, deployment: Deployment, as_of_date: date) -> dict[str, int]:
    """Make sure that the fit day of ``as_of_date`` has its fits; returns counts of models.

    Reads what the build left in `intermediate`, of days up to the fit day. What is there already is
    kept, so a run repeated, and a run of another day of the same week, computes with the same
    parameters. All in one transaction; a second call at once waits and finds the fits made.
    """
    variables = score_variables(settings, deployment)
    day = fit_day(as_of_date, int(variables["score_refit_days"]))
    fingerprint = _fingerprint(variables)
    with connect(settings, role="moshtari_builder", application="fit_scores") as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", [_FITTING_LOCK])
        kept = connection.execute(
            "select count(*) from scores.fits where fit_day = %s and fingerprint = %s",
            [day, fingerprint],
        ).fetchone()
        if kept and kept[0]:
            return {"fitted": 0, "refused": 0, "kept": int(kept[0])}
        return _fit(connection, day, int(variables["horizon_days"]), fingerprint)


def score_variables(settings: Settings, deployment: Deployment) -> dict[str, Any]:
    """The dbt project's variables, overridden by the deployment's."""
    project = settings.project_root / "dbt_project" / "dbt_project.yml"
    defaults = yaml.safe_load(project.read_text(encoding="utf-8"))["vars"]
    return {**defaults, **deployment.vars}


def _fingerprint(variables: dict[str, Any]) -> str:
    shaping = [_EDITION, *(variables[name] for name in _SHAPING)]
    return hashlib.sha256(json.dumps(shaping).encode()).hexdigest()[:16]


def _fit(
    connection: psycopg.Connection, day: date, horizon_days: int, fingerprint: str
) -> dict[str, int]:
    models = fit_models(connection, day, horizon_days)
    held_out = hold_out(connection, models)
    used = held_out.best() if held_out else "recency"
    connection.execute("delete from scores.fits where fit_day = %s", [day])
    parties = _keep_rhythm(connection, day, horizon_days, fingerprint)
    for model in _MODELS:
        _keep(connection, models, held_out, model, fingerprint, is_used=model == used)
    for model, reason in models.refused.items():
        _log.info("%s was not fitted as of %s: %s", model, day, reason)
    fitted = len(models.fitted) + (parties > 0)
    return {"fitted": fitted, "refused": len(_MODELS) + 1 - fitted, "kept": 0}


def _keep(
    connection: psycopg.Connection,
    models: Models,
    held_out: HeldOut | None,
    model: str,
    fingerprint: str,
    *,
    is_used: bool,
) -> None:
    fitted = models.fitted.get(model)
    result = held_out.results.get(model) if held_out else None
    row: dict[str, Any] = {
        "model": model,
        "fit_day": models.known_until,
        "status": "refused" if fitted is None else "fitted",
        "reason": models.refused.get(model) or _note(model, held_out, is_used=is_used),
        "fingerprint": fingerprint,
        "horizon_days": models.horizon_days,
        "parameters": Jsonb(fitted.described() if fitted else {}),
        "is_used": is_used,
    }
    if isinstance(fitted, Regression):
        row |= {
            "trained_from": fitted.trained_from,
            "trained_to": fitted.trained_to,
            "trained_on": fitted.trained_on,
        }
    elif isinstance(fitted, Estimate) and models.history:
        row |= {
            "trained_from": models.history.first_day,
            "trained_to": models.known_until,
            "trained_on": fitted.customers,
        }
    if held_out and result:
        row |= {
            "held_out_from": held_out.cut,
            "held_out_to": held_out.ends_on,
            "held_out_customers": len(held_out.returned),
            "auc": result.auc,
            "recency_auc": held_out.recency_auc,
            "calibration": Jsonb([asdict(decile) for decile in result.calibration]),
        }
    _insert(connection, row)
    if isinstance(fitted, Regression):
        rows = fitted.rows()
    elif isinstance(fitted, Estimate) and model == "bg_nbd":
        rows = past.bg_nbd_coefficients(fitted)
    elif isinstance(fitted, Estimate):
        rows = [(n, v, None) for n, v in zip(fitted.names, fitted.values, strict=True)]
    else:
        return
    past.write_coefficients(connection, model, models.known_until, rows)


def _note(model: str, held_out: HeldOut | None, *, is_used: bool) -> str | None:
    """Why a model that was fitted does not rank."""
    if is_used or model in ("gamma_gamma", "recency"):
        return None
    if held_out is None:
        return "the history is too short to try it on days it has not seen; recency ranks"
    if held_out.best() == "recency":
        return "it did not beat plain recency on held-out days; recency ranks"
    return f"{held_out.best()} was better on held-out days"


def _keep_rhythm(
    connection: psycopg.Connection, day: date, horizon_days: int, fingerprint: str
) -> int:
    """Fix the groups' mean gaps that the build has worked out for this fit day; returns groups."""
    found = connection.execute(
        "select party, group_gap_days from intermediate.int_rhythms_fixed"
        " where fit_day = %s and group_gap_days is not null order by party",
        [day],
    ).fetchall()
    row: dict[str, Any] = {
        "model": "rhythm",
        "fit_day": day,
        "status": "fitted" if found else "refused",
        "reason": None if found else "nobody has bought on two days",
        "fingerprint": fingerprint,
        "horizon_days": horizon_days,
        "parameters": Jsonb({party: float(gap) for party, gap in found}),
        "trained_to": day,
    }
    _insert(connection, row)
    past.write_coefficients(
        connection, "rhythm", day, [(party, float(gap), None) for party, gap in found]
    )
    return len(found)


def _insert(connection: psycopg.Connection, row: dict[str, Any]) -> None:
    connection.execute(
        sql.SQL("insert into scores.fits ({}) values ({})").format(
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() * len(row)),
        ),
        list(row.values()),
    )
