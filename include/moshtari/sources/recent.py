"""What the last pages of an export brought, so that most of what comes again is not sent twice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime


class Recent:
    """Some records, with their times: at least the last `size`, and not many more than twice that.

    What comes again later than that, landing sees to.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._last: dict[int, datetime] = {}
        self._before: dict[int, datetime] = {}

    def is_news(self, key: int, at: datetime) -> bool:
        """Whether the record is not known as late as this; then it is known from now on."""
        known = self._last.get(key) or self._before.get(key)
        if known is not None and at <= known:
            return False
        self._make_room()
        self._last[key] = at
        return True

    def are_new(self, times: Mapping[int, datetime]) -> bool:
        """Whether nothing is known of any of these records; then all are known from now on."""
        if not (self._last.keys().isdisjoint(times) and self._before.keys().isdisjoint(times)):
            return False
        self._make_room()
        self._last.update(times)
        return True

    def _make_room(self) -> None:
        if len(self._last) >= self._size:
            self._last, self._before = {}, self._last
