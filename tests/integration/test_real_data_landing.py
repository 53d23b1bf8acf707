"""The real data sets through the real landing: their known numbers, in SQL over raw."""

from __future__ import annotations

import csv
import gzip
from datetime import date
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from moshtari.landing.extract import LoadSummary, extract
from moshtari.settings import Settings, load_deployment

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = REPOSITORY.parent / "shared" / "data"


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        not (DATA / name).exists(),
        reason=f"{name} is not in shared/data beside the checkout (it is not part of it)",
    )


def landed(settings: Settings, example: str, source: str, day: date) -> dict[str, LoadSummary]:
    deployment = load_deployment(REPOSITORY / "examples" / example / "moshtari.yml")
    summaries = extract(settings, deployment, source, "orders", day)
    return {summary.entity: summary for summary in summaries}


def value_of(lines: list[dict[str, str]]) -> Decimal:
    """What was given back for lines of negative quantity."""
    return sum((-Decimal(x["Quantity"]) * Decimal(x["UnitPrice"]) for x in lines), Decimal(0))


@needs("online_retail.csv.gz")
@pytest.mark.acceptance
@pytest.mark.slow
def test_online_retail(
    settings: Settings, pg: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOSHTARI_DATA", str(DATA))
    loads = landed(settings, "online_retail", "retail", date(2011, 12, 9))
    assert {entity: load.quarantined for entity, load in loads.items()} == dict.fromkeys(
        ["customers", "orders", "order_items", "refunds"], 0
    )
    assert loads["order_items"].landed == 530_103  # exact duplicate lines are lines of their own

    kept = pg.execute(
        """
        select
            count(*),
            count(distinct orders.customer_id),
            count(distinct orders.order_id),
            sum(items.quantity * items.unit_price)
        from raw.order_items as items
        inner join raw.orders as orders on orders.order_id = items.order_id
        where orders.customer_id is not null and orders.status = 'completed'
        """
    ).fetchone()
    assert kept == (397_884, 4_338, 18_532, Decimal("8911407.904"))

    # An order's amount is the sum of its lines, line by line.
    assert pg.execute(
        """
        select
            count(*) filter (where status = 'completed' and customer_id is not null),
            count(distinct customer_id) filter (where status = 'completed'),
            sum(gross_amount) filter (where status = 'completed' and customer_id is not null),
            count(*) filter (where status = 'cancelled'),
            sum(gross_amount) filter (where status = 'cancelled')
        from raw.orders
        """
    ).fetchone() == (18_532, 4_338, Decimal("8911407.904"), 3_836, 0)

    assert pg.execute("select count(*) from raw.customers").fetchone() == (4_372,)
    # Refunds, against a parse of the file that shares nothing with the reader.
    with gzip.open(DATA / "online_retail.csv.gz", "rt", encoding="utf-8", newline="") as file:
        back = [row for row in csv.DictReader(file) if row["InvoiceNo"].startswith("C")]
    assert len(back) == 9_288
    charges = [row for row in back if not row["StockCode"][:5].isdigit()]
    assert {row["StockCode"] for row in charges} == {
        "AMAZONFEE",
        "BANK CHARGES",
        "C2",
        "CRUK",
        "D",
        "DOT",
        "M",
        "POST",
        "S",
    }
    assert pg.execute(
        """
        select kind, count(*), sum(amount), min(amount) > 0, bool_and(completed_at is not null)
        from raw.refunds
        group by kind
        order by kind
        """
    ).fetchall() == [
        ("correction", len(charges), value_of(charges), True, True),
        ("return", len(back) - len(charges), value_of(back) - value_of(charges), True, True),
    ]
    assert pg.execute(
        """
        select count(*)
        from raw.refunds as refunds
        inner join raw.orders as orders
            on orders.order_id = refunds.order_id and orders.status = 'cancelled'
        """
    ).fetchone() == (9_288,)


@needs("cdnow_sample.txt")
@needs("cdnow_sample_summary_weekly.csv")
@pytest.mark.acceptance
def test_cdnow(settings: Settings, pg: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOSHTARI_DATA", str(DATA))
    landed(settings, "cdnow", "cdnow", date(1998, 6, 30))

    purchases = [line.split() for line in (DATA / "cdnow_sample.txt").read_text().splitlines()]
    assert pg.execute(
        """
        select count(*), count(distinct customer_id), sum(gross_amount), min(gross_amount)
        from raw.orders
        """
    ).fetchone() == (
        6_919,
        2_357,
        sum(Decimal(dollars) for *_, dollars in purchases),
        Decimal(0),
    )
    assert pg.execute("select count(*) from raw.customers").fetchone() == (2_357,)
    # Every purchase by itself, in the file's order.
    assert pg.execute(
        """
        select
            customer_id,
            to_char(ordered_at at time zone 'America/New_York', 'yyyymmdd hh24:mi'),
            gross_amount
        from raw.orders
        order by order_id::integer
        """
    ).fetchall() == [
        (sample, f"{day} 00:00", Decimal(dollars)) for _, sample, day, _, dollars in purchases
    ]

    with (DATA / "cdnow_sample_summary_weekly.csv").open(newline="") as file:
        known = [
            (int(row["frequency"]), Decimal(row["recency"]), Decimal(row["T"]))
            for row in csv.DictReader(file)
        ]
    summary = pg.execute(
        """
        with purchase_days as (
            select distinct
                customer_id,
                cast(ordered_at at time zone 'America/New_York' as date) as day
            from raw.orders
            where cast(ordered_at at time zone 'America/New_York' as date) <= date '1997-09-30'
        )
        select
            count(*) - 1,
            round((max(day) - min(day)) / 7.0, 2),
            round((date '1997-09-30' - min(day)) / 7.0, 2)
        from purchase_days
        group by customer_id
        order by customer_id
        """
    ).fetchall()
    assert summary == known
