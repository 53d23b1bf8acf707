"""Texts classified in a real PostgreSQL: new ones only, once, and under the day's version."""

from __future__ import annotations

import logging
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from tests.dbt.project import land
from tests.unit.voice.test_model import BAD, GOOD, PLAIN

from moshtari.settings import Deployment, Settings
from moshtari.voice import classify_texts
from moshtari.voice.fits import load_model

DAY = date(2026, 3, 18)
MONDAY = date(2026, 3, 16)


def deployment(**variables: str | int) -> Deployment:
    return Deployment(name="shop", sources={"shop": {"kind": "files"}}, vars=variables)


def load(pg: psycopg.Connection, entity: str, *rows: dict[str, Any], day: date = DAY) -> int:
    """Land rows as one load, with its row in the ledger."""
    found = pg.execute(
        "insert into ops.loads (source, entity, family, business_date, status)"
        " values ('shop', %s, 'tickets', %s, 'landed') returning load_id",
        [entity, day],
    ).fetchone()
    assert found is not None
    fillers = {
        "tickets": {"created_at": "2026-03-01 10:00Z", "updated_at": "2026-03-01 10:00Z"},
        "mentions": {"created_at": "2026-03-01 10:00Z", "network": "x", "by_brand": False},
        "surveys": {"asked_at": "2026-03-01 10:00Z", "answered_at": "2026-03-02 10:00Z"},
    }
    land(pg, entity, *({**fillers[entity], **row, "load_id": found[0]} for row in rows))
    return int(found[0])


def classes(pg: psycopg.Connection) -> list[tuple[Any, ...]]:
    return pg.execute(
        "select kind, sentiment, competitor, classified_by from voice.classes order by 1, 2, 3"
    ).fetchall()


def test_texts_of_all_entities_are_classified_once(
    settings: Settings, pg: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    load(
        pg,
        "tickets",
        {"ticket_id": "1", "subject": "خراب", "body": "کالا خراب رسید"},
        {"ticket_id": "2", "subject": "خراب", "body": "کالا خراب رسید"},
        {"ticket_id": "3", "subject": "-", "body": "-", "is_deleted": True},
    )
    load(
        pg,
        "mentions",
        {"mention_id": "1", "text": "I love this shop, unlike Amazon"},
        {"mention_id": "2", "text": "We are sorry", "by_brand": True},
    )
    load(
        pg,
        "surveys",
        {"survey_id": "1", "comment": "کاش تنوع رنگ را بیشتر کنید"},
        {"survey_id": "2", "comment": " "},
        {"survey_id": "3", "comment": None},
    )
    counts = classify_texts(settings, deployment(), DAY)
    assert counts["classified"] == 3
    assert classes(pg) == [
        ("complaint", "negative", None, "lexicon"),
        ("praise", "positive", "Amazon", "lexicon"),
        ("suggestion", "neutral", None, "lexicon"),
    ]
    again = classify_texts(settings, deployment(), DAY)
    assert (again["loads"], again["texts"], again["classified"]) == (0, 0, 0)
    assert "خراب" not in caplog.text
    assert "Amazon" not in caplog.text


def test_the_hash_is_the_one_that_dbt_asks_for(settings: Settings, pg: psycopg.Connection) -> None:
    load(pg, "tickets", {"ticket_id": "1", "subject": "a", "body": "b"})
    load(pg, "mentions", {"mention_id": "1", "text": "a"})
    classify_texts(settings, deployment(), DAY)
    known = pg.execute(
        "select count(*) from voice.classes where text_hash in"
        " (voice.text_hash('a', 'b', null), voice.text_hash('a'))"
    ).fetchone()
    assert known == (2,)


def test_a_night_reads_new_loads_and_changed_texts_only(
    settings: Settings, pg: psycopg.Connection
) -> None:
    load(pg, "tickets", {"ticket_id": "1", "subject": "سؤال", "body": "کی می‌رسد؟"})
    classify_texts(settings, deployment(), DAY)
    later = DAY + timedelta(days=1)
    load(
        pg,
        "tickets",
        {"ticket_id": "1", "subject": "سؤال", "body": "کی می‌رسد؟", "status": "closed"},
        {"ticket_id": "2", "subject": "تشکر", "body": "عالی بود"},
        day=later,
    )
    # The load of a later day is not the earlier day's matter.
    assert classify_texts(settings, deployment(), DAY)["texts"] == 0
    counts = classify_texts(settings, deployment(), later)
    assert (counts["loads"], counts["texts"], counts["classified"]) == (1, 1, 1)
    days = pg.execute("select as_of_date from voice.days order by 1").fetchall()
    assert days == [(DAY,), (later,)]


def test_another_rule_classifies_anew_under_another_version(
    settings: Settings, pg: psycopg.Connection
) -> None:
    load(pg, "mentions", {"mention_id": "1", "text": "رفتم سرای من"})
    first = classify_texts(settings, deployment(), DAY)
    second = classify_texts(settings, deployment(competitors="سرای من"), DAY)
    assert first["version"] != second["version"]
    assert second["classified"] == 1
    in_force = pg.execute(
        "select classes.competitor from voice.days inner join voice.classes using (version)"
    ).fetchall()
    assert in_force == [("سرای من",)]
    versions = pg.execute("select distinct version from voice.classes").fetchall()
    assert versions == [(second["version"],)]


def test_two_at_once_end_as_one(settings: Settings, pg: psycopg.Connection) -> None:
    rows = [{"mention_id": str(n), "text": f"عالی بود {n}"} for n in range(300)]
    load(pg, "mentions", *rows)
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(classify_texts, settings, deployment(), DAY) for _ in range(2)]
        assert sorted(int(call.result()["classified"]) for call in calls) == [0, 300]
    assert len(classes(pg)) == 300


