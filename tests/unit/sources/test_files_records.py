"""Files into records: what was written comes back, and what is broken is told line by line."""

from __future__ import annotations

import csv
import gzip
import io
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from moshtari.sources.files_bytes import FileFormatError, line_blocks, raw_lines
from moshtari.sources.files_config import FilesConfig
from moshtari.sources.files_records import RecordReader

# Anything that a text file and PostgreSQL can hold.
TEXT = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12
) | st.sampled_from(
    ['"', '""', ",", "\n", "\r\n", "\r", " ", "\ufeff", '",\n"', "\u2028", "علی‌رضا"]
)
ROWS = st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=30)


def config(columns: list[str], **more: Any) -> FilesConfig:
    return FilesConfig.model_validate(
        {
            "kind": "files",
            "path": "unused",
            "columns": dict.fromkeys(columns, "text"),
            "entities": {
                "exchange_rates": {
                    "columns": {
                        "rate_date": "null",
                        "currency": "null",
                        "rate_to_base": "null",
                    }
                }
            },
            **more,
        }
    )


def records(path: Path, settings: FilesConfig) -> tuple[list[tuple[Any, ...]], list[Any]]:
    """All rows, with first and last line, and all that was broken."""
    rows: list[tuple[Any, ...]] = []
    broken: list[Any] = []
    for batch in RecordReader(path, settings).batches():
        columns = zip(*batch.columns, strict=True)
        rows += zip(columns, batch.first, batch.last, strict=True)
        broken += batch.broken
    return rows, sorted(broken)


def written(rows: list[tuple[str, ...]], **dialect: Any) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, **dialect).writerows(rows)
    return text.getvalue()


@given(
    rows=ROWS,
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    # With "\n" alone the module leaves a carriage return bare, and cannot read it back itself.
    ends=st.sampled_from(
        [("\r\n", csv.QUOTE_MINIMAL), ("\r\n", csv.QUOTE_ALL), ("\n", csv.QUOTE_ALL)]
    ),
    packed=st.booleans(),
)
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_pythons_csv_module_writes_comes_back(
    tmp_path: Path,
    rows: list[tuple[str, ...]],
    delimiter: str,
    ends: tuple[str, int],
    packed: bool,
) -> None:
    header = ("one", "two", "three")
    rows = [row for row in rows if row != header]
    content = written(
        [header, *rows], delimiter=delimiter, lineterminator=ends[0], quoting=ends[1]
    ).encode()
    path = tmp_path / "any"
    path.write_bytes(gzip.compress(content) if packed else content)
    found, broken = records(
        path, config(list(header), format={"type": "csv", "delimiter": delimiter})
    )
    assert [row for row, _, _ in found] == rows
    assert broken == []


@given(rows=ROWS)
@hypothesis_settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_lines_of_a_record_are_its_own(tmp_path: Path, rows: list[tuple[str, ...]]) -> None:
    path = tmp_path / "lines.csv"
    path.write_bytes(written([("a", "b", "c"), *rows]).encode())
    found, _ = records(path, config(["a", "b", "c"]))
    assert found[0][1] == 2
    for (_, _, last), (_, first, _) in pairwise(found):
        assert first == last + 1
    stored = raw_lines(path, "utf-8", [(first, last) for _, first, last in found])
    for (row, first, _), (line, raw) in zip(found, stored, strict=True):
        assert line == first
        # The trailing line end is not part of what is kept of a record.
        assert next(csv.reader(io.StringIO(raw.decode(), newline=""))) == list(row)


def test_a_record_may_cross_blocks(tmp_path: Path) -> None:
    long = "x\n" * 200_000
    path = tmp_path / "long.csv"
    path.write_text(written([("a", "b"), ("1", long), ("2", "y")]), newline="")
    found, broken = records(path, config(["a", "b"]))
    assert found == [(("1", long), 2, 200_002), (("2", "y"), 200_003, 200_003)]
    assert broken == []


