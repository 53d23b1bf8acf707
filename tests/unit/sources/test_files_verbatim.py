"""Rows that go past DuckDB are those that DuckDB would give, in every value."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from tests.unit.sources.test_files import TEHRAN, WINDOW

from moshtari.sources import files_mapping
from moshtari.sources.base import ArrowRows, RejectedRecord, SourceContext, TextRows
from moshtari.sources.columnar import in_rows
from moshtari.sources.files import FilesSource
from moshtari.sources.files_config import FilesConfig
from moshtari.sources.files_pieces import Pieces

TYPES = {
    "order_id": "id",
    "ordered_at": "timestamp",
    "currency": "text",
    "gross_amount": "decimal(12,3)",
    "tax_amount": "decimal",
    "coupon_codes": "text[]",
}
COLUMNS = {
    **dict(zip(TYPES, TYPES, strict=True)),
    "updated_at": "ordered_at",
    "status": "currency",
    "direction": "'sale'",
    "channel": "null",
    "campaign": "'نوروز'",
    "shipping_amount": "-35000",
    **dict.fromkeys(("discount_amount", "total_amount"), "tax_amount"),
}
NUMBERS = [
    "1.50", "1500", "-0.5", "+7", ".5", "5.", "007.10", "1e3", "1.2345", "1.5000", "۱۲", " 1 ",
    "-0", "0x1F", "12345678901234567890.123456", "", "1.2.3", "NaN", "-", ".", "1,000", "null",
]  # fmt: skip
TIMES = [
    "2024-05-01T10:00:00Z", "2024-05-01 10:00:00.5+03:30", "2024-05-01T10+03:00",
    "2024-05-01T10:00+0330", "2024-05-01T10:00:00.123456789Z", "2024-02-30T10:00:00Z",
    "2024-05-01T10:00:00+23:00", "2024-05-01", "2024-05-01 10:00:00", "0001-01-01T00:00:00Z",
    "0000-05-01T10:00:00Z", "9999-12-31T23:59:59.999999Z", "2024/05/01 10:00:00Z", "soon",
    "2024-05-01t10:00:00z", "2024-05-01T24:00:00Z", "9999-12-31T23:00:00-12:00", "",
]  # fmt: skip
IDS = ["1", "a b", "17.0", "1.5", "۱۲۳", "", "x.0", "007", "null", " 5"]
ARRAYS: list[Any] = [
    [], ["a"], ["a,b", 'c"d', None, "NULL", "", "\\"], [1], ["x", 2.50], [["a"]], "text", {"a": 1},
    [True], ["چای"], None,
]  # fmt: skip
PLAIN = {
    "order_id": "1",
    "ordered_at": "2024-05-01T10:00:00Z",
    "currency": "IRR",
    "gross_amount": "10.50",
    "tax_amount": "0.00",
    "coupon_codes": ["NOWRUZ"],
}
RECORD = st.fixed_dictionaries(
    {
        "order_id": st.sampled_from(IDS) | st.integers() | st.none(),
        "ordered_at": st.sampled_from(TIMES) | st.none(),
        "currency": st.text(max_size=3) | st.none() | st.sampled_from(["null", " IRR "]),
        "gross_amount": st.sampled_from(NUMBERS) | st.integers() | st.none(),
        "tax_amount": st.sampled_from(NUMBERS) | st.none(),
        "coupon_codes": st.sampled_from(ARRAYS),
    }
)


def configured(nulls: list[str]) -> FilesConfig:
    given = {
        "kind": "files",
        "path": "data.jsonl",
        "format": {"type": "jsonl"},
        "null_values": nulls,
        "columns": TYPES,
        "entities": {"orders": {"columns": COLUMNS}},
    }
    return FilesConfig.model_validate(given)


def read(folder: Path, records: list[dict[str, Any]], nulls: list[str]) -> Any:
    """Rows, and rejected lines."""
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    (folder / "data.jsonl").write_text("\n".join(lines), encoding="utf-8", errors="ignore")
    source = FilesSource("s", configured(nulls), SourceContext(TEHRAN, "IRR", folder))
    rows: list[Any] = []
    rejected: list[Any] = []
    for batch in source.read("orders", WINDOW):
        if isinstance(batch, RejectedRecord):
            rejected.append((batch.position, batch.reason, batch.raw))
        elif isinstance(batch, ArrowRows | TextRows):
            some = in_rows(batch) if isinstance(batch, ArrowRows) else batch
            rows += zip(some.positions, some.rows, strict=True)
    source.close()
    return rows, rejected


def both(folder: Path, records: list[dict[str, Any]], nulls: list[str]) -> Any:
    found = read(folder, records, nulls)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files_mapping, "verbatim", lambda *_: None)
        assert found == read(folder, records, nulls)
    return found


@given(
    records=st.lists(RECORD, min_size=1, max_size=4),
    plain=st.integers(0, 2),
    nulls=st.sampled_from([[], [""], ["", "null"]]),
)
@example(records=[PLAIN], plain=1, nulls=[])
@profile(max_examples=20, deadline=None)
def test_the_same_as_by_duckdb(records: list[dict[str, Any]], plain: int, nulls: list[str]) -> None:
    with TemporaryDirectory() as folder:
        both(Path(folder), records + [PLAIN] * plain, nulls)


ODD = [
    PLAIN | {column: value}
    for column, values in {
        "ordered_at": TIMES,
        "gross_amount": NUMBERS,
        "tax_amount": NUMBERS,
        "order_id": IDS,
        "coupon_codes": ARRAYS,
    }.items()
    for value in values
]


def test_each_odd_value_alone(tmp_path: Path) -> None:
    # Together they all go through DuckDB; alone some go past it.
    rows, rejected = read(tmp_path, ODD, [])
    by_duckdb = dict(rows)
    assert len(by_duckdb) + len(rejected) == len(ODD)
    config = configured([])
    past = files_mapping.verbatim("orders", config.entities["orders"], config)
    assert past is not None
    alone = 0
    for line, record in enumerate(ODD, start=1):
        file = tmp_path / "alone"
        file.write_text(json.dumps(record))
        [(piece, _)] = Pieces(file, config)
        assert piece is not None
        values = past.rows(piece)
        if values is not None:
            alone += 1
            [row] = in_rows(ArrowRows(values, pa.array(["?"]))).rows
            assert row == by_duckdb[f"data.jsonl:{line}"], record
    assert alone > len(ODD) // 3


def test_a_number_keeps_its_decimals(tmp_path: Path) -> None:
    values = ["1.50", "1500", "007.10", "0.000", "-3.1"]
    rows, rejected = both(tmp_path, [PLAIN | {"gross_amount": value} for value in values], [])
    place = list(TYPES).index("gross_amount")
    assert [row[place] for _, row in rows] == values
    assert rejected == []


def test_which_mappings_go_past_duckdb() -> None:
    def made(**more: Any) -> Any:
        given = {"kind": "files", "path": "x", "columns": TYPES, **more}
        given.setdefault("entities", {"orders": {"columns": COLUMNS}})
        config = FilesConfig.model_validate(given)
        return files_mapping.verbatim("orders", config.entities["orders"], config)

    def mapped(mapping: dict[str, Any]) -> dict[str, Any]:
        return {"orders": {**mapping, "columns": {**COLUMNS, **mapping.get("columns", {})}}}

    assert made() is not None
    assert made(derive={"y": "1"}) is None
    assert made(exclude=[{"name": "tests", "where": "order_id = '0'"}]) is None
    assert made(decimal_separator=",") is None
    assert made(thousands_separator=",") is None
    assert made(columns=TYPES | {"ordered_at": {"type": "timestamp", "format": "%Y"}}) is None
    assert made(calendar="jalali") is None
    assert made(entities=mapped({"where": "true"})) is None
    assert made(entities=mapped({"columns": {"currency": "'IRR' || 'T'"}})) is None
    assert made(entities=mapped({"columns": {"currency": "'it''s'"}})) is None
    assert made(entities=mapped({"columns": {"tax_amount": "1.50"}})) is None
    assert made(entities=mapped({"columns": {"currency": ' "currency" '}})) is not None
