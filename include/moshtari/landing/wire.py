"""Exact rows as PostgreSQL's binary COPY, which costs it half of what COPY of text does.

pgpq writes the stream. What it is given here has one Arrow type for each type of the contract.
Numbers come to it in PostgreSQL's own form, so that they keep the decimals that they were written
with (1.50 is not 1.5), and so do arrays of texts, of which a shop has few that differ.

pyarrow.ArrowInvalid is raised where a value is spelt so that only PostgreSQL should read it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg.adapt import Transformer
from psycopg.pq import Format

from moshtari.sources.columnar import days, holds, moments, whole_numbers

try:
    from pgpq import ArrowToPostgresBinaryEncoder
except ImportError:  # It has no wheels for Linux on ARM: rows go as text there.
    ArrowToPostgresBinaryEncoder = None  # type: ignore[assignment,misc]

_TEXT, _TEXTS = 25, 1009
"""PostgreSQL's numbers for its types text and text[]."""
_JSONB_VERSION = b"\x01"
_NEGATIVE = 0x4000
# A digit of PostgreSQL's numbers is of base 10,000: four of ours.
_BASE, _PLACES = 10_000, 4
_MOST_PLACES = 2 * _PLACES
# As many digits a number of 64 bits has room for, whichever they are.
_MOST_DIGITS = 18
_SIMPLE = {
    "text": pa.string(),
    "boolean": pa.bool_(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
}


def as_stream(rows: pa.RecordBatch, types: Mapping[str, str]) -> list[bytes]:
    """The stream of some rows, in pieces, given the PostgreSQL type of each column."""
    if ArrowToPostgresBinaryEncoder is None:
        raise pa.ArrowInvalid("pgpq is not installed")
    names = rows.schema.names
    fields = [_field(rows.column(name), types[name]) for name in names]
    fitting = pa.RecordBatch.from_arrays(fields, names=names)
    encoder = ArrowToPostgresBinaryEncoder(fitting.schema)
    # Joined, they would be millions of bytes in new memory: a twentieth of a load's time.
    return [encoder.write_header(), encoder.write_batch(fitting), encoder.finish()]


def _field(values: pa.Array, pg_type: str) -> pa.Array:
    if values.null_count == len(values):
        return pa.nulls(len(values), pa.string())
    if pg_type == "numeric":
        return _numbers(values)
    if pg_type == "text[]":
        return _arrays(values)
    if pg_type == "jsonb":
        return pc.binary_join_element_wise(_JSONB_VERSION, values.cast(pa.binary()), b"")
    if pg_type == "timestamptz":
        return moments(values)
    if pg_type == "date":
        return days(values)
    if pg_type in ("integer", "bigint"):
        return whole_numbers(values).cast(_SIMPLE[pg_type])
    return values.cast(_SIMPLE[pg_type])


def _numbers(texts: pa.Array) -> pa.Array:
    """Decimal numbers (no exponent) in PostgreSQL's form: how many digits of base 10,000 there are,
    the power of the first, sign, decimals as written, and the digits.
    """
    if holds(texts, b"xX"):
        raise pa.ArrowInvalid("a number of another base")
    whole = pc.replace_substring(texts, ".", "", max_replacements=1).cast(pa.int64())
    number = pc.fill_null(whole, 0).to_numpy(zero_copy_only=False)
    point = pc.fill_null(pc.find_substring(texts, "."), -1).to_numpy()
    length = pc.fill_null(pc.binary_length(texts), 0).to_numpy()
    places = np.where(point < 0, 0, length - point - 1)
    most = int(places.max())
    behind = -(-most // _PLACES)
    room = 10 ** (_MOST_DIGITS - behind * _PLACES)
    if most > _MOST_PLACES or not -room < int(number.min()) <= int(number.max()) < room:
        raise pa.ArrowInvalid("a number of more digits than fit here")
    rest = np.abs(number) * 10 ** (behind * _PLACES - places)
    digits: list[np.ndarray] = []
    while len(digits) <= behind or rest.any():
        # Faster than divmod, which numpy does value by value.
        higher = rest // _BASE
        digits.append(rest - higher * _BASE)
        rest = higher
    head = [len(digits), len(digits) - behind - 1, np.where(number < 0, _NEGATIVE, 0), places]
    form = np.empty((len(texts), len(head) + len(digits)), ">i2")
    for at, part in enumerate([*head, *reversed(digits)]):
        form[:, at] = part
    ends = np.arange(len(texts) + 1, dtype=np.int32) * form.shape[1] * form.itemsize
    found = pa.BinaryArray.from_buffers(
        pa.binary(), len(texts), [None, pa.py_buffer(ends), pa.py_buffer(form)]
    )
    return found if not texts.null_count else pc.if_else(texts.is_valid(), found, None)


def _arrays(values: pa.Array) -> pa.Array:
    """Arrays of texts, given in PostgreSQL's spelling, in its binary form: each made once."""
    coded = values.dictionary_encode()
    loader = Transformer().get_loader(_TEXTS, Format.TEXT)
    try:
        forms = [_array(loader.load(text.encode())) for text in coded.dictionary.to_pylist()]
    except psycopg.DataError as error:
        raise pa.ArrowInvalid("no array of texts") from error
    return pa.array(forms, pa.binary()).take(coded.indices)


def _array(items: list[str | None]) -> bytes:
    if not items:
        return struct.pack("!iiI", 0, 0, _TEXT)
    if any(isinstance(item, list) for item in items):
        raise pa.ArrowInvalid("an array of arrays")
    form = [struct.pack("!iiIii", 1, None in items, _TEXT, len(items), 1)]
    for item in items:
        content = b"" if item is None else item.encode()
        form += [struct.pack("!i", -1 if item is None else len(content)), content]
    return b"".join(form)
