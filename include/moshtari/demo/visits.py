"""What people do on the shop's site: visits that lead to an order, and those that lead to none.

What a person is about (`Intent`) comes first, and the visits follow from it and from the person's
style, with noise: some who look around put something into the cart, some who know what they want
buy at first sight. Visits before an order are told from the order backwards, at most
`journeys.LOOK_AHEAD` days.
"""

from __future__ import annotations

from bisect import bisect_right
from random import Random

from moshtari.demo.almanac import DAY, HOUR, Almanac, between, pick
from moshtari.demo.browsing import Browsing
from moshtari.demo.catalogue import CATEGORIES, Catalogue, Product
from moshtari.demo.events import Intent, Life, Sale, Step, Visit
from moshtari.demo.people import Person
from moshtari.demo.wording import bargain_words

OFFERS = ("sms_sale", "discount_codes", "weekend_offers", "newsletter")
SWITCHING = "switch_to_us"
_ADS = ("google_ads", "influencer", "instagram_ads")
_LATE_FROM = 18 * HOUR + 600
_INTENTS = {"browser": "look", "discount": "deal", "researcher": "research", "hesitant": "waver"}
# Mean days between two episodes of somebody who is not about to order.
_PAUSES = {
    "plain": 42,
    "browser": 16,
    "discount": 24,
    "researcher": 30,
    "impulse": 80,
    "hesitant": 26,
}
_SLOWER = {"alive": 1.0, "cooling": 2.2, "gone": 14.0}
# What somebody is about stays with it for about a month after the last visit.
_FADES = (3.0, 8.0)


