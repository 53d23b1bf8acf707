"""Airflow DAG: build one business day's marts, gate them, and publish them."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, PartitionedAssetTimetable, task
from shared.assets import CUSTOMER_MARTS, RAW
from shared.marts import build_models, classify_texts, fit_scores
from shared.policy import DEFAULT_ARGS, alert_on_failure, schedule_start


def note_failure(context: dict[str, Any]) -> None:
    """The run is over: say so in the ledger of runs, then alert."""
    from moshtari.operations.alerts import cause_of
    from moshtari.publication import fail_run
    from moshtari.settings import load_settings

    run = context["ti"].xcom_pull(task_ids="begin_run")
    if run:
        cause = f"{context['ti'].task_id}: {cause_of(context.get('exception'))}"
        fail_run(load_settings(), run["run_id"], cause)
    alert_on_failure(context)


with DAG(
    dag_id="build_customer_marts",
    schedule=PartitionedAssetTimetable(assets=RAW["orders"] & RAW["tickets"] & RAW["mentions"]),
    start_date=schedule_start(),
    catchup=False,
    max_active_runs=1,
    default_args={**DEFAULT_ARGS, "on_failure_callback": note_failure},
    tags=["build", "publish"],
    doc_md="""
### build_customer_marts
Starts when the day's orders, tickets and mentions have landed. Begins a run, checks what arrived
and reads the new texts beside that, builds the foundation with dbt (what has changed since the last
build), fits the scores that are due, builds the candidate marts, checks what would go out, and only
then moves the publication pointer. When a check of severity *critical* fails the gate shuts: this
DAG run fails with the checks by name, readers keep the last good publication, and the candidate
stays in `candidate` to be looked at. Clearing `begin_run` and all after it builds the day anew.
""",
):

    @task
    def begin_run(dag_run=None) -> dict[str, Any]:  # type: ignore[no-untyped-def]
        """Open a run for the day and move the fence to it, so that no older run can publish."""
        from datetime import date

        from moshtari.publication import begin_run as begin
        from moshtari.settings import load_settings

        run = begin(load_settings(), date.fromisoformat(dag_run.partition_key), dag_run.run_id)
        return {"run_id": run.run_id, "prior_run_id": run.prior_run_id or 0}

    @task
    def check_arrivals(run: dict[str, Any]) -> None:
        """Great Expectations on what arrived; critical failures shut the gate."""
        _gate("arrivals", run["run_id"])

    @task
    def check_candidate(run: dict[str, Any]) -> None:
        """Great Expectations on what would go out; critical failures shut the gate."""
        _gate("candidate", run["run_id"])

    def _gate(stage: str, run_id: int) -> None:
        from moshtari.quality import run_gate
        from moshtari.settings import load_deployment, load_settings

        settings = load_settings()
        run_gate(settings, load_deployment(settings.config), stage, run_id)

    @task(outlets=[CUSTOMER_MARTS])
    def publish(run: dict[str, Any]) -> dict[str, Any]:
        """Attach the marts, let earlier statements end, and flip the pointer."""
        from moshtari.publication import publish as publish_run
        from moshtari.quality.page import refresh_page
        from moshtari.settings import load_deployment, load_settings

        settings = load_settings()
        publication = publish_run(settings, run["run_id"])
        refresh_page(settings, load_deployment(settings.config).timezone)
        return {"run_id": publication.run_id, "shown": publication.shown}

    @task
    def prune_store() -> None:
        """Drop the marts of old runs, apart from any publication."""
        from moshtari.publication import prune
        from moshtari.settings import load_settings

        prune(load_settings())

    run = begin_run()
    arrivals = check_arrivals(run)
    texts = classify_texts()
    foundation = build_models.override(task_id="build_foundation")(run, "foundation")
    scores = fit_scores()
    marts = build_models.override(task_id="build_marts")(run, "marts")
    candidate = check_candidate(run)
    published = publish(run)
    run >> texts
    [arrivals, texts] >> foundation >> scores >> marts >> candidate >> published >> prune_store()
