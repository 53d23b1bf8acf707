"""Going on from yesterday's state ends in the rows of a build anew, whatever came in between."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests.dbt.project import land, run_dbt

from moshtari.publication import begin_run
from moshtari.settings import Settings
from moshtari.transform import state

pytestmark = pytest.mark.slow

# What is compared: all that a night may leave as it is, and what is made of it.
TABLES = (
    "staging.stg_shop__orders",
    "staging.stg_shop__customers",
    "staging.stg_shop__refunds",
    "staging.stg_shop__shipments",
    "intermediate.int_identity_links",
    "intermediate.int_refunds_valued",
    "intermediate.int_orders_valued",
    "intermediate.int_customer_days_summarized",
    "intermediate.int_customers_summed",
    "intermediate.int_customers_profiled",
    "intermediate.int_customers_measured",
)
SELECTION = ("+config.materialized:incremental", "+int_customers_measured")


@dataclass
class Shop:
    """A database in which nights are landed and built."""

    settings: Settings
    pg: psycopg.Connection
    run: int = 0
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def project(self) -> Path:
        return self.settings.project_root / "dbt_project"

    def load(self, day: str, entity: str, *rows: dict[str, Any], first: bool = False) -> None:
        """Land rows of one entity by one load of a business day."""
        row = self.pg.execute(
            "insert into ops.loads (source, entity, family, business_date, covers_from, status)"
            " values ('shop', %s, 'orders', %s, %s, 'landed') returning load_id",
            [entity, day, None if first else day],
        ).fetchone()
        assert row is not None
        known = "-infinity" if first else day
        land(self.pg, entity, *({"load_id": row[0], "known_from": known, **r} for r in rows))

    def begin(self, day: str) -> dict[str, Any]:
        run = begin_run(self.settings, date.fromisoformat(day))
        variables = {
            "as_of_date": day,
            "run_id": run.run_id,
            "prior_run_id": run.prior_run_id or 0,
            "outreach_channels": ["sms", "email"],
        }
        self.run = run.run_id
        self.told = state.begin(self.settings, self.project, variables)
        return {**variables, **self.told}

    def build(self, day: str) -> None:
        """One night that ends well."""
        variables = self.begin(day)
        run_dbt(self.settings, "build", "--select", *SELECTION, "--resource-type", "model",
                "--resource-type", "seed", variables=variables)  # fmt: skip
        state.settle(self.settings, variables["run_id"])

    def kill(self, day: str) -> None:
        """One night, of which dbt is killed as soon as it has replaced the orders that changed."""
        variables = self.begin(day)

        def night() -> None:
            os.setsid()
            run_dbt(self.settings, "run", "--select", *SELECTION, variables=variables)

        process = multiprocessing.get_context("fork").Process(target=night)
        process.start()
        assert process.pid is not None
        query = (
            "select exists (select from intermediate.int_orders_valued where changed_in_run = %s)"
        )
        while self.pg.execute(query, [variables["run_id"]]).fetchone() != (True,):
            assert process.is_alive(), "the night ended before it was killed"
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
        process.join()

    def forget(self) -> None:
        """Let the next build begin anew."""
        self.pg.execute("update ops.state set clean_run_id = null")

    def rows(self) -> dict[str, list[str]]:
        """Every row of the compared tables, without the run that wrote it."""
        found = {}
        for table in TABLES:
            name = sql.Identifier(*table.split("."))
            rows = self.pg.execute(
                sql.SQL("select (to_jsonb(t) - 'changed_in_run')::text from {} as t").format(name)
            ).fetchall()
            found[table] = sorted(row[0] for row in rows)
        return found

    def assert_as_if_anew(self, day: str) -> None:
        """Build the day anew, and compare; the state is that build's afterwards."""
        assert self.told["state_run_id"] > 0, "the build to be compared did not go on from a state"
        gone_on = self.rows()
        self.forget()
        self.build(day)
        anew = self.rows()
        for table in TABLES:
            assert gone_on[table] == anew[table], table
        assert anew["intermediate.int_customers_measured"]


@pytest.fixture
def shop(settings: Settings, pg: psycopg.Connection) -> Shop:
    return Shop(settings, pg)


