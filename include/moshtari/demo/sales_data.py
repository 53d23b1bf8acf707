"""The shop's sales with their lines, payments, parcels and refunds, and what it buys back."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from moshtari.demo.almanac import DAY, Almanac
from moshtari.demo.events import Life, Sale
from moshtari.demo.money import Rates, Till
from moshtari.demo.people import Person
from moshtari.demo.shop import Accounts
from moshtari.demo.stage import Stage, field
from moshtari.demo.web_data import session_id

FIRST_SALE_ID = 500_001
_CARRIERS = ("پست پیشتاز", "تیپاکس‌نو", "پیک شهری")
_MARKET_PER_MILLE = 90


def number_sales(lives: Sequence[Life]) -> dict[int, int]:
    """The shop's number of each sale, by `id()` of the sale: in the order they were placed."""
    sales = sorted(
        (
            (sale.placed, sale.person, ordinal, id(sale))
            for life in lives
            for ordinal, sale in enumerate((*life.sales, *life.trades))
        ),
    )
    return {key: FIRST_SALE_ID + rank for rank, (_, _, _, key) in enumerate(sales)}


def find_sellers(people: Sequence[Person], lives: Sequence[Life]) -> None:
    """Some orders of a single thing are sold by another customer, on the shop's marketplace.

    Sellers are those who were there when the order was placed; people come in order of `arrived`.
    """
    sellers = [person for person in people if person.traits.sells]
    arrivals = [seller.arrived for seller in sellers]
    for life in lives:
        for sale in life.sales:
            mark = sale.placed * 2_654_435_761 + sale.person * 40_503
            known = bisect_left(arrivals, sale.placed - DAY)
            if len(sale.lines) == 1 and mark // 64 % 1000 < _MARKET_PER_MILLE and known:
                seller = sellers[mark // 65_536 % known]
                if seller.index != sale.person and sale.currency is None:
                    sale.seller = seller.index


class SalesDesk:
    """Writes sales: `numbers` of sales, `sessions` of visits, `accounts` and `rates`."""

    def __init__(
        self,
        stage: Stage,
        almanac: Almanac,
        numbers: dict[int, int],
        sessions: dict[int, int],
        accounts: Accounts,
        rates: Rates,
    ) -> None:
        self.stage, self.almanac, self.numbers = stage, almanac, numbers
        self.sessions, self.accounts, self.rates = sessions, accounts, rates

    def put(self, people: Sequence[Person], lives: Sequence[Life]) -> None:
        """Every sale with its children; a child is visible with the turn that brings it."""
        for life in lives:
            for sale in (*life.sales, *life.trades):
                self._put(people[sale.person], sale)

    def _put(self, person: Person, sale: Sale) -> None:
        number = self.numbers[id(sale)]
        stage, text = self.stage, self.almanac.text
        turns = sorted(sale.turns, key=lambda turn: turn.at)
        times = [turn.at for turn in turns]
        days: list[int] = []
        states: list[str] = []
        for turn in turns:
            days.append(max(turn.at // DAY + turn.late, days[-1] if days else 0))
            states.append(turn.state or states[-1])
        till = Till(sale, self.rates)
        head = f"{number}\t{self._buyer(sale)}\t{text(sale.placed)}\t"
        amounts = (till.gross, till.discount, till.shipping, till.tax, till.total)
        tail = (
            f"\t{till.currency}\t"
            + "\t".join(map(till.write, amounts))
            + f"\t{{{sale.coupon}}}\t{sale.channel}\t{field(sale.campaign)}"
            f"\t{self._origin(person, sale)}"
        )
        stage.put_versions(
            "shop.sales",
            days,
            lambda version: f"{head}{text(times[version])}\t{states[version]}{tail}",
        )

        def seen(at: int) -> int:
            """The day from which what happened at `at` is visible: that of the sale's next turn."""
            return days[min(bisect_left(times, at), len(days) - 1)]

        for position, line in enumerate(sale.lines):
            stage.put(
                "shop.sale_lines",
                days[0],
                f"{number}\t{position + 1}\t{line.product.product_id}\t{line.quantity}"
                f"\t{till.write(till.units[position])}\t{till.write(till.discounts[position])}",
            )
        self._put_payments(sale, number, till, seen)
        self._put_refunds(sale, number, till, seen)
        if sale.shipped is not None:
            self._put_shipment(person, sale, number, seen)

    def _buyer(self, sale: Sale) -> str:
        account = None if sale.account is None else self.accounts.ids[sale.person, sale.account]
        return f"{field(account)}\t{field(sale.guest_email)}\t{field(sale.guest_phone)}"

    def _origin(self, person: Person, sale: Sale) -> str:
        """Referral code, session, seller, direction."""
        referral = session = seller = None
        if sale.referred and person.introduced_by is not None:
            referral = f"REF{self.accounts.ids[person.introduced_by, 0]}"
        if sale.visit is not None:
            session = session_id(self.sessions[id(sale.visit)])
        if sale.seller is not None:
            seller = self.accounts.ids[sale.seller, 0]
        direction = "purchase" if sale.is_purchase else "sale"
        return f"{field(referral)}\t{field(session)}\t{field(seller)}\t{direction}"

    def _put_payments(
        self, sale: Sale, number: int, till: Till, seen: Callable[[int], int]
    ) -> None:
        paid = 0
        for position, payment in enumerate(sale.payments):
            last = position + 1 == len(sale.payments)
            amount = till.part(0 if last else payment.percent, paid)
            if payment.succeeded:
                paid += amount
            self.stage.put(
                "shop.payments",
                seen(payment.attempted),
                f"{number * 10 + position}\t{number}\t{self.almanac.text(payment.attempted)}"
                f"\t{till.write(amount)}\t{till.currency}"
                f"\t{'ok' if payment.succeeded else 'failed'}",
            )

    def _put_refunds(self, sale: Sale, number: int, till: Till, seen: Callable[[int], int]) -> None:
        text = self.almanac.text
        for position, refund in enumerate(sorted(sale.refunds, key=lambda entry: entry.requested)):
            opening = (
                f"{number * 10 + position}\t{number}"
                f"\t{field(None if refund.line is None else refund.line + 1)}"
                f"\t{till.write(till.give_back(refund))}\t{till.currency}"
                f"\t{refund.kind}\t{refund.reason}\t{text(refund.requested)}\t"
            )
            closing = text(refund.completed)
            self.stage.put_versions(
                "shop.refunds",
                [seen(refund.requested), seen(refund.completed)],
                (f"{opening}\\N", opening + closing).__getitem__,
            )

    def _put_shipment(
        self, person: Person, sale: Sale, number: int, seen: Callable[[int], int]
    ) -> None:
        assert sale.shipped is not None
        assert sale.promised is not None
        text = self.almanac.text
        head = (
            f"{number}\t{number}\t{_CARRIERS[number % 3]}\t{person.city.name}\t{person.address}"
            f"\t{text(sale.promised)}\t{text(sale.shipped)}\t"
        )
        days = [seen(sale.shipped)]
        ending = ""
        if sale.delivered is not None:
            days.append(seen(sale.delivered))
            ending = f"{text(sale.delivered)}\tdelivered"
        elif sale.lost:
            days.append(seen(min(refund.requested for refund in sale.refunds)))
            ending = "\\N\tlost"
        self.stage.put_versions(
            "shop.shipments",
            days,
            lambda version: head + (ending if version else "\\N\ton_the_way"),
        )
