"""One purchase from the basket to the door: prices, payment, parcel, faults, returns."""

from __future__ import annotations

from random import Random

from moshtari.demo.almanac import DAY, HOUR, Almanac, between, pick
from moshtari.demo.catalogue import Catalogue
from moshtari.demo.events import Line, Payment, Refund, Sale, Turn
from moshtari.demo.names import PHONE_FORMS, write_phone
from moshtari.demo.people import Person

DEFAULT_GUEST_EMAIL = "guest@pishkhan.example"
"""What the sellers on the phone type in when a buyer gives no e-mail: one address, many people."""

# The shop's nightly upload of evening records sometimes fails; they are then committed after
# midnight with their evening times. Only times within six hours before midnight are affected.
_LATE_FROM = 18 * HOUR + 600
_LATE_SHARE = 0.06

_VAT_PERCENT = 10
_FREE_SHIPPING_FROM = 2_000_000
_CHANNELS = ("web",) * 9 + ("app",) * 7 + ("instagram",) * 2 + ("phone",) * 2
_CAMPAIGNS = ("newsletter", "sms_sale", "google_ads", "influencer")


def buy(
    person: Person, placed: int, almanac: Almanac, catalogue: Catalogue, *, first: bool
) -> Sale:
    """An order placed at `placed`, with the whole course it will take."""
    rng = person.rng
    company = person.firm is not None
    channel = "phone" if company and rng.random() < 0.5 else pick(rng, _CHANNELS)
    coupon, lines = _fill(person, placed, almanac, catalogue, company=company)
    account, guest_email, guest_phone = _identify(person, placed, channel)
    sale = Sale(
        person=person.index,
        placed=placed,
        account=account,
        guest_email=guest_email,
        guest_phone=guest_phone,
        channel=channel,
        campaign=pick(rng, _CAMPAIGNS) if rng.random() < (0.5 if coupon else 0.12) else None,
        in_toman=channel == "app" or (channel == "instagram" and rng.random() < 0.5),
        currency=person.traits.abroad.currency if person.traits.abroad else None,
        lines=lines,
        coupon=coupon,
        referred=first and person.introduced_by is not None and person.traits.recorded,
        gross=sum(line.quantity * line.unit_price for line in lines),
        discount=sum(line.discount for line in lines),
    )
    sale.tax = sale.net * _VAT_PERCENT // 100
    sale.shipping = (
        0 if sale.net >= _FREE_SHIPPING_FROM else 45_000 + 12_000 * (person.city.transit_days - 1)
    )
    _turn(sale, rng, placed, "pending")
    paid = _pay(sale, rng, company=company)
    if paid is None:
        return sale
    if rng.random() < 0.025:
        _cancel(sale, rng, almanac, paid)
        return sale
    sale.bought = True
    _deliver(sale, person, almanac, paid)
    return sale


def faulty_line(sale: Sale, rng: Random) -> int | None:
    """The position of a line the buyer finds faulty, if there is one."""
    for position, line in enumerate(sale.lines):
        if rng.random() < line.product.defect:
            return position
    return None


