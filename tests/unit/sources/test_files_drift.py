"""Files whose columns change, in every format that names them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.sources.test_files import SUBSCRIPTION, WINDOW, source

from moshtari.sources.base import RejectedRecord, SourceError, TextRows
from moshtari.sources.files import FilesSource

Write = Callable[[Path, list[dict[str, Any]]], None]


def csv(path: Path, rows: list[dict[str, Any]]) -> None:
    lines = [",".join(rows[0]), *(",".join(v or "" for v in row.values()) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


def tsv(path: Path, rows: list[dict[str, Any]]) -> None:
    csv(path, rows)
    path.write_text(path.read_text().replace(",", "\t"))


def jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path)


def xlsx(path: Path, rows: list[dict[str, Any]]) -> None:
    book = openpyxl.Workbook()
    book.active.append(list(rows[0]))
    for row in rows:
        book.active.append(list(row.values()))
    book.save(path)


WRITERS: dict[str, Write] = {
    "csv": csv,
    "tsv": tsv,
    "jsonl": jsonl,
    "parquet": parquet,
    "xlsx": xlsx,
}
KINDS = pytest.mark.parametrize("kind", WRITERS)


def shop(folder: Path, kind: str, rows: list[dict[str, Any]], **mapping: Any) -> FilesSource:
    WRITERS[kind](folder / "data.any", rows)
    columns = {**SUBSCRIPTION, "customer_id": "a", **mapping.pop("columns", {})}
    return source(
        folder,
        path="data.any",
        format={"type": kind},
        entities={"subscriptions": {"columns": columns, **mapping}},
    )


def read(found: FilesSource, keep: tuple[str, ...]) -> list[dict[str, Any]]:
    window = replace(WINDOW, keep=keep)
    [origin] = found.origins("subscriptions", window)
    found.columns("subscriptions", WINDOW, origin)
    rows = []
    for batch in found.read_origin("subscriptions", origin, window):
        assert not isinstance(batch, RejectedRecord), batch.reason
        assert isinstance(batch, TextRows)
        rows += [dict(zip(batch.columns, row, strict=True)) for row in batch.rows]
    return rows


@KINDS
def test_columns_are_told_with_their_use(tmp_path: Path, kind: str) -> None:
    found = shop(tmp_path, kind, [{"a": "x", "gift": "yes"}])
    [origin] = found.origins("subscriptions", WINDOW)
    list(found.read_origin("subscriptions", origin, WINDOW))
    told = found.columns("subscriptions", WINDOW, origin)
    assert [(c.name, c.used) for c in told] == [("a", True), ("gift", False)]
    assert [c.type for c in told] == (["string", "string"] if kind == "parquet" else ["", ""])


@KINDS
def test_values_of_new_columns_come_with_their_rows(tmp_path: Path, kind: str) -> None:
    rows = [{"a": "x", "gift": "yes", "old": "o"}, {"a": "y", "gift": None, "old": "o"}]
    found = read(shop(tmp_path, kind, rows), ("gift",))
    assert [(r["customer_id"], json.loads(r["_extra"])) for r in found] == [
        ("x", {"gift": "yes"}),
        ("y", {"gift": None}),
    ]


@KINDS
def test_without_new_columns_nothing_is_kept(tmp_path: Path, kind: str) -> None:
    found = read(shop(tmp_path, kind, [{"a": "x", "gift": "yes"}]), ())
    assert all("_extra" not in row for row in found)


@KINDS
def test_lines_of_one_group_keep_all_their_values(tmp_path: Path, kind: str) -> None:
    rows = [{"a": "x", "gift": "1"}, {"a": "x", "gift": "2"}]
    columns = {"subscription_id": "a", "customer_id": "a"}
    found = read(shop(tmp_path, kind, rows, group_by=["a"], columns=columns), ("gift",))
    assert [json.loads(row["_extra"]) for row in found] == [{"gift": ["1", "2"]}]


@KINDS
def test_a_lost_column_is_named_with_what_it_may_be_called_now(
    tmp_path: Path, kind: str, record_property: Callable[[str, object], None]
) -> None:
    found = source(
        tmp_path,
        path="data.any",
        format={"type": kind},
        columns={"amount": "text"},
        entities={"subscriptions": {"columns": SUBSCRIPTION}},
    )
    WRITERS[kind](tmp_path / "data.any", [{"id": "1", "amount_total": "2"}])
    with pytest.raises(SourceError, match="expected column 'amount' is missing") as told:
        read(found, ())
    assert "it may be called 'amount_total' now" in str(told.value)
    assert "Mend the file, or `columns`" in str(told.value)
    record_property("fault", f"files ({kind})|renamed column|named: {told.value.what}")


def test_strange_values_of_new_parquet_columns_reject_no_row(tmp_path: Path) -> None:
    table = pa.table(
        {
            "a": ["x", "y", "z"],
            "new": pa.array([b"\xff", b"a\0b", None], pa.binary()),
            "list": [[1.5, float("nan")], [], None],
        }
    )
    pq.write_table(table, tmp_path / "data.any")
    found = source(
        tmp_path,
        path="data.any",
        format={"type": "parquet"},
        entities={"subscriptions": {"columns": {**SUBSCRIPTION, "customer_id": "a"}}},
    )
    assert [json.loads(row["_extra"]) for row in read(found, ("new", "list"))] == [
        {"new": "\\xff", "list": '[1.5,"nan"]'},
        {"new": "a\\x00b", "list": "[]"},
        {"new": None, "list": None},
    ]
