"""What people say: tickets and how the desk handles them, posts and how the brand answers."""

from __future__ import annotations

from typing import NamedTuple

from moshtari.demo import texts, wording
from moshtari.demo.almanac import DAY, HOUR, Almanac, between
from moshtari.demo.events import (
    Grievance,
    Intent,
    Life,
    Post,
    Rating,
    Sale,
    TextTruth,
    Ticket,
    TicketEvent,
)
from moshtari.demo.people import Person
from moshtari.demo.purchases import compensate

BRAND_HANDLE = "pishkhan"
HASHTAG = "پیشخوان"
AGENTS = 8
BRAND_TEXT = TextTruth("other", "neutral", "other", None)

_TAGS = {"late": "late_delivery", "lost": "lost_parcel", "quality": "quality", "refund": "refund"}
_REASONS = {
    "late": "late_or_failed_delivery",
    "lost": "late_or_failed_delivery",
    "quality": "product_quality",
}


class Blow(NamedTuple):
    """What a grievance does: when its outcome is felt, how likely the person turns away then, and
    what it would say if asked why."""

    at: int
    leaves: float
    reason: str


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
    reason = _REASONS.get(cause, "unresolved_complaint")
    if by_post:
        post_at = at + between(rng, HOUR, 2 * DAY)
        post = _post(life, person, post_at, "negative", cause, sale)
        _brand_answers(life, post, person, 0.55, texts.BRAND_REPLIES)
    if not by_ticket:
        life.grievances.append(Grievance(at, fades, cause, by_post or shown))
        return Blow(at, 0.10 * person.sensitivity, reason)
    created = at + between(rng, HOUR // 2, int(1.5 * DAY))
    # Who writes about a wrong may write about how it is treated as well.
    told = "support" if cause == "refund" and rng.random() < 0.2 else cause
    said = wording.complaint(rng, told, _product(sale), english=person.english)
    ticket = _open(life, person, created, said, sale)
    if said.truth.competitor is not None:
        life.intents.append(Intent("switch", at, max(fades, created), created))
    if rng.random() < 0.8:
        ticket.tags = ("complaint", _TAGS[cause])
    outcome = _handle(ticket, person, almanac, complaint=True)
    if outcome.solved is None:
        life.grievances.append(Grievance(at, fades, cause, True))
        return Blow(created + 4 * DAY, 0.45 * person.sensitivity, "unresolved_complaint")
    quick = outcome.solved - created < 2 * DAY
    if rng.random() < 0.35:
        compensate(sale, outcome.solved, rng)
    if outcome.score != "bad" and (outcome.score == "good" or rng.random() < 0.6 + 0.3 * quick):
        life.grievances.append(Grievance(at, min(outcome.solved, fades), cause, True))
        return Blow(outcome.solved, 0.02, reason)
    life.grievances.append(Grievance(at, max(fades, outcome.solved), cause, True))
    return Blow(outcome.solved, 0.3 * person.sensitivity, "unresolved_complaint")


def ask(life: Life, person: Person, at: int, sale: Sale | None, almanac: Almanac) -> Blow | None:
    """A question to the desk; being left without an answer is a grievance of its own."""
    rng = person.rng
    said = wording.question(rng, _product(sale), english=person.english)
    ticket = _open(life, person, at, said, sale)
    if rng.random() < 0.6:
        ticket.tags = ("question",)
    outcome = _handle(ticket, person, almanac, complaint=False)
    waited = at + 3 * DAY
    answered = outcome.first_reply
    if (answered is None or answered > waited) and rng.random() < 0.6:
        fades = waited + int(rng.gammavariate(2.0, 15.0) * DAY)
        closed = fades if answered is None else min(answered, fades)
        life.grievances.append(Grievance(waited, closed, "support", False))
        return Blow(waited, 0.25 * person.sensitivity, "unresolved_complaint")
    return None


def remark(life: Life, person: Person, at: int, sale: Sale, almanac: Almanac) -> None:
    """Praise, a suggestion, or some other business, by ticket."""
    rng = person.rng
    roll = rng.random()
    if roll < 0.5:
        said = wording.praise(rng, _product(sale), english=person.english)
    elif roll < 0.75:
        said = wording.suggestion(rng, _product(sale), english=person.english)
    else:
        said = wording.other(rng, english=person.english)
    ticket = _open(life, person, at, said, sale)
    if rng.random() < 0.6 and said.truth.kind != "other":
        ticket.tags = (said.truth.kind,)
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


def compare(life: Life, person: Person, at: int, almanac: Almanac) -> None:
    """A ticket that holds the shop against a competitor."""
    rng = person.rng
    said = wording.complaint(rng, "price", _product(None), english=False)
    ticket = _open(life, person, at, said, None)
    _handle(ticket, person, almanac, complaint=True)


def _product(sale: Sale | None) -> str:
    return sale.lines[0].product.name if sale else "قهوه اسپرسو"


def _open(life: Life, person: Person, at: int, said: wording.Said, sale: Sale | None) -> Ticket:
    rng = person.rng
    kind = said.truth.kind
    by_phone = person.email is None or rng.random() < 0.35
    channel = rng.choice(("chat", "api", "web")) if by_phone else rng.choice(("email", "web"))
    subject, body = said.subject, said.body
    if sale is None:
        subject, body = subject.replace("{order}", "من"), body.replace("{order}", "من")
    priorities = ("normal", "high", "urgent") if kind == "complaint" else ("low", "normal")
    named = kind == "complaint" and rng.random() < 0.7
    ticket = Ticket(
        person=person.index,
        by_phone=by_phone,
        channel=channel,
        priority=rng.choice(priorities),
        subject=subject,
        body=body,
        tags=(),
        sale=sale if named or "{order}" in subject + body else None,
        created=at,
        text=said.truth,
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
    said = wording.post(rng, mood, cause, _product(sale), english=english)
    text = said.body
    assert person.handle is not None
    post = Post(
        person=person.index,
        handle=person.handle,
        at=at,
        text=text,
        english=english,
        likes=rng.randrange(12),
        boosts=rng.randrange(4),
        truth=said.truth,
    )
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
        likes = rng.randrange(3)
        life.posts.append(Post(None, BRAND_HANDLE, at, text, False, likes, 0, BRAND_TEXT, post))
