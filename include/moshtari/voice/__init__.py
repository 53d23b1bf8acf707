"""What customers say: texts normalised, classed and given a sentiment, Persian and English."""

from moshtari.voice.nightly import classify_texts

__all__ = ["classify_texts"]
