"""Landing for any rows: exact, repeatable, and blind to how the rows were cut into batches."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from tests.unit.landing.feeds import DAY, Feed, counted, load, order, text_rows, versions, visible

from moshtari.landing.contract import ENTITIES
from moshtari.settings import Settings
from moshtari.sources.base import TextRows, array_text

# One database serves all examples of a test; `_emptied` gives each an empty raw.
PROFILE = profile(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
NUMBER = st.decimals(allow_nan=False, allow_infinity=False, places=6)
TEHRAN = timezone(timedelta(hours=3, minutes=30))
# Seconds of 2000 to 2025.
STAMP = st.integers(946_684_800, 1_767_225_599).map(
    lambda seconds: datetime.fromtimestamp(seconds, TEHRAN).isoformat()
)

ROW = st.fixed_dictionaries(
    {
        "order_id": STORABLE.filter(bool),
        "guest_email": st.none() | STORABLE,
        "status": STORABLE,
        "gross_amount": NUMBER.map(str),
        "updated_at": STAMP,
        "coupon_codes": st.lists(st.none() | STORABLE, max_size=3).map(array_text),
    }
).map(lambda values: order(**values))


@pytest.fixture
def emptied(pg: psycopg.Connection) -> Callable[[], None]:
    tables = "raw.orders, ops.loads, ops.state_loads, quarantine.records"
    return lambda: pg.execute(f"truncate {tables}".encode()) and None


@PROFILE
@given(st.lists(ROW, max_size=8, unique_by=lambda row: row["order_id"]))
def test_every_value_is_kept_exactly(
    settings: Settings, pg: psycopg.Connection, emptied: Callable[[], None], rows: list[Any]
) -> None:
    emptied()
    assert counted(load(settings, Feed(text_rows(rows)))) == (len(rows), len(rows), 0, 0)
    kept = versions(pg, "order_id, guest_email, status, gross_amount::text")
    wanted = [
        (r["order_id"], r["guest_email"], r["status"], f"{Decimal(r['gross_amount']):f}")
        for r in rows
    ]
    # -0.000000 is PostgreSQL's 0.000000: the one number that has two spellings there.
    wanted = [(*w[:3], w[3].removeprefix("-") if Decimal(w[3]) == 0 else w[3]) for w in wanted]
    assert sorted(kept, key=repr) == sorted(wanted, key=repr)


@PROFILE
@given(st.lists(ROW, max_size=8), st.randoms(use_true_random=False), st.integers(1, 4))
def test_order_and_cut_of_batches_do_not_matter_and_twice_is_once(
    settings: Settings,
    pg: psycopg.Connection,
    emptied: Callable[[], None],
    rows: list[Any],
    chance: random.Random,
    cut: int,
) -> None:
    # Keys that meet, so that versions compete.
    rows = [{**row, "order_id": f"k{number % 3}"} for number, row in enumerate(rows)]
    columns = "_key, _changed_at, status"
    emptied()
    load(settings, Feed(text_rows(rows)))
    once = versions(pg, columns)
    emptied()
    shuffled = chance.sample(rows, len(rows))
    batches = [text_rows(shuffled[at : at + cut]) for at in range(0, len(shuffled), cut)]
    first = load(settings, Feed(*batches))
    assert versions(pg, columns) == once
    assert first.read == first.landed + first.unchanged == len(rows)
    again = load(settings, Feed(*batches), day=DAY + timedelta(days=1))
    assert counted(again) == (len(rows), 0, len(rows), 0)
    assert versions(pg, columns) == once


@PROFILE
@given(
    st.lists(
        st.tuples(*(st.none() | st.text(max_size=12) for _ in ENTITIES["orders"].columns)),
        max_size=6,
    )
)
def test_whatever_comes_it_lands_or_is_quarantined(
    settings: Settings,
    pg: psycopg.Connection,
    emptied: Callable[[], None],
    rows: list[tuple[str | None, ...]],
) -> None:
    emptied()
    names = ENTITIES["orders"].column_names
    batch = TextRows(names, rows, [f"line {n}" for n in range(len(rows))])
    summary = load(settings, Feed(batch))
    assert summary.read == len(rows)
    assert summary.read == summary.landed + summary.unchanged + summary.quarantined
    assert len(visible(pg, "1", DAY)) == summary.landed
