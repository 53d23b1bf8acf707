"""Writing a verdict down: ops.checks for each check, ops.runs for the run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from moshtari.publication.errors import FencedError, PublicationError
from moshtari.quality.verdict import Check, Verdict


@dataclass(frozen=True)
class AuditedRun:
    """What the gate needs to know of the run."""

    run_id: int
    as_of_date: date


def run_to_audit(connection: psycopg.Connection, run_id: int) -> AuditedRun:
    """The run, if it may still be audited. Raises FencedError when a newer one has begun."""
    row = connection.execute(
        "select r.as_of_date, r.status, f.run_id from ops.fence as f "
        "left join ops.runs as r on r.run_id = %s",
        [run_id],
    ).fetchone()
    if row is None or row[0] is None:
        raise PublicationError(f"there is no run {run_id}. Begin one first")
    if row[2] != run_id:
        raise FencedError(run_id, row[2])
    if row[1] == "published":
        raise PublicationError(f"run {run_id} is published already. Begin a new run for its day")
    return AuditedRun(run_id, row[0])


def candidate_figures(connection: psycopg.Connection) -> dict[str, Any]:
    """Totals of the candidate, for the gate of the run after it to compare with."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            "select count(*) as customers, sum(net_revenue)::text as net_revenue "
            "from candidate.customers"
        ).fetchone()
    return dict(row or {})


def record(connection: psycopg.Connection, verdict: Verdict) -> None:
    """Write the verdict, over any earlier one of the same stage and run.

    A shut gate makes the run `refused`; a repeated audit that opens it makes it `building` again. A
    run that was superseded meanwhile stays so.
    """
    with connection.transaction():
        connection.execute(
            "delete from ops.checks where run_id = %s and stage = %s",
            [verdict.run_id, verdict.stage],
        )
        with connection.cursor() as cursor:
            cursor.executemany(
                """
                insert into ops.checks (
                    run_id, stage, suite, check_name, target, severity, success, observed
                ) values (%s, %s, %s, %s, %s, %s, %s, %s)
                """,
                [_row(verdict, check) for check in verdict.checks],
            )
        why = None if verdict.is_open else _why(verdict)
        connection.execute(
            """
            update ops.runs
            set
                verdict = coalesce(verdict, '{}')
                    || jsonb_build_object(%(stage)s::text, %(said)s::jsonb),
                audited_at = clock_timestamp(),
                status = case when %(open)s then 'building' else 'refused' end,
                finished_at = case when %(open)s then null else clock_timestamp() end,
                error = %(why)s
            where run_id = %(run)s and status in ('building', 'refused', 'failed')
            """,
            {
                "stage": verdict.stage,
                "said": Jsonb(verdict.as_json()),
                "open": verdict.is_open,
                "why": why,
                "run": verdict.run_id,
            },
        )


def _row(verdict: Verdict, check: Check) -> list[Any]:
    return [
        verdict.run_id,
        verdict.stage,
        check.suite,
        check.name,
        check.target,
        check.severity,
        check.success,
        Jsonb({**check.observed, "remedy": check.remedy}),
    ]


def _why(verdict: Verdict) -> str:
    names = [*(check.describe() for check in verdict.shut_by), *verdict.problems]
    return f"gate shut ({verdict.stage}): {'; '.join(names)}"
