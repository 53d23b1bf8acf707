"""Money of buyers abroad: daily rates, and amounts of a sale in the currency it is paid in."""

from __future__ import annotations

import math
from random import Random

from moshtari.demo.almanac import DAY, HOUR, Almanac
from moshtari.demo.events import Refund, Sale
from moshtari.demo.plan import Plan
from moshtari.demo.stage import Stage

_FIRST_RATES = {"AED": 165_000, "EUR": 660_000, "USD": 606_000}
"""Rials for one unit on the first day."""

_DAILY_DRIFT = math.log(1.02) / 30.4
_RIALS = 10


class Rates:
    """Rials for one unit of a currency, day by day: a walk that rises as prices do."""

    def __init__(self, plan: Plan, almanac: Almanac) -> None:
        self.days: dict[str, list[int]] = {}
        for currency, first in _FIRST_RATES.items():
            rng = Random(f"{plan.seed}:rate:{currency}")
            level, walk = math.log(first), []
            for day in range(almanac.days):
                # The market rests on days off: the rate of the day before is written down again.
                if day and not almanac.is_off(day):
                    level += _DAILY_DRIFT + rng.gauss(0.0, 0.006)
                walk.append(round(math.exp(level) / 100) * 100)
            self.days[currency] = walk

    def on(self, currency: str, day: int) -> int:
        """The rate of a day (of the last one that is known, beyond it)."""
        walk = self.days[currency]
        return walk[min(day, len(walk) - 1)]


class Till:
    """How one sale writes its amounts, which are whole Toman everywhere else.

    Abroad, lines are rounded to cents, so what is a sum of lines is summed from their cents.
    """

    def __init__(self, sale: Sale, rates: Rates) -> None:
        self.sale = sale
        self.rate: int | None = None
        self.currency = "IRT" if sale.in_toman else "IRR"
        self._factor = 1 if sale.in_toman else _RIALS
        if sale.currency is not None:
            self.currency = sale.currency
            self.rate = rates.on(sale.currency, sale.placed // DAY)
        units = [(line.quantity, self._minor(line.unit_price)) for line in sale.lines]
        self.units = [price for _, price in units]
        self.discounts = [self._minor(line.discount) for line in sale.lines]
        self.gross = sum(quantity * price for quantity, price in units)
        self.discount = sum(self.discounts)
        self.shipping, self.tax = self._minor(sale.shipping), self._minor(sale.tax)
        self.total = self.gross - self.discount + self.shipping + self.tax
        self._given = 0

    def _minor(self, toman: int) -> int:
        """Toman, Rial or cents."""
        if self.rate is None:
            return toman * self._factor
        return (toman * _RIALS * 100 + self.rate // 2) // self.rate

    def write(self, minor: int) -> str:
        """The amount as the shop's table holds it."""
        return str(minor) if self.rate is None else f"{minor // 100}.{minor % 100:02d}"

    def part(self, percent: int, paid: int) -> int:
        """A part of the total: a share of it, or (the last part) what is left after `paid`."""
        return self.total - paid if percent == 0 else self.total * percent // 100

    def give_back(self, refund: Refund) -> int:
        """A refund's amount; called in the order of refunds, it never exceeds what is left."""
        sale = self.sale
        if refund.amount == sale.net + sale.shipping + sale.tax:
            amount = self.total
        elif refund.amount == sale.net:
            amount = self.gross - self.discount
        elif refund.line is not None and refund.amount == sale.lines[refund.line].net:
            line = refund.line
            amount = sale.lines[line].quantity * self.units[line] - self.discounts[line]
        else:
            amount = self._minor(refund.amount)
        amount = min(amount, self.total - self._given)
        self._given += amount
        return amount


def put_rates(stage: Stage, almanac: Almanac, rates: Rates) -> None:
    """The rate of each day, known from nine in the morning."""
    for currency, walk in rates.days.items():
        for day, rate in enumerate(walk):
            at = almanac.text(day * DAY + 9 * HOUR)
            stage.put(
                "shop.exchange_rates",
                day,
                f"{almanac.day_text(day)}\t{currency}\t{rate}\t{at}",
            )
