"""The demo from first to last: a world, its services, and its nights through the real DAGs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import httpx
import psycopg

from moshtari.demo import world
from moshtari.operations.nights import NightProgress, run_days
from moshtari.operations.processes import Process, claim
from moshtari.operations.stack import StackError, demo_processes, down, run_folder, up
from moshtari.settings import Settings
from moshtari.warehouse.embedded import port_in_use
from moshtari.warehouse.migrate import embedded_server, prepare_embedded

CONFIG = Path(__file__).with_name("demo.yml")
DATABASE = "demo"
NIGHTS = 3
_SHOP_LOGIN = "demo_shop"
_SERVICES_LOGIN = "demo_services"
Say = Callable[[str], None]


@dataclass(frozen=True)
class DemoPlan:
    """The size of the demo, and its last night."""

    last_night: date
    customers: int = 5000
    days: int = 730
    seed: int = 1405

    @property
    def first_load(self) -> date:
        return self.last_night - timedelta(days=NIGHTS)


class DemoBusyError(RuntimeError):
    """Another demo is being run by another process."""


def environment(settings: Settings) -> dict[str, str]:
    """What the demo's YAML refers to: where its sources are and the secrets they ask for."""
    password = settings.secrets.get(f"pg_{_SHOP_LOGIN}")
    return {
        "DEMO_SHOP_DSN": (
            f"postgresql://{_SHOP_LOGIN}:{password}@127.0.0.1:{settings.pg_port}/{DATABASE}"
        ),
        "DEMO_HELP_DESK_URL": f"http://127.0.0.1:{settings.help_desk_port}",
        "DEMO_HELP_DESK_EMAIL": "warehouse@pishkhan.example",
        "DEMO_HELP_DESK_TOKEN": settings.secrets.get("demo_help_desk_token"),
        "DEMO_SOCIAL_URL": f"http://127.0.0.1:{settings.social_port}",
        "DEMO_SOCIAL_TOKEN": settings.secrets.get("demo_social_token"),
    }


def set_stage(settings: Settings, plan: DemoPlan, say: Say) -> None:
    """Start anew: database, world, services and Airflow are up, and no night has run.

    Raises DemoBusyError, StackError, EmbeddedServerError with what to do.
    """
    holder = claim(run_folder(settings) / "demo.pid")
    if holder is not None:
        raise DemoBusyError(
            f"a demo is already running (process {holder}). Wait for it to end, or stop it with "
            f"`kill {holder}`"
        )
    _clear(settings, say)
    for port, name in (
        (settings.help_desk_port, "MOSHTARI_HELP_DESK_PORT"),
        (settings.social_port, "MOSHTARI_SOCIAL_PORT"),
        (settings.airflow_port, "MOSHTARI_AIRFLOW_PORT"),
    ):
        if port_in_use(port):
            raise StackError(
                f"port {port} on 127.0.0.1 is taken by another program. Stop that program, or "
                f"choose another port: {name}={port + 10}"
            )
    say("starting the embedded PostgreSQL")
    prepare_embedded(settings)
    server = embedded_server(settings)
    for login in (_SHOP_LOGIN, _SERVICES_LOGIN):
        server.ensure_login(login)
    server.ensure_database(DATABASE)
    os.environ.update(environment(settings))
    say(f"{plan.customers:,} people live through {plan.days} days, while Airflow starts")
    with ThreadPoolExecutor(max_workers=1) as pool:
        created = pool.submit(_create_world, settings, plan)
        up(settings, CONFIG, say, schedule_from=None)
        created.result()
    start_services(settings)


def run_nights(settings: Settings, plan: DemoPlan) -> list[tuple[str, list[date]]]:
    """The demo's runs in order: the title of each and its business days."""
    first = plan.first_load
    backfilled = [first + timedelta(days=n) for n in range(1, NIGHTS)]
    return [
        ("first load: two years of history", [first]),
        ("backfill of two missed nights", backfilled),
        ("last night", [plan.last_night]),
    ]


def live_through(
    settings: Settings, days: list[date], *, backfill: bool, watch: Callable[[NightProgress], None]
) -> None:
    """Let the days happen in the demo's world, then run them through the DAGs."""
    ensure_lived(settings, days[-1])
    for progress in run_days(settings, days, backfill=backfill):
        watch(progress)


def ensure_lived(settings: Settings, day: date) -> None:
    """Advance the world to the end of ``day``, if it is not there yet."""
    dsn = admin_dsn(settings)
    current = world.today(dsn)
    while current < day:
        current += timedelta(days=1)
        world.advance(dsn, current)


def admin_dsn(settings: Settings) -> str:
    """The simulator's own connection string: it owns the world."""
    params = settings.dsn(database=DATABASE, admin=True)
    return psycopg.conninfo.make_conninfo("", **params)


def _clear(settings: Settings, say: Say) -> None:
    """Remove an earlier demo: its processes, then its folder."""
    down(settings, say)
    for entry in settings.home.iterdir() if settings.home.exists() else ():
        if entry != run_folder(settings):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _create_world(settings: Settings, plan: DemoPlan) -> None:
    dsn = admin_dsn(settings)
    world.create(dsn, plan.seed, plan.first_load, days=plan.days, customers=plan.customers)
    with psycopg.connect(dsn) as connection:
        for login, schemas in (
            (_SHOP_LOGIN, "shop"),
            (_SERVICES_LOGIN, "help_desk, social"),
        ):
            connection.execute(f"grant usage on schema {schemas} to {login}".encode())
            connection.execute(
                f"grant select on all tables in schema {schemas} to {login}".encode()
            )


def start_services(settings: Settings) -> None:
    """The help desk and the social network are up; those that are up already stay."""
    password = settings.secrets.get(f"pg_{_SERVICES_LOGIN}")
    dsn = f"postgresql://{_SERVICES_LOGIN}:{password}@127.0.0.1:{settings.pg_port}/{DATABASE}"
    env = {**os.environ, **environment(settings), "DEMO_DSN": dsn}
    env["PYTHONPATH"] = str(settings.project_root / "include")
    ports = {"help-desk": settings.help_desk_port, "social": settings.social_port}
    modules = {"help-desk": "moshtari.demo.help_desk", "social": "moshtari.demo.social"}
    for process in demo_processes(settings):
        command = [sys.executable, "-m", modules[process.name], "--port", str(ports[process.name])]
        process.start(command, env)
    for process in demo_processes(settings):
        _wait_for_service(process, ports[process.name])


def _wait_for_service(process: Process, port: int) -> None:
    transport = httpx.HTTPTransport(retries=0)
    with httpx.Client(transport=transport, base_url=f"http://127.0.0.1:{port}") as client:
        for _attempt in range(150):
            if not process.running():
                break
            try:
                client.get("/", timeout=2)
                return
            except httpx.HTTPError:
                # The service is starting; the next attempt is a tenth of a second away.
                _pause()
    raise StackError(
        f"the demo's {process.name} did not start. Its log, {process.log}, ends: "
        f"{process.last_words()}"
    )


def _pause() -> None:
    import time

    time.sleep(0.1)
