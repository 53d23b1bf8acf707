"""Before a build, what has landed gets fresh statistics; a table that is in use is no obstacle."""

from __future__ import annotations

import psycopg

from moshtari.settings import Settings
from moshtari.transform import statistics
from moshtari.warehouse.connection import connect

ANALYZED = "select relname from pg_stat_user_tables where schemaname = 'raw' and analyze_count > 0"


def bring(pg: psycopg.Connection, entity: str, rows: int) -> None:
    key = "order_id" if entity == "orders" else "ticket_id"
    pg.execute(
        f"insert into raw.{entity} ({key}, _source, _key, _load_id, _known_from)"
        f" select n, 'shop', n, 1, '-infinity' from generate_series(1, {rows}) as n".encode()
    )
    pg.execute("select pg_stat_force_next_flush()")
    pg.execute("select 1")


def test_only_what_has_changed_much_is_looked_at(
    settings: Settings, pg: psycopg.Connection
) -> None:
    bring(pg, "orders", 10_000)
    bring(pg, "tickets", 9_999)
    assert statistics.refresh(settings) == ["orders"]
    assert pg.execute(ANALYZED).fetchall() == [("orders",)]
    assert statistics.refresh(settings) == []


def test_a_table_that_is_held_is_left_to_the_next_build(
    settings: Settings, pg: psycopg.Connection
) -> None:
    bring(pg, "orders", 10_000)
    with connect(settings, admin=True, database=settings.pg_database) as holder:
        holder.execute("lock table raw.orders in access exclusive mode")
        assert statistics.refresh(settings) == ["orders"]
        holder.rollback()
    assert statistics.refresh(settings) == ["orders"]
    assert pg.execute(ANALYZED).fetchall() == [("orders",)]
