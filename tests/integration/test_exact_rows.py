"""Rows that a reader vouches for end as those that are judged one by one, whichever way they go."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from tests.unit.landing.feeds import (
    DAY,
    Feed,
    Files,
    counted,
    item,
    load,
    order,
    reasons,
    text_rows,
    versions,
)

from moshtari.landing import exact, settling
from moshtari.landing.contract import ENTITIES
from moshtari.landing.extract import extract
from moshtari.settings import Deployment, Settings
from moshtari.sources.base import ArrowRows, Batch, RejectedRecord, TextRows, array_text
from moshtari.sources.columnar import in_columns, in_rows

PROFILE = profile(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LATER = "2026-03-20T09:00:00Z"
TEXT = st.text(max_size=12)
KEY = st.sampled_from(["1", "2", "a/b", "c\\d", "چای"]) | st.none() | TEXT
NUMBER = st.decimals(allow_nan=False, allow_infinity=False, places=4).map(str) | st.sampled_from(
    ["1e3", "007", "1.500", "NaN", "-Infinity", "inf", "free", "1e9999999"]
)
TIME = st.sampled_from(
    [LATER, "2026-03-20T08:00:00.123456+03:30", "2026-02-30T08:00:00Z", "infinity", "-infinity"]
)
CODES = st.lists(st.none() | TEXT, max_size=3).map(array_text) | st.sampled_from(["{a", "a"])
ORDERS = st.lists(
    st.fixed_dictionaries(
        {
            "order_id": KEY,
            "updated_at": st.none() | TIME,
            "status": st.none() | TEXT,
            "gross_amount": st.none() | NUMBER,
            "guest_email": st.none() | TEXT,
            "coupon_codes": st.none() | CODES,
            "_is_deleted": st.sampled_from([None, "true", "false"]),
        }
    ).map(lambda values: {**order(), **values}),
    min_size=1,
    max_size=12,
)
ITEMS = st.lists(
    st.fixed_dictionaries(
        {
            "order_id": KEY,
            "line_no": st.none() | st.sampled_from(["1", "02", "+3", "x", "99999999999"]),
            "product_id": st.none() | TEXT,
            "_changed_at": st.none() | TIME,
        }
    ).map(lambda values: {**item(), **values}),
    min_size=1,
    max_size=12,
)
KEPT = "select position, reason, raw from quarantine.records order by 1, 2, 3"


@pytest.fixture
def emptied(pg: psycopg.Connection) -> Callable[[], None]:
    tables = "raw.orders, raw.order_items, ops.loads, ops.state_loads, quarantine.records"
    return lambda: pg.execute(f"truncate {tables}".encode()) and None


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Sets how many bytes are sent at once, and how many rows are worth an index of their own."""

    def set_to(size: int, found_from: int) -> None:
        monkeypatch.setattr(exact, "_GROUP_BYTES", size)
        monkeypatch.setattr(settling, "_FOUND_FROM", found_from)

    return set_to


def vouched(batch: TextRows, cut: int) -> Iterator[TextRows]:
    for at in range(0, len(batch.rows), cut):
        raw = None if batch.raw is None else batch.raw[at : at + cut]
        rows, positions = batch.rows[at : at + cut], batch.positions[at : at + cut]
        yield replace(batch, rows=rows, positions=positions, raw=raw, exact=True)


def outcome(pg: psycopg.Connection, entity: str, summary: Any) -> Any:
    columns = ", ".join(
        f"{name}::text" for name in (*ENTITIES[entity].column_names, "_key", "_source")
    )
    system = "_known_from::text, _changed_at::text, _is_deleted, _extra::text"
    found = versions(pg, f"{columns}, {system}", entity)
    # Of rows that are alike in key and time the order is nobody's.
    return counted(summary), sorted(found, key=repr), pg.execute(KEPT.encode()).fetchall()


WAYS = {
    "into the typed table": (1 << 30, 1 << 30),
    "in many groups": (1, 1 << 30),
    "indexed at the end": (1 << 30, 0),
}


@pytest.mark.parametrize("entity", ["orders", "order_items"])
@PROFILE
@given(st.data(), st.integers(1, 5), st.booleans())
def test_every_way_ends_in_the_same_rows_quarantine_and_ledger(
    settings: Settings,
    pg: psycopg.Connection,
    emptied: Callable[[], None],
    groups: Callable[[int, int], None],
    entity: str,
    data: st.DataObject,
    cut: int,
    with_raw: bool,
) -> None:
    rows = data.draw(ORDERS if entity == "orders" else ITEMS)
    raw = [f"record {number}".encode() for number in range(len(rows))] if with_raw else None
    batch = text_rows(rows, raw)
    groups(1 << 30, 1 << 30)
    emptied()
    judged = outcome(pg, entity, load(settings, Feed(batch), entity))
    for size, found_from in WAYS.values():
        groups(size, found_from)
        emptied()
        given_rows = load(settings, Feed(*vouched(batch, cut)), entity)
        assert outcome(pg, entity, given_rows) == judged
    # A file goes straight into raw.
    groups(1, 1 << 30)
    emptied()
    file = load(settings, Files(data=list(vouched(batch, cut))), entity)
    assert outcome(pg, entity, file) == judged
    assert set(versions(pg, "_origin", entity)) <= {("data",)}
    again = load(settings, Feed(*vouched(batch, cut)), entity)
    assert again.read == again.unchanged + again.landed + again.quarantined


