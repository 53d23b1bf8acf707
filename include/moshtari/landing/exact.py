"""Exact rows straight to where they have their types: by COPY, a group at a time.

While PostgreSQL takes in one group, the source is read on. A group with a value that PostgreSQL
refuses, and rows that lack something the contract needs, are given back: judged one by one, only
what is bad of them goes to quarantine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TypeAlias

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from moshtari.landing.contract import SYSTEM_COLUMNS, Entity
from moshtari.landing.wire import as_stream
from moshtari.sources.base import ArrowRows
from moshtari.sources.columnar import holds

# Enough for PostgreSQL to be busy, little enough to be held twice: filled, and on its way.
_GROUP_BYTES = 1 << 20
# A table, and what gives a batch the columns that it needs (ArrowInvalid: the batch is refused).
Target: TypeAlias = tuple[str, Callable[[pa.RecordBatch], pa.RecordBatch]]
# COPY's format, and what is in it, in pieces.
Content: TypeAlias = tuple[str, list[bytes]]

# Null is an empty field, every other value is quoted: just how COPY tells the two apart.
_AS_CSV = csv.WriteOptions(include_header=False, quoting_style="all_valid")


class ExactCopy:
    """The COPYs of one load. `landed` and `refused` are told of rows when their COPY has ended.

    `refused` may use the connection, and leaves it free. `elsewhere` is asked once, when much is to
    come, for a better table; it is given the names of the columns.
    """

    def __init__(
        self,
        connection: psycopg.Connection,
        table: str,
        entity: Entity,
        landed: Callable[[int], None],
        refused: Callable[[ArrowRows], None],
        elsewhere: Callable[[Sequence[str]], Target | None],
    ) -> None:
        self._connection, self._table, self._entity = connection, table, entity
        self._landed, self._refused = landed, refused
        self._types = {column.name: column.pg_type for column in entity.columns}
        self._types |= {name: kind.split()[0] for name, kind, _ in SYSTEM_COLUMNS}
        self._elsewhere: Callable[[Sequence[str]], Target | None] | None = elsewhere
        self._extended: Callable[[pa.RecordBatch], pa.RecordBatch] | None = None
        self._group: list[ArrowRows] = []
        self._bytes = 0
        self._pool: ThreadPoolExecutor | None = None
        self._sent: tuple[list[ArrowRows], Future[bool]] | None = None

    @property
    def founds(self) -> bool:
        """Whether rows go elsewhere than to the typed incoming table."""
        return self._extended is not None

    def take(self, batch: ArrowRows) -> None:
        """Send the batch when enough has come; what the contract does not allow is refused now."""
        good, doubtful = _divided(self._entity, batch)
        if doubtful is not None:
            self.wait()
            self._refused(doubtful)
        if not good.values.num_rows:
            return
        if self._group and self._group[-1].values.schema != good.values.schema:
            self._send()
        self._group.append(good)
        self._bytes += good.values.nbytes
        # As near to it as whole batches come.
        if self._bytes + good.values.nbytes // 2 >= _GROUP_BYTES:
            if self._elsewhere is not None:
                target = self._elsewhere(good.values.schema.names)
                if target is not None:
                    self._table, self._extended = target
                self._elsewhere = None
            self._send()

    def finish(self) -> None:
        """Send what is left; the connection is free afterwards."""
        self._send()
        self.wait()
        self._close()

    def abandon(self) -> None:
        """Let what is on its way come to its end, whatever that is, and forget the rest."""
        if self._sent is not None:
            self._sent[1].exception()
        self._group, self._sent = [], None
        self._close()

    def wait(self) -> None:
        """Wait for what was sent, so that the connection is free."""
        if self._sent is None:
            return
        group, copied = self._sent
        is_in = copied.result()
        self._sent = None
        for batch in group:
            if is_in:
                self._landed(batch.values.num_rows)
            else:
                self._refused(batch)

    def _send(self) -> None:
        group, self._group, self._bytes = self._group, [], 0
        if not group:
            return
        # A smaller one is the last, or followed by rows with other columns.
        self._elsewhere = None
        values = [batch.values for batch in group]
        try:
            if self._extended is not None:
                values = [self._extended(some) for some in values]
        except pa.ArrowInvalid:
            self.wait()
            for batch in group:
                self._refused(batch)
            return
        content = _content(values, self._types)
        self.wait()
        columns = tuple(values[0].schema.names)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="copy")
        self._sent = group, self._pool.submit(self._copy, columns, content)

    def _close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _copy(self, columns: tuple[str, ...], content: Content) -> bool:
        """Whether PostgreSQL took every value."""
        form, stream = content
        if form == "csv" and any(b"\0" in piece for piece in stream):
            return False
        statement = f"copy {self._table} ({', '.join(columns)}) from stdin (format {form})"
        try:
            with (
                self._connection.transaction(),
                self._connection.cursor() as cursor,
                cursor.copy(statement) as copy,
            ):
                for piece in stream:
                    copy.write(piece)
        except psycopg.DataError:
            return False
        return True


def _content(batches: list[pa.RecordBatch], types: Mapping[str, str]) -> Content:
    """The rows as COPY takes them: binary, or as text where PostgreSQL is to read a value."""
    rows = pa.Table.from_batches(batches).combine_chunks()
    try:
        return "binary", as_stream(rows.to_batches()[0], types)
    except pa.ArrowException:
        sink = pa.BufferOutputStream()
        csv.write_csv(rows, sink, _AS_CSV)
        return "csv", [sink.getvalue().to_pybytes()]


def _divided(entity: Entity, batch: ArrowRows) -> tuple[ArrowRows, ArrowRows | None]:
    """The rows that can go straight in, and those that must be judged one by one."""
    doubtful = _doubtful(entity, batch.values)
    if doubtful is None:
        return batch, None
    return _only(batch, pc.invert(doubtful)), _only(batch, doubtful)


def _doubtful(entity: Entity, values: pa.RecordBatch) -> pa.BooleanArray | None:
    """Which rows lack something, or may hold what is no finite number or time; None: no row."""
    found = None
    for column in entity.columns:
        required = column.required and column.default is None
        if column.name not in values.schema.names:
            if required:
                found = _either(found, _alive(values))
            continue
        given = values.column(column.name)
        if column.name in entity.key:
            empty = pc.equal(given, "") if pa.types.is_string(given.type) else pc.is_null(given)
            found = _either(found, pc.fill_null(empty, True))
        elif required and given.null_count:
            found = _either(found, pc.and_(pc.is_null(given), _alive(values)))
        if column.pg_type in ("numeric", "date", "timestamptz"):
            found = _either(found, _maybe_infinite(given))
    if "_changed_at" in values.schema.names:
        found = _either(found, _maybe_infinite(values.column("_changed_at")))
    return found


def _alive(values: pa.RecordBatch) -> pa.BooleanArray:
    if "_is_deleted" not in values.schema.names:
        return pa.repeat(True, values.num_rows)
    return pc.not_equal(pc.fill_null(values.column("_is_deleted"), "false"), "true")


def _maybe_infinite(texts: pa.Array) -> pa.BooleanArray | None:
    """Where NaN or infinity may stand, which PostgreSQL takes and the contract does not."""
    if pa.types.is_timestamp(texts.type) or not holds(texts, b"nN"):
        return None
    return pc.fill_null(pc.match_substring(texts, "n", ignore_case=True), False)


def _either(one: pa.BooleanArray | None, other: pa.BooleanArray | None) -> pa.BooleanArray | None:
    if other is None or not other.true_count:
        return one
    return other if one is None else pc.or_(one, other)


def _only(batch: ArrowRows, mask: pa.BooleanArray) -> ArrowRows:
    raw = batch.raw
    if raw is not None:
        raw = [raw[at] for at in pc.indices_nonzero(mask).to_pylist()]
    return replace(
        batch, values=batch.values.filter(mask), positions=batch.positions.filter(mask), raw=raw
    )