def order(
    number: str, day: str, customer: str | None, gross: int = 100, **more: Any
) -> dict[str, Any]:
    return {
        "order_id": number, "ordered_at": f"{day} 09:00+03:30", "customer_id": customer,
        "gross_amount": gross, "total_amount": gross, "discount_amount": 0, **more,
    }  # fmt: skip


def account(number: str, day: str = "2025-01-01", **more: Any) -> dict[str, Any]:
    at = f"{day} 08:00+03:30"
    return {"customer_id": number, "created_at": at, "updated_at": at, **more}


def refund(number: str, of: str, asked: str, done: str | None, **more: Any) -> dict[str, Any]:
    return {
        "refund_id": number, "order_id": of, "amount": 30, "requested_at": f"{asked} 10:00+03:30",
        "completed_at": f"{done} 10:00+03:30" if done else None, **more,
    }  # fmt: skip


def first_load(shop: Shop) -> None:
    """A history up to 10 June, of which some lies beyond the first day built, 1 June."""
    shop.load(
        "2025-06-01", "customers",
        account("1", email="a@x.ir", phone="09120000001"),
        account("2", email="b@x.ir", referred_by_customer_id="1"),
        account("3", phone="09120000003", party="organization", organization_name="Co"),
        account("4", "2025-06-04", email="d@x.ir"),
        account("5", email="e@x.ir", deleted_at="2025-06-05 10:00+03:30"),
        first=True,
    )  # fmt: skip
    shop.load(
        "2025-06-01", "orders",
        order("o1", "2024-06-05", "1"), order("o2", "2025-03-01", "1"),
        order("o3", "2025-05-20", "2", 50, currency="EUR"),
        order("o4", "2025-05-21", "3", status="pending"),
        order("o5", "2025-05-22", None, guest_email="g@x.ir"),
        order("o6", "2025-05-23", None), order("o7", "2025-06-04", "4"),
        order("o8", "2025-06-02", "2", session_id="s1", coupon_codes=["A"]),
        order("o9", "2025-05-25", "5"),
        first=True,
    )  # fmt: skip
    shop.load(
        "2025-06-01", "refunds",
        refund("r1", "o2", "2025-03-05", "2025-06-03"), refund("r2", "o3", "2025-05-25", None),
        refund("r3", "o6", "2025-05-25", "2025-05-26", kind="correction"),
        first=True,
    )  # fmt: skip
    shop.load(
        "2025-06-01", "exchange_rates",
        {"rate_date": "2025-05-01", "currency": "EUR", "rate_to_base": 10},
        {"rate_date": "2025-06-03", "currency": "EUR", "rate_to_base": 11},
        first=True,
    )  # fmt: skip
    shop.load("2025-06-01", "tickets", first=True)
    shop.load("2025-06-01", "mentions", first=True)


def test_nights_of_changes_end_in_the_rows_of_a_build_anew(shop: Shop) -> None:
    first_load(shop)
    shop.build("2025-06-01")
    assert shop.told["state_run_id"] == 0

    # Corrected, late and new rows; a guest known from now on; an order that changes its customer.
    shop.load(
        "2025-06-02", "orders",
        order("o4", "2025-05-21", "3", updated_at="2025-06-02 09:00Z"),
        order("o10", "2025-02-01", "1", 70, updated_at="2025-06-02 09:00Z"),
        order("o6", "2025-05-23", "2", 90, updated_at="2025-06-02 09:00Z"),
        order("o11", "2025-06-02", "6", currency="USD"),
    )  # fmt: skip
    shop.load("2025-06-02", "customers", account("6", "2025-06-02", email="G@x.ir"))
    shop.build("2025-06-02")
    assert shop.told["state_run_id"] > 0

    # Deleted rows, a refund that goes to another order, a rate corrected and one that comes late;
    # on this very day the first load's r1 is completed and its second rate holds.
    shop.load(
        "2025-06-03", "orders",
        order("o5", "2025-05-22", None, is_deleted=True, updated_at="2025-06-03 09:00Z"),
    )  # fmt: skip
    shop.load("2025-06-03", "refunds", refund("r3", "o1", "2025-05-25", "2025-05-26"))
    shop.load(
        "2025-06-03", "exchange_rates",
        {"rate_date": "2025-05-01", "currency": "EUR", "rate_to_base": 12},
        {"rate_date": "2025-06-01", "currency": "USD", "rate_to_base": 7},
    )  # fmt: skip
    # Landed already, and of tomorrow.
    shop.load("2025-06-04", "orders", order("o12", "2025-06-04", "1", 33))
    shop.build("2025-06-03")
    shop.assert_as_if_anew("2025-06-03")

    # Two customers become one by a shared key, and one of them is erased.
    shop.load(
        "2025-06-04", "customers",
        account("2", email="a@x.ir", updated_at="2025-06-04 09:00Z"),
    )  # fmt: skip
    shop.load("2025-06-04", "erasures", {"subject_key": "3", "requested_at": "2025-06-04 09:00Z"})
    shop.load("2025-06-04", "shipments", {"shipment_id": "s1", "order_id": "o2", "status": "lost"})
    shop.build("2025-06-04")
    shop.assert_as_if_anew("2025-06-04")

    # They come apart again; a killed build leaves half of it behind; nobody lands anything after
    # that, but days leave the window.
    shop.load(
        "2025-06-05", "customers",
        account("2", email="b@x.ir", updated_at="2025-06-05 09:00Z"),
    )  # fmt: skip
    shop.load("2025-06-05", "erasures", {"subject_key": "3", "is_deleted": True})
    shop.kill("2025-06-05")
    shop.build("2025-06-06")
    shop.assert_as_if_anew("2025-06-06")


