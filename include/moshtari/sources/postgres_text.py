"""PostgreSQL's COPY text format, read by hand: a bad byte spoils one row, not the load."""

from __future__ import annotations

import re

_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_MEANING = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def parse_copy_text(line: bytes) -> tuple[str | None, ...] | None:
    """The values of one line; None when it is not UTF-8."""
    try:
        return tuple(map(_value, line.removesuffix(b"\n").split(b"\t")))
    except UnicodeDecodeError:
        return None


def _value(field: bytes) -> str | None:
    if field == b"\\N":
        return None
    if b"\\" in field:
        field = _ESCAPE.sub(lambda match: _MEANING.get(match[1], match[1]), field)
    return field.decode()
