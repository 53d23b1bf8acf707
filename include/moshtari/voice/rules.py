"""The rules as data: words, cues and competitors, read from the seeds and the deployment.

The classifier runs before dbt loads the seeds into the warehouse, so it reads the same files. Their
content is part of the version of every class: a changed word classifies the texts anew.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from moshtari.settings import ConfigError, Deployment, Settings
from moshtari.voice.normal import normalise
from moshtari.voice.terms import Search, Words

# Raised by hand when the same seeds give another class for a text.
CODE_VERSION = 1

SEEDS = ("voice_words", "voice_cues", "competitors")
ROLES = ("polar", "neutral", "not_after", "not_before", "more", "less", "but", "although", "if")
KINDS = ("question", "complaint", "suggestion", "praise", "other")
# What is wrong goes before how it shall be put right, where a text speaks as much of both.
TOPICS = (
    "payment", "delivery", "quality", "site", "price", "return", "support", "product", "other",
)  # fmt: skip


class RulesError(RuntimeError):
    """A seed of the rules cannot be used; names the file, the line and the remedy."""


@dataclass(frozen=True)
class Role:
    """What a word does to the sentiment: its own polarity, or how it bends its neighbours'."""

    name: str
    weight: float


@dataclass(frozen=True)
class Rules:
    """Everything that classes a text by rule, and the version of it.

    ``everything`` finds sentiment words, then each of KINDS and TOPICS but the last, then names.
    """

    words: Words
    sentiment: Search
    everything: Search
    version: str


def load_rules(settings: Settings, deployment: Deployment) -> Rules:
    """The rules of a deployment. Raises RulesError or ConfigError."""
    folder = settings.project_root / "dbt_project" / "seeds"
    competitors = str(deployment.vars.get("competitors", ""))
    own_brands = str(deployment.vars.get("own_brands", ""))
    digest = hashlib.sha256(f"{CODE_VERSION}\x1f{competitors}\x1f{own_brands}".encode())
    for name in SEEDS:
        digest.update((folder / f"{name}.csv").read_bytes())
    version = f"rules-{digest.hexdigest()[:12]}"
    return _load(version, folder, competitors, own_brands, str(deployment.file))


@lru_cache(maxsize=4)
def _load(version: str, folder: Path, competitors: str, own_brands: str, file: str) -> Rules:
    polar = list(_words(folder))
    cues = list(_cues(folder))
    names = _named(folder, competitors, own_brands, file)
    vocabulary = {word for term, _ in polar for word in term.split(" ")}
    vocabulary |= {word for _, _, term, _ in cues for word in term.split(" ")}
    lists: list[list[tuple[str, Any]]] = [
        polar,
        *(_axis(cues, "kind", kind) for kind in KINDS[:-1]),
        *(_axis(cues, "topic", topic) for topic in TOPICS[:-1]),
        names,
    ]
    return Rules(Words(vocabulary), Search([polar]), Search(lists), version)


def _axis(
    cues: list[tuple[str, str, str, float]], axis: str, value: str
) -> list[tuple[str, float]]:
    return [(term, weight) for a, v, term, weight in cues if (a, v) == (axis, value)]


def _words(folder: Path) -> Iterator[tuple[str, Role]]:
    for where, row in _rows(folder / "voice_words.csv"):
        if row["role"] not in ROLES:
            raise RulesError(f"{where}: role {row['role']!r}; use one of {', '.join(ROLES)}")
        yield _term(where, row["term"]), Role(row["role"], _weight(where, row["weight"]))


def _cues(folder: Path) -> Iterator[tuple[str, str, str, float]]:
    known = {"kind": KINDS[:-1], "topic": TOPICS[:-1]}
    for where, row in _rows(folder / "voice_cues.csv"):
        if row["value"] not in known.get(row["axis"], ()):
            raise RulesError(f"{where}: there is no {row['axis']} {row['value']!r}")
        yield row["axis"], row["value"], _term(where, row["term"]), _weight(where, row["weight"])


def _named(folder: Path, extra: str, own: str, file: str) -> list[tuple[str, str]]:
    """Aliases of competitors; none that the deployment says are names of its own."""
    named: dict[str, str] = {}
    for where, row in _rows(folder / "competitors.csv"):
        named[_term(where, row["alias"])] = row["competitor"].strip()
    for entry in filter(None, (part.strip() for part in extra.split(";"))):
        name, _, aliases = entry.partition("=")
        for alias in [name, *aliases.split(",")] if aliases else [name]:
            term = normalise(alias)
            if not term:
                raise ConfigError(
                    file,
                    "vars.competitors",
                    f"{entry!r} has an empty name",
                    'Write them as "name = alias, alias; name"',
                )
            named[term] = name.strip()
    ours = {normalise(name) for name in own.split(",")}
    mine = {named[term] for term in ours if term in named}
    return [(term, name) for term, name in named.items() if term not in ours and name not in mine]


def _rows(file: Path) -> Iterator[tuple[str, dict[str, str]]]:
    with file.open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines), start=2):
            if None in row or None in row.values():
                raise RulesError(f"{file.name} line {number}: give every column once")
            yield f"{file.name} line {number}", row


def _term(where: str, text: str) -> str:
    term = normalise(text)
    if not term:
        raise RulesError(f"{where}: nothing is left of the term; write a word or an emoji")
    return term


def _weight(where: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RulesError(f"{where}: weight {text!r} is no number") from None
