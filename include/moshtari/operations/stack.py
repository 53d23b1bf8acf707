"""Bring everything up on this machine, and down again."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from moshtari.operations import airflow
from moshtari.operations.airflow_api import AirflowApi
from moshtari.operations.processes import Process
from moshtari.settings import Settings, load_deployment
from moshtari.warehouse.embedded import port_in_use
from moshtari.warehouse.migrate import embedded_server, migrate, prepare_embedded

EXTRACTION_DAGS = ("extract_orders", "extract_tickets", "extract_mentions")
DAGS = (*EXTRACTION_DAGS, "build_customer_marts", "deliver_outreach_lists", "watch_publication")
_PATIENCE_SECONDS = 120
Say = Callable[[str], None]


class StackError(RuntimeError):
    """Something does not come up. The message says what and what to do."""


def run_folder(settings: Settings) -> Path:
    """Pid files and logs of what runs in the background."""
    return settings.home / "run"


def airflow_processes(settings: Settings) -> list[Process]:
    """Airflow's processes on this machine, up or not; none when others keep Airflow running."""
    if settings.airflow_url is not None:
        return []
    return [Process(name, run_folder(settings)) for name in airflow.COMPONENTS]


def up_warehouse(settings: Settings, say: Say) -> None:
    """The database is up, migrated and ready. Safe to repeat."""
    if settings.embedded:
        say("starting the embedded PostgreSQL")
        prepare_embedded(settings)
    say("bringing the warehouse's schema up to date")
    migrate(settings)


def up(settings: Settings, config: Path, say: Say, *, schedule_from: datetime | None) -> None:
    """Database and Airflow are up with this deployment. Safe to repeat.

    Nights are scheduled by themselves from ``schedule_from`` of the first call on; never for None.
    Raises StackError, EmbeddedServerError or ConfigError, each with a remedy.
    """
    deployment = load_deployment(config)
    processes = airflow_processes(settings)
    if settings.airflow_url is not None:
        say(f"waiting for the Airflow at {settings.airflow_url}")
        _wait_for_airflow(settings)
        return
    recorded = run_folder(settings) / "config"
    if all(process.running() for process in processes):
        if recorded.exists() and recorded.read_text() != str(config):
            raise StackError(
                f"Airflow is up for {recorded.read_text()}, not for {config}. "
                "Run `moshtari down` first, or give this deployment a MOSHTARI_HOME of its own"
            )
        up_warehouse(settings, say)
        return
    if not any(process.running() for process in processes) and port_in_use(settings.airflow_port):
        raise StackError(
            f"port {settings.airflow_port} on 127.0.0.1 is taken by another program. Stop that "
            f"program, or choose another port: MOSHTARI_AIRFLOW_PORT={settings.airflow_port + 1}"
        )
    up_warehouse(settings, say)
    say(f"preparing Airflow for {deployment.name}")
    airflow.prepare(settings, config, schedule_from)
    recorded.parent.mkdir(parents=True, exist_ok=True)
    recorded.write_text(str(config))
    env = airflow.environment(settings, config)
    for process in processes:
        command = [sys.executable, "-m", "airflow", *airflow.COMPONENTS[process.name]]
        process.start(command, env)
    say("waiting for Airflow to read the DAGs")
    _wait_for_airflow(settings)


def down(settings: Settings, say: Say) -> None:
    """Stop everything that `up` and the demo started, by pid."""
    processes = [*airflow_processes(settings), *demo_processes(settings)]
    if processes:
        # All at once: each may take its seconds to end what it is doing.
        with ThreadPoolExecutor(max_workers=len(processes)) as pool:
            stopped = list(pool.map(lambda process: process.stop(), processes))
        for process, was_up in zip(processes, stopped, strict=True):
            if was_up:
                say(f"stopped {process.name}")
    if settings.embedded and embedded_server(settings).running():
        embedded_server(settings).stop()
        say("stopped the embedded PostgreSQL")


def demo_processes(settings: Settings) -> list[Process]:
    """The demo's help desk and social network, up or not."""
    return [Process(name, run_folder(settings)) for name in ("help-desk", "social")]


def _wait_for_airflow(settings: Settings) -> None:
    missing: set[str] = set(DAGS)
    with AirflowApi(settings) as api:
        for _ in _seconds(_PATIENCE_SECONDS):
            for process in airflow_processes(settings):
                if not process.running():
                    raise StackError(
                        f"Airflow's {process.name} ended at once. Its log, {process.log}, ends: "
                        f"{process.last_words()}"
                    )
            health = api.health()
            if {health.get("scheduler"), health.get("triggerer")} == {"healthy"}:
                missing = set(DAGS) - api.known_dags()
                if not missing:
                    return
                errors = api.import_errors()
                if errors:
                    raise StackError("Airflow cannot read a DAG file: " + "; ".join(errors))
    raise StackError(
        f"Airflow was not ready after {_PATIENCE_SECONDS} s (DAGs not read: {sorted(missing)}). "
        f"Look into the logs in {run_folder(settings)}"
    )


def _seconds(limit: float, step: float = 0.3) -> Iterator[float]:
    """Tick until ``limit`` seconds have passed."""
    started = time.monotonic()
    while (passed := time.monotonic() - started) < limit:
        yield passed
        time.sleep(step)
