from __future__ import annotations

import psycopg
import pytest

from moshtari.landing.contract import ENTITIES, entities_of, raw_table_ddl

IN_ORDER = [
    "orders", "customers", "order_items", "payments", "refunds", "shipments", "tickets",
    "ticket_events", "mentions", "web_events", "subscriptions", "surveys", "contacts_made",
    "campaign_spend", "exchange_rates", "erasures",
]  # fmt: skip


def test_the_contract_has_its_entities_in_order() -> None:
    assert list(ENTITIES) == IN_ORDER
    assert [name for name, entity in ENTITIES.items() if entity.starred] == [
        "orders", "tickets", "mentions"
    ]  # fmt: skip


def test_families_part_the_entities() -> None:
    assert [e.name for e in entities_of("tickets")] == ["tickets", "ticket_events"]
    assert [e.name for e in entities_of("mentions")] == ["mentions"]
    assert len(entities_of("orders")) == len(IN_ORDER) - 3
    with pytest.raises(ValueError, match="orders, tickets, mentions"):
        entities_of("reviews")


@pytest.mark.parametrize("name", IN_ORDER)
def test_every_key_column_is_required_and_comes_first(name: str) -> None:
    entity = ENTITIES[name]
    assert all(entity.column(column).required for column in entity.key)
    assert entity.columns[0].name == entity.key[0]


@pytest.mark.parametrize("name", IN_ORDER)
def test_the_raw_table_is_there_with_types_and_comments(pg: psycopg.Connection, name: str) -> None:
    entity = ENTITIES[name]
    pg.execute(raw_table_ddl(entity).encode())  # once more: it is there already
    found = pg.execute(
        """
        select
            attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum)
        from pg_attribute
        where attrelid = %s::regclass and attnum > 0
        order by attnum
        """,
        [f"raw.{name}"],
    ).fetchall()
    types = {"timestamptz": "timestamp with time zone"}
    wanted = [(c.name, types.get(c.pg_type, c.pg_type)) for c in entity.columns]
    assert [row[:2] for row in found[-len(wanted) :]] == wanted
    assert [row[0] for row in found[: -len(wanted)]] == [
        "_source", "_key", "_load_id", "_known_from", "_changed_at",
        "_is_deleted", "_origin", "_extra",
    ]  # fmt: skip
    assert all(row[2] for row in found)


def test_keys_of_two_texts_never_meet(pg: psycopg.Connection) -> None:
    key = ENTITIES["campaign_spend"].key_sql()
    rows = pg.execute(
        f"""
        select count(distinct {key})
        from (
            values
                (date '2026-01-01', 'a/b', 'c', 'IRR'),
                (date '2026-01-01', 'a', 'b/c', 'IRR'),
                (date '2026-01-01', 'a\\', 'b/c', 'IRR'),
                (date '2026-01-01', 'a\\/b', 'c', 'IRR')
        ) as spend (spend_date, channel, purpose, currency)
        """
    ).fetchone()
    assert rows == (4,)


def test_a_mapping_is_told_what_it_lacks_and_what_it_has_too_much() -> None:
    entity = ENTITIES["exchange_rates"]
    assert entity.mapping_problems(["rate_date", "currency", "rate_to_base", "_changed_at"]) == []
    problems = entity.mapping_problems(["rate_date", "currency", "rate"])
    assert "no column 'rate'" in problems[0]
    assert "needs the column 'rate_to_base'" in problems[1]
    assert "coupon_codes" not in ENTITIES["orders"].required_columns
