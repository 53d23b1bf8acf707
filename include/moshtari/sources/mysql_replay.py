"""Rows of MySQL read again by the keys of their records in quarantine (see `postgres_replay`).

What a key becomes on its way (its type, its zone) is known here and not to the server, and the
server compares texts by collations. So it is only asked for rows that may be meant; which are is
decided by the key as it arrives.
"""

# ruff: noqa: S608 - the deployment's own SQL is what is wrapped here

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pymysql.constants import FIELD_TYPE

from moshtari.landing.contract import Entity
from moshtari.sources.base import KeptRecord
from moshtari.sources.mysql_values import EXACT_NUMBERS
from moshtari.sources.postgres_replay import Key, KeyedRecords

# A longer position may have been cut.
_SHORT = 160
_NUMBER = re.compile(r"[+-]?[0-9]+([.][0-9]+)?")
_TEXTS = (
    FIELD_TYPE.VARCHAR, FIELD_TYPE.VAR_STRING, FIELD_TYPE.STRING,
    FIELD_TYPE.TINY_BLOB, FIELD_TYPE.BLOB, FIELD_TYPE.MEDIUM_BLOB, FIELD_TYPE.LONG_BLOB,
)  # fmt: skip


def keyed_records(entity: Entity, records: Sequence[KeptRecord]) -> KeyedRecords:
    """The records by key; a row that was no text is known by its position."""

    def by_position(record: KeptRecord) -> Key | None:
        position = record.position
        told = len(position) < _SHORT and position != "no key"
        return (position,) if told and len(entity.key) == 1 else None

    return KeyedRecords(entity, records, by_position)


def among(
    select: str, entity: Entity, types: Mapping[str, int], keyed: KeyedRecords
) -> tuple[str, list[str]]:
    """The query for rows of the select that may have one of the keys, and its parameters."""
    conditions: list[str] = []
    parameters: list[str] = []
    for name, values in zip(entity.key, zip(*keyed.keys, strict=True), strict=True):
        wanted = sorted(set(values))
        if types[name] in EXACT_NUMBERS:
            # Of any other text the server would make a number, and warn of it.
            wanted = [value for value in wanted if _NUMBER.fullmatch(value)]
        elif types[name] not in _TEXTS:
            continue
        if not wanted:
            conditions.append("false")
            continue
        conditions.append(f"`{name}` in ({', '.join(['%s'] * len(wanted))})")
        parameters += wanted
    where = f" where {' and '.join(conditions)}" if conditions else ""
    doubled = select.replace("%", "%%") if parameters else select
    return f"select * from (\n{doubled}\n) as mapped{where}", parameters
