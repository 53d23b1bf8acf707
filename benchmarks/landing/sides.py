"""The sides of a benchmark: the limit by psql, Moshtari, and dlt, each on its own database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import yaml

from landing.server import LIMIT, PEER, SHOP, WAREHOUSE, Server, finished
from moshtari.landing.contract import ENTITIES

BENCHMARKS = Path(__file__).resolve().parents[1]
PROJECT = BENCHMARKS.parent
PEERS = BENCHMARKS / "peers"


@dataclass(frozen=True)
class Run:
    """Seconds of one run, the peak of its process, and the rows that it brought or refused."""

    seconds: float
    rows: int = 0
    refused: int = 0
    unchanged: int = 0
    peak_mib: float = 0
    versions: str = ""


def bare_table(server: Server, entity: str, columns: list[str], *, keyed: bool = False) -> str:
    """An empty table of the contract's columns in the limit's database; gives its name."""
    contract = ENTITIES[entity]
    body = ", ".join(f"{name} {contract.column(name).pg_type}" for name in columns)
    key = f", primary key ({', '.join(contract.key)})" if keyed else ""
    name = f"public.{entity}"
    server.execute(LIMIT, f"drop table if exists {name}", f"create table {name} ({body}{key})")
    return name


def copy_across(server: Server, query: str, table: str, columns: list[str]) -> Run:
    """psql to psql: the query's rows of the source into the limit's table."""
    return piped(server, query, [f"copy {table} ({', '.join(columns)}) from stdin (format binary)"])


def piped(server: Server, query: str, commands: list[str]) -> Run:
    """psql to psql: the query's rows of the source into what copies them from its input."""
    began = perf_counter()
    read = f"copy ({query}) to stdout (format binary)"
    reader = server.psql(SHOP, [read], stdout=subprocess.PIPE)
    assert reader.stdout is not None
    writer = server.psql(LIMIT, commands, stdin=reader.stdout)
    reader.stdout.close()
    finished(writer, reader)
    return Run(perf_counter() - began)


def save_rows(server: Server, query: str, file: Path) -> None:
    """The query's rows of the source as a file for `copy_file`."""
    with file.open("wb") as stream:
        finished(server.psql(SHOP, [f"copy ({query}) to stdout (format binary)"], stdout=stream))


def copy_file(server: Server, file: Path, table: str, columns: list[str]) -> Run:
    """psql from a file of rows that are parsed already, in binary."""
    began = perf_counter()
    with file.open("rb") as stream:
        command = f"copy {table} ({', '.join(columns)}) from stdin (format binary)"
        finished(server.psql(LIMIT, [command], stdin=stream))
    return Run(perf_counter() - began)


def empty_warehouse(server: Server, entity: str) -> None:
    """As if nothing had been landed yet."""
    server.execute(
        WAREHOUSE,
        f"truncate raw.{entity}, ops.loads, quarantine.records restart identity cascade",
    )


def land(server: Server, name: str, source: dict[str, Any], family: str, day: date) -> Run:
    """Moshtari's `extract` in a process of its own, configured by a YAML file."""
    config = server.home / "moshtari.yml"
    deployment = {"name": "benchmark", "sources": {name: source}}
    config.write_text(yaml.safe_dump(deployment, allow_unicode=True), encoding="utf-8")
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT / "include"),
        "MOSHTARI_HOME": str(server.home),
        "MOSHTARI_PG_PORT": str(server.settings.pg_port),
        "MOSHTARI_PG_DATABASE": WAREHOUSE,
    }
    command = [sys.executable, str(Path(__file__).with_name("ours.py"))]
    found = _told([*command, str(config), name, family, day.isoformat()], environment)
    [load] = found["loads"]
    return Run(
        found["seconds"],
        load["landed"],
        load["quarantined"],
        load["unchanged"],
        found["peak_mib"],
    )


def empty_peer(server: Server) -> None:
    server.execute(
        PEER,
        "drop schema if exists peer cascade",
        "drop schema if exists peer_staging cascade",
    )


def load_by_peer(server: Server, spec: dict[str, Any]) -> Run:
    """dlt in its own locked environment: `peers/load.py` says what the specification may hold."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("VIRTUAL_ENV", "PYTHONPATH", "UV_PROJECT_ENVIRONMENT")
    }
    given = {
        **spec,
        "source": server.url(SHOP),
        "target": server.url(PEER),
        "home": str(server.home / "peer"),
    }
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [_uv(), "run", "--quiet", "--project", str(PEERS), "--locked", "--python", python]
    found = _told([*command, "python", str(PEERS / "load.py"), json.dumps(given)], environment)
    return Run(
        found["seconds"], found["rows"], peak_mib=found["peak_mib"], versions=found["versions"]
    )


def _uv() -> str:
    own = PROJECT / ".uv" / "bin" / "uv"
    return os.environ.get("UV", str(own) if own.exists() else "uv")


def _told(command: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """What a process prints last, as JSON."""
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{Path(command[-2]).name} failed; what it said stands above")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
