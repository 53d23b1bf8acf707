"""Build the candidate marts of one run with dbt, in a process of its own.

A build has two parts: the foundation (seeds, and everything that scores are fitted on) and the
marts (the rest), so that scores can be fitted between them. dbt keeps state in its process
(adapters, loggers, flags), so each part gets a fresh one.
What they write (compiled SQL, run results, logs) goes under MOSHTARI_HOME, never into the
checked-out tree.
"""

from __future__ import annotations

import difflib
import json
import logging
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import psycopg
import yaml

from moshtari.identity import load_corrections
from moshtari.settings import ConfigError, Deployment, Settings
from moshtari.transform import state, statistics
from moshtari.transform.dbt_process import manifest_file

_log = logging.getLogger(__name__)
_BAD = ("error", "fail", "runtime error")

Part = Literal["foundation", "marts"]
# With `cautious`, a test belongs to the foundation when all it looks at does: each test runs once.
_FOUNDATION = (
    "resource_type:seed",
    "+int_customer_features",
    "+int_customer_features_past",
)
_PARTS: dict[Part, tuple[str, ...]] = {
    "foundation": ("--select", *_FOUNDATION),
    "marts": ("--exclude", *_FOUNDATION),
}

# Of these it is known at parse time only whether there is a value.
OF_THE_RUN = frozenset(
    {"as_of_date", "run_id", "prior_run_id", "state_run_id", "state_date", "changes_since_run"}
)


class DbtError(RuntimeError):
    """The build failed. Names the models and tests; holds no row values (dbt's log may)."""


@dataclass(frozen=True)
class BuildReport:
    """What one build did: nodes by status, seconds, and the slowest models."""

    nodes: dict[str, int]
    seconds: float
    slowest: tuple[tuple[str, float], ...]


def variables(
    deployment: Deployment, as_of_date: date, run_id: int, prior_run_id: int
) -> dict[str, Any]:
    """The dbt variables of one run: the deployment's own, and the day."""
    return {
        **deployment.vars,
        "business_timezone": deployment.timezone,
        "base_currency": deployment.base_currency,
        "weekend": list(deployment.weekend),
        "outreach_language": deployment.outreach.language,
        "outreach_channels": list(deployment.outreach.channels),
        "as_of_date": as_of_date.isoformat(),
        "run_id": run_id,
        "prior_run_id": prior_run_id,
    }


def check_variables(settings: Settings, deployment: Deployment) -> None:
    """Raise ConfigError for a name under `vars` that no rule and no threshold of the gate has."""
    from moshtari.quality.gate import THRESHOLDS

    project = project_folder(settings) / "dbt_project.yml"
    rules = yaml.safe_load(project.read_text(encoding="utf-8"))["vars"]
    known = {*rules, *THRESHOLDS}
    for name in deployment.vars:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            remedy = f"Did you mean {near[0]}?" if near else "docs/change-a-rule.md lists them"
            raise ConfigError(deployment.file, f"vars.{name}", "there is no such rule", remedy)


def build(
    settings: Settings,
    deployment: Deployment,
    as_of_date: date,
    run_id: int,
    prior_run_id: int = 0,
    *,
    part: Part,
    tell: Callable[[str], None] = _log.info,
) -> BuildReport:
    """Run the seeds, models and data tests of one part; ``tell`` hears of every finished node.

    The foundation decides whether the run goes on from what an earlier one left, or begins anew;
    the marts, which come after it, end the build. Raises DbtError naming what failed and where the
    details are, and StateError when a newer run has begun to build.
    """
    run = variables(deployment, as_of_date, run_id, prior_run_id)
    try:
        if part == "foundation":
            load_corrections(settings, deployment)
            statistics.refresh(settings)
            run |= state.begin(settings, project_folder(settings), run)
        else:
            run |= state.resume(settings, run_id)
    except psycopg.OperationalError as error:
        raise DbtError(
            "the database was not reached. `moshtari doctor` says what is wrong with it"
        ) from error
    chosen = _PARTS[part]
    if part == "foundation" and run["state_run_id"]:
        # The state was built from these very seeds: its fingerprint says so.
        chosen += ("--exclude", "resource_type:seed")
    target = target_folder(settings)
    results = target / "run_results.json"
    results.unlink(missing_ok=True)
    kept = manifest_file(settings, project_folder(settings), run, OF_THE_RUN)
    status = _dbt(
        settings, kept, tell, "build", "--vars", json.dumps(run), "--exclude-resource-type",
        "unit_test", "--indirect-selection", "cautious", *chosen,
    )  # fmt: skip
    report = _report(results, status, target)
    if part == "marts":
        state.settle(settings, run_id)
    return report


def project_folder(settings: Settings) -> Path:
    """The dbt project."""
    return settings.project_root / "dbt_project"


def target_folder(settings: Settings) -> Path:
    """Compiled SQL and run results of the last build."""
    return settings.home / "dbt" / "target"


def _log_file(settings: Settings) -> Path:
    return settings.home / "dbt" / "logs" / "dbt.log"


def _dbt(
    settings: Settings, kept: Path, tell: Callable[[str], None], verb: str, *arguments: str
) -> int:
    project = project_folder(settings)
    _log_file(settings).parent.mkdir(parents=True, exist_ok=True)
    env = {
        **os.environ,
        **settings.database_environment(),
        "DBT_TARGET_PATH": str(target_folder(settings)),
        "DBT_LOG_PATH": str(_log_file(settings).parent),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
        "PYTHONUNBUFFERED": "1",
    }
    command = [
        sys.executable, "-m", "moshtari.transform.dbt_process", str(kept),
        "--quiet", "--log-level", "none", "--log-level-file", "warn", "--no-use-colors", verb,
        "--project-dir", str(project), "--profiles-dir", str(project), *arguments,
    ]  # fmt: skip
    with subprocess.Popen(
        command, env=env, cwd=project, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            message = _finished_node(line)
            if message:
                tell(message)
        return process.wait()


def _finished_node(line: str) -> str | None:
    """A line of the process as progress: node, status, seconds. Whatever else it prints is left out
    on purpose: an error of the database can quote a row."""
    try:
        name, status, seconds = json.loads(line)
    except (TypeError, ValueError):
        return None
    return f"{name} {status} {seconds:.1f} s"


def _report(results: Path, status: int, target: Path) -> BuildReport:
    if not results.exists():
        raise DbtError(
            f"dbt ended with status {status} before it ran a model: the project does not compile "
            f"or the database was not reached. See {target.parent / 'logs' / 'dbt.log'}"
        )
    document = json.loads(results.read_text(encoding="utf-8"))
    nodes = document["results"]
    failed = [node for node in nodes if node["status"] in _BAD]
    if failed or status != 0:
        names = ", ".join(
            f"{node['unique_id'].split('.')[2]} ({node['status']}"
            + (f", {node['failures']} rows" if node.get("failures") else "")
            + ")"
            for node in failed[:10]
        )
        raise DbtError(
            f"{len(failed)} of {len(nodes)} dbt nodes failed: {names or 'none by name'}. "
            f"Nothing was published. Details: {target.parent / 'logs' / 'dbt.log'}"
        )
    slowest = sorted(
        ((node["unique_id"].split(".")[2], float(node["execution_time"])) for node in nodes),
        key=lambda pair: -pair[1],
    )
    return BuildReport(
        nodes=dict(Counter(node["unique_id"].split(".")[0] for node in nodes)),
        seconds=float(document["elapsed_time"]),
        slowest=tuple(slowest[:12]),
    )
