"""Scores: fitted here on the shop's own past, computed in SQL, never used unless they beat recency.

What is heavy (numpy, scipy, scikit-learn) is imported when something is fitted.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from moshtari.scores.errors import NoHistoryError

if TYPE_CHECKING:
    from moshtari.settings import Deployment, Settings

__all__ = ["NoHistoryError", "fit_scores"]


def fit_scores(settings: Settings, deployment: Deployment, as_of_date: date) -> dict[str, int]:
    """Make sure that the fit day of ``as_of_date`` has its fits; returns counts of models."""
    from moshtari.scores.fitting import fit_scores as fit

    return fit(settings, deployment, as_of_date)
