"""A large text file read by a process of its own, so that two cores share the work.

python -m moshtari.sources.files_apart FILE
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import msgspec
import pyarrow as pa

from moshtari.sources import apart
from moshtari.sources.arrow_memory import spare_memory
from moshtari.sources.files_bytes import FileFormatError, is_packed
from moshtari.sources.files_config import FilesConfig, Parquet, Xlsx
from moshtari.sources.files_pieces import Piece, Pieces, joined

# A smaller file is read before such a process has begun.
_FROM_BYTES, _FROM_BYTES_PACKED = 32 << 20, 4 << 20
_ENDED = (
    "the process that read it ended before the file did",
    "Run the day again; if it goes on, give the machine more memory",
)


class Task(msgspec.Struct):
    """How to read: by the source's part of the YAML, and which new columns to keep."""

    config: str
    keep: tuple[str, ...]


class Beside(msgspec.Struct):
    """What a piece says beside its records; the last one tells the columns, or what went wrong."""

    broken: list[tuple[int, int, str]] = []
    is_last: bool = False
    extra: tuple[str, ...] = ()
    types: dict[str, str] = {}
    unusable: tuple[str, str] | None = None


class PiecesApart(Pieces):
    """Reads one file once, in a process of its own, which ends with the reading."""

    def __init__(self, path: Path, config: FilesConfig, keep: Sequence[str] = ()) -> None:
        super().__init__(path, config, keep)
        # Of where the file came from nothing is needed, and there may be secrets in it.
        told = config.model_dump_json(exclude={"storage_options"})
        self._path, self._task = path, Task(told, tuple(keep))

    def __iter__(self) -> Iterator[Piece]:
        with apart.begun(__name__, self._path) as process:
            for batch, beside in _messages(process, self._task):
                yield joined([batch] if batch.num_rows else []), beside.broken
                if beside.is_last:
                    self.reader.extra, self.reader.types = beside.extra, beside.types
                    return


def pieces_of(path: Path, config: FilesConfig, keep: Sequence[str] = ()) -> Pieces:
    """The file's pieces, read where that is faster. Raises FileFormatError for an empty file."""
    least = _FROM_BYTES_PACKED if is_packed(path) else _FROM_BYTES
    is_text = not isinstance(config.format, Parquet | Xlsx)
    is_large = is_text and path.stat().st_size >= least
    return (PiecesApart if is_large else Pieces)(path, config, keep)


def _messages(process: apart.Process, task: Task) -> Iterator[tuple[pa.RecordBatch, Beside]]:
    try:
        for batch, told in process.answers(msgspec.json.encode(task)):
            beside = msgspec.json.decode(told, type=Beside)
            if beside.unusable is not None:
                raise FileFormatError(*beside.unusable)
            yield batch, beside
    except apart.EndedEarlyError as error:
        raise FileFormatError(*_ENDED) from error


def _answer(path: Path, task: Task, out: IO[bytes]) -> None:
    pieces = Pieces(path, FilesConfig.model_validate_json(task.config), task.keep)
    with apart.answering(pieces.schema, out) as write:
        try:
            for records, broken in pieces:
                some = None if records is None else records.combine_chunks().to_batches()[0]
                write(some, msgspec.json.encode(Beside(broken)))
            reader = pieces.reader
            last = Beside(is_last=True, extra=reader.extra, types=reader.types)
        except FileFormatError as error:
            last = Beside(is_last=True, unusable=(error.what, error.remedy))
        write(None, msgspec.json.encode(last))


if __name__ == "__main__":
    spare_memory()
    told = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    _answer(Path(sys.argv[1]), told, sys.stdout.buffer)
