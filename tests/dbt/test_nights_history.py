"""Nights of the real project with real publications: what happens to histories as people go on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
import pytest
from tests.candidates import open_gate
from tests.dbt.project import land, run_dbt

from moshtari.publication import PUBLISHED, begin_run, publish, rollback
from moshtari.settings import Deployment, Settings
from moshtari.transform import state
from moshtari.voice import classify_texts

pytestmark = pytest.mark.slow

TABLES = (
    "customers", "customer_types", "customer_life_cycle", "segments_daily", "segment_membership",
)  # fmt: skip
MARTS = tuple(mart for mart in PUBLISHED if mart.table in TABLES)
HISTORIES = tuple(
    table for mart in MARTS if mart.scope for table in (mart.history_table, mart.scope_table)
)
DEPLOYMENT = Deployment(name="test", sources={"shop": {"kind": "postgres"}})


@dataclass
class Shop:
    """A shop whose nights are landed, built and published."""

    settings: Settings
    pg: psycopg.Connection

    def load(self, day: str, entity: str, *rows: dict[str, Any], first: bool = False) -> None:
        row = self.pg.execute(
            "insert into ops.loads (source, entity, family, business_date, covers_from, status)"
            " values ('shop', %s, 'orders', %s, %s, 'landed') returning load_id",
            [entity, day, None if first else day],
        ).fetchone()
        assert row is not None
        known = "-infinity" if first else day
        land(self.pg, entity, *({"load_id": row[0], "known_from": known, **r} for r in rows))

    def account(self, day: str, customer_id: str, *, first: bool = False, **columns: Any) -> None:
        updated = "2024-01-01 08:00Z" if first else f"{day} 08:00Z"
        row = {"customer_id": customer_id, "created_at": "2024-01-01 08:00Z",
               "updated_at": updated, **columns}  # fmt: skip
        self.load(day, "customers", row, first=first)

    def orders(self, day: str, customer_id: str, *days: str, first: bool = False) -> None:
        rows = (
            {"order_id": f"{customer_id}-{on}", "customer_id": customer_id,
             "ordered_at": f"{on} 08:00Z", "gross_amount": 100}
            for on in days
        )  # fmt: skip
        self.load(day, "orders", *rows, first=first)

    def night(self, day: str, *, anew: bool = False, tests: bool = False) -> int:
        """Build the day's marts as a night does, and publish them."""
        run = begin_run(self.settings, date.fromisoformat(day))
        classify_texts(self.settings, DEPLOYMENT, run.as_of_date)
        if anew:
            self.pg.execute("update ops.state set fingerprint = 'of another release'")
        variables: dict[str, Any] = {
            "as_of_date": day,
            "run_id": run.run_id,
            "prior_run_id": run.prior_run_id or 0,
            "outreach_channels": ["sms", "email"],
        }
        project = self.settings.project_root / "dbt_project"
        variables |= state.begin(self.settings, project, variables)
        variables["on_line"] = run.on_line
        assert anew or run.prior_run_id is None or variables["changes_since_run"] > 0
        # A state that lacks any of its tables is not gone on from.
        arguments = [*(f"+{table}" for table in TABLES), "+config.materialized:incremental"]
        run_dbt(
            self.settings, "build", "--select", *arguments, "--resource-type", "model",
            "--resource-type", "seed", variables=variables,
        )  # fmt: skip
        if tests:
            run_dbt(
                self.settings, "test", "--select", *TABLES, *HISTORIES,
                "--indirect-selection", "cautious", "--exclude", "test_type:unit",
                variables=variables,
            )  # fmt: skip
        state.settle(self.settings, run.run_id)
        open_gate(self.pg, run.run_id)
        publish(self.settings, run.run_id, marts=MARTS)
        return run.run_id

    def key(self, account: str) -> str:
        row = self.pg.execute(
            "select customer_key from intermediate.int_identity_links where identity_key = %s",
            [f"account:shop/{account}"],
        ).fetchone()
        assert row is not None
        return str(row[0])

    def phases(self, key: str) -> list[tuple[str, str, str | None]]:
        return self.pg.execute(
            "select phase, from_date::text, to_date::text from bi.customer_life_cycle"
            " where customer_key = %s order by from_date",
            [key],
        ).fetchall()

    def types(self, key: str, type_name: str) -> list[tuple[str, str | None]]:
        return self.pg.execute(
            "select valid_from::text, valid_to::text from bi.customer_types"
            " where customer_key = %s and type = %s order by valid_from",
            [key, type_name],
        ).fetchall()

    def steps(self, key: str) -> list[tuple[Any, ...]]:
        return self.pg.execute(
            "select value, joined_on::text, left_on::text, joined_because, left_because,"
            " observed_as = customer_key from bi.segment_membership"
            " where customer_key = %s and axis = 'ladder_step'"
            " order by observed_as <> customer_key, joined_on",
            [key],
        ).fetchall()

    def written(self) -> int:
        """Rows of the life cycle's history that the last run brought."""
        row = self.pg.execute(
            "select count(*) from store.customer_life_cycle_history"
            " where from_position = (select head from ops.line)"
        ).fetchone()
        assert row is not None
        return int(row[0])

    def content(self) -> dict[str, list[str]]:
        return {
            mart.table: sorted(
                str(row)
                for row in self.pg.execute(
                    f"select to_jsonb(v) - 'run_id' from {mart.view_name} as v".encode()
                )
            )
            for mart in MARTS
        }


