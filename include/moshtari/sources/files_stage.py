"""A file's typed records in DuckDB, parsed once for all entities that are made of it.

DuckDB runs in memory, spills to a folder of its own above `memory_limit`, and is shut off from the
file system, the network and Python's variables before an expression of the YAML reaches it.
"""

# ruff: noqa: S608 - the queries are the YAML's own, in a DuckDB that holds nothing else

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from moshtari.sources.files_bytes import FileFormatError
from moshtari.sources.files_config import Exclusion, FilesConfig
from moshtari.sources.files_lines import RecordBatch, Records
from moshtari.sources.files_records import reader_of
from moshtari.sources.files_types import TypedColumn, literal, quoted, typed_column

# Rows that go into DuckDB at a time: about one of its row groups.
_ROWS_AT_ONCE = 120_000
# Rejected records whose bytes are taken up at a time.
_RAW_AT_ONCE = 500
# Records kept staged for the next entity, over all files; beyond it the oldest file is let go.
_ROWS_KEPT = 20_000_000
# What stands beside the columns of the YAML.
_OWN = ("line", "__last", "__extra")


@dataclass(frozen=True)
class StagedFile:
    """One file in DuckDB: its records, which were rejected, and which were excluded by name.

    `place` is what stands before a record's number in its position.
    """

    table: str
    place: str
    rejects: str
    rows: int
    rejected: int
    excluded: dict[str, int]
    extra: tuple[str, ...]
    kept: tuple[str, ...]
    types: dict[str, str]

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
        self.db = _sandbox(config, timezone, folder)
        self._staged: dict[str, StagedFile] = {}
        self._number = 0

    def close(self) -> None:
        """Drop everything staged."""
        self.db.close()
        self._cleanup()

    def empty(self) -> str:
        """A table of the records' shape without any, to try expressions on."""
        self._drop("shape")
        self._create("shape", [])
        self._finish("shape", "", derive={}, exclude=())
        return "shape"

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

    def forget(self, name: str, checksum: str) -> None:
        """Drop a file that is not needed again."""
        staged = self._staged.pop(f"{checksum} {name}", None)
        if staged is not None:
            self._drop(staged.table)

    def ranges(self, staged: StagedFile, lines: Sequence[int]) -> list[tuple[int, int]]:
        """First and last line of the records that begin on these lines, in their order."""
        self.db.register("wanted", pa.table({"line": pa.array(lines, pa.int64())}))
        found = self._all(
            f"select distinct line, __last from {staged.table} "
            "where line in (select line from wanted) order by line"
        )
        self.db.unregister("wanted")
        return [(first, last) for first, last in found]

    def rejected(self, staged: StagedFile) -> Iterator[tuple[int, str, bytes]]:
        """First line, reason and raw bytes of each rejected record, in the file's order."""
        cursor = self.db.cursor()
        try:
            cursor.execute(
                f"select first, reason, raw from {staged.rejects} "
                f"inner join {staged.rejects}_raw using (first) order by first"
            )
            while found := cursor.fetchmany(_RAW_AT_ONCE):
                yield from found
        finally:
            cursor.close()

    def _load(self, path: Path, name: str, table: str, keep: Sequence[str]) -> StagedFile:
        reader = reader_of(path, self._config, keep)
        self._create(table, reader.batches())
        self._finish(table, name, self._config.derive, self._config.exclude)
        counts = self._all(f"select __excluded, count(*) from {table} group by 1")
        return StagedFile(
            table=table,
            place=reader.place,
            rejects=f"{table}_rejects",
            rows=sum(count for _, count in counts),
            rejected=self._keep_raw(table, reader),
            excluded={rule.name: dict(counts).get(rule.name, 0) for rule in self._config.exclude},
            extra=reader.extra,
            kept=tuple(name for name in reader.extra if name in keep),
            types=reader.types,
        )

    def _keep_raw(self, table: str, reader: Records) -> int:
        """The rejected records as received, read once more; gives how many there are."""
        self.db.execute(f"create table {table}_rejects_raw (first bigint, raw blob)")
        ranges = self._all(f"select first, last from {table}_rejects order by first")
        found = iter(reader.raw(ranges)) if ranges else iter(())
        kept = 0
        while some := list(islice(found, _RAW_AT_ONCE)):
            first, raw = zip(*some, strict=True)
            rows = pa.table(
                {"first": pa.array(first, pa.int64()), "raw": pa.array(raw, pa.binary())}
            )
            self.db.register("received", rows)
            self.db.execute(f"insert into {table}_rejects_raw select first, raw from received")
            self.db.unregister("received")
            kept += len(some)
        if kept != len(ranges):
            raise FileFormatError(
                "it has changed while it was being read",
                "Write files under another name (.part) and rename them when complete; run again",
            )
        return kept

    def _create(self, table: str, batches: Iterator[RecordBatch] | list[RecordBatch]) -> None:
        """Typed records into `<table>_typed`, broken and mistyped ones into `<table>_rejects`."""
        nothing = RecordBatch([()] * len(self._columns), (), ())
        self._fill(table, pa.Table.from_batches([self._arrow(nothing)]), True, create=True)
        self.db.execute(f"create table {table}_rejects (first bigint, last bigint, reason varchar)")
        waiting: list[pa.RecordBatch] = []
        rows, ascii_only = 0, True
        for batch in batches:
            if batch.broken:
                self._reject(table, batch.broken)
            if batch.first:
                waiting.append(self._arrow(batch))
                rows += len(batch.first)
                ascii_only &= batch.ascii
            if rows >= _ROWS_AT_ONCE:
                self._fill(table, pa.Table.from_batches(waiting), ascii_only)
                waiting, rows, ascii_only = [], 0, True
        if waiting:
            self._fill(table, pa.Table.from_batches(waiting), ascii_only)

    def _arrow(self, batch: RecordBatch) -> pa.RecordBatch:
        arrays = [
            _texts(column, values)
            for column, values in zip(self._columns, batch.columns, strict=True)
        ]
        count = len(batch.first)
        extra = pa.nulls(count, pa.string()) if batch.extra is None else pa.array(batch.extra)
        arrays += [pa.array(batch.first, pa.int64()), pa.array(batch.last, pa.int64())]
        arrays.append(extra.cast(pa.string()))
        return pa.RecordBatch.from_arrays(
            arrays, names=[*(column.name for column in self._columns), *_OWN]
        )

    def _reject(self, table: str, broken: Sequence[tuple[int, int, str]]) -> None:
        first, last, reasons = zip(*broken, strict=True)
        self.db.register("broken", pa.table({"first": first, "last": last, "reason": reasons}))
        self.db.execute(f"insert into {table}_rejects select first, last, reason from broken")
        self.db.unregister("broken")

    def _fill(self, table: str, rows: pa.Table, ascii_only: bool, create: bool = False) -> None:
        self.db.register("incoming", rows)
        verb = f"create table {table}_typed as" if create else f"insert into {table}_typed"
        self.db.execute(f"{verb} {_typing(self._columns, ascii_only)}")
        self.db.unregister("incoming")

    def _finish(
        self, table: str, name: str, derive: dict[str, str], exclude: Sequence[Exclusion]
    ) -> None:
        """Derived columns and exclusions over the good records; the bad ones are set apart."""
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
        self.db.execute(f"create table {table} as {query}")
        self.db.execute(f"drop table {table}_typed")

    def _let_go(self) -> None:
        while len(self._staged) > 1 and sum(s.rows for s in self._staged.values()) > _ROWS_KEPT:
            oldest = next(iter(self._staged))
            self._drop(self._staged.pop(oldest).table)

    def _drop(self, table: str) -> None:
        for name in (table, f"{table}_typed", f"{table}_rejects", f"{table}_rejects_raw"):
            self.db.execute(f"drop table if exists {name}")

    def _all(self, query: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self.db.execute(query).fetchall()
        return found


def _texts(column: TypedColumn, values: Any) -> pa.Array:
    """A column's texts as Arrow has them."""
    if isinstance(values, pa.Array):
        if column.prepare is None:
            return values
        values = values.to_pylist()
    prepared = map(column.prepare, values) if column.prepare else values
    return pa.array(prepared, pa.string(), size=len(values))


def excluded(rules: Sequence[Exclusion]) -> str:
    """SQL of the first exclusion that a record falls under; null when there is none."""
    if not rules:
        return "cast(null as varchar)"
    # A condition that is null excludes nothing: what is unknown stays in.
    whens = " ".join(f"when (\n{rule.where}\n) then {literal(rule.name)}" for rule in rules)
    return f"case {whens} end"


def _typing(columns: list[TypedColumn], ascii_only: bool) -> str:
    names = [quoted(column.name) for column in columns]
    texts = [
        f"{column.ascii_text if ascii_only else column.text} as {name}"
        for column, name in zip(columns, names, strict=True)
    ]
    values = [f"{column.value} as v{i}" for i, column in enumerate(columns)]
    reasons = [
        f"when {name} is not null and v{i} is null then "
        + literal(f"column {column.name!r} is not of type {column.type}")
        for i, (column, name) in enumerate(zip(columns, names, strict=True))
        if column.type not in ("text", "id")
    ]
    reason = f"case {' '.join(reasons)} end" if reasons else "cast(null as varchar)"
    own = ", ".join(_OWN)
    results = [f"v{i} as {name}" for i, name in enumerate(names)]
    return (
        f"select {', '.join(results)}, {own}, {reason} as __reason from ("
        f"select *, {', '.join(values)} from ("
        f"select {', '.join(texts)}, {own} from incoming))"
    )


def _sandbox(config: FilesConfig, timezone: str, folder: str) -> duckdb.DuckDBPyConnection:
    db = duckdb.connect(":memory:")
    for setting in (
        f"set global TimeZone = {literal(timezone)}",
        f"set memory_limit = {literal(config.memory_limit)}",
        f"set threads = {config.threads}",
        f"set temp_directory = {literal(folder)}",
        "set python_enable_replacements = false",
        "set autoinstall_known_extensions = false",
        "set autoload_known_extensions = false",
        "set allow_community_extensions = false",
        "set enable_external_access = false",
        "set lock_configuration = true",
    ):
        db.execute(setting)
    return db
