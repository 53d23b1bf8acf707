"""What the tests' own process has begun."""

from __future__ import annotations

import psutil


def children() -> set[psutil.Process]:
    """The processes that it has begun and that have not ended."""
    return {p for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE}
