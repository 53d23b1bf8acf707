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
            '1'::text as rule_version, {day}::date - 60 as valid_from, null::date as valid_to,
            'c' || n as observed_as
        from generate_series(1, {customers}) as n
    """,
    "segments_daily": """
        select
            {run}::bigint as run_id, {day}::date as as_of_date, {day}::date as day,
            'phase'::text as axis, 'existing'::text as value, {customers}::bigint as customers,
            1000::numeric as net_revenue, 0::bigint as joined, 0::bigint as "left",
            null::text as rule_version
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


# Marts with a history, two rows a customer: the same every night, but for the third of customers
# whose turn it is; {turn} is the last night on which it was customer n's.
_HISTORIES = {
    "customer_types": """
        'new'::text as type, 1::numeric as score, '{{"orders": 1}}'::jsonb as evidence,
        'new'::text as rule_id, '1'::text as rule_version, date '2026-01-01' + k as valid_from,
        date '2026-01-31' + {turn} as valid_to, 'c' || n as observed_as
    """,
    "customer_life_cycle": """
        (array['new', 'existing'])[k] as phase, date '2026-01-01' + 30 * k as from_date,
        case when k = 1 then date '2026-01-31' + {turn} end as to_date,
        'purchase'::text as entered_because
    """,
    "segment_membership": """
        (array['segment', 'ladder_step'])[k] as axis, 'loyal'::text as value,
        date '2026-01-01' as joined_on,
        case when k = 1 then date '2026-01-31' + {turn} end as left_on,
        'purchase'::text as joined_because, null::text as left_because, 'c' || n as observed_as
    """,
}
_ANY_OTHER = "select {run}::bigint as run_id, {day}::date as as_of_date, 1 as answer"
# What the runs of each database were built from, by run: the night whose histories they have.
_NIGHTS: dict[tuple[str, int], int] = {}


def _turn(night: int) -> str:
    return f"({night} - (({night} - n % 3) % 3 + 3) % 3)"


def history(table: str, night: int, customers: int = 50) -> str:
    """A query for the history of a mart as it is on a night: customer_key, and what is its own."""
    columns = _HISTORIES[table].format(turn=_turn(night))
    return (
        f"select 'c' || n as customer_key, {columns} from generate_series(1, {customers}) as n "
        "cross join generate_series(1, 2) as k"
    )


def night_of(settings: Settings, run: Run) -> int:
    """The night whose histories the run was built with."""
    return _NIGHTS[settings.pg_database, run.run_id]


def build_candidates(
    settings: Settings, run: Run, *, customers: int = 50, night: int | None = None
) -> None:
    """Fill schema candidate for a run, as the builder's role, with comments and an index.

    Histories are those of ``night`` (by default the day's), of customers who are not as the prior
    run had them, or of everybody where that is not on the line; beside the line the partition has
    them.
    """
    night = (run.as_of_date - DAY).days if night is None else night
    _NIGHTS[settings.pg_database, run.run_id] = night
    head = f"select {run.run_id}::bigint as run_id, date '{run.as_of_date}' as as_of_date"
    with connect(settings, role="moshtari_builder") as builder:
        prior = builder.execute(
            "select run_id from ops.runs where run_id = %s and line_position is not null",
            [run.prior_run_id],
        ).fetchone()
        before = _NIGHTS[settings.pg_database, prior[0]] if prior and run.on_line else None
        for mart in PUBLISHED:
            query = _TABLES.get(mart.table, _ANY_OTHER).format(
                run=run.run_id, day=f"'{run.as_of_date}'", customers=customers
            )
            if mart.table in _HISTORIES:
                rows = f"{head}, h.* from ({history(mart.table, night, customers)}) as h"
                if before is not None:
                    changed = f"{_turn(night)} <> {_turn(before)}"
                    scope = f"{head}, 'c' || n as customer_key from generate_series(1, {customers})"
                    _create(builder, mart.scope_table, f"{scope} as n where {changed}")
                    rows += f" inner join candidate.{mart.scope_table} using (customer_key)"
                else:
                    _create(builder, mart.scope_table, f"{head}, null::text as customer_key")
                _create(builder, mart.history_table, rows)
                everything = f"select * from candidate.{mart.history_table}"
                if mart.table not in _TABLES:
                    query = f"{everything} where {not run.on_line}"
                elif not run.on_line:
                    query = f"{query} union all {everything}"
            elif mart.scope is not None:
                _create(builder, mart.scope_table, f"{head}, null::text as {mart.scope}")
                query = f"{head}, 'k' || n as {mart.scope} from generate_series(1, 3) as n"
                _create(builder, mart.history_table, query)
                query = f"select * from candidate.{mart.history_table} where {not run.on_line}"
            _create(builder, mart.table, query)
        builder.execute("alter table candidate.customers add primary key (customer_key)")
        builder.execute("create index candidate_types on candidate.customer_types (customer_key)")


def _create(builder: psycopg.Connection, table: str, query: str) -> None:
    builder.execute(f"drop table if exists candidate.{table}".encode())
    builder.execute(f"create table candidate.{table} as {query}".encode())
    builder.execute(f"comment on table candidate.{table} is 'About {table}.'".encode())
    builder.execute(f"comment on column candidate.{table}.as_of_date is 'Day of {table}.'".encode())


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
    night: int | None = None,
    after: Callable[[Run], None] = lambda run: None,
) -> Run:
    """A run that is ready to be published: begun, built, let through."""
    run = begin_run(settings, day, f"test_{day}")
    build_candidates(settings, run, customers=customers, night=night)
    after(run)
    open_gate(pg, run.run_id)
    return run


def days(count: int) -> list[date]:
    return [DAY + timedelta(days=offset) for offset in range(count)]


VIEWS = tuple(mart.view_name for mart in PUBLISHED)
HISTORIES = tuple(mart for mart in PUBLISHED if mart.table in _HISTORIES)


def shows_history_of(pg: psycopg.Connection, night: int, customers: int = 50) -> list[str]:
    """The marts whose view does not show exactly the history of that night; none if all is well."""
    wrong = []
    for mart in HISTORIES:
        wanted = history(mart.table, night, customers)
        seen = f"select to_jsonb(v) - 'run_id' - 'as_of_date' as row from {mart.view_name} as v"
        if mart.table == "customer_types":
            seen += " where valid_to is not null"
        wanted = f"select to_jsonb(h) as row from ({wanted}) as h"
        query = f"({seen} except all {wanted}) union all ({wanted} except all {seen})"
        if pg.execute(query.encode()).fetchone():
            wrong.append(mart.table)
    return wrong
