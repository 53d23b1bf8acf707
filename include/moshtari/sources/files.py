"""Files as a source: CSV, TSV, JSON lines, fixed width (plain or gz), Parquet or XLSX.

`path` is a file, a pattern or a folder, of this machine or of any store that fsspec knows. A file
is parsed once into DuckDB (`files_stage`), and every entity is a query over its typed records
(`files_mapping`). Landing keeps the ledger of files and asks for those that are new or changed.
What is broken, or not of its declared type, is yielded as rejected; the rest comes in. As nobody
can tell which entity an unreadable line would have been, it is rejected with each: so landing knows
for each that something is missing.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from moshtari.sources import files_rejects
from moshtari.sources.base import (
    Batch,
    CheckResult,
    KeptRecord,
    Origin,
    RejectedRecord,
    SourceColumn,
    SourceContext,
    SourceError,
    Window,
)
from moshtari.sources.files_bytes import FileFormatError
from moshtari.sources.files_config import FilesConfig
from moshtari.sources.files_mapping import EntityQuery
from moshtari.sources.files_places import LocalPlace, Place, PlaceError
from moshtari.sources.files_reading import FilesReading
from moshtari.sources.files_records import reader_of
from moshtari.sources.files_replay import KeptLines, replay_lines
from moshtari.sources.files_stage import StagedFile

log = logging.getLogger(__name__)


class FilesSource:
    """One source of kind `files`. Not for use by several threads; `close` frees its memory."""

    kind: ClassVar[str] = "files"
    Config: ClassVar[type[FilesConfig]] = FilesConfig
    lookback_hours: float = 0

    def __init__(self, name: str, config: FilesConfig, context: SourceContext) -> None:
        self.name = name
        self._config = config
        self._place = _place(config, context)
        timezone = config.timezone or str(context.timezone)
        self._reading = FilesReading(name, config, self._place, timezone)
        self._details: dict[tuple[str, Origin], dict[str, Any]] = {}
        self._read: dict[tuple[str, Origin], StagedFile] = {}
        self._told: set[Origin] = set()

    def entities(self) -> tuple[str, ...]:
        """The entities that the YAML maps, in its order."""
        return tuple(self._config.entities)

    def origins(self, entity: str, window: Window) -> list[Origin]:
        """The files, sorted by path; all of them whatever the window. SourceError for none."""
        try:
            return [self._place.origin(path) for path in self._place.paths()]
        except PlaceError as error:
            raise SourceError(self.name, entity, error.what, error.remedy) from error

    def read(self, entity: str, window: Window) -> Iterator[Batch]:
        """All files, one after the other."""
        for origin in self.origins(entity, window):
            yield from self.read_origin(entity, origin, window)

    def read_origin(self, entity: str, origin: Origin, window: Window) -> Iterator[Batch]:
        """The rows of one file as `TextRows`, then its rejected records."""
        query = self._reading.query(entity)
        if self._goes_in_parts(query):
            yield from self._read_in_parts(query, origin, window.keep)
            return
        staged = self._reading.staged(entity, origin, keep=window.keep)
        yield from self._reading.rows(query, staged, origin)
        self._note(query, staged, origin, self._reading.excluded(query, staged))
        yield from self._rejected(staged, origin)

    def columns(
        self, entity: str, window: Window, origin: Origin | None = None
    ) -> list[SourceColumn]:
        """Those of the file; of one that goes through in parts, only once it was read."""
        if origin is None:
            return []
        query = self._reading.query(entity)
        if not self._goes_in_parts(query):
            staged = self._reading.staged(entity, origin, keep=window.keep)
            return self._reading.columns(staged)
        read = self._read.get((entity, origin))
        return self._reading.columns(read) if read else []

    def _goes_in_parts(self, query: EntityQuery) -> bool:
        return query.in_order and len(self._config.entities) == 1

    def _read_in_parts(
        self, query: EntityQuery, origin: Origin, keep: Sequence[str]
    ) -> Iterator[Batch]:
        rows = 0
        excluded: Counter[str] = Counter()
        for part in self._reading.parts(query, origin, keep):
            yield from self._reading.rows(query, part, origin)
            rows += part.rows
            excluded.update(self._reading.excluded(query, part))
        # The last part tells what was rejected in all of them, and which columns were seen.
        self._read[query.entity, origin] = part
        self._note(query, replace(part, rows=rows), origin, dict(excluded))
        yield from self._rejected(part, origin)

    def _rejected(self, staged: StagedFile, origin: Origin) -> Iterator[RejectedRecord]:
        for line, reason, raw in files_rejects.read(self._reading.stage.db, staged.rejects):
            yield RejectedRecord(f"{origin.path}:{staged.place}{line}", reason, raw, origin)

    def details(self, entity: str, origin: Origin) -> dict[str, Any]:
        """For the load's ledger: records, those excluded by rule, and columns left out."""
        if (entity, origin) not in self._details:
            query = self._reading.query(entity)
            staged = self._reading.staged(entity, origin)
            self._note(query, staged, origin, self._reading.excluded(query, staged))
        return self._details[entity, origin]

    def replay(self, entity: str, records: Sequence[KeptRecord], window: Window) -> Iterator[Batch]:
        """Rows of the lines that were kept; the file need be there for its header only.

        Groups of lines, and rows of Parquet and XLSX, are read from their file again.
        """
        query = self._reading.query(entity)
        kept = KeptLines(records)
        yield from kept.without_line()
        if kept.origin is not None and kept.lines:
            yield from replay_lines(self._reading, query, kept, kept.origin)

    def replays_anew(self, entity: str) -> bool:
        """A group of lines is made anew of all of them."""
        return bool(self._config.entities[entity].group_by)

    def check(self) -> list[CheckResult]:
        """Are there files, can they be read, do their columns fit, and can the mapping be used?"""
        results = [self._tried("mapping", lambda: self._reading.query(self.entities()[0]))]
        try:
            paths = self._place.paths()
        except PlaceError as error:
            return [*results, CheckResult("files", False, error.what, error.remedy)]
        results.append(CheckResult("files", True, f"{len(paths)} found"))
        return [*results, self._tried(f"columns of {paths[-1]}", lambda: self._peek(paths[-1]))]

    def close(self) -> None:
        """Let go of what is staged and of connections; the next reading begins anew."""
        self._place.close()
        self._reading.close()
        self._details.clear()
        self._read.clear()

    def _peek(self, path: str) -> None:
        with self._place.local(self._place.origin(path)) as file:
            next(reader_of(file, self._config).batches(), None)

    def _note(
        self, query: EntityQuery, staged: StagedFile, origin: Origin, excluded: dict[str, int]
    ) -> None:
        """What the ledger and the log are told of a file that was read."""
        for rule, count in excluded.items():
            log.info(
                "source %s, %s, %s: excluded %s: %s",
                self.name,
                query.entity,
                origin.path,
                rule,
                count,
            )
        if staged.left_out and origin not in self._told:
            self._told.add(origin)
            log.warning(
                "source %s, %s: columns that the YAML does not name are left out: %s",
                self.name,
                origin.path,
                ", ".join(staged.left_out),
            )
        self._details[query.entity, origin] = {
            "records": staged.rows + staged.rejected,
            "rejected": staged.rejected,
            "excluded": excluded,
            "columns_left_out": list(staged.left_out),
            **self._place.checksums(origin),
        }

    def _tried(self, name: str, attempt: Any) -> CheckResult:
        try:
            attempt()
        except (SourceError, FileFormatError, PlaceError) as error:
            return CheckResult(name, False, error.what, error.remedy)
        return CheckResult(name, True)


def _place(config: FilesConfig, context: SourceContext) -> Place:
    if config.is_remote:
        from moshtari.sources.files_remote import RemotePlace

        return RemotePlace(config.path, config.storage_options)
    return LocalPlace(config.path, context.directory)