def test_a_build_begins_anew_where_it_cannot_know(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def goes_on_from(day: str) -> int:
        told = shop.begin(day)
        state.settle(shop.settings, shop.run)
        return int(told["state_run_id"])

    # The tables are not there: nothing to go on from, whatever the ledger says.
    assert goes_on_from("2025-06-02") == 0
    assert goes_on_from("2025-06-03") == 0
    monkeypatch.setattr(state, "incremental_models", lambda project: [])
    clean = shop.run
    assert goes_on_from("2025-06-03") == clean
    # A killed build of a later day has left rows of that day behind.
    clean = shop.run
    assert shop.begin("2025-06-09")["state_run_id"] == clean
    assert shop.begin("2025-06-09")["state_run_id"] == clean
    assert shop.begin("2025-06-08")["state_run_id"] == 0
    # And one that had begun anew has left nothing to go on from.
    assert goes_on_from("2025-06-08") == 0
    # An older day; another rule or setting.
    assert goes_on_from("2025-06-07") == 0
    assert goes_on_from("2025-06-07") > 0
    monkeypatch.setattr(state, "fingerprint", lambda project, variables: "another")
    assert goes_on_from("2025-06-07") == 0


def test_a_build_that_was_overtaken_writes_nothing_more(shop: Shop) -> None:
    shop.begin("2025-06-02")
    older = shop.run
    shop.begin("2025-06-02")
    with pytest.raises(state.StateError, match=f"run {older} does not hold the state"):
        state.settle(shop.settings, older)
    with pytest.raises(psycopg.errors.RaiseException, match=f"run {older} has been overtaken"):
        shop.pg.execute("select ops.hold_state(%s)", [older])
    shop.pg.execute("select ops.hold_state(%s)", [shop.run])


def test_changes_are_told_since_the_prior_publication_or_not_at_all(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "incremental_models", lambda project: [])
    shop.begin("2025-06-02")
    first = shop.run
    state.settle(shop.settings, first)
    shop.pg.execute(
        "update ops.runs set status = 'published', published_at = now(), line_position = 1"
        " where run_id = %s",
        [first],
    )
    assert shop.begin("2025-06-03")["changes_since_run"] == first
    # Beside the line there is nothing that changes could be laid upon.
    shop.pg.execute("update ops.runs set line_position = null where run_id = %s", [first])
    assert shop.begin("2025-06-03")["changes_since_run"] == 0


def test_a_load_of_a_later_day_is_not_in_the_state(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "incremental_models", lambda project: [])
    shop.load("2025-06-02", "orders", order("a", "2025-06-20", "1"), first=True)
    shop.load("2025-06-04", "orders", order("b", "2025-06-04", "1"))
    shop.begin("2025-06-02")
    state.settle(shop.settings, shop.run)
    noted = shop.pg.execute("select effective_to::date::text from ops.state_loads").fetchall()
    # It has landed by now, as the first one has: that one has more to say until its last order.
    assert noted == [("2025-06-20",)]
