"""What people have with the shop beside orders, and what its calls bring about."""

from __future__ import annotations

from datetime import date

import pytest

from moshtari.demo.almanac import Almanac
from moshtari.demo.calls import call_around
from moshtari.demo.catalogue import Catalogue
from moshtari.demo.dealings import deal
from moshtari.demo.events import Life
from moshtari.demo.journeys import live
from moshtari.demo.people import Person, populate
from moshtari.demo.plan import make_plan

PLAN = make_plan(13, date(2025, 6, 1), days=500, customers=1500)

Lived = list[tuple[Person, Life]]


@pytest.fixture(scope="module")
def lives() -> Lived:
    almanac = Almanac(PLAN.first_day, PLAN.horizon + 1)
    found = []
    for person in populate(PLAN, almanac):
        life = live(person, almanac, Catalogue(), PLAN.horizon)
        deal(person, life)
        call_around(life, person, almanac)
        found.append((person, life))
    return found


def test_memberships_end_when_renewal_is_off(lives):
    memberships = [(life, membership) for _, life in lives for membership in life.memberships]
    assert len(memberships) > 30
    for _, membership in memberships:
        assert list(membership.switches) == sorted(membership.switches)
        assert all(at > membership.started for at in membership.switches)
        is_off = len(membership.switches) % 2 == 1
        assert (membership.ended is not None) == is_off
        assert membership.ended is None or membership.ended >= membership.switches[-1]


def test_those_who_leave_switch_their_renewal_off_more_often(lives):
    def share(*, gone: bool) -> float:
        members = [
            life
            for _, life in lives
            if life.memberships and (life.phases[-1].state == "gone") == gone
        ]
        return sum(bool(life.memberships[0].switches) for life in members) / len(members)

    assert share(gone=True) > 0.6 > share(gone=False)


def test_surveys_follow_the_mood(lives):
    scores: dict[bool, list[float]] = {True: [], False: []}
    for _, life in lives:
        for survey in life.surveys:
            assert survey.sale.delivered is not None
            assert survey.asked > survey.sale.delivered
            if survey.answered is not None and survey.score is not None:
                assert 0 <= survey.score <= survey.scale
                angry = any(g.opened < survey.answered <= g.closed for g in life.grievances)
                scores[angry].append(survey.score / survey.scale)
            else:
                assert survey.score is None
                assert survey.comment is None
    assert sum(scores[False]) / len(scores[False]) > 0.7
    assert sum(scores[True]) / len(scores[True]) < 0.4
    shares = [survey.answered is not None for _, life in lives for survey in life.surveys]
    assert 0.3 < sum(shares) / len(shares) < 0.6


def test_a_competitor_is_named_mostly_by_those_who_turn_to_it(lives):
    named = [
        (life, survey)
        for _, life in lives
        for survey in life.surveys
        if survey.text is not None and survey.text.competitor is not None
    ]
    assert named
    assert all(survey.names_competitor in (True, None) for _, survey in named)
    turned = [
        any(departure.reason == "better_offer" for departure in life.departures)
        for life, _ in named
    ]
    assert sum(turned) / len(turned) > 0.25


def test_reviews_are_written_by_accounts_after_the_delivery(lives):
    reviews = [(person, review) for person, life in lives for review in life.reviews]
    assert len(reviews) > 100
    for person, review in reviews:
        assert person.has_account
        assert review.sale.delivered is not None
        assert review.at > review.sale.delivered
        assert 1 <= review.stars <= 5
    low = [review.text.sentiment for _, review in reviews if review.stars <= 2]
    assert low
    assert set(low) == {"negative"}


def test_what_the_shop_buys_back_it_has_sold_before(lives):
    trades = [(life, trade) for _, life in lives for trade in life.trades]
    assert trades
    for life, trade in trades:
        assert trade.is_purchase
        assert not trade.bought
        sold = {line.product for sale in life.sales for line in sale.lines}
        assert trade.lines[0].product in sold


def test_some_are_never_contacted_and_calls_bring_others_back(lives):
    def came_back(*, contacted: bool) -> tuple[int, int]:
        group = [
            life
            for person, life in lives
            if person.has_account
            and person.traits.never_contacted != contacted
            and any(phase.state == "gone" for phase in life.phases)
        ]
        back = 0
        for life in group:
            left = next(phase.at for phase in life.phases if phase.state == "gone")
            back += any(phase.state == "alive" and phase.at > left for phase in life.phases)
        return back, len(group)

    assert all(not life.contacts for person, life in lives if person.traits.never_contacted)
    lists = {contact.list_name for _, life in lives for contact in life.contacts}
    assert lists == {
        "onboarding", "happy_call", "dissatisfied", "at_risk", "win_back", "rewards", None,
    }  # fmt: skip
    alone, all_alone = came_back(contacted=False)
    called, all_called = came_back(contacted=True)
    assert called / all_called > alone / all_alone


def test_everybody_who_turns_away_has_a_reason(lives):
    for _, life in lives:
        turned = [phase.at for phase in life.phases if phase.state != "alive"]
        reasons = {departure.at for departure in life.departures}
        if life.sales:
            assert set(turned) <= reasons
    told = {departure.reason for _, life in lives for departure in life.departures}
    assert told == {
        "unresolved_complaint", "late_or_failed_delivery", "product_quality", "better_offer",
        "price", "unknown",
    }  # fmt: skip
