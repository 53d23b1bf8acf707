"""How people word what they mean: parts put together, colloquial forms, slips, missing joiners.

Each text comes with what it truly is, so that whoever classifies it can be scored. The words do
not always show it: some complain without a bad word, some mock, some praise by denying.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

from moshtari.demo import opinions, phrases
from moshtari.demo.almanac import pick
from moshtari.demo.events import TextTruth

_CAUSE_TOPICS = {"late": "delivery", "lost": "delivery", "refund": "return", "switch": "other"}
_ASPECTS = ("quality", "quality", "quality", "delivery", "delivery", "price", "support")
_JOINER = "\u200c"
_COLLOQUIAL = {
    "می‌خواهم": "میخوام",
    "می‌کنم": "میکنم",
    "نمی‌دهد": "نمیده",
    "نمی‌خورد": "نمیخوره",
    "می‌رسد": "میرسه",
    "می‌رسد؟": "میرسه؟",
    "می‌شود": "میشه",
    "می‌شود؟": "میشه؟",
    "را": "رو",
    "دیگر": "دیگه",
    "اگر": "اگه",
    "بدهید.": "بدین.",
    "کنید.": "کنین.",
}
_EMOJIS = {
    "negative": (" 😡", " 😕", " 😞", "!!!", "؟؟"),
    "neutral": (" 🙏", "..", ""),
    "positive": (" 🌸", " 👍", " 🙏", "!"),
}


class Said(NamedTuple):
    """A message with its subject (posts have none), and what it is."""

    subject: str
    body: str
    truth: TextTruth


def complaint(rng: Random, cause: str, product: str, *, english: bool) -> Said:
    """Something went wrong: late, lost, quality, refund, support or price."""
    topic = _CAUSE_TOPICS.get(cause, cause)
    competitor = None
    sentiment = "negative"
    manner = rng.random()
    if english and cause in phrases.ENGLISH:
        body = pick(rng, phrases.ENGLISH[cause])
    elif manner < 0.05 and cause in phrases.SARCASM:
        body = pick(rng, phrases.SARCASM[cause])
    elif manner < 0.13 and cause in phrases.MILD:
        body = pick(rng, phrases.MILD[cause])
        sentiment = "neutral" if rng.random() < 0.5 else "negative"
    else:
        fact = pick(rng, phrases.FACTS[cause])
        rest = [pick(rng, phrases.FEELINGS_BAD), pick(rng, phrases.DEMANDS)]
        if rng.random() < 0.07 or "{c}" in fact:
            competitor = pick(rng, phrases.COMPETITORS)
            rest.append(pick(rng, phrases.THREATS) if "{c}" not in fact else "")
        if rng.random() < 0.3:
            rest.reverse()
        body = _joined([pick(rng, phrases.OPENINGS), fact, *rest])
    subject = "Order" if english else pick(rng, phrases.SUBJECTS.get(cause, ("شکایت",)))
    truth = TextTruth("complaint", sentiment, topic, competitor)
    return _filled(rng, subject, body, product, truth)


def question(rng: Random, product: str, *, english: bool) -> Said:
    """Something somebody wants to know."""
    if english:
        body = pick(rng, phrases.ENGLISH["question"])
        topic = "delivery" if "deliver" in body or "ship" in body else "product"
        return _filled(
            rng, "Question", body, product, TextTruth("question", "neutral", topic, None)
        )
    topic, bodies = pick(rng, tuple(phrases.QUESTIONS.items()))
    body = _joined([pick(rng, phrases.OPENINGS), pick(rng, bodies)])
    if rng.random() < 0.3:
        body += pick(rng, (" ممنون.", " ممنون می‌شوم راهنمایی کنید.", " لطفا راهنمایی کنید"))
    truth = TextTruth("question", "neutral", topic, None)
    return _filled(rng, pick(rng, phrases.SUBJECTS["question"]), body, product, truth)


def suggestion(rng: Random, product: str, *, english: bool) -> Said:
    """Something the shop could do better, said without a grudge."""
    topic, bodies = pick(rng, tuple(phrases.SUGGESTIONS.items()))
    if english:
        topic, bodies = "other", phrases.ENGLISH["suggestion"]
    body = _joined([pick(rng, phrases.OPENINGS) if not english else "", pick(rng, bodies)])
    truth = TextTruth("suggestion", "neutral", topic, None)
    return _filled(rng, pick(rng, phrases.SUBJECTS["suggestion"]), body, product, truth)


def praise(rng: Random, product: str, *, english: bool) -> Said:
    """Thanks."""
    topic, bodies = pick(rng, tuple(phrases.PRAISES.items()))
    if english:
        topic, bodies = "quality", phrases.ENGLISH["praise"]
        body = pick(rng, bodies)
    else:
        body = _joined([pick(rng, phrases.OPENINGS), pick(rng, bodies), pick(rng, phrases.THANKS)])
    truth = TextTruth("praise", "positive", topic, None)
    return _filled(rng, pick(rng, phrases.SUBJECTS["praise"]), body, product, truth)


def other(rng: Random, *, english: bool) -> Said:
    """What is none of these."""
    body = pick(rng, phrases.ENGLISH["other"] if english else phrases.OTHERS)
    subject = pick(rng, phrases.SUBJECTS["other"])
    return _filled(rng, subject, body, "", TextTruth("other", "neutral", "other", None))


def post(rng: Random, mood: str, cause: str, product: str, *, english: bool) -> Said:
    """A public post with the hashtag left to fill in; `mood` negative, positive, question, news."""
    if mood == "negative":
        body = f"{pick(rng, phrases.POSTS_NEGATIVE[cause])} {pick(rng, phrases.POST_TAILS_BAD)}"
        truth = TextTruth("complaint", "negative", _CAUSE_TOPICS.get(cause, cause), None)
    elif mood == "positive" and english:
        body = pick(rng, phrases.POSTS_POSITIVE_EN)
        truth = TextTruth("praise", "positive", "quality" if "{p}" in body else "delivery", None)
    elif mood == "positive":
        shares = ("delivery", "quality", "quality", "other", "support")
        topic = "switch" if rng.random() < 0.04 else pick(rng, shares)
        body = f"{pick(rng, phrases.POSTS_POSITIVE[topic])} {pick(rng, phrases.POST_TAILS_GOOD)}"
        truth = TextTruth("praise", "positive", _CAUSE_TOPICS.get(topic, topic), None)
    elif mood == "question":
        topic, bodies = pick(rng, tuple(phrases.POSTS_QUESTION.items()))
        body, truth = pick(rng, bodies), TextTruth("question", "neutral", topic, None)
    else:
        body = pick(rng, phrases.POSTS_NEUTRAL)
        truth = TextTruth("other", "neutral", "other", None)
    if "{c}" in body:
        truth = truth._replace(competitor=pick(rng, phrases.COMPETITORS))
    return _filled(rng, "", body.strip(), product, truth)


def opinion(rng: Random, share: float, product: str, *, english: bool = False) -> Said:
    """A few words beside stars or a score of `share` (0 worst, 1 best)."""
    if 0.45 <= share < 0.7:
        mixed = rng.random()
        if mixed < 0.5:
            body = pick(rng, opinions.MIDDLING)
        else:
            good = pick(rng, opinions.GOOD[pick(rng, _ASPECTS)])
            body = f"{good} ولی {pick(rng, opinions.BAD[pick(rng, _ASPECTS)])}"
        return _filled(rng, "", body, product, TextTruth("other", "neutral", "product", None))
    is_good = share >= 0.7
    kind, sentiment = ("praise", "positive") if is_good else ("complaint", "negative")
    if english:
        body = pick(rng, opinions.ENGLISH_GOOD if is_good else opinions.ENGLISH_BAD)
        return _filled(rng, "", body, product, TextTruth(kind, sentiment, "quality", None))
    if not is_good and rng.random() < 0.04:
        body = pick(rng, opinions.SARCASTIC)
        return _filled(rng, "", body, product, TextTruth(kind, sentiment, "quality", None))
    bank = opinions.GOOD if is_good else opinions.BAD
    aspects = [pick(rng, _ASPECTS) for _ in range(pick(rng, (1, 1, 2, 2, 3)))]
    parts = dict.fromkeys(pick(rng, bank[aspect]) for aspect in aspects)
    # One good word in a bad opinion, one bad word in a good one.
    if rng.random() < 0.12:
        against = pick(rng, (opinions.BAD if is_good else opinions.GOOD)[pick(rng, _ASPECTS)])
        parts = dict.fromkeys((f"{against} ولی {next(iter(parts))}", *list(parts)[1:]))
    tail = pick(rng, opinions.TAILS_GOOD if is_good else opinions.TAILS_BAD)
    body = pick(rng, ("، ", ". ", " ", " و ")).join(part for part in (*parts, tail) if part)
    return _filled(rng, "", body, product, TextTruth(kind, sentiment, aspects[0], None))


def switched(rng: Random, competitor: str) -> Said:
    """An answer that holds another shop against this one."""
    body = pick(rng, phrases.SURVEY_SWITCH)
    return _filled(rng, "", body, "", TextTruth("complaint", "negative", "price", competitor))


def bargain_words(rng: Random) -> str:
    """Words typed into the shop's search by somebody after a lower price."""
    return pick(rng, ("کد تخفیف", "تخفیف", "کدتخفیف امروز", "حراج", "ارزان ترین", "coupon", "آف"))


