"""Loads that are suspiciously small wait until somebody confirms them."""

from __future__ import annotations

from datetime import date, timedelta

import psycopg
import pytest
from tests.unit.landing.feeds import DAY, TEHRAN, Feed, counted, order, text_rows

from moshtari.landing import holding
from moshtari.landing.contract import ENTITIES
from moshtari.landing.errors import LandingError
from moshtari.landing.extract import LoadSummary, extract_entity
from moshtari.landing.holding import HeldLoadError, HoldPolicy
from moshtari.landing.load import Load
from moshtari.settings import Holds, Settings

POLICY = HoldPolicy(below_share=0.5, fewest_rows=10)


def day(number: int) -> date:
    return DAY + timedelta(days=number)


def night(settings: Settings, number: int, rows: int, policy: HoldPolicy = POLICY) -> LoadSummary:
    """One night's load of so many new orders."""
    feed = Feed(
        text_rows([order(order_id=f"{number}-{row}") for row in range(rows)])
        if rows
        else text_rows([])
    )
    load = Load(
        source="feed",
        entity=ENTITIES["orders"],
        business_date=day(number),
        timezone=TEHRAN,
        hold=policy,
    )
    return extract_entity(settings, feed, load)


def usual_nights(settings: Settings, rows: int = 40) -> None:
    for number in range(6):
        night(settings, number, rows)


def statuses(pg: psycopg.Connection) -> list[tuple[str, int]]:
    return pg.execute("select status, read_rows from ops.loads order by load_id").fetchall()


@pytest.mark.parametrize("rows", [0, 1, 19])
def test_far_fewer_rows_than_usual_are_held_with_the_figures(
    settings: Settings, pg: psycopg.Connection, rows: int
) -> None:
    usual_nights(settings)
    with pytest.raises(
        HeldLoadError, match=rf"held: {rows} rows for .*, where 40 are usual"
    ) as told:
        night(settings, 6, rows)
    assert f"moshtari accept-load feed orders --date {day(6)}" in str(told.value)
    assert statuses(pg)[-1] == ("held", rows)
    assert pg.execute("select count(*) from raw.orders").fetchone() == (240,)


def test_half_of_the_usual_is_not_fewer_than_half(
    settings: Settings, pg: psycopg.Connection
) -> None:
    usual_nights(settings)
    assert counted(night(settings, 6, 20))[1] == 20
    assert statuses(pg)[-1] == ("landed", 20)


def test_what_was_accepted_lands_and_a_day_with_even_less_does_not(
    settings: Settings, pg: psycopg.Connection
) -> None:
    usual_nights(settings)
    with pytest.raises(HeldLoadError):
        night(settings, 6, 5)
    assert holding.accept(pg, "feed", "orders", day(6), "a holiday") == 5
    with pytest.raises(HeldLoadError):
        night(settings, 6, 4)
    assert counted(night(settings, 6, 5))[1] == 5
    assert pg.execute("select rows_seen, because from ops.accepted_loads").fetchall() == [
        (5, "a holiday")
    ]
    with pytest.raises(HeldLoadError):
        night(settings, 7, 5)


def test_nothing_is_held_before_it_is_known_what_is_usual(settings: Settings) -> None:
    for number, rows in enumerate((40, 40, 40, 40, 0)):
        night(settings, number, rows)


def test_few_rows_are_left_to_chance(settings: Settings) -> None:
    usual_nights(settings, rows=9)
    night(settings, 6, 0)


def test_missed_nights_make_more_usual(settings: Settings) -> None:
    usual_nights(settings)
    with pytest.raises(HeldLoadError, match=r"30 rows for .*, where 120 are usual"):
        night(settings, 8, 30)
    night(settings, 8, 60)


def test_a_share_of_nought_holds_nothing(settings: Settings) -> None:
    usual_nights(settings)
    night(settings, 6, 0, HoldPolicy(below_share=0))


def test_a_night_that_was_held_is_not_covered(settings: Settings, pg: psycopg.Connection) -> None:
    usual_nights(settings)
    with pytest.raises(HeldLoadError):
        night(settings, 6, 0)
    night(settings, 7, 80)
    row = pg.execute("select covers_from from ops.loads order by load_id desc limit 1").fetchone()
    assert row == (day(6),)


def test_only_what_is_held_can_be_accepted(pg: psycopg.Connection) -> None:
    with pytest.raises(LandingError, match=f"no load of {DAY} is held"):
        holding.accept(pg, "feed", "orders", DAY, "because")


def test_shares_may_be_set_by_source_and_entity() -> None:
    holds = Holds(below_share=0.3, shares={"shop": 0.5, "shop.refunds": 0})
    assert holds.share("help", "tickets") == 0.3
    assert holds.share("shop", "orders") == 0.5
    assert holds.share("shop", "refunds") == 0
