"""Which days of the past a fit learns from, and on which it is tried."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

_GRID_FROM = date(2001, 1, 1)  # a Monday, as in the macro `fit_day`
_CUTS = 8
_DAYS_BETWEEN_CUTS = 14
# Before its first cut a window needs some history, and an outcome needs some days.
_FEWEST_DAYS_BEFORE = 30
_SHORTEST_OUTCOME = 14


def fit_day(as_of_date: date, refit_days: int) -> date:
    """The last day of the grid that is not after ``as_of_date``."""
    return as_of_date - timedelta(days=(as_of_date - _GRID_FROM).days % refit_days)


@dataclass(frozen=True)
class Window:
    """Cut days, each with the same number of days in which a purchase counts as a return."""

    cuts: tuple[date, ...]
    outcome_days: int

    @property
    def ends_on(self) -> date:
        """The last day that is read."""
        return max(self.cuts) + timedelta(days=self.outcome_days)


def training_window(first_day: date, known_until: date, horizon_days: int) -> Window | None:
    """Cuts two weeks apart whose outcome is known by ``known_until``; None for want of history.

    The outcome is as long as the horizon, but at most a third of the history there is: a short
    history then still has customers of some age at its cuts.
    """
    history = (known_until - first_day).days
    outcome = min(horizon_days, history // 3)
    if outcome < min(horizon_days, _SHORTEST_OUTCOME):
        return None
    cuts = []
    for number in range(_CUTS):
        cut = known_until - timedelta(days=outcome + _DAYS_BETWEEN_CUTS * number)
        if (cut - first_day).days < _FEWEST_DAYS_BEFORE:
            break
        cuts.append(cut)
    return Window(tuple(cuts), outcome) if cuts else None


def held_out_cut(first_day: date, known_until: date, horizon_days: int) -> date | None:
    """The newest day whose horizon has passed, if enough history lies before it to learn from."""
    cut = known_until - timedelta(days=horizon_days)
    return cut if training_window(first_day, cut, horizon_days) else None
