"""Amounts of sales in the currency they are paid in, and the rates of the days."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest

from moshtari.demo.almanac import DAY, Almanac
from moshtari.demo.catalogue import Catalogue
from moshtari.demo.events import Line, Refund, Sale
from moshtari.demo.money import Rates, Till
from moshtari.demo.plan import make_plan

PLAN = make_plan(5, date(2025, 6, 1), days=90, customers=100)
ALMANAC = Almanac(PLAN.first_day, PLAN.horizon + 1)
RATES = Rates(PLAN, ALMANAC)
PRODUCTS = Catalogue().products


def sale(currency: str | None, *, in_toman: bool = False) -> Sale:
    lines = (Line(PRODUCTS[0], 2, 421_000, 84_200), Line(PRODUCTS[5], 1, 1_337_000, 0))
    made = Sale(
        person=0,
        placed=10 * DAY + 5,
        account=0,
        guest_email=None,
        guest_phone=None,
        channel="web",
        campaign=None,
        in_toman=in_toman,
        currency=currency,
        lines=lines,
        coupon="",
        referred=False,
        gross=sum(line.quantity * line.unit_price for line in lines),
        discount=84_200,
    )
    made.shipping, made.tax = 57_000, 209_480
    return made


@pytest.mark.parametrize(
    ("currency", "in_toman", "written", "factor"),
    [(None, True, "IRT", 1), (None, False, "IRR", 10)],
)
def test_at_home_amounts_are_whole(currency, in_toman, written, factor):
    till = Till(sale(currency, in_toman=in_toman), RATES)
    assert till.currency == written
    assert till.write(till.gross) == str(2_179_000 * factor)
    assert till.write(till.total) == str((2_179_000 - 84_200 + 57_000 + 209_480) * factor)


@pytest.mark.parametrize("currency", ["AED", "EUR", "USD"])
def test_abroad_lines_add_up_to_the_last_cent(currency):
    till = Till(sale(currency), RATES)
    assert till.currency == currency
    lines = [Decimal(till.write(price)) for price in till.units]
    assert Decimal(till.write(till.gross)) == 2 * lines[0] + lines[1]
    parts = (till.gross, -till.discount, till.shipping, till.tax)
    assert till.total == sum(parts)
    rials = Decimal(till.write(till.total)) * RATES.on(currency, 10)
    assert float(rials) == pytest.approx(23_612_800, rel=0.002)


@pytest.mark.parametrize("currency", [None, "USD"])
def test_refunds_never_exceed_the_total(currency):
    made = sale(currency)
    till = Till(made, RATES)
    refunds = [
        Refund(0, made.lines[0].net, "return", "quality", 0, 0),
        Refund(1, made.lines[1].net, "return", "quality", 0, 0),
        Refund(None, made.shipping, "correction", "postage", 0, 0),
        Refund(None, made.net, "correction", "lost", 0, 0),
    ]
    given = [till.give_back(refund) for refund in refunds]
    assert given[0] + given[1] == till.gross - till.discount
    assert sum(given) == till.total
    assert all(amount > 0 for amount in given)


def test_parts_of_a_payment_add_up():
    till = Till(sale("EUR"), RATES)
    wallet = till.part(30, 0)
    assert 0 < wallet < till.total
    assert wallet + till.part(0, wallet) == till.total


def test_rates_are_there_every_day_and_do_not_depend_on_the_horizon():
    longer = replace(PLAN, nights=PLAN.nights + 100)
    more = Rates(longer, Almanac(PLAN.first_day, longer.horizon + 1))
    for currency, walk in RATES.days.items():
        assert len(walk) == PLAN.horizon + 1
        assert more.days[currency][: len(walk)] == walk
        assert all(0.9 < after / before < 1.1 for before, after in pairwise(walk))
