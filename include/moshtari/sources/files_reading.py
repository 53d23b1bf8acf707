"""What a source of files reads with: one stage, the queries over it, and what to say of a failure.

All that goes wrong with a file leaves here as a SourceError; the values in it are not quoted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from moshtari.sources.base import ArrowRows, Origin, SourceColumn, SourceError, TextRows
from moshtari.sources.files_bytes import FileFormatError
from moshtari.sources.files_columns import as_rows
from moshtari.sources.files_config import FilesConfig
from moshtari.sources.files_lines import headers
from moshtari.sources.files_mapping import EntityQuery, MappingError, compile_mapping
from moshtari.sources.files_places import Place, PlaceError
from moshtari.sources.files_records import reader_of
from moshtari.sources.files_stage import Stage, StagedFile

_ROWS_AT_ONCE = 10_000


class FilesReading:
    """Of one source. Not for use by several threads; after `close` it begins anew."""

    def __init__(self, name: str, config: FilesConfig, place: Place, timezone: str) -> None:
        self.config, self.place = config, place
        self._name, self._timezone = name, timezone
        self._stage: Stage | None = None
        self._queries: dict[str, EntityQuery] = {}

    @property
    def stage(self) -> Stage:
        if self._stage is None:
            self._stage = Stage(self.config, self._timezone)
        return self._stage

    def close(self) -> None:
        if self._stage is not None:
            self._stage.close()
            self._stage, self._queries = None, {}

    def query(self, entity: str) -> EntityQuery:
        """The entity's query. SourceError if the YAML has none, or one that cannot be used."""
        if not self._queries:
            try:
                self._queries = compile_mapping(self.stage.db, self.stage.empty(), self.config)
            except MappingError as error:
                what = f"sources.{self._name}.{error.key}: {error.problem}"
                raise SourceError(self._name, entity, what, error.remedy) from error
        if entity not in self._queries:
            raise SourceError(
                self._name,
                entity,
                "the YAML does not map this entity",
                f"Add sources.{self._name}.entities.{entity}",
            )
        return self._queries[entity]

    def staged(
        self,
        entity: str,
        origin: Origin,
        given: Path | None = None,
        keep: Sequence[str] | None = None,
    ) -> StagedFile:
        """The whole file, from its place or as it is given.

        It is staged anew where other new columns than those of `keep` were kept.
        """
        staged = self.stage.known(origin.path, origin.checksum)
        if staged is not None and keep is not None:
            kept = tuple(name for name in staged.extra if name in keep)
            if staged.kept != kept:
                self.stage.forget(origin.path, origin.checksum)
                staged = None
        if staged is None:
            there = nullcontext(given) if given else self.place.local(origin)
            with self._told(entity, origin), there as file:
                staged = self.stage.file(file, origin.path, origin.checksum, keep or ())
        return staged

    def parts(
        self, query: EntityQuery, origin: Origin, keep: Sequence[str]
    ) -> Iterator[StagedFile]:
        """Some of the file at a time (see `Stage.parts`)."""
        with self._told(query.entity, origin), self.place.local(origin) as file:
            yield from self.stage.parts(file, origin.path, keep, query.verbatim)

    def columns(self, staged: StagedFile) -> list[SourceColumn]:
        """Those of a file that was read; one that the YAML names is used, by whichever entity."""
        types, named = staged.types, headers(self.config)
        used = [SourceColumn(name, types.get(name, ""), True) for name in dict.fromkeys(named)]
        extra = dict.fromkeys(name for name in staged.extra if name and name not in named)
        return used + [SourceColumn(name, types.get(name, ""), False) for name in extra]

    def rows(
        self, query: EntityQuery, staged: StagedFile, origin: Origin
    ) -> Iterator[TextRows | ArrowRows]:
        grouped = bool(query.mapping.group_by)
        recall = None if grouped else partial(self._recall, query.entity, staged, origin)
        extra = bool(staged.kept)
        before = f"{origin.path}:{staged.place}"
        if staged.ready is not None:
            values, at = staged.ready
            positions = pc.binary_join_element_wise(before, at.cast(pa.string()), "")
            yield ArrowRows(values, positions, origin=origin, recall=recall)
            return
        # A cursor of its own: another entity may be read before this one is exhausted.
        cursor = self.stage.db.cursor()
        try:
            with self._told_of_rows(query, staged, origin):
                found = cursor.sql(query.rows(staged.table, extra=extra))
                for batch in found.to_arrow_reader(_ROWS_AT_ONCE):
                    rows = as_rows(query, batch, before)
                    yield replace(rows, origin=origin, recall=recall)
        finally:
            cursor.close()

    def rows_of(
        self, query: EntityQuery, staged: StagedFile, origin: Origin, lines: Sequence[int]
    ) -> list[tuple[Any, ...]]:
        """Rows of these lines; the last value of each names its lines (see `EntityQuery`)."""
        with self._told_of_rows(query, staged, origin):
            cursor = self.stage.db.execute(query.rows_of(staged.table, lines))
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    def excluded(self, query: EntityQuery, staged: StagedFile) -> dict[str, int]:
        """How many records each exclusion took out."""
        if staged.ready is not None:
            return {}
        own = dict(self.stage.db.execute(query.excluded(staged.table)).fetchall())
        return {**staged.excluded, **{r.name: own.get(r.name, 0) for r in query.mapping.exclude}}

    def _recall(
        self, entity: str, staged: StagedFile, origin: Origin, positions: Sequence[str]
    ) -> Iterator[tuple[str, bytes]]:
        """The records at positions of rows, as they stand in the file."""
        before = f"{origin.path}:{staged.place}"
        lines = [line for p in positions if (line := line_of(p, before)) is not None]
        ranges = self.stage.ranges(staged, lines)
        with self._told(entity, origin), self.place.local(origin) as file:
            for line, raw in reader_of(file, self.config).raw(ranges):
                yield f"{before}{line}", raw

    @contextmanager
    def _told(self, entity: str, origin: Origin) -> Iterator[None]:
        try:
            yield
        except PlaceError as error:
            raise SourceError(self._name, entity, error.what, error.remedy) from error
        except FileFormatError as error:
            what = f"{origin.path}: {error.what}"
            raise SourceError(self._name, entity, what, error.remedy) from error
        except duckdb.Error as error:
            keys = f"sources.{self._name}.derive or .exclude"
            raise self._failing(entity, origin, keys, error) from error

    @contextmanager
    def _told_of_rows(
        self, query: EntityQuery, staged: StagedFile, origin: Origin
    ) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            key = f"sources.{self._name}.{query.failing_key(self.stage.db, staged.table)}"
            raise self._failing(query.entity, origin, key, error) from error

    def _failing(self, entity: str, origin: Origin, key: str, error: duckdb.Error) -> SourceError:
        # DuckDB quotes values in such errors, so only the kind of error is told.
        if isinstance(error, duckdb.OutOfMemoryException):
            what, remedy = f"{origin.path} needs more memory", "Raise `memory_limit` in the YAML"
        else:
            what = f"{key} fails on the data of {origin.path} ({type(error).__name__})"
            remedy = "Mend the expression, such as by try_cast or nullif"
        return SourceError(self._name, entity, what, remedy)


def line_of(position: str, before: str) -> int | None:
    """The number behind `before` (path and colon); None where there is none."""
    digits = position.removeprefix(before)
    return int(digits) if position.startswith(before) and digits.isdecimal() else None
