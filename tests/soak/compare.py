"""What the attacked warehouse must have in common with its twin, and with its own ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import psycopg

from moshtari.landing.contract import ENTITIES, Entity

Rows = dict[tuple[str, ...], Any]


@dataclass
class Verdict:
    """Checksums of both warehouses, and every difference that there must not be."""

    checksums: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not self.differences


def compare(
    attacked: psycopg.Connection,
    twin: psycopg.Connection,
    unseen: dict[str, set[date]],
    shifted: dict[str, set[str]],
) -> Verdict:
    """The verdict at the end of a soak.

    Versions are compared of the rows that both warehouses could see at the same times: not of those
    that changed in a night that the attacked one missed, or while it was reading them.
    """
    verdict = Verdict()
    for name, read in (("latest versions", _latest), ("quarantine", _quarantined)):
        verdict.checksums[name] = _compared(verdict, name, read(attacked), read(twin))
    excused = _excused(twin, unseen)
    kept = [
        {key: row for key, row in _versions(side).items()
         if key[:3] not in excused and not _is_shifted(key, shifted)}
        for side in (attacked, twin)
    ]  # fmt: skip
    verdict.checksums["every version"] = _compared(verdict, "every version", *kept)
    for name, side in (("attacked", attacked), ("twin", twin)):
        verdict.differences += [f"{name}: {wrong}" for wrong in _ledger_problems(side)]
    return verdict


def _compared(verdict: Verdict, name: str, one: Rows, other: Rows) -> tuple[str, str, int]:
    for key in sorted(one.keys() | other.keys()):
        if one.get(key) != other.get(key):
            told = f"{one.get(key, 'nothing')} where the twin has {other.get(key, 'nothing')}"
            verdict.differences.append(f"{name}: {' / '.join(key)}: {told}")
    return _checksum(one), _checksum(other), len(other)


def _checksum(rows: Rows) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for item in sorted(rows.items()):
        digest.update(repr(item).encode())
    return digest.hexdigest()


def _each(side: psycopg.Connection, query: str) -> Iterable[tuple[Entity, tuple[Any, ...]]]:
    for entity in ENTITIES.values():
        columns = ", ".join(entity.column_names)
        statement = query.format(entity=entity.name, content=f"md5(row({columns})::text)")
        for row in side.execute(statement.encode()):
            yield entity, row


def _latest(side: psycopg.Connection) -> Rows:
    """What each row says now; of a deleted row, that it is."""
    found = _each(
        side,
        """
        select distinct on (_source, _key)
            _source, _key, case when _is_deleted then 'deleted' else {content} end
        from raw.{entity}
        order by _source, _key, _changed_at desc nulls last, _load_id desc
        """,
    )
    return {(source, entity.name, key): content for entity, (source, key, content) in found}


def _versions(side: psycopg.Connection) -> Rows:
    """All versions of each row, in their order, with the day from which each is known."""
    found = _each(
        side,
        """
        select _source, _key, {content}, _is_deleted, _changed_at::text, _known_from::text
        from raw.{entity}
        order by _source, _key, _changed_at nulls first, _load_id
        """,
    )
    kept: Rows = {}
    for entity, (source, key, *version) in found:
        kept.setdefault((source, entity.name, key), []).append(tuple(version))
    return kept


def _quarantined(side: psycopg.Connection) -> Rows:
    rows = side.execute(
        "select source, entity, position, content_md5::text, status from quarantine.records"
    )
    return {tuple(key): status for *key, status in rows}


def _excused(twin: psycopg.Connection, unseen: dict[str, set[date]]) -> set[tuple[str, ...]]:
    """Rows of which the twin landed a version in a night that the other did not see.

    Or in the one after it, which for the other began with the night that it had missed.
    """
    excused: set[tuple[str, ...]] = set()
    found = _each(
        twin,
        """
        select distinct versions._source, versions._key, loads.business_date
        from raw.{entity} as versions
        inner join ops.loads as loads on versions._load_id = loads.load_id
        """,
    )
    for entity, (source, key, on) in found:
        if unseen.get(source, set()) & {on, on - timedelta(days=1)}:
            excused.add((source, entity.name, key))
    return excused


def _is_shifted(key: tuple[str, ...], shifted: dict[str, set[str]]) -> bool:
    return key[2].partition("/")[0] in shifted.get(key[0], ())


def _ledger_problems(side: psycopg.Connection) -> list[str]:
    """What does not add up: each load's counts, and its rows in raw."""
    problems = [
        f"load {row[0]} does not add up"
        for row in side.execute(
            "select load_id from ops.loads where status = 'landed'"
            " and read_rows <> landed_rows + unchanged_rows + quarantined_rows"
        )
    ]
    running = side.execute("select count(*) from ops.loads where status = 'running'").fetchone()
    if running != (0,):
        problems.append(f"{running and running[0]} loads still count as running")
    brought: dict[int, int] = {}
    for _, (load_id, rows) in _each(side, "select _load_id, count(*) from raw.{entity} group by 1"):
        brought[load_id] = brought.get(load_id, 0) + rows
    for load_id, status, landed in side.execute(
        "select load_id, status,"
        " landed_rows + coalesce((details ->> 'tombstones')::bigint, 0) from ops.loads"
    ):
        expected = landed if status == "landed" else 0
        if brought.pop(load_id, 0) != expected:
            problems.append(f"load {load_id} ({status}) brought other rows than {expected}")
    problems += [f"load {load_id} has rows and is not in the ledger" for load_id in brought]
    return problems
