"""Records of files out of quarantine: their lines, put into files of their own, are read again.

Each stands on the line that it stood on, so that expressions see the same `line`. A record that
may run on into the next by a stray quotation mark gets a file for itself.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moshtari.sources import files_rejects
from moshtari.sources.base import (
    Batch,
    KeptRecord,
    Origin,
    RejectedRecord,
    SourceError,
    TextRows,
)
from moshtari.sources.files_bytes import is_wide, line_blocks
from moshtari.sources.files_config import Delimited, FilesConfig, FixedWidth, JsonLines
from moshtari.sources.files_lines import headers
from moshtari.sources.files_mapping import EntityQuery
from moshtari.sources.files_places import Place, PlaceError
from moshtari.sources.files_reading import FilesReading
from moshtari.sources.files_stage import StagedFile

_NO_LINE = "nothing says on which line of its file it stood: load the file under another name"


class KeptLinesError(Exception):
    """Kept lines cannot be read without their file; the message says why, and the remedy."""


def replay_lines(
    reading: FilesReading, query: EntityQuery, kept: KeptLines, origin: Origin
) -> Iterator[Batch]:
    """The rows of the lines that were kept of one file, and which of them are rejected still.

    Raises SourceError for an expression that fails on them.
    """
    try:
        if query.mapping.group_by or not _is_text(reading.config):
            yield from _of_kept(reading, query, _again(reading, query, origin), kept, origin)
            return
        with kept.files(reading.config, reading.place) as files:
            for number, file in enumerate(files):
                name = Origin(origin.path, 0, f"kept {number}")
                staged = reading.staged(query.entity, name, file)
                yield from _of_kept(reading, query, staged, kept, origin)
                reading.stage.forget(name.path, name.checksum)
    except KeptLinesError as error:
        yield from kept.rejected(str(error))


def _again(reading: FilesReading, query: EntityQuery, origin: Origin) -> StagedFile:
    try:
        return reading.staged(query.entity, origin)
    except SourceError as error:
        raise KeptLinesError(f"its file cannot be read again: {error.what}") from error


def _of_kept(
    reading: FilesReading, query: EntityQuery, staged: StagedFile, kept: KeptLines, origin: Origin
) -> Iterator[Batch]:
    found = reading.rows_of(query, staged, origin, list(kept.lines))
    yield from kept.rows(query.columns, found)
    for line, reason, _ in files_rejects.read(reading.stage.db, staged.rejects):
        if line in kept.lines:
            yield kept.rejected_at(line, reason)


def _is_text(config: FilesConfig) -> bool:
    """Whether a kept record is a line, or some, of its file."""
    return isinstance(config.format, Delimited | FixedWidth | JsonLines)


class KeptLines:
    """Records in quarantine that one load found in one file, by the lines they begin on."""

    def __init__(self, records: Sequence[KeptRecord]) -> None:
        self.origin: Origin | None = records[0].origin if records else None
        self.lines: dict[int, KeptRecord] = {}
        self._without: list[KeptRecord] = []
        for record in records:
            # The path may be cut in the middle; what stands last is whole.
            digits = record.position.rpartition(":")[2].rpartition(" ")[2]
            if digits.isdecimal() and record.origin is not None:
                self.lines[int(digits)] = record
            else:
                self._without.append(record)

    def without_line(self) -> Iterator[RejectedRecord]:
        for record in self._without:
            yield RejectedRecord(record.position, _NO_LINE, record.raw)

    def rejected(self, reason: str) -> Iterator[RejectedRecord]:
        """All of them, for one reason."""
        for line in self.lines:
            yield self.rejected_at(line, reason)

    def rejected_at(self, line: int, reason: str) -> RejectedRecord:
        record = self.lines[line]
        return RejectedRecord(record.position, reason, record.raw)

    def rows(self, columns: tuple[str, ...], found: list[tuple[Any, ...]]) -> Iterator[TextRows]:
        """Rows whose last value names lines, once for each of them that was kept."""
        pairs = [(row[:-1], self.lines[int(line)]) for row in found for line in row[-1].split(",")]
        if pairs:
            yield TextRows(
                columns,
                [row for row, _ in pairs],
                [record.position for _, record in pairs],
                [record.raw for _, record in pairs],
            )

    @contextmanager
    def files(self, config: FilesConfig, place: Place) -> Iterator[Iterator[Path]]:
        """Files of the configured format that hold the lines. Raises KeptLinesError."""
        head = self._head(config, place)
        with tempfile.TemporaryDirectory(prefix="moshtari-replay-") as folder:
            path = Path(folder) / "kept"
            yield (_written(path, config, head, part) for part in self._parts(config))

    def _head(self, config: FilesConfig, place: Place) -> bytes:
        form = config.format
        if not (isinstance(form, Delimited) and form.header):
            return b""
        assert self.origin is not None
        try:
            with place.local(self.origin) as file:
                return _lines_of_header(file, form)
        except PlaceError as error:
            raise KeptLinesError(f"its header cannot be read: {error}") from error

    def _parts(self, config: FilesConfig) -> Iterator[list[tuple[int, bytes]]]:
        """The lines in as few files as may be."""
        together: list[tuple[int, bytes]] = []
        free = 0
        for line, record in sorted(self.lines.items()):
            raw = _plain(record.raw, config)
            if line < free or _may_run_on(raw, config):
                yield [(line, raw)]
            else:
                together.append((line, raw))
                free = line + raw.count(b"\n") + 1
        if together:
            yield together


def _written(path: Path, config: FilesConfig, head: bytes, part: list[tuple[int, bytes]]) -> Path:
    content = bytearray(head)
    line = head.count(b"\n") + 1
    for number, raw in part:
        content += b"\n" * (number - line) + raw + b"\n"
        line = number + raw.count(b"\n") + 1
    if isinstance(config.format, JsonLines):
        # Each column must be seen once; this line is none of those that were kept.
        content += json.dumps(dict.fromkeys(headers(config))).encode() + b"\n"
    encoding = config.format.encoding if _is_text(config) else "utf-8"  # type: ignore[union-attr]
    wide = is_wide(encoding)
    path.write_bytes(content.decode("utf-8").encode(encoding) if wide else bytes(content))
    return path


def _plain(raw: bytes, config: FilesConfig) -> bytes:
    """A record in an encoding whose line ends are one byte."""
    encoding = config.format.encoding  # type: ignore[union-attr]
    try:
        return raw.decode(encoding).encode("utf-8") if is_wide(encoding) else raw
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace").encode("utf-8")


def _may_run_on(raw: bytes, config: FilesConfig) -> bool:
    form = config.format
    if not isinstance(form, Delimited) or form.quote is None:
        return False
    return form.escape is not None or raw.count(_mark(form)) % 2 == 1


def _mark(form: Delimited) -> bytes:
    assert form.quote is not None
    return form.quote.encode("utf-8" if is_wide(form.encoding) else form.encoding)


def _lines_of_header(path: Path, form: Delimited) -> bytes:
    """The skipped lines, as blank ones, and the header."""
    head: list[bytes] = []
    for line in _lines(line_blocks(path, form.encoding)):
        head.append(line if len(head) >= form.skip_lines else b"\n")
        header = b"".join(head[form.skip_lines :])
        if header and (form.quote is None or header.count(_mark(form)) % 2 == 0):
            break
    return b"".join(head)


def _lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    for block in blocks:
        for line in block.split(b"\n")[: None if block[-1:] != b"\n" else -1]:
            yield line + b"\n"
