"""How good a score was on days it had not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from moshtari.scores.likelihood import Floats

Flags = NDArray[np.bool_]
_GROUPS = 10


@dataclass(frozen=True)
class Decile:
    """A tenth of the customers by score, the least likely first."""

    customers: int
    predicted: float
    returned: float


def auc(score: Floats, returned: Flags) -> float | None:
    """The chance that a customer who returned was ranked above one who did not; ties count half.

    None when all returned or none did: there is nothing to tell apart then.
    """
    yes, no = int(returned.sum()), int((~returned).sum())
    if yes == 0 or no == 0:
        return None
    ranks = rankdata(score)
    return float((ranks[returned].sum() - yes * (yes + 1) / 2) / (yes * no))


def calibration(probability: Floats, returned: Flags) -> list[Decile]:
    """Ten groups of equal size by probability: what was said, and what came."""
    order = np.argsort(probability, kind="stable")
    return [
        Decile(len(part), float(probability[part].mean()), float(returned[part].mean()))
        for part in np.array_split(order, min(_GROUPS, len(order)))
        if len(part)
    ]


def lift(score: Floats, returned: Flags, share: float = 0.1) -> float | None:
    """How much more often the top share returned than customers on average did."""
    if not len(score) or not returned.any():
        return None
    top = np.argsort(-score, kind="stable")[: max(1, round(share * len(score)))]
    return float(returned[top].mean() / returned.mean())


def gains(score: Floats, returned: Flags) -> tuple[Floats, Floats]:
    """Share of the customers asked, the likeliest first, and the share of the returning found."""
    order = np.argsort(-score, kind="stable")
    found = np.cumsum(returned[order]) / max(int(returned.sum()), 1)
    asked = np.arange(1, len(order) + 1) / len(order)
    return np.concatenate([[0.0], asked]), np.concatenate([[0.0], found])
