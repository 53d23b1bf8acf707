"""Lives without a database: who comes, how they live, and that looking further changes nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest

from moshtari.demo import phrases
from moshtari.demo.almanac import DAY, HOUR, Almanac
from moshtari.demo.catalogue import Catalogue
from moshtari.demo.events import Life
from moshtari.demo.journeys import live
from moshtari.demo.names import PHONE_FORMS, write_phone
from moshtari.demo.people import KINDS, Person, populate
from moshtari.demo.plan import Plan, make_plan
from moshtari.demo.voices import HASHTAG, aggrieve

PLAN = make_plan(3, date(2025, 6, 1), days=400, customers=400)


def world(plan: Plan) -> tuple[Almanac, list[Person], list[Life]]:
    almanac = Almanac(plan.first_day, plan.horizon + 1)
    catalogue = Catalogue()
    people = populate(plan, almanac)
    return almanac, people, [live(person, almanac, catalogue, plan.horizon) for person in people]


@pytest.fixture(scope="module")
def lived() -> tuple[Almanac, list[Person], list[Life]]:
    return world(PLAN)


def told(lives: Sequence[Life], until: int) -> list[object]:
    """What had happened by the end of day `until`, as values that can be compared."""
    end = (until + 1) * DAY
    return [
        (
            [(sale.placed, sale.gross, sale.channel) for sale in life.sales if sale.placed < end],
            sorted(
                (ticket.created, ticket.body, ticket.channel)
                for ticket in life.tickets
                if ticket.created < end
            ),
            sorted((post.at, post.text, post.likes) for post in life.posts if post.at < end),
            [phase for phase in life.phases if phase.at < end],
        )
        for life in lives
    ]


def test_looking_further_ahead_changes_nothing_before(lived):
    _, people, lives = lived
    _, more_people, longer = world(replace(PLAN, nights=120))
    assert len(more_people) > len(people)
    assert told(longer[: len(lives)], PLAN.horizon) == told(lives, PLAN.horizon)


def test_another_seed_is_another_world(lived):
    _, _, lives = lived
    _, _, others = world(replace(PLAN, seed=4))
    assert told(lives[:50], 100) != told(others[:50], 100)


def test_every_kind_of_person_comes(lived):
    _, people, _ = lived
    assert {person.kind for person in people} == set(KINDS)


def test_people_of_a_kind_live_as_it_says(lived):
    _, people, lives = lived
    bought = {
        kind.name: [
            sum(sale.bought for sale in life.sales)
            for person, life in zip(people, lives, strict=True)
            if person.kind is kind
        ]
        for kind in KINDS
    }
    mean = {name: sum(counts) / len(counts) for name, counts in bought.items()}
    assert mean["visitor"] == 0
    assert mean["one_time"] < 2
    assert mean["steady"] > 3 * mean["one_time"]
    assert mean["seasonal"] < mean["drifting"] < mean["steady"]


def test_deal_hunters_pay_less_than_others(lived):
    _, people, lives = lived

    def share(kind: str) -> float:
        sales = [
            sale
            for person, life in zip(people, lives, strict=True)
            if person.kind.name == kind
            for sale in life.sales
        ]
        return sum(sale.discount > 0 for sale in sales) / len(sales)

    assert share("deal_hunter") > 0.8 > 0.4 > share("steady")


def test_nobody_buys_while_gone_or_before_coming(lived):
    _, people, lives = lived
    for person, life in zip(people, lives, strict=True):
        assert [phase.at for phase in life.phases] == sorted(phase.at for phase in life.phases)
        gone = [
            (phase.at, following.at)
            for phase, following in pairwise(life.phases)
            if phase.state == "gone"
        ]
        if life.phases[-1].state == "gone":
            gone.append((life.phases[-1].at, 1 << 60))
        for sale in life.sales:
            assert sale.placed > person.arrived
            assert not any(start < sale.placed < end for start, end in gone)


def test_cooling_people_buy_more_slowly(lived):
    """Among the steady: the gaps that lie within one phase, as multiples of their own gap."""
    _, people, lives = lived
    ratios: dict[str, list[float]] = {"alive": [], "cooling": []}
    for person, life in zip(people, lives, strict=True):
        if person.kind.name != "steady":
            continue
        for earlier, later in pairwise(life.sales):
            states = [phase.state for phase in life.phases if phase.at <= later.placed]
            changed = any(earlier.placed < phase.at <= later.placed for phase in life.phases)
            if not changed and earlier.bought:
                ratios[states[-1]].append((later.placed - earlier.placed) / DAY / person.gap)
    alive, cooling = (sum(values) / len(values) for values in ratios.values())
    assert alive == pytest.approx(1.0, abs=0.15)
    assert cooling > 1.5 * alive


@pytest.mark.parametrize("kind", ["steady", "impulsive"])
def test_bad_experiences_drive_people_away(kind):
    """The same people twice: once they mind nothing, once everything."""
    almanac = Almanac(PLAN.first_day, PLAN.horizon + 1)
    many = replace(PLAN, founders=3 * PLAN.founders)
    left = {}
    for sensitivity in (0.0, 1.0):
        group = [person for person in populate(many, almanac) if person.kind.name == kind]
        for person in group:
            person.sensitivity = sensitivity
        lives = [live(person, almanac, Catalogue(), PLAN.horizon) for person in group]
        left[sensitivity] = sum(
            any(phase.state == "gone" and phase.at < PLAN.horizon * DAY for phase in life.phases)
            for life in lives
        )
    assert left[1.0] > 1.2 * left[0.0]


def test_shop_and_couriers_rest_on_days_off(lived):
    almanac, _, lives = lived
    sales = [sale for life in lives for sale in life.sales]
    arrivals = [sale.delivered for sale in sales if sale.delivered is not None]
    assert not any(almanac.is_off(at // DAY) for at in arrivals)
    assert not any(almanac.is_off(sale.shipped // DAY) for sale in sales if sale.shipped)
    replies = [
        event.at
        for life in lives
        for ticket in life.tickets
        for event in ticket.events
        if event.author is not None and event.author > 0
    ]
    on_fridays = sum(almanac.date(at // DAY).weekday() == 4 for at in replies)
    assert 0 < on_fridays < 0.08 * len(replies)


def test_a_sale_never_gives_back_more_than_the_goods_cost(lived):
    _, _, lives = lived
    for life in lives:
        for sale in life.sales:
            returned = sum(r.amount for r in sale.refunds if r.reason != "cancelled")
            assert returned <= sale.net
            assert all(refund.amount > 0 for refund in sale.refunds)


def test_late_commits_happen_in_the_evening_only(lived):
    _, _, lives = lived
    late = [turn for life in lives for sale in life.sales for turn in sale.turns if turn.late]
    assert late
    assert all(turn.at % DAY > 18 * HOUR for turn in late)


def test_all_ways_to_write_a_phone_mean_the_same_number():
    written = {write_phone("9123456789", form) for form in range(PHONE_FORMS)}
    assert len(written) >= 6
    for phone in written:
        digits = "".join(str(unicodedata.digit(char)) for char in phone if char.isdigit())
        assert digits[-10:] == "9123456789"
        assert digits[:-10] in ("0", "98", "0098")


def test_every_grievance_has_words_in_both_languages():
    causes = {"late", "lost", "quality", "refund"}
    assert causes <= set(phrases.FACTS) & set(phrases.ENGLISH)
    assert causes | {"switch"} <= set(phrases.POSTS_NEGATIVE)
    posts = [text for bank in phrases.POSTS_NEGATIVE.values() for text in bank]
    assert all(HASHTAG not in text for text in posts)
    assert all("{tag}" in text for text in posts)


def test_a_solved_complaint_hurts_less_than_an_unsolved_one(lived):
    """Over many complaints: blows of those mended against the others."""
    almanac, people, _ = lived
    catalogue = Catalogue()
    mended: list[float] = []
    sore: list[float] = []
    for person in people:
        if person.kind.name != "visitor":
            life = live(person, almanac, catalogue, 0)
            for sale in life.sales[:1]:
                blow = aggrieve(life, person, "late", sale.placed + 9 * DAY, sale, almanac)
                grievance = life.grievances[-1]
                solved = any(
                    event.to_status == "solved" for t in life.tickets for event in t.events
                )
                if solved and grievance.closed <= blow.at:
                    mended.append(blow.leaves)
                elif grievance.closed > blow.at:
                    sore.append(blow.leaves / person.sensitivity)
    assert max(mended) < 0.05
    assert min(sore) > 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"days": 59}, "at least 60 days"),
        ({"customers": 0}, "at least one customer"),
    ],
)
def test_a_plan_needs_days_and_people(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_plan(1, date(2025, 6, 1), **arguments)
