"""The records of a life before they become rows: sales, tickets, posts, phases, grievances.

Instants are seconds of the almanac; amounts are whole Toman.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from moshtari.demo.catalogue import Product


class Line(NamedTuple):
    """One line of a sale."""

    product: Product
    quantity: int
    unit_price: int
    discount: int

    @property
    def net(self) -> int:
        """What the line costs after its discount."""
        return self.quantity * self.unit_price - self.discount


class Payment(NamedTuple):
    """One attempt to pay the whole, or (with `percent`) a part: the wallet first, then the rest."""

    attempted: int
    succeeded: bool
    percent: int = 100


class Refund(NamedTuple):
    """Money given back; `line` is the position of the line, None for the whole sale."""

    line: int | None
    amount: int
    kind: str
    reason: str
    requested: int
    completed: int


class Turn(NamedTuple):
    """From `at` on the sale is in `state` ("": as before; something else about it changed).

    `late`: the row is committed after midnight, though its own time is the evening before.
    """

    at: int
    state: str
    late: bool


@dataclass(slots=True)
class Sale:
    """One order with everything that happens to it.

    `account` counts the person's accounts (None: a guest). `gross` and `discount` are the sums of
    the lines. `bought`: paid and not cancelled, what the person itself calls a purchase. `visit`:
    the visit to the site in which it was placed, where that is kept. `currency`: what a buyer
    abroad pays in, None at home. `is_purchase`: the shop buys
    from the person. `seller`: the person who sells it on the shop's marketplace.
    """

    person: int
    placed: int
    account: int | None
    guest_email: str | None
    guest_phone: str | None
    channel: str
    campaign: str | None
    in_toman: bool
    currency: str | None
    lines: tuple[Line, ...]
    coupon: str
    referred: bool
    gross: int
    discount: int
    shipping: int = 0
    tax: int = 0
    turns: list[Turn] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    promised: int | None = None
    shipped: int | None = None
    delivered: int | None = None
    lost: bool = False
    bought: bool = False
    visit: Visit | None = None
    is_purchase: bool = False
    seller: int | None = None

    @property
    def net(self) -> int:
        """What the goods cost after discounts."""
        return self.gross - self.discount


class Step(NamedTuple):
    """One thing done on a visit, `after` seconds from its beginning."""

    after: int
    kind: str
    product: Product | None = None
    category: str | None = None
    query: str | None = None


@dataclass(slots=True)
class Visit:
    """A visit to the shop's site. `account` is known from step `known_from` on."""

    person: int
    at: int
    device: int
    account: int | None
    known_from: int
    campaign: str | None
    late: bool
    steps: list[Step]


class Intent(NamedTuple):
    """What a person is about from `since` until `until`, and when the site could first tell.

    `kind`: look, deal, research, waver (wants it and cannot decide), switch (to or from another
    shop).
    """

    kind: str
    since: int
    until: int
    shown: int | None


class Survey(NamedTuple):
    """A question after a delivery; `answered` None: it was left without an answer."""

    sale: Sale
    asked: int
    answered: int | None
    channel: str
    score: int | None
    scale: int
    comment: str | None
    names_competitor: bool | None
    text: TextTruth | None


class Review(NamedTuple):
    """A product's review with stars by an account, on the shop's own site; `answered`: by it."""

    sale: Sale
    at: int
    product: Product
    stars: int
    body: str
    text: TextTruth
    answered: int | None


class Contact(NamedTuple):
    """A call or message from the shop, and what came of it at `answered`."""

    channel: str
    list_name: str | None
    sent: int
    outcome: str
    answered: int


class Membership(NamedTuple):
    """A paid membership; `switches`: when automatic renewal was turned (off, on again, off)."""

    started: int
    switches: tuple[int, ...]
    ended: int | None


class Departure(NamedTuple):
    """Why a person turned away at `at`, in the words of the customer model."""

    at: int
    reason: str


class TextTruth(NamedTuple):
    """What a text is, whatever words it uses."""

    kind: str
    sentiment: str
    topic: str
    competitor: str | None


class TicketEvent(NamedTuple):
    """`author`: 0 the requester, 1 and up an agent, None the desk's own automation."""

    at: int
    kind: str
    author: int | None
    is_public: bool
    body: str | None
    from_status: str | None
    to_status: str | None


class Rating(NamedTuple):
    """The satisfaction score of a ticket from `at` on."""

    at: int
    score: str
    comment: str | None


@dataclass(slots=True)
class Ticket:
    """`by_phone`: the requester is known to the desk by telephone and not by e-mail."""

    person: int
    by_phone: bool
    channel: str
    priority: str
    subject: str
    body: str
    tags: tuple[str, ...]
    sale: Sale | None
    created: int
    text: TextTruth
    events: list[TicketEvent] = field(default_factory=list)
    ratings: list[Rating] = field(default_factory=list)


@dataclass(slots=True)
class Post:
    """`person` None: a stranger, or (with `reply_to`) the brand."""

    person: int | None
    handle: str
    at: int
    text: str
    english: bool
    likes: int
    boosts: int
    truth: TextTruth
    reply_to: Post | None = None
    edited: int | None = None
    edited_text: str | None = None
    deleted: int | None = None


class Phase(NamedTuple):
    """From `at` on the person is `alive`, `cooling` or `gone`."""

    at: int
    state: str


class Grievance(NamedTuple):
    """A wrong the person feels from `opened` until `closed` (mended, or faded).

    `voiced`: said in a ticket or a post, or shown by a return.
    """

    opened: int
    closed: int
    cause: str
    voiced: bool


@dataclass(slots=True)
class Life:
    """Everything one person does and feels, in the order it came about."""

    sales: list[Sale] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    grievances: list[Grievance] = field(default_factory=list)
    attached: int | None = None
    erased: int | None = None
    trades: list[Sale] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)
    surveys: list[Survey] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    memberships: list[Membership] = field(default_factory=list)
    departures: list[Departure] = field(default_factory=list)
