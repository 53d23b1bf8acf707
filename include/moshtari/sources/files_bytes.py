"""A file's bytes: plain or gz, in blocks of whole lines, and the raw lines of what was rejected."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from isal import igzip
from isal.igzip_lib import IsalError

# About the size that Python's CSV reader is fastest with: few enough rows to stay in cache.
BLOCK_BYTES = 128 * 1024
# A line beyond this is no line: the file has other line ends, or is not text.
MAX_LINE_BYTES = 64 * 1024 * 1024

_GZ = b"\x1f\x8b"
# isal says of its error that it is an instance of one.
_DAMAGED = (EOFError, igzip.BadGzipFile, cast(type[Exception], IsalError))
_WIDE = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")


class FileFormatError(Exception):
    """A file cannot be read as a whole. `what` and `remedy` go into a SourceError."""

    def __init__(self, what: str, remedy: str) -> None:
        self.what, self.remedy = what, remedy
        super().__init__(f"{what}. {remedy}")


def checksum(path: Path) -> str:
    """SHA-256 of the file as stored (a gz file is not unpacked), as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_packed(path: Path) -> bool:
    """Whether it is a gz file, whatever it is called."""
    with path.open("rb") as file:
        return file.read(2) == _GZ


def is_wide(encoding: str) -> bool:
    """Whether a line end is more than one byte here, so that bytes cannot be cut into lines."""
    return encoding in _WIDE


def line_blocks(path: Path, encoding: str, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """The unpacked file in blocks that end with a line; a wide encoding comes as UTF-8.

    A leading byte order mark is taken off. Raises FileFormatError for a damaged or cut-off archive.
    """
    pending = bytearray()
    first = True
    for chunk in _chunks(path, encoding, size):
        if first:
            first = False
            chunk = chunk.removeprefix(codecs.BOM_UTF8) if _is_utf8(encoding) else chunk
        cut = chunk.rfind(b"\n") + 1
        if cut == 0:
            pending += chunk
            if len(pending) > MAX_LINE_BYTES:
                raise FileFormatError(
                    f"a line is longer than {MAX_LINE_BYTES // 2**20} MB",
                    "End the lines with a line feed, and check `format.encoding`",
                )
            continue
        yield bytes(pending) + chunk[:cut]
        pending = bytearray(chunk[cut:])
    if pending:
        yield bytes(pending)


def raw_lines(
    path: Path, encoding: str, ranges: Iterable[tuple[int, int]]
) -> Iterator[tuple[int, bytes]]:
    """The bytes of line ranges (first, last; sorted), each with its first line's number."""
    wanted = iter(ranges)
    current = next(wanted, None)
    number = 1
    found: list[bytes] = []
    for block in line_blocks(path, encoding):
        if current is None:
            return
        count = block.count(b"\n") + (not block.endswith(b"\n"))
        if current[0] >= number + count:
            number += count
            continue
        for line in _lines(block):
            if current is not None and number >= current[0]:
                found.append(line)
                if number == current[1]:
                    yield current[0], _as_stored(b"".join(found).rstrip(b"\r\n"), encoding)
                    found, current = [], next(wanted, None)
            number += 1


def _lines(block: bytes) -> list[bytes]:
    pieces = block.split(b"\n")
    last = pieces.pop()
    return [piece + b"\n" for piece in pieces] + ([last] if last else [])


def _as_stored(line: bytes, encoding: str) -> bytes:
    return line.decode("utf-8").encode(encoding) if is_wide(encoding) else line


def _is_utf8(encoding: str) -> bool:
    return encoding in ("utf-8", "utf-8-sig") or is_wide(encoding)


def _chunks(path: Path, encoding: str, size: int) -> Iterator[bytes]:
    with path.open("rb") as plain:
        packed = plain.peek(2)[:2] == _GZ
        stream = cast(BinaryIO, igzip.IGzipFile(fileobj=plain)) if packed else plain
        try:
            blocks = iter(lambda: stream.read(size), b"")
            yield from _transcoded(blocks, encoding) if is_wide(encoding) else blocks
        except _DAMAGED as error:
            raise FileFormatError(
                "the gz archive is cut off or damaged", "Fetch or write the file again"
            ) from error


def _transcoded(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for block in blocks:
            yield decoder.decode(block).encode("utf-8")
        yield decoder.decode(b"", final=True).encode("utf-8")
    except UnicodeError as error:
        raise FileFormatError(
            f"the file is not {encoding}", "Set `format.encoding` to what it is written in"
        ) from error
