"""Scoring against a world: a warehouse that knows the truth is perfect, and each mistake counts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import psycopg
import pytest
from rich.console import Console

from moshtari.demo import world
from moshtari.demo.scoring import LabelScore, score_all
from moshtari.demo.scoring_tables import show
from moshtari.demo.truth import AXES
from moshtari.settings import Settings
from moshtari.warehouse.connection import connect

DAY = date(2025, 6, 1)

SCHEMAS = """
create schema if not exists intermediate;
create schema if not exists candidate;
grant usage, create on schema intermediate, candidate to moshtari_builder;
"""
KNOWING = """
create table intermediate.int_orders_valued (order_key text, customer_key text);
create table intermediate.int_identity_links (identity_key text, customer_key text);
create table intermediate.int_texts_classified (
    entity text, text_key text, kind text, sentiment text, topic text, competitor text
);
create table intermediate.int_customer_lapses_explained (customer_key text, reason text);
create table candidate.customers (
    customer_key text, types text[], phase text, ladder_step text
);
"""


@pytest.fixture(scope="module")
def world_dsn(pg_server) -> Iterator[str]:
    name = pg_server.create_database()
    world.create(pg_server.dsn(name), 21, DAY, days=400, customers=400)
    yield pg_server.dsn(name)
    pg_server.drop_database(name)


@pytest.fixture
def knowing(
    settings: Settings, pg: psycopg.Connection, world_dsn: str
) -> Iterator[psycopg.Connection]:
    """A warehouse in which everybody is one customer and every label is the truth."""
    pg.execute(SCHEMAS)
    with (
        psycopg.connect(world_dsn) as told,
        connect(settings, role="moshtari_builder", autocommit=True) as builder,
    ):
        builder.execute(KNOWING)
        copies = {
            "intermediate.int_orders_valued": """
                select source || '/' || record_id, 'c' || person_id from truth.records
                where entity = 'orders'
            """,
            "intermediate.int_identity_links": """
                select
                    case entity when 'customers' then 'account:' else 'visitor:' end
                    || source || '/' || record_id,
                    'c' || min(person_id)
                from truth.records where entity in ('customers', 'web_events')
                group by entity, source, record_id
            """,
            "intermediate.int_texts_classified": """
                select entity, source || '/' || record_id, kind, sentiment, topic, competitor
                from truth.texts
            """,
            "intermediate.int_customer_lapses_explained": f"""
                select 'c' || person_id, reason from truth.lapse_reasons_as_of('{DAY}')
            """,
            "candidate.customers": f"""
                select
                    'c' || p.person_id,
                    coalesce((
                        select array_agg(distinct t.label) from truth.types_as_of('{DAY}') as t
                        where t.person_id = p.person_id
                    ), array[]::text[]),
                    p.label,
                    s.label
                from truth.phases_as_of('{DAY}') as p
                inner join truth.steps_as_of('{DAY}') as s on p.person_id = s.person_id
            """,
        }
        for table, query in copies.items():
            rows = told.execute(query.encode()).fetchall()
            marks = ", ".join(["%s"] * len(rows[0]))
            with builder.cursor() as cursor:
                cursor.executemany(f"insert into {table} values ({marks})".encode(), rows)
        yield builder


def labels(settings: Settings, world_dsn: str) -> dict[tuple[str, str], LabelScore]:
    found = score_all(settings, world_dsn, DAY).labels
    return {(entry.axis, entry.label): entry for entry in found}


def test_a_warehouse_that_knows_everything_is_perfect(settings, world_dsn, knowing):
    scores = score_all(settings, world_dsn, DAY)
    assert scores.unknown_people <= 5
    assert scores.stray_devices == 0
    assert {(entry.axis, entry.label) for entry in scores.labels} == {
        (axis, label) for axis, names in AXES.items() for label in names
    }
    for entry in scores.labels:
        assert entry.true > 0, entry
        assert entry.right == entry.claimed, entry
        assert entry.found == entry.true, entry
    assert scores.disagreements == []
    for identity in scores.identity.values():
        assert identity.fused_customers == identity.split_people == 0
    for text in scores.texts:
        assert text.kind_right == text.sentiment_right == text.topic_right == text.texts > 0
        assert text.competitors_found == text.competitors == text.competitors_claimed
    assert all(reason.right == reason.people for reason in scores.reasons)


def test_each_mistake_costs_precision_or_recall(settings, world_dsn, knowing):
    before = labels(settings, world_dsn)
    knowing.execute(
        "update candidate.customers set types = array_remove(types, 'lapsed') || array['active'],"
        " phase = 'existing' where phase = 'separation'"
    )
    after = labels(settings, world_dsn)
    lapsed = before["type", "lapsed"].true
    assert after["type", "lapsed"].recall == 0
    assert after["type", "lapsed"].precision is None
    assert after["type", "active"].claimed == before["type", "active"].claimed + lapsed
    assert after["type", "active"].right == before["type", "active"].right
    assert after["phase", "existing"].recall == 1
    assert (after["phase", "existing"].precision or 1) < 1
    told = score_all(settings, world_dsn, DAY).disagreements
    claimed = [d for d in told if (d.label, d.side) == ("active", "claimed")]
    assert sum(entry.people for entry in claimed) >= 0.8 * lapsed
    assert all("gone" in entry.state for entry in claimed)
    missed = [d for d in told if (d.axis, d.label, d.side) == ("phase", "separation", "missed")]
    assert all("called existing" in entry.state for entry in missed)
    assert missed


def test_fused_and_split_people_are_counted(settings, world_dsn, knowing):
    keys = [
        row[0]
        for row in knowing.execute(
            "select customer_key from intermediate.int_orders_valued group by 1"
            " having count(*) > 4 order by 1 limit 3"
        )
    ]
    knowing.execute(
        "update intermediate.int_orders_valued set customer_key = %s where customer_key = %s",
        [keys[0], keys[1]],
    )
    knowing.execute(
        "update intermediate.int_orders_valued set customer_key = 'apart' where order_key in ("
        "select order_key from intermediate.int_orders_valued where customer_key = %s limit 2)",
        [keys[2]],
    )
    orders = score_all(settings, world_dsn, DAY).identity["shop/orders"]
    assert orders.fused_customers == 1
    assert orders.split_people == 1


def test_a_device_of_a_known_person_is_a_stray_one(settings, world_dsn, knowing):
    shown = knowing.execute(
        "select links.identity_key from intermediate.int_identity_links as links"
        " inner join intermediate.int_orders_valued as orders using (customer_key)"
        " where links.identity_key like 'visitor:%' group by 1 order by 1 limit 1"
    ).fetchone()
    assert shown is not None
    knowing.execute(
        "update intermediate.int_identity_links set customer_key = 'device'"
        " where identity_key = %s",
        [shown[0]],
    )
    knowing.execute(
        "insert into candidate.customers"
        " values ('device', array['browser'], 'acquisition', 'potential')"
    )
    scores = score_all(settings, world_dsn, DAY)
    assert scores.stray_devices == 1
    acquisition = next(entry for entry in scores.of("phase") if entry.label == "acquisition")
    assert acquisition.right == acquisition.claimed - 1


def test_nothing_published_is_said(settings, world_dsn, knowing):
    with pytest.raises(ValueError, match="run a night first"):
        score_all(settings, world_dsn)


def test_the_tables_hold_counts_and_no_names(settings, world_dsn, knowing):
    knowing.execute("update candidate.customers set types = array['new']")
    console = Console(record=True, width=160, quiet=False)
    show(score_all(settings, world_dsn, DAY), console)
    text = console.export_text()
    with psycopg.connect(world_dsn) as told:
        names = {row[0] for row in told.execute("select full_name from shop.accounts").fetchall()}
    assert "discount_seeker" in text
    assert "Disagreements" in text
    assert not any(name in text for name in names if name)
