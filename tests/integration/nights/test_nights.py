"""All DAGs, end to end, on real Airflow: what is published, and what faults leave of it.

The tests run in the order of the file: each begins where the one before left the warehouse.
"""

from __future__ import annotations

import csv
import json
import time
from datetime import timedelta
from threading import Thread

import openpyxl
import psycopg
import pytest
from tests.integration.nights.conftest import (
    FIRST_LOAD,
    LAST_NIGHT,
    SECOND_NIGHT,
    THIRD_NIGHT,
    Stage,
)

from moshtari.demo import scenario
from moshtari.demo.scoring import score
from moshtari.operations.airflow_api import AirflowApi
from moshtari.operations.nights import NIGHT_DAGS, NightBusyError, NightFailedError, run_days
from moshtari.operations.report import night_report
from moshtari.operations.stack import EXTRACTION_DAGS, demo_processes
from moshtari.publication import rollback, status
from moshtari.publication.marts import PUBLISHED
from moshtari.settings import Settings
from moshtari.warehouse.connection import connect

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

VIEWS = (*(mart.view_name for mart in PUBLISHED if mart.schema == "bi"), "bi.publications")
# Three nights are too short for anything to have come of a list, and nothing is due in season.
MAY_BE_EMPTY = {"bi.outreach_effects"}


