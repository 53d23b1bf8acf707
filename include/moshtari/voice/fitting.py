"""Fits the sentiment model on rated texts, and says how good it is on texts it has not seen.

The newest fifth of the rated texts is held out. The figures are of the model that saw only the
rest; the model that is used then learns from all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from moshtari.voice.model import BUCKETS, SentimentModel, buckets
from moshtari.voice.rated import RatedText

HELD_OUT_SHARE = 0.2
# Strengths of the penalty that are tried, on the newest fifth of the training texts.
_STRENGTHS = (0.5, 2.0, 8.0)
_LEAST_TEXTS_WITH = 2
_LEAST_OF_A_CLASS = 10
_BAND = 0.2
# The lexicon speaks with the voice of several words.
_LEXICON_SCALE = 2.0


@dataclass(frozen=True)
class Figures:
    """How good a classifier was on the held-out texts."""

    accuracy: float
    macro_f1: float
    confusion: dict[str, dict[str, int]]


@dataclass(frozen=True)
class Fitted:
    """A model, and the figures of its like and of the lexicon on the same held-out texts."""

    model: SentimentModel
    training_texts: int
    held_out: tuple[int, int]
    figures: Figures
    lexicon: Figures

    @property
    def beats_lexicon(self) -> bool:
        """Better by both figures, so that a common answer alone does not win."""
        return (
            self.figures.accuracy > self.lexicon.accuracy
            and self.figures.macro_f1 > self.lexicon.macro_f1
        )


def fit(texts: Sequence[RatedText]) -> Fitted | None:
    """Fit on texts in the order of their days; None where one side is hardly there to learn."""
    split = int(len(texts) * (1 - HELD_OUT_SHARE))
    older, newer = texts[:split], texts[split:]
    inner = int(split * (1 - HELD_OUT_SHARE))
    if min(map(_least, (older[:inner], older[inner:], newer))) < _LEAST_OF_A_CLASS:
        return None
    counts = _count_features(texts)
    strength = max(
        _STRENGTHS,
        key=lambda c: judge(_train(texts[:inner], counts, c).score, older[inner:]).macro_f1,
    )
    seen = _train(older, counts, strength)
    common = float(np.mean([text.is_good for text in older]) >= 0.5) - 0.5
    return Fitted(
        model=_train(texts, counts, strength),
        training_texts=len(older),
        held_out=(_count(newer, False), _count(newer, True)),
        figures=judge(seen.score, newer),
        # Where the lexicon is silent it gets the commoner answer, its best guess.
        lexicon=judge(lambda _tokens, lexicon: lexicon or common, newer),
    )


def judge(score: Callable[[list[str], float], float], texts: Sequence[RatedText]) -> Figures:
    """Figures of a score whose sign is the answer."""
    table = {actual: {"negative": 0, "positive": 0} for actual in ("negative", "positive")}
    for text in texts:
        answer = "positive" if score(text.tokens, text.lexicon) > 0 else "negative"
        table["positive" if text.is_good else "negative"][answer] += 1
    right = sum(table[side][side] for side in table)
    f1 = []
    for side in table:
        both = sum(table[side].values()) + sum(row[side] for row in table.values())
        f1.append(2 * table[side][side] / both if both else 0.0)
    return Figures(right / len(texts), sum(f1) / len(f1), table)


def _least(texts: Sequence[RatedText]) -> int:
    return min(_count(texts, False), _count(texts, True))


def _count(texts: Sequence[RatedText], is_good: bool) -> int:
    return sum(text.is_good == is_good for text in texts)


def _train(texts: Sequence[RatedText], all_counts: Any, strength: float) -> SentimentModel:
    """Train on the first texts, of which ``all_counts`` holds the features."""
    counts = all_counts[: len(texts)]
    documents = np.bincount(counts.indices, minlength=counts.shape[1])
    known = np.flatnonzero(documents >= _LEAST_TEXTS_WITH)
    # Buckets are in order, so words come before parts, here as in the matrix.
    words = int(np.searchsorted(known, BUCKETS))
    idf = np.log((1 + len(texts)) / (1 + documents[known])) + 1
    idf = idf.astype(np.float32).astype(np.float64)
    counts = counts[:, known]
    matrix = sparse.hstack(
        [
            sparse.csr_matrix([[_LEXICON_SCALE * text.lexicon] for text in texts]),
            _scaled(counts[:, :words], idf[:words]),
            _scaled(counts[:, words:], idf[words:]),
        ],
        format="csr",
    )
    # Of scikit-learn's solvers the one that does not slow down where other work keeps the cores.
    regression = LogisticRegression(
        C=strength,
        class_weight="balanced",
        solver="liblinear",
        intercept_scaling=10,
        random_state=0,
        max_iter=200,
    )
    regression.fit(matrix, [text.is_good for text in texts])
    weights = regression.coef_[0].astype(np.float32).astype(np.float64)
    rated = zip(idf.tolist(), weights[1:].tolist(), strict=True)
    return SentimentModel(
        features=dict(zip(known.tolist(), rated, strict=True)),
        lexicon_weight=float(weights[0]) * _LEXICON_SCALE,
        intercept=float(regression.intercept_[0]),
        neutral_band=_BAND,
    )


def _count_features(texts: Sequence[RatedText]) -> Any:
    """Counts, a row a text and a column a bucket."""
    found = [np.array(buckets(text.tokens), dtype=np.int32) for text in texts]
    rows = np.repeat(np.arange(len(texts)), [len(row) for row in found])
    columns = np.concatenate(found)
    ones = np.ones(len(columns), dtype=np.float64)
    counts = sparse.csr_matrix((ones, (rows, columns)), shape=(len(texts), 2 * BUCKETS))
    counts.sum_duplicates()
    return counts


def _scaled(counts: Any, idf: Any) -> Any:
    """Each row as the model's score has it: tf * idf over the root of its sum of tf * idf^2."""
    norms = np.sqrt(counts @ (idf * idf))
    norms[norms == 0] = 1.0
    return sparse.diags(1.0 / norms) @ counts @ sparse.diags(idf)
