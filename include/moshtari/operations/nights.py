"""Run business days through the real DAGs and follow them to their end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import product
from typing import TypeAlias

from moshtari.operations.airflow_api import AirflowApi, DagRun, TaskState
from moshtari.operations.stack import EXTRACTION_DAGS
from moshtari.settings import Settings
from moshtari.warehouse.connection import connect

NIGHT_DAGS = (*EXTRACTION_DAGS, "build_customer_marts", "deliver_outreach_lists")
_LAST_DAG = NIGHT_DAGS[-1]
_POLL_SECONDS = 0.7
_Ended: TypeAlias = tuple[str, datetime | None]


class NightBusyError(RuntimeError):
    """A run of that business day is on already."""


class NightFailedError(RuntimeError):
    """A night did not end well. The message names the failed tasks and the cause."""


@dataclass(frozen=True)
class NightProgress:
    """Where one business day stands now."""

    day: date
    seconds: float
    runs: dict[str, DagRun]
    tasks: dict[str, list[TaskState]] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        return any(run.state == "failed" for run in self.runs.values())

    @property
    def finished(self) -> bool:
        last = self.runs.get(_LAST_DAG)
        return self.failed or (last is not None and last.finished)


def run_days(settings: Settings, days: list[date], *, backfill: bool) -> Iterator[NightProgress]:
    """Start the extractions of ``days``; yield progress until the last day's lists are delivered.

    ``backfill`` asks Airflow for a backfill of the whole range; otherwise each day is triggered.
    Raises NightBusyError before anything is started, NightFailedError when a DAG run fails.
    """
    with AirflowApi(settings) as api:
        seen = _ended_runs(api, days)
        _refuse_when_busy(api, days)
        if backfill:
            for dag_id in EXTRACTION_DAGS:
                api.backfill(dag_id, days[0], days[-1])
        else:
            for day in days:
                for dag_id in EXTRACTION_DAGS:
                    api.trigger(dag_id, day)
        for day in days:
            yield from _follow(settings, api, day, seen)


def days_between(first: date, last: date) -> list[date]:
    """Every business day from ``first`` to ``last``, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _follow(
    settings: Settings, api: AirflowApi, day: date, seen: set[_Ended]
) -> Iterator[NightProgress]:
    started = time.monotonic()
    while True:
        runs = {
            dag_id: run
            for dag_id in NIGHT_DAGS
            for run in reversed(api.runs(dag_id, day=day))
            if (run.run_id, run.ended) not in seen
        }
        tasks = {dag_id: api.tasks(run) for dag_id, run in runs.items() if run.started}
        progress = NightProgress(day, time.monotonic() - started, runs, tasks)
        yield progress
        if progress.failed:
            raise NightFailedError(_explain(settings, progress))
        if progress.finished:
            return
        time.sleep(_POLL_SECONDS)


def _ended_runs(api: AirflowApi, days: list[date]) -> set[_Ended]:
    """What had ended before. A backfill runs a day's old run again under its old id, so its end
    belongs to it."""
    return {
        (run.run_id, run.ended)
        for day, dag_id in product(days, NIGHT_DAGS)
        for run in api.runs(dag_id, day=day)
        if run.finished
    }


def _refuse_when_busy(api: AirflowApi, days: list[date]) -> None:
    for day, dag_id in product(days, NIGHT_DAGS):
        for run in api.runs(dag_id, day=day):
            if not run.finished:
                raise NightBusyError(
                    f"{dag_id} is {run.state} for {run.day} already. Follow it with "
                    "`moshtari status`, or wait until it has ended and run the day again"
                )


def _explain(settings: Settings, progress: NightProgress) -> str:
    failed = [
        f"{dag_id}.{task.task_id}"
        for dag_id, tasks in progress.tasks.items()
        for task in tasks
        if task.state == "failed"
    ]
    with connect(settings, role="moshtari_publisher") as connection:
        causes = [
            row[0]
            for row in connection.execute(
                "select error from ops.loads where business_date = %(day)s"
                " and status in ('failed', 'held')"
                " and load_id in (select max(load_id) from ops.loads group by source, entity)"
                " union all "
                "(select error from ops.runs where as_of_date = %(day)s and error is not null"
                " order by run_id desc limit 1)",
                {"day": progress.day},
            )
            if row[0]
        ]
    cause = "; ".join(dict.fromkeys(causes)) or "see the task's log in Airflow"
    return (
        f"the night of {progress.day} failed in {', '.join(failed) or 'a DAG run'}: {cause}. "
        "Readers keep the last good publication. When the cause is mended: "
        f"`moshtari run --date {progress.day}`"
    )
