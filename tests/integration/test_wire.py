"""What goes to PostgreSQL as binary COPY is what its own reading of the text gives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from tests.unit.landing.feeds import Feed, counted, load, order, text_rows

from moshtari.landing import wire
from moshtari.settings import Settings
from moshtari.sources.base import array_text
from moshtari.sources.columnar import in_columns

PROFILE = profile(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
ZONES = st.sampled_from(["Z", "+00:00", "+03:30", "-1100", "+15:59", "+03"])
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))  # noqa: DTZ001
# By type: what always goes as binary, and what need not.
PLAIN: dict[str, st.SearchStrategy[str]] = {
    "numeric": st.from_regex(r"-?[0-9]{1,9}(\.[0-9]{0,4})?", fullmatch=True),
    "integer": st.integers(-(2**31), 2**31 - 1).map(str),
    "bigint": st.integers(-(2**63), 2**63 - 1).map(str),
    "boolean": st.sampled_from(["true", "false"]),
    "text": TEXT,
    "date": st.dates().map(str),
    "timestamptz": st.tuples(TIMES, ZONES).map(lambda pair: pair[0].isoformat(" ") + pair[1]),
    "jsonb": st.sampled_from(['{"a": 1.50}', "[]", '"چای"', "null"]),
    "text[]": st.lists(st.none() | TEXT, max_size=3).map(array_text),
}
ODD: dict[str, st.SearchStrategy[str]] = {
    "numeric": st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{0,9})?", fullmatch=True)
    | st.sampled_from(["-9223372036854775808", "1e5", "NaN", "5.", "-.5", "-0.00010000"]),
    "integer": st.sampled_from(["007", "0x10", "+1"]),
    "bigint": st.sampled_from(["007", "-0"]),
    "boolean": st.sampled_from(["t", "yes", "TRUE"]),
    "date": st.sampled_from(["2024-5-1", "infinity", "20240501"]),
    "timestamptz": st.sampled_from(["infinity", "2024-05-01T10+03:30", "2024-05-01 24:00:00Z"]),
    "text[]": st.just("{{a},{b}}"),
}


@pytest.fixture
def there_and_back(pg: psycopg.Connection) -> Callable[[str, list[Any]], list[Any] | None]:
    """Copies values in, and gives their texts; None where they are for PostgreSQL to read."""

    def copied(pg_type: str, texts: list[str | None]) -> list[Any] | None:
        rows = pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], names=["value"])
        try:
            stream = b"".join(wire.as_stream(rows, {"value": pg_type}))
        except pa.ArrowInvalid:
            return None
        pg.execute(f"create temporary table wire (n serial, value {pg_type})".encode())
        try:
            with pg.cursor() as cursor, cursor.copy("copy wire (value) from stdin binary") as copy:
                copy.write(stream)
            return pg.execute("select value::text from wire order by n").fetchall()
        finally:
            pg.execute("drop table wire")

    pg.execute("set timezone = 'UTC'")
    return copied


@pytest.mark.parametrize("pg_type", PLAIN)
@PROFILE
@given(st.data())
def test_the_same_as_postgresql_reads(
    pg: psycopg.Connection,
    there_and_back: Callable[[str, list[Any]], list[Any] | None],
    pg_type: str,
    data: st.DataObject,
) -> None:
    texts: list[str | None] = data.draw(st.lists(st.none() | PLAIN[pg_type], min_size=1))
    odd = data.draw(st.lists(ODD[pg_type], max_size=1)) if pg_type in ODD else []
    found = there_and_back(pg_type, texts + odd)
    if found is None:
        assert odd
    else:
        given_texts = "unnest(%s::text[]) with ordinality as v (value, n)"
        query = f"select value::{pg_type}::text from {given_texts} order by n"
        assert found == pg.execute(query.encode(), [texts + odd]).fetchall()


def test_times_that_have_their_type_go_as_they_are(
    pg: psycopg.Connection, there_and_back: Callable[..., Any]
) -> None:
    at = datetime(1908, 3, 21, 6, 46, 28, 123456, UTC)
    rows = pa.RecordBatch.from_arrays(
        [pa.array([at, None], pa.timestamp("us", "Asia/Tehran"))], ["value"]
    )
    pg.execute("create temporary table wire (n serial, value timestamptz)")
    with pg.cursor() as cursor, cursor.copy("copy wire (value) from stdin binary") as copy:
        copy.write(b"".join(wire.as_stream(rows, {"value": "timestamptz"})))
    assert pg.execute("select value from wire order by n").fetchall() == [(at,), (None,)]


@pytest.mark.parametrize("has_pgpq", [True, False])
def test_without_pgpq_the_same_rows_land(
    settings: Settings, pg: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, has_pgpq: bool
) -> None:
    if not has_pgpq:
        monkeypatch.setattr(wire, "ArrowToPostgresBinaryEncoder", None)
    assert (wire.ArrowToPostgresBinaryEncoder is not None) is has_pgpq
    rows = [
        order(order_id=str(n), gross_amount=f"{n}.50", coupon_codes='{"a,b"}') for n in range(9)
    ]
    columns = in_columns(text_rows(rows))
    assert columns is not None
    assert counted(load(settings, Feed(columns))) == (9, 9, 0, 0)
    found = pg.execute("select gross_amount::text, coupon_codes from raw.orders order by order_id")
    assert found.fetchall() == [(f"{n}.50", ["a,b"]) for n in range(9)]
