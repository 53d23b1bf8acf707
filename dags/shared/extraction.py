"""The one shape of the three extraction DAGs: every source of a family, then the day's event.

A source that is read in parallel has its large entities planned first, and a task for each part.
"""

from __future__ import annotations

from airflow.sdk import DAG, CronPartitionTimetable, task

from moshtari.landing.families import is_parallel, sources_of
from moshtari.operations.airflow import PARTITION_EVENTS_POOL
from shared.assets import RAW
from shared.policy import (
    DEFAULT_ARGS,
    NIGHTLY,
    deployment,
    schedule_start,
)


def extraction_dag(family: str, doc_md: str) -> DAG:
    """The DAG ``extract_<family>``: one task a source, partitioned by business day."""
    shop = deployment()
    with DAG(
        dag_id=f"extract_{family}",
        schedule=CronPartitionTimetable(
            NIGHTLY, timezone=shop.timezone, run_offset=-1, key_format="%Y-%m-%d"
        ),
        start_date=schedule_start(),
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGS,
        tags=["extract", family],
        doc_md=doc_md,
    ) as dag:
        # Where nothing was large enough to be cut, the tasks for parts are skipped.
        @task(
            retries=0,
            pool=PARTITION_EVENTS_POOL,
            outlets=[RAW[family]],
            trigger_rule="none_failed",
        )
        def record_partition() -> None:
            """Say that the family's day is landed; the build waits for all three families."""

        extractions = [
            extraction
            for source in sources_of(shop, family)
            for extraction in (
                _in_parts(source, family)
                if is_parallel(shop, source)
                else [_extract(source, family)]
            )
        ]
        recorded = record_partition()
        if extractions:
            extractions >> recorded
    return dag


def _extract(source: str, family: str, planned=()):  # type: ignore[no-untyped-def]  # an XComArg
    @task(task_id=f"extract_{source}")
    def extract(source: str, planned, dag_run=None) -> dict[str, int]:  # type: ignore[no-untyped-def]
        """Land one source's entities for the partition's business day; returns row counts.

        Those that are planned are landed in parts.
        """
        from datetime import date

        from moshtari.landing.extract import extract as land
        from moshtari.settings import load_deployment, load_settings

        settings = load_settings()
        summaries = land(
            settings,
            load_deployment(settings.config),
            source,
            family,
            date.fromisoformat(dag_run.partition_key),
            dag_run=dag_run.run_id,
            leave_out={part["entity"] for part in planned},
        )
        return {
            name: sum(getattr(summary, name) for summary in summaries)
            for name in ("read", "landed", "unchanged", "quarantined")
        }

    return extract(source, planned)


def _in_parts(source: str, family: str):  # type: ignore[no-untyped-def]  # XComArgs
    @task(task_id=f"plan_{source}")
    def plan(source: str, dag_run=None) -> list[dict[str, str | int]]:  # type: ignore[no-untyped-def]
        """Cut what is large; returns numbers of plans and parts, and nothing of the source."""
        from datetime import date

        from moshtari.landing.in_parts import plan_parts
        from moshtari.settings import load_deployment, load_settings

        settings = load_settings()
        day = date.fromisoformat(dag_run.partition_key)
        return plan_parts(settings, load_deployment(settings.config), source, family, day)

    @task(task_id=f"extract_{source}_part")
    def extract_part(source: str, part, dag_run=None) -> dict[str, int]:  # type: ignore[no-untyped-def]
        """Land one part; returns row counts."""
        from datetime import date

        from moshtari.landing.in_parts import extract_part as land
        from moshtari.settings import load_deployment, load_settings

        settings = load_settings()
        counts = land(
            settings,
            load_deployment(settings.config),
            source,
            part,
            date.fromisoformat(dag_run.partition_key),
            dag_run=dag_run.run_id,
        )
        names = ("read", "landed", "unchanged", "quarantined")
        return {name: getattr(counts, name) for name in names}

    @task(task_id=f"complete_{source}")
    def complete(source: str, planned, dag_run=None) -> list[str]:  # type: ignore[no-untyped-def]
        """Say that the day is landed of every entity whose parts are; returns their names."""
        from datetime import date

        from moshtari.landing.in_parts import complete_parts
        from moshtari.settings import load_deployment, load_settings

        settings = load_settings()
        return complete_parts(
            settings,
            load_deployment(settings.config),
            source,
            planned,
            date.fromisoformat(dag_run.partition_key),
            dag_run=dag_run.run_id,
        )

    planned = plan(source)
    completed = complete(source, planned)
    extract_part.partial(source=source).expand(part=planned) >> completed
    return [_extract(source, family, planned), completed]
