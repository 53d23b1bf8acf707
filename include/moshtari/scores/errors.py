"""Errors of the scores, each with what to do about it."""

from __future__ import annotations


class NoHistoryError(RuntimeError):
    """There is nothing to learn from, or no build to read it from. Says what to do."""