def test_a_stray_quotation_mark_costs_its_own_line_only(tmp_path: Path) -> None:
    path = tmp_path / "stray.csv"
    good = "".join(f"{n},ok\n" for n in range(100))
    path.write_text(f'a,b\n1,"never closed\n{good}2,"fine"\n3,"in "the" midst"\n4,end\n')
    found, broken = records(path, config(["a", "b"]))
    assert [row for row, _, _ in found] == [
        *((str(n), "ok") for n in range(100)),
        ("2", "fine"),
        ("4", "end"),
    ]
    assert [(first, last) for first, last, _ in broken] == [(2, 2), (104, 104)]
    assert all("cannot be split" in reason for _, _, reason in broken)


def test_unclosed_quote_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "end.csv"
    path.write_text('a,b\n1,x\n2,"cut o')
    found, broken = records(path, config(["a", "b"]))
    assert [row for row, _, _ in found] == [("1", "x")]
    assert [first for first, _, _ in broken] == [3]


def test_wrong_number_of_fields(tmp_path: Path) -> None:
    path = tmp_path / "fields.csv"
    path.write_text('a,b\n1\n1,2,3\n\n"4\n4",5,6\n7,8\n')
    found, broken = records(path, config(["a", "b"]))
    assert found == [(("7", "8"), 7, 7)]
    assert broken == [
        (2, 2, "the line has 1 fields instead of 2"),
        (3, 3, "the line has 3 fields instead of 2"),
        (5, 6, "the line has 3 fields instead of 2"),
    ]
    assert dict(raw_lines(path, "utf-8", [(2, 2), (5, 6)])) == {2: b"1", 5: b'"4\n4",5,6'}


def test_undecodable_bytes_and_nul(tmp_path: Path) -> None:
    path = tmp_path / "bytes.csv"
    path.write_bytes(b'a,b\n1,\xff\n2,\xd8\xb9\n3,x\0y\n4,"\xfe\nz"\n')
    found, broken = records(path, config(["a", "b"]))
    assert [row for row, _, _ in found] == [("2", "ع")]
    assert broken == [
        (2, 2, "the bytes are not of the file's encoding"),
        (4, 4, "a NUL character, which PostgreSQL cannot store"),
        (5, 6, "the bytes are not of the file's encoding"),
    ]
    assert list(raw_lines(path, "utf-8", [(2, 2)])) == [(2, b"1,\xff")]


@pytest.mark.parametrize("encoding", ["windows-1256", "utf-16", "utf-16-le", "utf-8-sig"])
def test_other_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "encoded.csv"
    path.write_bytes("name,n\r\nسلام,1\r\n\r\nbroken\r\n".encode(encoding))
    settings = config(["name", "n"], format={"type": "csv", "encoding": encoding})
    found, broken = records(path, settings)
    assert found == [(("سلام", "1"), 2, 2)]
    [(line, raw)] = raw_lines(path, settings.format.encoding, [(4, 4)])
    assert line == broken[0][0] == 4
    assert raw.decode(encoding) == "broken"


