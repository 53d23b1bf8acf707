"""The linear model: its formula, its fit, and its figures."""

from __future__ import annotations

import random
from math import exp, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshtari.scores.windows import fit_day
from moshtari.voice.fits import REFIT_DAYS
from moshtari.voice.fitting import fit, judge
from moshtari.voice.model import BUCKETS, SentimentModel, buckets, part_buckets, word_bucket
from moshtari.voice.rated import RatedText

GOOD = ["zarp", "blint", "quev"]
BAD = ["murk", "flod", "gorn"]
PLAIN = ["the", "lamp", "came", "today", "box", "blue", "home", "small"]


def rated(number: int, seed: int = 1) -> list[RatedText]:
    """Texts of a made-up language in which three words are good and three are bad."""
    rng = random.Random(seed)
    texts = []
    for _ in range(number):
        is_good = rng.random() < 0.6
        words = [*rng.choices(PLAIN, k=4), rng.choice(GOOD if is_good else BAD)]
        rng.shuffle(words)
        texts.append(RatedText(words, 0.0, is_good))
    return texts


def test_the_score_is_the_formula() -> None:
    word, pair = word_bucket("good"), word_bucket("good lamp")
    part = part_buckets("good")[0]
    model = SentimentModel(
        {word: (2.0, 1.5), pair: (3.0, -1.0), part: (1.5, 0.5)}, 0.75, -0.25, 0.2
    )
    words = (2 * 2.0 * 1.5 + 3.0 * -1.0) / sqrt(2 * 2.0**2 + 3.0**2)
    parts = (2 * 1.5 * 0.5) / sqrt(2 * 1.5**2)
    logit = -0.25 + 0.75 * 0.4 + words + parts
    expected = 2 / (1 + exp(-logit)) - 1
    assert model.score(["good", "lamp", "good"], 0.4) == pytest.approx(expected)
    # What was looked up once gives the same again.
    assert model.score(["good", "lamp", "good"], 0.4) == pytest.approx(expected)
    assert model.score([], 0.0) == pytest.approx(2 / (1 + exp(0.25)) - 1)


def test_words_and_parts_have_buckets_of_their_own() -> None:
    found = buckets(["خوب", "بود"])
    assert found[:2] == [word_bucket("خوب"), word_bucket("بود")]
    assert found[2] == word_bucket("خوب بود")
    assert all(bucket < BUCKETS for bucket in found[:3])
    assert all(BUCKETS <= bucket < 2 * BUCKETS for bucket in found[3:])
    assert len(part_buckets("a" * 10_000)) == len(part_buckets("a" * 30))


@given(st.lists(st.text(min_size=1, max_size=8), max_size=8), st.floats(-1, 1))
def test_any_text_has_a_score(tokens: list[str], lexicon: float) -> None:
    features = dict.fromkeys(buckets(tokens), (1.0, 50.0))
    assert -1 <= SentimentModel(features, 1.0, 0.0, 0.2).score(tokens, lexicon) <= 1


def test_it_learns_what_the_ratings_teach() -> None:
    fitted = fit(rated(600))
    assert fitted is not None
    assert fitted.figures.accuracy > 0.95
    assert fitted.beats_lexicon
    assert fitted.training_texts == 480
    assert sum(fitted.held_out) == 120
    assert fitted.model.score(["the", "zarp", "lamp"], 0.0) > 0.3
    assert fitted.model.score(["the", "murk", "lamp"], 0.0) < -0.3


def test_the_same_texts_give_the_same_model() -> None:
    one, two = fit(rated(300)), fit(rated(300))
    assert one is not None
    assert two is not None
    assert one.model.features == two.model.features
    assert one.model.intercept == two.model.intercept
    assert one.figures == two.figures


def test_held_out_texts_are_the_newest_and_unseen() -> None:
    # In the newest fifth the words mean the opposite: only a model that saw it could tell.
    texts = rated(500)
    turned = texts[:400] + [text._replace(is_good=not text.is_good) for text in texts[400:]]
    fitted = fit(turned)
    assert fitted is not None
    assert fitted.figures.accuracy < 0.1
    assert not fitted.beats_lexicon


def test_one_sided_ratings_teach_nothing() -> None:
    assert fit([text._replace(is_good=True) for text in rated(500)]) is None
    assert fit([]) is None


def test_a_lexicon_that_knows_all_is_not_beaten() -> None:
    texts = [text._replace(lexicon=1.0 if text.is_good else -1.0) for text in rated(300)]
    fitted = fit(texts)
    assert fitted is not None
    assert fitted.lexicon.accuracy == 1
    assert not fitted.beats_lexicon


def test_figures_are_counted() -> None:
    texts = [RatedText([str(n)], 0.0, n < 6) for n in range(10)]
    figures = judge(lambda tokens, _lexicon: 1.0 if int(tokens[0]) < 8 else -1.0, texts)
    assert figures.accuracy == pytest.approx(0.8)
    assert figures.confusion == {
        "negative": {"negative": 2, "positive": 2},
        "positive": {"negative": 0, "positive": 6},
    }
    assert figures.macro_f1 == pytest.approx((4 / 6 + 12 / 14) / 2)


@pytest.mark.parametrize(
    ("day", "monday"),
    [("2026-03-16", "2026-03-16"), ("2026-03-15", "2026-03-09"), ("2026-03-20", "2026-03-16")],
)
def test_fits_are_of_mondays(day: str, monday: str) -> None:
    from datetime import date

    assert fit_day(date.fromisoformat(day), REFIT_DAYS) == date.fromisoformat(monday)
