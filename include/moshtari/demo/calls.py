"""The shop's own calls and messages to its customers: whom, when, and what came of them.

One person in eight is never contacted, by chance alone: what a call brings can be measured against
them. A call that is answered brings some back who would have stayed away (see `journeys`).
"""

from __future__ import annotations

from random import Random

from moshtari.demo.almanac import DAY, HOUR, Almanac, between, pick
from moshtari.demo.events import Contact, Life
from moshtari.demo.people import Person

REACHED = ("reached", "replied", "clicked")
_CALLS = ("reached", "reached", "reached", "no_answer", "no_answer", "call_back_later", "refused")
_MESSAGES = ("delivered", "delivered", "delivered", "clicked", "clicked", "replied", "failed")


def keep(life: Life, person: Person, at: int) -> int | None:
    """A call to somebody who cools down, from `at` on: when it reached the person, if it did."""
    return _reach(life, person, at + between(person.rng, 20 * DAY, 50 * DAY), "at_risk", 0.5)


def win_back(life: Life, person: Person, at: int) -> int | None:
    """A call to somebody who has left: when it reached the person, if it did."""
    return _reach(life, person, at + between(person.rng, 45 * DAY, 110 * DAY), "win_back", 0.6)


def reward(life: Life, person: Person, at: int) -> None:
    """A word of thanks to somebody who has become loyal."""
    _reach(life, person, at + between(person.rng, DAY, 4 * DAY), "rewards", 0.6)


def call_around(life: Life, person: Person, almanac: Almanac) -> None:
    """The contacts that turn nobody: welcome, after a delivery, after a complaint, for a sale."""
    if not person.has_account or person.traits.never_contacted:
        return
    # A source of chance for each occasion: those to come must not change those before.
    salt = person.traits.salt
    rng = Random(salt + 11)
    if rng.random() < 0.5:
        _send(life, rng, person.arrived + between(rng, DAY, 3 * DAY), "onboarding")
    for sale in life.sales:
        rng = Random(salt + 12 + sale.placed)
        if sale.delivered is not None and sale.account is not None and rng.random() < 0.09:
            at = (sale.delivered // DAY + 3) * DAY + 10 * HOUR + between(rng, 0, 7 * HOUR)
            _send(life, rng, at, "happy_call")
    for grievance in life.grievances:
        rng = Random(salt + 13 + grievance.opened)
        if grievance.voiced and rng.random() < 0.5:
            _send(life, rng, grievance.opened + between(rng, 2 * DAY, 6 * DAY), "dissatisfied")
    for day in range(person.arrived // DAY + 20, almanac.days if person.consents[0] else 0):
        # The message before the two great sales of the year.
        if almanac.sale[day] in ("NOROOZ", "YALDA") and not almanac.sale[day - 1]:
            rng = Random(salt + 14 + day)
            if rng.random() < 0.5:
                at = day * DAY + 11 * HOUR + between(rng, 0, 3 * HOUR)
                _send(life, rng, at, None, channel="sms")


def _reach(life: Life, person: Person, at: int, list_name: str, share: float) -> int | None:
    rng = person.rng
    tried = rng.random() < share
    chance = Random(rng.getrandbits(48))
    if not tried or not person.has_account or person.traits.never_contacted:
        return None
    # Nobody is called at night.
    contact = _send(life, chance, at // DAY * DAY + 10 * HOUR + at % (8 * HOUR), list_name)
    return contact.answered if contact.outcome in REACHED else None


def _send(
    life: Life, rng: Random, at: int, list_name: str | None, channel: str | None = None
) -> Contact:
    channel = channel or pick(rng, ("call", "call", "sms", "email"))
    outcome = pick(rng, _CALLS if channel == "call" else _MESSAGES)
    answered = at + between(rng, 120, 600 if channel == "call" else DAY)
    contact = Contact(channel, list_name, at, outcome, answered)
    life.contacts.append(contact)
    return contact
