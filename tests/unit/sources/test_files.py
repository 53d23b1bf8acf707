"""The files source: types, expressions, and what its configuration is told when it is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError
from tests.by_row import by_row

from moshtari.settings import load_deployment
from moshtari.sources.base import RejectedRecord, SourceContext, SourceError, TextRows, Window
from moshtari.sources.files import FilesSource
from moshtari.sources.files_config import FilesConfig
from moshtari.sources.registry import make_source

TEHRAN = ZoneInfo("Asia/Tehran")
WINDOW = Window(date(2026, 3, 20), None, datetime(2026, 3, 20, 20, 30, tzinfo=UTC), TEHRAN)
# An entity with a text, a number, a time and a flag, so that any expression finds a column.
SUBSCRIPTION = {
    "subscription_id": "cast(line as varchar)",
    "customer_id": "'c'",
    "started_at": "timestamptz '2026-01-01 00:00:00+00'",
    "renews_automatically": True,
}


def configured(**more: Any) -> dict[str, Any]:
    return {
        "kind": "files",
        "path": "data.csv",
        "columns": {"a": "text"},
        "entities": {"subscriptions": {"columns": SUBSCRIPTION}},
        **more,
    }


def source(directory: Path, **more: Any) -> FilesSource:
    config = FilesConfig.model_validate(configured(**more))
    return FilesSource("shop", config, SourceContext(TEHRAN, "IRR", directory))


def column_of(
    directory: Path, values: list[str], spec: Any, expression: str = "x", **more: Any
) -> tuple[list[str | None], list[int]]:
    """What the values become as a column of that type, and on which lines they are none."""
    (directory / "data.csv").write_text("x\n" + "\n".join(f'"{v}"' for v in values) + "\n")
    time = "timestamp" in (spec, spec["type"] if isinstance(spec, dict) else None)
    default = "started_at" if time and expression == "x" else "customer_id"
    target = more.pop("target", default)
    shop = source(
        directory,
        columns={"x": spec},
        entities={"subscriptions": {"columns": {**SUBSCRIPTION, target: expression}}},
        **more,
    )
    found: list[str | None] = []
    rejected: list[int] = []
    for batch in by_row(shop.read("subscriptions", WINDOW)):
        if isinstance(batch, TextRows):
            place = batch.columns.index(target)
            found += [row[place] for row in batch.rows]
        elif isinstance(batch, RejectedRecord):
            rejected.append(int(batch.position.rsplit(":", 1)[1]))
    shop.close()
    return found, rejected


def test_exact_decimals(tmp_path: Path) -> None:
    values = ["2.55", "-0.1", "+7", "007.500", ".5", "5.", "99999999999999999999.123456"]
    assert column_of(tmp_path, values, "decimal") == (
        ["2.55", "-0.1", "7", "7.5", "0.5", "5", "99999999999999999999.123456"],
        [],
    )


def test_what_a_decimal_cannot_hold_is_rejected_not_rounded(tmp_path: Path) -> None:
    values = ["1.005", "1.0000", "1000", "1e3", "NaN", "inf", "0x10", "1_000", ".", "1,5", "١٫۵"]
    assert column_of(tmp_path, values, "decimal(5,2)") == (
        ["1", "1.5"],
        [2, 4, 5, 6, 7, 8, 9, 10, 11],
    )


def test_separators(tmp_path: Path) -> None:
    german = {"decimal_separator": ",", "thousands_separator": "."}
    assert column_of(tmp_path, ["1.234,50", "7"], "decimal", **german) == (["1234.5", "7"], [])
    assert column_of(tmp_path, ["۱٬۲۳۴٫۵", "\u200f-۷"], "decimal") == (["1234.5", "-7"], [])


def test_products_and_sums_are_exact(tmp_path: Path) -> None:
    found, _ = column_of(tmp_path, ["0.1", "0.2", "1000000000.55"], "decimal", "x * 3 * x")
    assert found == ["0.03", "0.12", "3000000003300000000.9075"]


def test_integers(tmp_path: Path) -> None:
    values = ["6.0", "-12", "۱۲", "6.5", "1e3", "99999999999999999999", "x", " 7 "]
    assert column_of(tmp_path, values, "integer") == (["6", "-12", "12", "7"], [5, 6, 7, 8])


def test_ids(tmp_path: Path) -> None:
    values = ["17850.0", "00017", "C536379", " ۱۲۳ ", "1.50", "", "x.0"]
    assert column_of(tmp_path, values, "id") == (
        ["17850", "00017", "C536379", "123", "1.50", None, "x.0"],
        [],
    )


def test_booleans(tmp_path: Path) -> None:
    found = column_of(
        tmp_path,
        ["TRUE", "no", "۱", "بله", "خیر", "maybe", ""],
        "boolean",
        target="renews_automatically",
    )
    assert found == (["true", "false", "true", "true", "false", None], [7])


def test_times_without_offset_are_of_the_declared_zone(tmp_path: Path) -> None:
    values = [
        "2011-07-01 12:00:00",
        "2011-12-01T12:00",
        "2011-07-01 12:00:00Z",
        "2011/7/1",
        "2011-07-01 12:00 +03:30",
    ]
    assert column_of(tmp_path, values, "timestamp", timezone="Europe/London")[0] == [
        "2011-07-01 11:00:00+00",
        "2011-12-01 12:00:00+00",
        "2011-07-01 12:00:00+00",
        "2011-06-30 23:00:00+00",
        "2011-07-01 08:30:00+00",
    ]


def test_no_times(tmp_path: Path) -> None:
    values = ["now", "infinity", "epoch", "2011-02-30", "2011-01-01 25:00", "12:00", "01/02/2011"]
    assert column_of(tmp_path, values, "timestamp") == ([], [2, 3, 4, 5, 6, 7, 8])


def test_old_local_times_keep_their_seconds(tmp_path: Path) -> None:
    # Tehran was 3:25:44 ahead of Greenwich until 1916.
    assert column_of(tmp_path, ["1900-01-01 00:00:00"], "timestamp")[0] == [
        "1899-12-31 20:34:16+00"
    ]


def test_times_of_another_pattern(tmp_path: Path) -> None:
    spec = {"type": "timestamp", "format": "%d/%m/%Y %H.%M"}
    values = ["01/02/2020 10.30", "2020-02-01 10:30"]
    assert column_of(tmp_path, values, spec) == (["2020-02-01 07:00:00+00"], [3])


def test_jalali_times(tmp_path: Path) -> None:
    values = ["1403/05/12 14:30", "۱۴۰۳-۱۲-۳۰", "1404/12/30", "1403/13/01", "", "2024-05-12 1"]
    assert column_of(tmp_path, values, "timestamp", calendar="jalali") == (
        ["2024-08-02 11:00:00+00", "2025-03-19 20:30:00+00", None],
        [4, 5, 7],
    )


def test_jalali_dates_and_patterns(tmp_path: Path) -> None:
    spec = {"type": "date", "calendar": "jalali", "format": "%d/%m/%Y"}
    assert column_of(tmp_path, ["۱۲/۰۵/۱۴۰۳", "31/12/1403"], spec) == (["2024-08-02"], [3])


def test_a_date_is_a_day_of_the_zone(tmp_path: Path) -> None:
    found, _ = column_of(tmp_path, ["2024-08-01 22:00:00Z"], "timestamp", "cast(x as date)")
    assert found == ["2024-08-02"]
    assert column_of(tmp_path, ["2024-08-01", "2024-08-01 10:00"], "date") == (["2024-08-01"], [3])


def test_escaped_digits_in_json(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text('{"a": "\\u06f1\\u06f2"}\n' * 3)
    shop = source(
        tmp_path,
        path="data.jsonl",
        format={"type": "jsonl"},
        columns={"a": "integer"},
        entities={"subscriptions": {"columns": {**SUBSCRIPTION, "customer_id": "a"}}},
    )
    [batch] = by_row(shop.read("subscriptions", WINDOW))
    assert isinstance(batch, TextRows)
    assert [row[1] for row in batch.rows] == ["12"] * 3


def test_json_arrays_of_text(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text('{"a": ["x", null, "y"]}\n{"a": []}\n{}\n{"a": {}}\n')
    shop = source(
        tmp_path,
        path="data.jsonl",
        format={"type": "jsonl"},
        columns={"a": "text[]"},
        entities={"subscriptions": {"columns": {**SUBSCRIPTION, "customer_id": "a[3]"}}},
    )
    batch, rejected = by_row(shop.read("subscriptions", WINDOW))
    assert isinstance(batch, TextRows)
    assert [row[1] for row in batch.rows] == ["y", None, None]
    assert isinstance(rejected, RejectedRecord)
    assert rejected.position == "data.jsonl:4"


@pytest.mark.parametrize(
    ("nulls", "expected"),
    [([""], [None, "NULL", "-"]), ([], ["", "NULL", "-"]), (["NULL", "-"], ["", None, None])],
)
def test_null_and_empty(tmp_path: Path, nulls: list[str], expected: list[str | None]) -> None:
    values = ["", "NULL", "-"]
    assert column_of(tmp_path, values, "text", null_values=nulls) == (expected, [])
    # In a typed column an empty field can be nothing else.
    typed, rejected = column_of(tmp_path, values, "integer", null_values=nulls)
    assert typed == [None] * len(typed)
    assert rejected == [n + 2 for n, value in enumerate(values) if value and value not in nulls]


def test_arrays_and_json(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text('t\n"a;""b"";c\\d;NULL"\n""\n')
    shop = source(
        tmp_path,
        columns={"t": "text"},
        entities={
            "customers": {
                "columns": {
                    "customer_id": "line",
                    "created_at": "date '2020-01-01'",
                    "updated_at": "timestamp '2020-01-01 00:00:00'",
                    "party": "'person'",
                    "is_employee": False,
                    "social_handles": "string_split(t, ';')",
                    "consents": "{'email': {'state': 'granted'}}",
                }
            }
        },
    )
    [batch] = by_row(shop.read("customers", WINDOW))
    assert isinstance(batch, TextRows)
    assert [row[-2] for row in batch.rows] == ['{"a","\\"b\\"","c\\\\d","NULL"}', None]
    assert batch.rows[0][-1] == '{"email":{"state":"granted"}}'
    assert batch.rows[0][1:3] == ("2019-12-31 20:30:00+00",) * 2


def test_groups_keep_the_order_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("k\nb\na\nb\nx\n")
    shop = source(
        tmp_path,
        columns={"k": "text"},
        derive={"place": "row_number() over (partition by k order by line)", "twice": "place * 2"},
        exclude=[{"name": "cross", "where": "k = 'x'"}],
        entities={
            "subscriptions": {
                "group_by": ["k"],
                "columns": {**SUBSCRIPTION, "subscription_id": "k", "customer_id": "sum(twice)"},
            },
            "surveys": {
                "where": "k <> 'nobody'",
                "exclude": [{"name": "second", "where": "place > 1"}],
                "columns": {
                    "survey_id": "k || place",
                    "asked_at": "date '2020-01-01'",
                    "channel": "file",
                },
            },
        },
    )
    [grouped] = by_row(shop.read("subscriptions", WINDOW))
    assert isinstance(grouped, TextRows)
    assert [row[:2] for row in grouped.rows] == [("b", "6"), ("a", "2")]
    assert grouped.positions == ["data.csv:2", "data.csv:3"]
    [single] = by_row(shop.read("surveys", WINDOW))
    assert isinstance(single, TextRows)
    assert [(row[0], row[2]) for row in single.rows] == [("b1", "data.csv"), ("a1", "data.csv")]
    [origin] = shop.origins("surveys", WINDOW)
    assert shop.details("surveys", origin) == {
        "records": 4,
        "rejected": 0,
        "excluded": {"cross": 1, "second": 1},
        "columns_left_out": [],
    }


@pytest.mark.parametrize("derive", [{}, {"twice": "n * 2"}], ids=["in parts", "whole"])
def test_many_records_of_one_entity(tmp_path: Path, derive: dict[str, str]) -> None:
    values = [str(n) if n % 10_000 else "?" for n in range(1, 70_001)]
    (tmp_path / "data.csv").write_text("n,more\n" + "".join(f"{v},x\n" for v in values))
    shop = source(
        tmp_path,
        columns={"n": "integer"},
        derive=derive,
        exclude=[{"name": "every_fifth", "where": "n % 5 = 0"}],
        **entity(
            columns={"customer_id": "n"},
            where="n <> 1",
            exclude=[{"name": "end", "where": "n > 65000"}],
        ),
    )
    batches = list(by_row(shop.read("subscriptions", WINDOW)))
    rows = [
        (row[1], at)
        for b in batches
        if isinstance(b, TextRows)
        for row, at in zip(b.rows, b.positions, strict=True)
    ]
    wanted = [n for n in range(2, 65_001) if n % 5]
    assert rows == [(str(n), f"data.csv:{n + 1}") for n in wanted]
    rejected = [b for b in batches if isinstance(b, RejectedRecord)]
    assert [(b.position, b.raw) for b in rejected] == [
        (f"data.csv:{n * 10_000 + 1}", b"?,x") for n in range(1, 8)
    ]
    [origin] = shop.origins("subscriptions", WINDOW)
    assert shop.details("subscriptions", origin) == {
        "records": 70_000,
        "rejected": 7,
        "excluded": {"every_fifth": 14_000 - 7, "end": 4_000},
        "columns_left_out": ["more"],
    }


@pytest.mark.parametrize("derive", [{}, {"twice": "n * 2"}], ids=["in parts", "whole"])
def test_records_are_found_again_as_received(tmp_path: Path, derive: dict[str, str]) -> None:
    lines = [f'{n},"x' if n % 3 == 0 else f'{n},x"' if n % 3 == 1 else f"{n},y" for n in range(90)]
    lines[45] = '?,"x'
    (tmp_path / "data.csv").write_text("n,more\n0,x\n" + "\n".join(lines[2:] * 1_000) + "\n")
    shop = source(
        tmp_path,
        columns={"n": "integer", "more": "text"},
        derive=derive,
        **entity(columns={"customer_id": "n"}),
    )
    batches = list(by_row(shop.read("subscriptions", WINDOW)))
    (mistyped, *_) = [b for b in batches if isinstance(b, RejectedRecord)]
    assert mistyped.position == "data.csv:46"
    assert mistyped.raw == b'?,"x\n46,x"'
    rows = [b for b in batches if isinstance(b, TextRows)]
    recall = rows[-1].recall
    assert recall is not None
    last = rows[-1].positions[-2:]
    found = dict(recall([rows[0].positions[0], rows[0].positions[2], mistyped.position, *last]))
    # What was rejected while it was read is known as received.
    assert list(found.values()) == [b"0,x", b'3,"x\n4,x"', b'87,"x\n88,x"', b"89,y"]
    assert [row[1] for batch in rows for row in batch.rows][:3] == ["0", "2", "3"]


def test_two_entities_read_in_turns(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a\n" + "x\n" * 25_000)
    shop = source(tmp_path)
    first: Iterator[Any] = by_row(shop.read("subscriptions", WINDOW))
    started = next(first)
    whole = sum(len(batch.rows) for batch in by_row(shop.read("subscriptions", WINDOW)))
    assert len(started.rows) + sum(len(batch.rows) for batch in first) == whole == 25_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colums": {}}, "colums"),
        ({"columns": {"a": "number"}}, "is not a type; it is one of text, id"),
        ({"columns": {"a": "decimal(40,2)"}}, "needs 1 <= p <= 38"),
        ({"columns": {"line": "text"}}, "columns.line: taken already"),
        ({"columns": {"a": "text", "A": "text"}}, "columns.A: taken already"),
        ({"columns": {"a": {"type": "text", "format": "%Y"}}}, "date or timestamp"),
        ({"timezone": "Mars"}, "is not a time zone"),
        ({"format": {"type": "csv", "encoding": "utf-9"}}, "is not an encoding"),
        ({"format": {"type": "xml"}}, "xml"),
        ({"format": {"type": "fixed_width", "columns": {}}}, "does not say where it stands"),
        ({"memory_limit": "much"}, "memory_limit"),
        ({"entities": {"invoices": {"columns": {"a": "a"}}}}, "is no entity; use one of: orders"),
        ({"entities": {"surveys": {"columns": {"survey": "a"}}}}, "has no column 'survey'"),
        ({"entities": {"surveys": {"columns": {"survey_id": "a"}}}}, "needs the column 'asked_at'"),
        ({"exclude": [{"name": "Not a name", "where": "true"}]}, "exclude"),
        ({"derive": {"b": " "}}, "expression is empty"),
    ],
)
def test_configuration_errors(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        FilesConfig.model_validate(configured(**change))
    assert message in str(caught.value)


def entity(**changes: Any) -> dict[str, Any]:
    columns = {**SUBSCRIPTION, **changes.pop("columns", {})}
    return {"entities": {"subscriptions": {"columns": columns, **changes}}}


COLUMN = "sources.shop.entities.subscriptions.columns"


@pytest.mark.parametrize(
    ("change", "messages"),
    [
        (entity(columns={"customer_id": "nobody"}), [f"{COLUMN}.customer_id", "nobody"]),
        (entity(columns={"customer_id": "sum(line)"}), [f"{COLUMN}.customer_id"]),
        (entity(columns={"customer_id": "1.5e0 / 3"}), ["double", "decimal(18, 2)"]),
        (entity(columns={"customer_id": "['a']"}), ["varchar[]", "is a text"]),
        (entity(columns={"started_at": "1"}), ["is a timestamptz"]),
        (entity(columns={"renews_automatically": "1"}), ["is a boolean"]),
        (entity(columns={"customer_id": "a) from x; drop table x; --"}), [COLUMN]),
        (entity(columns={"customer_id": "a from"}), [f"{COLUMN}.customer_id"]),
        (entity(where="a"), ["subscriptions.where", "not a condition"]),
        (entity(group_by=["b"]), ["subscriptions.group_by[0]"]),
        (entity(exclude=[{"name": "odd", "where": "c = 1"}]), ["exclude.odd.where"]),
        ({"derive": {"b": "a + c"}}, ["sources.shop.derive.b"]),
        ({"exclude": [{"name": "odd", "where": "length(a)"}]}, ["sources.shop.exclude.odd.where"]),
        ({"columns": {"a": "text"}, "derive": {"b": "read_text('/etc/hostname')"}}, ["derive.b"]),
    ],
)
def test_expression_errors_name_the_key(
    tmp_path: Path, change: dict[str, Any], messages: list[str]
) -> None:
    (tmp_path / "data.csv").write_text("a\n1\n")
    with pytest.raises(SourceError) as caught:
        list(source(tmp_path, **change).read("subscriptions", WINDOW))
    for message in messages:
        assert message in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "expression",
    [
        "(select content from read_text('{path}'))",
        "(select max(column0) from read_csv('{path}'))",
        "(select max(value) from duckdb_settings() where name = 'x' or load_aws_credentials())",
    ],
)
def test_expressions_reach_no_file(tmp_path: Path, expression: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("hidden")
    (tmp_path / "data.csv").write_text("a\n1\n")
    change = entity(columns={"customer_id": expression.format(path=secret)})
    with pytest.raises(SourceError) as caught:
        list(source(tmp_path, **change).read("subscriptions", WINDOW))
    assert "hidden" not in str(caught.value)


def test_an_expression_that_fails_tells_its_key_and_no_value(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a\n1\nsecret@example.org\n")
    shop = source(tmp_path, **entity(columns={"customer_id": "cast(a as integer)"}))
    with pytest.raises(SourceError) as caught:
        list(by_row(shop.read("subscriptions", WINDOW)))
    assert f"{COLUMN}.customer_id fails on the data of data.csv" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "try_cast" in caught.value.remedy


def test_unmapped_entity(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a\n1\n")
    with pytest.raises(SourceError, match=r"Add sources\.shop\.entities\.orders"):
        list(source(tmp_path).read("orders", WINDOW))


def test_files_of_a_folder_and_of_a_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("b.csv", "a.csv", ".hidden.csv", "c.csv.part", "d.txt"):
        (folder / name).write_text(f"a\n{name}\n")
    paths = [o.path for o in source(tmp_path, path="in").origins("subscriptions", WINDOW)]
    assert paths == ["in/a.csv", "in/b.csv", "in/d.txt"]
    shop = source(tmp_path, path="in/*.csv", **entity(columns={"customer_id": "a"}))
    assert [o.path for o in shop.origins("subscriptions", WINDOW)] == ["in/a.csv", "in/b.csv"]
    assert [row[1] for b in by_row(shop.read("subscriptions", WINDOW)) for row in b.rows] == [
        "a.csv",
        "b.csv",
    ]


def test_doctor_finds_nothing_wrong(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a\n1\n")
    assert [(result.name, result.ok) for result in source(tmp_path).check()] == [
        ("mapping", True),
        ("files", True),
        ("columns of data.csv", True),
    ]


def test_doctor_names_what_is_wrong(tmp_path: Path) -> None:
    shop = source(tmp_path, derive={"b": "nobody"})
    assert [(result.name, result.ok) for result in shop.check()] == [
        ("mapping", False),
        ("files", False),
    ]
    assert all(result.remedy for result in shop.check())
    (tmp_path / "data.csv").write_text("z\n1\n")
    wrong = source(tmp_path).check()[-1]
    assert not wrong.ok
    assert "'a' is missing; the file has: 'z'" in wrong.detail


def test_the_example_of_own_files() -> None:
    folder = Path(__file__).resolve().parents[3] / "examples" / "own_files"
    deployment = load_deployment(folder / "moshtari.yml")
    found: dict[str, list[tuple[str | None, ...]]] = {}
    for name, config in deployment.sources.items():
        shop = make_source(name, config, deployment)
        assert [result for result in shop.check() if not result.ok] == []
        for entity in shop.entities():
            batches = list(by_row(shop.read(entity, WINDOW)))
            assert all(isinstance(batch, TextRows) for batch in batches)
            found[entity] = [row for batch in batches for row in batch.rows]
    assert [row[:7] for row in found["orders"]] == [
        ("1001", "۰۹۱۲۰۰۰۰۰۰۱", *["2024-08-02 11:00:00+00"] * 2, "completed", "IRT", "790000.5"),
        ("1002", None, *["2024-08-03 05:35:00+00"] * 2, "cancelled", "IRT", "185000"),
    ]
    assert [row[:2] for row in found["order_items"]] == [
        ("1001", "1"),
        ("1001", "2"),
        ("1002", "1"),
    ]
    assert [row[-1] for row in found["tickets"]] == ['{"کیفیت","ارسال"}', "{}"]
