"""What one text says: language, kind, topic, sentiment and the competitor it names."""

from __future__ import annotations

from typing import NamedTuple

from moshtari.voice.lexicon import NEUTRAL_BAND, Feeling, feel, split
from moshtari.voice.model import SentimentModel
from moshtari.voice.rules import KINDS, TOPICS, Rules
from moshtari.voice.terms import Found

# From this score on the words alone make a complaint or a praise.
_PLAINLY = 0.35
_NOTHING: frozenset[int] = frozenset()


class Classes(NamedTuple):
    """One row of voice.classes, without hash and version."""

    language: str | None
    kind: str
    topic: str
    sentiment: str
    sentiment_score: float
    competitor: str | None
    classified_by: str


class Classifier:
    """Classes texts by a deployment's rules, and by its sentiment model where one is in force."""

    def __init__(self, rules: Rules, model: SentimentModel | None = None) -> None:
        self._rules = rules
        self._model = model

    def classify(self, subject: str, body: str = "", comment: str = "") -> Classes:
        """The classes of a text. A comment made afterwards can only name a competitor.

        The comment with a ticket's rating speaks of the solution; what was wrong stands above it.
        """
        tokens, stems = split(self._rules, f"{subject}\n{body}" if body else subject)
        found = self._rules.everything.find(tokens, stems)
        feeling = feel(tokens, found[0])
        cues = _cues(tokens, found[1 : len(KINDS)], feeling)
        score, band, by = feeling.score, NEUTRAL_BAND, "lexicon"
        if self._model is not None and not _is_plain_question(cues, feeling):
            score, band, by = self._model.score(tokens, score), self._model.neutral_band, "model"
        names = found[-1]
        if not names and comment:
            names = self._rules.everything.find(*split(self._rules, comment))[-1]
        return Classes(
            _language(tokens),
            _kind(cues, score, tokens),
            _topic(found[len(KINDS) : -1]),
            "neutral" if abs(score) <= band else "positive" if score > 0 else "negative",
            round(score, 4),
            names[0][2] if names else None,
            by,
        )


def _cues(tokens: list[str], found: list[list[Found[float]]], feeling: Feeling) -> dict[str, float]:
    """Strength of each kind. A cue that is negated, supposed or mere politeness is none."""
    cues = {}
    for kind, terms in zip(KINDS, found, strict=False):
        without = _NOTHING
        if kind == "complaint":
            without = feeling.good | feeling.idle
        elif kind == "praise":
            without = feeling.bad | feeling.idle
        cues[kind] = 0.0
        for start, end, weight in terms:
            if not without or without.isdisjoint(range(start, end)):
                cues[kind] += weight
    if "?" in tokens:
        cues["question"] += 2
    return cues


def _topic(found: list[list[Found[float]]]) -> str:
    """The topic with the most cues; of equals the one that comes first in TOPICS."""
    best, strength = TOPICS[-1], 0.0
    for topic, terms in zip(TOPICS, found, strict=False):
        weight = sum(term[2] for term in terms)
        if weight > strength:
            best, strength = topic, weight
    return best


def _is_plain_question(cues: dict[str, float], feeling: Feeling) -> bool:
    """Whether it only asks: a model that learned from reviews has never seen such a text."""
    return cues["question"] >= 2 and abs(feeling.score) < NEUTRAL_BAND and cues["complaint"] < 2


def _kind(cues: dict[str, float], score: float, tokens: list[str]) -> str:
    """The kind by the strongest cues, in the order in which the desk must care."""
    complaint, question = cues["complaint"], cues["question"]
    if cues["suggestion"] >= 2 and score > -_PLAINLY and complaint < 3:
        return "suggestion"
    if complaint >= 2 and score < _PLAINLY:
        return "complaint"
    if score <= -_PLAINLY and (complaint >= 1 or question < 2):
        return "complaint"
    if question >= 2 and (score < _PLAINLY or tokens[-1] == "?"):
        return "question"
    if score >= _PLAINLY or (cues["praise"] >= 1 and score >= NEUTRAL_BAND):
        return "praise"
    if score <= -NEUTRAL_BAND:
        return "complaint"
    return "question" if question >= 2 else "other"


def _language(tokens: list[str]) -> str | None:
    """By the letters of its words; Persian where they are even, as names of brands are Latin."""
    persian = latin = other = 0
    for token in tokens:
        first = token[0]
        if "\u0600" <= first <= "\u06ff":
            persian += 1
        elif "a" <= first <= "z":
            latin += 1
        elif first.isalpha():
            other += 1
    if persian and persian >= latin:
        return "fa"
    if latin and latin >= other:
        return "en"
    return "other" if other else None
