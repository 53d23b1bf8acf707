"""How well texts were read, and reasons for leaving found, against the latent truth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import psycopg

from moshtari.demo.matching import Match

_CLASSES = "intermediate.int_texts_classified"
_LAPSES = "intermediate.int_customer_lapses_explained"


@dataclass(frozen=True)
class TextScore:
    """Texts of one entity that were classed, and of how many each class is right."""

    entity: str
    texts: int
    kind_right: int
    sentiment_right: int
    topic_right: int
    competitors: int
    competitors_found: int
    competitors_claimed: int


@dataclass(frozen=True)
class ReasonScore:
    """Customers in separation, in truth and in the warehouse, by their true reason."""

    reason: str
    people: int
    right: int


def score_texts(warehouse: psycopg.Connection, world: psycopg.Connection) -> list[TextScore]:
    """By entity; none where the warehouse has classed no texts."""
    if not _exists(warehouse, _CLASSES):
        return []
    true = {
        (entity, f"{source}/{record}"): truth
        for source, entity, record, *truth in world.execute(
            "select source, entity, record_id, kind, sentiment, topic, competitor from truth.texts"
        )
    }
    counts: dict[str, list[int]] = {}
    for entity, key, *read in warehouse.execute(
        "select entity, text_key, kind, sentiment, topic, competitor"
        " from intermediate.int_texts_classified where kind is not null"
    ):
        truth = true.get((entity, key))
        if truth is None:
            continue
        row = counts.setdefault(entity, [0] * 7)
        row[0] += 1
        for place in range(3):
            row[1 + place] += read[place] == truth[place]
        row[4] += truth[3] is not None
        row[5] += truth[3] is not None and read[3] == truth[3]
        row[6] += read[3] is not None
    return [TextScore(entity, *row) for entity, row in sorted(counts.items())]


def score_reasons(
    warehouse: psycopg.Connection, world: psycopg.Connection, day: date, matched: Match
) -> list[ReasonScore]:
    """Of those in separation both in truth and in the warehouse: is the reason the same?"""
    if not _exists(warehouse, _LAPSES):
        return []
    told: dict[str, str] = dict(
        warehouse.execute(
            "select customer_key, reason from intermediate.int_customer_lapses_explained"
        )
    )
    people: dict[str, list[int]] = {}
    for person, reason in world.execute("select * from truth.lapse_reasons_as_of(%s)", [day]):
        reasons = [told[key] for key in matched.keys_of.get(person, ()) if key in told]
        if reasons:
            row = people.setdefault(reason, [0, 0])
            row[0] += 1
            row[1] += reason in reasons
    return [ReasonScore(reason, *row) for reason, row in sorted(people.items())]


def _exists(connection: psycopg.Connection, relation: str) -> bool:
    row = connection.execute("select to_regclass(%s)", [relation]).fetchone()
    return row is not None and row[0] is not None
