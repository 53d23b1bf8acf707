"""What people have with the shop beside their orders: memberships, surveys, things sold to it."""

from __future__ import annotations

from random import Random

from moshtari.demo.almanac import DAY, HOUR, between, pick
from moshtari.demo.events import Intent, Life, Membership, Review, Sale, Survey
from moshtari.demo.people import Person
from moshtari.demo.phrases import COMPETITORS
from moshtari.demo.purchases import trade_in
from moshtari.demo.wording import opinion, switched

_PERIOD = 30 * DAY


def deal(person: Person, life: Life) -> None:
    """Everything of this module that happens in a life."""
    if person.traits.member:
        _join(person, life)
    if person.traits.trades_in:
        _trade(person, life)
    _answer(person, life)
    if person.has_account:
        _review(person, life)


def _join(person: Person, life: Life) -> None:
    """A membership by the month, from a purchase on; those who turn away stop its renewal.

    Some who are angry stop it as well, and some of them take it up again.
    """
    rng = Random(person.traits.salt + 21)
    bought = [sale.placed for sale in life.sales if sale.bought and sale.account is not None]
    number = between(rng, 1, 3)
    if len(bought) <= number:
        return
    started = bought[number] + HOUR
    shocks = [(phase.at, 0.75) for phase in life.phases if phase.state != "alive"]
    shocks += [(entry.opened, 0.4 * person.sensitivity) for entry in life.grievances]
    switches: list[int] = []
    ended: int | None = None
    for at, chance in sorted(shocks):
        if at <= started:
            continue
        if ended is not None and at >= ended:
            break
        stops = rng.random() < chance
        off = at + between(rng, HOUR, 6 * DAY)
        regrets = chance < 0.5 and rng.random() < 0.4
        if not stops or (switches and off <= switches[-1]) or len(switches) % 2:
            continue
        switches.append(off)
        ended = off + _PERIOD - (off - started) % _PERIOD
        if regrets and off + 3 * DAY < ended:
            switches.append(off + 2 * DAY + between(rng, 0, 20 * HOUR))
            ended = None
    life.memberships.append(Membership(started, tuple(switches), ended))


def _trade(person: Person, life: Life) -> None:
    """Once or twice the shop buys back what it sold half a year ago."""
    rng = Random(person.traits.salt + 22)
    last = -1
    for sale in life.sales:
        if sale.delivered is None or sale.account != 0 or sale.placed < last:
            continue
        if rng.random() < 0.25:
            at = sale.placed + between(rng, 120, 240) * DAY
            if life.erased is None or at < life.erased:
                life.trades.append(trade_in(person, at, sale, rng))
            last = at


def _answer(person: Person, life: Life) -> None:
    """A question after some deliveries; the answer follows from how the person feels that day."""
    turned = [entry.at for entry in life.departures if entry.reason == "better_offer"]
    for sale in life.sales:
        if sale.delivered is None:
            continue
        rng = Random(person.traits.salt + sale.placed + 23)
        if rng.random() < 0.3:
            survey = _survey(person, life, sale, rng, turned)
            life.surveys.append(survey)
            if survey.answered and survey.text is not None and survey.text.competitor is not None:
                # Who names another shop weighs it, turned already or not.
                until = survey.answered + between(rng, 10, 50) * DAY
                life.intents.append(Intent("switch", survey.asked, until, survey.answered))


def _survey(person: Person, life: Life, sale: Sale, rng: Random, turned: list[int]) -> Survey:
    assert sale.delivered is not None
    asked = (sale.delivered // DAY + between(rng, 2, 4)) * DAY + 11 * HOUR + between(rng, 0, HOUR)
    channel = pick(rng, ("sms", "sms", "app", "email"))
    scale = 10 if channel == "email" else 5
    # The angry answer more often than the content.
    angry = any(entry.opened < asked <= entry.closed for entry in life.grievances)
    if rng.random() > (0.6 if angry else 0.4):
        return Survey(sale, asked, None, channel, None, scale, None, None, None)
    answered = asked + between(rng, 300, 2 * DAY)
    drawn = any(at < answered < at + 60 * DAY for at in turned)
    share = _mood(life, answered, rng, drawn=drawn)
    score = max(round(share * scale), 1 if scale == 5 else 0)
    competitor = None
    if rng.random() < (0.4 if drawn else 0.05 if share < 0.5 else 0.004):
        competitor = pick(rng, COMPETITORS)
    if competitor is None and rng.random() > 0.45:
        return Survey(sale, asked, answered, channel, score, scale, None, None, None)
    product = sale.lines[0].product.name
    said = (
        opinion(rng, score / scale, product, english=person.english)
        if competitor is None
        else switched(rng, competitor)
    )
    # Who reads the answers notes a competitor, most of the time.
    noted = None if rng.random() < 0.3 else competitor is not None
    return Survey(sale, asked, answered, channel, score, scale, said.body, noted, said.truth)


def _review(person: Person, life: Life) -> None:
    """Stars and words for something that was delivered, by those who like to speak up."""
    for sale in life.sales:
        if sale.delivered is None or sale.account is None:
            continue
        rng = Random(person.traits.salt + sale.placed + 24)
        if rng.random() > 0.03 + 0.14 * person.outspoken:
            continue
        at = sale.delivered + between(rng, DAY, 12 * DAY)
        if life.erased is not None and at >= life.erased:
            continue
        share = _mood(life, at, rng, drawn=False)
        # What was sent back for its quality is what is written about.
        faulty = [refund.line for refund in sale.refunds if refund.reason == "quality"]
        line = faulty[0] if faulty and faulty[0] is not None else 0
        share = min(share, 0.3) if faulty else share
        stars = min(max(round(share * 5), 1), 5)
        product = sale.lines[line].product
        said = opinion(rng, stars / 5, product.name, english=person.english)
        answered = None
        if rng.random() < (0.5 if stars <= 2 else 0.1):
            answered = at + between(rng, 2 * HOUR, 4 * DAY)
        life.reviews.append(Review(sale, at, product, stars, said.body, said.truth, answered))


def _mood(life: Life, at: int, rng: Random, *, drawn: bool) -> float:
    """How the person feels about the shop at `at`, from 0 to 1."""
    angry = any(entry.opened < at <= entry.closed for entry in life.grievances)
    attached = life.attached is not None and life.attached <= at
    mood = 0.25 if angry else 0.62 if drawn else 0.92 if attached else 0.8
    return min(max(rng.gauss(mood, 0.15), 0.0), 1.0)
