"""All models as of one day, and how they do on the days after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import psycopg
from threadpoolctl import threadpool_limits

from moshtari.scores import bg_nbd, gamma_gamma, past, return_score
from moshtari.scores.likelihood import Estimate, Floats, RefusedError
from moshtari.scores.measures import Decile, Flags, auc, calibration, lift
from moshtari.scores.past import History, Rows
from moshtari.scores.return_score import Regression
from moshtari.scores.windows import held_out_cut, training_window

RANKING = ("return_score", "bg_nbd", "recency")


@dataclass(frozen=True)
class Models:
    """What could be fitted with what was known by one day; a model that was refused says why."""

    known_until: date
    horizon_days: int
    history: History | None
    fitted: dict[str, Estimate | Regression] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def bg_nbd(self) -> Estimate | None:
        found = self.fitted.get("bg_nbd")
        return found if isinstance(found, Estimate) else None

    def regression(self, name: str) -> Regression | None:
        found = self.fitted.get(name)
        return found if isinstance(found, Regression) else None


@dataclass(frozen=True)
class Result:
    """How one score did on held-out days."""

    model: str
    auc: float | None
    lift: float | None
    calibration: list[Decile]
    probability: Floats


@dataclass(frozen=True)
class HeldOut:
    """The days after a cut, which no model had seen, and what each score said of them."""

    cut: date
    ends_on: date
    returned: Flags
    results: dict[str, Result]

    @property
    def recency_auc(self) -> float | None:
        return self.results["recency"].auc

    def best(self) -> str:
        """The score that ranks: the best of all that beat plain recency, or else recency."""
        found = "recency"
        for name in RANKING[:-1]:
            here, there = self.results.get(name), self.results[found]
            if here and here.auc is not None and here.auc > (there.auc or 0.0):
                found = name
        return found


def fit_models(connection: psycopg.Connection, known_until: date, horizon_days: int) -> Models:
    """Fit everything that the days up to ``known_until`` allow. Reads no later day."""
    found = past.history(connection, known_until)
    models = Models(known_until, horizon_days, found)
    if found is None:
        for name in ("bg_nbd", "gamma_gamma", "return_score", "recency"):
            models.refused[name] = f"nothing was bought up to {known_until}"
        return models
    # Small matrices: threads of linear algebra would only wait for each other.
    with threadpool_limits(limits=1):
        _fit_all(connection, models, found)
    return models


def _fit_all(connection: psycopg.Connection, models: Models, found: History) -> None:
    known_until = models.known_until
    try:
        histories = past.histories(connection, known_until, found.buyers)
        models.fitted["bg_nbd"] = bg_nbd.fit(*histories)
    except RefusedError as error:
        models.refused["bg_nbd"] = str(error)
    days, spend = past.spending(connection, known_until, found.buyers)
    try:
        models.fitted["gamma_gamma"] = gamma_gamma.fit(days, spend, np.ones(len(days)))
    except RefusedError as error:
        models.refused["gamma_gamma"] = str(error)
    _fit_regressions(connection, models, found)


def _fit_regressions(connection: psycopg.Connection, models: Models, found: History) -> None:
    horizon = models.horizon_days
    window = training_window(found.first_day, models.known_until, horizon)
    if window is None:
        history = (models.known_until - found.first_day).days
        reason = f"{history} days of history are too few to learn from"
        models.refused.update(return_score=reason, recency=reason)
        return
    newest = max(window.cuts)
    earlier = training_window(found.first_day, newest, horizon)
    cuts = tuple(sorted({*window.cuts, *(earlier.cuts if earlier else ())}))
    rows = past.rows_at(connection, cuts, horizon, found.buyers, models.bg_nbd)
    try:
        models.fitted["recency"] = return_score.log_odds_by_recency(rows, window)
        terms = return_score.chosen_terms(
            rows, earlier, newest, with_expected=models.bg_nbd is not None
        )
        models.fitted["return_score"] = return_score.fit(rows, window, terms)
    except RefusedError as error:
        models.refused.update(return_score=str(error), recency=str(error))


def try_out(connection: psycopg.Connection, models: Models) -> HeldOut | None:
    """Score the buyers of the models' day and look at the horizon after it.

    None when there were no buyers. Whether that horizon has passed is the caller's to know.
    """
    if models.history is None:
        return None
    cut = models.known_until
    rows = past.rows_at(
        connection, (cut,), models.horizon_days, models.history.buyers, models.bg_nbd
    )
    returned = rows.returned(models.horizon_days)
    said: dict[str, Floats] = {"recency": _by_recency(models, rows)}
    if models.bg_nbd is not None:
        said["bg_nbd"] = 1 - np.exp(-rows.expected)
    score = models.regression("return_score")
    if score is not None:
        said["return_score"] = score.probability(rows, models.horizon_days)
    results = {
        name: Result(
            name,
            auc(probability, returned),
            lift(probability, returned),
            calibration(probability, returned),
            probability,
        )
        for name, probability in said.items()
    }
    ends_on = cut + timedelta(days=models.horizon_days)
    return HeldOut(cut, ends_on, returned, results)


def _by_recency(models: Models, rows: Rows) -> Floats:
    """By the baseline's own regression; where there is none, any falling function ranks alike."""
    baseline = models.regression("recency")
    if baseline is not None:
        return baseline.probability(rows, models.horizon_days)
    return models.horizon_days / (models.horizon_days + np.exp(rows.terms["log_recency"]) - 1)


def hold_out(connection: psycopg.Connection, models: Models) -> HeldOut | None:
    """Fit the same as of one horizon ago and look at the days since; None for want of history."""
    if models.history is None:
        return None
    cut = held_out_cut(models.history.first_day, models.known_until, models.horizon_days)
    if cut is None:
        return None
    return try_out(connection, fit_models(connection, cut, models.horizon_days))