@pytest.fixture
def shop(settings: Settings, pg: psycopg.Connection) -> Shop:
    return Shop(settings, pg)


def test_nights_that_carry_histories_on(shop: Shop) -> None:
    first = "2025-05-28"
    shop.account(first, "sara", full_name="سارا", phone="09120000001", first=True)
    shop.account(first, "quiet", full_name="مریم", phone="09120000002", first=True)
    shop.account(first, "elder", full_name="رضا", phone="09120000003", first=True)
    shop.account(first, "double", full_name="رضا", phone="09120000004", first=True)
    shop.orders(first, "sara", "2025-04-02", "2025-04-12", "2025-04-22", first=True)
    shop.orders(first, "quiet", "2025-02-28", first=True)
    shop.orders(first, "elder", "2025-05-01", "2025-05-12", first=True)
    shop.orders(first, "double", "2025-05-20", first=True)
    shop.night(first)
    keys = {name: shop.key(name) for name in ("sara", "quiet", "elder", "double")}
    assert shop.steps(keys["sara"]) == [("repeat", first, None, "history_begins", None, True)]
    began = shop.types(keys["sara"], "at_risk")
    assert [ended for _, ended in began] == [None]

    # Sara buys: what she was ends, she rises. Nobody does anything to Maryam but time.
    shop.orders("2025-05-29", "sara", "2025-05-29")
    shop.night("2025-05-29")
    assert shop.types(keys["sara"], "at_risk") == [(began[0][0], "2025-05-29")]
    assert shop.steps(keys["sara"])[0][1:] == (
        first, "2025-05-29", "history_begins", "purchase", True,
    )  # fmt: skip
    assert shop.phases(keys["quiet"])[-2:] == [
        ("existing", "2025-03-31", "2025-05-29"),
        ("separation", "2025-05-29", None),
    ]
    # Maryam's two rows, and no row of anybody else whose phases are as they were.
    assert shop.written() == 2
    assert shop.phases(keys["double"]) == [
        ("acquisition", "2024-01-01", "2025-05-20"), ("new", "2025-05-20", None),
    ]  # fmt: skip

    # The second account gets the first one's number: they are one person from now on.
    shop.account("2025-05-30", "double", full_name="رضا", phone="09120000003")
    shop.night("2025-05-30", tests=True)
    person = shop.key("elder")
    assert shop.key("double") == person
    former = ({keys["elder"], keys["double"]} - {person}).pop()
    for view in ("customer_types", "customer_life_cycle", "segment_membership"):
        left = shop.pg.execute(
            f"select count(*) from bi.{view} where customer_key = %s".encode(), [former]
        )
        assert left.fetchone() == (0,), view
    # One line of phases, over the days of both.
    assert [phase for phase, _, _ in shop.phases(person)] == ["acquisition", "new", "existing"]
    joined = [step for step in shop.steps(person) if not step[-1]]
    assert [(step[2], step[4]) for step in joined] == [("2025-05-30", "merged")]
    together = shop.content()

    # It was a mistake, and each has its own again; and again on the same day, and from the start.
    shop.account("2025-05-31", "double", full_name="رضا", phone="09120000004")
    shop.night("2025-05-31")
    assert {shop.key("elder"), shop.key("double")} == {keys["elder"], keys["double"]}
    apart = shop.content()
    assert all(step[-1] for step in shop.steps(former))
    assert shop.steps(former)[-1][1:4] == ("2025-05-31", None, "split")
    assert shop.steps(former)[0][4] == "merged"
    shop.night("2025-05-31")
    assert shop.content() == apart
    shop.night("2025-05-31", anew=True, tests=True)
    again = shop.content()
    assert again["customer_life_cycle"] == apart["customer_life_cycle"]
    assert again["customers"] == apart["customers"]

    rollback(shop.settings, to_run_id=3)
    assert shop.content() == together

    # From there on to a day when Sara has been silent for long: of that type once more, and of none
    # before it ended.
    shop.night("2025-08-15", anew=True)  # what changed is logged since the build anew, not before
    periods = shop.types(keys["sara"], "at_risk") + shop.types(keys["sara"], "lapsed")
    assert (began[0][0], "2025-05-29") in periods
    assert any(starts >= "2025-05-29" and ends is None for starts, ends in periods)
