"""What the command line says when something is not as it should be."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import date
from pathlib import Path

import psutil
import psycopg
import pytest
from tests.conftest import TestServer, free_port

from moshtari.demo import scenario
from moshtari.operations.doctor import examine
from moshtari.operations.stack import StackError, up
from moshtari.settings import Settings, load_deployment
from moshtari.transform.dbt import DbtError, build
from moshtari.warehouse.connection import connect
from moshtari.warehouse.embedded import EmbeddedServerError
from moshtari.warehouse.migrate import embedded_server, migrate

CONFIG = """
name: own
sources:
  shop:
    kind: postgres
    dsn: postgresql://127.0.0.1:1/none
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
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "moshtari.yml"
    file.write_text(CONFIG)
    return file


def moshtari(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "moshtari.cli", *arguments],
        env={**os.environ, "COLUMNS": "200", **environment},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_database_says_which_port_is_taken_and_how_to_choose_another(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        server = embedded_server(Settings(home=tmp_path, pg_port=port))
        with pytest.raises(EmbeddedServerError, match=f"{port}.*MOSHTARI_PG_PORT={port + 1}"):
            server.start()


def test_a_running_database_is_not_started_on_a_second_port(pg_server: TestServer) -> None:
    settings = pg_server.settings
    embedded_server(settings).start()
    elsewhere = settings.model_copy(update={"pg_port": settings.pg_port + 1})
    with pytest.raises(EmbeddedServerError, match=str(settings.pg_port)):
        embedded_server(elsewhere).start()


def test_airflow_says_which_port_is_taken(pg_server: TestServer, config: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        settings = pg_server.settings.model_copy(update={"airflow_port": port})
        with pytest.raises(StackError, match=f"MOSHTARI_AIRFLOW_PORT={port + 1}"):
            up(settings, config, lambda _message: None, schedule_from=None)


def test_a_demo_that_is_on_is_not_begun_again(pg_server: TestServer, tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    settings = Settings(home=tmp_path, pg_port=free_port())
    (tmp_path / "run").mkdir()
    created = psutil.Process(other.pid).create_time()
    (tmp_path / "run" / "demo.pid").write_text(f"{other.pid} {created}")
    plan = scenario.DemoPlan(last_night=date(2026, 3, 18))
    with pytest.raises(scenario.DemoBusyError, match=str(other.pid)):
        scenario.set_stage(settings, plan, lambda _message: None)
    other.kill()
    other.wait()


def test_migrating_twice_changes_nothing(settings: Settings) -> None:
    assert migrate(settings) == []


def test_the_login_can_do_nothing_as_itself(settings: Settings) -> None:
    with connect(settings) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("select count(*) from raw.orders")


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("moshtari_loader", "update raw.orders set status = 'paid'"),
        ("moshtari_loader", "delete from raw.orders"),
        ("moshtari_loader", "select * from store.pointer"),
        ("moshtari_builder", "insert into raw.orders (order_id) values ('1')"),
        ("moshtari_builder", "update store.pointer set run_id = 1"),
        ("moshtari_auditor", "update store.pointer set run_id = 1"),
        ("moshtari_auditor", "insert into ops.runs (as_of_date) values ('2026-03-18')"),
        ("moshtari_publisher", "delete from ops.runs"),
        ("bi_reader", "select * from raw.customers"),
        ("outreach_reader", "select * from ops.runs"),
    ],
)
def test_no_role_can_do_anothers_work(settings: Settings, role: str, statement: str) -> None:
    with (
        connect(settings, role=role) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


def test_the_doctor_names_what_is_wrong_and_how_to_mend_it(
    pg_server: TestServer, config: Path
) -> None:
    settings = pg_server.settings.model_copy(update={"airflow_port": free_port()})
    checks = {(area, check.name): check for area, check in examine(settings, config)}
    bad = {name for name, check in checks.items() if not check.ok}
    assert ("airflow", "processes") in bad
    assert any(area == "source" and name.startswith("shop") for area, name in bad)
    assert all(check.remedy for check in checks.values() if not check.ok)
    assert checks["warehouse", "role bi_reader"].ok


def test_the_doctor_survives_a_file_that_is_no_configuration(
    settings: Settings, config: Path
) -> None:
    config.write_text("name: [")
    found = [check for _area, check in examine(settings, config) if check.name == "deployment"]
    assert [check.ok for check in found] == [False]


def test_a_build_that_cannot_run_names_no_secret(settings: Settings, config: Path) -> None:
    nowhere = settings.model_copy(update={"pg_port": free_port()})
    with pytest.raises(DbtError) as caught:
        build(nowhere, load_deployment(config), date(2026, 3, 18), 1, part="foundation")
    assert settings.secrets.get("pg_moshtari") not in str(caught.value)


def test_a_mistake_in_the_configuration_is_one_clear_line(config: Path) -> None:
    config.write_text(CONFIG.replace("kind: postgres", "kind: postgras"))
    result = moshtari("run", "--date", "2026-03-18", MOSHTARI_CONFIG=str(config))
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "sources.shop.kind" in result.stderr
    assert "postgres" in result.stderr


def test_a_rule_that_does_not_exist_is_refused_by_name(config: Path) -> None:
    config.write_text(CONFIG + "vars: {new_customer_day: 40}\n")
    result = moshtari("status", MOSHTARI_CONFIG=str(config))
    assert result.returncode == 1
    assert "vars.new_customer_day" in result.stderr
    assert "new_customer_days" in result.stderr


def test_without_a_configuration_the_way_to_one_is_shown(tmp_path: Path) -> None:
    result = moshtari(
        "status", MOSHTARI_CONFIG=str(tmp_path / "none.yml"), MOSHTARI_HOME=str(tmp_path / "home")
    )
    assert result.returncode == 1
    assert "MOSHTARI_CONFIG" in result.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")
def test_a_server_is_up_though_a_folder_above_it_was_closed(pg_server: TestServer) -> None:
    server = embedded_server(pg_server.settings)
    assert server.running()
    pg_server.settings.home.chmod(0o700)
    assert server.running()
