"""What readers tell of their columns: those in use, new ones, and what a lost one is called now."""

from __future__ import annotations

import json

import pytest

from moshtari.sources.drift import described, extra_text, merged_extra, now_called, used_in


@pytest.mark.parametrize(
    ("expression", "used"),
    [
        ("total", {"total"}),
        ("o.total", {"total"}),
        ('coalesce("Sale Day", at)', {"Sale Day"}),
        ("`total` + 1", {"total"}),
        ("TOTAL", {"total"}),
        ("'total'", set()),
        ("'it''s total' || state", {"state"}),
        ("subtotal", set()),
    ],
)
def test_columns_that_an_expression_uses(expression: str, used: set[str]) -> None:
    assert used_in([expression], ["total", "Sale Day", "state"]) == used


def test_columns_are_described_with_their_types_and_use() -> None:
    found = described({"id": "text", "gift": "boolean"}, ["id", "now()"])
    assert [(c.name, c.type, c.used) for c in found] == [
        ("id", "text", True),
        ("gift", "boolean", False),
    ]


@pytest.mark.parametrize(
    ("new", "hint"),
    [
        ((), "it may be called 'order_total' now"),
        (("total_paid",), "it may be called 'total_paid' now"),
        (("zzz",), "new there: 'zzz'"),
    ],
)
def test_what_a_lost_column_is_called_now(new: tuple[str, ...], hint: str) -> None:
    there = ["id", "order_total", "total_amounts", *new]
    assert now_called("total", there, used=["id", "total_amounts"], new=new) == hint


def test_nobody_can_tell_what_a_lost_column_is_called_now() -> None:
    assert now_called("total", ["id", "state"]) == ""


def test_values_of_new_columns_are_texts_that_postgresql_keeps() -> None:
    text = extra_text(["a", "b", "c", "d"], ["چای", None, "a\0b", "\ud800"])
    assert json.loads(text) == {"a": "چای", "b": None, "c": "a\\x00b", "d": "\\ud800"}
    assert "\\u0000" not in text


def test_records_that_become_one_row_keep_all_values() -> None:
    rows = [extra_text(["a", "b"], ["1", None]), extra_text(["a", "b"], [None, None])]
    merged = merged_extra(rows)
    assert merged is not None
    assert json.loads(merged) == {"a": ["1", None], "b": None}