def test_one_value_that_postgresql_refuses_costs_its_row_alone(
    settings: Settings, pg: psycopg.Connection, groups: Callable[[int, int], None]
) -> None:
    bad = {7: "2026-02-30T08:00:00Z", 11: "soon"}
    rows = [order(order_id=str(n), updated_at=bad.get(n, LATER)) for n in range(1, 21)]
    raw = [f"received {n}".encode() for n in range(1, 21)]
    groups(1 << 30, 1 << 30)
    summary = load(settings, Feed(replace(text_rows(rows, raw), exact=True)))
    assert counted(summary) == (20, 18, 0, 2)
    assert pg.execute(KEPT.encode()).fetchall() == [
        ("line 11", "updated_at: not a time with an offset", b"received 11"),
        ("line 7", "updated_at: out of range", b"received 7"),
    ]


@pytest.mark.parametrize("bad", ["a\0b", "a\ud800b"])
def test_what_is_no_text_is_kept_beside_its_good_neighbours(
    settings: Settings, pg: psycopg.Connection, bad: str
) -> None:
    rows = [order(order_id="1"), order(order_id="2", status=bad), order(order_id="3")]
    batch = replace(text_rows(rows, [b"one", b"two", b"three"]), exact=True)
    assert counted(load(settings, Feed(batch))) == (3, 2, 0, 1)
    [(position, _, raw)] = pg.execute(KEPT.encode()).fetchall()
    assert (position, raw) == ("line 2", b"two")


def test_columns_missing_of_deleted_rows_are_no_fault(
    settings: Settings, pg: psycopg.Connection
) -> None:
    deleted = TextRows(
        ("order_id", "_is_deleted", "_changed_at"),
        [("1", "true", LATER), ("2", "false", LATER)],
        ["a", "b"],
        exact=True,
    )
    assert counted(load(settings, Feed(deleted))) == (2, 1, 0, 1)
    assert versions(pg, "_key, _is_deleted") == [("1", True)]
    assert "status: missing" in reasons(pg)[0]


def test_a_source_that_fails_half_way_leaves_nothing(
    settings: Settings, pg: psycopg.Connection, groups: Callable[[int, int], None]
) -> None:
    class Failing(Files):
        def read_origin(self, *_: Any) -> Iterator[Batch]:
            yield replace(text_rows([order()]), exact=True)
            raise ValueError("gone")

    groups(1, 0)
    with pytest.raises(Exception, match="broke down"):
        load(settings, Failing(data=[]))
    assert versions(pg, "_key") == []
    index = "select count(*) from pg_indexes where schemaname = 'raw' and tablename = 'orders'"
    before = pg.execute(index.encode()).fetchone()
    assert counted(load(settings, Files(data=[replace(text_rows([order()]), exact=True)])))[1] == 1
    assert pg.execute(index.encode()).fetchone() == before == (2,)


def test_columns_and_rows_are_the_same_batch(settings: Settings, pg: psycopg.Connection) -> None:
    rows = text_rows([order(guest_email=""), order(order_id="2", guest_email=None)])
    columns = in_columns(rows)
    assert columns is not None
    assert in_rows(columns) == rows
    assert counted(load(settings, Feed(columns))) == (2, 2, 0, 0)
    rejected = RejectedRecord("line 3", "broken", b"x")
    assert counted(load(settings, Feed(columns, rejected, columns))) == (5, 0, 4, 1)
    wrong = ArrowRows(columns.values, pa.array(["only one"]))
    with pytest.raises(Exception, match="positions"):
        load(settings, Feed(wrong), day=DAY)


def test_a_file_whose_new_column_only_reading_tells_is_founded_once(
    settings: Settings,
    pg: psycopg.Connection,
    groups: Callable[[int, int], None],
    tmp_path: Path,
) -> None:
    groups(1, 1 << 30)
    names = [name for name in order() if name != "order_id"]
    source = {
        "kind": "files",
        "path": f"{tmp_path}/*.jsonl",
        "format": {"type": "jsonl"},
        "columns": {"id": "text"},
        "entities": {
            "orders": {
                "columns": {
                    **{name: _expression(name, str(order()[name])) for name in names},
                    "order_id": "id",
                }
            }
        },
    }
    deployment = Deployment(name="test", sources={"shop": source})
    # Nothing of the first file lands, so raw is still empty when the second is read.
    (tmp_path / "a.jsonl").write_text('{"id": ""}\n')
    lines = [json.dumps({"id": str(n), "gift": f"g{n}"}) for n in range(1, 4)]
    (tmp_path / "b.jsonl").write_text("\n".join(lines) + "\n")
    [summary] = extract(settings, deployment, "shop", "orders", DAY)
    assert counted(summary) == (4, 3, 0, 1)
    kept = versions(pg, "_key, _extra ->> 'gift', _origin like '%b.jsonl'")
    assert kept == [(str(n), f"g{n}", True) for n in range(1, 4)]
    index = "select count(*) from pg_indexes where schemaname = 'raw' and tablename = 'orders'"
    assert pg.execute(index.encode()).fetchone() == (2,)


def _expression(name: str, value: str) -> str:
    kinds = {"timestamptz": "timestamptz", "numeric": "decimal(18, 2)"}
    kind = kinds.get(ENTITIES["orders"].column(name).pg_type, "varchar")
    return f"cast('{value}' as {kind})"
