"""JSON lines by the block: the same records, lines and reasons as line by line, only faster."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from moshtari.sources.files_json import JsonLinesSplitter
from moshtari.sources.files_lines import RecordBatch

WANTED = ["a", "b", "c"]
TEXT = st.text(max_size=8) | st.sampled_from(["", "null", "\0", "}\n{", "علی", "\u2028", '"', "۱۲"])
VALUE = TEXT | st.none() | st.booleans() | st.integers() | st.floats() | st.lists(TEXT, max_size=2)
RECORDS = st.lists(
    st.dictionaries(st.sampled_from(["a", "b", "c", "d", "e f"]), VALUE), min_size=1, max_size=12
)
BROKEN = [
    b"", b"  ", b"[1]", b'{"a": 1', b'{"a": {}', b'{"a": "x"} {"a": "y"}', b'{"a": "\xff"}',
    b"\xff", b'{"a": "\\ud800"}', b'{"a": "x\\u0000"}', b'{"a": [1', b'2], "b": {}}', b'{"a": NaN}',
    b'{"a": 1.10, "a": "twice"}', b' {"a": "led by a blank"}', b'{"a": "then one"} ', b"}", b"{",
]  # fmt: skip


class LineByLine(JsonLinesSplitter):
    def _at_once(self, block: bytes, encoding: str) -> RecordBatch | None:
        return None


def read(splitter: JsonLinesSplitter, blocks: list[bytes], encoding: str = "utf-8") -> Any:
    rows: list[Any] = []
    broken: list[Any] = []
    for batch in splitter.batches(iter(blocks), encoding):
        columns = zip(
            *(c.to_pylist() if isinstance(c, pa.Array) else c for c in batch.columns), strict=True
        )
        rows += zip(columns, batch.first, batch.last, strict=True)
        broken += batch.broken
    return rows, broken, set(splitter.seen)


def alike(blocks: list[bytes], encoding: str = "utf-8") -> Any:
    fast = read(JsonLinesSplitter(WANTED), blocks, encoding)
    assert fast == read(LineByLine(WANTED), blocks, encoding)
    return fast


@given(
    records=RECORDS,
    odd=st.lists(st.sampled_from(BROKEN), max_size=3),
    places=st.lists(st.integers(0, 40), min_size=3, max_size=3),
    ascii_only=st.booleans(),
    end=st.sampled_from([b"\n", b"\r\n"]),
    size=st.integers(1, 4),
    ends=st.booleans(),
)
@hypothesis_settings(max_examples=300, deadline=None)
def test_the_same_as_line_by_line(
    records: list[dict[str, Any]],
    odd: list[bytes],
    places: list[int],
    ascii_only: bool,
    end: bytes,
    size: int,
    ends: bool,
) -> None:
    # Some records more than once, so that what is learnt from a block serves the next.
    lines = [
        json.dumps(record, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        for record in records * 3
    ]
    for line, place in zip(odd, places, strict=False):
        lines.insert(place % (len(lines) + 1), line)
    lines = [line + end for line in lines]
    if not ends:
        lines[-1] = lines[-1].removesuffix(end)
    alike([b"".join(lines[i : i + size]) for i in range(0, len(lines), size)])


@pytest.mark.parametrize("line", BROKEN)
def test_an_odd_line_among_good_ones(line: bytes) -> None:
    good = b'{"a": "x", "b": 1, "c": null}\n'
    found = alike([good * 3, good + line + b"\n" + good, good * 2])
    assert [first for _, first, _ in found[0] if first != 5] == [1, 2, 3, 4, 6, 7, 8]


def test_records_are_never_joined_or_parted() -> None:
    # As many records as lines, but not a record a line.
    good = b'{"a": "x"}\n'
    rows, broken, _ = alike([good, b'{"a":\n"y"}\n{"a": "z"} {"a": "z"} {"a": "z"}\n'])
    assert rows == [(("x", None, None), 1, 1)]
    assert [line for line, _, _ in broken] == [2, 3, 4]


def test_a_key_that_comes_late_and_a_value_of_another_kind() -> None:
    blocks = [b'{"a": "x"}\n' * 2, b'{"a": "x", "z": 1}\n', b'{"a": 1.10, "b": 1e3}\n' * 2]
    rows, _, seen = alike(blocks)
    assert [row for row, _, _ in rows[-2:]] == [("1.10", "1e3", None)] * 2
    assert seen == {"a", "b", "z"}


def test_keys_without_end() -> None:
    blocks = [json.dumps({"a": str(n), f"id {n}": n}).encode() + b"\n" for n in range(400)]
    rows, _, seen = alike(blocks)
    assert len(rows) == 400
    assert len(seen) == 401


def test_another_encoding() -> None:
    blocks = ['{"a": "سلام", "b": 1}\n'.encode("windows-1256")] * 3
    rows, _, _ = alike(blocks, "cp1256")
    assert rows[-1] == (("سلام", "1", None), 3, 3)


def test_too_deep_to_be_read() -> None:
    deep = b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
    rows, broken, _ = alike([b'{"a": "x"}\n', deep, b'{"a": "y"}\n'])
    assert [row[0] for row, _, _ in rows] == ["x", "y"]
    assert broken == [(2, 2, "the line is not one JSON object")]
