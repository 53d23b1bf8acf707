"""Sentiment by rule: words with a polarity, bent by negation, degree, contrast and condition.

Persian negates behind the word (خوب نبود), English before it (not good); what follows "but" counts
for more than what precedes it; what is asked or supposed is not said.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

from moshtari.voice.normal import normalise
from moshtari.voice.rules import Role, Rules

# How far a negation or a degree reaches, in words; a condition reaches to the end of its clause.
_REACH = 3
_DEGREE_REACH = 2
_CONDITION_REACH = 8

# A negated good is nearly bad; a negated bad is less than good.
_NEGATED_GOOD = -0.8
_NEGATED_BAD = -0.6
_BEFORE_BUT = 0.5
_AFTER_BUT = 1.3
_CONCEDED = 0.5
_SUPPOSED = 0.2
_ASKED_GOOD = 0.2
_ASKED_BAD = 0.7
# One plain word (2) makes 0.63, a weak one (1) 0.38, none 0.
_FLATTENING = 6.0

NEUTRAL_BAND = 0.2
_STOPS = frozenset(".?!")
_PARTING = frozenset(".?!,")
_ASKS = frozenset("?")


class Feeling(NamedTuple):
    """The score, and which tokens spoke well, badly, or only out of habit or condition."""

    score: float
    good: frozenset[int]
    bad: frozenset[int]
    idle: frozenset[int]


_NOTHING: frozenset[int] = frozenset()
_CALM = Feeling(0.0, _NOTHING, _NOTHING, _NOTHING)


def split(rules: Rules, text: str) -> tuple[list[str], list[str]]:
    """A text's tokens, and the stem of each."""
    tokens = normalise(text).split()
    return tokens, list(map(rules.words.stem, tokens))


def read(rules: Rules, text: str) -> tuple[list[str], Feeling]:
    """A text's tokens, and its sentiment."""
    tokens, stems = split(rules, text)
    return tokens, feel(tokens, rules.sentiment.find(tokens, stems)[0])


def feel(tokens: list[str], found: list[tuple[int, int, Role]]) -> Feeling:
    """The sentiment of a text's tokens, given the sentiment terms found in them."""
    if not found:
        return _CALM
    total = 0.0
    good: set[int] = set()
    bad: set[int] = set()
    idle: set[int] = set()
    buts = [start for start, _, role in found if role.name == "but"]
    for place, (start, end, role) in enumerate(found):
        if role.name == "neutral":
            idle.update(range(start, end))
        if role.name != "polar":
            continue
        weight, by = _negated(tokens, found, place)
        weight *= _degree(found, place)
        weight *= _contrast(buts, start)
        weight *= _standing(tokens, found, place, weight, idle)
        total += weight
        (good if weight > 0 else bad).update(range(start, end), by)
    return Feeling(total / sqrt(total * total + _FLATTENING), *map(frozenset, (good, bad, idle)))


def _negated(
    tokens: list[str], found: list[tuple[int, int, Role]], place: int
) -> tuple[float, tuple[int, ...]]:
    """The weight after negation, and the token that negated it."""
    start, end, role = found[place]
    by = _negation_behind(tokens, found, place, end)
    if by is None:
        by = _negation_before(tokens, found, place, start)
    if by is None:
        return role.weight, ()
    return role.weight * (_NEGATED_GOOD if role.weight > 0 else _NEGATED_BAD), (by,)


def _negation_behind(
    tokens: list[str], found: list[tuple[int, int, Role]], place: int, end: int
) -> int | None:
    for start, _, role in found[place + 1 :]:
        if start - end > _REACH or _parted(tokens, end, start):
            return None
        if role.name == "not_after":
            return start
        # Two words share a negation where "and" joins them.
        if role.name == "but" or (role.name == "polar" and tokens[start - 1] != "و"):
            return None
    return None


def _negation_before(
    tokens: list[str], found: list[tuple[int, int, Role]], place: int, start: int
) -> int | None:
    for before in range(place - 1, -1, -1):
        first, last, role = found[before]
        if start - last > _REACH or _parted(tokens, last, start):
            return None
        if role.name == "not_before":
            return first
        if role.name in ("polar", "but"):
            return None
    return None


def _parted(tokens: list[str], start: int, end: int) -> bool:
    return any(token in _PARTING for token in tokens[start:end])


def _degree(found: list[tuple[int, int, Role]], place: int) -> float:
    start = found[place][0]
    for before in range(place - 1, max(place - 3, -1), -1):
        _, last, role = found[before]
        if start - last > _DEGREE_REACH:
            break
        if role.name in ("more", "less"):
            return role.weight
    return 1.0


def _contrast(buts: list[int], start: int) -> float:
    if not buts:
        return 1.0
    return _BEFORE_BUT if start < buts[-1] else _AFTER_BUT


def _standing(
    tokens: list[str],
    found: list[tuple[int, int, Role]],
    place: int,
    weight: float,
    idle: set[int],
) -> float:
    """How far it is said at all: not what is asked, conceded or supposed."""
    start, end, _ = found[place]
    factor = 1.0
    is_first = True
    for before in range(place - 1, -1, -1):
        first, last, role = found[before]
        if start - first > _CONDITION_REACH or _parted(tokens, last, start):
            break
        if role.name == "polar":
            is_first = False
        elif role.name == "although" and is_first:
            # Only what it stands before is conceded: many leave out the comma that ends it.
            factor = _CONCEDED
        elif role.name == "if":
            idle.update(range(start, end))
            return _SUPPOSED
    for token in tokens[end:]:
        if token in _STOPS:
            if token in _ASKS:
                factor *= _ASKED_GOOD if weight > 0 else _ASKED_BAD
            break
    return factor
