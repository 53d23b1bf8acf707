"""The deployment's own rated texts: what the sentiment model learns from.

A rating belongs to the words written with it: a post's stars to the post, a survey's score to its
comment, the rating of a ticket to the comment beside it. The ticket's own words came before the
help, so the rating is not about them: a complaint well solved is rated well.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import NamedTuple

import psycopg

from moshtari.settings import Deployment
from moshtari.voice.lexicon import read
from moshtari.voice.rules import Rules

# The newest are enough, and keep the memory of a fit under a gigabyte.
MOST_TEXTS = 40_000

_RATED = """
with rated as (
    (
        select distinct on (_source, _key)
            satisfaction_comment as text, satisfaction_score as rating, created_at as said_at
        from raw.tickets
        where _known_from <= %(day)s and not _is_deleted
        order by _source, _key, _changed_at desc nulls last, _load_id desc
    )
    union all
    (
        select distinct on (_source, _key)
            case when not by_brand then text end, nullif(rating, 0) / %(best)s, created_at
        from raw.mentions
        where _known_from <= %(day)s and not _is_deleted
        order by _source, _key, _changed_at desc nulls last, _load_id desc
    )
    union all
    (
        select distinct on (_source, _key)
            comment, score / nullif(scale_max, 0), answered_at
        from raw.surveys
        where _known_from <= %(day)s and not _is_deleted
        order by _source, _key, _load_id desc
    )
)
select text, rating, said_at
from rated
where trim(text) <> ''
    and (rating <= %(low)s or rating >= %(high)s)
    and (said_at at time zone %(timezone)s)::date <= %(day)s
order by said_at desc
limit %(most)s
"""


class RatedText(NamedTuple):
    """The tokens of a text, what the lexicon makes of it, and whether it was rated well."""

    tokens: list[str]
    lexicon: float
    is_good: bool


def read_rated(
    connection: psycopg.Connection, deployment: Deployment, rules: Rules, day: date
) -> list[RatedText]:
    """Texts clearly rated well or badly by ``day``, each once, in the order of their days.

    Ratings between ``voice_low_rating`` and ``voice_high_rating`` teach neither. What many people
    wrote word by word counts once, as most of them rated it: none is learned and tested alike.
    """
    rows = connection.execute(
        _RATED.encode(),
        {
            "day": day,
            "best": deployment.vars.get("voice_rating_max", 5),
            "low": deployment.vars.get("voice_low_rating", 0.4),
            "high": deployment.vars.get("voice_high_rating", 0.8),
            "timezone": deployment.timezone,
            "most": MOST_TEXTS,
        },
    )
    votes: dict[str, tuple[datetime, int, RatedText]] = {}
    for text, rating, said_at in rows:
        tokens, feeling = read(rules, text)
        normal = " ".join(tokens)
        vote = 1 if rating > 0.5 else -1
        first, before, _ = votes.get(normal, (said_at, 0, None))
        told = before + vote
        rated = RatedText(tokens, feeling.score, told > 0)
        votes[normal] = (min(first, said_at), told, rated)
    kept = [
        (first, hashlib.sha256(normal.encode()).digest(), rated)
        for normal, (first, told, rated) in votes.items()
        if told and rated.tokens
    ]
    return [rated for _, _, rated in sorted(kept, key=lambda entry: entry[:2])]