def test_what_was_written_before_a_crash_is_not_done_again(
    settings: Settings, pg: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moshtari.voice import nightly

    monkeypatch.setattr(nightly, "BATCH", 10)
    rows = [{"mention_id": str(n), "text": f"عالی بود {n}"} for n in range(25)]
    load(pg, "mentions", *rows)
    written: list[int] = []
    write = nightly._write

    def failing(*arguments: Any) -> int:
        if len(written) == 2:
            raise RuntimeError("killed")
        written.append(write(*arguments))
        return written[-1]

    monkeypatch.setattr(nightly, "_write", failing)
    with pytest.raises(RuntimeError, match="killed"):
        classify_texts(settings, deployment(), DAY)
    monkeypatch.setattr(nightly, "_write", write)
    assert classify_texts(settings, deployment(), DAY)["classified"] == 5
    assert len(classes(pg)) == 25


def test_odd_texts_do_not_stop_the_night(settings: Settings, pg: psycopg.Connection) -> None:
    odd = ["", " ", "\t\n\\N", "😍" * 3000, "a" * 100_000, "\u202e\u200c\ufeff", "'; drop table x"]
    load(pg, "mentions", *({"mention_id": str(n), "text": text} for n, text in enumerate(odd)))
    assert classify_texts(settings, deployment(), DAY)["classified"] == len(odd)


class TestTheModel:
    def rated(self, number: int, seed: int = 1) -> list[dict[str, Any]]:
        rng = random.Random(seed)
        rows = []
        for n in range(number):
            is_good = rng.random() < 0.5
            words = [*rng.choices(PLAIN, k=5), rng.choice(GOOD if is_good else BAD), f"w{seed}x{n}"]
            rng.shuffle(words)
            said = f"2026-02-{1 + n * 28 // number:02d} 10:00Z"
            stars = rng.choice((4, 5) if is_good else (1, 2))
            rows.append(
                {"mention_id": f"{seed}-{n}", "text": " ".join(words), "rating": stars,
                 "created_at": said}
            )  # fmt: skip
        return rows

    def test_it_serves_from_enough_rated_texts_on(
        self, settings: Settings, pg: psycopg.Connection
    ) -> None:
        load(pg, "mentions", *self.rated(399))
        counts = classify_texts(settings, deployment(), MONDAY - timedelta(days=1))
        assert str(counts["version"]).endswith("/lexicon")
        load(pg, "mentions", {"mention_id": "x", "text": "zarp lamp", "rating": 5})
        counts = classify_texts(settings, deployment(), DAY)
        assert str(counts["version"]).endswith(f"/model-{MONDAY}")
        fits = pg.execute(
            "select fit_day, in_force, rated_texts, because, accuracy, lexicon_accuracy"
            " from voice.fits order by 1"
        ).fetchall()
        assert fits[0][:4] == (
            MONDAY - timedelta(days=7), None, 399, "399 rated texts are fewer than 400"
        )  # fmt: skip
        assert fits[1][:3] == (MONDAY, MONDAY, 400)
        assert fits[1][4] > 0.9 > fits[1][5]
        # The lexicon knows none of the words; the model read back from its table does.
        model = load_model(pg, MONDAY)
        assert model.score(["zarp", "lamp"], 0.0) > 0.2
        assert model.score(["murk", "lamp"], 0.0) < -0.2
        found = pg.execute(
            "select sentiment, classified_by from voice.classes"
            " where text_hash = voice.text_hash('zarp lamp') and version = %s",
            [counts["version"]],
        ).fetchall()
        assert found == [("positive", "model")]

    def test_it_is_replaced_when_there_is_a_tenth_more_to_learn(
        self, settings: Settings, pg: psycopg.Connection
    ) -> None:
        load(pg, "mentions", *self.rated(450))
        first = classify_texts(settings, deployment(), MONDAY)
        load(pg, "mentions", *self.rated(44, seed=2), day=MONDAY + timedelta(days=3))
        week = timedelta(days=7)
        assert classify_texts(settings, deployment(), MONDAY + week)["version"] == first["version"]
        load(pg, "mentions", *self.rated(1, seed=3), day=MONDAY + week)
        third = classify_texts(settings, deployment(), MONDAY + 2 * week)
        assert str(third["version"]).endswith(f"/model-{MONDAY + 2 * week}")
        # The days before keep the model that they had, whatever came since.
        assert classify_texts(settings, deployment(), MONDAY + week)["version"] == first["version"]

    def test_stars_of_nought_tickets_words_and_lukewarm_ratings_teach_nothing(
        self, settings: Settings, pg: psycopg.Connection
    ) -> None:
        load(
            pg,
            "mentions",
            {"mention_id": "none", "text": "a", "rating": 0},
            {"mention_id": "lukewarm", "text": "b", "rating": 3},
            {"mention_id": "brand", "text": "c", "rating": 5, "by_brand": True},
            {"mention_id": "good", "text": "d", "rating": 4},
            {"mention_id": "late", "text": "e", "rating": 5, "created_at": "2026-03-17 10:00Z"},
            {"mention_id": "again", "text": "D", "rating": 5},
        )
        load(
            pg,
            "tickets",
            {"ticket_id": "1", "subject": "f", "body": "f", "satisfaction_score": 1},
            {"ticket_id": "2", "subject": "g", "body": "g", "satisfaction_score": 0,
             "satisfaction_comment": "h"},
        )  # fmt: skip
        load(
            pg,
            "surveys",
            {"survey_id": "1", "comment": "i", "score": 2, "scale_max": 5},
            {"survey_id": "2", "comment": "j", "score": 1, "scale_max": None},
        )
        classify_texts(settings, deployment(), DAY)
        # d (twice the same words), h and i.
        assert pg.execute("select rated_texts from voice.fits").fetchone() == (3,)
