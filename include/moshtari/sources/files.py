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
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import duckdb

from moshtari.landing.contract import EXTRA
from moshtari.sources.base import (
    Batch,
    CheckResult,
    KeptRecord,
    Origin,
    RejectedRecord,
    SourceColumn,
    SourceContext,
    SourceError,
    TextRows,
    Window,
)
from moshtari.sources.drift import merged_extra
from moshtari.sources.files_bytes import FileFormatError
from moshtari.sources.files_config import FilesConfig
from moshtari.sources.files_lines import headers
from moshtari.sources.files_mapping import EntityQuery, MappingError, compile_mapping
from moshtari.sources.files_places import LocalPlace, Place, PlaceError
from moshtari.sources.files_records import reader_of
from moshtari.sources.files_replay import KeptLines, KeptLinesError, is_text, line_of
from moshtari.sources.files_stage import Stage, StagedFile

log = logging.getLogger(__name__)

_ROWS_AT_ONCE = 10_000


class FilesSource:
    """One source of kind `files`. Not for use by several threads; `close` frees its memory."""

    kind: ClassVar[str] = "files"
    Config: ClassVar[type[FilesConfig]] = FilesConfig
    lookback_hours: float = 0

    def __init__(self, name: str, config: FilesConfig, context: SourceContext) -> None:
        self.name = name
        self._config = config
        self._place = _place(config, context)
        self._timezone = config.timezone or str(context.timezone)
        self._stage: Stage | None = None
        self._queries: dict[str, EntityQuery] = {}
        self._told: set[Origin] = set()

    def entities(self) -> tuple[str, ...]:
        """The entities that the YAML maps, in its order."""
        return tuple(self._config.entities)

    def origins(self, entity: str, window: Window) -> list[Origin]:
        """The files, sorted by path; all of them whatever the window. SourceError for none."""
        try:
            return [self._place.origin(path) for path in self._place.paths()]
        except PlaceError as error:
            raise self._unreachable(entity, error) from error

    def read(self, entity: str, window: Window) -> Iterator[Batch]:
        """All files, one after the other."""
        for origin in self.origins(entity, window):
            yield from self.read_origin(entity, origin, window)

    def read_origin(self, entity: str, origin: Origin, window: Window) -> Iterator[Batch]:
        """The rows of one file as `TextRows`, then its rejected records."""
        query = self._query(entity)
        staged = self._staged(entity, origin, keep=window.keep)
        if staged.left_out and origin not in self._told:
            self._told.add(origin)
            log.warning(
                "source %s, %s: columns that the YAML does not name are left out: %s",
                self.name,
                origin.path,
                ", ".join(staged.left_out),
            )
        yield from self._rows(query, staged, origin)
        for rule, count in self._excluded(query, staged).items():
            log.info(
                "source %s, %s, %s: excluded %s: %s", self.name, entity, origin.path, rule, count
            )
        assert self._stage is not None
        for number, reason, raw in self._stage.rejected(staged):
            yield RejectedRecord(f"{origin.path}:{staged.place}{number}", reason, raw, origin)

    def columns(
        self, entity: str, window: Window, origin: Origin | None = None
    ) -> list[SourceColumn]:
        """Those of the file; a column that the YAML names is used, by whichever entity."""
        if origin is None:
            return []
        self._query(entity)
        staged = self._staged(entity, origin, keep=window.keep)
        types, named = staged.types, headers(self._config)
        used = [SourceColumn(name, types.get(name, ""), True) for name in dict.fromkeys(named)]
        extra = dict.fromkeys(name for name in staged.extra if name and name not in named)
        return used + [SourceColumn(name, types.get(name, ""), False) for name in extra]

    def details(self, entity: str, origin: Origin) -> dict[str, Any]:
        """For the load's ledger: records, those excluded by rule, and columns left out."""
        query = self._query(entity)
        staged = self._staged(entity, origin)
        return {
            "records": staged.rows + staged.rejected,
            "rejected": staged.rejected,
            "excluded": self._excluded(query, staged),
            "columns_left_out": list(staged.left_out),
            **self._place.checksums(origin),
        }

    def replay(self, entity: str, records: Sequence[KeptRecord], window: Window) -> Iterator[Batch]:
        """Rows of the lines that were kept; the file need be there for its header only.

        Groups of lines, and rows of Parquet and XLSX, are read from their file again.
        """
        query = self._query(entity)
        assert self._stage is not None
        kept = KeptLines(records)
        yield from kept.without_line()
        if kept.origin is None or not kept.lines:
            return
        try:
            if query.mapping.group_by or not is_text(self._config):
                yield from self._of_kept(query, self._again(entity, kept.origin), kept)
                return
            with kept.files(self._config, self._place) as files:
                for number, file in enumerate(files):
                    name = (kept.origin.path, f"kept {number}")
                    staged = self._staged(entity, Origin(name[0], 0, name[1]), file)
                    yield from self._of_kept(query, staged, kept)
                    self._stage.forget(*name)
        except KeptLinesError as error:
            yield from kept.rejected(str(error))

    def replays_anew(self, entity: str) -> bool:
        """A group of lines is made anew of all of them."""
        return bool(self._config.entities[entity].group_by)

    def check(self) -> list[CheckResult]:
        """Are there files, can they be read, do their columns fit, and can the mapping be used?"""
        results = [self._tried("mapping", lambda: self._query(self.entities()[0]))]
        try:
            paths = self._place.paths()
        except PlaceError as error:
            return [*results, CheckResult("files", False, error.what, error.remedy)]
        results.append(CheckResult("files", True, f"{len(paths)} found"))
        return [*results, self._tried(f"columns of {paths[-1]}", lambda: self._peek(paths[-1]))]

    def close(self) -> None:
        """Let go of what is staged and of connections; the next reading begins anew."""
        self._place.close()
        if self._stage is not None:
            self._stage.close()
            self._stage, self._queries = None, {}

    def _peek(self, path: str) -> None:
        with self._place.local(self._place.origin(path)) as file:
            next(reader_of(file, self._config).batches(), None)

    def _staged(
        self,
        entity: str,
        origin: Origin,
        given: Path | None = None,
        keep: Sequence[str] | None = None,
    ) -> StagedFile:
        """The file as it is staged; anew where other columns than those are to be kept."""
        assert self._stage is not None
        try:
            staged = self._stage.known(origin.path, origin.checksum)
            if staged is not None and keep is not None:
                kept = tuple(name for name in staged.extra if name in keep)
                if staged.kept != kept:
                    self._stage.forget(origin.path, origin.checksum)
                    staged = None
            if staged is None:
                with nullcontext(given) if given else self._place.local(origin) as file:
                    staged = self._stage.file(file, origin.path, origin.checksum, keep or ())
        except PlaceError as error:
            raise self._unreachable(entity, error) from error
        except FileFormatError as error:
            what = f"{origin.path}: {error.what}"
            raise SourceError(self.name, entity, what, error.remedy) from error
        except duckdb.Error as error:
            keys = f"sources.{self.name}.derive or .exclude"
            raise self._failing(entity, origin, keys, error) from error
        return staged

    # Rows -----------------------------------------------------------------------------------

    def _query(self, entity: str) -> EntityQuery:
        if not self._queries:
            stage = self._stage or Stage(self._config, self._timezone)
            self._stage = stage
            try:
                self._queries = compile_mapping(stage.db, stage.empty(), self._config)
            except MappingError as error:
                what = f"sources.{self.name}.{error.key}: {error.problem}"
                raise SourceError(self.name, entity, what, error.remedy) from error
        if entity not in self._queries:
            raise SourceError(
                self.name,
                entity,
                "the YAML does not map this entity",
                f"Add sources.{self.name}.entities.{entity}",
            )
        return self._queries[entity]

    def _rows(self, query: EntityQuery, staged: StagedFile, origin: Origin) -> Iterator[TextRows]:
        assert self._stage is not None
        recall = partial(self._recall, query.entity, staged, origin)
        extra = bool(staged.kept)
        # A cursor of its own: another entity may be read before this one is exhausted.
        cursor = self._stage.db.cursor()
        try:
            cursor.execute(query.rows(staged.table, extra=extra))
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                values = [row[:-1] for row in rows]
                if extra and query.mapping.group_by:
                    values = [(*row[:-1], merged_extra(row[-1])) for row in values]
                yield TextRows(
                    columns=(*query.columns, EXTRA) if extra else query.columns,
                    rows=values,
                    positions=[f"{origin.path}:{staged.place}{row[-1]}" for row in rows],
                    origin=origin,
                    recall=None if query.mapping.group_by else recall,
                )
        except duckdb.Error as error:
            key = query.failing_key(self._stage.db, staged.table)
            key = f"sources.{self.name}.{key}"
            raise self._failing(query.entity, origin, key, error) from error
        finally:
            cursor.close()

    def _again(self, entity: str, origin: Origin) -> StagedFile:
        try:
            return self._staged(entity, origin)
        except SourceError as error:
            raise KeptLinesError(f"its file cannot be read again: {error.what}") from error

    def _of_kept(self, query: EntityQuery, staged: StagedFile, kept: KeptLines) -> Iterator[Batch]:
        """The rows of kept lines, and which of them are rejected still."""
        assert self._stage is not None
        assert kept.origin is not None
        try:
            found = self._stage.db.execute(query.rows_of(staged.table, kept.lines)).fetchall()
        except duckdb.Error as error:
            key = query.failing_key(self._stage.db, staged.table)
            key = f"sources.{self.name}.{key}"
            raise self._failing(query.entity, kept.origin, key, error) from error
        yield from kept.rows(query.columns, found)
        for line, reason, _ in self._stage.rejected(staged):
            if line in kept.lines:
                yield kept.rejected_at(line, reason)

    def _recall(
        self, entity: str, staged: StagedFile, origin: Origin, positions: Sequence[str]
    ) -> Iterator[tuple[str, bytes]]:
        """The records at positions of rows, as they stand in the file. Raises SourceError."""
        assert self._stage is not None
        before = f"{origin.path}:{staged.place}"
        lines = [line for p in positions if (line := line_of(p, before)) is not None]
        ranges = self._stage.ranges(staged, lines)
        try:
            with self._place.local(origin) as file:
                for line, raw in reader_of(file, self._config).raw(ranges):
                    yield f"{before}{line}", raw
        except PlaceError as error:
            raise self._unreachable(entity, error) from error

    def _excluded(self, query: EntityQuery, staged: StagedFile) -> dict[str, int]:
        assert self._stage is not None
        own = dict(self._stage.db.execute(query.excluded(staged.table)).fetchall())
        return {**staged.excluded, **{r.name: own.get(r.name, 0) for r in query.mapping.exclude}}

    # Errors ---------------------------------------------------------------------------------

    def _failing(self, entity: str, origin: Origin, key: str, error: duckdb.Error) -> SourceError:
        # DuckDB quotes values in such errors, so only the kind of error is told.
        if isinstance(error, duckdb.OutOfMemoryException):
            what, remedy = f"{origin.path} needs more memory", "Raise `memory_limit` in the YAML"
        else:
            what = f"{key} fails on the data of {origin.path} ({type(error).__name__})"
            remedy = "Mend the expression, such as by try_cast or nullif"
        return SourceError(self.name, entity, what, remedy)

    def _unreachable(self, entity: str | None, error: PlaceError) -> SourceError:
        return SourceError(self.name, entity, error.what, error.remedy)

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
