"""Rows of a database read again by the keys of their records in quarantine.

What is kept of such a row is what the mapping of its time made of it, so a mended mapping has
nothing there to work upon. The key is enough: the row is read again as it is now.
"""

# ruff: noqa: S608 - the deployment's own SQL is what is wrapped here

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence

import psycopg
from psycopg import sql

from moshtari.landing.contract import Entity
from moshtari.sources.base import Batch, KeptRecord, RejectedRecord, TextRows, Window

_ROWS_A_BATCH = 2_000
_NO_KEY = "no key to read the row again by: mend it at the source and run its day again"

Key = tuple[str, ...]


class KeyedRecords:
    """Records in quarantine by the keys of their rows; raw holds those as JSON of texts.

    `otherwise` gives the key of a record whose raw is no JSON, where the source knows it.
    """

    def __init__(
        self,
        entity: Entity,
        records: Sequence[KeptRecord],
        otherwise: Callable[[KeptRecord], Key | None] = lambda _record: None,
    ) -> None:
        self._entity = entity
        self._without: list[KeptRecord] = []
        self.keys: dict[Key, list[KeptRecord]] = {}
        self._found: set[Key] = set()
        for record in records:
            key = _key(record.raw, entity) or otherwise(record)
            if key is None:
                self._without.append(record)
            else:
                self.keys.setdefault(key, []).append(record)

    def without_key(self) -> Iterator[RejectedRecord]:
        for record in self._without:
            yield RejectedRecord(record.position, _NO_KEY, record.raw)

    def among(self, select: str, connection: psycopg.Connection) -> str:
        """The query for those of the select's rows that have one of the keys."""
        lists = ", ".join(
            sql.Literal(list(values)).as_string(connection) + "::text[]"
            for values in zip(*self.keys, strict=True)
        )
        columns = ", ".join(self._entity.key)
        return (
            f"select * from (\n{select}\n) as mapped where ({columns}) in "
            f"(select * from unnest({lists}))"
        )

    def rows(
        self, columns: tuple[str, ...], rows: Iterable[tuple[str | None, ...]]
    ) -> Iterator[Batch]:
        """The rows, each for every record of its key."""
        places = [columns.index(name) for name in self._entity.key]
        batch: list[tuple[tuple[str | None, ...], KeptRecord]] = []
        for row in rows:
            key = tuple(row[place] or "" for place in places)
            self._found.add(key)
            batch += [(row, record) for record in self.keys.get(key, ())]
            if len(batch) >= _ROWS_A_BATCH:
                yield _text_rows(columns, batch)
                batch = []
        if batch:
            yield _text_rows(columns, batch)

    def rejected(self, key: Key, reason: str) -> Iterator[RejectedRecord]:
        """Records whose row is there and cannot be read."""
        self._found.add(key)
        for record in self.keys.get(key, ()):
            yield RejectedRecord(record.position, reason, record.raw)

    def not_found(self, window: Window) -> Iterator[RejectedRecord]:
        """Records of keys that no row had. A row that changed later comes with its own day."""
        reason = (
            f"the source had no such row by the end of {window.business_date}: it is gone, or "
            "changed since and comes with the next load"
        )
        for key, records in self.keys.items():
            if key not in self._found:
                for record in records:
                    yield RejectedRecord(record.position, reason, record.raw)


def _key(raw: bytes, entity: Entity) -> Key | None:
    try:
        row = json.loads(raw)
    except ValueError:
        return None
    values = [row.get(name) for name in entity.key] if isinstance(row, dict) else []
    key = tuple(value for value in values if isinstance(value, str) and value)
    return key if len(key) == len(entity.key) else None


def _text_rows(
    columns: tuple[str, ...], batch: list[tuple[tuple[str | None, ...], KeptRecord]]
) -> TextRows:
    return TextRows(
        columns,
        [row for row, _ in batch],
        [record.position for _, record in batch],
        [record.raw for _, record in batch],
    )
