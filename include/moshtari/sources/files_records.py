"""Records of a text file: lines in, columns of text out, each record with the lines it stands on.

Python's own readers split the records, because only they say on which line a record begins and
which line is broken; DuckDB's sniff, count records instead of lines, and skip some mistakes. The
types come later (`files_stage`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from moshtari.sources.drift import extra_text
from moshtari.sources.files_bytes import FileFormatError, is_wide, line_blocks, raw_lines
from moshtari.sources.files_config import (
    Delimited,
    FilesConfig,
    FixedWidth,
    JsonLines,
    Parquet,
    Xlsx,
)
from moshtari.sources.files_json import JsonLinesSplitter
from moshtari.sources.files_lines import (
    Block,
    RecordBatch,
    Records,
    Row,
    headers,
    line_by_line,
    require,
    require_once,
    unstorable,
)
from moshtari.sources.files_split import Splitter


def reader_of(path: Path, config: FilesConfig, keep: Sequence[str] = ()) -> Records:
    """A reader for the configured format; of the columns `keep`, those that are there are kept."""
    if path.stat().st_size == 0:
        # A day without rows is a file with a header, or none; this is what a failed write leaves.
        raise FileFormatError(
            "the file is empty: it has not even a header"
            if isinstance(config.format, Delimited)
            else "the file is empty: it has not one byte",
            "Write it again; leave out the file of a day without rows",
        )
    if isinstance(config.format, Parquet):
        from moshtari.sources.files_parquet import ParquetReader

        return ParquetReader(path, config, keep)
    if isinstance(config.format, Xlsx):
        from moshtari.sources.files_xlsx import XlsxReader

        return XlsxReader(path, config, keep)
    return RecordReader(path, config, keep)


class RecordReader:
    """Reads one text file once. After `batches()`, `extra` names the columns left out."""

    place = ""

    def __init__(self, path: Path, config: FilesConfig, keep: Sequence[str] = ()) -> None:
        self._path = path
        self._keep = keep
        self.types: dict[str, str] = {}
        self._config = config
        form = config.format
        assert not isinstance(form, Parquet | Xlsx)
        self._form = form
        encoding = "utf-8" if is_wide(form.encoding) else form.encoding
        self._encoding = encoding.replace("utf-8-sig", "utf-8")
        self.extra: tuple[str, ...] = ()

    def batches(self) -> Iterator[RecordBatch]:
        """All records in the file's order. Raises FileFormatError when the file is not usable."""
        lines = line_blocks(self._path, self._form.encoding)
        if isinstance(self._form, JsonLines):
            yield from self._json_lines(lines)
            return
        blocks = (Block(block, self._encoding) for block in lines)
        if isinstance(self._form, Delimited):
            yield from self._delimited(self._form, blocks)
        else:
            yield from self._fixed_width(self._form, blocks)

    def raw(self, ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
        """The bytes of ranges of lines, as they stand in the file."""
        return raw_lines(self._path, self._form.encoding, ranges)

    # Delimited ------------------------------------------------------------------------------

    def _delimited(self, form: Delimited, blocks: Iterator[Block]) -> Iterator[RecordBatch]:
        wanted = headers(self._config)
        splitter = Splitter(form, blocks)
        header: list[str] | None = None
        places = list(range(len(wanted)))
        kept: list[str] = []
        width = len(wanted)
        if form.header:
            header = splitter.header()
            names = [name.strip() for name in header]
            require_once(wanted, names)
            self.extra = tuple(name for name in names if name not in wanted)
            kept = [name for name in self.extra if name in self._keep]
            places, width = [names.index(name) for name in wanted + kept], len(names)
        for rows, first, last, dirty, ascii_only, broken in splitter.rows():
            if dirty or set(map(len, rows)) != {width} or header in rows:
                rows, first, last = _sift(rows, first, last, width, header, dirty, broken)
            columns = list(zip(*rows, strict=True)) if rows else [()] * width
            values = [columns[p] for p in places]
            yield self._split_off(RecordBatch(values, first, last, broken, ascii_only), kept)

    # Fixed width ----------------------------------------------------------------------------

    def _fixed_width(self, form: FixedWidth, blocks: Iterator[Block]) -> Iterator[RecordBatch]:
        places = [form.columns[name] for name in headers(self._config)]
        cuts = [slice(start - 1, start - 1 + width) for start, width in places]
        least = max(start for start, _ in places)

        def split(line: str) -> Row | str:
            if len(line) < least:
                return f"the line ends before column {least}"
            return [line[cut].strip() for cut in cuts]

        number = 1
        for block in blocks:
            batch, count = line_by_line(block, split, len(cuts), number, form.skip_lines)
            number += count
            yield batch

    # JSON lines -----------------------------------------------------------------------------

    def _json_lines(self, blocks: Iterator[bytes]) -> Iterator[RecordBatch]:
        wanted = headers(self._config)
        kept = [name for name in self._keep if name not in wanted]
        splitter = JsonLinesSplitter(wanted + kept)
        records = 0
        for batch in splitter.batches(blocks, self._encoding):
            records += len(batch.first)
            yield self._split_off(batch, kept)
        if records:
            require(wanted, tuple(splitter.seen))
        self.extra = tuple(name for name in splitter.seen if name not in wanted)

    def _split_off(self, batch: RecordBatch, kept: list[str]) -> RecordBatch:
        """The batch without its last columns, which are its `extra`."""
        if kept:
            wanted = len(batch.columns) - len(kept)
            batch.columns, values = batch.columns[:wanted], batch.columns[wanted:]
            nulls = self._config.nulls
            batch.extra = [
                extra_text(kept, [None if value in nulls else value for value in row])
                for row in zip(*values, strict=True)
            ]
        return batch


def _sift(
    rows: list[list[str]],
    first: Sequence[int],
    last: Sequence[int],
    width: int,
    header: list[str] | None,
    dirty: bool,
    broken: list[tuple[int, int, str]],
) -> tuple[list[list[str]], list[int], list[int]]:
    """The usable ones of some records; others go to `broken`. Blank lines are nothing."""
    kept: list[tuple[list[str], int, int]] = []
    for row, begin, end in zip(rows, first, last, strict=True):
        if not row:
            continue
        reason = unstorable(row) if dirty else None
        if len(row) != width:
            reason = f"the line has {len(row)} fields instead of {width}"
        elif row == header:
            reason = "the header line once more"
        if reason is None:
            kept.append((row, begin, end))
        else:
            broken.append((begin, end, reason))
    return [k[0] for k in kept], [k[1] for k in kept], [k[2] for k in kept]
