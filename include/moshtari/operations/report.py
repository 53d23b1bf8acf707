"""What one business day's run did, read back from the warehouse's own ledgers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
from psycopg.rows import dict_row

from moshtari.settings import Settings
from moshtari.warehouse.connection import connect

_LOADS = """
    select
        source, entity,
        sum(read_rows)::bigint as read, sum(landed_rows)::bigint as landed,
        sum(unchanged_rows)::bigint as unchanged, sum(quarantined_rows)::bigint as quarantined,
        extract(epoch from max(finished_at) - min(started_at))::float as seconds
    from ops.loads
    where business_date = %(day)s and status = 'landed'
        and dag_run = (
            select last.dag_run
            from ops.loads as last
            where last.source = loads.source and last.entity = loads.entity
                and last.business_date = %(day)s and last.status = 'landed'
                and not last.details ? 'replayed'
            order by last.load_id desc
            limit 1
        )
    group by source, entity
    order by source, entity
"""
_REJECTED = """
    select r.source, r.entity, r.reason, count(*) as records
    from quarantine.records as r
    inner join ops.loads as l on l.load_id = r.last_load_id
    where l.business_date = %(day)s and r.status = 'open'
    group by r.source, r.entity, r.reason
    order by count(*) desc
    limit 8
"""
_RUN = """
    select run_id, status, prior_run_id, verdict, row_counts, error, started_at, published_at
    from ops.runs
    where as_of_date = %(day)s
    order by run_id desc
    limit 1
"""
_CHECKS = """
    select
        count(*) as run,
        count(*) filter (where not success and severity = 'critical') as critical,
        count(*) filter (where not success and severity = 'warning') as warnings
    from ops.checks
    where run_id = %(run)s
"""
_FAILED_CHECKS = """
    select stage, check_name, target, severity, observed
    from ops.checks
    where run_id = %(run)s and not success
    order by severity, stage, check_name
"""
_LISTS = """
    select list_name, joined + stayed as customers, joined, "left"
    from outreach.list_changes
    order by joined + stayed desc, list_name
"""
_LIST = """
    select rank, full_name, channel, reasons_en, reasons_fa, value_at_stake, next_step_en
    from outreach.lists
    where list_name = %(list)s
    order by rank
    limit %(limit)s
"""


@dataclass(frozen=True)
class NightReport:
    """The figures of one business day. Holds no personal data but ``list_rows``."""

    day: date
    loads: list[dict[str, Any]]
    rejected: list[dict[str, Any]]
    run: dict[str, Any] | None
    checks: dict[str, Any]
    failed_checks: list[dict[str, Any]]
    shown: dict[str, Any] | None
    phases: list[dict[str, Any]]
    lists: list[dict[str, Any]]
    list_rows: list[dict[str, Any]]


def night_report(settings: Settings, day: date, *, list_rows: int = 5) -> NightReport:
    """Read the day's figures. ``list_rows`` = 0 leaves people out."""
    with connect(settings, role="moshtari_auditor") as connection:
        loads = _rows(connection, _LOADS, day=day)
        rejected = _rows(connection, _REJECTED, day=day)
        runs = _rows(connection, _RUN, day=day)
        run = runs[0] if runs else None
        run_id = run["run_id"] if run else None
        checks = _rows(connection, _CHECKS, run=run_id)[0]
        failed = _rows(connection, _FAILED_CHECKS, run=run_id)
        pointer = _rows(connection, "select run_id, as_of_date, flipped_at from store.pointer")
    shown = pointer[0] if pointer and pointer[0]["run_id"] is not None else None
    phases: list[dict[str, Any]] = []
    people: list[dict[str, Any]] = []
    lists: list[dict[str, Any]] = []
    if shown:
        with connect(settings, role="bi_reader") as connection:
            phases = _rows(
                connection,
                "select phase, count(*) as customers, sum(net_revenue) as net_revenue"
                " from bi.customers group by phase order by count(*) desc",
            )
        with connect(settings, role="outreach_reader") as connection:
            lists = _rows(connection, _LISTS)
            if list_rows:
                people = _rows(connection, _LIST, list="at_risk", limit=list_rows)
    return NightReport(day, loads, rejected, run, checks, failed, shown, phases, lists, people)


def _rows(connection: psycopg.Connection, query: str, **params: Any) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), params).fetchall()
