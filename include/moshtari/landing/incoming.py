"""From a source's batches to temporary tables, by COPY, in as little memory as one batch takes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial

import psycopg

from moshtari.landing import rules, statements
from moshtari.landing.contract import EXTRA, SUPPLIED_SYSTEM_COLUMNS, Entity
from moshtari.landing.errors import LandingError
from moshtari.landing.exact import ExactCopy, Target
from moshtari.landing.founding import Founding
from moshtari.landing.founding_columns import can_be_founded, columns_of_raw
from moshtari.sources.base import (
    ArrowRows,
    Batch,
    BinaryCopy,
    Recall,
    RejectedRecord,
    TextRows,
    TypedReadError,
)
from moshtari.sources.columnar import in_columns, in_rows

logger = logging.getLogger(__name__)

_NOT_TEXT = "a character that no database keeps (NUL, or half of a surrogate pair)"
# psycopg's own buffer joins rows into blocks of some 32 KB; a rejected record is rare, and small.
_REJECTED_AT_ONCE = 500
_ROWS_BETWEEN_REPORTS = 250_000
_BYTES_BETWEEN_REPORTS = 64 << 20


class Incoming:
    """The temporary tables of one load, filled batch by batch within its transaction."""

    def __init__(
        self,
        connection: psycopg.Connection,
        source: str,
        entity: Entity,
        founding: Founding | None = None,
    ) -> None:
        self.source, self.entity = source, entity
        self.read = 0
        self.text_columns: set[str] = set()
        self.typed = False
        self.columns: set[str] = set()
        self.founded = False
        """Whether the rows are in raw already; else they are in the temporary tables."""
        self.in_raw = 0
        """Rows that were put into raw, each known to be good unless it came as a stream."""
        self._founding = founding
        self.recall: Recall | None = None
        self._connection = connection
        self._rejected: list[tuple[str, str, bytes]] = []
        self._open: tuple[tuple[str, ...], bool] | None = None
        self._copy: psycopg.Copy | None = None
        self._stack = ExitStack()
        self._exact = ExactCopy(
            connection,
            statements.INCOMING,
            entity,
            self._exact_landed,
            self._exact_refused,
            self._exact_found,
        )
        self._reported = 0
        for statement in statements.create_temporary_tables(entity):
            connection.execute(statement)

    def drop(self) -> None:
        """Forget everything that was taken; rows that are in raw already stay there."""
        for statement in statements.drop_temporary_tables():
            self._connection.execute(statement)

    def take(self, batches: Iterator[Batch]) -> None:
        """Copy all batches in. Raises what the source raises; LandingError for a wrong batch."""
        try:
            for batch in batches:
                if isinstance(batch, ArrowRows):
                    self._take_exact(batch)
                elif isinstance(batch, TextRows):
                    self._take_text(batch)
                elif isinstance(batch, RejectedRecord):
                    self._reject(batch.position, batch.reason, batch.raw)
                else:
                    self._take_binary(batch)
            self._close_copy()
            self._exact.finish()
            self._flush_rejected()
        except BaseException as error:
            self._exact.abandon()
            # Within an exception the COPY must be told to fail, or it would complete what it has.
            self._stack.__exit__(type(error), error, error.__traceback__)
            raise
        finally:
            close = getattr(batches, "close", None)
            if close is not None:
                close()

    def _take_exact(self, batch: ArrowRows) -> None:
        self._check(batch, batch.values.schema.names, batch.values.num_rows)
        self._close_copy()
        self._exact.take(batch)

    def _exact_found(self, names: Sequence[str]) -> Target | None:
        founding = self._founding
        if founding is None or not can_be_founded(self.entity, names):
            return None
        if not founding.begin():
            return None
        return founding.table, partial(columns_of_raw, self.entity, origin=founding.origin)

    def _exact_landed(self, rows: int) -> None:
        self.read += rows
        if self._exact.founds:
            self.in_raw += rows
        else:
            self.typed = True
        self._report(self.read, _ROWS_BETWEEN_REPORTS, f"{self.read:,} rows")

    def _exact_refused(self, batch: ArrowRows) -> None:
        self._copy_text(in_rows(batch))
        self._close_copy()

    def _take_text(self, batch: TextRows) -> None:
        self._check(batch, batch.columns, len(batch.rows))
        if batch.exact and set(map(len, batch.rows)) == {len(batch.columns)}:
            in_arrow = in_columns(batch)
            if in_arrow is not None:
                self._take_exact(in_arrow)
                return
        self._exact.wait()
        self._copy_text(batch)

    def _check(self, batch: TextRows | ArrowRows, columns: Sequence[str], rows: int) -> None:
        self._check_columns(columns)
        if self.founded:
            raise self._wrong("rows after a stream that is alone in its load")
        if len(batch.positions) != rows or (batch.raw is not None and len(batch.raw) != rows):
            raise self._wrong("a batch whose positions or raw records do not match its rows")
        self.recall = batch.recall or self.recall

    def _copy_text(self, batch: TextRows) -> None:
        clean = _is_text(batch)
        with_raw = batch.raw is not None
        width = len(batch.columns)
        copy = self._text_copy(batch.columns, with_raw)
        for index, row in enumerate(batch.rows):
            if len(row) != width:
                raise self._wrong(f"a row of {len(row)} values for {width} columns")
            position = batch.positions[index]
            if not clean and not _is_storable((*row, position)):
                raw = batch.raw[index] if batch.raw is not None else _readable(batch.columns, row)
                self._reject(_storable(position), _NOT_TEXT, raw)
                copy = self._text_copy(batch.columns, with_raw)
                continue
            if batch.raw is not None:
                copy.write_row((*row, position, batch.raw[index]))
            else:
                copy.write_row((*row, position))
            self.read += 1
        self.text_columns.update(batch.columns)
        self._report(self.read, _ROWS_BETWEEN_REPORTS, f"{self.read:,} rows")

    def _take_binary(self, batch: BinaryCopy) -> None:
        self._check_columns(batch.columns)
        self._close_copy()
        self._exact.finish()
        table, founding = statements.INCOMING, self._founding
        founds = False
        if self.founded:
            raise self._wrong("a second stream after one that is alone in its load")
        if batch.extended is not None and founding is not None and not self.read:
            founds = founding.begin()
            if founds:
                expressions = founding.expressions(batch.columns)
                batch = batch.extended(expressions, rules.is_good(self.entity))
                table = founding.table
        columns = ", ".join(batch.columns)
        statement = f"copy {table} ({columns}) from stdin (format binary)"
        received = left_out = 0
        try:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                with cursor.copy(statement) as copy:
                    for block in batch.blocks:
                        copy.write(block)
                        received += len(block)
                        self._report(received, _BYTES_BETWEEN_REPORTS, f"{received >> 20} MB")
                copied = cursor.rowcount
                if founds and founding is not None and batch.bad_rows is not None:
                    left_out = founding.take_left_out(batch.bad_rows())
        except (TypedReadError, psycopg.DataError) as error:
            logger.warning(
                "%s.%s: some values are not of their type (%s); reading as text",
                self.source,
                self.entity.name,
                type(error).__name__,
            )
            self._reported = 0
            self.take(batch.as_text())
            return
        self.read += copied + left_out
        self.typed = not founds or left_out > 0
        if founds:
            self.founded = True
            self.in_raw = copied

    def _text_copy(self, columns: tuple[str, ...], with_raw: bool) -> psycopg.Copy:
        """The running COPY for these columns; a new one where they differ from the last batch's."""
        if self._copy is not None and self._open == (columns, with_raw):
            return self._copy
        self._close_copy()
        names = [*columns, "_position", *(["_raw"] if with_raw else [])]
        cursor = self._stack.enter_context(self._connection.cursor())
        self._copy = self._stack.enter_context(
            cursor.copy(f"copy {statements.INCOMING_TEXT} ({', '.join(names)}) from stdin")
        )
        self._open = (columns, with_raw)
        return self._copy

    def _close_copy(self) -> None:
        self._stack.close()
        self._copy = self._open = None

    def _reject(self, position: str, reason: str, raw: bytes) -> None:
        self.read += 1
        self._rejected.append((_storable(position), _storable(reason), bytes(raw)))
        if len(self._rejected) >= _REJECTED_AT_ONCE:
            self._close_copy()
            self._exact.wait()
            self._flush_rejected()

    def _flush_rejected(self) -> None:
        if not self._rejected:
            return
        with (
            self._connection.cursor() as cursor,
            cursor.copy(f"copy {statements.REJECTED} (position, reason, raw) from stdin") as copy,
        ):
            for record in self._rejected:
                copy.write_row(record)
        self._rejected.clear()

    def _check_columns(self, columns: Sequence[str]) -> None:
        columns = [name for name in columns if name != EXTRA]
        self.columns.update(columns)
        problems = self.entity.mapping_problems(columns)
        if "_is_deleted" in columns:
            known = {*self.entity.column_names, *SUPPLIED_SYSTEM_COLUMNS}
            missing = [name for name in self.entity.key if name not in columns]
            problems = [] if set(columns) <= known and not missing else problems
        if problems:
            raise self._wrong("; ".join(problems))

    def _wrong(self, what: str) -> LandingError:
        remedy = "Mend the reader or its mapping"
        return LandingError(self.source, self.entity.name, f"the reader gave {what}", remedy)

    def _report(self, amount: int, step: int, text: str) -> None:
        if amount - self._reported >= step:
            self._reported = amount
            logger.info("%s.%s: %s read", self.source, self.entity.name, text)


def _is_text(batch: TextRows) -> bool:
    """Whether PostgreSQL can keep all of the batch: one look, since it nearly always can."""
    joined = "".join("".join(filter(None, row)) for row in batch.rows) + "".join(batch.positions)
    return _is_storable((joined,))


def _is_storable(values: Sequence[str | None]) -> bool:
    try:
        return not any(value and b"\0" in value.encode() for value in values)
    except UnicodeEncodeError:
        return False


def _storable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")


def _readable(columns: tuple[str, ...], row: tuple[str | None, ...]) -> bytes:
    """A row without raw bytes as JSON, where NUL and half surrogates stand as escapes."""
    values = {n: v for n, v in zip(columns, row, strict=True) if v is not None}
    return json.dumps(values).encode()
