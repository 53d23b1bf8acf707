"""Airflow's view of the DAG files, read once, with a metadata database of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIG = """
name: policy
sources:
  shop:
    kind: postgres
    dsn: postgresql://localhost/shop
    entities:
      payments:
        table: public.payments
        columns:
          payment_id: id
          order_id: order_id
          attempted_at: at
          amount: amount
          currency: "'IRR'"
          status: status
  archive:
    kind: mysql
    dsn: mysql://reader@localhost/archive
    timezone: UTC
    parallel: {}
    entities:
      payments:
        table: payments
        columns:
          payment_id: id
          order_id: order_id
          attempted_at: at
          amount: amount
          currency: "'IRR'"
          status: status
"""
# Airflow reads its settings from the environment when it is imported: hence a process of its own.
READ = """
import json, sys
heavy = {"pandas", "great_expectations", "dbt", "pyarrow"}
from airflow.dag_processing.dagbag import DagBag
before = set(sys.modules)
bag = DagBag(sys.argv[1])
loaded = {name.split(".")[0] for name in set(sys.modules) - before}

def task(t):
    return {
        "id": t.task_id, "owner": t.owner, "retries": t.retries, "pool": t.pool,
        "timeout": t.execution_timeout.total_seconds() if t.execution_timeout else None,
        "backoff": t.retry_exponential_backoff, "callback": bool(t.on_failure_callback),
        "outlets": [o.name for o in t.outlets], "upstream": sorted(t.upstream_task_ids),
        "policy": bool(t.retry_policy), "mapped": t.is_mapped, "rule": t.trigger_rule.value,
    }

def dag(d):
    return {
        "file": d.fileloc, "tags": sorted(d.tags), "doc": d.doc_md or "",
        "timetable": type(d.timetable).__name__, "catchup": d.catchup,
        "max_active_runs": d.max_active_runs, "deadline": bool(d.deadline),
        "timezone": str(getattr(d.timetable, "timezone", "")),
        "tasks": {t.task_id: task(t) for t in d.tasks},
    }

print("RESULT" + json.dumps({
    "errors": {str(k): str(v) for k, v in bag.import_errors.items()},
    "dags": {name: dag(d) for name, d in bag.dags.items()},
    "heavy": sorted(heavy & loaded),
}))
"""


@pytest.fixture(scope="session")
def dagbag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Airflow reads from dags/: errors, DAGs, and the heavy modules that reading imported."""
    home = tmp_path_factory.mktemp("airflow")
    config = home / "moshtari.yml"
    config.write_text(CONFIG)
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "MOSHTARI_CONFIG": str(config),
        "MOSHTARI_HOME": str(home),
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "include"), str(REPOSITORY / "dags")]),
    }
    result = subprocess.run(
        [sys.executable, "-c", READ, str(REPOSITORY / "dags")],
        env=env, cwd=home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = [line for line in result.stdout.splitlines() if line.startswith("RESULT")]
    assert found, result.stderr[-3000:]
    read: dict[str, Any] = json.loads(found[0].removeprefix("RESULT"))
    return read
