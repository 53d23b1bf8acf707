"""What a load does otherwise when its rows come out of quarantine.

Its records are chosen once the load has its turn, and locked: two replays at once share none. What
becomes of them is written in the transaction that brings their rows, so that a record is open, or
it is replayed and its rows are in raw.
"""

# ruff: noqa: S608 - names come from the contract, values are parameters

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg

from moshtari.landing import ledger, statements, versions
from moshtari.landing.contract import Entity
from moshtari.landing.errors import LandingError
from moshtari.landing.ledger import Counts
from moshtari.landing.quarantine import REASON_LENGTH, Selection
from moshtari.sources.abilities import ReplayableSource
from moshtari.sources.base import Batch, KeptRecord, Origin, RejectedRecord, TextRows, Window

_SUPERSEDED = "superseded: its file was read again since, and no longer has this record"


@dataclass(frozen=True)
class _Chosen:
    quarantine_id: int
    record: KeptRecord


class ReplayLoad:
    """Up to `limit` open records of one entity that one load (`of_load`) had received last.

    `selection` narrows them down; those up to `after` had their turn in an earlier load.
    """

    def __init__(
        self,
        source: ReplayableSource,
        selection: Selection,
        of_load: int,
        *,
        after: int,
        limit: int,
    ) -> None:
        self.of_load, self.after, self.limit = of_load, after, limit
        self.chosen: list[int] = []
        self.replayed = 0
        self._source, self._selection = source, selection
        self._silent: set[int] = set()
        self._anew = self._of_file = False

    @property
    def details(self) -> dict[str, object]:
        """For the ledger, whatever becomes of the records."""
        anew = {ledger.READ_ANEW: True} if self._is_of_today else {}
        return {ledger.OF_LOAD: self.of_load, **anew}

    @property
    def _is_of_today(self) -> bool:
        """Whether the rows are as new as the replay: what a file says is as old as its load."""
        return self._anew and not self._of_file

    def read(
        self, connection: psycopg.Connection, source: str, entity: Entity, window: Window
    ) -> Iterator[Batch]:
        """What the source makes of the records. Raises SourceError or LandingError."""
        self._anew = self._source.replays_anew(entity.name)
        chosen = self._choose(connection, source, entity)
        self.chosen = [item.quarantine_id for item in chosen]
        self._silent = set(self.chosen)
        records = [item.record for item in chosen]
        if not records:
            return
        origin = records[0].origin
        self._of_file = origin is not None
        if origin is not None and self._is_superseded(connection, source, entity, origin):
            batches: Iterator[Batch] = (
                RejectedRecord(record.position, _SUPERSEDED, record.raw) for record in records
            )
        else:
            batches = self._source.replay(entity.name, records, window)
        ids = {(item.record.position, item.record.raw): item.quarantine_id for item in chosen}
        for batch in batches:
            try:
                self._silent -= {ids[made_of] for made_of in _made_of(batch)}
            except KeyError:
                raise LandingError(
                    source,
                    entity.name,
                    "the reader gave rows that are of none of the records to be replayed",
                    "Mend the reader",
                ) from None
            yield batch

    def yield_to_landed(self, connection: psycopg.Connection, source: str, entity: Entity) -> int:
        """Take out the rows that are older than what raw holds of their key; how many there are."""
        if self._is_of_today:
            return 0
        # A group made anew of all its lines replaces what it was without some of them.
        values = {"source": source, "of_load": self.of_load, "compete": not self._anew}
        return connection.execute(versions.yield_to_landed(entity), values).rowcount

    def settle(self, connection: psycopg.Connection, load_id: int, counts: Counts) -> None:
        """Write down what became of the records, as part of the load's transaction."""
        failed = connection.execute(
            f"""
            with rejected as (
                select distinct on (position, md5(raw))
                    position,
                    md5(raw)::uuid as content_md5,
                    left(reason, {REASON_LENGTH}) as reason
                from {statements.REJECTED}
                order by position, md5(raw), reason
            )
            update quarantine.records as records
            set reason = rejected.reason, replay_load_id = %s
            from rejected
            where
                records.quarantine_id = any(%s)
                and records.position = rejected.position
                and records.content_md5 = rejected.content_md5
            returning records.quarantine_id
            """,
            [load_id, self.chosen],
        ).fetchall()
        still_open = {row[0] for row in failed}
        self.replayed = connection.execute(
            """
            update quarantine.records
            set status = 'replayed', replay_load_id = %s
            where quarantine_id = any(%s)
            """,
            [load_id, [key for key in self.chosen if key not in still_open]],
        ).rowcount
        counts.details |= {ledger.REPLAYED: self.replayed, "still_open": len(still_open)}
        if self._silent:
            counts.details["left_out_by_the_mapping"] = len(self._silent)
        counts.details |= self.details

    def _choose(self, connection: psycopg.Connection, source: str, entity: Entity) -> list[_Chosen]:
        values = {
            **self._selection.values,
            "source": source,
            "entity": entity.name,
            "of_load": self.of_load,
            "after": self.after,
            "limit": self.limit,
        }
        rows = connection.execute(
            f"""
            select
                records.quarantine_id, records.position, records.raw,
                loads.origin, loads.origin_size, loads.origin_checksum
            from quarantine.records as records
            inner join ops.loads as loads on records.last_load_id = loads.load_id
            where
                {self._selection.condition}
                and records.source = %(source)s
                and records.entity = %(entity)s
                and records.status = 'open'
                and records.last_load_id = %(of_load)s
                and records.quarantine_id > %(after)s
            order by records.quarantine_id
            limit %(limit)s
            for update of records
            """,
            values,
        )
        return [
            _Chosen(key, KeptRecord(position, raw, origin_of(path, size, checksum)))
            for key, position, raw, path, size, checksum in rows
        ]

    def _is_superseded(
        self, connection: psycopg.Connection, source: str, entity: Entity, origin: Origin
    ) -> bool:
        """Whether the file has landed again since: a record that is still in it moved with it."""
        newest = ledger.landed_origin(connection, source, entity, origin.path)
        return newest is not None and newest[0] != origin.checksum


def origin_of(path: str | None, size: int | None, checksum: str | None) -> Origin | None:
    """The file that a load of the ledger read; None unless it read one."""
    return None if path is None else Origin(path, size or 0, checksum or "")


def _made_of(batch: Batch) -> Sequence[tuple[str, bytes]]:
    if isinstance(batch, RejectedRecord):
        return [(batch.position, batch.raw)]
    if isinstance(batch, TextRows) and batch.raw is not None:
        return list(zip(batch.positions, batch.raw, strict=True))
    raise KeyError
