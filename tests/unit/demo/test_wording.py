"""What people write: its truth comes with it, no hole is left, and no two write quite alike."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from moshtari.demo import phrases, wording
from moshtari.demo.wording import Said

Make = Callable[[Random], Said]

MAKERS: dict[str, tuple[Make, set[str]]] = {
    "complaint": (
        lambda rng: wording.complaint(
            rng, rng.choice(["late", "lost", "quality", "refund", "support", "price"]), "کتری برقی",
            english=False,
        ),
        {"negative", "neutral"},
    ),
    "question": (lambda rng: wording.question(rng, "کتری برقی", english=False), {"neutral"}),
    "suggestion": (lambda rng: wording.suggestion(rng, "کتری برقی", english=False), {"neutral"}),
    "praise": (lambda rng: wording.praise(rng, "کتری برقی", english=False), {"positive"}),
    "other": (lambda rng: wording.other(rng, english=False), {"neutral"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", MAKERS)
def test_a_message_is_what_it_was_meant_to_be(kind):
    make, sentiments = MAKERS[kind]
    rng = Random(1)
    made = [make(rng) for _ in range(300)]
    assert {said.truth.kind for said in made} == {kind}
    assert {said.truth.sentiment for said in made} == sentiments
    for said in made:
        assert said.subject
        assert said.body.strip()
        assert "{p}" not in said.body + said.subject
        assert "{c}" not in said.body + said.subject
        assert (said.truth.competitor is not None) == any(
            name.replace("\u200c", " ") in said.body.replace("\u200c", " ")
            for name in phrases.COMPETITORS
        )


@pytest.mark.parametrize(("kind", "at_least"), [("complaint", 250), ("praise", 120)])
def test_people_hardly_repeat_each_other(kind, at_least):
    make, _ = MAKERS[kind]
    rng = Random(2)
    assert len({make(rng).body for _ in range(300)}) >= at_least


def test_a_complaint_may_mock_or_be_mild():
    rng = Random(3)
    bodies = {wording.complaint(rng, "late", "x", english=False).body for _ in range(600)}
    known = [text.split("{")[0][:12] for text in (*phrases.SARCASM["late"], *phrases.MILD["late"])]
    assert sum(any(body.startswith(start) for body in bodies) for start in known) >= 3


@pytest.mark.parametrize(
    ("share", "kind", "sentiment"),
    [(0.0, "complaint", "negative"), (0.5, "other", "neutral"), (1.0, "praise", "positive")],
)
@pytest.mark.parametrize("english", [False, True])
def test_an_opinion_follows_its_stars(share, kind, sentiment, english):
    rng = Random(4)
    made = [wording.opinion(rng, share, "کتری برقی", english=english) for _ in range(200)]
    assert {(said.truth.kind, said.truth.sentiment) for said in made} == {(kind, sentiment)}
    assert all("{" not in said.body for said in made)
    assert len({said.body for said in made}) > (6 if english else 40)


@pytest.mark.parametrize("mood", ["negative", "positive", "question", "news"])
def test_a_post_leaves_only_the_hashtag_to_fill_in(mood):
    rng = Random(5)
    for cause in ("late", "quality", "refund", "switch", "lost"):
        for _ in range(60):
            said = wording.post(rng, mood, cause, "کتری برقی", english=False)
            assert said.body.count("{tag}") == 1
            assert "{" not in said.body.replace("{tag}", "")
            if mood == "negative" and cause == "switch":
                assert said.truth.competitor in phrases.COMPETITORS


def test_most_write_well_and_some_do_not():
    rng = Random(6)
    text = "دیگر از این فروشگاه خرید نمی‌کنم، پشیمان هستم."
    written = [wording.roughen(rng, text, "negative") for _ in range(400)]
    assert 0.4 < sum(version == text for version in written) / 400 < 0.9
    assert len(set(written)) > 15
    assert any("\u200c" not in version for version in written)
    assert any("دیگه" in version for version in written)
