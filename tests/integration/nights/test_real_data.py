"""`moshtari run` on the real data sets gives their known answers, through the real DAGs."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY, SHARED_DATA, free_port

from moshtari.settings import Settings
from moshtari.warehouse.connection import connect
from moshtari.warehouse.migrate import embedded_server

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not SHARED_DATA.exists(), reason="the real data sets are not beside this checkout"
    ),
]


@pytest.fixture
def run_day(tmp_path: Path) -> Iterator[object]:
    """Run one business day of an example as a user would; gives the settings of its warehouse."""
    home = tmp_path / "home"
    home.mkdir()
    settings = Settings(home=home, pg_port=free_port(), airflow_port=free_port())

    def run(example: str, day: str) -> Settings:
        env = {
            **os.environ,
            "MOSHTARI_CONFIG": str(REPOSITORY / "examples" / example / "moshtari.yml"),
            "MOSHTARI_DATA": str(SHARED_DATA),
            "MOSHTARI_HOME": str(home),
            "MOSHTARI_PG_PORT": str(settings.pg_port),
            "MOSHTARI_AIRFLOW_PORT": str(settings.airflow_port),
        }
        result = subprocess.run(
            [sys.executable, "-m", "moshtari.cli", "run", "--date", day],
            env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
        assert "down again" in result.stdout
        embedded_server(settings).start()
        return settings

    yield run
    embedded_server(settings).stop()


def test_online_retail(run_day) -> None:
    settings = run_day("online_retail", "2011-12-09")
    with connect(settings, role="bi_reader") as reader:
        row = reader.execute(
            """
            select
                count(*) filter (where orders > 0), sum(orders), round(sum(gross_revenue), 2),
                sum(frequency), sum(recency_days), sum(age_days),
                count(*) filter (where purchase_days > 1), count(*)
            from bi.customers
            """
        ).fetchone()
        net = reader.execute("select sum(net_revenue) from bi.customers").fetchone()
    assert row == (4338, 18532, Decimal("8911407.90"), 12425, 567287, 966641, 2790, 4372)
    with connect(settings, role="moshtari_builder") as builder:
        gross, taken_back = builder.execute(
            """
            select
                sum(o.gross_amount),
                (select sum(r.amount) from raw.refunds as r
                 inner join raw.orders as c on r.order_id = c.order_id
                 where c.customer_id is not null)
            from raw.orders as o
            where o.customer_id is not null
            """
        ).fetchone() or (None, None)
    assert net == (gross - taken_back,)
    assert taken_back > 0


def test_cdnow(run_day) -> None:
    settings = run_day("cdnow", "1997-09-30")
    with (SHARED_DATA / "cdnow_sample_summary_weekly.csv").open(newline="") as stream:
        known = sorted(
            (int(row["frequency"]), row["recency"], row["T"]) for row in csv.DictReader(stream)
        )
    with connect(settings, role="bi_reader") as reader:
        found = sorted(
            (frequency, str(round(recency / 7, 2)), str(round(age / 7, 2)))
            for frequency, recency, age in reader.execute(
                "select frequency, recency_days, age_days from bi.customers where orders > 0"
            )
        )
    assert found == known
