"""One reading of one module of Vtiger (see `vtiger`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

import msgspec

from moshtari.landing.contract import ENTITIES
from moshtari.sources import vtiger_records as records
from moshtari.sources.base import (
    Batch,
    KeptRecord,
    RejectedRecord,
    SourceError,
    TextRows,
    Window,
)
from moshtari.sources.json_records import COMES_LATER, decode_record, text_rows
from moshtari.sources.vtiger_records import (
    ITEM_COLUMNS,
    MODULES,
    RECORD,
    Fields,
    OutsideBatchError,
    Record,
    Row,
    UnfitRecordError,
)
from moshtari.sources.vtiger_replay import replay_lines, replay_records
from moshtari.sources.vtiger_sync import Session, Sync, Updates

Found: TypeAlias = tuple[str, Record, bytes]
"""A record in its window: id, fields, and as received."""

# PHP takes 0 for nothing at all.
_BEGINNING = 1


class _Currency(msgspec.Struct):
    currency_code: str


class Reading:
    """One reading of one entity."""

    def __init__(
        self,
        source: str,
        entity: str,
        session: Session,
        fields: Fields,
        zone: ZoneInfo,
        currency: str | None,
    ) -> None:
        self._source, self._entity, self._session = source, entity, session
        self._fields, self._zone = fields, zone
        self._orders = "orders" if entity == "order_items" else entity
        self._module = MODULES[self._orders]
        self.sync = Sync(source, entity, session, self._module)
        self._currency, self._currencies = currency, dict[str, str]()

    def miss_no_field(self) -> None:
        """Raise SourceError for a field in use that the module does not show."""
        wanted = {"modifiedtime": "updated_at"}
        if self._entity != "order_items":
            wanted |= records.needed_fields(self._entity, self._fields)
        if self._currency is not None:
            wanted.pop("currency_id", None)
        for name in sorted(wanted.keys() - self.sync.described()):
            what = f"{self._module} shows no field {name}, which is to be {wanted[name]}"
            remedy = (
                f"Put the field's name of today into fields.{self._orders}, or null where "
                "there is none; if it exists, let the user's profile see it."
            )
            raise SourceError(self._source, self._entity, what, remedy)

    def batches(self, window: Window) -> Iterator[Batch]:
        self.miss_no_field()
        after, before = _BEGINNING, int(window.end.timestamp())
        if window.start is not None:
            after = max(_BEGINNING, int(window.start.timestamp()) - 1)
        known: dict[str, datetime] = {}
        for since, updates in self.sync.batches(after, before):
            found: dict[str, Found] = {}
            for raw in updates.updated:
                record = self._record(raw, since, updates)
                if isinstance(record, RejectedRecord):
                    yield record
                    continue
                at, key = record[0], record[1][0]
                # A record joined to several others comes once for each of them.
                if at < window.end and (key not in known or known[key] < at):
                    known[key] = at
                    found[key] = record[1]
            if self._entity == "order_items":
                yield from self._lines(found, window)
            else:
                yield from self._rows(found)
                yield from self._tombstones(updates, before)

    def replay(self, kept: Sequence[KeptRecord], window: Window) -> Iterator[Batch]:
        """What was kept, by the present mapping. Raises SourceError."""

        def in_time(record: Record) -> Record:
            if records.instant(record, "modifiedtime", self._zone) >= window.end:
                raise UnfitRecordError(COMES_LATER)
            return record

        if self._entity == "order_items":

            def lines(order: Record) -> list[Row]:
                return records.item_rows(in_time(order), self._zone)

            yield from replay_lines(kept, lines, self._retrieved)
        else:
            columns = records.columns(self._entity, self._fields)
            yield from replay_records(kept, columns, lambda record: self._row(in_time(record)))

    def _retrieved(self, key: str) -> msgspec.Raw:
        return self._session.call(self._entity, "retrieve", {"id": key}, msgspec.Raw)

    def _record(
        self, raw: msgspec.Raw, since: int, updates: Updates
    ) -> tuple[datetime, Found] | RejectedRecord:
        unnamed = f"a record without id past {since}"
        record = decode_record(raw, RECORD, self._module, unnamed)
        if isinstance(record, RejectedRecord):
            return record
        until = updates.lastModifiedTime
        try:
            key = records.identity(record)
            unnamed = f"{self._module} {key}"
            at = records.modified_at(record, self._zone, since, until)
        except UnfitRecordError as error:
            return RejectedRecord(unnamed, str(error), bytes(raw))
        except OutsideBatchError:
            what = (
                f"{unnamed}: modifiedtime in {self._zone.key} lies outside the batch "
                f"({since} to {until} in Unix time)"
            )
            remedy = "Put default_timezone of the server's config.inc.php into timezone."
            raise SourceError(self._source, self._entity, what, remedy) from None
        return at, (key, record, bytes(raw))

    def _rows(self, found: dict[str, Found]) -> Iterator[Batch]:
        rows: list[tuple[Row, str, bytes]] = []
        for key, record, raw in found.values():
            position = f"{self._module} {key}"
            try:
                row = self._row(record)
            except UnfitRecordError as error:
                yield RejectedRecord(position, str(error), raw)
            else:
                rows.append((row, position, raw))
        yield from text_rows(records.columns(self._entity, self._fields), rows, exact=False)

    def _row(self, record: Record) -> Row:
        is_priced = self._entity == "orders" and "currency" not in self._fields
        currency = self._currency_of(record) if is_priced else None
        return records.row(self._entity, record, self._fields, self._zone, currency)

    def _tombstones(self, updates: Updates, before: int) -> Iterator[TextRows]:
        at = datetime.fromtimestamp(min(updates.lastModifiedTime, before - 1), UTC).isoformat()
        columns = (*ENTITIES[self._entity].key, "_changed_at", "_is_deleted")
        rows = [
            ((key, at, "true"), f"deleted {key}", msgspec.json.encode({"deleted": key}))
            for key in dict.fromkeys(updates.deleted)
        ]
        yield from text_rows(columns, rows, exact=True)

    def _lines(self, found: dict[str, Found], window: Window) -> Iterator[Batch]:
        rows: list[tuple[Row, str, bytes]] = []
        for key in found:
            try:
                raw = self._retrieved(key)
            except SourceError:
                # One that was deleted since is refused like one that may not be seen; its
                # tombstone is of a later day.
                if self.sync.is_deleted_past(key, int(window.end.timestamp()) - 1):
                    continue
                raise
            order = decode_record(raw, RECORD, "SalesOrder", f"SalesOrder {key}")
            if isinstance(order, RejectedRecord):
                yield order
                continue
            try:
                if records.instant(order, "modifiedtime", self._zone) >= window.end:
                    continue
                lines = records.item_rows(order, self._zone)
            except UnfitRecordError as error:
                yield RejectedRecord(f"SalesOrder {key}", str(error), bytes(raw))
                continue
            rows += [(line, f"SalesOrder {key}, line {line[1]}", bytes(raw)) for line in lines]
        yield from text_rows(ITEM_COLUMNS, rows, exact=False)

    def _currency_of(self, record: Record) -> str:
        if self._currency is not None:
            return self._currency
        key = record.get("currency_id")
        if not isinstance(key, str) or not key:
            raise UnfitRecordError("no field currency_id; set currency in the configuration")
        if key not in self._currencies:
            found = self._session.call(self._entity, "retrieve", {"id": key}, _Currency)
            self._currencies[key] = found.currency_code
        return self._currencies[key]
