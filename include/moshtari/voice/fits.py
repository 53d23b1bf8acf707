"""Which sentiment model is in force on a day: fitted on Mondays, kept with its figures.

A fit is a fact: once made for its day it stays, whatever runs again, so an old day gets its old
answer. A model is replaced only when there is a tenth more to learn from, since every other model
means that all texts are classed anew.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from moshtari.scores.windows import fit_day
from moshtari.settings import Deployment
from moshtari.voice.model import SentimentModel
from moshtari.voice.rated import read_rated
from moshtari.voice.rules import Rules

_log = logging.getLogger(__name__)

_DEFAULT_LEAST = 400
REFIT_DAYS = 7


@dataclass(frozen=True)
class _Kept:
    """The fit in force before a new one."""

    fit_day: date
    rated_texts: int


def model_in_force(
    connection: psycopg.Connection, deployment: Deployment, rules: Rules, as_of_date: date
) -> tuple[date | None, SentimentModel | None]:
    """The model that classes texts on a day, and its fit day; None where the lexicon does.

    Makes the fit of the week where there is none yet, and commits it.
    """
    day = fit_day(as_of_date, REFIT_DAYS)
    found = connection.execute("select in_force from voice.fits where fit_day = %s", [day])
    row = found.fetchone()
    if row is None:
        _make(connection, deployment, rules, day)
        connection.commit()
        row = connection.execute(
            "select in_force from voice.fits where fit_day = %s", [day]
        ).fetchone()
    if row is None or row[0] is None:
        return None, None
    return row[0], load_model(connection, row[0])


def load_model(connection: psycopg.Connection, day: date) -> SentimentModel:
    """The model of a fit that was put in force."""
    row = connection.execute(
        "select lexicon_weight, intercept, neutral_band from voice.fits where fit_day = %s", [day]
    ).fetchone()
    if row is None:
        raise LookupError(f"voice.fits holds no fit of {day}")
    weights = connection.execute(
        "select bucket, idf, weight from voice.weights where fit_day = %s", [day]
    )
    features = {bucket: (idf, weight) for bucket, idf, weight in weights}
    return SentimentModel(features, *row)


def _make(connection: psycopg.Connection, deployment: Deployment, rules: Rules, day: date) -> None:
    texts = read_rated(connection, deployment, rules, day)
    before = _in_force_before(connection, day)
    least = int(str(deployment.vars.get("voice_min_rated_texts", _DEFAULT_LEAST)))
    row: dict[str, Any] = {
        "fit_day": day,
        "is_used": False,
        "in_force": before.fit_day if before else None,
        "rated_texts": len(texts),
        "training_texts": 0,
        "held_out_texts": 0,
    }
    model = None
    if len(texts) < least:
        row["because"] = f"{len(texts)} rated texts are fewer than {least}"
    elif before and 10 * len(texts) < 11 * before.rated_texts:
        row["because"] = f"{len(texts)} rated texts are not a tenth more than {before.rated_texts}"
    else:
        # scikit-learn takes a second to import, and most nights need none of it.
        from moshtari.voice.fitting import fit

        if fitted := fit(texts):
            row |= _described(fitted)
            model = fitted.model if fitted.beats_lexicon else None
        else:
            row["because"] = "hardly a text is rated well, or hardly one badly"
    if model:
        row["in_force"] = day
    _insert(connection, row)
    if model:
        _keep_weights(connection, day, model)
    _log.info("sentiment model of %s: %s", day, row["because"])


def _described(fitted: Any) -> dict[str, Any]:
    model, figures, lexicon = fitted.model, fitted.figures, fitted.lexicon
    verdict = "beats" if fitted.beats_lexicon else "does not beat"
    return {
        "is_used": fitted.beats_lexicon,
        "because": f"accuracy {figures.accuracy:.3f} {verdict} the lexicon's "
        f"{lexicon.accuracy:.3f} on {sum(fitted.held_out)} held-out texts",
        "training_texts": fitted.training_texts,
        "held_out_texts": sum(fitted.held_out),
        "held_out_negative": fitted.held_out[0],
        "held_out_positive": fitted.held_out[1],
        "accuracy": figures.accuracy,
        "macro_f1": figures.macro_f1,
        "confusion": Jsonb(figures.confusion),
        "lexicon_accuracy": lexicon.accuracy,
        "lexicon_macro_f1": lexicon.macro_f1,
        "lexicon_confusion": Jsonb(lexicon.confusion),
        "lexicon_weight": model.lexicon_weight,
        "intercept": model.intercept,
        "neutral_band": model.neutral_band,
    }


def _insert(connection: psycopg.Connection, row: dict[str, Any]) -> None:
    names = ", ".join(row)
    values = ", ".join(f"%({name})s" for name in row)
    connection.execute(
        f"insert into voice.fits ({names}) values ({values})".encode(),  # noqa: S608 - own names
        row,
    )


def _keep_weights(connection: psycopg.Connection, day: date, model: SentimentModel) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy("copy voice.weights (fit_day, bucket, idf, weight) from stdin") as copy,
    ):
        for bucket, (idf, weight) in sorted(model.features.items()):
            copy.write_row((day, bucket, idf, weight))


def _in_force_before(connection: psycopg.Connection, day: date) -> _Kept | None:
    row = connection.execute(
        "select kept.fit_day, kept.rated_texts from voice.fits as latest"
        " inner join voice.fits as kept on latest.in_force = kept.fit_day"
        " where latest.fit_day < %s order by latest.fit_day desc limit 1",
        [day],
    ).fetchone()
    return _Kept(*row) if row else None
