"""The `postgres` source, on a real shop's database: a schema of its own beside the warehouse's."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.unit.landing.feeds import TEHRAN, counted, reasons, versions

from moshtari.landing.errors import ExtractError
from moshtari.landing.extract import LoadSummary, extract
from moshtari.settings import ConfigError, Deployment, Settings
from moshtari.sources.base import SourceContext, SourceError
from moshtari.sources.postgres import PostgresSource
from moshtari.sources.postgres_config import PostgresConfig
from moshtari.sources.postgres_copy import binary_blocks
from moshtari.sources.postgres_session import snapshot

DAY = date(2026, 3, 20)
NEXT = DAY + timedelta(days=1)
NOON = "2026-03-20 12:00+03:30"
COLUMNS = {
    "order_id": "id",
    "ordered_at": "placed",
    "updated_at": "changed",
    "status": "state",
    "currency": "'IRT'",
    "gross_amount": "price",
    "discount_amount": "0",
    "shipping_amount": "0",
    "tax_amount": "0",
    "total_amount": "price",
    "direction": "'sale'",
}
ORDERS = {"table": "shop.sales", "changed_at": "changed", "columns": COLUMNS}


@pytest.fixture
def shop(pg: psycopg.Connection) -> psycopg.Connection:
    pg.execute(
        """
        create schema shop;
        create table shop.sales (
            id text, placed timestamptz, changed timestamptz, state text, price text
        );
        """
    )
    return pg


def dsn(settings: Settings) -> str:
    return " ".join(f"{name}={value}" for name, value in settings.dsn(admin=True).items())


def deployment(settings: Settings, entities: dict[str, Any], **source: Any) -> Deployment:
    shop = {"kind": "postgres", "dsn": dsn(settings), "entities": entities, **source}
    return Deployment(name="test", sources={"shop": shop})


def run(settings: Settings, entity: dict[str, Any] = ORDERS, day: date = DAY) -> LoadSummary:
    return extract(settings, deployment(settings, {"orders": entity}), "shop", "orders", day)[0]


def sell(shop: psycopg.Connection, key: str, changed: str = NOON, **row: str | None) -> None:
    given = {"placed": NOON, "state": "paid", "price": "10.50", **row}
    shop.execute(
        "insert into shop.sales values (%s, %s, %s, %s, %s)",
        [key, given["placed"], changed, given["state"], given["price"]],
    )


def source(settings: Settings, entities: dict[str, Any] | None = None, **given: Any) -> Any:
    values = {"dsn": dsn(settings), "entities": entities or {"orders": ORDERS}, **given}
    config = PostgresConfig(**values)
    return PostgresSource("shop", config, SourceContext(TEHRAN, "IRR", Path()))


def test_rows_arrive_as_they_are(settings: Settings, shop: psycopg.Connection) -> None:
    sell(shop, "1", state="", price="0.10")
    sell(shop, "2", state="ارسال\t\\شد", price="12345678901234567890.12")
    assert counted(run(settings)) == (2, 2, 0, 0)
    assert versions(shop, "order_id, status, gross_amount::text, currency, guest_email") == [
        ("1", "", "0.10", "IRT", None),
        ("2", "ارسال\t\\شد", "12345678901234567890.12", "IRT", None),
    ]


def test_each_day_brings_its_own_changes(settings: Settings, shop: psycopg.Connection) -> None:
    sell(shop, "1")
    sell(shop, "2", changed="2026-03-21 00:00+03:30")
    sell(shop, "3", changed="2026-03-20 23:59:59.999999+03:30")
    assert counted(run(settings)) == (2, 2, 0, 0)
    assert counted(run(settings, day=NEXT)) == (2, 1, 1, 0)  # 3 comes again by the lookback
    assert versions(shop, "order_id, _known_from::text") == [
        ("1", "-infinity"),
        ("2", "2026-03-21"),
        ("3", "-infinity"),
    ]


def test_a_row_that_commits_late_is_caught_by_the_lookback(
    settings: Settings, shop: psycopg.Connection
) -> None:
    sell(shop, "0")
    with psycopg.connect(dsn(settings)) as slow:
        slow.execute(
            "insert into shop.sales values ('late', %s, '2026-03-20 23:59+03:30', 'paid', '1')",
            [NOON],
        )
        assert run(settings).landed == 1
    assert counted(run(settings, day=NEXT)) == (1, 1, 0, 0)
    assert versions(shop, "_key, _known_from::text") == [("0", "-infinity"), ("late", "2026-03-21")]


VERSIONED = {**ORDERS, "row_versions": True}


def test_a_row_that_commits_days_late_is_caught_by_its_version(
    settings: Settings, shop: psycopg.Connection
) -> None:
    sell(shop, "0")
    sell(shop, "early", changed="2026-03-01 12:00+03:30")
    with psycopg.connect(dsn(settings)) as slow:
        slow.execute(
            "insert into shop.sales values ('late', %s, '2026-03-10 09:00+03:30', 'paid', '1')",
            [NOON],
        )
        assert run(settings, VERSIONED).landed == 2
        assert run(settings, VERSIONED, NEXT).landed == 0
    # Committed long after the lookback of its own time, and read with rows of its day alone.
    sell(shop, "next", changed="2026-03-22 12:00+03:30")
    assert run(settings, VERSIONED, DAY + timedelta(days=2)).landed == 2
    assert counted(run(settings, VERSIONED, DAY + timedelta(days=3))) == (0, 0, 0, 0)
    assert versions(shop, "_key") == [("0",), ("early",), ("late",), ("next",)]


def test_a_row_of_a_later_day_is_left_for_it_by_version_too(
    settings: Settings, shop: psycopg.Connection
) -> None:
    sell(shop, "0")
    run(settings, VERSIONED)
    sell(shop, "tomorrow", changed="2026-03-22 12:00+03:30")
    assert run(settings, VERSIONED, NEXT).landed == 0
    assert run(settings, VERSIONED, DAY + timedelta(days=2)).landed == 1


def test_a_mark_too_far_back_reads_everything(settings: Settings, shop: psycopg.Connection) -> None:
    sell(shop, "0", changed="2026-03-01 12:00+03:30")
    run(settings, VERSIONED)
    shop.execute("truncate raw.orders")
    # As if three thousand million transactions had passed: a count that has gone round.
    shop.execute("""update ops.loads set details = '{"mark": "-3000000000"}'""")
    assert run(settings, VERSIONED, NEXT).landed == 1


@pytest.mark.parametrize(
    "entity", [{**VERSIONED, "changed_at": None}, {"query": "select 1", "columns": COLUMNS}]
)
def test_row_versions_need_a_table_and_a_time(entity: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="row_versions"):
        PostgresConfig(dsn="", entities={"orders": {**entity, "row_versions": True}})


def test_a_row_that_does_not_say_when_it_changed_is_in_every_window(
    settings: Settings, shop: psycopg.Connection
) -> None:
    updated = {**COLUMNS, "updated_at": "coalesce(changed, placed)"}
    sell(shop, "0")
    run(settings)
    shop.execute("insert into shop.sales values ('1', %s, null, 'paid', '1')", [NOON])
    assert run(settings, {**ORDERS, "columns": updated}, NEXT).landed == 1


def test_bad_values_at_the_source_cost_their_own_rows_only(
    settings: Settings, shop: psycopg.Connection
) -> None:
    for number in range(5000):
        sell(shop, str(number))
    sell(shop, "bad", price="ده تومان")
    sell(shop, "persian", price="۱۲٫۵")
    sell(shop, "nan", price="NaN")
    first = run(settings)
    assert counted(first) == (5003, 5001, 0, 2)
    assert reasons(shop) == ["gross_amount: not a number; total_amount: not a number"] * 2
    positions = shop.execute("select position from quarantine.records order by 1").fetchall()
    assert positions == [("bad",), ("nan",)]
    assert counted(run(settings)) == (5003, 0, 5001, 2)
    shop.execute("update shop.sales set price = '10' where id in ('bad', 'nan', 'persian')")
    assert counted(run(settings)) == (5003, 3, 5000, 0)


def test_typed_rows_that_break_the_contract_are_quarantined(
    settings: Settings, shop: psycopg.Connection
) -> None:
    sell(shop, "good")
    sell(shop, "nan", price="NaN")
    sell(shop, "forever", placed="infinity")
    sell(shop, "", state=None)
    shop.execute("insert into shop.sales values (null, %s, %s, 'paid', '1')", [NOON, NOON])
    assert counted(run(settings)) == (5, 1, 0, 4)
    rows = shop.execute("select position, reason from quarantine.records order by 1, 2").fetchall()
    assert rows == [
        ("", "order_id: missing from the key; status: missing"),
        ("forever", "ordered_at: not a time with an offset"),
        ("nan", "gross_amount: not a number; total_amount: not a number"),
        ("no key", "order_id: missing from the key"),
    ]


def test_repeated_keys_of_a_query_are_settled(settings: Settings, shop: psycopg.Connection) -> None:
    sell(shop, "1", state="old")
    sell(shop, "1", changed="2026-03-20 13:00+03:30", state="new")
    assert counted(run(settings)) == (2, 1, 1, 0)
    assert versions(shop, "status") == [("new",)]


def test_floats_keep_all_their_digits(settings: Settings, shop: psycopg.Connection) -> None:
    sell(shop, "1", price="0.1")
    sell(shop, "2", price="123456789012345.67")
    columns = {**COLUMNS, "gross_amount": "price::float8"}
    run(settings, {**ORDERS, "columns": columns})
    kept = versions(shop, "gross_amount::text")
    assert kept == [("0.1",), ("123456789012345.67",)]


def test_queries_conditions_and_percent_signs(settings: Settings, shop: psycopg.Connection) -> None:
    sell(shop, "1", state="a%b")
    sell(shop, "2")
    entity = {
        "query": "select * from shop.sales where state like '%';",
        "where": "state like 'a%b'",
        "columns": COLUMNS,
    }
    assert run(settings, entity).landed == 1


def test_naive_times_need_a_zone(settings: Settings, shop: psycopg.Connection) -> None:
    shop.execute("alter table shop.sales alter placed type timestamp using '2026-03-20 10:00'")
    sell(shop, "1", placed="2026-03-20 10:00")
    with pytest.raises(ExtractError, match=r"columns\.ordered_at is a time without a zone\. Set"):
        run(settings)
    given = deployment(settings, {"orders": ORDERS}, timezone="Asia/Tehran")
    extract(settings, given, "shop", "orders", DAY)
    assert versions(shop, "ordered_at") == [(datetime(2026, 3, 20, 6, 30, tzinfo=UTC),)]
    # As text (one bad value sends the whole table that way) the zone is the same.
    sell(shop, "2", placed="2026-03-20 10:00", price="x")
    sell(shop, "3", placed="2026-03-20 10:00")
    extract(settings, given, "shop", "orders", DAY)
    assert len(set(versions(shop, "ordered_at"))) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"table": "shop.gone"}, r'relation "shop.gone" does not exist.*Mend `table`'),
        (
            {"columns": {**COLUMNS, "status": "condition"}},
            r"entities\.orders\.columns\.status: the source has no column .condition..*Mend",
        ),
        (
            {"columns": {**COLUMNS, "gross_amount": "placed"}},
            r"columns\.gross_amount: cannot cast type timestamp with time zone to numeric",
        ),
        ({"where": "sate = 'paid'"}, r"entities\.orders\.where: the source has no column .sate."),
        ({"changed_at": "touched"}, r"orders\.changed_at: the source has no column .touched."),
    ],
)
def test_a_mapping_that_does_not_fit_is_told_by_its_key(
    settings: Settings, shop: psycopg.Connection, change: dict[str, Any], told: str
) -> None:
    with pytest.raises(ExtractError, match=told):
        run(settings, {**ORDERS, **change})
    assert shop.execute("select status from ops.loads").fetchall() == [("failed",)]


def test_a_missing_permission_is_told_with_the_grant(
    settings: Settings, shop: psycopg.Connection
) -> None:
    params = settings.dsn()
    login = " ".join(f"{name}={value}" for name, value in params.items())
    shop.execute("grant usage on schema shop to public")
    results = source(settings, dsn=login).check()
    assert [result.ok for result in results] == [True, False]
    assert "permission denied for table sales" in results[1].detail
    assert "Grant select" in results[1].remedy


def test_check_tells_what_works(settings: Settings, shop: psycopg.Connection) -> None:
    results = source(settings).check()
    assert [(result.name, result.ok) for result in results] == [
        ("source shop", True),
        ("source shop: orders", True),
    ]


def test_an_unreachable_server_is_told_without_the_password(settings: Settings) -> None:
    closed = source(settings, dsn="host=127.0.0.1 port=1 user=u password=hunter2 dbname=d")
    result = closed.check()[0]
    assert not result.ok
    assert "hunter2" not in result.detail
    assert "dsn is right" in result.remedy


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ({"statement_timeout_seconds": 0.3}, r"statement timeout.*Raise statement_timeout_seconds"),
        ({"read_timeout_seconds": 0.3}, r"nothing came.*Raise read_timeout_seconds"),
    ],
)
def test_a_statement_that_takes_too_long_is_told(
    settings: Settings, shop: psycopg.Connection, limit: dict[str, Any], told: str
) -> None:
    sell(shop, "1")
    slow = {**COLUMNS, "status": "state || pg_sleep(30)::text"}
    given = deployment(settings, {"orders": {**ORDERS, "columns": slow}}, **limit)
    with pytest.raises(ExtractError, match=told):
        extract(settings, given, "shop", "orders", DAY)


def test_a_server_that_sends_now_and_then_is_not_silent(settings: Settings) -> None:
    config = PostgresConfig(dsn=dsn(settings), read_timeout_seconds=1, entities={"orders": ORDERS})
    slow = "select repeat('x', 20000) || pg_sleep(0.3)::text from generate_series(1, 5)"
    with snapshot(config) as connection:
        assert sum(map(len, binary_blocks(connection, slow))) > 5 * 20_000


def test_the_source_cannot_be_written(settings: Settings, shop: psycopg.Connection) -> None:
    shop.execute(
        "create function shop.leave() returns text language sql as "
        "$$ insert into shop.sales (id) values ('x') returning id $$"
    )
    sell(shop, "1")
    with pytest.raises(ExtractError, match="read-only transaction"):
        run(settings, {**ORDERS, "columns": {**COLUMNS, "status": "shop.leave()"}})


def test_one_entity_that_fails_does_not_hide_the_others(
    settings: Settings, shop: psycopg.Connection
) -> None:
    sell(shop, "1")
    rates = {"columns": {"rate_date": "day", "currency": "code", "rate_to_base": "rate"}}
    given = deployment(
        settings,
        {
            "exchange_rates": {"table": "shop.rates", **rates},
            "orders": ORDERS,
            "erasures": {
                "table": "shop.erased",
                "columns": {"subject_key": "who", "requested_at": "at"},
            },
        },
    )
    with pytest.raises(ExtractError) as caught:
        extract(settings, given, "shop", "orders", DAY)
    assert len(caught.value.failures) == 2
    assert "shop.rates" in str(caught.value)
    assert "shop.erased" in str(caught.value)
    assert versions(shop, "_key") == [("1",)]


def test_only_the_familys_entities_land(settings: Settings, shop: psycopg.Connection) -> None:
    sell(shop, "1")
    given = deployment(settings, {"orders": ORDERS})
    assert extract(settings, given, "shop", "tickets", DAY) == []
    with pytest.raises(ConfigError, match=r"sources\.shoop"):
        extract(settings, given, "shoop", "orders", DAY)


def test_a_generator_that_is_given_up_closes_its_connection(
    settings: Settings, shop: psycopg.Connection
) -> None:
    from moshtari.landing.windows import Coverage, plan_load

    sell(shop, "1")
    batches = source(settings).read("orders", plan_load(DAY, Coverage(), 0, TEHRAN).window)
    next(batches)
    batches.close()
    open_sessions = shop.execute(
        "select count(*) from pg_stat_activity where application_name = 'moshtari' "
        "and datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'"
    ).fetchone()
    assert open_sessions == (0,)
    with pytest.raises(SourceError):
        next(
            source(settings, {"orders": {**ORDERS, "table": "no"}}).read(
                "orders", plan_load(DAY, Coverage(), 0, TEHRAN).window
            )
        )
