"""Two nights over hand-made rows: what is said of people, and what the second night carries on."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.dbt.project import content, land, landed, publish, run_dbt

from moshtari.settings import Deployment, Settings
from moshtari.voice import classify_texts

pytestmark = pytest.mark.slow

MARTS = (
    "customers", "customer_types", "customer_types_history", "customer_life_cycle_history",
    "segments_daily", "segment_membership_history", "outreach_lists", "outreach_omissions",
)  # fmt: skip
DEPLOYMENT = Deployment(name="test", sources={"shop": {"kind": "postgres"}})
_YES = Jsonb({"sms": {"state": "granted", "at": "2024-01-01T00:00:00Z"}})


def _account(customer_id: str, **columns: Any) -> dict[str, Any]:
    created = "2024-01-01 08:00Z"
    return {"customer_id": customer_id, "created_at": created, "updated_at": created, **columns}


def _order(order_id: str, day: str, **columns: Any) -> dict[str, Any]:
    return {"order_id": order_id, "ordered_at": f"{day} 08:00Z", "gross_amount": 100, **columns}


@pytest.fixture
def shop(pg: psycopg.Connection) -> psycopg.Connection:
    """A shop of a few people, each for one question."""
    landed(pg, "orders", "customers", "refunds", "tickets", "mentions")
    land(
        pg, "customers",
        _account("sara", email="Sara@Mail.ir", phone="0912 000 0001", consents=_YES,
                 full_name="سارا", social_handles=["mastodon:sara"]),
        _account("amir", phone="+989120000002", consents=_YES, full_name="امیر"),
        _account("worker", phone="09120000003", consents=_YES, is_employee=True),
        _account("silent", phone="09120000004"),
        _account("mother", phone="09120000005", full_name="مادر"),
        _account("son", phone="09120000005", full_name="پسر"),
    )  # fmt: skip
    quiet = ("2025-04-02", "2025-04-12", "2025-04-22")
    for person in ("sara", "amir", "worker", "silent"):
        land(pg, "orders", *(_order(f"{person}-{day}", day, customer_id=person) for day in quiet))
    land(
        pg, "orders",
        # A guest with Sara's address in another form is Sara.
        _order("guest", "2025-04-23", guest_email=" sara@mail.ir", gross_amount=50),
        _order("nobody", "2025-04-23", gross_amount=7),
        _order("euro", "2025-04-23", customer_id="amir", currency="EUR"),
        _order("toman", "2025-04-24", customer_id="amir", currency="IRT", gross_amount=5),
        _order("mother", "2025-05-20", customer_id="mother"),
        _order("son", "2025-05-20", customer_id="son"),
    )  # fmt: skip
    land(
        pg, "refunds",
        {"refund_id": "r1", "order_id": "guest", "amount": 10,
         "requested_at": "2025-05-01 08:00Z", "completed_at": "2025-05-02 08:00Z"},
    )  # fmt: skip
    land(
        pg, "tickets",
        # The ledger's fourth load, above, is the tickets'.
        {"source": "help", "ticket_id": "1", "requester_phone": "۰۹۱۲۰۰۰۰۰۰۲", "subject": "شکایت",
         "load_id": 4, "created_at": "2025-05-25 08:00Z", "updated_at": "2025-05-25 08:00Z"},
        {"source": "help", "ticket_id": "2", "requester_email": "who@else.ir", "subject": "شکایت",
         "load_id": 4, "created_at": "2025-05-25 08:00Z", "updated_at": "2025-05-25 08:00Z"},
    )  # fmt: skip
    return pg


def _build(
    settings: Settings, day: str, run_id: int, prior_run_id: int = 0, *, tests: bool = True
) -> None:
    """One night's models and, unless a night before had them on the same rows, the data tests."""
    left_out = ["unit_test"] if tests else ["unit_test", "--exclude-resource-type", "test"]
    classify_texts(settings, DEPLOYMENT, date.fromisoformat(day))
    run_dbt(
        settings, "build", "--exclude-resource-type", *left_out,
        # Nobody is held out: the key that chooses them differs from one session to the next.
        variables={
            "as_of_date": day, "run_id": run_id, "prior_run_id": prior_run_id, "holdout_share": 0,
        },
    )  # fmt: skip


def _customer(pg: psycopg.Connection, account: str, columns: str) -> tuple[Any, ...] | None:
    return pg.execute(
        f"select {columns} from candidate.customers"
        " inner join intermediate.int_identity_links using (customer_key)"
        " where identity_key = %s".encode(),
        [f"account:shop/{account}"],
    ).fetchone()


