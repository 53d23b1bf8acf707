"""A large file is read by a process of its own: to the same records, and to the same complaints."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.processes import children

from moshtari.sources import files_apart, files_pieces
from moshtari.sources.files_apart import PiecesApart, pieces_of
from moshtari.sources.files_bytes import FileFormatError
from moshtari.sources.files_config import FilesConfig
from moshtari.sources.files_pieces import Pieces

FILES: dict[str, tuple[dict[str, Any], bytes]] = {
    "quoted lines and Jalali days": (
        {"columns": {"day": {"type": "date", "calendar": "jalali"}, "text": "text"}},
        'day,text,extra\n۱۴۰۳/۰۱/۰۲,"over\ntwo",x\n1403-12-30,y\n1403/07/01,"چای",z\n'.encode(),
    ),
    "lines of JSON": (
        {"format": {"type": "jsonl"}, "columns": {"a": "decimal(10,2)", "b": "text"}},
        b'{"a": 1.50, "b": null, "c": {}}\n{"a": 2\n{"a": "x", "b": "y"}\n\n{"a": 3, "b": ""}\n',
    ),
    "fixed places": (
        {
            "format": {"type": "fixed_width", "columns": {"a": [1, 3], "b": [5, 4]}},
            "columns": {"a": "id", "b": "text"},
        },
        b"001 some\n002\n003 more\n",
    ),
    "another encoding": (
        {"format": {"type": "csv", "encoding": "utf-16"}, "columns": {"a": "text"}},
        "a\nسلام\n".encode("utf-16"),
    ),
}


def config(**more: Any) -> FilesConfig:
    columns = {
        "subscription_id": "'1'",
        "customer_id": "'c'",
        "started_at": "timestamptz '2026-01-01 00:00:00+00'",
        "renews_automatically": True,
    }
    entities = {"subscriptions": {"columns": columns}}
    return FilesConfig.model_validate({"kind": "files", "path": "*", "entities": entities, **more})


def told(pieces: Pieces) -> Any:
    records: list[Any] = []
    broken: list[Any] = []
    for table, bad in pieces:
        records += [] if table is None else table.to_pylist()
        broken += [tuple(some) for some in bad]
    return records, broken, tuple(pieces.reader.extra), pieces.reader.types


@pytest.mark.parametrize("name", FILES)
def test_the_same_as_here(name: str, tmp_path: Path) -> None:
    given, content = FILES[name]
    file = tmp_path / "file"
    for packed in (content, gzip.compress(content)):
        file.write_bytes(packed)
        here = told(Pieces(file, config(**given), ("extra", "c")))
        assert here[0]
        assert told(PiecesApart(file, config(**given), ("extra", "c"))) == here


def test_the_same_over_many_pieces(tmp_path: Path) -> None:
    file = tmp_path / "file"
    lines = [json.dumps({"a": n, "b": "چ" * (n % 50)}) for n in range(30_000)]
    lines[7_000] = lines[29_000] = '{"a": 1'
    file.write_text("\n".join(lines), encoding="utf-8")
    given = config(format={"type": "jsonl"}, columns={"a": "integer", "b": "text"})
    here = told(Pieces(file, given))
    assert (len(here[0]), len(here[1])) == (29_998, 2)
    assert told(PiecesApart(file, given)) == here


def test_a_file_that_is_unusable_is_told_of(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for content, what in (
        (b"b\n1\n", "'a' is missing"),
        (gzip.compress(b"a\n1\n")[:-9], "cut off"),
    ):
        file.write_bytes(content)
        with pytest.raises(FileFormatError, match=what):
            list(PiecesApart(file, config(columns={"a": "text"})))


def test_large_text_is_read_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.write_bytes(b"a\n" + b"1234567\n" * 100)
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert type(pieces_of(plain, config(columns={"a": "text"}))) is Pieces
    monkeypatch.setattr(files_apart, "_FROM_BYTES", 800)
    monkeypatch.setattr(files_apart, "_FROM_BYTES_PACKED", packed.stat().st_size)
    for file in (plain, packed):
        assert type(pieces_of(file, config(columns={"a": "text"}))) is PiecesApart


@pytest.fixture
def long_file(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_text("a\n" + "1234567\n" * 1_000_000)
    return file


def test_a_process_that_is_killed_is_no_end_of_file(long_file: Path) -> None:
    before = children()
    pieces = iter(PiecesApart(long_file, config(columns={"a": "text"})))
    first = next(pieces)[0]
    assert isinstance(first, pa.Table)
    assert first.num_rows >= files_pieces._ROWS_AT_ONCE
    [process] = children() - before
    process.kill()
    with pytest.raises(FileFormatError, match="ended before the file did"):
        list(pieces)


def test_a_process_that_does_not_begin_is_told_of(
    long_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(FileFormatError, match="ended before the file did"):
        list(PiecesApart(long_file, config(columns={"a": "text"})))


def test_a_reader_that_lets_go_leaves_no_process(long_file: Path) -> None:
    before = children()
    pieces: Iterator[Any] = iter(PiecesApart(long_file, config(columns={"a": "text"})))
    assert len(list(islice(pieces, 2))) == 2
    pieces.close()  # type: ignore[attr-defined]
    assert children() == before


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"sales-\xff.csv")
    file.write_text("a\n1\n")
    assert len(told(PiecesApart(file, config(columns={"a": "text"})))[0]) == 1


def test_no_secret_goes_along() -> None:
    given = config(columns={"a": "text"}, path="s3://in/x", storage_options={"secret": "hush"})
    pieces = PiecesApart(Path(__file__), given)
    assert "hush" not in pieces._task.config
