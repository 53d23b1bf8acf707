"""Delimited text into records: fast where a line is a record, careful where it is not."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Any

from moshtari.sources.files_bytes import FileFormatError
from moshtari.sources.files_config import Delimited
from moshtari.sources.files_lines import Block

# Python's default (128 KB) is less than a long e-mail with its quotations. The limit is the
# process's own; it is only ever raised.
csv.field_size_limit(max(csv.field_size_limit(), 1024 * 1024))

Rows = tuple[list[list[str]], Sequence[int], Sequence[int], bool, list[tuple[int, int, str]]]


class Splitter:
    """Splits delimited blocks into records and keeps count of the lines.

    Usually each line of a block is a record, and one call of the CSV reader splits the block. Where
    that fails (a record over several lines, or a broken one) it goes record by record: a line whose
    quoting is broken is given up alone, and reading goes on with the line after it, so that one
    stray quotation mark does not swallow what follows.
    """

    def __init__(self, form: Delimited, blocks: Iterator[Block]) -> None:
        self._blocks = blocks
        self._dialect: dict[str, Any] = {
            "delimiter": form.separator,
            "quotechar": form.quote,
            "quoting": csv.QUOTE_NONE if form.quote is None else csv.QUOTE_MINIMAL,
            "escapechar": form.escape,
            "strict": True,
        }
        self._skip = form.skip_lines
        self._number = 1  # of the first pending line
        self._pending: list[str] = []
        self._dirty = False

    def header(self) -> list[str]:
        """The first record after the skipped lines."""
        while len(self._pending) <= self._skip and self._pull():
            pass
        self._drop(min(self._skip, len(self._pending)))
        try:
            row = next(csv.reader(_Feed(self), **self._dialect), None)
        except csv.Error as error:
            raise FileFormatError(
                f"the header cannot be read ({error})",
                "Mend the header; check `format.quote`, `format.delimiter` and the line ends",
            ) from error
        if row is None:
            raise FileFormatError(
                "the file is empty: it has not even a header", "Write it again with its header"
            )
        self._drop(self._fed)
        return row

    def rows(self) -> Iterator[Rows]:
        """Records in order, some thousands at a time."""
        while self._pending or self._pull():
            if self._skip and self._number <= self._skip:
                self._drop(min(self._skip - self._number + 1, len(self._pending)))
                continue
            try:
                rows = list(csv.reader(self._pending, **self._dialect))
            except csv.Error:
                rows = []
            if len(rows) == len(self._pending):
                at = range(self._number, self._number + len(rows))
                dirty = self._dirty
                self._drop(len(rows))
                yield rows, at, at, dirty, []
            else:
                yield self._one_by_one()

    def _one_by_one(self) -> Rows:
        rows: list[list[str]] = []
        first: list[int] = []
        last: list[int] = []
        broken: list[tuple[int, int, str]] = []
        done = 0
        block = len(self._pending)
        while done < block:
            feed = _Feed(self, done)
            reader = csv.reader(feed, **self._dialect)
            try:
                for row in reader:
                    rows.append(row)
                    first.append(self._number + done)
                    done = self._fed
                    last.append(self._number + done - 1)
                    if done >= block:
                        break
            except csv.Error as error:
                at = self._number + done
                broken.append((at, at, f"the line cannot be split into fields ({error})"))
                done += 1
        result = (rows, first, last, self._dirty, broken)
        self._drop(done)
        return result

    def _pull(self) -> bool:
        block = next(self._blocks, None)
        if block is None:
            return False
        fresh = not self._pending
        self._dirty = block.dirty or (self._dirty and not fresh)
        self._pending += block.lines()
        return True

    def _drop(self, count: int) -> None:
        self._number += count
        del self._pending[:count]

    _fed = 0


class _Feed:
    """The pending lines from some place on, pulling more blocks as the CSV reader asks for them."""

    def __init__(self, splitter: Splitter, at: int = 0) -> None:
        self._splitter = splitter
        splitter._fed = at

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        splitter = self._splitter
        if splitter._fed >= len(splitter._pending) and not splitter._pull():
            raise StopIteration
        line = splitter._pending[splitter._fed]
        splitter._fed += 1
        return line
