"""JSON pages decoded record by record, so that a broken record costs itself and not its page.

Where many are read, a page is tried whole first (`decode_whole`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TypeVar, overload

import msgspec

from moshtari.sources.base import Batch, KeptRecord, RejectedRecord, TextRows

COMES_LATER = "it changed after the day that it would be of, and comes with a later load"
"""Why a record out of quarantine is left there for now."""

Shape = TypeVar("Shape")


class UnreadablePageError(Exception):
    """A page that is no JSON, or JSON of another shape; the message quotes nothing of it."""


class Received(Sequence[bytes]):
    """Records of a page as they were received: cut out of it only when one is asked for.

    ``cut`` gives all records of the page, ``places`` says which of them are these.
    """

    def __init__(self, cut: Callable[[], Sequence[msgspec.Raw]], places: Sequence[int]) -> None:
        self._cut, self._places = cut, places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> list[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | list[bytes]:
        if isinstance(at, slice):
            return [bytes(self._records[place]) for place in self._places[at]]
        return bytes(self._records[self._places[at]])

    @cached_property
    def _records(self) -> Sequence[msgspec.Raw]:
        return self._cut()


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


def decode_whole(content: bytes, decoder: msgspec.json.Decoder[Shape]) -> Shape | None:
    """The page with its records decoded at once, in less time than one by one.

    None where one of them, or the page, is not as it should be: that is told by `decode_page` and
    `decode_record`, which find in a page the same records.
    """
    try:
        return decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


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


def decode_kept(record: KeptRecord, decoder: msgspec.json.Decoder[Shape]) -> Shape | RejectedRecord:
    """A record out of quarantine as the decoder's type, or rejected still, at its own position."""
    decoded = decode_record(msgspec.Raw(record.raw), decoder, "", "")
    if isinstance(decoded, RejectedRecord):
        return replace(decoded, position=record.position)
    return decoded


def kept_rows(
    columns: tuple[str, ...], found: Sequence[tuple[tuple[str | None, ...], KeptRecord]]
) -> Iterator[TextRows]:
    """Rows, each with the record out of quarantine that it was made of."""
    kept = [(row, record.position, record.raw) for row, record in found]
    yield from text_rows(columns, kept, exact=False)


def text_rows(
    columns: tuple[str, ...],
    found: Sequence[tuple[tuple[str | None, ...], str, bytes]],
    *,
    exact: bool,
) -> Iterator[TextRows]:
    """Rows, each with its position and the record as received."""
    if found:
        rows, positions, raw = zip(*found, strict=True)
        yield TextRows(columns, rows, positions, raw, exact=exact)


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
    The records are cut out of it as they came; those that are broken fail on their own.
    """
    try:
        text = content.decode("utf-8", "surrogateescape")
        return msgspec.convert(_record(text) if shape is msgspec.Raw else _page(text), type=shape)
    except (ValueError, RecursionError):
        return None


_LENIENT = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")


def _page(text: str) -> object:
    """A list of records, or an object with such lists, the records as `msgspec.Raw`."""
    at = _after_space(text, 0)
    if text.startswith("[", at):
        found, end = _records(text, at)
    else:
        found, end = _object(text, _expected(text, at, "{"))
    if _after_space(text, end) != len(text):
        raise ValueError("something follows the page")
    return found


def _object(text: str, at: int) -> tuple[object, int]:
    found: dict[str, object] = {}
    if text.startswith("}", at):
        return found, at + 1
    while True:
        key, at = _LENIENT.raw_decode(text, at)
        at = _expected(text, at, ":")
        if text.startswith("[", at):
            value, at = _records(text, at)
        elif text.startswith("{", at):
            value, at = _object(text, _expected(text, at, "{"))
        else:
            value, at = _LENIENT.raw_decode(text, at)
        found[key] = value
        at = _after_space(text, at)
        if text.startswith("}", at):
            return found, at + 1
        at = _expected(text, at, ",")


def _record(text: str) -> msgspec.Raw:
    at = _after_space(text, 0)
    _, end = _LENIENT.raw_decode(text, at)
    if _after_space(text, end) != len(text):
        raise ValueError("something follows the record")
    return msgspec.Raw(text[at:end].encode("utf-8", "surrogateescape"))


def _records(text: str, at: int) -> tuple[object, int]:
    found: list[msgspec.Raw] = []
    at = _after_space(text, at + 1)
    if text.startswith("]", at):
        return found, at + 1
    while True:
        _, end = _LENIENT.raw_decode(text, at)
        found.append(msgspec.Raw(text[at:end].encode("utf-8", "surrogateescape")))
        at = _after_space(text, end)
        if text.startswith("]", at):
            return found, at + 1
        at = _expected(text, at, ",")


def _expected(text: str, at: int, mark: str) -> int:
    at = _after_space(text, at)
    if not text.startswith(mark, at):
        raise ValueError(f"no {mark} where it should be")
    return _after_space(text, at + 1)


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
