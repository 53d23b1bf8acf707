"""Parquet files into records: every value comes out exactly, and what cannot is told by its row."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.by_row import by_row

from moshtari.sources.base import RejectedRecord, SourceContext, SourceError, TextRows, Window
from moshtari.sources.files import FilesSource
from moshtari.sources.files_config import FilesConfig

TEHRAN = ZoneInfo("Asia/Tehran")
WINDOW = Window(date(2026, 3, 20), None, datetime(2026, 3, 20, 20, 30, tzinfo=UTC), TEHRAN)
NINE = 1_000_000_007


def source(folder: Path, columns: dict[str, Any], expressions: dict[str, Any], **more: Any) -> Any:
    config = FilesConfig.model_validate(
        {
            "kind": "files",
            "path": "data.parquet",
            "format": {"type": "parquet"},
            "columns": columns,
            "entities": {
                "mentions": {
                    "columns": {
                        "mention_id": "line",
                        "network": "'x'",
                        "created_at": "timestamptz '2026-01-01 00:00:00+00'",
                        "text": "''",
                        "by_brand": False,
                        **expressions,
                    }
                },
                "customers": {
                    "columns": {
                        "customer_id": "line",
                        "created_at": "date '2020-01-01'",
                        "updated_at": "date '2020-01-01'",
                        "party": "'person'",
                        "is_employee": False,
                        **more.pop("customer", {}),
                    }
                },
            },
            **more,
        }
    )
    return FilesSource("shop", config, SourceContext(TEHRAN, "IRR", folder))


def column_of(
    folder: Path, array: pa.Array, spec: Any, target: str = "author_name", **more: Any
) -> tuple[list[str | None], list[tuple[str, str]]]:
    """What a column's values become, and position and reason of those that became nothing."""
    pq.write_table(pa.table({"x": array}), folder / "data.parquet", **more.pop("written", {}))
    entity = "customers" if target in ("social_handles", "consents") else "mentions"
    expressions = {target: more.pop("expression", "x")}
    given = {"customer": expressions} if entity == "customers" else {}
    shop = source(folder, {"x": spec}, {} if given else expressions, **given, **more)
    found: list[str | None] = []
    rejected: list[tuple[str, str]] = []
    for batch in by_row(shop.read(entity, WINDOW)):
        if isinstance(batch, TextRows):
            found += [row[batch.columns.index(target)] for row in batch.rows]
        elif isinstance(batch, RejectedRecord):
            rejected.append((batch.position, batch.reason))
    shop.close()
    return found, rejected


@pytest.mark.parametrize(
    "kind", [pa.decimal128(38, 9), pa.decimal256(60, 9), pa.decimal128(30, 10)], ids=str
)
def test_decimals_keep_every_digit(tmp_path: Path, kind: pa.DataType) -> None:
    values = ["0.000000001", "12345678901234567890.5", "-7", "1.100000000", None]
    array = pa.array([None if v is None else Decimal(v) for v in values], kind)
    assert column_of(tmp_path, array, "decimal(38,9)") == (
        ["0.000000001", "12345678901234567890.5", "-7", "1.1", None],
        [],
    )


def test_a_decimal_that_does_not_fit_is_rejected(tmp_path: Path) -> None:
    array = pa.array([Decimal("1.005"), Decimal("2.500")], pa.decimal128(10, 3))
    assert column_of(tmp_path, array, "decimal(10,2)") == (
        ["2.5"],
        [("data.parquet:row 1", "column 'x' is not of type decimal(10,2)")],
    )


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32()], ids=str)
def test_floats_are_their_shortest_text(tmp_path: Path, kind: pa.DataType) -> None:
    array = pa.array([0.1, 19.99, 1.0, 1e15, 1e-6, float("nan"), float("inf"), None], kind)
    found, rejected = column_of(tmp_path, array, "decimal")
    assert found == ["0.1", "19.99", "1", "1000000000000000", "0.000001", None]
    assert [position for position, _ in rejected] == ["data.parquet:row 6", "data.parquet:row 7"]


def test_float_ids_have_no_fraction(tmp_path: Path) -> None:
    assert column_of(tmp_path, pa.array([12.0, 17850.0]), "id")[0] == ["12", "17850"]
    assert column_of(tmp_path, pa.array([2**53 + 1, -5]), "id")[0] == ["9007199254740993", "-5"]
    assert column_of(tmp_path, pa.array([2**64 - 1], pa.uint64()), "id")[0] == [str(2**64 - 1)]


