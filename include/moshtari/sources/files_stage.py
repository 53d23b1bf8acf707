"""A file's typed records in DuckDB, parsed once for all entities that are made of it.

Where one entity is made of one record at a time, nothing needs the whole file: then it goes through
in parts, which takes as little memory for a large file as for a small one.
"""

# ruff: noqa: S608 - the queries are the YAML's own, in a DuckDB that holds nothing else

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from moshtari.sources import files_rejects
from moshtari.sources.ahead import ahead
from moshtari.sources.files_apart import pieces_of
from moshtari.sources.files_config import Exclusion, FilesConfig
from moshtari.sources.files_lines import Records
from moshtari.sources.files_pieces import Piece, schema
from moshtari.sources.files_sandbox import excluded, plain, sandbox, typing
from moshtari.sources.files_types import literal, quoted, typed_column
from moshtari.sources.files_verbatim import Verbatim

# Records kept staged for the next entity, over all files; beyond it the oldest file is let go.
_ROWS_KEPT = 20_000_000
# Files that went through in parts of which is known where their records stood. One is enough for
# landing, which asks when it has read a file and before it reads the next.
_FILES_KNOWN = 8


@dataclass(frozen=True)
class StagedFile:
    """One file in DuckDB: its records, which were rejected, and which were excluded by name.

    `place` is what stands before a record's number in its position. `spans` is where records end: a
    good one that it does not name ends on the line that it begins on. `extra` are the columns that
    the YAML does not name, `kept` those of them that were wanted, `types` what the format says.
    `ready` are rows and their lines in place of the records, where DuckDB is not needed.
    """

    table: str
    place: str
    rejects: str
    spans: str
    rows: int
    rejected: int
    excluded: dict[str, int]
    extra: tuple[str, ...]
    kept: tuple[str, ...]
    types: dict[str, str]
    ready: tuple[pa.RecordBatch, pa.Array] | None = None

    @property
    def left_out(self) -> tuple[str, ...]:
        """The columns that neither the YAML names nor anybody wants kept."""
        return tuple(name for name in self.extra if name not in self.kept)


