"""Which changes a load is to bring: the window of a business day, missed nights included."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from moshtari.sources.base import Window


@dataclass(frozen=True)
class Coverage:
    """What earlier loads of a source and entity brought, as the load of one business day sees it.

    - `landed_to`: the last day landed; `read_to`: the last day whose load had any row to read.
    - `repeats_from`: where that day's load began when it was landed before (None: it was not).
    - `repeats_first_load`: that day's load brought the history.
    - `mark`: where the reading of the latest earlier day ended, in the source's own counting.
    """

    landed_to: date | None = None
    read_to: date | None = None
    repeats_from: date | None = None
    repeats_first_load: bool = False
    mark: str | None = None


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
    business_date: date, coverage: Coverage, lookback_hours: float, timezone: ZoneInfo
) -> LoadPlan:
    """The plan of a load of `business_date`, given what earlier loads have covered.

    Coverage has no holes: a load begins where the last one ended, so nights that were missed come
    with the next. Days on which nothing was read are read again (there is nothing to read twice):
    a source that was empty by mistake loses nothing. A day that is loaded again is read again as
    far back as it was the first time.
    """
    end = start_of(business_date + timedelta(days=1), timezone)
    if coverage.landed_to is None or coverage.read_to is None or coverage.repeats_first_load:
        return LoadPlan(Window(business_date, None, end, timezone), None)
    again = coverage.repeats_from or business_date
    first = min(business_date, coverage.landed_to + timedelta(days=1), again)
    first_read = min(first, coverage.read_to + timedelta(days=1))
    lookback = timedelta(hours=lookback_hours)
    start, needed = (start_of(day, timezone) - lookback for day in (first_read, first))
    return LoadPlan(Window(business_date, start, end, timezone, needed, coverage.mark), first)
