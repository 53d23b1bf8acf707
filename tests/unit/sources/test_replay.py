"""Records out of quarantine: cut out of pages byte by byte, and found again by their places."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshtari.landing.contract import ENTITIES
from moshtari.sources.base import KeptRecord, Origin, RejectedRecord
from moshtari.sources.files_config import FilesConfig
from moshtari.sources.files_places import LocalPlace
from moshtari.sources.files_replay import KeptLines
from moshtari.sources.json_records import UnreadablePageError, decode_kept, decode_page
from moshtari.sources.postgres_replay import KeyedRecords


class Page(msgspec.Struct):
    records: list[msgspec.Raw]
    next: str | None = None


class Record(msgspec.Struct):
    id: int


# Each makes msgspec refuse the whole page.
JUNK = [b'"\\ud83d"', b'"\xff\xfe"', b"NaN", b'"\xed\xa0\xbd"', b"-Infinity"]
SPACE = st.sampled_from([b"", b" ", b"\n\t", b"\r\n"])
NUMBER = st.sampled_from([b"1.10", b"1e5", b"-0", b"12345678901234567890123", b'"\\u06af"'])


@given(
    st.lists(st.tuples(NUMBER, SPACE, st.sampled_from(JUNK) | NUMBER), min_size=1, max_size=4),
    SPACE,
    st.sampled_from(JUNK),
)
def test_records_of_a_broken_page_are_cut_out_byte_by_byte(
    parts: list[tuple[bytes, bytes, bytes]], space: bytes, junk: bytes
) -> None:
    records = [b'{"a":' + s + n + s + b',"a":' + j + b"}" for n, s, j in parts]
    records.append(b'{"a":[' + junk + b"," + space + b"{}]}")
    lists = (space + b"," + space).join(records)
    content = (
        space + b'{"next"' + space + b': null,"records":[' + space + lists + space + b"]}" + space
    )
    assert [bytes(raw) for raw in decode_page(content, Page).records] == records
    assert [bytes(raw) for raw in decode_page(b"[" + lists + b"]", list[msgspec.Raw])] == records


@pytest.mark.parametrize("cut", [b"", b"]", b"]}x", b",]}", b"]}]"])
def test_a_page_that_is_cut_off_is_none(cut: bytes) -> None:
    with pytest.raises(UnreadablePageError):
        decode_page(b'{"records":[{"id":NaN}' + cut, Page)


def test_a_record_that_is_rejected_still_keeps_its_place() -> None:
    found = decode_kept(KeptRecord("page 3, ticket 7", b"\xff"), msgspec.json.Decoder(Record))
    assert isinstance(found, RejectedRecord)
    assert (found.position, found.raw) == ("page 3, ticket 7", b"\xff")


def test_keys_are_taken_from_the_kept_columns() -> None:
    raws = [
        b'{"order_id": "a/b", "line_no": "2", "sku": "x"}',
        b'{"order_id": "", "line_no": "2"}',
        b'{"line_no": "2"}',
        b"[]",
        b"a\tb\xff",
    ]
    records = [KeptRecord(f"p{n}", raw) for n, raw in enumerate(raws)]
    keyed = KeyedRecords(ENTITIES["order_items"], records)
    assert list(keyed.keys) == [("a/b", "2")]
    assert [r.position for r in keyed.without_key()] == ["p1", "p2", "p3", "p4"]


@contextmanager
def kept_files(folder: Path, content: str, *lines: tuple[int, bytes]) -> Iterator[list[bytes]]:
    """What is written for these lines of the file."""
    (folder / "one.csv").write_text(content)
    mapping = {"columns": dict.fromkeys(ENTITIES["exchange_rates"].required_columns, "a")}
    config = FilesConfig.model_validate(
        {
            "kind": "files",
            "path": "one.csv",
            "format": {"type": "csv", "skip_lines": 1},
            "columns": {"a": "text"},
            "entities": {"exchange_rates": mapping},
        }
    )
    place = LocalPlace("one.csv", folder)
    origin = place.origin("one.csv")
    kept = KeptLines([KeptRecord(f"one.csv:{line}", raw, origin) for line, raw in lines])
    with kept.files(config, place) as files:
        yield [file.read_bytes() for file in files]


def test_lines_stand_where_they_stood_under_the_whole_header(tmp_path: Path) -> None:
    content = 'an "odd remark\n"a\nb",c\n1,2\n3,4\n5,6\n'
    with kept_files(tmp_path, content, (6, b"5,6"), (4, b"1,2")) as files:
        assert files == [b'\n"a\nb",c\n1,2\n\n5,6\n']


def test_a_line_with_a_stray_quote_stands_alone(tmp_path: Path) -> None:
    with kept_files(tmp_path, "x\na,b\n", (3, b'"1,2'), (4, b'3,"4\n5"'), (5, b"6,7")) as files:
        assert files == [b'\na,b\n"1,2\n', b"\na,b\n\n\n6,7\n", b'\na,b\n\n3,"4\n5"\n']


def test_a_line_without_number_is_not_guessed() -> None:
    origin = Origin("one.csv", 1, "x")
    kept = KeptLines([KeptRecord("one.csv:twelve", b"1", origin), KeptRecord("9", b"1")])
    assert [record.position for record in kept.without_line()] == ["one.csv:twelve", "9"]
    assert not kept.lines