class Stage:
    """The DuckDB of one source. Not for use by several threads."""

    def __init__(self, config: FilesConfig, timezone: str) -> None:
        self._config = config
        self._columns = [typed_column(name, spec, config) for name, spec in config.columns.items()]
        folder = tempfile.mkdtemp(prefix="moshtari-files-")
        self._cleanup = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.db = sandbox(config, timezone, folder)
        self._staged: dict[str, StagedFile] = {}
        self._gone_through: list[str] = []
        self._number = 0

    def close(self) -> None:
        """Drop everything staged."""
        self.db.close()
        self._cleanup()

    def empty(self) -> str:
        """A table of the records' shape without any, to try expressions on."""
        self._drop("shape")
        self._create("shape", [])
        return self._finish("shape", "", derive={}, exclude=())

    def known(self, name: str, checksum: str) -> StagedFile | None:
        """The file, if it is staged already."""
        return self._staged.get(f"{checksum} {name}")

    def file(self, path: Path, name: str, checksum: str, keep: Sequence[str] = ()) -> StagedFile:
        """Stage the file's records; its bytes are not needed afterwards.

        Of the file's columns that the YAML does not name, `keep` are staged too, as one.
        `name` is what expressions see as `file`. Raises FileFormatError, or duckdb.Error when an
        expression of `derive` or `exclude` fails on the data; then nothing is staged.
        """
        self._number += 1
        table = f"file_{self._number}"
        try:
            staged = self._load(path, name, table, keep)
        except BaseException:
            self._drop(table)
            raise
        self._staged[f"{checksum} {name}"] = staged
        self._let_go()
        return staged

    def parts(
        self, path: Path, name: str, keep: Sequence[str] = (), verbatim: Verbatim | None = None
    ) -> Iterator[StagedFile]:
        """Some records at a time, each part gone when the next is asked for.

        The last has no records but tells of all that were rejected. That, and where the good ones
        stand, is known for some time afterwards. Raises what `file` does.
        """
        self._number += 1
        table = f"file_{self._number}"
        pieces = pieces_of(path, self._config, keep)
        reader = pieces.reader
        try:
            files_rejects.create(self.db, table)
            self.db.execute(f"create table {table}_spans (line bigint, __last bigint)")
            for rows in self._incoming(table, pieces):
                ready = self._ready(table, rows, reader, verbatim, keep)
                if ready is not None:
                    yield ready
                    continue
                self._fill(table, rows, create=True)
                yield self._part(table, name, reader, keep)
                self._drop_records(table)
            self._fill(table, self._nothing(), create=True)
            last = self._part(table, name, reader, keep)
            yield replace(last, rejected=files_rejects.keep_raw(self.db, table, reader))
        except BaseException:
            self._drop(table)
            raise
        self._drop_records(table)
        self._gone_through.append(table)
        if len(self._gone_through) > _FILES_KNOWN:
            self._drop(self._gone_through.pop(0))

    def _ready(
        self,
        table: str,
        records: pa.Table,
        reader: Records,
        verbatim: Verbatim | None,
        keep: Sequence[str],
    ) -> StagedFile | None:
        """Records that are rows as they stand, each on one line; None where they are not."""
        lines = records.column("line").combine_chunks()
        if verbatim is None or not lines.equals(records.column("__last").combine_chunks()):
            return None
        rows = verbatim.rows(records)
        if rows is None:
            return None
        return StagedFile(
            table="",
            place=reader.place,
            rejects=f"{table}_rejects",
            spans=f"{table}_spans",
            rows=rows.num_rows,
            rejected=0,
            excluded={},
            extra=reader.extra,
            kept=tuple(keep),
            types=reader.types,
            ready=(rows, lines),
        )

    def _part(self, table: str, name: str, reader: Records, keep: Sequence[str]) -> StagedFile:
        found = self._finish(table, name, self._config.derive, self._config.exclude)
        self.db.execute(
            f"insert into {table}_spans select line, __last from {found} where __last > line"
        )
        # Which columns a file of JSON has is known when all of it is read.
        counted = self._counted(found, table, reader, 0, keep)
        return replace(counted, spans=f"{table}_spans", kept=tuple(keep))

    def forget(self, name: str, checksum: str) -> None:
        """Drop a file that is not needed again."""
        staged = self._staged.pop(f"{checksum} {name}", None)
        if staged is not None:
            self._drop(_name(staged))

    def ranges(self, staged: StagedFile, lines: Sequence[int]) -> list[tuple[int, int]]:
        """First and last line of the good records that begin on these lines, in their order."""
        self.db.register("wanted", pa.table({"line": pa.array(lines, pa.int64())}))
        found = self._all(
            "select distinct line, coalesce(__last, line) from wanted "
            f"left join {staged.spans} using (line) "
            f"where line not in (select first from {staged.rejects}) order by line"
        )
        self.db.unregister("wanted")
        return [(first, last) for first, last in found]

    def _load(self, path: Path, name: str, table: str, keep: Sequence[str]) -> StagedFile:
        pieces = pieces_of(path, self._config, keep)
        reader = pieces.reader
        self._create(table, pieces)
        found = self._finish(table, name, self._config.derive, self._config.exclude)
        return self._counted(
            found, table, reader, files_rejects.keep_raw(self.db, table, reader), keep
        )

    def _counted(
        self, found: str, table: str, reader: Records, rejected: int, keep: Sequence[str]
    ) -> StagedFile:
        counts = dict(self._all(f"select __excluded, count(*) from {found} group by 1"))
        return StagedFile(
            table=found,
            place=reader.place,
            rejects=f"{table}_rejects",
            spans=found,
            rows=sum(counts.values()),
            rejected=rejected,
            excluded={rule.name: counts.get(rule.name, 0) for rule in self._config.exclude},
            extra=reader.extra,
            kept=tuple(name for name in reader.extra if name in keep),
            types=reader.types,
        )

    def _create(self, table: str, pieces: Iterable[Piece]) -> None:
        """Typed records into `<table>_typed`, broken and mistyped ones into `<table>_rejects`."""
        self._fill(table, self._nothing(), create=True)
        files_rejects.create(self.db, table)
        for rows in self._incoming(table, pieces):
            self._fill(table, rows)

    def _nothing(self) -> pa.Table:
        return schema(self._columns).empty_table()

    def _incoming(self, table: str, pieces: Iterable[Piece]) -> Iterator[pa.Table]:
        """Records; the broken ones go to the rejects. While some are in use, the next are read."""
        for records, broken in ahead(iter(pieces)):
            if broken:
                files_rejects.add(self.db, table, broken)
            if records is not None:
                yield records

    def _fill(self, table: str, rows: pa.Table, create: bool = False) -> None:
        self.db.register("incoming", rows)
        verb = f"create table {table}_typed as" if create else f"insert into {table}_typed"
        self.db.execute(f"{verb} {typing(self._columns, plain(self._columns, rows))}")
        self.db.unregister("incoming")

    def _finish(
        self, table: str, name: str, derive: dict[str, str], exclude: Sequence[Exclusion]
    ) -> str:
        """Derived columns and exclusions over the good records; the bad ones are set apart.

        Gives the relation: a view where nothing is derived, so that no row is kept twice.
        """
        self.db.execute(
            f"insert into {table}_rejects "
            f"select line, __last, __reason from {table}_typed where __reason is not null"
        )
        query = (
            f"select * exclude (__reason), {literal(name)} as file "
            f"from {table}_typed where __reason is null"
        )
        for column, expression in derive.items():
            query = f"select *, (\n{expression}\n) as {quoted(column)} from (\n{query}\n)"
        query = f"select *, {excluded(exclude)} as __excluded from (\n{query}\n)"
        if not derive:
            self.db.execute(f"create view {table}_view as {query}")
            return f"{table}_view"
        self.db.execute(f"create table {table} as {query}")
        self.db.execute(f"drop table {table}_typed")
        return table

    def _let_go(self) -> None:
        while len(self._staged) > 1 and sum(s.rows for s in self._staged.values()) > _ROWS_KEPT:
            oldest = next(iter(self._staged))
            self._drop(_name(self._staged.pop(oldest)))

    def _drop(self, table: str) -> None:
        self._drop_records(table)
        files_rejects.drop(self.db, table)
        self.db.execute(f"drop table if exists {table}_spans")

    def _drop_records(self, table: str) -> None:
        self.db.execute(f"drop view if exists {table}_view")
        for name in (table, f"{table}_typed"):
            self.db.execute(f"drop table if exists {name}")

    def _all(self, query: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self.db.execute(query).fetchall()
        return found


def _name(staged: StagedFile) -> str:
    return staged.rejects.removesuffix("_rejects")
