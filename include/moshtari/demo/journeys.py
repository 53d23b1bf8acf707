"""The life of one person: purchases in its own rhythm, and what follows from them.

States of the latent process: `alive` buys in its own rhythm; `cooling` is slower by
`COOLING_FACTOR` and on the way out, though some recover; `gone` buys no more, though a few return
after months. A person turns from one to the other by its kind's own hazard after each purchase, and
by the blows of bad experiences.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from moshtari.demo import calls, voices
from moshtari.demo.almanac import DAY, HOUR, Almanac, between
from moshtari.demo.catalogue import Catalogue
from moshtari.demo.events import Departure, Intent, Life, Phase, Sale
from moshtari.demo.people import Person
from moshtari.demo.purchases import buy, faulty_line, refund_lost, send_back, send_back_more, settle
from moshtari.demo.seasons import next_season

COOLING_FACTOR = 2.6
_RECOVERS = 0.25
_RETURNS = 0.07
# What a call that reaches somebody adds to these.
_CALL_KEEPS = 0.15
_CALL_BRINGS_BACK = 0.10
_NEVER = 1 << 60
LOOK_AHEAD = 16
"""Days beyond the horizon that are lived as well: what is asked, searched and compared before an
order happens up to so many days before it."""


class _TurningPoint(NamedTuple):
    """At `at` the person turns to `state` (alive, cooling or gone) because of `reason`."""

    at: int
    state: str
    reason: str = "unknown"


def live(person: Person, almanac: Almanac, catalogue: Catalogue, horizon: int) -> Life:
    """The life of `person` up to the end of day `horizon` (what lies beyond it is unfinished)."""
    life = Life()
    life.phases.append(Phase(person.arrived, "alive"))
    if person.kind.name == "visitor":
        _visit(life, person, almanac)
        return life
    walk = _Walk(life, person, almanac, catalogue)
    end = (horizon + LOOK_AHEAD) * DAY
    for at in walk.purchase_times():
        if at >= end:
            break
        walk.purchase(at)
    return life


def _visit(life: Life, person: Person, almanac: Almanac) -> None:
    """Someone who looks around, asks perhaps, and never buys."""
    rng = person.rng
    at = person.arrived + between(rng, 600, 3 * DAY)
    hesitates = person.traits.style == "hesitant"
    if rng.random() < (0.6 if hesitates else 0.35):
        voices.ask(life, person, at, None, almanac)
        if hesitates:
            fades = at + int(rng.gammavariate(3.0, 8.0) * DAY)
            life.intents.append(Intent("waver", person.arrived, fades, at))
    if person.handle is not None and rng.random() < 0.2:
        voices.wonder(life, person, at + between(rng, HOUR, 9 * DAY))
    life.phases.append(Phase(at + 30 * DAY, "gone"))


class _Walk:
    """The state of one person on its way through time."""

    def __init__(self, life: Life, person: Person, almanac: Almanac, catalogue: Catalogue) -> None:
        self.life, self.person = life, person
        self.almanac, self.catalogue = almanac, catalogue
        self.rng = person.rng
        self.state = "alive"
        self.turn: _TurningPoint | None = None
        self.purchases = 0
        self.fatigue = 1.0
        self.retry = False

    def purchase_times(self) -> Iterator[int]:
        """When the person orders, without end unless it leaves for good."""
        at = self.person.arrived + between(self.rng, 240, 3 * HOUR)
        if self.person.kind.name == "seasonal":
            at = max(at, self._season(self.person.arrived))
        elif self.rng.random() < 0.35:
            day = self.almanac.later(at, self.rng.expovariate(1 / 12)) // DAY
            at = max(at, self._hour(day))
        while at < _NEVER:
            yield at
            at = self._next(at)

    def purchase(self, at: int) -> None:
        """Order at `at`, and live through what follows."""
        sale = buy(self.person, at, self.almanac, self.catalogue, first=self.purchases == 0)
        self.life.sales.append(sale)
        self.retry = not sale.bought and sale.turns[-1].state == "failed"
        if sale.bought:
            self.purchases += 1
            if self.purchases == self.person.attaches_after:
                self.life.attached = at
                calls.reward(self.life, self.person, at)
            blow = self._experience(sale)
            self._decide(at, blow)

    def _experience(self, sale: Sale) -> voices.Blow | None:
        """Delivery, quality, returns, questions, praise; the hardest blow of them, if any."""
        person, rng, life = self.person, self.rng, self.life
        blows: list[voices.Blow | None] = []
        grieved = False
        promised = sale.promised or 0
        if sale.lost:
            at = promised + between(rng, 2, 4) * DAY
            refund_lost(sale, at + 3 * DAY, rng, self.almanac)
            blows.append(voices.aggrieve(life, person, "lost", at, sale, self.almanac))
            grieved = True
        elif sale.delivered is not None:
            if sale.delivered > promised + DAY:
                at = promised + 14 * HOUR + int(rng.random() * DAY)
                blows.append(voices.aggrieve(life, person, "late", at, sale, self.almanac))
                grieved = True
            line = faulty_line(sale, rng)
            if line is not None:
                blows.extend(self._disappoint(sale, line))
                grieved = True
            elif rng.random() < 0.012:
                send_back(sale, 0, "changed_mind", rng, self.almanac)
            if not grieved:
                self._enjoy(sale)
        settle(sale)
        asked = rng.random()
        if asked < 0.07:
            before = max(sale.placed - between(rng, HOUR, 2 * DAY), person.arrived)
            blows.append(voices.ask(life, person, before, sale, self.almanac))
        elif asked < 0.082 and sale.delivered is not None:
            voices.remark(life, person, sale.delivered + DAY, sale, self.almanac)
        return max((blow for blow in blows if blow), key=lambda blow: blow.leaves, default=None)

    def _disappoint(self, sale: Sale, line: int) -> Iterator[voices.Blow]:
        assert sale.delivered is not None
        at = sale.delivered + between(self.rng, HOUR, DAY)
        refund = None
        if self.rng.random() < 0.5:
            refund = send_back(sale, line, "quality", self.rng, self.almanac)
            if self.rng.random() < 0.15:
                send_back_more(sale, refund, self.rng, self.almanac)
        yield voices.aggrieve(
            self.life, self.person, "quality", at, sale, self.almanac, shown=refund is not None
        )
        if refund is not None and refund.completed - refund.requested > 8 * DAY:
            at = refund.requested + 7 * DAY
            yield voices.aggrieve(
                self.life, self.person, "refund", at, sale, self.almanac, shown=True
            )

    def _enjoy(self, sale: Sale) -> None:
        assert sale.delivered is not None
        if self.person.handle is not None and self.rng.random() < self.person.advocacy:
            at = sale.delivered + between(self.rng, HOUR, 5 * DAY)
            voices.recommend(self.life, self.person, at, sale)

    def _decide(self, at: int, blow: voices.Blow | None) -> None:
        """Does this purchase turn the person? An earlier decision stands."""
        rng, kind = self.rng, self.person.kind
        if kind.name == "drifting":
            self.fatigue *= 1.09
        gap = self.person.gap * DAY
        if self.turn is not None and self.state == "alive":
            return
        if blow is not None and rng.random() < blow.leaves:
            state = "gone" if rng.random() < 0.6 else "cooling"
            self.turn = _TurningPoint(blow.at, state, blow.reason)
        elif self.state == "alive":
            roll = rng.random()
            if roll < kind.leave:
                turn = at + int(rng.uniform(0.0, 0.4) * gap)
                self.turn = _TurningPoint(turn, "gone", self._why())
            elif roll < kind.leave + kind.cool or self.fatigue > 1.7:
                turn = at + int(rng.uniform(0.0, 0.5) * gap)
                self.turn = _TurningPoint(turn, "cooling", self._why())

    def _why(self) -> str:
        """Why somebody turns away to whom nothing bad has happened."""
        roll, kind = self.rng.random(), self.person.kind.name
        if kind == "deal_hunter":
            return "price" if roll < 0.6 else "unknown"
        return "better_offer" if roll < (0.5 if kind == "drifting" else 0.15) else "unknown"

    def _next(self, at: int) -> int:
        """The next order after the one at `at`; `_NEVER` when there will be none."""
        rng = self.rng
        if self.retry and rng.random() < 0.7:
            return at + between(rng, 1500, 2 * HOUR)
        following = self._rhythm(at)
        while self.turn is not None and following > self.turn.at:
            turn, self.turn = self.turn, None
            self.state = turn.state
            self.life.phases.append(Phase(turn.at, turn.state))
            since = max(at + HOUR, turn.at)
            if turn.state != "alive":
                self._turn_away(turn)
            if turn.state == "gone":
                back = self._leave(turn.at)
                if back is None:
                    return _NEVER
                following = max(back, at + HOUR)
            elif turn.state == "cooling":
                stay = rng.gammavariate(2.0, 1.6 * self.person.gap) * DAY
                drifts = self.person.kind.name == "drifting"
                end = since + int(stay)
                roll = 1.0 if drifts else rng.random()
                call = calls.keep(self.life, self.person, since)
                if roll < _RECOVERS:
                    self.turn = _TurningPoint(end, "alive")
                elif call is not None and roll < _RECOVERS + _CALL_KEEPS:
                    self.turn = _TurningPoint(call + between(rng, HOUR, 5 * DAY), "alive")
                else:
                    self.turn = _TurningPoint(end, "gone", turn.reason)
                following = self._rhythm(since)
            else:
                following = self._rhythm(since)
        return following

    def _turn_away(self, turn: _TurningPoint) -> None:
        """The reason is remembered; who found a better offer may say where."""
        rng, person, life = self.rng, self.person, self.life
        life.departures.append(Departure(turn.at, turn.reason))
        drawn = turn.reason == "better_offer"
        said = None
        if person.handle is not None and rng.random() < (0.4 if drawn else 0.08) * person.outspoken:
            said = turn.at + between(rng, HOUR, 6 * DAY)
            voices.part(life, person, said)
        elif drawn and rng.random() < 0.3 * person.outspoken:
            said = turn.at + between(rng, HOUR, 6 * DAY)
            voices.compare(life, person, said, self.almanac)
        if drawn or said is not None:
            fades = turn.at + int(rng.gammavariate(2.0, 20.0) * DAY)
            life.intents.append(Intent("switch", turn.at, max(fades, said or 0), said))

    def _leave(self, at: int) -> int | None:
        """Gone: some ask to be forgotten, a few come back months later, some because of a call."""
        rng, person = self.rng, self.person
        roll = rng.random()
        call = calls.win_back(self.life, person, at)
        back = None
        if roll < _RETURNS:
            back = self._hour((at + int(rng.uniform(120, 300) * DAY)) // DAY)
        elif call is not None and roll < _RETURNS + _CALL_BRINGS_BACK:
            back = self._hour(call // DAY + between(rng, 1, 14))
        if back is not None:
            self.state = "alive"
            self.fatigue = 1.0
            self.life.phases.append(Phase(back - HOUR, "alive"))
            return back
        if person.erases:
            self.life.erased = at + int(rng.uniform(15, 60) * DAY)
        return None

    def _rhythm(self, at: int) -> int:
        """The next order after `at` by the person's own clock."""
        person, rng, almanac = self.person, self.rng, self.almanac
        if person.kind.name == "seasonal":
            return self._season(at + 20 * DAY)
        mean = person.gap * self.fatigue * (COOLING_FACTOR if self.state == "cooling" else 1.0)
        gap = rng.gammavariate(person.kind.shape, mean / person.kind.shape)
        day = almanac.later(at, gap) // DAY
        if person.kind.name == "deal_hunter" and rng.random() < 0.9:
            day = almanac.next_sale_day(day)
        elif person.firm is not None:
            day = almanac.working_day(day)
        return max(self._hour(day), at + HOUR)

    def _season(self, at: int) -> int:
        return self._hour(next_season(self.almanac, self.person.windows, at, self.rng))

    def _hour(self, day: int) -> int:
        return self.almanac.shopping_time(
            day,
            self.rng,
            office=self.person.firm is not None,
            night=self.person.kind.name == "impulsive",
        )