def send_back(sale: Sale, line: int, reason: str, rng: Random, almanac: Almanac) -> Refund:
    """Return one line of a delivered sale, or some of its pieces; the money comes days later."""
    assert sale.delivered is not None
    requested = sale.delivered + int(rng.uniform(0.5, 4.0) * DAY)
    days = between(rng, 2, 6) if rng.random() < 0.8 else between(rng, 9, 16)
    completed = almanac.after_working_days(requested // DAY, days) * DAY + 11 * HOUR
    completed += int(rng.random() * 4 * HOUR)
    given = sum(refund.amount for refund in sale.refunds)
    amount = min(sale.lines[line].net, sale.net - given)
    pieces = sale.lines[line].quantity
    if pieces > 1 and rng.random() < 0.4:
        amount = min(sale.lines[line].net // pieces, amount)
    refund = Refund(line, amount, "return", reason, requested, completed)
    sale.refunds.append(refund)
    whole = len(sale.lines) == 1 and amount == sale.net
    _turn(sale, rng, requested, "")
    _turn(sale, rng, completed, "refunded" if whole else "completed")
    return refund


def send_back_more(sale: Sale, first: Refund, rng: Random, almanac: Almanac) -> None:
    """Another line goes back some days after the first; the postage is given back at once."""
    others = [n for n, entry in enumerate(sale.lines) if n != first.line and entry.net > 0]
    given = sum(refund.amount for refund in sale.refunds)
    if not others or given >= sale.net:
        return
    line = pick(rng, others)
    requested = first.completed + between(rng, HOUR, 5 * DAY)
    completed = almanac.after_working_days(requested // DAY, between(rng, 2, 5)) * DAY + 12 * HOUR
    amount = min(sale.lines[line].net, sale.net - given)
    sale.refunds.append(Refund(line, amount, "return", first.reason, requested, completed))
    _turn(sale, rng, requested, "")
    _turn(sale, rng, completed, "completed")
    if sale.shipping and given + amount + sale.shipping <= sale.net:
        postage = Refund(None, sale.shipping, "correction", "postage", requested, requested)
        sale.refunds.append(postage)


def trade_in(person: Person, at: int, sale: Sale, rng: Random) -> Sale:
    """The shop buys back, used, what somebody once bought from it."""
    line = sale.lines[0]
    price = max(line.unit_price * between(rng, 30, 50) // 100 // 1000 * 1000, 1000)
    trade = Sale(
        person=person.index,
        placed=at,
        account=0,
        guest_email=None,
        guest_phone=None,
        channel="app",
        campaign=None,
        in_toman=True,
        currency=None,
        lines=(Line(line.product, 1, price, 0),),
        coupon="",
        referred=False,
        gross=price,
        discount=0,
        is_purchase=True,
    )
    paid = at + between(rng, DAY, 3 * DAY)
    trade.turns = [Turn(at, "pending", False), Turn(paid, "paid", False)]
    trade.turns.append(Turn(paid + 2 * DAY, "completed", False))
    trade.payments = [Payment(paid, True)]
    return trade


def settle(sale: Sale) -> None:
    """Complete a delivered sale when its week for returns ends and nothing was sent back."""
    if sale.delivered is not None and not any(r.kind == "return" for r in sale.refunds):
        sale.turns.append(Turn((sale.delivered // DAY + 7) * DAY + 3 * HOUR, "completed", False))


def compensate(sale: Sale, at: int, rng: Random) -> None:
    """Give back a part of the price as an apology, once per sale and never more than remains."""
    amount = min(max(sale.net // 10 // 1000 * 1000, 20_000), 300_000)
    given = sum(refund.amount for refund in sale.refunds)
    if given + amount <= sale.net and all(r.kind != "compensation" for r in sale.refunds):
        sale.refunds.append(Refund(None, amount, "compensation", "goodwill", at, at))
        _turn(sale, rng, at, "")


def refund_lost(sale: Sale, at: int, rng: Random, almanac: Almanac) -> None:
    """Pay a lost parcel back in full."""
    completed = almanac.after_working_days(at // DAY, 2) * DAY + 12 * HOUR
    sale.refunds.append(Refund(None, sale.net, "correction", "lost", at, completed))
    _turn(sale, rng, at, "")
    _turn(sale, rng, completed, "refunded")


def _turn(sale: Sale, rng: Random, at: int, state: str) -> None:
    late = at % DAY >= _LATE_FROM and rng.random() < _LATE_SHARE
    sale.turns.append(Turn(at, state, late))


def _fill(
    person: Person, placed: int, almanac: Almanac, catalogue: Catalogue, *, company: bool
) -> tuple[str, tuple[Line, ...]]:
    """The coupon used (or "") and the lines. Prices rise by two percent a month."""
    rng = person.rng
    hunter = person.kind.name == "deal_hunter"
    on_sale = almanac.sale[placed // DAY]
    coupon = on_sale if on_sale and rng.random() < (0.95 if hunter else 0.4) else ""
    if not coupon and rng.random() < (0.6 if hunter else 0.05):
        coupon = "KHOSHAMAD"
    rate = pick(rng, (10, 15, 20, 30)) if coupon else 0
    inflation = 1.02 ** (placed / (30.4 * DAY))
    size = between(rng, 3, 7) if company else pick(rng, (1, 1, 1, 2, 2, 3, 4))
    lines: list[Line] = []
    for _ in range(size):
        product = catalogue.pick(rng, person.favourites)
        if any(line.product is product for line in lines):
            continue
        quantity = between(rng, 3, 15) if company else (1 if rng.random() < 0.82 else 2)
        price = int(product.price * inflation) // 1000 * 1000
        discount = quantity * price * rate // 100 // 100 * 100
        lines.append(Line(product, quantity, price, discount))
    return coupon, tuple(lines)


def _identify(
    person: Person, placed: int, channel: str
) -> tuple[int | None, str | None, str | None]:
    """Account position, guest e-mail and guest phone as the shop records them for this order."""
    rng = person.rng
    guest = not person.has_account or rng.random() < 0.07
    form = person.phone_form if rng.random() < 0.7 else rng.randrange(PHONE_FORMS)
    keys = rng.random()
    if not guest:
        second = person.second_account_at
        return (1 if second is not None and placed >= second else 0), None, None
    phone = write_phone(person.phone, form)
    if channel == "phone" and keys < 0.55:
        # Half of these callers leave a number; of the others nothing of their own remains.
        return None, DEFAULT_GUEST_EMAIL, phone if keys < 0.3 else None
    if person.email is None or keys < 0.25:
        return None, None, phone
    email = person.email.capitalize() if keys > 0.93 else person.email
    return None, email, None if keys < 0.45 else phone


def _pay(sale: Sale, rng: Random, *, company: bool) -> int | None:
    """Try to pay; the instant of the payment that went through, if one did."""
    at = sale.placed + between(rng, 50, 420)
    succeeded = rng.random() < (0.99 if company else 0.94)
    sale.payments.append(Payment(at, succeeded))
    if not succeeded and rng.random() < 0.7:
        at += between(rng, 60, 900)
        succeeded = rng.random() < 0.85
        sale.payments.append(Payment(at, succeeded))
    if succeeded:
        if rng.random() < 0.06:
            # What is in the wallet first, the rest by card.
            wallet = pick(rng, (10, 20, 30, 50))
            sale.payments[-1] = Payment(at - 20, True, wallet)
            sale.payments.append(Payment(at, True, 100 - wallet))
        _turn(sale, rng, at, "paid")
        return at
    if rng.random() < 0.75:
        _turn(sale, rng, at, "failed")
    else:
        _turn(sale, rng, at, "")
        _turn(sale, rng, sale.placed + 2 * DAY, "cancelled")
    return None


def _cancel(sale: Sale, rng: Random, almanac: Almanac, paid: int) -> None:
    at = paid + between(rng, 20 * 60, 9 * HOUR)
    back = almanac.after_working_days(at // DAY, between(rng, 1, 3)) * DAY + 10 * HOUR
    total = sale.net + sale.shipping + sale.tax
    sale.refunds.append(Refund(None, total, "correction", "cancelled", at, back))
    _turn(sale, rng, at, "cancelled")
    _turn(sale, rng, back, "")


def _deliver(sale: Sale, person: Person, almanac: Almanac, paid: int) -> None:
    rng = person.rng
    transit = person.city.transit_days
    placed_day = sale.placed // DAY
    sale.promised = almanac.after_working_days(placed_day, transit + 2) * DAY + 20 * HOUR
    sale.shipped = almanac.working_instant(paid + between(rng, 2 * HOUR, 18 * HOUR))
    _turn(sale, rng, sale.shipped, "shipped")
    month, day = almanac.jalali[placed_day]
    rush = 0.12 if month == 12 and day >= 12 else 0.0
    late = rng.random() < 0.055 + rush + 0.02 * (transit >= 3)
    if rng.random() < 0.004:
        sale.lost = True
        return
    days = transit + between(rng, 0, 1) + (between(rng, 3, 8) if late else 0)
    arrival_day = almanac.after_working_days(sale.shipped // DAY, days)
    sale.delivered = arrival_day * DAY + 9 * HOUR + int(rng.random() * 11 * HOUR)
    _turn(sale, rng, sale.delivered, "delivered")
