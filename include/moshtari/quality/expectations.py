"""Runs a stage's suites with Great Expectations and turns its results into checks.

Importing Great Expectations takes seconds, so it happens inside the functions.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from moshtari.quality.assets import asset_query
from moshtari.quality.verdict import Check, Severity, Stage
from moshtari.settings import Settings

SUITES: dict[Stage, tuple[str, ...]] = {
    "arrivals": ("arrivals_deliveries", "arrivals_orders", "arrivals_messages"),
    "candidate": (
        "candidate_marts",
        "candidate_customers",
        "candidate_labels",
        "candidate_totals",
    ),
}
_logger = logging.getLogger(__name__)
_DATA_SOURCE = "warehouse"
_RESULTS_KEPT = 30
# Counts, and no example of a value: a result is stored and shown to people.
_RESULT_FORMAT = {
    "result_format": "BASIC",
    "partial_unexpected_count": 0,
    "include_unexpected_rows": False,
}
_FIGURES = ("observed_value", "element_count", "missing_count", "unexpected_count")


def evaluate(
    settings: Settings,
    stage: Stage,
    run_name: str,
    session: dict[str, str],
    parameters: dict[str, Any],
) -> tuple[list[Check], list[str]]:
    """Run all suites of ``stage``; return their checks, and what kept any from being evaluated.

    ``session`` holds settings (such as moshtari.run_id) that the queries of the assets read;
    ``parameters`` the values of the suites' parameters, times with their zone. Data Docs are built
    in ``settings.home / "data_docs"``.
    """
    folder = settings.project_root / "expectations"
    with _quiet():
        context = _context(settings, folder)
        source = context.data_sources.add_postgres(
            name=_DATA_SOURCE,
            connection_string=_connection_string(settings, session),
            # A query is run once, whatever its suite asks of it; its table goes with the session.
            create_temp_table=True,
            kwargs={"pool_size": 1, "max_overflow": 0},
        )
        try:
            return _run(context, source, folder, stage, run_name, parameters)
        finally:
            source.get_execution_engine().engine.dispose()


def _run(
    context: Any,
    source: Any,
    folder: Path,
    stage: Stage,
    run_name: str,
    parameters: dict[str, Any],
) -> tuple[list[Check], list[str]]:
    import great_expectations as gx

    checks: list[Check] = []
    problems: list[str] = []
    definitions, suites = [], {}
    for name in SUITES[stage]:
        suite = context.suites.get(name)
        if not suite.expectations:
            problems.append(f"suite {name} holds no expectation: restore expectations/suites")
            continue
        suites[name] = suite
        asset = source.add_query_asset(name=name, query=asset_query(folder, name))
        batch = asset.add_batch_definition("all")
        definition = gx.ValidationDefinition(name=name, data=batch, suite=suite)
        definitions.append(context.validation_definitions.add(definition))
    if not definitions:
        return checks, problems
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(
            name=stage,
            validation_definitions=definitions,
            result_format=_RESULT_FORMAT,
        )
    )
    outcome = checkpoint.run(
        expectation_parameters=parameters, run_id=gx.RunIdentifier(run_name=run_name)
    )
    _build_data_docs(context, list(outcome.run_results))
    results = {result.suite_name: result for result in outcome.run_results.values()}
    for name, suite in suites.items():
        if name not in results:
            problems.append(f"suite {name} did not run: see the log of this task")
            continue
        found, broken = _read_result(results[name], suite)
        checks += found
        problems += broken
    return checks, problems


def _read_result(result: Any, suite: Any) -> tuple[list[Check], list[str]]:
    """Checks of one suite. The decision is never left to ``success``, which warnings spoil too."""
    target = suite.meta["target"]
    checks: list[Check] = []
    problems: list[str] = []
    for outcome in result.results:
        config = outcome.expectation_config
        meta = (config.meta or {}) if config is not None else {}
        name = meta.get("check", config.type if config is not None else "without a name")
        cause = _cause(outcome.exception_info or {})
        if config is None or cause is not None:
            problems.append(f"check {name} on {target} could not be evaluated: {cause}")
            continue
        checks.append(
            Check(
                suite=suite.name,
                name=name,
                target=target,
                severity=_severity(config.severity),
                success=bool(outcome.success),
                observed=_figures(outcome.result),
                remedy=meta.get("remedy", "see the suite"),
            )
        )
    evaluated = result.statistics["evaluated_expectations"]
    if not evaluated or evaluated != len(suite.expectations):
        problems.append(
            f"suite {suite.name} evaluated {evaluated} of {len(suite.expectations)} expectations"
        )
    # The library's own reading, lest ours miss a failure.
    worst = result.get_max_severity_failure()
    shown = any(not check.success and check.severity == "critical" for check in checks)
    if worst is not None and worst.value == "critical" and not shown and not problems:
        problems.append(f"suite {suite.name} has a critical failure that no check shows")
    return checks, problems


def _cause(info: dict[str, Any]) -> str | None:
    """Why a check broke, or None if it did not. Messages with values of rows are left out."""
    # One exception of the check itself, or one of each figure it was computed from.
    infos = [info] if "raised_exception" in info else list(info.values())
    raised = [str(each.get("exception_message", "")) for each in infos if each["raised_exception"]]
    if not raised:
        return None
    missing = re.search(r'(column|relation) "?[\w.]+"? does not exist', raised[0])
    return missing[0] if missing else "see the log of this task"


def _build_data_docs(context: Any, identifiers: list[Any]) -> None:
    """Add the results' pages, all at once: the checkpoint's own action rebuilds the index for each.

    Pages are for people. What keeps them from being written decides nothing.
    """
    suites = [identifier.expectation_suite_identifier for identifier in identifiers]
    try:
        context.build_data_docs(resource_identifiers=[*identifiers, *suites])
    except Exception:
        _logger.exception("the gate's Data Docs could not be built")


def _severity(value: Any) -> Severity:
    severity: Severity = getattr(value, "value", value)
    return severity


def _figures(result: dict[str, Any]) -> dict[str, Any]:
    """What was counted. Of values that occur, which a few checks observe, only how many."""
    figures = {name: result[name] for name in _FIGURES if result.get(name) is not None}
    return {
        name: len(value) if isinstance(value, list | set | tuple) else value
        for name, value in figures.items()
        if isinstance(value, bool | int | float | list | set | tuple)
    }


def _context(settings: Settings, folder: Path) -> Any:
    """The context of expectations/, its paths made absolute, with Data Docs at home."""
    import great_expectations as gx

    config = yaml.safe_load((folder / "great_expectations.yml").read_text(encoding="utf-8"))
    suites = config["stores"]["suites"]["store_backend"]
    suites["base_directory"] = str(folder / suites["base_directory"])
    results = config["stores"]["validation_results"]["store_backend"]
    docs = config["data_docs_sites"]["local_site"]["store_backend"]
    for written in (results, docs):
        written["base_directory"] = str(settings.home / written["base_directory"])
    _forget_old_results(Path(results["base_directory"]))
    return gx.get_context(project_config=config, mode="ephemeral")


def _forget_old_results(folder: Path) -> None:
    """Keep each suite's last results; Data Docs show those that are kept."""
    for suite in folder.glob("*/"):
        runs = sorted(suite.glob("*/"), key=lambda run: run.stat().st_mtime, reverse=True)
        for run in runs[_RESULTS_KEPT:]:
            shutil.rmtree(run, ignore_errors=True)


def _connection_string(settings: Settings, session: dict[str, str]) -> str:
    params = settings.dsn()
    options = " ".join(f"-c {name}={value}" for name, value in session.items())
    query = {
        "options": f"{params.pop('options', '')} -c role=moshtari_auditor {options}".strip(),
        "application_name": "moshtari gate",
        "connect_timeout": "10",
    }
    user, password = quote(params.pop("user"), safe=""), quote(params.pop("password", ""), safe="")
    where = f"{params.pop('host', '127.0.0.1')}:{params.pop('port', '5432')}"
    database = quote(params.pop("dbname"), safe="")
    rest = "&".join(
        f"{name}={quote(value, safe='')}" for name, value in {**params, **query}.items()
    )
    return f"postgresql+psycopg2://{user}:{password}@{where}/{database}?{rest}"


@contextmanager
def _quiet() -> Iterator[None]:
    """No telemetry, and no progress talk of the library's; its errors still reach the log."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
