"""BG/NBD: how often a customer buys while it is one, and after which purchases it leaves.

Fader, Hardie and Lee (2005). Fitted over the grouped counts of (x, t_x, T), so that a million
customers cost what their distinct histories cost.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal
from scipy.special import digamma, gammaln

from moshtari.scores.likelihood import Estimate, Floats, Loss, RefusedError, maximise

NAMES = ("r", "alpha", "a", "b")
_STARTS = (
    (1.0, 1.0, 1.0, 1.0),
    (0.25, 0.5, 0.8, 2.5),
    (0.5, 1.0, 0.1, 0.5),
    (2.0, 3.0, 0.5, 5.0),
    (0.1, 0.1, 2.0, 10.0),
)
_FEWEST_RETURNING = 30
# Starts are tried on about so many rows; the best goes on over all of them.
_ROUGH_ROWS = 10_000

# The weight of quadrature follows Beta(a, b + base): histories of `base` repeat purchases or more,
# up to the next base, are integrated on nodes that lie where their mass does.
# New customers need more nodes: before them lies a horizon many times their age.
BASES = {0: 64, 32: 32, 128: 32, 512: 32}


def fit(x: Floats, t_x: Floats, age: Floats, counts: Floats) -> Estimate:
    """Fit by maximum likelihood; each row stands for ``counts`` customers alike.

    Times may be in any unit; alpha comes out in that unit. Raises RefusedError, in words.
    """
    x, t_x, age, counts = (np.asarray(v, dtype=float) for v in (x, t_x, age, counts))
    returning = float(counts[x > 0].sum())
    if returning < _FEWEST_RETURNING:
        raise RefusedError(
            f"{returning:.0f} customers have bought on a second day; "
            f"at least {_FEWEST_RETURNING} are needed"
        )
    if age.max() <= 0:
        raise RefusedError("all purchases are of one day")
    # In units of a tenth of the longest history no parameter is far from one.
    unit = float(age.max()) / 10
    scaled_t_x, scaled_age = t_x / unit, age / unit

    def over(rows: slice) -> Loss:
        """The loss of some rows; what depends on x alone is worked out once for each x."""
        distinct, place = np.unique(x[rows], return_inverse=True)
        given = (x[rows], scaled_t_x[rows], scaled_age[rows], counts[rows])
        return lambda logs: _loss(np.exp(logs), distinct, place, *given)

    every = max(1, len(x) // _ROUGH_ROWS)
    rough = over(slice(None, None, every)) if every > 1 else None
    found = maximise(NAMES, over(slice(None)), _STARTS, int(counts.sum()), rough=rough)
    r, alpha, a, b = found.values
    errors = list(found.standard_errors)
    errors[1] *= unit
    shift = float((counts * x).sum()) * np.log(unit)
    return Estimate(
        NAMES, (r, alpha * unit, a, b), tuple(errors), found.log_likelihood - shift, found.customers
    )


def _loss(
    parameters: Floats,
    distinct: Floats,
    place: NDArray[np.intp],
    x: Floats,
    t_x: Floats,
    age: Floats,
    counts: Floats,
) -> tuple[float, Floats]:
    """Minus the log-likelihood, and its gradient by the parameters' logarithms."""
    r, alpha, a, b = parameters
    again = x > 0
    before_leaving = b + np.maximum(x, 1) - 1
    log_age, log_t_x = np.log(alpha + age), np.log(alpha + t_x)
    still = -(r + x) * log_age
    left = np.where(again, np.log(a) - np.log(before_leaving) - (r + x) * log_t_x, -np.inf)
    either = np.logaddexp(still, left)
    of_x = (
        gammaln(r + distinct) - gammaln(r) + r * np.log(alpha)
        + gammaln(a + b) + gammaln(b + distinct) - gammaln(b) - gammaln(a + b + distinct)
    )  # fmt: skip
    stays = np.exp(still - either)
    leaves = np.where(again, np.exp(left - either), 0.0)
    by_r = (
        (digamma(r + distinct) - digamma(r) + np.log(alpha))[place]
        - stays * log_age - leaves * log_t_x
    )  # fmt: skip
    by_alpha = r / alpha - stays * (r + x) / (alpha + age) - leaves * (r + x) / (alpha + t_x)
    sums = digamma(a + b) - digamma(a + b + distinct)
    by_a = sums[place] + leaves / a
    by_b = (sums + digamma(b + distinct) - digamma(b))[place] - leaves / before_leaving
    gradient = np.array([(counts * part).sum() for part in (by_r, by_alpha, by_a, by_b)])
    return -float((counts * (of_x[place] + either)).sum()), -gradient * parameters


def nodes(a: float, b: float) -> list[tuple[int, float, float]]:
    """(base, p, weight): a mean over Beta(a, b + x) as a sum that any SQL engine can form.

    For x of base or more the weight of a node is still to be multiplied by (1 - p)^(x - base), and
    the sum divided by the sum of those weights.
    """
    found = []
    for base, number in BASES.items():
        at, weight = _gauss_jacobi(number, b + base - 1, a - 1)
        found += [(base, float((1 + z) / 2), float(w)) for z, w in zip(at, weight, strict=True)]
    return found


def _gauss_jacobi(number: int, left: float, right: float) -> tuple[Floats, Floats]:
    """Nodes in (-1, 1) and weights that sum to one, for (1 - z)^left (1 + z)^right.

    Golub and Welsch (1969). Where all customers leave at one rate, a and b grow into the tens of
    thousands, and the weights of scipy's `roots_jacobi`, which are not of sum one, overflow.
    """
    k = np.arange(1, number)
    total = 2 * k + left + right
    diagonal = np.empty(number)
    diagonal[0] = (right - left) / (left + right + 2)
    diagonal[1:] = (right**2 - left**2) / (total * (total + 2))
    beside = 4 * k * (k + left) * (k + right) / (total**2 * (total + 1))
    # At k = 1 both of what is left are 1 + left + right, which may be zero.
    beside[1:] *= (k[1:] + left + right) / (total[1:] - 1)
    at, vectors = eigh_tridiagonal(diagonal, np.sqrt(beside))
    weight = vectors[0] ** 2
    return at, weight / weight.sum()
