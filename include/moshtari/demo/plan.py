"""What one world is made from: its seed, its first and last day, and how many people come to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

NIGHTS = 45
"""Days generated beyond `last_day`, for `advance` to play night by night."""

WEB_DAYS = 120
"""Days of history of which the shop has kept what its visitors did."""

_FOUNDERS = 0.42
_MIN_DAYS = 60


@dataclass(frozen=True)
class Plan:
    """The arguments of a life.

    Two plans that are equal but for `last_day` or `nights` live the same life: the later one only
    sees more of it.

    `founders` people come within the first `founding_days`, and `per_day` on every day of average
    season after that. On day `web_from` the shop begins to keep what visitors do on its site.
    """

    seed: int
    first_day: date
    last_day: date
    founders: int
    founding_days: int
    per_day: float
    nights: int = NIGHTS
    web_from: int = 0

    @property
    def today(self) -> int:
        """The number of `last_day`, counted from `first_day`."""
        return (self.last_day - self.first_day).days

    @property
    def horizon(self) -> int:
        """The number of the last day that is generated."""
        return self.today + self.nights


def make_plan(
    seed: int,
    last_day: date,
    days: int = 730,
    customers: int = 5000,
    web_days: int = WEB_DAYS,
) -> Plan:
    """The plan by which about `customers` people are known at the end of `last_day`.

    The shop has kept the visits of the last `web_days` days.

    Raises ValueError for fewer than 60 days or fewer than one customer.
    """
    if days < _MIN_DAYS:
        raise ValueError(f"a world needs at least {_MIN_DAYS} days of history, not {days}")
    if customers < 1:
        raise ValueError(f"a world needs at least one customer, not {customers}")
    founders = round(customers * _FOUNDERS)
    return Plan(
        seed=seed,
        first_day=last_day - timedelta(days=days - 1),
        last_day=last_day,
        founders=founders,
        founding_days=min(60, days // 3),
        per_day=(customers - founders) / days,
        web_from=max(days - web_days, 0),
    )
