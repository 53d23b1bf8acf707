from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from moshtari.demo.almanac import DAY, HOUR, TEHRAN, Almanac

FIRST = date(2024, 3, 1)
ALMANAC = Almanac(FIRST, 400)
TEHRAN_ZONE = ZoneInfo("Asia/Tehran")


def number(day: date) -> int:
    return (day - FIRST).days


def test_fixed_offset_is_what_tehran_keeps_since_the_earliest_day():
    for day in range(0, 2000, 50):
        moment = datetime(2022, 9, 22, 12, tzinfo=TEHRAN_ZONE) + timedelta(days=day)
        assert moment.utcoffset() == TEHRAN.utcoffset(None)


def test_refuses_days_of_summer_time():
    with pytest.raises(ValueError, match="later last_day or fewer days"):
        Almanac(date(2022, 9, 21), 10)


def test_writes_an_instant_with_its_offset():
    assert ALMANAC.text(DAY + 2 * HOUR + 61) == "2024-03-02 02:01:01+03:30"
    seconds = ALMANAC.milliseconds(DAY) / 1000
    assert datetime.fromtimestamp(seconds, TEHRAN_ZONE) == datetime(2024, 3, 2, tzinfo=TEHRAN_ZONE)


@pytest.mark.parametrize(
    ("day", "off"),
    [
        (date(2024, 3, 1), True),  # Friday
        (date(2024, 3, 2), False),
        (date(2024, 3, 20), True),  # 1 Farvardin
        (date(2024, 3, 23), True),  # 4 Farvardin
        (date(2024, 4, 1), True),  # 13 Farvardin
        (date(2024, 4, 2), False),
    ],
)
def test_knows_fridays_and_holidays(day, off):
    assert ALMANAC.is_off(number(day)) is off


def test_working_days_pass_over_fridays():
    thursday = number(date(2024, 5, 9))
    assert ALMANAC.date(ALMANAC.after_working_days(thursday, 1)) == date(2024, 5, 11)


@pytest.mark.parametrize(
    ("day", "hour", "answered_on"),
    [
        (date(2024, 5, 8), 10, date(2024, 5, 8)),
        (date(2024, 5, 8), 18, date(2024, 5, 9)),
        (date(2024, 5, 9), 12, date(2024, 5, 9)),
        (date(2024, 5, 9), 13, date(2024, 5, 11)),
        (date(2024, 5, 10), 11, date(2024, 5, 11)),
        (date(2024, 5, 11), 3, date(2024, 5, 11)),
    ],
)
def test_the_office_answers_in_its_hours(day, hour, answered_on):
    instant = number(day) * DAY + hour * HOUR
    answered = ALMANAC.working_instant(instant)
    assert ALMANAC.date(answered // DAY) == answered_on
    assert answered >= instant
    assert 9 * HOUR <= answered % DAY < 18 * HOUR


def test_time_passes_faster_before_nowruz():
    before_nowruz, summer = number(date(2025, 3, 1)) * DAY, number(date(2024, 7, 1)) * DAY
    assert ALMANAC.later(before_nowruz, 5) - before_nowruz < ALMANAC.later(summer, 5) - summer
    assert ALMANAC.later(summer, 0) == pytest.approx(summer, abs=1)


def test_a_longer_almanac_agrees_on_shared_days():
    longer = Almanac(FIRST, 500)
    for day in range(0, 400, 7):
        assert longer.sale[day] == ALMANAC.sale[day]
        assert longer.later(day * DAY, 3.7) == ALMANAC.later(day * DAY, 3.7)
    assert longer.shopping_time(5, Random(1), office=False, night=False) == ALMANAC.shopping_time(
        5, Random(1), office=False, night=False
    )
