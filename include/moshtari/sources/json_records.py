"""JSON pages decoded record by record, so that a broken record costs itself and not its page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from moshtari.sources.base import Batch, RejectedRecord

Shape = TypeVar("Shape")


class UnreadablePageError(Exception):
    """A page that is no JSON, or JSON of another shape; the message quotes nothing of it."""


def decode_page(content: bytes, shape: type[Shape]) -> Shape:
    """The page as ``shape``, its records as `msgspec.Raw`. Raises UnreadablePageError."""
    try:
        return msgspec.json.decode(content, type=shape)
    except msgspec.ValidationError as error:
        raise UnreadablePageError(f"JSON of an unexpected shape ({error})") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        salvaged = _salvage(content, shape)
        if salvaged is None:
            what = f"broken or truncated JSON ({len(content)} bytes)"
            raise UnreadablePageError(what) from error
        return salvaged


def decode_record(
    raw: msgspec.Raw, decoder: msgspec.json.Decoder[Shape], what: str, otherwise: str
) -> Shape | RejectedRecord:
    """One record as the decoder's type, or rejected with its bytes.

    Its position is ``what`` and its id, which stays the same on every reading; ``otherwise`` is the
    position of a record without one.
    """
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        reason = str(error)
    except (msgspec.DecodeError, UnicodeDecodeError):
        reason = "text that is no Unicode, or a number that JSON does not have"
    except RecursionError:
        reason = "nested too deeply"
    return RejectedRecord(_position(raw, what, otherwise), reason, bytes(raw))


def reject_once(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The batches without rejected records that came before, as pages that overlap bring them."""
    rejected: set[int] = set()
    for batch in batches:
        if isinstance(batch, RejectedRecord):
            if hash(batch) in rejected:
                continue
            rejected.add(hash(batch))
        yield batch


class _Identified(msgspec.Struct):
    id: int | str


def _position(raw: msgspec.Raw, what: str, otherwise: str) -> str:
    try:
        return f"{what} {int(msgspec.json.decode(raw, type=_Identified).id)}"
    except (ValueError, RecursionError):
        return otherwise


def _salvage(content: bytes, shape: type[Shape]) -> Shape | None:
    """A page that only a lenient parser can read, so that its broken records can be told apart.

    One lone surrogate, one byte that is no UTF-8 or one NaN makes msgspec refuse the whole page.
    The records are written out again as they came; those that are broken fail on their own.
    """
    try:
        page = json.loads(content.decode("utf-8", "surrogateescape"))
        records = msgspec.Raw(_json(page)) if shape is msgspec.Raw else _raw_records(page)
        return msgspec.convert(records, type=shape)
    except (ValueError, RecursionError):
        return None


def _raw_records(page: object) -> object:
    if isinstance(page, list):
        return [msgspec.Raw(_json(record)) for record in page]
    if isinstance(page, dict):
        return {
            key: _raw_records(value) if isinstance(value, list | dict) else value
            for key, value in page.items()
        }
    return page


def _json(record: object) -> bytes:
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # A surrogate that stood as an escape in the answer: it goes back to one.
        return json.dumps(record, separators=(",", ":")).encode()
