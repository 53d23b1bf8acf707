"""Files as a source: CSV, TSV, JSON lines or fixed width, plain or gz; one, a pattern or a folder.

A file is parsed once into DuckDB (`files_stage`), and every entity is a query over its typed
records (`files_mapping`). Landing keeps the ledger of files and asks for those that are new or
changed. What is broken, or not of its declared type, is yielded as rejected; the rest comes in. As
nobody can tell which entity an unreadable line would have been, it is rejected with each: so
landing knows for each that something is missing.
"""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import duckdb

from moshtari.sources.base import (
    Batch,
    CheckResult,
    Origin,
    RejectedRecord,
    SourceContext,
    SourceError,
    TextRows,
    Window,
)
from moshtari.sources.files_bytes import FileFormatError, checksum
from moshtari.sources.files_config import FilesConfig
from moshtari.sources.files_mapping import EntityQuery, MappingError, compile_mapping
from moshtari.sources.files_records import RecordReader
from moshtari.sources.files_stage import Stage, StagedFile

log = logging.getLogger(__name__)

_ROWS_AT_ONCE = 10_000
_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload")


class FilesSource:
    """One source of kind `files`. Not for use by several threads; `close` frees its memory."""

    kind: ClassVar[str] = "files"
    Config: ClassVar[type[FilesConfig]] = FilesConfig
    lookback_hours: float = 0

    def __init__(self, name: str, config: FilesConfig, context: SourceContext) -> None:
        self.name = name
        self._config = config
        self._directory = context.directory
        self._timezone = config.timezone or str(context.timezone)
        self._stage: Stage | None = None
        self._queries: dict[str, EntityQuery] = {}
        self._checksums: dict[Path, tuple[tuple[int, int], str]] = {}
        self._told: set[Origin] = set()

    def entities(self) -> tuple[str, ...]:
        """The entities that the YAML maps, in its order."""
        return tuple(self._config.entities)

    def origins(self, entity: str, window: Window) -> list[Origin]:
        """The files, sorted by path; all of them whatever the window. SourceError for none."""
        return [self._origin(entity, path) for path in self._paths(entity)]

    def read(self, entity: str, window: Window) -> Iterator[Batch]:
        """All files, one after the other."""
        for origin in self.origins(entity, window):
            yield from self.read_origin(entity, origin, window)

    def read_origin(self, entity: str, origin: Origin, window: Window) -> Iterator[Batch]:
        """The rows of one file as `TextRows`, then its rejected records."""
        query = self._query(entity)
        staged = self._staged(entity, origin)
        yield from self._rows(query, staged, origin)
        for rule, count in self._excluded(query, staged).items():
            log.info(
                "source %s, %s, %s: excluded %s: %s", self.name, entity, origin.path, rule, count
            )
        assert self._stage is not None
        try:
            for line, reason, raw in self._stage.rejected(staged):
                yield RejectedRecord(f"{origin.path}:{line}", reason, raw, origin)
        except (OSError, ValueError) as error:
            raise self._changed(entity, origin) from error

    def details(self, entity: str, origin: Origin) -> dict[str, Any]:
        """For the load's ledger: records, those excluded by rule, and columns left out."""
        query = self._query(entity)
        staged = self._staged(entity, origin)
        return {
            "records": staged.rows + staged.rejected,
            "rejected": staged.rejected,
            "excluded": self._excluded(query, staged),
            "columns_left_out": list(staged.extra),
        }

    def check(self) -> list[CheckResult]:
        """Are there files, can they be read, do their columns fit, and can the mapping be used?"""
        results = [self._tried("mapping", lambda: self._query(self.entities()[0]))]
        try:
            paths = self._paths(None)
        except SourceError as error:
            return [*results, CheckResult("files", False, error.what, error.remedy)]
        results.append(CheckResult("files", True, f"{len(paths)} found"))
        newest = paths[-1]
        reader = RecordReader(newest, self._config)
        shown = self._shown(newest)
        return [*results, self._tried(f"columns of {shown}", lambda: next(reader.batches(), None))]

    def close(self) -> None:
        """Let go of what is staged; the next reading parses again."""
        if self._stage is not None:
            self._stage.close()
            self._stage, self._queries = None, {}

    # Files ----------------------------------------------------------------------------------

    def _paths(self, entity: str | None) -> list[Path]:
        configured = self._directory / self._config.path
        if glob.has_magic(self._config.path):
            found = [Path(path) for path in glob.glob(str(configured), recursive=True)]
        elif configured.is_dir():
            found = list(configured.iterdir())
        elif configured.is_file():
            return [configured]
        else:
            raise SourceError(
                self.name,
                entity,
                f"there is no file or folder {self._config.path}",
                "Put it there, or mend `path` (relative to the YAML)",
            )
        files = sorted(path for path in found if path.is_file() and _finished(path))
        if not files:
            raise SourceError(
                self.name,
                entity,
                f"{self._config.path} holds no file",
                "Mend `path`; leave files that were loaded in their place",
            )
        return files

    def _shown(self, path: Path) -> str:
        """The path as the YAML means it: relative to it, unless configured as absolute."""
        if Path(self._config.path).is_absolute():
            return path.as_posix()
        return Path(os.path.relpath(path, self._directory)).as_posix()

    def _origin(self, entity: str | None, path: Path) -> Origin:
        try:
            state = _state(path)
            known = self._checksums.get(path)
            if known is None or known[0] != state:
                self._checksums[path] = (state, checksum(path))
        except OSError as error:
            raise self._unreadable(entity, self._shown(path), error) from error
        return Origin(self._shown(path), state[0], self._checksums[path][1])

    def _staged(self, entity: str, origin: Origin) -> StagedFile:
        path = self._directory / origin.path
        if self._origin(entity, path) != origin:
            raise self._changed(entity, origin)
        assert self._stage is not None
        try:
            staged = self._stage.file(path, origin.path, origin.checksum)
            if _state(path) != self._checksums[path][0]:
                raise self._changed(entity, origin)
        except OSError as error:
            raise self._unreadable(entity, origin.path, error) from error
        except FileFormatError as error:
            what = f"{origin.path}: {error.what}"
            raise SourceError(self.name, entity, what, error.remedy) from error
        except duckdb.Error as error:
            keys = f"sources.{self.name}.derive or .exclude"
            raise self._failing(entity, origin, keys, error) from error
        if staged.extra and origin not in self._told:
            self._told.add(origin)
            log.warning(
                "source %s, %s: columns that the YAML does not name are left out: %s",
                self.name,
                origin.path,
                ", ".join(staged.extra),
            )
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
        # A cursor of its own: another entity may be read before this one is exhausted.
        cursor = self._stage.db.cursor()
        try:
            cursor.execute(query.rows(staged.table))
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                yield TextRows(
                    columns=query.columns,
                    rows=[row[:-1] for row in rows],
                    positions=[f"{origin.path}:{row[-1]}" for row in rows],
                    origin=origin,
                )
        except duckdb.Error as error:
            key = query.failing_key(self._stage.db, staged.table)
            key = f"sources.{self.name}.{key}"
            raise self._failing(query.entity, origin, key, error) from error
        finally:
            cursor.close()

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

    def _changed(self, entity: str, origin: Origin) -> SourceError:
        return SourceError(
            self.name,
            entity,
            f"{origin.path} has changed while it was being read",
            "Write files under another name (.part) and rename them when complete; run again",
        )

    def _unreadable(self, entity: str | None, path: str, error: OSError) -> SourceError:
        return SourceError(
            self.name,
            entity,
            f"{path} cannot be read ({error.strerror or type(error).__name__})",
            "Check that it is there and may be read by this user",
        )

    def _tried(self, name: str, attempt: Any) -> CheckResult:
        try:
            attempt()
        except (SourceError, FileFormatError) as error:
            return CheckResult(name, False, error.what, error.remedy)
        except OSError as error:
            return CheckResult(name, False, type(error).__name__, "Check the file's permissions")
        return CheckResult(name, True)


def _finished(path: Path) -> bool:
    return not path.name.startswith(".") and path.suffix not in _UNFINISHED


def _state(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns
