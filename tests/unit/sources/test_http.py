"""What the HTTP client decides without a server: waits, addresses, pages and broken records."""

from __future__ import annotations

import httpx
import msgspec
import pytest

from moshtari.sources.base import RejectedRecord
from moshtari.sources.http import asked_wait, follow
from moshtari.sources.http_config import checked_base_url
from moshtari.sources.json_records import (
    Received,
    UnreadablePageError,
    decode_page,
    decode_record,
    decode_whole,
    reject_once,
)

DATE = "Fri, 20 Mar 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "93"}, 93),
        ({"Retry-After": "Fri, 20 Mar 2026 10:01:30 GMT", "Date": DATE}, 90),
        ({"Retry-After": "Fri, 20 Mar 2026 09:00:00 GMT", "Date": DATE}, 0),
        ({"X-RateLimit-Reset": "2026-03-20T10:05:00.000Z", "Date": DATE}, 300),
        ({"Retry-After": "Fri, 20 Mar 2026 10:01:30 GMT"}, None),
        ({"Retry-After": "soon", "Date": DATE}, None),
        ({"Retry-After": "-5", "Date": DATE}, None),
        ({"Retry-After": "۹۳", "Date": DATE}, None),
        ({"X-RateLimit-Reset": "41", "Date": DATE}, None),
        ({"X-Rate-Limit-Reset": "1774000930", "Date": DATE}, 130),
        ({"X-Rate-Limit-Reset": "1774000930", "X-Rate-Limit-Remaining": "0", "Date": DATE}, 130),
        ({"X-Rate-Limit-Reset": "1774000930", "X-Rate-Limit-Remaining": "7", "Date": DATE}, None),
        ({"X-Rate-Limit-Reset": "1774000000", "Date": DATE}, 0),
        ({"X-Rate-Limit-Reset": "1774000930"}, None),
        ({"X-Rate-Limit-Reset": "9" * 30, "Date": DATE}, None),
        ({"X-Rate-Limit-Reset": "2026-03-20T10:05:00.000Z", "Date": DATE}, None),
        ({"Retry-After": "7", "X-Rate-Limit-Reset": "1774000930", "Date": DATE}, 7),
        ({}, None),
    ],
)
def test_the_server_says_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert asked_wait(httpx.Headers(encoded)) == seconds


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://shop.zendesk.com/", "https://shop.zendesk.com"),
        ("http://127.0.0.1:8791", "http://127.0.0.1:8791"),
        ("http://[::1]:8791", "http://[::1]:8791"),
        ("http://localhost:8791/desk/", "http://localhost:8791/desk"),
    ],
)
def test_a_base_url_is_kept_without_its_last_slash(given: str, kept: str) -> None:
    assert checked_base_url(given) == kept


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("http://shop.zendesk.com", "https"),
        ("http://127.0.0.1.example.com", "https"),
        ("shop.zendesk.com", "https://host"),
        ("ftp://shop.zendesk.com", "https://host"),
        ("https://", "https://host"),
        ("https://me:secret@shop.zendesk.com", "credentials"),
        ("https://shop.zendesk.com/?token=x", "credentials"),
    ],
)
def test_a_base_url_that_would_leak_or_fail_is_refused(given: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        checked_base_url(given)


class Page(msgspec.Struct):
    records: list[msgspec.Raw]
    last: bool = True


class Record(msgspec.Struct):
    id: int
    text: str = ""


DECODER = msgspec.json.Decoder(Record)


def decoded(content: bytes) -> list[Record | RejectedRecord]:
    found: list[Record | RejectedRecord] = []
    for index, raw in enumerate(decode_page(content, Page).records):
        record = decode_record(raw, DECODER, "record", f"place {index}")
        found.append(record)
    return found


@pytest.mark.parametrize(
    ("broken", "position"),
    [
        (b'{"id":2,"text":"\\ud83d"}', "place 1"),
        (b'{"id":2,"text":"\xff\xfe"}', "record 2"),
        (b'{"id":NaN}', "place 1"),
        (b'{"id":"two"}', "place 1"),
        (b'{"id":2,"text":{"deep":1}}', "record 2"),
        (b"[]", "place 1"),
        (b"null", "place 1"),
    ],
)
def test_a_broken_record_costs_itself_only(broken: bytes, position: str) -> None:
    content = b'{"records":[{"id":1,"text":"\xd8\xb3"},' + broken + b',{"id":3}],"last":false}'
    first, second, third = decoded(content)
    assert first == Record(1, "س")
    assert third == Record(3)
    assert isinstance(second, RejectedRecord)
    assert second.raw == broken
    # The bytes that are no UTF-8 spoil the whole record for the decoder, its id included.
    assert second.position in (position, "place 1")


def test_a_reason_quotes_nothing_of_the_record() -> None:
    content = b'{"records":[{"id":2,"text":["0912 345 6789"]},{"id":"0912 345 6789"}]}'
    rejected = decoded(content)
    for record in rejected:
        assert isinstance(record, RejectedRecord)
        assert "0912" not in record.reason + record.position


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"records":[{"id":1}',
        b'{"records":"none"}',
        b'{"last":true}',
        b"[]",
        b'{"records":[]} {"records":[]}',
        b"[" * 100_000,
    ],
)
def test_a_page_of_no_or_other_json_is_told_apart(content: bytes) -> None:
    with pytest.raises(UnreadablePageError):
        decode_page(content, Page)