class Guest:
    """Who visits: what `Roaming` needs of a person, or of a stranger."""

    def __init__(self, index: int, style: str, devices: tuple[int, ...], salt: int) -> None:
        self.index, self.style, self.devices, self.salt = index, style, devices, salt
        self.favourites: tuple[int, ...] = (salt % len(CATEGORIES), salt // 8 % len(CATEGORIES))
        self.account_from: int | None = None
        self.account_until: int | None = None
        self.second_from: int | None = None


def roam(
    person: Person, life: Life, almanac: Almanac, catalogue: Catalogue, first_day: int
) -> None:
    """Every visit of `person` from `first_day` on, and what it was about."""
    guest = Guest(person.index, person.traits.style, person.traits.devices, person.traits.salt)
    guest.favourites = person.favourites
    if person.has_account:
        guest.account_from, guest.second_from = person.arrived, person.second_account_at
        guest.account_until = life.erased
    roaming = Roaming(guest, life.visits, life.intents, almanac, catalogue, first_day)
    roaming.arrive(person)
    before: Sale | None = None
    for sale in life.sales:
        if sale.placed >= first_day * DAY and sale.channel in ("web", "app"):
            roaming.order(sale, before)
        before = sale
    roaming.idle(life, almanac.days * DAY)


class Roaming:
    """The visits of one guest, appended to `visits`, and what they were about, to `intents`."""

    def __init__(
        self,
        guest: Guest,
        visits: list[Visit],
        intents: list[Intent],
        almanac: Almanac,
        catalogue: Catalogue,
        first_day: int,
    ) -> None:
        self.guest, self.visits, self.intents = guest, visits, intents
        self.almanac, self.catalogue = almanac, catalogue
        self.site = Browsing(catalogue, guest.favourites)
        self.start = first_day * DAY

    def arrive(self, person: Person) -> None:
        """The visit on which an account is opened; some come because of an advertisement."""
        if person.arrived < self.start or not person.has_account:
            return
        rng = Random(self.guest.salt + 1)
        campaign = pick(rng, _ADS) if rng.random() < 0.35 else None
        if person.traits.switches:
            campaign = SWITCHING
            fades = person.arrived + int(rng.gammavariate(2.0, 20.0) * DAY)
            self.intents.append(Intent("switch", person.arrived, fades, person.arrived))
        steps = [Step(0, "ad_click")] if campaign and rng.random() < 0.6 else []
        steps += self.site.views(rng, between(rng, 1, 3), 5)
        steps.append(Step(steps[-1].after + between(rng, 20, 90), "signup"))
        at = max(person.arrived - steps[-1].after, self.start)
        self._visit(rng, at, steps, campaign=campaign, known_from=len(steps) - 1, device=0)

    def order(self, sale: Sale, before: Sale | None) -> None:
        """The visits that lead to `sale`, the one in which it is placed the last of them."""
        tried = before.visit if before is not None and not before.bought else None
        if before is not None and tried is not None and sale.placed - before.placed < 2 * HOUR:
            sale.visit = tried
            return
        rng = Random(self.guest.salt + sale.placed)
        style = self.guest.style
        if rng.random() < 0.12:
            style = pick(rng, ("plain", "plain", "browser", "researcher", "impulse", "hesitant"))
        product = sale.lines[0].product
        campaign = sale.campaign or (
            pick(rng, OFFERS) if sale.coupon and style == "discount" else None
        )
        steps: list[Step] = []
        if campaign is not None and rng.random() < 0.5:
            steps.append(Step(0, "ad_click"))
        if style != "impulse":
            self._prepare(rng, style, sale, product)
        if style == "discount" and rng.random() < 0.6:
            steps.append(Step(8, "search", query=bargain_words(rng)))
        pace = 40 if style == "impulse" else 75
        steps += self.site.basket(rng, sale, steps[-1].after if steps else 0, pace)
        if style != "impulse" and rng.random() < 0.4:
            steps += self.site.views(rng, between(rng, 1, 4), steps[-1].after + 30)
        steps.append(Step(steps[-1].after + between(rng, 20, 160), "checkout_start"))
        lasts = steps[-1].after + between(rng, 30, 150)
        sale.visit = self._visit(
            rng,
            sale.placed - lasts,
            steps,
            campaign=campaign,
            account=sale.account,
            known_from=0 if rng.random() < 0.6 else len(steps) - 1,
        )

    def _prepare(self, rng: Random, style: str, sale: Sale, product: Product) -> None:
        """What the person did on the days before it ordered."""
        if style == "plain":
            for _ in range(pick(rng, (0, 1, 1, 1, 2))):
                at = sale.placed - between(rng, HOUR, 6 * DAY)
                steps = [Step(0, "view", product, product.category)]
                steps += self.site.views(rng, between(rng, 0, 3), 40)
                self._visit(rng, at, steps)
            return
        intent = _INTENTS.get(style, "look")
        count = between(rng, 1, 3)
        begins = sale.placed - between(rng, DAY, 11 * DAY)
        times = sorted(between(rng, begins, sale.placed - HOUR) for _ in range(count))
        for at in times:
            self._visit(
                rng, at, self.site.steps(rng, intent, product), campaign=self._offer(rng, intent)
            )
        fades = sale.placed
        if intent != "waver":
            fades += int(rng.gammavariate(*_FADES) * DAY)
        # Read twice, or left twice: then it shows.
        shown = times[min(1, count - 1)] if count > 1 or intent == "research" else None
        self.intents.append(Intent(intent, times[0], fades, shown))

    def idle(self, life: Life | None, end: int) -> None:
        """Episodes that lead to nothing, at the person's own pace, slower once it cools or goes."""
        rng = Random(self.guest.salt + 2)
        phases = life.phases if life is not None else []
        turns = [phase.at for phase in phases]
        at = max(self.start, turns[0] if turns else self.start)
        pause = _PAUSES[self.guest.style] * DAY
        while True:
            number = bisect_right(turns, at) - 1
            slower = _SLOWER[phases[number].state] if phases else 1.0
            following = at + int(rng.expovariate(1 / (pause * slower)))
            if number + 1 < len(turns) and following >= turns[number + 1]:
                at = turns[number + 1]
                continue
            at = following
            if at >= end:
                return
            self.episode(Random(self.guest.salt + at), at, life)

    def episode(self, rng: Random, at: int, life: Life | None) -> None:
        """One to four visits about one thing."""
        style = self.guest.style
        intent = _INTENTS.get(style)
        if intent is None or rng.random() < 0.12:
            intent = pick(rng, ("look", "look", "look", "deal", "research", "waver"))
        product = self.catalogue.pick(rng, self.guest.favourites)
        count = pick(rng, (1, 2, 2, 3, 4) if intent in ("look", "research") else (1, 2, 2, 3))
        times = [self._hour(rng, at // DAY)]
        for _ in range(count - 1):
            times.append(self._hour(rng, times[-1] // DAY + between(rng, 0, 5)))
        times = sorted(moment for moment in times if moment >= self.start)
        if not times:
            return
        for moment in times:
            campaign = self._offer(rng, intent)
            self._visit(rng, moment, self.site.steps(rng, intent, product), campaign=campaign)
        fades = times[-1] + int(rng.gammavariate(*_FADES) * DAY) + DAY
        bought = [
            sale.placed
            for sale in (life.sales if life is not None else ())
            if sale.bought and times[0] < sale.placed < fades
        ]
        # Who wavers stops when it has bought; who looks around, reads or hunts has not changed.
        if bought and intent == "waver":
            fades = bought[0]
        shown = times[1] if len(times) > 1 else times[0] if intent in ("research", "deal") else None
        if shown is not None and shown > fades:
            shown = None
        self.intents.append(Intent(intent, times[0], fades, shown))

    def _offer(self, rng: Random, intent: str) -> str | None:
        share = {"deal": 0.85, "look": 0.15}.get(intent, 0.08)
        if rng.random() >= share:
            return None
        return pick(rng, OFFERS if intent == "deal" else _ADS)

    def _hour(self, rng: Random, day: int) -> int:
        return self.almanac.shopping_time(day, rng, office=False, night=False)

    def _visit(
        self,
        rng: Random,
        at: int,
        steps: list[Step],
        *,
        campaign: str | None = None,
        account: int | None = None,
        known_from: int | None = None,
        device: int | None = None,
    ) -> Visit | None:
        """A visit; some are logged in from the start, some log in, the others stay strangers."""
        guest = self.guest
        if at < self.start:
            return None
        known = rng.random()
        until = guest.account_until
        has_account = guest.account_from is not None and (until is None or at < until)
        if known_from is None and has_account and at > (guest.account_from or 0):
            if known < 0.5:
                known_from = 0
            elif known < 0.75:
                steps.insert(0, Step(0, "login"))
                known_from = 0
        if known_from is not None and account is None and has_account:
            second = guest.second_from
            account = 1 if second is not None and at >= second and known < 0.4 else 0
        if device is None:
            device = pick(rng, guest.devices[:1] * 2 + guest.devices)
        else:
            device = guest.devices[device]
        late = at % DAY >= _LATE_FROM and known * 1000 % 1 < 0.03
        visit = Visit(guest.index, at, device, account, known_from or 0, campaign, late, steps)
        self.visits.append(visit)
        return visit