def one(connection: psycopg.Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_three_nights_are_published_in_order(stage: Stage) -> None:
    found = status(stage.settings)
    assert found.current is not None
    assert found.current.as_of_date == THIRD_NIGHT
    assert found.previous is not None
    assert found.previous.as_of_date == SECOND_NIGHT
    published = [run.as_of_date for run in found.attempts if run.status == "published"]
    assert published == [THIRD_NIGHT, SECOND_NIGHT, FIRST_LOAD]


def test_the_ledger_adds_up_and_nothing_is_lost(stage: Stage) -> None:
    with stage.admin() as admin, stage.admin(scenario.DATABASE) as world:
        assert one(admin, "select count(*) from ops.loads where status <> 'landed'") == 0
        landed = one(admin, "select count(distinct _key) from raw.orders")
        assert landed == one(world, "select count(*) from shop.sales")
        tickets = one(admin, "select count(distinct _key) from raw.tickets")
        assert tickets == one(world, "select count(*) from help_desk.tickets")
        money = one(admin, "select sum(total_amount) from raw.orders as o where not exists ("
                    " select from raw.orders as later where later._key = o._key"
                    " and later._load_id > o._load_id)")  # fmt: skip
        assert money == one(world, "select sum(grand_total) from shop.sales")


def test_every_view_shows_one_run_and_one_day(stage: Stage) -> None:
    with connect(stage.settings, role="bi_reader") as reader:
        for view in VIEWS:
            if view not in MAY_BE_EMPTY:
                assert one(reader, f"select count(*) from {view}"), view
            if view != "bi.publications":
                days = one(reader, f"select array_agg(distinct as_of_date) from {view}")
                assert days in ([THIRD_NIGHT], None), view
        assert one(reader, "select count(*) = count(distinct customer_key) from bi.customers")


def test_readers_see_their_own_schema_only(stage: Stage) -> None:
    for role, forbidden in (
        ("bi_reader", ("outreach.lists", "raw.customers", "store.customers", "ops.runs")),
        ("outreach_reader", ("bi.customers", "raw.customers", "store.outreach_lists")),
    ):
        for relation in forbidden:
            with (
                connect(stage.settings, role=role) as reader,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                reader.execute(f"select count(*) from {relation}".encode())


def test_no_personal_data_in_what_analysts_read(stage: Stage) -> None:
    with stage.admin(scenario.DATABASE) as world:
        names = {row[0] for row in world.execute("select full_name from shop.accounts").fetchall()}
        phones = {row[0][-9:] for row in world.execute(
            "select mobile from shop.accounts where mobile ~ '^[0-9+]+$'").fetchall()}  # fmt: skip
    with connect(stage.settings, role="bi_reader") as reader:
        for view in VIEWS:
            for (text,) in reader.execute(f"select t::text from {view} as t".encode()):
                assert "@" not in text, view
                assert not any(phone in text for phone in phones), view
                assert not any(name in text for name in names if name), view


def test_the_labels_hold_against_the_latent_truth(stage: Stage) -> None:
    day, identity, scores = score(stage.settings, scenario.admin_dsn(stage.settings))
    assert day == THIRD_NIGHT
    assert identity.fused_customers <= 0.02 * identity.customers
    by_label = {s.label: s for s in scores}
    for label, precision, recall in (
        ("new", 0.75, 0.9),
        ("lapsed", 0.75, 0.8),
        ("active", 0.45, 0.3),
        ("dissatisfied", 0.4, 0.4),
        ("at_risk", 0.2, 0.3),
    ):
        found = by_label[label]
        assert (found.precision or 0) >= precision, found
        assert (found.recall_observable or 0) >= recall, found


def test_todays_list_is_on_the_disk(stage: Stage) -> None:
    folder = stage.settings.home / "outreach" / THIRD_NIGHT.isoformat()
    with (folder / "at_risk.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    report = night_report(stage.settings, THIRD_NIGHT)
    listed = {row["list_name"]: row["customers"] for row in report.lists}
    assert len(rows) == listed["at_risk"] > 0
    assert [int(row["rank"]) for row in rows] == list(range(1, len(rows) + 1))
    assert all(row["reasons_fa"] and row["reasons_en"] and row["address"] for row in rows)
    sheet = openpyxl.load_workbook(folder / "at_risk.xlsx").active
    assert sheet is not None
    assert sheet.max_row == len(rows) + 1


def test_nobody_without_consent_is_on_the_list(stage: Stage) -> None:
    with stage.admin() as admin, stage.admin(scenario.DATABASE) as world:
        addresses = {
            str(row[0])[-9:]
            for row in admin.execute(
                "select address from outreach.lists where channel = 'sms'"
            ).fetchall()
        }
        willing = {
            str(row[0])
            for row in world.execute(
                "select right(translate(regexp_replace(mobile, '[^0-9۰-۹٠-٩]', '', 'g'),"
                " '۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩', '01234567890123456789'), 9)"
                " from shop.accounts where sms_opt_in and not is_staff and deleted_at is null"
            ).fetchall()
        }
    assert addresses
    assert addresses <= willing


def test_the_same_night_again_changes_nothing(stage: Stage) -> None:
    before = stage.published()
    stage.night(THIRD_NIGHT)
    assert stage.published() == before


def test_an_old_night_again_gives_its_own_answer_and_is_not_shown(stage: Stage) -> None:
    shown = stage.published()
    before = stage.published(day=SECOND_NIGHT)
    # As a backfill: Airflow runs the old runs again, under their old ids.
    stage.night(SECOND_NIGHT, backfill=True)
    assert stage.published(day=SECOND_NIGHT) == before
    assert stage.published() == shown


def test_two_runs_of_a_night_at_once_end_in_the_same_rows(stage: Stage) -> None:
    scenario.ensure_lived(stage.settings, LAST_NIGHT)
    failed: list[BaseException] = []

    def follow() -> None:
        try:
            for _progress in run_days(stage.settings, [LAST_NIGHT], backfill=False):
                pass
        except BaseException as error:
            failed.append(error)

    first = Thread(target=follow)
    first.start()
    with AirflowApi(stage.settings) as api:
        while not any(r.day == LAST_NIGHT for r in api.runs("extract_orders")):
            time.sleep(0.2)
        with pytest.raises(NightBusyError, match="already"):
            next(iter(run_days(stage.settings, [LAST_NIGHT], backfill=False)))
        # Behind the command line's back, straight through Airflow.
        for dag_id in EXTRACTION_DAGS:
            api.trigger(dag_id, LAST_NIGHT)
        first.join()
        assert failed == []
        once = stage.published()
        at_rest = 0
        # A run that Airflow is about to begin, because another has ended, is in no list yet.
        while at_rest < 5:
            busy = any(not run.finished for dag in NIGHT_DAGS for run in api.runs(dag))
            at_rest = 0 if busy else at_rest + 1
            time.sleep(0.5)
    assert stage.published() == once
    found = status(stage.settings)
    assert found.current is not None
    assert found.current.as_of_date == LAST_NIGHT


def test_a_source_that_is_down_stops_the_night_and_nothing_else(stage: Stage) -> None:
    shown = stage.published()
    (social,) = [p for p in demo_processes(stage.settings) if p.name == "social"]
    social.stop()
    try:
        with pytest.raises(NightFailedError, match="social") as caught:
            stage.night(LAST_NIGHT)
    finally:
        scenario.start_services(stage.settings)
    assert "extract_mentions.extract_social" in str(caught.value)
    assert stage.published() == shown
    alerts = (stage.settings.home / "alerts.jsonl").read_text()
    assert "extract_social" in alerts
    stage.night(LAST_NIGHT)
    assert stage.published() == shown


def test_an_empty_shop_is_held_and_a_strange_one_shuts_the_gate(stage: Stage) -> None:
    tonight = LAST_NIGHT + timedelta(days=1)
    shown = stage.published()
    scenario.ensure_lived(stage.settings, tonight)
    with stage.admin(scenario.DATABASE) as world:
        world.execute("alter table shop.sales rename to sales_kept")
        world.execute("create table shop.sales (like shop.sales_kept)")
        world.execute("grant select on shop.sales to demo_shop")
        try:
            with pytest.raises(NightFailedError, match="orders: held: 0 rows") as held:
                stage.night(tonight)
            assert stage.published() == shown
            world.execute("insert into shop.sales select * from shop.sales_kept")
            world.execute("update shop.sales set currency = 'Toman'")
            with pytest.raises(NightFailedError, match="check_arrivals") as caught:
                stage.night(tonight)
        finally:
            world.execute("drop table shop.sales")
            world.execute("alter table shop.sales_kept rename to sales")
    assert f"accept-load shop orders --date {tonight}" in str(held.value)
    assert "order_currency_is_iso" in str(caught.value)
    with stage.admin() as admin:
        last = admin.execute(
            "select status, as_of_date from ops.runs order by run_id desc limit 1"
        ).fetchone()
    assert last == ("refused", tonight)
    assert stage.published() == shown
    page = (stage.settings.home / "gate.html").read_text(encoding="utf-8")
    assert "gate shut" in page
    assert "order_currency_is_iso" in page
    # The shop is whole again: the same night brings everything as it is.
    stage.night(tonight)
    found = status(stage.settings)
    assert found.current is not None
    assert found.current.as_of_date == tonight
    with stage.admin() as admin, stage.admin(scenario.DATABASE) as world:
        landed = one(admin, "select count(distinct _key) from raw.orders")
        assert landed == one(world, "select count(*) from shop.sales")


def test_the_alarm_rings_when_a_day_is_not_published_in_time(stage: Stage) -> None:
    never = LAST_NIGHT + timedelta(days=300)
    alerts = stage.settings.home / "alerts.jsonl"
    with AirflowApi(stage.settings) as api:
        api.trigger("watch_publication", LAST_NIGHT)
        api.trigger("watch_publication", never)
    rung: list[dict[str, str]] = []
    for _attempt in range(120):
        rung = [
            alert
            for alert in map(json.loads, alerts.read_text().splitlines())
            if alert["kind"] == "nothing_published_by_deadline"
        ]
        if any(alert["business_date"] == never.isoformat() for alert in rung):
            break
        time.sleep(1)
    assert [alert["business_date"] for alert in rung] == [never.isoformat()]


def test_rollback_shows_the_publication_before(stage: Stage) -> None:
    before = status(stage.settings)
    assert before.current is not None
    assert before.previous is not None
    rollback(stage.settings)
    after = status(stage.settings)
    assert after.current is not None
    assert after.current.run_id == before.previous.run_id


def test_logs_and_xcoms_hold_no_personal_data(stage: Stage) -> None:
    settings: Settings = stage.settings
    with stage.admin(scenario.DATABASE) as world:
        emails = [
            row[0]
            for row in world.execute(
                "select email from shop.accounts where email is not null"
            ).fetchall()
        ]
        names = [
            row[0]
            for row in world.execute("select distinct full_name from shop.accounts").fetchall()
        ]
    assert emails
    home = settings.home
    logs = [
        *(home / "airflow" / "logs").rglob("*.log"),
        *(home / "run").glob("*.log"),
        *(home / "dbt").rglob("*.log"),
        *(home / "data_docs").rglob("*.html"),
        home / "postgres.log",
        home / "alerts.jsonl",
    ]
    assert len(logs) > 20
    for log in logs:
        text = log.read_text(errors="replace")
        assert not [email for email in emails if email in text], log
        assert not [name for name in names if name and name in text], log
    with stage.admin("airflow") as airflow:
        xcoms = airflow.execute("select value::text from xcom").fetchall()
    assert xcoms
    for (value,) in xcoms:
        assert not any(name and name in str(value) for name in names)
