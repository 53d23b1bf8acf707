"""Which changes a load is to bring: the window of a business day, missed nights included."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from moshtari.sources.base import Window


@dataclass(frozen=True)
class LoadPlan:
    """A load's window, and the first business day whose changes it brings (None: all history)."""

    window: Window
    covers_from: date | None

    @property
    def first_load(self) -> bool:
        """Whether nothing of this source and entity was ever landed before."""
        return self.covers_from is None


def start_of(day: date, timezone: ZoneInfo) -> datetime:
    """The instant at which a business day begins, in UTC.

    Where the clocks jump over midnight, it is the instant of the jump.
    """
    return datetime.combine(day, time.min, tzinfo=timezone).astimezone(UTC)


def plan_load(
    business_date: date, covered_to: date | None, lookback_hours: float, timezone: ZoneInfo
) -> LoadPlan:
    """The plan of a load of `business_date` when days up to `covered_to` are already landed.

    Coverage has no holes: a load begins where the last one ended, so nights that were missed come
    with the next. A day that is loaded again is read again, itself only.
    """
    end = start_of(business_date + timedelta(days=1), timezone)
    if covered_to is None:
        return LoadPlan(Window(business_date, None, end, timezone), None)
    first = min(business_date, covered_to + timedelta(days=1))
    start = start_of(first, timezone) - timedelta(hours=lookback_hours)
    return LoadPlan(Window(business_date, start, end, timezone), first)
