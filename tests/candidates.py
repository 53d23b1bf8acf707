"""Candidate marts as dbt would leave them, small, and consistent with each other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import psycopg
from psycopg.types.json import Jsonb

from moshtari.publication import PUBLISHED, Run, begin_run
from moshtari.settings import Settings
from moshtari.warehouse.connection import connect

DAY = date(2026, 3, 10)

_TABLES = {
    "calendar": """
        select
            {run}::bigint as run_id, {day}::date as as_of_date, d::date as day,
            extract(year from d)::int as gregorian_year,
            extract(isodow from d) = 5 as is_weekend
        from generate_series({day}::date - 30, {day}::date + 30, interval '1 day') as d
    """,
    "customers": """
        select
            {run}::bigint as run_id, {day}::date as as_of_date, 'c' || n as customer_key,
            'person'::text as party, 'external'::text as side, 'actual'::text as relation,
            array['B2C']::text[] as markets, '25-34'::text as age_band, null::text as gender,
            'تهران'::text as region, 'تهران'::text as city, 'IR'::text as country,
            {day}::date - 100 as first_seen_on, {day}::date - 90 as first_purchase_on,
            {day}::date - n % 60 as last_purchase_on,
            2 as orders, 2 as purchase_days, 1 as frequency, 30 as recency_days, 90 as age_days,
            (1000.00 + n)::numeric as gross_revenue, (900.00 + n)::numeric as net_revenue,
            30::numeric as own_gap_days, n % 60 as days_since_last_purchase,
            1 + n % 5 as r_score, 1 + n % 5 as f_score, 1 + n % 5 as m_score,
            (array['hibernating', 'hibernating', 'need_attention', 'loyal', 'champions'])[
                1 + n % 5
            ] as segment,
            null::numeric as p_alive, null::numeric as return_score,
            0::numeric as value_at_stake, 'existing'::text as phase, 'repeat'::text as ladder_step,
            'active'::text as primary_type, array['active']::text[] as types,
            null::text as loyalty_tier, 'no_open_issue'::text as satisfaction
        from generate_series(1, {customers}) as n
    """,
    "customer_types": """
        select
            {run}::bigint as run_id, {day}::date as as_of_date, 'c' || n as customer_key,
            'active'::text as type, 0.5::numeric as score,
            '{{"gap_days": 30}}'::jsonb as evidence, 'active'::text as rule_id,
            '1'::text as rule_version, {day}::date - 60 as valid_from, null::date as valid_to
        from generate_series(1, {customers}) as n
    """,
    "customer_life_cycle": """
        select
            {run}::bigint as run_id, {day}::date as as_of_date, 'c' || n as customer_key,
            p.phase, {day}::date - p.since as from_date,
            case when p.phase = 'new' then {day}::date - 60 end as to_date,
            'purchase'::text as entered_because
        from generate_series(1, {customers}) as n
        cross join (values ('new'::text, 90), ('existing', 60)) as p (phase, since)
    """,
    "segments_daily": """
        select
            {run}::bigint as run_id, {day}::date as as_of_date, {day}::date as day,
            'phase'::text as axis, 'existing'::text as value, {customers}::bigint as customers,
            1000::numeric as net_revenue, 0::bigint as joined, 0::bigint as "left"
    """,
    "outreach_lists": """
        select
            {run}::bigint as run_id, {day}::date as as_of_date, {day}::date as list_date,
            'at_risk'::text as list_name, 'c' || n as customer_key, n as rank,
            'نام ' || n as full_name, 'sms'::text as channel, '0912' || 1000000 + n as address,
            'fa'::text as language, 'دیر کرده'::text as reasons_fa, 'late'::text as reasons_en,
            'زنگ'::text as next_step_fa, 'call'::text as next_step_en, 0.5::numeric as score,
            100::numeric as value_at_stake, null::text as referrer, null::text as order_id
        from generate_series(1, 5) as n
    """,
    "outreach_omissions": """
        select
            {run}::bigint as run_id, {day}::date as as_of_date, {day}::date as list_date,
            'at_risk'::text as list_name, 'no_consent'::text as cause, 3::bigint as customers
    """,
}


def build_candidates(settings: Settings, run: Run, *, customers: int = 50) -> None:
    """Fill schema candidate for a run, as the builder's role, with comments and an index."""
    with connect(settings, role="moshtari_builder") as builder:
        for table, query in _TABLES.items():
            builder.execute(f"drop table if exists candidate.{table}".encode())
            filled = query.format(
                run=run.run_id, day=f"'{run.as_of_date.isoformat()}'", customers=customers
            )
            builder.execute(f"create table candidate.{table} as {filled}".encode())
            builder.execute(f"comment on table candidate.{table} is 'About {table}.'".encode())
            builder.execute(
                f"comment on column candidate.{table}.as_of_date is 'Day of {table}.'".encode()
            )
        builder.execute("alter table candidate.customers add primary key (customer_key)")
        builder.execute("create index candidate_types on candidate.customer_types (customer_key)")


def open_gate(pg: psycopg.Connection, run_id: int) -> None:
    """Write the verdict that `run_gate` writes when it lets both stages through."""
    verdict = {stage: {"is_open": True} for stage in ("arrivals", "candidate")}
    pg.execute("update ops.runs set verdict = %s where run_id = %s", [Jsonb(verdict), run_id])


def prepared_run(
    settings: Settings,
    pg: psycopg.Connection,
    day: date = DAY,
    *,
    customers: int = 50,
    after: Callable[[Run], None] = lambda run: None,
) -> Run:
    """A run that is ready to be published: begun, built, let through."""
    run = begin_run(settings, day, f"test_{day}")
    build_candidates(settings, run, customers=customers)
    after(run)
    open_gate(pg, run.run_id)
    return run


def days(count: int) -> list[date]:
    return [DAY + timedelta(days=offset) for offset in range(count)]


VIEWS = tuple(mart.view_name for mart in PUBLISHED)
