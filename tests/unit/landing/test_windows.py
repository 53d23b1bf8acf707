from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshtari.landing.windows import Coverage, plan_load, start_of

TEHRAN = ZoneInfo("Asia/Tehran")


def test_a_business_day_begins_at_its_own_midnight() -> None:
    assert start_of(date(2026, 3, 20), TEHRAN) == datetime(2026, 3, 19, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (date(2022, 3, 21), 24),
        (date(2022, 3, 22), 23),  # the clocks went from 00:00 to 01:00
        (date(2022, 9, 21), 25),  # and from 24:00 back to 23:00
    ],
)
def test_days_on_which_clocks_jump_at_midnight_have_no_hole(day: date, hours: int) -> None:
    length = start_of(day + timedelta(days=1), TEHRAN) - start_of(day, TEHRAN)
    assert length == timedelta(hours=hours)


def test_a_first_load_has_no_start() -> None:
    plan = plan_load(date(2026, 3, 20), Coverage(), 6, TEHRAN)
    assert plan.first_load
    assert plan.window.start is None
    assert plan.window.end == start_of(date(2026, 3, 21), TEHRAN)


@pytest.mark.parametrize(
    ("covered_to", "first"),
    [
        (date(2026, 3, 19), date(2026, 3, 20)),  # the usual night
        (date(2026, 3, 16), date(2026, 3, 17)),  # three nights were missed
        (date(2026, 3, 20), date(2026, 3, 20)),  # the same day again
        (date(2026, 4, 30), date(2026, 3, 20)),  # an old day again
    ],
)
def test_a_load_begins_where_the_last_one_ended(covered_to: date, first: date) -> None:
    plan = plan_load(date(2026, 3, 20), Coverage(covered_to, covered_to), 6, TEHRAN)
    assert plan.covers_from == first
    assert plan.window.start == start_of(first, TEHRAN) - timedelta(hours=6)


def test_days_on_which_nothing_was_read_are_read_again_and_known_from_their_own_load() -> None:
    coverage = Coverage(landed_to=date(2026, 3, 19), read_to=date(2026, 3, 16))
    plan = plan_load(date(2026, 3, 20), coverage, 6, TEHRAN)
    assert plan.window.start == start_of(date(2026, 3, 17), TEHRAN) - timedelta(hours=6)
    assert plan.covers_from == date(2026, 3, 20)


def test_a_history_that_was_empty_is_asked_for_again() -> None:
    plan = plan_load(date(2026, 3, 20), Coverage(landed_to=date(2026, 3, 19)), 6, TEHRAN)
    assert plan.first_load
    assert plan.window.start is None


def test_a_day_that_is_loaded_again_is_read_as_far_back_as_before() -> None:
    day = date(2026, 3, 20)
    plan = plan_load(day, Coverage(day, day, repeats_from=date(2026, 3, 17)), 6, TEHRAN)
    assert plan.covers_from == date(2026, 3, 17)
    assert plan.window.start == start_of(date(2026, 3, 17), TEHRAN) - timedelta(hours=6)
    assert plan_load(day, Coverage(day, day, repeats_first_load=True), 6, TEHRAN).first_load


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=12),
    st.floats(0, 48, allow_nan=False),
)
def test_whatever_nights_run_the_windows_leave_no_instant_out(
    offsets: list[int], lookback: float
) -> None:
    covered: date | None = None
    reached: datetime | None = None
    for offset in offsets:
        day = date(2022, 3, 10) + timedelta(days=offset)
        window = plan_load(day, Coverage(covered, covered), lookback, TEHRAN).window
        if reached is not None:
            assert window.start is not None
            assert window.start <= max(reached, start_of(day, TEHRAN))
        covered = max(covered or day, day)
        reached = max(reached or window.end, window.end)
    assert reached == start_of(max(covered, covered) + timedelta(days=1), TEHRAN)
