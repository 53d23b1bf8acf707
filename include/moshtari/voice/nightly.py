"""The night's texts: those whose content has no class yet are read, classed and written.

A class belongs to a content (by its hash) under a version of the rules and the model, so a text
that comes twice is classed once, a changed text anew, and a second run finds nothing to do.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import psycopg

from moshtari.settings import Deployment, Settings
from moshtari.voice.classify import Classifier
from moshtari.voice.fits import model_in_force
from moshtari.voice.rules import load_rules
from moshtari.warehouse.connection import connect

_log = logging.getLogger(__name__)

BATCH = 2_000
# Fewer new classes than this do not mislead the planner.
_WORTH_ANALYZING = 1_000
# Held while texts are classed; a second classifier waits and then finds them done.
_LOCK = 7_460_312_026

# What each entity says, in the order of `voice.text_hash`; the brand's own posts are no voice.
TEXTS = {
    "tickets": ("subject", "body", "coalesce(satisfaction_comment, '')", "true"),
    "mentions": ("text", "''", "''", "not by_brand"),
    "surveys": ("comment", "''", "''", "trim(comment) <> ''"),
}


# Hash, subject, body, comment.
_Text = tuple[UUID, str, str, str]


@dataclass(frozen=True)
class _Night:
    """What one call works on."""

    version: str
    loads: list[int]


def classify_texts(
    settings: Settings, deployment: Deployment, as_of_date: date
) -> dict[str, int | str]:
    """Class every text known by ``as_of_date`` that is not classed under the day's version.

    Returns counts and the version. Idempotent; two at once end as one. Raises RulesError,
    ConfigError, or psycopg.Error where the warehouse is not there.
    """
    rules = load_rules(settings, deployment)
    with (
        connect(settings, role="moshtari_builder") as reader,
        connect(settings, role="moshtari_builder") as writer,
    ):
        writer.execute("set synchronous_commit = off")
        writer.commit()
        reader.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        fit_day, model = model_in_force(writer, deployment, rules, as_of_date)
        version = f"{rules.version}/{f'model-{fit_day}' if model else 'lexicon'}"
        night = _Night(version, _new_loads(reader, version, as_of_date))
        classifier = Classifier(rules, model)
        texts = classified = 0
        for rows in _unclassed(reader, night):
            texts += len(rows)
            classified += _write(writer, night, classifier, rows)
            writer.commit()
        _finish(writer, night, as_of_date)
        if classified >= _WORTH_ANALYZING:
            writer.execute("analyze voice.classes")
    _log.info("%s texts classed under %s", classified, version)
    return {"loads": len(night.loads), "texts": texts, "classified": classified, "version": version}


def _new_loads(reader: psycopg.Connection, version: str, as_of_date: date) -> list[int]:
    """Loads of texts by the day whose texts are not all classed under the version."""
    found = reader.execute(
        "select load_id from ops.loads"
        " where status = 'landed' and business_date <= %s and entity = any(%s)"
        " and not exists (select from voice.loads as done"
        " where done.version = %s and done.load_id = loads.load_id) order by load_id",
        [as_of_date, list(TEXTS), version],
    )
    return [row[0] for row in found]


def _unclassed(reader: psycopg.Connection, night: _Night) -> Iterator[list[_Text]]:
    """Batches of texts to class. The server keeps what is not yet read."""
    if not night.loads:
        return
    for entity, (subject, body, comment, condition) in TEXTS.items():
        with reader.cursor(name=f"texts_of_{entity}") as cursor:
            cursor.execute(
                f"""
                select texts.text_hash, texts.subject, texts.body, texts.comment
                from (
                    select
                        voice.text_hash({subject}, {body}, {comment}) as text_hash,
                        {subject} as subject,
                        {body} as body,
                        {comment} as comment
                    from raw.{entity}
                    where _load_id = any(%(loads)s) and not _is_deleted and {condition}
                ) as texts
                where not exists (
                    select from voice.classes
                    where classes.text_hash = texts.text_hash and classes.version = %(version)s
                )
                """.encode(),  # noqa: S608 - names from TEXTS, values are parameters
                {"loads": night.loads, "version": night.version},
            )
            while rows := cursor.fetchmany(BATCH):
                yield rows


def _write(
    writer: psycopg.Connection,
    night: _Night,
    classifier: Classifier,
    rows: list[_Text],
) -> int:
    """Class a batch and add its rows. Returns how many were new."""
    unlike = {row[0]: row[1:] for row in rows}
    with writer.cursor() as cursor:
        cursor.execute(
            "create temporary table if not exists fresh"
            " (like voice.classes including defaults) on commit delete rows"
        )
        with cursor.copy("copy fresh from stdin") as copy:
            for text_hash, texts in unlike.items():
                copy.write_row(_row(text_hash, night.version, classifier.classify(*texts)))
        cursor.execute("insert into voice.classes select * from fresh on conflict do nothing")
        return cursor.rowcount


def _row(text_hash: UUID, version: str, classes: tuple[Any, ...]) -> tuple[Any, ...]:
    return (text_hash, version, *classes)


def _finish(writer: psycopg.Connection, night: _Night, as_of_date: date) -> None:
    """Note what is classed, and which version the day's models read."""
    writer.execute(
        "insert into voice.loads (version, load_id) select %s, unnest(%s::bigint[])"
        " on conflict do nothing",
        [night.version, night.loads],
    )
    writer.execute(
        "insert into voice.days (as_of_date, version) values (%s, %s) on conflict (as_of_date)"
        " do update set version = excluded.version, classified_at = clock_timestamp()",
        [as_of_date, night.version],
    )
    # Of a version that no day reads any more, as after a changed rule, nothing is kept.
    unread = "(select version from voice.loads except select version from voice.days)"
    for table in ("classes", "loads"):
        writer.execute(
            f"delete from voice.{table} where version in {unread}".encode()  # noqa: S608 - own names
        )
    writer.commit()
