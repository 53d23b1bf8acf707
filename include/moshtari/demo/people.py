"""The latent people: who they are, how they buy, how they answer a bad experience, by which keys
the shop knows them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import NamedTuple

from moshtari.demo.almanac import DAY, HOUR, Almanac
from moshtari.demo.catalogue import CATEGORIES
from moshtari.demo.names import (
    CITIES,
    FEMALE,
    FIRM_KINDS,
    FIRM_NAMES,
    JOBS,
    MAIL_DOMAINS,
    MALE,
    MOBILE_PREFIXES,
    PHONE_FORMS,
    STREETS,
    SURNAMES,
    City,
)
from moshtari.demo.plan import Plan
from moshtari.demo.traits import Traits, draw_traits


class Kind(NamedTuple):
    """A latent kind of person. `gap` in days between purchases, gamma with `shape` (1 is Poisson).

    `leave` and `cool` are the probabilities, per purchase and before any bad experience, that the
    person is gone or starts to cool after it; `attach` bounds the purchase that makes it loyal
    (None: never).
    """

    name: str
    share: float
    gap: float
    shape: float
    leave: float
    cool: float
    attach: tuple[int, int] | None
    advocacy: float


KINDS: tuple[Kind, ...] = (
    Kind("steady", 0.27, 28, 4.0, 0.004, 0.012, (3, 5), 0.10),
    Kind("deal_hunter", 0.13, 34, 2.0, 0.015, 0.03, (5, 9), 0.02),
    Kind("one_time", 0.21, 60, 1.0, 0.88, 0.0, None, 0.02),
    Kind("seasonal", 0.08, 182, 3.0, 0.03, 0.0, (4, 6), 0.05),
    Kind("drifting", 0.11, 26, 3.0, 0.01, 0.02, (4, 6), 0.03),
    Kind("impulsive", 0.11, 38, 0.9, 0.02, 0.03, (4, 7), 0.06),
    Kind("company", 0.03, 22, 5.0, 0.005, 0.01, (3, 5), 0.01),
    Kind("visitor", 0.06, 60, 1.0, 1.0, 0.0, None, 0.02),
)
_KIND_WEIGHTS = [kind.share for kind in KINDS]
_CITY_WEIGHTS = [city.share for city in CITIES]
_SURNAME_WEIGHTS = [1.0 / (1 + 0.05 * rank) for rank in range(len(SURNAMES))]


@dataclass(slots=True)
class Person:
    """One person (or firm). Draws of its life come from `rng`, and from nothing else, in the order
    of time, so that looking further ahead never changes what came before."""

    index: int
    kind: Kind
    arrived: int
    rng: Random
    full_name: str
    firm: str | None
    gender: str
    birth_date: date | None
    job: str | None
    city: City
    address: str
    phone: str
    phone_form: int
    email: str | None
    handle: str | None
    handle_recorded: bool
    has_account: bool
    second_account_at: int | None
    introduced_by: int | None
    is_staff: bool
    gap: float
    sensitivity: float
    outspoken: float
    advocacy: float
    attaches_after: int | None
    favourites: tuple[int, ...]
    english: bool
    arabic_keyboard: bool
    consents: tuple[bool | None, bool | None]
    changes: tuple[tuple[int, str], ...]
    erases: bool
    traits: Traits
    windows: tuple[str, ...] = field(default=())


def populate(plan: Plan, almanac: Almanac) -> list[Person]:
    """Everybody who comes by the plan's horizon, in the order of `index`."""
    people: list[Person] = []
    phones: set[str] = set()
    for index, arrived in enumerate(_arrivals(plan, almanac)):
        rng = Random(f"{plan.seed}:person:{index}")
        people.append(_person(index, arrived, rng, people, phones, almanac))
    return people


def _arrivals(plan: Plan, almanac: Almanac) -> Iterator[int]:
    rng = Random(f"{plan.seed}:arrivals")
    span = plan.founding_days
    yield from sorted(
        almanac.shopping_time(int(span * rng.random() ** 1.5), rng, office=False, night=False)
        for _ in range(plan.founders)
    )
    for day in range(plan.horizon + 1):
        count = _poisson(rng, plan.per_day * almanac.season[day])
        yield from sorted(
            almanac.shopping_time(day, rng, office=False, night=False) for _ in range(count)
        )


