"""Reading on while the last piece is worked on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, each made in a thread of its own while the one before it is in use.

    What making one raises is raised when it would have come.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as pool:
        pending = pool.submit(_following, items)
        while found := pending.result():
            pending = pool.submit(_following, items)
            yield found[0]


def _following(items: Iterator[Item]) -> tuple[Item] | None:
    for item in items:
        return (item,)
    return None
