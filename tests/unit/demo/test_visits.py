"""Visits to the site: what a person is like shows in what it does there, with noise."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from moshtari.demo.almanac import DAY, Almanac
from moshtari.demo.catalogue import Catalogue
from moshtari.demo.events import Life, Sale, Visit
from moshtari.demo.journeys import live
from moshtari.demo.people import Person, populate
from moshtari.demo.plan import Plan, make_plan
from moshtari.demo.visits import OFFERS, SWITCHING, roam
from moshtari.demo.web_data import passers_by

PLAN = make_plan(8, date(2025, 6, 1), days=300, customers=900)

Lived = list[tuple[Person, Life]]


def lived(plan: Plan) -> Lived:
    almanac = Almanac(plan.first_day, plan.horizon + 1)
    catalogue = Catalogue()
    found = []
    for person in populate(plan, almanac):
        life = live(person, almanac, catalogue, plan.horizon)
        roam(person, life, almanac, catalogue, plan.web_from)
        found.append((person, life))
    return found


@pytest.fixture(scope="module")
def lives() -> Lived:
    return lived(PLAN)


def steps_of(lives: Lived, style: str) -> Counter[str]:
    return Counter(
        step.kind
        for person, life in lives
        if person.traits.style == style
        for visit in life.visits
        for step in visit.steps
    )


def orders_of(lives: Lived, style: str) -> Iterator[tuple[Life, Sale, Visit]]:
    for person, life in lives:
        for sale in life.sales:
            if person.traits.style == style and sale.visit is not None:
                yield life, sale, sale.visit


def first_seen_there(life: Life, sale: Sale, visit: Visit) -> bool:
    """Every product of the order was first looked at on the visit of the order."""
    before = {
        step.product
        for other in life.visits
        if other is not visit and other.at < visit.at
        for step in other.steps
    }
    return not any(line.product in before for line in sale.lines)


def test_nothing_is_kept_from_before_the_tracking_began(lives):
    visits = [visit for _, life in lives for visit in life.visits]
    assert len(visits) > 1000
    assert min(visit.at for visit in visits) >= PLAN.web_from * DAY


def test_an_order_on_the_site_ends_its_visit(lives):
    orders = 0
    for _, life in lives:
        for sale in life.sales:
            if sale.visit is not None:
                orders += 1
                assert sale.visit.at + sale.visit.steps[-1].after <= sale.placed
                assert sale.channel in ("web", "app")
                viewed = {step.product for step in sale.visit.steps}
                assert sale.lines[0].product in viewed or not sale.bought or len(life.sales) > 1
    assert orders > 200


def test_steps_of_a_visit_follow_each_other(lives):
    for _, life in lives:
        for visit in life.visits:
            times = [step.after for step in visit.steps]
            assert times == sorted(times)
            assert times[0] >= 0


def test_readers_read_and_compare_more_than_anybody_else(lives):
    shares = {}
    for style in ("plain", "browser", "discount", "researcher", "impulse", "hesitant"):
        steps = steps_of(lives, style)
        reading = steps["compare"] + steps["spec_read"] + steps["review_read"]
        shares[style] = reading / steps.total()
    readers = shares.pop("researcher")
    assert readers > 2.5 * max(shares.values())


def test_the_hesitant_leave_carts_behind(lives):
    left: defaultdict[str, list[int]] = defaultdict(list)
    for person, life in lives:
        ordered = {id(sale.visit) for sale in life.sales}
        carts = sum(
            any(step.kind == "cart_add" for step in visit.steps)
            for visit in life.visits
            if id(visit) not in ordered
        )
        if life.visits:
            left[person.traits.style].append(carts)
    mean = {style: sum(carts) / len(carts) for style, carts in left.items()}
    hesitant = mean.pop("hesitant")
    assert hesitant > 2 * max(mean.values())


def test_the_impulsive_buy_what_they_have_just_seen(lives):
    shares = {}
    for style in ("impulse", "researcher", "discount"):
        judged = [
            first_seen_there(life, sale, visit) and sale.placed - visit.at <= 1800
            for life, sale, visit in orders_of(lives, style)
        ]
        shares[style] = sum(judged) / len(judged)
    assert shares["impulse"] > 0.5 > shares["discount"]
    assert shares["impulse"] > 2 * shares["researcher"]


def test_hunters_of_discounts_come_by_offers(lives):
    def share(style: str) -> float:
        visits = [visit for p, life in lives if p.traits.style == style for visit in life.visits]
        return sum(visit.campaign in OFFERS for visit in visits) / len(visits)

    assert share("discount") > 0.6 > 0.2 > share("plain")


def test_an_account_is_known_only_to_those_who_have_one(lives):
    known = anonymous = 0
    for person, life in lives:
        for visit in life.visits:
            assert visit.account is None or person.has_account
            known += visit.account is not None
            anonymous += visit.account is None
    assert known > anonymous > 0.1 * known


def test_every_intent_has_its_visits_or_its_words(lives):
    kinds = Counter(intent.kind for _, life in lives for intent in life.intents)
    assert set(kinds) == {"look", "deal", "research", "waver", "switch"}
    for _, life in lives:
        for intent in life.intents:
            assert intent.until >= intent.since
            if intent.shown is not None:
                assert intent.since <= intent.shown <= intent.until
    came_over = [life for person, life in lives if person.traits.switches]
    campaigns = {visit.campaign for life in came_over for visit in life.visits}
    assert SWITCHING in campaigns


def test_looking_further_ahead_changes_no_visit_before(lives):
    def told(found: Lived, until: int) -> list[object]:
        return [
            sorted(
                (visit.at, visit.device, visit.account or -1, tuple(visit.steps))
                for visit in life.visits
                if visit.at < until
            )
            for _, life in found
        ]

    longer = lived(replace(PLAN, nights=PLAN.nights + 60))
    end = (PLAN.horizon + 1) * DAY
    assert told(longer[: len(lives)], end) == told(lives, end)


def test_passers_by_grow_with_the_days_and_never_log_in():
    almanac = Almanac(PLAN.first_day, PLAN.horizon + 61)
    passers = passers_by(PLAN, almanac, Catalogue())
    more = passers_by(replace(PLAN, nights=PLAN.nights + 60), almanac, Catalogue())
    assert len(more) > len(passers) > 100
    for few, many in zip(passers, more, strict=False):
        assert (few.index, few.arrived, few.device) == (many.index, many.arrived, many.device)
    assert not any(visit.account is not None for passer in more for visit in passer.visits)
