"""An older warehouse's quarantine after the upgrade."""

from __future__ import annotations

from importlib.resources import files

import psycopg

MIGRATION = "migrations/009_quarantine.sql"


def test_records_that_differed_by_their_reasons_become_one(pg: psycopg.Connection) -> None:
    pg.execute(
        """
        alter table quarantine.records drop constraint one_record_a_bad_row;
        insert into ops.loads (source, entity, family, business_date, status)
        select 'shop', 'orders', 'orders', '2026-03-20', 'landed' from generate_series(1, 3);
        insert into quarantine.records (
            source, entity, position, reason, raw, content_md5, first_load_id, last_load_id, status
        )
        values
            ('shop', 'orders', 'line 1', 'first', 'a', md5('a')::uuid, 1, 1, 'open'),
            ('shop', 'orders', 'line 1', 'second', 'a', md5('a')::uuid, 2, 3, 'discarded'),
            ('shop', 'orders', 'line 1', 'first', 'b', md5('b')::uuid, 1, 2, 'discarded')
        """
    )
    statements = (files("moshtari.warehouse") / MIGRATION).read_text(encoding="utf-8")
    with pg.transaction():
        pg.execute(statements.encode())
    rows = pg.execute(
        "select reason, convert_from(raw, 'utf8'), first_load_id, last_load_id, status"
        " from quarantine.records order by 2"
    ).fetchall()
    assert rows == [("second", "a", 1, 3, "open"), ("first", "b", 1, 2, "discarded")]
