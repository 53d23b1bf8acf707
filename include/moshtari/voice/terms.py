"""Terms found in a text: a tree of their words, and words taken back to the form a term has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

# Persian endings, the longest first: plural, comparison, possession, the short forms of "to be".
_ENDINGS = (
    "هایشان", "هایتان", "هایمان", "هاشون", "هاتون", "هامون", "ترینه", "هایش", "هایم", "هایت",
    "هایی", "ترین", "یشون", "های", "هاش", "هام", "هات", "تره", "تری", "شون", "تون", "مون", "شان",
    "تان", "مان", "یند", "یشه", "ها", "تر", "یه", "یم", "ید", "ین", "ند", "اند", "ام", "ات", "اش",
    "ای", "ایم", "ست", "ش", "ت", "م", "ه", "ی",
)  # fmt: skip
# Endings of one letter that many a stem has of its own.
_WEAK_ENDINGS = ("ن", "و", "ا", "س", "د")
_SHORTEST = 3
_SHORTEST_WEAK = 4
_MOST_KNOWN = 400_000


class Words:
    """The words that any term has, and what a typed word is a form of."""

    def __init__(self, vocabulary: Iterable[str]) -> None:
        self._vocabulary = frozenset(vocabulary)
        self._known: dict[str, str] = {}

    def stem(self, word: str) -> str:
        """The word of a term that ``word`` is a form of; ``word`` itself where it is of none."""
        found = self._known.get(word)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            found = self._known[word] = self._stem(word)
        return found

    def _stem(self, word: str) -> str:
        for candidate in _candidates(word):
            if candidate in self._vocabulary:
                return candidate
        return word


def _candidates(word: str) -> Iterable[str]:
    single = _without_doubles(word)
    if single != word:
        yield single
    if word < "\u0600":
        if word.endswith("s") and len(word) > _SHORTEST_WEAK:
            yield word[:-1]
        return
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST:
            yield word[: -len(ending)]
    for ending in _WEAK_ENDINGS:
        if word.endswith(ending) and len(word) > _SHORTEST_WEAK:
            yield word[:-1]


def _without_doubles(word: str) -> str:
    return "".join(a for a, b in zip(word, f" {word}", strict=False) if a != b)


Found = tuple[int, int, T]
_Node = dict[str, Any]


class Search:
    """Finds the terms of several lists in one pass over a text: of each list the longest first,
    none overlapping another of its list."""

    def __init__(self, lists: Sequence[Iterable[tuple[str, Any]]]) -> None:
        """``lists``: of each the terms as normalised text and value.

        A term of two words may also be written as one, where that is no term of its own.
        """
        self._lists = len(lists)
        self._tree: _Node = {}
        for number, terms in enumerate(lists):
            known = {tuple(text.split(" ")): value for text, value in terms}
            solid = {("".join(words),): known[words] for words in known if len(words) == 2}
            for words, value in (solid | known).items():
                node = self._tree
                for word in words:
                    node = node.setdefault(word, {})
                node.setdefault("", []).append((number, value))

    def find(self, tokens: list[str], stems: list[str]) -> list[list[Found[Any]]]:
        """For each list start, end (exclusive) and value of its terms, in order."""
        tree = self._tree
        found: list[list[Found[Any]]] = [[] for _ in range(self._lists)]
        free_from = [0] * self._lists
        best: dict[int, tuple[int, Any]] = {}
        for place, token in enumerate(tokens):
            if token not in tree and stems[place] not in tree:
                continue
            best.clear()
            _walk(tree, tokens, stems, place, best)
            for number, (end, value) in best.items():
                if place >= free_from[number]:
                    found[number].append((place, end, value))
                    free_from[number] = end
        return found


def _walk(
    node: _Node, tokens: list[str], stems: list[str], place: int, best: dict[int, tuple[int, Any]]
) -> None:
    """Note for each list the end and value of its longest term along the tokens from ``place``.

    As typed goes before the stem, where both are as long.
    """
    token, stem = tokens[place], stems[place]
    place += 1
    for word in (token,) if token == stem else (token, stem):
        below = node.get(word)
        if below is None:
            continue
        ends = below.get("")
        if ends:
            for number, value in ends:
                known = best.get(number)
                if known is None or place > known[0]:
                    best[number] = (place, value)
            if len(below) == 1:
                continue
        if place < len(tokens):
            _walk(below, tokens, stems, place, best)
