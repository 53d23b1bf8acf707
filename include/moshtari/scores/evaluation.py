"""`moshtari evaluate`: what each score would have been worth on the shop's own past."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import psycopg

from moshtari.atomic import write_atomically
from moshtari.scores import past, plots
from moshtari.scores.errors import NoHistoryError
from moshtari.scores.fitting import score_variables
from moshtari.scores.models import HeldOut, Models, fit_models, try_out
from moshtari.settings import Deployment, Settings
from moshtari.warehouse.connection import connect

TITLES = {
    "return_score": "Return score",
    "bg_nbd": "BG/NBD expectation",
    "recency": "Plain recency",
}


@dataclass(frozen=True)
class Evaluation:
    """The models as of a day of the past, and what came in the horizon after it."""

    models: Models
    held_out: HeldOut
    files: tuple[Path, ...]

    @property
    def used(self) -> str:
        return self.held_out.best()


def evaluate(
    settings: Settings, deployment: Deployment, cut: date, horizon_days: int | None = None
) -> Evaluation:
    """Fit with what was known by the end of ``cut``, score every buyer, look at the days after it.

    Changes nothing in the warehouse; writes a table (JSON) and two plots under
    MOSHTARI_HOME/evaluation. Raises NoHistoryError, in words, when the warehouse holds no build,
    nothing before the cut, or not the whole horizon after it.
    """
    horizon = horizon_days or int(score_variables(settings, deployment)["horizon_days"])
    if horizon < 1:
        raise NoHistoryError(f"a horizon of {horizon} days holds no day. Give --horizon 1 or more")
    with connect(settings, role="moshtari_builder", application="evaluate") as connection:
        _require_days(connection, cut, horizon)
        models = fit_models(connection, cut, horizon)
        held_out = try_out(connection, models)
        connection.rollback()
    assert held_out is not None
    folder = settings.home / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{cut.isoformat()}_{horizon}_days"
    calibration, lift = folder / f"{stem}_calibration.png", folder / f"{stem}_lift.png"
    subtitle = (
        f"{deployment.name}: {len(held_out.returned):,} customers at the end of {cut}, "
        f"{int(held_out.returned.sum()):,} bought in the {horizon} days after"
    )
    plots.draw_calibration(calibration, held_out, TITLES, subtitle)
    plots.draw_lift(lift, held_out, TITLES, subtitle)
    table = folder / f"{stem}.json"
    document = json.dumps(_document(models, held_out), indent=2)
    write_atomically(table, lambda part: part.write_text(document + "\n", encoding="utf-8"))
    return Evaluation(models, held_out, (table, calibration, lift))


def _require_days(connection: psycopg.Connection, cut: date, horizon: int) -> None:
    found = past.history(connection, date.max)
    if found is None:
        raise NoHistoryError("nobody has bought anything yet, so there is nothing to evaluate on")
    if found.first_day > cut:
        raise NoHistoryError(
            f"the first purchase was on {found.first_day}, after the cut {cut}. Give a later --cut"
        )
    if found.last_day < cut + timedelta(days=1):
        raise NoHistoryError(
            f"the last purchase known is of {found.last_day}; nothing after the cut {cut} can be "
            "compared with. Give an earlier --cut"
        )
    if _known_until(connection, found.last_day) < cut + timedelta(days=horizon):
        raise NoHistoryError(
            f"the {horizon} days after {cut} are not over: the last purchase known is of "
            f"{found.last_day}. Give an earlier --cut or a shorter --horizon"
        )


def _known_until(connection: psycopg.Connection, last_purchase: date) -> date:
    """The last business day built: a shop may sell nothing on it."""
    found = connection.execute(
        "select to_regclass('intermediate.int_customer_features') is not null"
    ).fetchone()
    if not found or not found[0]:
        return last_purchase
    row = connection.execute(
        "select max(cut_on) from intermediate.int_customer_features"
    ).fetchone()
    return max(last_purchase, row[0]) if row and row[0] else last_purchase


def _document(models: Models, held_out: HeldOut) -> dict[str, object]:
    return {
        "cut": held_out.cut.isoformat(),
        "ends_on": held_out.ends_on.isoformat(),
        "horizon_days": models.horizon_days,
        "customers": len(held_out.returned),
        "returned": int(held_out.returned.sum()),
        "ranks": held_out.best(),
        "refused": models.refused,
        "scores": {
            name: {
                "auc": result.auc,
                "lift_in_top_tenth": result.lift,
                "calibration": [asdict(decile) for decile in result.calibration],
            }
            for name, result in held_out.results.items()
        },
        "parameters": {name: fitted.described() for name, fitted in models.fitted.items()},
    }