def test_null_and_empty_are_two_things(tmp_path: Path) -> None:
    array = pa.array(["", None, "NULL", " "])
    assert column_of(tmp_path, array, "text")[0] == ["", None, "NULL", " "]
    assert column_of(tmp_path, array, "text", null_values=["", "NULL"])[0] == [
        None, None, None, " ",
    ]  # fmt: skip


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_moments_keep_their_zone_or_take_the_sources(tmp_path: Path, unit: str) -> None:
    moment = datetime(2024, 8, 2, 11, 0, 5, tzinfo=UTC)
    for zone in ("UTC", "Asia/Tehran", "+05:30"):
        array = pa.array([moment, None], pa.timestamp(unit, zone))
        found = column_of(tmp_path, array, "timestamp", "updated_at")
        assert found == (["2024-08-02 11:00:05+00", None], [])
    naive = pa.array([moment.replace(tzinfo=None)], pa.timestamp(unit))
    assert column_of(tmp_path, naive, "timestamp", "updated_at")[0] == ["2024-08-02 07:30:05+00"]
    assert column_of(tmp_path, naive, "timestamp", "updated_at", timezone="UTC")[0] == [
        "2024-08-02 11:00:05+00"
    ]


def test_microseconds_and_int96(tmp_path: Path) -> None:
    moment = datetime(2024, 8, 2, 11, 0, 5, 123456, UTC).replace(tzinfo=None)
    array = pa.array([moment], pa.timestamp("ns"))
    for written in ({}, {"use_deprecated_int96_timestamps": True}):
        found = column_of(
            tmp_path, array, "timestamp", "updated_at", timezone="UTC", written=written
        )
        assert found == (["2024-08-02 11:00:05.123456+00"], [])


def test_a_real_date_is_of_no_pattern_and_no_other_calendar(tmp_path: Path) -> None:
    days = pa.array([date(2024, 8, 2)])
    for spec in (
        {"type": "date", "calendar": "jalali"},
        {"type": "date", "format": "%Y-%d-%m"},
        {"type": "date", "calendar": "jalali", "format": "%Y-%d-%m"},
        "date",
    ):
        assert column_of(tmp_path, days, spec, expression="x::varchar")[0] == ["2024-08-02"]
    texts = pa.array(["1403-12-05"]).dictionary_encode()
    jalali = {"type": "date", "calendar": "jalali"}
    assert column_of(tmp_path, texts, jalali, expression="x::varchar")[0] == ["2025-02-23"]
    pattern = {"type": "date", "format": "%Y-%d-%m"}
    texts = pa.array(["2024-02-08"])
    assert column_of(tmp_path, texts, pattern, expression="x::varchar")[0] == ["2024-08-02"]


def test_flags_times_and_dictionaries(tmp_path: Path) -> None:
    assert column_of(tmp_path, pa.array([True, None]), "boolean", "by_brand")[0] == ["true", None]
    assert column_of(tmp_path, pa.array([time(10, 30)]), "text")[0] == ["10:30:00.000000"]
    array = pa.array(["علی", None, "علی", ""]).dictionary_encode()
    assert column_of(tmp_path, array, "text")[0] == ["علی", None, "علی", ""]
    assert column_of(tmp_path, pa.nulls(2), "text")[0] == [None, None]


def test_lists_become_arrays(tmp_path: Path) -> None:
    array = pa.array([["a", 'b"\\', None, "ج"], [], None])
    expected = ['{"a","b\\"\\\\",NULL,"ج"}', "{}", None]
    assert column_of(tmp_path, array, "text[]", "social_handles") == (expected, [])
    encoded = pa.array([pa.array(["a", "b"])[0].as_py()]).cast(pa.string())
    items = pa.ListArray.from_arrays([0, 1], encoded.dictionary_encode())
    assert column_of(tmp_path, items, "text[]", "social_handles")[0] == ['{"a"}']
    assert column_of(tmp_path, pa.array([[1, 2]]), "text[]", "social_handles")[0] == ['{"1","2"}']
    wrong = column_of(tmp_path, pa.array(["x", "{}", None]), "text[]", "social_handles")
    assert wrong[0] == [None]
    assert [position[-1] for position, _ in wrong[1]] == ["1", "2"]


