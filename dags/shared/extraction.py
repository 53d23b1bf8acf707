"""The one shape of the three extraction DAGs: every source of a family, then the day's event."""

from __future__ import annotations

from airflow.sdk import DAG, CronPartitionTimetable, task

from moshtari.landing.families import sources_of
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

        @task(retries=0, pool=PARTITION_EVENTS_POOL, outlets=[RAW[family]])
        def record_partition() -> None:
            """Say that the family's day is landed; the build waits for all three families."""

        extractions = [_extract(source, family) for source in sources_of(shop, family)]
        recorded = record_partition()
        if extractions:
            extractions >> recorded
    return dag


def _extract(source: str, family: str):  # type: ignore[no-untyped-def]  # an XComArg
    @task(task_id=f"extract_{source}")
    def extract(source: str, dag_run=None) -> dict[str, int]:  # type: ignore[no-untyped-def]
        """Land one source's entities for the partition's business day; returns row counts."""
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
        )
        return {
            name: sum(getattr(summary, name) for summary in summaries)
            for name in ("read", "landed", "unchanged", "quarantined")
        }

    return extract(source)
