"""The models of the build: what dbt makes of the day, in two parts, and what is fitted between."""

from __future__ import annotations

from typing import Any

from airflow.sdk import task


@task
def build_models(run: dict[str, Any], part: str, dag_run=None) -> dict[str, int]:  # type: ignore[no-untyped-def]
    """Seeds, models and data tests of one part of the build; returns nodes by kind."""
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
        part=part,
    )
    return report.nodes


@task
def classify_texts(dag_run=None) -> dict[str, int]:  # type: ignore[no-untyped-def]
    """Say of new and changed texts what they are about; returns texts by what was done."""
    from datetime import date

    from moshtari.settings import load_deployment, load_settings
    from moshtari.voice import classify_texts as classify

    settings = load_settings()
    day = date.fromisoformat(dag_run.partition_key)
    return classify(settings, load_deployment(settings.config), day)


@task
def fit_scores(dag_run=None) -> dict[str, int]:  # type: ignore[no-untyped-def]
    """Fit what is due for a fit on the day; returns counts."""
    from datetime import date

    from moshtari.scores import fit_scores as fit
    from moshtari.settings import load_deployment, load_settings

    settings = load_settings()
    return fit(
        settings, load_deployment(settings.config), date.fromisoformat(dag_run.partition_key)
    )
