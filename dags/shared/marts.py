"""The dbt part of the build."""

from __future__ import annotations

from typing import Any

from airflow.sdk import task


@task
def build_models(run: dict[str, Any], dag_run=None) -> dict[str, int]:  # type: ignore[no-untyped-def]
    """Seeds, models and data tests of the candidate; returns nodes by kind."""
    from datetime import date

    from moshtari.settings import load_deployment, load_settings
    from moshtari.transform.dbt import build

    settings = load_settings()
    report = build(
        settings,
        load_deployment(settings.config),
        date.fromisoformat(dag_run.partition_key),
        run["run_id"],
        run["prior_run_id"],
    )
    return report.nodes
