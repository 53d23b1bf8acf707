"""How a value that MySQL wrote as text becomes text that PostgreSQL reads, without a loss.

The server writes decimals and whole numbers as they are; nothing here makes a float of them.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

from pymysql.constants import FIELD_TYPE

from moshtari.sources.base import array_text

Convert: TypeAlias = Callable[[bytes], str | None]

NAIVE = (FIELD_TYPE.DATETIME, FIELD_TYPE.DATE, FIELD_TYPE.NEWDATE)
TIMES = (*NAIVE, FIELD_TYPE.TIMESTAMP)
EXACT_NUMBERS = (
    FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG,
    FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL,
)  # fmt: skip
_NUMBERS = (*EXACT_NUMBERS, FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE)
_ZERO = "0000-00-00"


def converter(target: str, field_type: int, zone: ZoneInfo | None) -> Convert:
    """The conversion of a column of ``field_type`` for the contract's type ``target``.

    Raises UnicodeDecodeError, when it is called, for bytes that are no UTF-8.
    """
    if field_type == FIELD_TYPE.BIT:
        return _bit_flag if target == "boolean" else _bit_number
    if field_type == FIELD_TYPE.FLOAT:
        return _single
    if field_type in TIMES and target == "timestamptz":
        if field_type in NAIVE and zone is not None and zone.key != "UTC":
            return lambda value: _zoned(value, zone)
        return _utc
    if field_type in TIMES and target == "date":
        return _day
    if target == "boolean" and field_type in _NUMBERS:
        return _flag
    if target == "text[]":
        return _array
    return _text


def is_exact(target: str, field_type: int) -> bool:
    """Whether what the conversion gives is always spelt as ``target`` is.

    Of arrays and JSON there is nothing to guess, however they are spelt.
    """
    if target in ("text", "text[]", "jsonb") or field_type == FIELD_TYPE.NULL:
        return True
    if target == "timestamptz":
        return field_type in TIMES
    if target == "date":
        return field_type in (FIELD_TYPE.DATE, FIELD_TYPE.NEWDATE)
    return field_type in _NUMBERS or field_type == FIELD_TYPE.BIT


def _text(value: bytes) -> str:
    return value.decode()


def _flag(value: bytes) -> str:
    return "false" if not value.strip(b"+-0.") else "true"


def _bit_number(value: bytes) -> str:
    return str(int.from_bytes(value, "big"))


def _bit_flag(value: bytes) -> str:
    return "true" if any(value) else "false"


def _utc(value: bytes) -> str | None:
    """A time that is one of UTC; MySQL's zero date stands for none."""
    text = value.decode()
    return None if text.startswith(_ZERO) else f"{_with_clock(text)}+00:00"


def _zoned(value: bytes, zone: ZoneInfo) -> str | None:
    text = value.decode()
    if text.startswith(_ZERO):
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).isoformat()
    except ValueError:
        # A day that no calendar has, such as 2026-02-00: for landing to reject.
        return f"{_with_clock(text)}+00:00"


def _with_clock(text: str) -> str:
    return text if len(text) > 10 else f"{text} 00:00:00"


def _day(value: bytes) -> str | None:
    text = value.decode()
    if text.startswith(_ZERO):
        return None
    day, _, clock = text.partition(" ")
    return day if not clock.strip("0:.") else text


def _single(value: bytes) -> str:
    """The shortest text of a single float; the server would cut it after six digits.

    It comes as the double that equals it.
    """
    text = value.decode()
    single = struct.pack("f", float(text))
    for digits in range(6, 10):
        short = f"{float(text):.{digits}g}"
        if struct.pack("f", float(short)) == single:
            return short
    return text


def _array(value: bytes) -> str:
    """MySQL has no arrays: a JSON array of texts as PostgreSQL's."""
    text = value.decode()
    try:
        found = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return text
    if not isinstance(found, list) or not all(isinstance(v, str | None) for v in found):
        return text
    return array_text(found)


def copy_line(row: tuple[bytes | None, ...]) -> bytes:
    r"""A row as it came, for quarantine: tab-separated, ``\N`` for null, as COPY writes it."""
    return b"\t".join(
        b"\\N"
        if value is None
        else value.replace(b"\\", b"\\\\").replace(b"\t", b"\\t").replace(b"\n", b"\\n")
        for value in row
    )