def test_two_nights(settings: Settings, shop: psycopg.Connection) -> None:
    pg = shop
    _build(settings, "2025-05-28", run_id=1)

    assert _customer(pg, "sara", "orders, net_revenue, primary_type, satisfaction") == (
        4, Decimal(340), "at_risk", "no_open_issue",
    )  # fmt: skip
    assert _customer(pg, "amir", "orders, net_revenue, types, satisfaction") == (
        4, Decimal(350), ["dissatisfied"], "dissatisfied",
    )  # fmt: skip
    assert pg.execute("select order_key from intermediate.int_orders_unconvertible").fetchall() == [
        ("shop/euro",)
    ]
    # What ties to nobody stays: in the sums, and in the voice of the customer.
    assert pg.execute(
        "select sum(net_revenue) from intermediate.int_customer_days_summarized"
        " where customer_key is null"
    ).fetchone() == (Decimal(7),)
    assert pg.execute(
        "select ticket_key from intermediate.int_tickets_attributed"
        " where customer_key is null and is_complaint"
    ).fetchall() == [("help/2",)]
    # A family's phone ties nobody together, and is listed with the cause.
    assert pg.execute(
        "select identity_key, cause from intermediate.int_identity_review"
    ).fetchall() == [("phone:+989120000005", "conflicting_names")]

    assert pg.execute(
        "select full_name, channel, address, rank from candidate.outreach_lists"
        " where list_name = 'at_risk'"
    ).fetchall() == [("سارا", "sms", "+989120000001", 1)]
    assert pg.execute(
        "select cause, customers from candidate.outreach_omissions"
        " where list_name = 'at_risk' order by cause"
    ).fetchall() == [("internal", 1), ("no_consent", 1)]
    assert pg.execute(
        "select count(*) from candidate.segments_daily where joined is not null"
    ).fetchone() == (0,)

    first_night = {mart: content(pg, mart) for mart in MARTS}
    publish(pg, "customers", "customer_types", "segments_daily")
    land(
        pg, "orders",
        _order("sara-back", "2025-05-29", customer_id="sara", known_from="2025-05-29", load_id=2),
    )  # fmt: skip
    landed(pg, "tickets")
    land(
        pg, "tickets",
        {"source": "help", "ticket_id": "1", "requester_phone": "09120000002", "subject": "شکایت",
         "created_at": "2025-05-25 08:00Z", "updated_at": "2025-05-29 08:00Z", "status": "solved",
         "satisfaction_score": 1, "known_from": "2025-05-29", "load_id": 6},
    )  # fmt: skip
    _build(settings, "2025-05-29", run_id=2, prior_run_id=1)

    assert pg.execute(
        "select type, valid_to::text from ("
        " select customer_key, type, valid_to from candidate.customer_types"
        " union all"
        " select customer_key, type, valid_to from candidate.customer_types_history"
        ") as types"
        " inner join intermediate.int_identity_links using (customer_key)"
        " where identity_key in ('account:shop/sara', 'account:shop/amir')"
        " order by identity_key, type"
    ).fetchall() == [
        ("at_risk", None), ("dissatisfied", "2025-05-29"),
        ("at_risk", "2025-05-29"),
    ]  # fmt: skip
    # Back within her own rhythm, with five purchase days: loyal, and so not merely active.
    assert _customer(pg, "sara", "ladder_step, types") == ("loyal", [])
    assert _customer(pg, "amir", "satisfaction") == ("recovered",)
    assert pg.execute(
        'select day::text, customers, joined, "left" from candidate.segments_daily'
        " where axis = 'type' and value = 'at_risk' order by day"
    ).fetchall() == [("2025-05-28", 3, None, None), ("2025-05-29", 3, 1, 1)]

    # The first night again, after the second: that day's answer, not today's.
    _build(settings, "2025-05-28", run_id=3, tests=False)
    for mart in MARTS:
        assert content(pg, mart) == first_night[mart], mart


def test_without_tickets_and_mentions_satisfaction_is_not_measurable(
    settings: Settings, pg: psycopg.Connection
) -> None:
    landed(pg, "orders")
    land(pg, "orders", _order("1", "2025-05-01", customer_id="one"))
    _build(settings, "2025-05-02", run_id=1, tests=False)
    assert _customer(pg, "one", "satisfaction, phase, ladder_step") == (
        "not_measurable", "new", "buyer",
    )  # fmt: skip
