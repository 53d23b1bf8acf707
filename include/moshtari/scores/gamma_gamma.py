"""Gamma-gamma: what a customer spends on a purchase day, drawn toward what all customers spend.

Fader and Hardie (2013). Fitted on customers with a repeat purchase, over their mean repeat spend.
"""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, gammaln

from moshtari.scores.likelihood import Estimate, Floats, RefusedError, maximise

NAMES = ("p", "q", "v")
_STARTS = ((1.0, 2.0, 1.0), (6.0, 4.0, 0.5), (3.0, 10.0, 5.0), (0.5, 1.5, 1.0))
_FEWEST_RETURNING = 30


def fit(x: Floats, mean_spend: Floats, counts: Floats) -> Estimate:
    """Fit by maximum likelihood on customers with x > 0 and a mean repeat spend over nothing.

    Raises RefusedError, in words.
    """
    x, mean_spend, counts = (np.asarray(v, dtype=float) for v in (x, mean_spend, counts))
    kept = (x > 0) & (mean_spend > 0)
    x, mean_spend, counts = x[kept], mean_spend[kept], counts[kept]
    if counts.sum() < _FEWEST_RETURNING:
        raise RefusedError(
            f"{counts.sum():.0f} customers have spent something on a second day; "
            f"at least {_FEWEST_RETURNING} are needed"
        )
    unit = float(np.average(mean_spend, weights=counts))
    scaled = mean_spend / unit

    def loss(logs: Floats) -> tuple[float, Floats]:
        return _loss(np.exp(logs), x, scaled, counts)

    found = maximise(NAMES, loss, _STARTS, int(counts.sum()))
    p, q, v = found.values
    if q <= 1:
        raise RefusedError(f"q is {q:.2f}: with 1 or less the mean spend of all has no bound")
    errors = (*found.standard_errors[:2], found.standard_errors[2] * unit)
    shift = float(counts.sum()) * np.log(unit)
    return Estimate(NAMES, (p, q, v * unit), errors, found.log_likelihood - shift, found.customers)


def _loss(parameters: Floats, x: Floats, mean: Floats, counts: Floats) -> tuple[float, Floats]:
    """Minus the log-likelihood, and its gradient by the parameters' logarithms."""
    p, q, v = parameters
    total = x * mean + v
    row = (
        gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(v)
        + (p * x - 1) * np.log(mean) + p * x * np.log(x) - (p * x + q) * np.log(total)
    )  # fmt: skip
    by_p = x * (digamma(p * x + q) - digamma(p * x) + np.log(mean) + np.log(x) - np.log(total))
    by_q = digamma(p * x + q) - digamma(q) + np.log(v) - np.log(total)
    by_v = q / v - (p * x + q) / total
    gradient = np.array([(counts * part).sum() for part in (by_p, by_q, by_v)])
    return -float((counts * row).sum()), -gradient * parameters
