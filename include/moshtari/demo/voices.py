"""What people say: tickets and how the desk handles them, posts and how the brand answers."""

from __future__ import annotations

from typing import NamedTuple

from moshtari.demo import texts
from moshtari.demo.almanac import DAY, HOUR, Almanac, between
from moshtari.demo.events import Grievance, Life, Post, Rating, Sale, Ticket, TicketEvent
from moshtari.demo.people import Person
from moshtari.demo.purchases import compensate

BRAND_HANDLE = "pishkhan"
HASHTAG = "پیشخوان"
AGENTS = 8

_TOPICS = {"late": "late_delivery", "lost": "lost_parcel", "quality": "quality", "refund": "refund"}


class Blow(NamedTuple):
    """What a grievance does: when its outcome is felt, how likely the person turns away then."""

    at: int
    leaves: float


class Outcome(NamedTuple):
    """How the desk did on one ticket; None where it did not."""

    first_reply: int | None
    solved: int | None
    score: str | None


def aggrieve(
    life: Life,
    person: Person,
    cause: str,
    at: int,
    sale: Sale,
    almanac: Almanac,
    *,
    shown: bool = False,
) -> Blow:
    """A wrong is felt; perhaps it is said, answered and mended. `shown`: by a return already."""
    rng = person.rng
    by_ticket = rng.random() < 0.4 + 0.55 * person.outspoken
    by_post = person.handle is not None and rng.random() < 0.45 * person.outspoken
    fades = at + int(rng.gammavariate(3.0, 17.0 if by_ticket or by_post else 9.0) * DAY)
    if by_post:
        post_at = at + between(rng, HOUR, 2 * DAY)
        post = _post(life, person, post_at, "negative", cause, sale)
        _brand_answers(life, post, person, 0.55, texts.BRAND_REPLIES)
    if not by_ticket:
        life.grievances.append(Grievance(at, fades, cause, by_post or shown))
        return Blow(at, 0.10 * person.sensitivity)
    created = at + between(rng, HOUR // 2, int(1.5 * DAY))
    bank = texts.COMPLAINTS_EN if person.english else texts.COMPLAINTS
    ticket = _open(life, person, created, rng.choice(bank[cause]), "complaint", sale)
    if rng.random() < 0.8:
        ticket.tags = ("complaint", _TOPICS[cause])
    outcome = _handle(ticket, person, almanac, complaint=True)
    if outcome.solved is None:
        life.grievances.append(Grievance(at, fades, cause, True))
        return Blow(created + 4 * DAY, 0.45 * person.sensitivity)
    quick = outcome.solved - created < 2 * DAY
    if rng.random() < 0.35:
        compensate(sale, outcome.solved, rng)
    if outcome.score != "bad" and (outcome.score == "good" or rng.random() < 0.6 + 0.3 * quick):
        life.grievances.append(Grievance(at, min(outcome.solved, fades), cause, True))
        return Blow(outcome.solved, 0.02)
    life.grievances.append(Grievance(at, max(fades, outcome.solved), cause, True))
    return Blow(outcome.solved, 0.3 * person.sensitivity)


def ask(life: Life, person: Person, at: int, sale: Sale | None, almanac: Almanac) -> Blow | None:
    """A question to the desk; being left without an answer is a grievance of its own."""
    rng = person.rng
    bank = texts.QUESTIONS_EN if person.english else texts.QUESTIONS
    ticket = _open(life, person, at, rng.choice(bank), "question", sale)
    if rng.random() < 0.6:
        ticket.tags = ("question",)
    outcome = _handle(ticket, person, almanac, complaint=False)
    waited = at + 3 * DAY
    answered = outcome.first_reply
    if (answered is None or answered > waited) and rng.random() < 0.6:
        fades = waited + int(rng.gammavariate(2.0, 15.0) * DAY)
        closed = fades if answered is None else min(answered, fades)
        life.grievances.append(Grievance(waited, closed, "support", False))
        return Blow(waited, 0.25 * person.sensitivity)
    return None


def remark(life: Life, person: Person, at: int, sale: Sale, almanac: Almanac) -> None:
    """Praise or a suggestion by ticket."""
    rng = person.rng
    praise = rng.random() < 0.6
    message = rng.choice(texts.PRAISES if praise else texts.SUGGESTIONS)
    ticket = _open(life, person, at, message, "praise" if praise else "suggestion", sale)
    if rng.random() < 0.6:
        ticket.tags = ("praise" if praise else "suggestion",)
    _handle(ticket, person, almanac, complaint=False)


def recommend(life: Life, person: Person, at: int, sale: Sale) -> None:
    """A positive post."""
    post = _post(life, person, at, "positive", "", sale)
    _brand_answers(life, post, person, 0.3, texts.BRAND_THANKS)


def wonder(life: Life, person: Person, at: int) -> None:
    """A question asked in public."""
    post = _post(life, person, at, "question", "", None)
    _brand_answers(life, post, person, 0.6, texts.BRAND_REPLIES)


def part(life: Life, person: Person, at: int) -> None:
    """A post that names a competitor on the way out."""
    _post(life, person, at, "negative", "switch", None)


def _open(
    life: Life, person: Person, at: int, message: texts.Message, kind: str, sale: Sale | None
) -> Ticket:
    rng = person.rng
    by_phone = person.email is None or rng.random() < 0.35
    channel = rng.choice(("chat", "api", "web")) if by_phone else rng.choice(("email", "web"))
    product = sale.lines[0].product.name if sale else "قهوه اسپرسو"
    priorities = ("normal", "high", "urgent") if kind == "complaint" else ("low", "normal")
    named = kind == "complaint" and rng.random() < 0.7
    ticket = Ticket(
        person=person.index,
        by_phone=by_phone,
        channel=channel,
        priority=rng.choice(priorities),
        subject=message.subject,
        body=message.body.replace("{p}", product),
        tags=(),
        sale=sale if named or "{order}" in message.body else None,
        created=at,
    )
    ticket.events.append(TicketEvent(at, "comment", 0, True, ticket.body, None, None))
    life.tickets.append(ticket)
    return ticket


def _handle(ticket: Ticket, person: Person, almanac: Almanac, *, complaint: bool) -> Outcome:
    """Play the desk: replies in working hours, slow ones among them, some never."""
    rng = person.rng
    events = ticket.events
    if rng.random() < (0.05 if complaint else 0.03):
        if complaint:
            nudge = ticket.created + between(rng, 2 * DAY, 4 * DAY)
            events.append(_said(nudge, 0, rng.choice(texts.NUDGES)))
        return Outcome(None, None, None)
    agent = 1 + rng.randrange(AGENTS)
    replied = ticket.created + int(rng.lognormvariate(0.8, 1.35) * HOUR)
    if ticket.channel != "chat" and rng.random() > 0.08:
        replied = almanac.working_instant(replied)
    if complaint and replied - ticket.created > 2 * DAY and rng.random() < 0.6:
        nudge = ticket.created + int(rng.uniform(1.0, 1.9) * DAY)
        events.append(_said(nudge, 0, rng.choice(texts.NUDGES)))
    answer = texts.FIRST_REPLIES if complaint else texts.ANSWERS
    events.append(_said(replied, agent, rng.choice(answer)))
    events.append(_moved(replied, agent, "new", "open"))
    if rng.random() < 0.25:
        events.append(_said(replied + 300, agent, rng.choice(texts.NOTES), public=False))
    if rng.random() > (0.84 if complaint else 0.97):
        return Outcome(replied, None, None)
    hours = rng.lognormvariate(2.2 if complaint else 0.3, 1.1)
    solved = almanac.working_instant(replied + 600 + int(hours * HOUR))
    status = "open"
    if complaint and rng.random() < 0.3:
        events.append(_moved(replied + 400, agent, "open", "pending"))
        status = "pending"
    solved = _solve(ticket, agent, status, solved, complaint)
    if complaint and rng.random() < 0.07:
        again = solved + between(rng, 2 * HOUR, 2 * DAY)
        events.append(_said(again, 0, rng.choice(texts.NUDGES)))
        events.append(_moved(again, 0, "solved", "open"))
        solved = _solve(ticket, agent, "open", almanac.working_instant(again + DAY), complaint)
    closed = (solved // DAY + 4) * DAY + 2 * HOUR
    events.append(_moved(closed, None, "solved", "closed"))
    return Outcome(replied, solved, _rate(ticket, person, solved, complaint=complaint))


def _solve(ticket: Ticket, agent: int, status: str, at: int, complaint: bool) -> int:
    if complaint:
        text = texts.SOLUTIONS[at % len(texts.SOLUTIONS)]
        ticket.events.append(_said(at, agent, text))
    ticket.events.append(_moved(at, agent, status, "solved"))
    return at


def _rate(ticket: Ticket, person: Person, solved: int, *, complaint: bool) -> str | None:
    rng = person.rng
    ticket.ratings.append(Rating(solved + HOUR, "offered", None))
    if rng.random() > (0.5 if complaint else 0.3):
        return None
    days = (solved - ticket.created) / DAY
    bad = 0.04 + (0.15 * complaint) + 0.09 * min(days, 6.0)
    score = "bad" if rng.random() < bad else "good"
    bank = texts.BAD_COMMENTS if score == "bad" else texts.GOOD_COMMENTS
    comment = rng.choice(bank) if rng.random() < 0.4 else None
    ticket.ratings.append(Rating(solved + between(rng, 2 * HOUR, 40 * HOUR), score, comment))
    return score


def _said(at: int, author: int, body: str, *, public: bool = True) -> TicketEvent:
    return TicketEvent(at, "comment", author, public, body, None, None)


def _moved(at: int, author: int | None, before: str, after: str) -> TicketEvent:
    return TicketEvent(at, "status", author, False, None, before, after)


def _post(life: Life, person: Person, at: int, mood: str, cause: str, sale: Sale | None) -> Post:
    rng = person.rng
    english = person.english and mood == "positive"
    if english:
        bank = texts.POSTS_POSITIVE_EN
    elif mood == "negative":
        bank = texts.POSTS_NEGATIVE[cause]
    else:
        bank = texts.POSTS_POSITIVE if mood == "positive" else texts.POSTS_QUESTION
    product = sale.lines[0].product.name if sale else "چای سیاه"
    text = rng.choice(bank).replace("{p}", product)
    assert person.handle is not None
    post = Post(person.index, person.handle, at, text, english, rng.randrange(12), rng.randrange(4))
    changed = rng.random()
    if changed < 0.04:
        post.edited = at + between(rng, 600, DAY)
        post.edited_text = f"{text} (ویرایش شد)"
    elif changed < 0.06:
        post.deleted = at + between(rng, HOUR, 10 * DAY)
    life.posts.append(post)
    return post


def _brand_answers(
    life: Life, post: Post, person: Person, share: float, bank: tuple[str, ...]
) -> None:
    rng = person.rng
    if rng.random() < share:
        at = post.at + int(rng.lognormvariate(1.2, 1.0) * HOUR) + 120
        text = rng.choice(bank)
        life.posts.append(Post(None, BRAND_HANDLE, at, text, False, rng.randrange(3), 0, post))