class WholePage(msgspec.Struct):
    records: list[Record]
    last: bool = True


WHOLE = msgspec.json.Decoder(WholePage)


def test_a_page_without_a_broken_record_is_decoded_at_once() -> None:
    content = b'{"last":false, "records":[{"id":1,"text":"\\u0633"}]}'
    assert decode_whole(content, WHOLE) == WholePage([Record(1, "س")], False)


@pytest.mark.parametrize(
    "broken",
    [
        b'{"records":[{"id":"one"}]}',
        b'{"records":[{"id":1,"text":"\\ud83d"}]}',
        b'{"records":[{"id":1,"text":"\xff"}]}',
        b'{"records":[{"id":1,"other":NaN}]}',
        b'{"records":[{"id":1,"other":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}",
        b'{"records":[{"id":1}',
        b'{"last":true}',
        b"",
    ],
)
def test_what_is_broken_of_a_page_is_told_record_by_record(broken: bytes) -> None:
    assert decode_whole(broken, WHOLE) is None


def test_records_are_cut_out_of_their_page_when_one_is_asked_for() -> None:
    cuts: list[list[msgspec.Raw]] = []

    def cut() -> list[msgspec.Raw]:
        cuts.append(decode_page(b'{"records":[ {"id":1}, 2 ,[3],"4"]}', Page).records)
        return cuts[-1]

    received = Received(cut, [3, 0, 2])
    assert len(received) == 3
    assert not cuts
    assert (received[0], received[-1]) == (b'"4"', b"[3]")
    assert received[1:] == [b'{"id":1}', b"[3]"]
    assert list(received) == [b'"4"', b'{"id":1}', b"[3]"]
    assert len(cuts) == 1


def test_nul_characters_are_left_to_landing() -> None:
    assert decoded(b'{"records":[{"id":1,"text":"a\\u0000b"}]}') == [Record(1, "a\x00b")]


def test_a_rejection_comes_once_however_often_pages_bring_it() -> None:
    one, other = RejectedRecord("event 1", "x", b"1"), RejectedRecord("event 1", "x", b"2")
    assert list(reject_once([one, other, one])) == [one, other]


class LoopError(Exception):
    pass


def test_pages_are_followed_to_the_last() -> None:
    pages = {1: ("a", 2), 2: ("b", 3), 3: ("c", None)}
    assert list(follow(pages.__getitem__, 1, LoopError)) == ["a", "b", "c"]


def test_a_place_that_comes_again_is_an_error_and_no_endless_loop() -> None:
    pages: dict[int, tuple[str, int | None]] = {1: ("a", 2), 2: ("b", 3), 3: ("c", 2)}
    with pytest.raises(LoopError):
        list(follow(pages.__getitem__, 1, LoopError))


def test_an_error_on_a_later_page_reaches_the_reader() -> None:
    pages: dict[int, tuple[str, int | None]] = {1: ("a", 2)}
    reading = follow(pages.__getitem__, 1, LoopError)
    assert next(reading) == "a"
    with pytest.raises(KeyError):
        next(reading)
