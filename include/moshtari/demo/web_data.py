"""The rows of the shop's site: what visitors did, and the passers-by who never say who they are."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from moshtari.demo.almanac import DAY, Almanac, between
from moshtari.demo.catalogue import Catalogue
from moshtari.demo.events import Intent, Visit
from moshtari.demo.plan import Plan
from moshtari.demo.shop import Accounts
from moshtari.demo.stage import Stage, field
from moshtari.demo.traits import draw_traits
from moshtari.demo.visits import SWITCHING, Guest, Roaming

FIRST_PASSER_BY = 1_000_000_000
"""Passers-by are counted from here, as the number of people grows with the days."""

_FIRST_SESSION = 700_001
_STEPS_A_SESSION = 100


class PasserBy:
    """Somebody whom the shop knows by a device alone."""

    def __init__(self, index: int, arrived: int, style: str, device: int) -> None:
        self.index, self.arrived, self.style, self.device = index, arrived, style, device
        self.visits: list[Visit] = []
        self.intents: list[Intent] = []


def passers_by(plan: Plan, almanac: Almanac, catalogue: Catalogue) -> list[PasserBy]:
    """Those who come by the plan's horizon, about as many a day as the shop has new customers."""
    rng = Random(f"{plan.seed}:passers-by")
    a_day = 0.002 * plan.founders + 1.5 * plan.per_day
    found: list[PasserBy] = []
    for day in range(plan.web_from, plan.horizon + 1):
        whole = int(a_day * almanac.season[day])
        for _ in range(whole + (rng.random() < a_day * almanac.season[day] - whole)):
            at = almanac.shopping_time(day, rng, office=False, night=False)
            traits = draw_traits(Random(rng.getrandbits(64)), "passer_by", has_account=False)
            index = FIRST_PASSER_BY + len(found)
            passer = PasserBy(index, at, traits.style, traits.devices[0])
            guest = Guest(index, traits.style, traits.devices[:1], traits.salt)
            roaming = Roaming(
                guest, passer.visits, passer.intents, almanac, catalogue, plan.web_from
            )
            for _ in range(between(rng, 1, 2)):
                roaming.episode(Random(traits.salt + at), at, None)
                at += between(rng, DAY, 20 * DAY)
            if traits.switches and passer.visits:
                _come_over(passer)
            found.append(passer)
    return found


def _come_over(passer: PasserBy) -> None:
    """Came by the campaign for customers of other shops."""
    first = min(passer.visits, key=lambda visit: visit.at)
    first.campaign = SWITCHING
    passer.intents.append(Intent("switch", first.at, first.at + 30 * DAY, first.at))


def number_visits(visits: Sequence[Visit]) -> dict[int, int]:
    """The number of each visit's session, by `id()` of the visit: in the order they began."""
    order = sorted(
        (visit.at, visit.person, ordinal, id(visit)) for ordinal, visit in enumerate(visits)
    )
    return {key: _FIRST_SESSION + rank for rank, (_, _, _, key) in enumerate(order)}


def session_id(number: int) -> str:
    """The session as the shop writes it."""
    return f"w{number}"


def visitor_id(device: int) -> str:
    """The device as the shop writes it."""
    return f"{device:015x}"


def put_visits(
    stage: Stage,
    almanac: Almanac,
    visits: Sequence[Visit],
    numbers: dict[int, int],
    accounts: Accounts,
) -> None:
    """One row for each thing done. Some evenings reach the shop after midnight."""
    text = almanac.text
    for visit in visits:
        number = numbers[id(visit)]
        account = None
        if visit.account is not None:
            account = accounts.ids.get((visit.person, visit.account))
        device, session = visitor_id(visit.device), session_id(number)
        tail = f"\t{field(visit.campaign)}"
        for position, step in enumerate(visit.steps[:_STEPS_A_SESSION]):
            at = visit.at + step.after
            day = at // DAY + visit.late
            if day > stage.last:
                continue
            known = account if position >= visit.known_from else None
            product = step.product
            stage.put(
                "shop.web_events",
                day,
                f"{number * _STEPS_A_SESSION + position}\t{text(at)}\t{device}\t{field(known)}"
                f"\t{session}\t{step.kind}\t{product.product_id if product else NULL}"
                f"\t{step.category or NULL}\t{step.query or NULL}{tail}",
            )


NULL = "\\N"
