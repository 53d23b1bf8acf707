"""The days on which people of a season come: before Nowruz, before Yalda, when school begins."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from moshtari.demo.almanac import DAY, Almanac

# The Jalali days (month, first, last) of each.
_WINDOWS = {"nowruz": (12, 3, 27), "yalda": (9, 18, 29), "mehr": (6, 18, 31)}


def next_season(almanac: Almanac, windows: Sequence[str], at: int, rng: Random) -> int:
    """A day in the next of the seasons `windows` after `at`; one in ten is left out."""
    day, last = at // DAY + 1, len(almanac.jalali) - 1
    while True:
        while day < last and not _is_in(almanac, windows, day):
            day += 1
        end = day
        while end < last and _is_in(almanac, windows, end):
            end += 1
        if day >= last or rng.random() < 0.9:
            return rng.randrange(day, max(end, day + 1))
        day = end


def _is_in(almanac: Almanac, windows: Sequence[str], day: int) -> bool:
    month, number = almanac.jalali[day]
    for name in windows:
        window, first, final = _WINDOWS[name]
        if month == window and first <= number <= final:
            return True
    return False