def test_structures_become_json(tmp_path: Path) -> None:
    exact = Decimal("12345678901234567890.10")
    array = pa.array(
        [{"n": exact, "at": date(2024, 8, 2), "no": None, "deep": [{"x": "é"}]}],
        pa.struct(
            {
                "n": pa.decimal128(30, 2),
                "at": pa.date32(),
                "no": pa.string(),
                "deep": pa.list_(pa.struct({"x": pa.string()})),
            }
        ),
    )
    [text], rejected = column_of(tmp_path, array, "json", "consents")
    assert rejected == []
    assert text is not None
    assert '"n":12345678901234567890.10' in text
    assert json.loads(text) == {
        "n": float(exact),
        "at": "2024-08-02",
        "no": None,
        "deep": [{"x": "é"}],
    }
    bad = pa.array([[1.0], [float("nan")]])
    found, rejected = column_of(tmp_path, bad, "json", "consents")
    assert found == ["[1.0]"]
    assert rejected == [
        ("data.parquet:row 2", "a list or structure holds a number that is none (NaN, infinity)")
    ]


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    good, bad = "سلام".encode(), b"\xd8\xff"
    reasons = [
        ("data.parquet:row 2", "the bytes are not UTF-8 text"),
        ("data.parquet:row 3", "a NUL character, which PostgreSQL cannot store"),
    ]
    for kind in (pa.binary(), pa.large_binary()):
        array = pa.array([good, bad, b"a\0b", None], kind)
        assert column_of(tmp_path, array, "text") == (["سلام", None], reasons)
    offsets = pa.array([0, 8, 10, 13], pa.int32()).buffers()[1]
    claimed = pa.Array.from_buffers(
        pa.string(), 3, [None, offsets, pa.py_buffer(good + bad + b"a\0b")]
    )
    assert column_of(tmp_path, claimed, "text") == (["سلام"], reasons)
    shop = source(tmp_path, {"x": "text"}, {})
    raw = [b.raw for b in by_row(shop.read("mentions", WINDOW)) if isinstance(b, RejectedRecord)]
    assert [json.loads(one) for one in raw] == [{"x": "\\xd8\\xff"}, {"x": "a\0b"}]


def test_uuids(tmp_path: Path) -> None:
    value = "12345678-1234-5678-1234-567812345678"
    array = pa.array([bytes.fromhex(value.replace("-", ""))], pa.binary(16))
    uuids = pa.ExtensionArray.from_storage(pa.uuid(), array)
    assert column_of(tmp_path, uuids, "id")[0] == [value]


def test_rows_are_numbered_over_row_groups(tmp_path: Path) -> None:
    table = pa.table(
        {
            "amount": [str(n) if n % 7000 else "?" for n in range(1, 30_001)],
            "more": list(range(30_000)),
        }
    )
    pq.write_table(table, tmp_path / "data.parquet", row_group_size=11_000)
    shop = source(tmp_path, {"amount": "integer"}, {"likes": "amount"})
    batches = list(by_row(shop.read("mentions", WINDOW)))
    rows = [b for b in batches if isinstance(b, TextRows)]
    assert sum(len(b.rows) for b in rows) == 29_996
    assert rows[-1].positions[-1] == "data.parquet:row 30000"
    rejected = [b for b in batches if isinstance(b, RejectedRecord)]
    assert [b.position for b in rejected] == [
        f"data.parquet:row {n}" for n in (7000, 14000, 21000, 28000)
    ]
    assert json.loads(rejected[1].raw) == {"amount": "?", "more": 13_999}
    [origin] = shop.origins("mentions", WINDOW)
    assert shop.details("mentions", origin)["columns_left_out"] == ["more"]


def test_names_with_dots_and_nested_fields_of_the_same_name(tmp_path: Path) -> None:
    table = pa.table({"a.b": ["flat"], "a": [{"b": "deep"}], "c": [{"x": 1}]})
    pq.write_table(table, tmp_path / "data.parquet")
    columns = {"flat": {"type": "text", "header": "a.b"}, "a": "json"}
    shop = source(tmp_path, columns, {"author_name": "flat || json_extract_string(a, '$.b')"})
    [batch] = by_row(shop.read("mentions", WINDOW))
    assert batch.rows[0][-1] == "flatdeep"


def test_a_type_without_text(tmp_path: Path) -> None:
    from moshtari.sources import files_parquet

    months = pa.array([(1, 2, 3)], pa.month_day_nano_interval())
    with pytest.raises(pa.ArrowNotImplementedError):
        files_parquet._texts(months)


def test_an_empty_table_has_no_rows(tmp_path: Path) -> None:
    assert column_of(tmp_path, pa.array([], pa.string()), "text") == ([], [])


def test_what_is_no_parquet_file(tmp_path: Path) -> None:
    (tmp_path / "data.parquet").write_bytes(b"PAR1 and no more")
    shop = source(tmp_path, {"x": "text"}, {})
    with pytest.raises(SourceError, match=r"data\.parquet: it is no Parquet file, or cut off"):
        list(by_row(shop.read("mentions", WINDOW)))
    assert [(r.name, r.ok) for r in shop.check()][-1] == ("columns of data.parquet", False)
