"""The return score: logistic regression whose scaling is folded into its coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from moshtari.scores.likelihood import Floats, RefusedError
from moshtari.scores.measures import auc
from moshtari.scores.past import OPTIONAL_TERMS, TERMS, Rows
from moshtari.scores.windows import Window

# Of regularisation, as scikit-learn's C; chosen on earlier windows (docs/scores.md).
_STRENGTH = 0.1
_FEWEST_OUTCOMES = 30
# What an optional term must add to the AUC of an earlier window.
_EARNED = 0.0005


@dataclass(frozen=True)
class Regression:
    """Log odds = intercept + sum of coefficient x (term - mean).

    The intercept is therefore the average customer's log odds, and each product what a term adds.
    """

    intercept: float
    coefficients: dict[str, float]
    means: dict[str, float]
    outcome_days: int
    trained_on: int
    trained_from: date
    trained_to: date

    def log_odds(self, rows: Rows) -> Floats:
        total = np.full(len(rows), self.intercept)
        for term, coefficient in self.coefficients.items():
            total += coefficient * (rows.terms[term] - self.means[term])
        return total

    def probability(self, rows: Rows, horizon_days: int) -> Floats:
        """Of a return within the horizon; a shorter outcome is stretched, the chance a day even."""
        within = 1 / (1 + np.exp(-np.clip(self.log_odds(rows), -700, 700)))
        if self.outcome_days == horizon_days:
            return within
        return np.asarray(1 - (1 - within) ** (horizon_days / self.outcome_days))

    def rows(self) -> list[tuple[str, float, float | None]]:
        """(term, value, reference) as the scores' SQL reads them."""
        found: list[tuple[str, float, float | None]] = [
            ("intercept", self.intercept, None),
            ("outcome_days", float(self.outcome_days), None),
        ]
        return found + [
            (term, value, self.means[term]) for term, value in self.coefficients.items()
        ]

    def described(self) -> dict[str, object]:
        """As it is kept in the table of fits."""
        return {
            "intercept": self.intercept,
            "coefficients": self.coefficients,
            "means": self.means,
            "outcome_days": self.outcome_days,
            "regularisation": _STRENGTH,
        }


def fit(rows: Rows, window: Window, terms: tuple[str, ...]) -> Regression:
    """Fit over the window's cuts. Terms that are the same for everybody are left out.

    Raises RefusedError, in words, when too few returned or too few did not.
    """
    from sklearn.linear_model import LogisticRegression

    seen = rows.at(window.cuts)
    returned = seen.returned(window.outcome_days)
    fewest = min(int(returned.sum()), int((~returned).sum()))
    if fewest < _FEWEST_OUTCOMES:
        raise RefusedError(
            f"of {len(seen)} customers at {len(window.cuts)} cut days {int(returned.sum())} "
            f"returned within {window.outcome_days} days; at least {_FEWEST_OUTCOMES} that did "
            "and as many that did not are needed"
        )
    table = np.column_stack([seen.terms[term] for term in terms])
    means, spreads = table.mean(axis=0), table.std(axis=0)
    varied = spreads > 1e-9
    model = LogisticRegression(C=_STRENGTH, solver="newton-cholesky", max_iter=200, tol=1e-8)
    model.fit((table[:, varied] - means[varied]) / spreads[varied], returned)
    names = [term for term, kept in zip(terms, varied, strict=True) if kept]
    slopes = model.coef_[0] / spreads[varied]
    return Regression(
        intercept=float(model.intercept_[0]),
        coefficients={name: float(slope) for name, slope in zip(names, slopes, strict=True)},
        means={name: float(mean) for name, mean in zip(names, means[varied], strict=True)},
        outcome_days=window.outcome_days,
        trained_on=len(seen),
        trained_from=min(window.cuts),
        trained_to=window.ends_on,
    )


def chosen_terms(
    rows: Rows, earlier: Window | None, tried_at: date, *, with_expected: bool
) -> tuple[str, ...]:
    """The terms of every fit, and those that raise the AUC at a cut after an earlier window.

    Everything read here lies before the day up to which the fit may know; the held-out window that
    its figures are measured on comes after that.
    """
    if earlier is None:
        return TERMS
    then = rows.at((tried_at,))
    returned = then.returned(earlier.outcome_days)

    def reached(terms: tuple[str, ...]) -> float | None:
        return auc(fit(rows, earlier, terms).log_odds(then), returned)

    try:
        best = reached(TERMS)
        kept: tuple[str, ...] = TERMS
        for term in OPTIONAL_TERMS:
            if best is None or (term == "log_expected" and not with_expected):
                continue
            now = reached((*kept, term))
            if now is not None and now > best + _EARNED:
                best, kept = now, (*kept, term)
    except RefusedError:
        return TERMS
    return kept


def log_odds_by_recency(rows: Rows, window: Window) -> Regression:
    """Plain recency as a probability: the baseline that every score must beat."""
    return fit(rows, window, ("log_recency",))
