"""The demo's calendar: days and instants of the simulated life, seasons, sales, working hours.

Instants are whole seconds since the first day's midnight in Tehran. Iran has kept +03:30 all year
since September 2022, so a world may not begin before that and no instant is ever ambiguous.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from random import Random
from typing import TypeVar

import jdatetime

T = TypeVar("T")

DAY = 86_400
HOUR = 3_600
TEHRAN = timezone(timedelta(hours=3, minutes=30))
EARLIEST_FIRST_DAY = date(2022, 9, 22)

# How far beyond the last simulated day instants can still be written (deliveries, fading grudges).
_MARGIN_DAYS = 500

_CLOCK = [
    f" {h:02d}:{m:02d}:{s:02d}+03:30" for h in range(24) for m in range(60) for s in range(60)
]
# When people shop: hardly at night, a hill before lunch, the peak after dinner.
_HOUR_WEIGHTS = (4, 2, 1, 0, 0, 0, 1, 2, 4, 6, 8, 9, 8, 6, 5, 5, 6, 7, 8, 10, 12, 13, 12, 8)
_HOURS = tuple(hour for hour, weight in enumerate(_HOUR_WEIGHTS) for _ in range(weight))
_NIGHT_HOURS = (20, 21, 22, 22, 23, 23, 0, 0, 1, 14)
_OFFICE_HOURS = (9, 10, 10, 11, 11, 12, 13, 14, 15)

_HOLIDAYS = {(1, 1), (1, 2), (1, 3), (1, 4), (1, 12), (1, 13), (11, 22), (12, 29), (12, 30)}


class Almanac:
    """Everything that depends on the date alone, for one world.

    Day numbers count from `first_day` (day 0). A longer almanac of the same first day agrees with a
    shorter one on every day they share.
    """

    def __init__(self, first_day: date, days: int) -> None:
        """Raises ValueError for a first day before `EARLIEST_FIRST_DAY`."""
        if first_day < EARLIEST_FIRST_DAY:
            raise ValueError(
                f"the demo's world cannot begin on {first_day}: Tehran kept summer time before "
                f"{EARLIEST_FIRST_DAY}; choose a later last_day or fewer days"
            )
        self.first_day = first_day
        self.days = days
        self._epoch_ms = int(
            datetime(first_day.year, first_day.month, first_day.day, tzinfo=TEHRAN)
            .astimezone(UTC)
            .timestamp()
            * 1000
        )
        self._texts: list[str] = []
        self._off: list[bool] = []
        self._thursday: list[bool] = []
        self.jalali: list[tuple[int, int]] = []
        for number in range(days + _MARGIN_DAYS):
            day = first_day + timedelta(days=number)
            jalali = jdatetime.date.fromgregorian(date=day)
            month_day = (jalali.month, jalali.day)
            self._texts.append(day.isoformat())
            self._off.append(day.weekday() == 4 or month_day in _HOLIDAYS)
            self._thursday.append(day.weekday() == 3)
            self.jalali.append(month_day)
        self.season = [_season(month, day) for month, day in self.jalali]
        self.sale = [_sale(month, day) for month, day in self.jalali]
        self._cumulated = [0.0]
        for weight in self.season:
            self._cumulated.append(self._cumulated[-1] + weight)

    @property
    def end(self) -> int:
        """The last instant that can be written."""
        return len(self._texts) * DAY - 1

    def date(self, day: int) -> date:
        return self.first_day + timedelta(days=day)

    def text(self, instant: int) -> str:
        """The instant as PostgreSQL reads it."""
        day, second = divmod(instant, DAY)
        return self._texts[day] + _CLOCK[second]

    def day_text(self, day: int) -> str:
        return self._texts[day]

    def milliseconds(self, instant: int) -> int:
        """Milliseconds since 1970 in UTC."""
        return self._epoch_ms + instant * 1000

    def is_off(self, day: int) -> bool:
        """Whether the shop and its couriers rest: Fridays and public holidays."""
        return self._off[day]

    def working_day(self, day: int) -> int:
        """`day`, or the first working day after it."""
        while self._off[day]:
            day += 1
        return day

    def after_working_days(self, day: int, count: int) -> int:
        """The working day that comes `count` working days after `day`."""
        day = self.working_day(day)
        for _ in range(count):
            day = self.working_day(day + 1)
        return day

    def working_instant(self, instant: int) -> int:
        """`instant` in office hours (9 to 18, Thursday to 13), else soon after the next opening."""
        day, second = divmod(instant, DAY)
        closing = (13 if self._thursday[day] else 18) * HOUR
        if not self._off[day]:
            if 9 * HOUR <= second < closing:
                return instant
            if second < 9 * HOUR:
                return day * DAY + 9 * HOUR + second * 7919 % 5400
        return self.working_day(day + 1) * DAY + 9 * HOUR + second * 7919 % 5400

    def later(self, instant: int, gap_days: float) -> int:
        """The instant `gap_days` of average activity after `instant`: busy seasons pass faster."""
        day, second = divmod(instant, DAY)
        target = self._cumulated[day] + self.season[day] * second / DAY + gap_days
        if target >= self._cumulated[-1]:
            return (len(self.season) - 1) * DAY
        found = bisect_right(self._cumulated, target) - 1
        return int((found + (target - self._cumulated[found]) / self.season[found]) * DAY)

    def shopping_time(self, day: int, rng: Random, *, office: bool, night: bool) -> int:
        """An instant of `day` at an hour at which such a person shops."""
        hours = _OFFICE_HOURS if office else _NIGHT_HOURS if night else _HOURS
        return day * DAY + hours[int(rng.random() * len(hours))] * HOUR + int(rng.random() * HOUR)

    def next_sale_day(self, day: int) -> int:
        """`day`, or the first day after it on which the shop has a sale."""
        while not self.sale[day]:
            day += 1
            if day >= len(self.sale):
                return len(self.sale) - 1
        return day


def between(rng: Random, low: int, high: int) -> int:
    """A whole number from `low` to `high`: as `randint` draws it, in a third of its time."""
    return low + int(rng.random() * (high - low + 1))


def pick(rng: Random, options: Sequence[T]) -> T:
    """One of `options`: as `choice` draws it, in a third of its time."""
    return options[int(rng.random() * len(options))]


def _season(month: int, day: int) -> float:
    """How much is bought on a Jalali day, against an average one."""
    if month == 12:
        return 1.35 if day < 10 else 1.6
    if month == 1 and day <= 13:
        return 0.55
    if month == 9 and day >= 22:
        return 1.3
    if (month, day) >= (6, 22) and month <= 7 and not (month == 7 and day > 5):
        return 1.2
    return 0.95


def _sale(month: int, day: int) -> str:
    """The coupon of the sale on a Jalali day, or nothing."""
    if month == 12 and 10 <= day <= 26:
        return "NOROOZ"
    if month == 9 and day >= 24:
        return "YALDA"
    if month == 5 and day <= 6:
        return "TABESTAN"
    if month == 6 and day >= 26:
        return "MEHR"
    return "SARMAH" if day <= 2 else ""