def _person(
    index: int,
    arrived: int,
    rng: Random,
    people: list[Person],
    phones: set[str],
    almanac: Almanac,
) -> Person:
    kind = rng.choices(KINDS, _KIND_WEIGHTS)[0]
    gender = "female" if rng.random() < 0.54 else "male"
    first, first_latin = rng.choice(FEMALE if gender == "female" else MALE)
    last, last_latin = rng.choices(SURNAMES, _SURNAME_WEIGHTS)[0]
    city = rng.choices(CITIES, _CITY_WEIGHTS)[0]
    street = f"{rng.choice(STREETS)}، کوچه {rng.randint(1, 60)}، پلاک {rng.randint(1, 240)}"
    address = f"{city.name}، {street}"
    phone = _new_phone(rng, phones)
    email: str | None = f"{first_latin}.{last_latin}{index + 11}@{rng.choice(MAIL_DOMAINS)}"
    if rng.random() < 0.10:
        email = None
    has_account = kind.name in ("visitor", "company") or rng.random() < 0.76
    traits = draw_traits(Random(rng.getrandbits(64)), kind.name, has_account=has_account)
    if traits.abroad is not None:
        city = traits.abroad.city
        address = f"{city.name}، {rng.randint(1, 240)}"
    firm = None
    earlier = people[int(rng.random() * index)] if index else None
    shares = rng.random()
    if kind.name == "company":
        firm_name, firm_latin = rng.choice(FIRM_NAMES)
        firm = f"{rng.choice(FIRM_KINDS)} {firm_name} {last}"
        email = f"info{index + 11}@{firm_latin}.example"
    elif earlier is not None and earlier.firm is None and shares < 0.035:
        # One household: the same phone, address and surname, another person.
        phone, city, address = earlier.phone, earlier.city, earlier.address
        last = earlier.full_name.split(" ", 1)[1]
        traits = traits._replace(abroad=earlier.traits.abroad)
        if index % 2:
            # And the tablet in the kitchen.
            traits = traits._replace(devices=(earlier.traits.devices[0], traits.devices[0]))
    elif earlier is not None and earlier.firm is not None and shares < 0.5:
        # An employee who buys with the office's e-mail.
        email = earlier.email
    handle = f"{first_latin}_{last_latin[:3]}{index + 11}" if rng.random() < 0.42 else None
    years = min(max(rng.gauss(35, 11), 17), 78)
    gap = kind.gap * math.exp(rng.gauss(0.0, 0.4))
    changes = sorted(
        (arrived + int(rng.expovariate(1 / 300) * DAY) + HOUR, what)
        for what in ("sms_off", "email_off", "address", "phone_form", "email_on")
        if rng.random() < 0.22
    )
    introducer = earlier if rng.random() < 0.09 and earlier and earlier.has_account else None
    return Person(
        index=index,
        kind=kind,
        arrived=arrived,
        rng=rng,
        full_name=f"{first} {last}",
        firm=firm,
        gender=gender,
        birth_date=None
        if rng.random() < 0.4
        else almanac.date(-int(years * 365.25) - rng.randint(0, 364)),
        job=rng.choice(JOBS) if rng.random() < 0.35 else None,
        city=city,
        address=address,
        phone=phone,
        phone_form=rng.randrange(PHONE_FORMS),
        email=email,
        handle=handle,
        handle_recorded=has_account and rng.random() < 0.6,
        has_account=has_account,
        second_account_at=arrived + int(rng.uniform(60, 300) * DAY)
        if has_account and rng.random() < 0.02
        else None,
        introduced_by=introducer.index if introducer and introducer.arrived < arrived else None,
        is_staff=kind.name == "steady" and has_account and rng.random() < 0.02,
        gap=gap,
        sensitivity=rng.betavariate(2, 3),
        outspoken=rng.betavariate(3, 2),
        advocacy=kind.advocacy * rng.uniform(0.2, 2.0),
        attaches_after=rng.randint(*kind.attach) if kind.attach else None,
        favourites=tuple(rng.sample(range(len(CATEGORIES)), 2)),
        english=rng.random() < 0.05,
        arabic_keyboard=rng.random() < 0.08,
        consents=(_consent(rng, 0.82), _consent(rng, 0.6) if email else None),
        changes=tuple(changes),
        erases=rng.random() < 0.03,
        traits=traits,
        windows=tuple(rng.sample(("nowruz", "yalda", "mehr"), rng.randint(1, 2)))
        if kind.name == "seasonal"
        else (),
    )


def _consent(rng: Random, granted: float) -> bool | None:
    """Granted, denied, or never asked."""
    return None if rng.random() < 0.07 else rng.random() < granted


def _new_phone(rng: Random, phones: set[str]) -> str:
    while True:
        phone = f"{rng.choice(MOBILE_PREFIXES)}{rng.randrange(10**7):07d}"
        if phone not in phones:
            phones.add(phone)
            return phone


def _poisson(rng: Random, mean: float) -> int:
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count
