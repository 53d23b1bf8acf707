"""One form for each word that people type: what the lexicon and the model read.

Persian and English alike: letters, digits and joiners unified, stretched words shortened, marks
and emoji set apart as tokens of their own, addresses and handles dropped. The received text itself
is never changed. Normalising what is normal already changes nothing.
"""

from __future__ import annotations

import re
import unicodedata

# What anyone says is said by then, and the cost of a text has a bound.
MAX_CHARACTERS = 5_000
# A character becomes at most a token between two blanks, or a ligature's few letters.
MAX_GROWTH = 4

_ZWNJ = "\u200c"
_LETTERS = str.maketrans(
    "يىئكةۀەأإآٱؤھہ٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹",
    "یییکهههاااا" + "وهه" + "01234567890123456789",
)
_SENTENCE_ENDS = ".…;؛\n\r\u2028\u2029"
_PAUSES = ",،:"
# Apostrophes vanish, so that don't and dont are one word; so do a letter's stretch and its signs.
_DROPPED = (
    "'’‘`´ʼـء\u00ad\u200b\u200d\u200e\u200f\ufeff"
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)

_ADDRESSES = re.compile(r"(?:[a-z][a-z0-9+.-]{1,9}://|www\.)\S+|\S+@\S+\.\S+|@[\w.]*")
_SMILES = re.compile(r"[:=;]['-]?(?:(\)+)|\(+)")
_STRETCHED = re.compile(r"([^\W\d_])\1\1+")
_VERB_PREFIX = re.compile(r"(?<!\S)(ن?می)[\u200c ]+(?=[ا-ی])")
_SUFFIX = re.compile(
    r"(?<=[ا-ی])[\u200c ]+(?=(?:ها|های|هایی|هام|هات|هاش|هایم|هایش|هامون|هاتون|هاشون|هایمان|هایتان"
    r"|هایشان|ترین|تر|تری)(?!\S))"
)
_JOINED_SUFFIX = re.compile(
    r"(?<=[ا-ی])\u200c+(?=(?:ام|ات|اش|ای|ایم|اید|اند|ست|م|ت|ش|ی|مان|تان|شان|مون|تون|شون)(?!\S))"
)


class _Characters(dict[int, str]):
    """What each character becomes; worked out once, when it is first met."""

    def __missing__(self, code: int) -> str:
        found = self[code] = _plain(chr(code))
        return found


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] == "L" or category == "Nd":
        # Presentation forms, full width and mathematical letters are the letters they show.
        shown = unicodedata.normalize("NFKC", character).lower().translate(_LETTERS)
        kept = "".join(part for part in shown if part.isalnum())
        return kept if len(kept) <= MAX_GROWTH else " "
    if category[0] == "M" or category == "Sk":
        return ""
    if category == "So" or character in "‼⁉":
        return f" {character} "
    return " "


_CHARACTERS = _Characters()
for _from, _to in _LETTERS.items():
    _CHARACTERS[_from] = chr(_to)
_CHARACTERS.update({ord(c): " . " for c in _SENTENCE_ENDS})
_CHARACTERS.update({ord(c): " , " for c in _PAUSES})
_CHARACTERS.update({ord(c): " ? " for c in "?؟"})
_CHARACTERS.update({ord(c): " ! " for c in "!"})
_CHARACTERS.update({ord(c): "" for c in _DROPPED})
_CHARACTERS[ord(_ZWNJ)] = _ZWNJ


def normalise(text: str) -> str:
    """``text`` as words, marks and emoji between single blanks; empty when nothing is left."""
    text = text[:MAX_CHARACTERS].lower()
    if "@" in text or "://" in text or "www." in text:
        text = _ADDRESSES.sub(" ", text)
    if "(" in text or ")" in text:
        text = _SMILES.sub(lambda found: " ☺ " if found[1] else " ☹ ", text)
    text = text.translate(_CHARACTERS)
    text = _STRETCHED.sub(_shorter, text)
    if "می" in text:
        text = _VERB_PREFIX.sub(r"\1", text)
    text = _SUFFIX.sub("", text)
    if _ZWNJ in text:
        text = _JOINED_SUFFIX.sub("", text).replace(_ZWNJ, " ")
    return _single(text.split())


def _shorter(found: re.Match[str]) -> str:
    """No Persian word has a letter thrice; an English one may have it twice, as in "good"."""
    letter = found[1]
    return letter if letter >= "\u0600" else letter * 2


def _single(tokens: list[str]) -> str:
    """Repeated marks and emoji count once; the list is short of them mostly."""
    kept: list[str] = []
    before = ""
    for token in tokens:
        if token != before or token.isalnum():
            kept.append(token)
            before = token
    return " ".join(kept)
