"""`moshtari doctor`: every connection and permission, and how to mend what does not work."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg

from moshtari.landing import schema
from moshtari.landing.families import configured_source
from moshtari.operations.airflow_api import AirflowApi
from moshtari.operations.stack import airflow_processes, run_folder
from moshtari.settings import ConfigError, Deployment, Settings, load_deployment
from moshtari.sources.base import CheckResult
from moshtari.warehouse.connection import ROLES, connect
from moshtari.warehouse.migrate import embedded_server

_LOW_DISK_BYTES = 2 * 1024**3


def examine(settings: Settings, config: Path) -> Iterator[tuple[str, CheckResult]]:
    """Yield (area, check) as each check ends. Changes nothing and never raises."""
    yield "machine", _disk(settings)
    deployment, check = _configuration(config)
    yield "configuration", check
    yield from (("warehouse", check) for check in _warehouse(settings))
    yield "airflow", _airflow(settings)
    if deployment is not None:
        for name in deployment.sources:
            yield from (("source", check) for check in _source(deployment, name))


def _disk(settings: Settings) -> CheckResult:
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return CheckResult(
        "disk",
        free >= _LOW_DISK_BYTES,
        f"{free / 1024**3:.1f} GiB free under MOSHTARI_HOME",
        "Free some space, or set MOSHTARI_HOME to a larger disk",
    )


def _configuration(config: Path) -> tuple[Deployment | None, CheckResult]:
    try:
        deployment = load_deployment(config)
    except ConfigError as error:
        where = f"{error.file}: {error.key}: {error.problem}"
        return None, CheckResult("deployment", False, where, error.remedy)
    detail = f"{deployment.name}: {', '.join(deployment.sources)} ({deployment.timezone})"
    return deployment, CheckResult("deployment", True, detail)


def _warehouse(settings: Settings) -> Iterator[CheckResult]:
    if settings.embedded and not embedded_server(settings).running():
        yield CheckResult(
            "server", False, "the embedded PostgreSQL is down", "Start it: moshtari up"
        )
        return
    try:
        with connect(settings) as connection:
            version = connection.info.server_version // 10000
            encoding = connection.execute("show server_encoding").fetchone()
    except psycopg.OperationalError:
        yield CheckResult(
            "server",
            False,
            "the warehouse does not answer or refuses the login",
            "Check MOSHTARI_DATABASE_URL (host, port, user, password), then `moshtari migrate`",
        )
        return
    yield CheckResult(
        "server",
        version >= 17 and encoding == ("UTF8",),
        f"PostgreSQL {version}, {encoding[0] if encoding else '?'}",
        "Use PostgreSQL 17 or newer with a UTF8 database",
    )
    for role in ROLES:
        yield _role(settings, role)
    yield _columns(settings)


def _role(settings: Settings, role: str) -> CheckResult:
    try:
        with connect(settings, role=role) as connection:
            acting = connection.execute("select current_user").fetchone()
        return CheckResult(f"role {role}", acting == (role,), "the login may act as it")
    except psycopg.OperationalError:
        return CheckResult(
            f"role {role}",
            False,
            "the login may not act as it, or it is not there",
            "Run `moshtari migrate` with MOSHTARI_ADMIN_URL set to a login that may create roles",
        )


def _columns(settings: Settings) -> CheckResult:
    """Columns that are new at the sources: nothing is broken, and somebody should know."""
    remedy = "Run `moshtari migrate`"
    try:
        with connect(settings, role="moshtari_auditor") as connection:
            found = schema.pending(connection)
    except psycopg.Error:
        return CheckResult("columns", False, "what sources have cannot be seen", remedy)
    if not found:
        return CheckResult("columns", True, "the sources have those that are known")
    told = "; ".join(map(str, found))
    return CheckResult("columns", True, f"{told} (map them, or `moshtari schema accept SOURCE`)")


def _airflow(settings: Settings) -> CheckResult:
    with AirflowApi(settings) as api:
        health = api.health()
    if not health:
        down = [p.name for p in airflow_processes(settings) if not p.running()]
        return CheckResult(
            "processes",
            False,
            f"down: {', '.join(down) or 'the api-server does not answer'}",
            f"Start them: moshtari up. Their logs are in {run_folder(settings)}",
        )
    sick = [name for name, state in health.items() if state != "healthy"]
    return CheckResult(
        "processes",
        not sick,
        "all healthy" if not sick else f"not healthy: {', '.join(sick)}",
        f"Look into the logs in {run_folder(settings)}, then `moshtari down` and `moshtari up`",
    )


def _source(deployment: Deployment, name: str) -> Iterator[CheckResult]:
    try:
        source = configured_source(deployment, name)
    except ConfigError as error:
        where = f"{error.key}: {error.problem}"
        yield CheckResult(f"{name}: configuration", False, where, error.remedy)
        return
    for check in source.check():
        # Readers name their checks in their own words: here each begins with the source's name.
        what = check.name.removeprefix("source ").removeprefix(name).lstrip(": ")
        yield replace(check, name=f"{name}: {what}" if what else name)
