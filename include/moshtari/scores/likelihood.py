"""Maximum likelihood with several starts, and a check that what was found is a maximum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]
Loss = Callable[[Floats], tuple[float, Floats]]
# Beyond e^±12 of a unit of its own a parameter has left every shop that there is.
_LOG_BOUND = 12.0
_GRADIENT_PER_ROW = 1e-5
# A parameter less sure than this cannot be told from nothing.
_LARGEST_RELATIVE_ERROR = 1.0


class RefusedError(RuntimeError):
    """The likelihood has no maximum that can be used. The message says why, in words."""


@dataclass(frozen=True)
class Estimate:
    """Parameters at the maximum, their standard errors and the log-likelihood there."""

    names: tuple[str, ...]
    values: tuple[float, ...]
    standard_errors: tuple[float, ...]
    log_likelihood: float
    customers: int

    def __getitem__(self, name: str) -> float:
        return self.values[self.names.index(name)]

    def described(self) -> dict[str, object]:
        """As it is kept in the table of fits."""
        return {
            "values": dict(zip(self.names, self.values, strict=True)),
            "standard_errors": dict(zip(self.names, self.standard_errors, strict=True)),
            "log_likelihood": float(self.log_likelihood),
            "customers": self.customers,
        }


def maximise(
    names: tuple[str, ...],
    loss: Loss,
    starts: Sequence[Sequence[float]],
    customers: int,
    *,
    rough: Loss | None = None,
) -> Estimate:
    """The best of several starts over the logarithms of positive parameters.

    ``loss`` gives minus the log-likelihood and its gradient, both by logarithm. ``rough`` is the
    same over a sample: the starts are tried on it, and the best goes on over all. Raises
    RefusedError where that does not end in a maximum inside the bounds.
    """
    tried = [_search(rough or loss, np.log(np.asarray(start, dtype=float))) for start in starts]
    ended = [(value, point) for value, point in tried if np.isfinite(value)]
    if not ended:
        raise RefusedError("the likelihood is not a number from any start")
    point = min(ended, key=lambda pair: pair[0])[1]
    if rough is not None:
        point = _search(loss, point)[1]
    _require_inside(names, point)
    value, gradient = loss(point)
    point, value, gradient = _polished(loss, point, value, gradient)
    _require_inside(names, point)
    hessian = _hessian(loss, point)
    if float(np.abs(gradient).max()) > _GRADIENT_PER_ROW * max(customers, 1):
        raise RefusedError("the search ended on a slope, not on a maximum")
    curvature = np.linalg.eigvalsh(hessian)
    # A ridge: along it the parameters can be multiplied and the likelihood hardly notices.
    if not np.all(np.isfinite(curvature)) or curvature.min() <= 1e-2:
        raise RefusedError(
            "the likelihood is flat in one direction: the history does not tell "
            + " and ".join(names)
            + " apart"
        )
    errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
    values = np.exp(point)
    vague = [
        f"{name} is {value:.3g} ± {value * error:.3g}"
        for name, value, error in zip(names, values, errors, strict=True)
        if error > _LARGEST_RELATIVE_ERROR
    ]
    if vague:
        raise RefusedError("the history does not determine the model: " + ", ".join(vague))
    return Estimate(
        names=names,
        values=tuple(float(v) for v in values),
        standard_errors=tuple(float(e) for e in values * errors),
        log_likelihood=-float(value),
        customers=customers,
    )


def _search(loss: Loss, start: Floats) -> tuple[float, Floats]:
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(-_LOG_BOUND, _LOG_BOUND)] * len(start),
        options={"maxiter": 2000, "maxfun": 4000, "ftol": 1e-14, "gtol": 1e-10},
    )
    return float(found.fun), np.asarray(found.x, dtype=float)


def _require_inside(names: tuple[str, ...], point: Floats) -> None:
    gone = [
        f"{name} runs to {'infinity' if at > 0 else '0'}"
        for name, at in zip(names, point, strict=True)
        if abs(at) > _LOG_BOUND - 1e-3
    ]
    if gone:
        raise RefusedError("the likelihood does not converge: " + ", ".join(gone))


def _polished(
    loss: Loss,
    point: Floats,
    value: float,
    gradient: Floats,
) -> tuple[Floats, float, Floats]:
    """A few Newton steps, each kept only where it gets lower: the last digits of the maximum."""
    for _ in range(20):
        hessian = _hessian(loss, point)
        if not np.all(np.isfinite(hessian)) or np.linalg.eigvalsh(hessian).min() <= 0:
            break
        step = np.linalg.solve(hessian, gradient)
        if float(np.abs(step).max()) > 1:
            break
        trial = point - step
        trial_value, trial_gradient = loss(trial)
        if not np.isfinite(trial_value) or trial_value > value + 1e-9 * abs(value):
            break
        point, value, gradient = trial, trial_value, trial_gradient
        if float(np.abs(step).max()) < 1e-9:
            break
    return point, value, gradient


def _hessian(loss: Loss, point: Floats) -> Floats:
    size = len(point)
    hessian = np.empty((size, size))
    for i in range(size):
        step = np.zeros(size)
        step[i] = 1e-5
        hessian[i] = (loss(point + step)[1] - loss(point - step)[1]) / 2e-5
    return (hessian + hessian.T) / 2
