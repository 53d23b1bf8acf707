"""The rejected records of a staged file, in DuckDB: where each stands, why, and its bytes."""

# ruff: noqa: S608 - names of tables are the stage's own

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import duckdb
import pyarrow as pa

from moshtari.sources.files_bytes import FileFormatError
from moshtari.sources.files_lines import Records

# Records whose bytes are taken up at a time.
_AT_ONCE = 500


def create(db: duckdb.DuckDBPyConnection, table: str) -> None:
    """Make room for those of one file, which is staged as `table`."""
    db.execute(f"create table {table}_rejects (first bigint, last bigint, reason varchar)")


def drop(db: duckdb.DuckDBPyConnection, table: str) -> None:
    """Forget them."""
    for name in (f"{table}_rejects", f"{table}_rejects_raw"):
        db.execute(f"drop table if exists {name}")


def add(db: duckdb.DuckDBPyConnection, table: str, broken: Sequence[tuple[int, int, str]]) -> None:
    """Note first line, last line and reason of some records."""
    first, last, reasons = zip(*broken, strict=True)
    db.register("broken", pa.table({"first": first, "last": last, "reason": reasons}))
    db.execute(f"insert into {table}_rejects select first, last, reason from broken")
    db.unregister("broken")


def keep_raw(db: duckdb.DuckDBPyConnection, table: str, reader: Records) -> int:
    """The records as received, read once more; gives how many there are.

    Raises FileFormatError when they are no longer there.
    """
    db.execute(f"create table {table}_rejects_raw (first bigint, raw blob)")
    ranges = db.execute(f"select first, last from {table}_rejects order by first").fetchall()
    found = iter(reader.raw([(first, last) for first, last in ranges])) if ranges else iter(())
    kept = 0
    while some := list(islice(found, _AT_ONCE)):
        first, raw = zip(*some, strict=True)
        rows = pa.table({"first": pa.array(first, pa.int64()), "raw": pa.array(raw, pa.binary())})
        db.register("received", rows)
        db.execute(f"insert into {table}_rejects_raw select first, raw from received")
        db.unregister("received")
        kept += len(some)
    if kept != len(ranges):
        raise FileFormatError(
            "it has changed while it was being read",
            "Write files under another name (.part) and rename them when complete; run again",
        )
    return kept


def read(db: duckdb.DuckDBPyConnection, rejects: str) -> Iterator[tuple[int, str, bytes]]:
    """First line, reason and raw bytes of each, in the file's order."""
    cursor = db.cursor()
    try:
        cursor.execute(
            f"select first, reason, raw from {rejects} "
            f"inner join {rejects}_raw using (first) order by first"
        )
        while found := cursor.fetchmany(_AT_ONCE):
            yield from found
    finally:
        cursor.close()