def roughen(rng: Random, text: str, sentiment: str) -> str:
    """The text as somebody in a hurry types it; most write it well."""
    if rng.random() < 0.45:
        return text
    if rng.random() < 0.45:
        text = " ".join(_COLLOQUIAL.get(word, word) for word in text.split(" "))
    if rng.random() < 0.4:
        text = text.replace(_JOINER, " " if rng.random() < 0.6 else "")
    if rng.random() < 0.25:
        text = _slip(rng, text)
    if rng.random() < 0.2:
        text = text.replace("،", "").replace(".", "").replace("؛", "")
    if rng.random() < 0.12:
        text += pick(rng, _EMOJIS[sentiment])
    return text


def _slip(rng: Random, text: str) -> str:
    """One letter left out, doubled or exchanged in a longer word."""
    words = text.split(" ")
    long = [n for n, word in enumerate(words) if len(word) > 4 and word.isalpha()]
    if not long:
        return text
    number = pick(rng, long)
    word = words[number]
    at = 1 + int(rng.random() * (len(word) - 3))
    slip = rng.random()
    if slip < 0.35:
        word = word[:at] + word[at + 1 :]
    elif slip < 0.7:
        word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    else:
        word += word[-1] * 2
    words[number] = word
    return " ".join(words)


def _filled(rng: Random, subject: str, body: str, product: str, truth: TextTruth) -> Said:
    """Product and competitor filled in; order and hashtag are filled where they are known."""
    body = roughen(rng, body, truth.sentiment)
    competitor = _named(truth, body)
    if rng.random() < 0.2:
        competitor = competitor.replace(_JOINER, " ")
    values: Mapping[str, str] = {"{p}": product or "سفارش", "{c}": competitor}
    for hole, value in values.items():
        subject, body = subject.replace(hole, value), body.replace(hole, value)
    return Said(subject, body, truth)


def _named(truth: TextTruth, body: str) -> str:
    if truth.competitor is None:
        return ""
    return phrases.COMPETITORS_EN[truth.competitor] if body.isascii() else truth.competitor


def _joined(parts: Sequence[str]) -> str:
    return " ".join(part for part in parts if part)
