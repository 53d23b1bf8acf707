"""What every DAG has in common: who owns it, how it retries, and who hears of a failure."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from moshtari.operations.alerts import cause_of, send_alert
from moshtari.settings import Deployment, load_deployment, load_settings

OWNER = "data-engineering"
# Later than 01:00, so that a shop that closes its books after midnight is done; the lists are
# wanted by 07:00.
NIGHTLY = os.environ.get("MOSHTARI_NIGHTLY_CRON", "30 1 * * *")
PUBLISH_DEADLINE = timedelta(minutes=float(os.environ.get("MOSHTARI_DEADLINE_MINUTES", "330")))

# Trying again cannot help when the answer depends on the data or the configuration alone.
NO_SECOND_TRY = [
    "moshtari.settings.ConfigError",
    "moshtari.quality.errors.GateShutError",
    "moshtari.publication.errors.FencedError",
    "moshtari.publication.errors.GateNotPassedError",
    "moshtari.publication.errors.HistoryIncompleteError",
    "moshtari.transform.state.StateError",
]


def deployment() -> Deployment:
    """The deployment these DAGs work for (MOSHTARI_CONFIG)."""
    return load_deployment(load_settings().config)


def schedule_start() -> datetime:
    """The first moment from which nights are scheduled by themselves.

    `moshtari up` sets it to its own first start: earlier nights are a backfill, not a surprise.
    """
    value = os.environ.get("MOSHTARI_SCHEDULE_FROM", "2020-01-01T00:00:00+00:00")
    return datetime.fromisoformat(value)


def alert_on_failure(context: dict[str, Any]) -> None:
    """Tell the cause of a task's last failure."""
    task = context["ti"]
    dag_run = context.get("dag_run")
    send_alert(
        "task_failed",
        dag=task.dag_id,
        task=task.task_id,
        business_date=getattr(dag_run, "partition_key", None),
        cause=cause_of(context.get("exception")),
    )


DEFAULT_ARGS: dict[str, Any] = {
    "owner": OWNER,
    "retries": int(os.environ.get("MOSHTARI_TASK_RETRIES", "3")),
    "retry_delay": timedelta(seconds=int(os.environ.get("MOSHTARI_RETRY_SECONDS", "60"))),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=15),
    "retry_policy": ExceptionRetryPolicy(
        rules=[
            RetryRule(
                exception=list(NO_SECOND_TRY),
                action=RetryAction.FAIL,
                reason="a second try would see the same data and configuration",
            )
        ]
    ),
    "execution_timeout": timedelta(hours=2),
    "on_failure_callback": alert_on_failure,
}