def test_not_of_a_wide_encoding(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes("a,b\n".encode("utf-16-le") + b"\x00\xd8\x00\xd8")
    with pytest.raises(FileFormatError, match=r"not utf-16-le.*format\.encoding"):
        records(path, config(["a"], format={"type": "csv", "encoding": "utf-16-le"}))


def test_tsv_without_header_or_quotes(tmp_path: Path) -> None:
    path = tmp_path / "plain.tsv"
    path.write_text('exported by x\n5" pipe\t"a\nb\tc\n')
    settings = config(
        ["x", "y"], format={"type": "tsv", "header": False, "quote": None, "skip_lines": 1}
    )
    assert records(path, settings) == ([(('5" pipe', '"a'), 2, 2), (("b", "c"), 3, 3)], [])


def test_escape_character(tmp_path: Path) -> None:
    path = tmp_path / "escaped.csv"
    path.write_text('a,b\n"say \\"hi\\"",x\\,y\n')
    found, broken = records(path, config(["a", "b"], format={"type": "csv", "escape": "\\"}))
    assert [row for row, _, _ in found] == [('say "hi"', "x,y")]
    assert broken == []


def test_columns_in_any_order_and_extra_ones(tmp_path: Path) -> None:
    path = tmp_path / "order.csv"
    path.write_text("z,b,a\n0,2,1\n")
    reader = RecordReader(path, config(["a", "b"]))
    assert [batch.columns for batch in reader.batches()] == [[("1",), ("2",)]]
    assert reader.extra == ("z",)


def test_fixed_width(tmp_path: Path) -> None:
    path = tmp_path / "fixed.txt"
    path.write_bytes("heading\r\n 001 علی   12.5\r\n\r\n 002\r\n 003 رضا   7\r\n".encode())
    settings = config(
        ["amount", "who"],
        format={
            "type": "fixed_width",
            "columns": {"who": [6, 5], "amount": [11, 6]},
            "skip_lines": 1,
        },
    )
    found, broken = records(path, settings)
    assert found == [(("12.5", "علی"), 2, 2), (("7", "رضا"), 5, 5)]
    assert broken == [(4, 4, "the line ends before column 11")]


def test_json_lines_keep_numbers_as_written(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text(
        '{"a": 1.10, "b": 12345678901234567890.12345678901234567890}\n'
        '{"a": null, "b": true, "c": "left out"}\n'
        '{"a": "", "b": {"x": [1.0, "q"]}}\n'
        '{"b": "سلام"}\n'
    )
    reader = RecordReader(path, config(["a", "b"], format={"type": "jsonl"}))
    [batch] = reader.batches()
    assert list(zip(*batch.columns, strict=True)) == [
        ("1.10", "12345678901234567890.12345678901234567890"),
        (None, "true"),
        ("", '{"x": [1.0, "q"]}'),
        (None, "سلام"),
    ]
    assert reader.extra == ("c",)


@given(st.lists(st.dictionaries(st.sampled_from("ab"), TEXT, min_size=2), min_size=1, max_size=9))
@hypothesis_settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_json_strings_come_back(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    path = tmp_path / "strings.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found, broken = records(path, config(["a", "b"], format={"type": "jsonl"}))
    assert [row for row, _, _ in found] == [(row["a"], row["b"]) for row in rows]
    assert broken == []


@pytest.mark.parametrize(
    "line",
    ['{"a": 1', "[1]", '{"a": "\\ud800"}', '{"a": NaN}', "text", '{"a": 1} {"a": 2}'],
)
def test_broken_json(tmp_path: Path, line: str) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text(f'{{"a": 1}}\n{line}\n{{"a": 2}}\n')
    found, broken = records(path, config(["a"], format={"type": "jsonl"}))
    assert [row for row, _, _ in found] == [("1",), ("2",)]
    assert broken == [(2, 2, "the line is not one JSON object")]


def test_json_with_nul(tmp_path: Path) -> None:
    path = tmp_path / "nul.jsonl"
    path.write_text('{"a": "x\\u0000y"}\n{"a": "z"}\n')
    found, broken = records(path, config(["a"], format={"type": "jsonl"}))
    assert [row for row, _, _ in found] == [("z",)]
    assert broken == [(1, 1, "a NUL character, which PostgreSQL cannot store")]


def test_blocks_end_with_lines(tmp_path: Path) -> None:
    path = tmp_path / "blocks"
    content = b"".join(b"x" * n + b"\n" for n in range(300)) + b"end"
    path.write_bytes(content)
    blocks = list(line_blocks(path, "utf-8", size=100))
    assert b"".join(blocks) == content
    assert all(block.endswith(b"\n") for block in blocks[:-1])
