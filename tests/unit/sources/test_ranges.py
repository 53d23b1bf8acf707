"""Ranges of a key on a real SQL engine: each row is in exactly one, whatever the order of keys."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from moshtari.landing.contract import ENTITIES
from moshtari.sources.abilities import KeyRange
from moshtari.sources.mysql_config import MysqlConfig
from moshtari.sources.postgres_config import PostgresConfig
from moshtari.sources.ranges import (
    Parallel,
    bounds_of,
    can_be_cut,
    condition,
    fractions,
    ranges_between,
)

TEXTS = st.text(alphabet="aAbBzZäکك9 _'-", max_size=3)
NUMBERS = st.integers(-9, 9)


def backwards(one: str, other: str) -> int:
    """An order that is not that of code points: by length, then from the end."""
    first, second = ((len(text), text[::-1].lower()) for text in (one, other))
    return (first > second) - (first < second)


def literal(value: Any) -> str | None:
    if value is None:
        return None
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def parts_of(keys: list[Any], parts: int, kind: str, bounds: list[Any] | None = None) -> list[int]:
    """How many ranges each row lies in, cut by the engine's own quantiles."""
    with sqlite3.connect(":memory:") as engine:
        engine.create_collation("backwards", backwards)
        engine.execute(f"create table source (n integer, k {kind})")
        engine.executemany("insert into source values (?, ?)", enumerate(keys))
        if bounds is None:
            found = engine.execute(
                "select min(k) from (select k, ntile(?) over (order by k) as part from source)"
                " group by part having part > 1 order by part",
                [parts],
            )
            bounds = [row[0] for row in found]
        cuts = dict.fromkeys(bound for bound in bounds if bound is not None)
        held = [0] * len(keys)
        for one in ranges_between(list(cuts)):
            within = condition("k", literal(one.lower), literal(one.upper))
            for row in engine.execute(f"select n from source where {within}"):
                held[row[0]] += 1
    return held


@pytest.mark.parametrize(
    "kind", ["text", "text collate nocase", "text collate rtrim", "text collate backwards"]
)
@given(keys=st.lists(st.none() | TEXTS, max_size=40), parts=st.integers(2, 9))
def test_every_text_lies_in_one_range(kind: str, keys: list[Any], parts: int) -> None:
    assert parts_of(keys, parts, kind) == [1] * len(keys)


@given(keys=st.lists(st.none() | NUMBERS, max_size=40), parts=st.integers(2, 9))
def test_every_number_lies_in_one_range(keys: list[Any], parts: int) -> None:
    assert parts_of(keys, parts, "integer") == [1] * len(keys)


@given(
    keys=st.lists(st.none() | NUMBERS, max_size=40),
    bounds=st.lists(NUMBERS, max_size=9).map(sorted),
)
def test_so_do_rows_that_came_after_the_cutting(keys: list[Any], bounds: list[int]) -> None:
    assert parts_of(keys, 2, "integer", bounds) == [1] * len(keys)


def test_one_range_has_all_and_each_begins_where_the_last_one_ended() -> None:
    assert ranges_between([]) == [KeyRange(None, None)]
    assert ranges_between(["b", "a"]) == [
        KeyRange(None, "b"),
        KeyRange("b", "a"),
        KeyRange("a", None),
    ]
    assert condition("k", None, None) == "true"


def test_bounds_keep_the_order_of_the_source() -> None:
    assert bounds_of(["z", "z", None, "a", "z"]) == ["z", "a"]
    assert fractions(4) == [0.25, 0.5, 0.75]


@pytest.mark.parametrize(
    ("rows", "parts"), [(0, 1), (499_999, 1), (500_000, 2), (1_900_000, 7), (9e9, 8)]
)
def test_a_part_has_a_quarter_of_a_million_rows_at_least(rows: float, parts: int) -> None:
    assert Parallel().parts_of(rows) == parts


def test_only_keys_that_landing_keeps_as_they_are_can_be_cut_by() -> None:
    whole = {name for name, entity in ENTITIES.items() if not can_be_cut(entity)}
    assert whole == {"campaign_spend", "exchange_rates"}


def test_no_source_is_parallel_unless_it_is_asked_to_be() -> None:
    columns = dict.fromkeys(ENTITIES["exchange_rates"].required_columns, "x")
    given_entities: dict[str, Any] = {
        "entities": {"exchange_rates": {"table": "t", "columns": columns}}
    }
    postgres = PostgresConfig(dsn="postgresql://localhost/shop", **given_entities)
    mysql = MysqlConfig.model_validate({"dsn": "mysql://u:p@localhost/shop", **given_entities})
    assert postgres.parallel is None
    assert mysql.parallel is None
    with pytest.raises(ValidationError):
        Parallel(parts=1)
