"""Airflow as Moshtari runs it on one machine: its environment, metadata and processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from moshtari.settings import Settings, load_deployment

# Partition events of one business day are recorded one at a time: when two of them are recorded in
# the same instant, Airflow 3.3.2 locks each asset but not the day, makes two half-filled
# partitions, and the build never starts (DECISIONS.md).
PARTITION_EVENTS_POOL = "partition_events"
_NEVER = datetime(2999, 1, 1, tzinfo=UTC)
# Logs are read from the disk they share; the servers for logs would listen on every address.
COMPONENTS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}


class AirflowSetupError(RuntimeError):
    """Airflow's own commands failed while setting up."""


def airflow_home(settings: Settings) -> Path:
    """Where Airflow keeps its logs and login file."""
    return settings.home / "airflow"


def base_url(settings: Settings) -> str:
    """Where the UI and the API answer."""
    return settings.airflow_url or f"http://127.0.0.1:{settings.airflow_port}"


def environment(settings: Settings, config: Path) -> dict[str, str]:
    """The environment of every Airflow process, and so of every task."""
    home = airflow_home(settings)
    secrets = settings.secrets
    deployment = load_deployment(config)
    python_path = [str(settings.project_root / "include"), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(part for part in python_path if part),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "MOSHTARI_HOME": str(settings.home),
        "MOSHTARI_CONFIG": str(config),
        "MOSHTARI_PG_PORT": str(settings.pg_port),
        "MOSHTARI_PG_DATABASE": settings.pg_database,
        "MOSHTARI_SCHEDULE_FROM": _schedule_file(settings).read_text(),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(settings.project_root / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": deployment.timezone,
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__FERNET_KEY": secrets.get("fernet_key"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{base_url(settings)}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": _metadata_url(settings),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(settings.airflow_port),
        "AIRFLOW__API__BASE_URL": base_url(settings),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secrets.get("api_secret_key"),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.get("jwt_secret"),
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
        "AIRFLOW__SCHEDULER__CATCHUP_BY_DEFAULT": "False",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
        "DO_NOT_TRACK": "1",
        **settings.database_environment(),
    }


def prepare(settings: Settings, config: Path, schedule_from: datetime | None) -> None:
    """Write the login file, bring Airflow's metadata up to date and make its pool. Safe to repeat.

    Nights before ``schedule_from`` (of the first call) are never scheduled by themselves.

    Raises AirflowSetupError with the end of the command's output.
    """
    home = airflow_home(settings)
    home.mkdir(parents=True, exist_ok=True)
    passwords = home / "passwords.json"
    passwords.touch(mode=0o600)
    passwords.write_text(json.dumps({"admin": settings.secrets.get("airflow_admin")}))
    schedule = _schedule_file(settings)
    if not schedule.exists():
        schedule.write_text((schedule_from or _NEVER).isoformat())
    env = environment(settings, config)
    _run(env, "db", "migrate")
    _run(env, "pools", "set", PARTITION_EVENTS_POOL, "1", "One partition event at a time")


def _schedule_file(settings: Settings) -> Path:
    return airflow_home(settings) / "schedule_from"


def _run(env: dict[str, str], *arguments: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "airflow", *arguments],
        env=env, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if result.returncode != 0:
        tail = (result.stderr or result.stdout).strip()[-800:]
        raise AirflowSetupError(f"`airflow {' '.join(arguments[:2])}` failed: {tail}")


def _metadata_url(settings: Settings) -> str:
    if settings.airflow_database_url is not None:
        return settings.airflow_database_url
    if not settings.embedded:
        raise AirflowSetupError(
            "the warehouse is an external server, and nothing says where Airflow keeps its "
            "metadata. Set MOSHTARI_AIRFLOW_DATABASE_URL (postgresql+psycopg2://…), or "
            "MOSHTARI_AIRFLOW_URL to an Airflow that is running already"
        )
    password = settings.secrets.get("pg_airflow")
    return f"postgresql+psycopg2://airflow:{password}@127.0.0.1:{settings.pg_port}/airflow"
