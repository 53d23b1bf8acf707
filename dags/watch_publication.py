"""Airflow DAG: wait for the night's publication, and raise the alarm when 07:00 passes without."""

from datetime import timedelta

from airflow.sdk import (
    DAG,
    AsyncCallback,
    CronPartitionTimetable,
    DeadlineAlert,
    DeadlineReference,
    PokeReturnValue,
    task,
)
from shared.policy import DEFAULT_ARGS, NIGHTLY, PUBLISH_DEADLINE, deployment, schedule_start

from moshtari.operations.alerts import publication_missed

with DAG(
    dag_id="watch_publication",
    schedule=CronPartitionTimetable(
        NIGHTLY, timezone=deployment().timezone, run_offset=-1, key_format="%Y-%m-%d"
    ),
    start_date=schedule_start(),
    catchup=False,
    max_active_runs=2,
    default_args=DEFAULT_ARGS,
    tags=["watch"],
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=PUBLISH_DEADLINE,
        callback=AsyncCallback(publication_missed),
        name="published_by_07",
    ),
    doc_md="""
### watch_publication
Starts with the extractions and ends when the day is published. Its deadline, five and a half hours
after 01:30, is the alarm *nothing is published by 07:00*: it goes to the alert webhook and to
`alerts.jsonl`, whichever DAG is stuck and even if the build never started.
""",
):

    @task.sensor(
        poke_interval=120, timeout=timedelta(hours=22).total_seconds(), mode="reschedule", retries=0
    )
    def wait_for_publication(dag_run=None) -> PokeReturnValue:  # type: ignore[no-untyped-def]
        """Done as soon as a run of this business day is published."""
        from datetime import date

        from moshtari.publication import published_run
        from moshtari.settings import load_settings

        day = date.fromisoformat(dag_run.partition_key)
        return PokeReturnValue(is_done=published_run(load_settings(), day) is not None)

    wait_for_publication()
