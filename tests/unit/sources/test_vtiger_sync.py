"""Reading Vtiger's modules from a real server: what belongs to a window, and what is gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.http_servers import ALL_HISTORY, DAY, END, ONE_DAY, START, TEHRAN, read
from tests.servers.vtiger import (
    VtigerRecords,
    contact,
    create_app,
    help_desk,
    line,
    sales_order,
    vtiger,
)

from moshtari.demo.faults import Faults
from moshtari.demo.serving import serving
from moshtari.sources.base import Window

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
Crm = tuple[VtigerRecords, str, Faults]


@pytest.fixture(scope="module")
def shared() -> Iterator[Crm]:
    records = VtigerRecords()
    faults = Faults(create_app(records))
    with serving(faults) as base_url:
        yield records, base_url, faults


@pytest.fixture
def crm(shared: Crm) -> Crm:
    records, _, faults = shared
    for module in records.modules.values():
        module.clear()
    records.batch, records.zone = 3, ZoneInfo("UTC")
    faults.follow([])
    return shared


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tehran", "America/New_York"])
def test_a_window_begins_with_its_start_and_ends_before_its_end(crm: Crm, zone: str) -> None:
    records, base_url, _ = crm
    records.zone = ZoneInfo(zone)
    times = [START - SECOND, START, END - SECOND, END]
    records.modules["HelpDesk"] = [help_desk(key, at) for key, at in enumerate(times, start=1)]
    source = vtiger(base_url, timezone=zone)
    found = read(source, "tickets", ONE_DAY).by("ticket_id")
    assert set(found) == {"17x2", "17x3"}
    assert str(found["17x2"]["updated_at"]).startswith(START.astimezone(ZoneInfo(zone)).isoformat())
    assert set(read(source, "tickets", ALL_HISTORY).by("ticket_id")) == {"17x1", "17x2", "17x3"}


def test_every_module_becomes_its_entity(crm: Crm) -> None:
    records, base_url, faults = crm
    records.modules["HelpDesk"] = [help_desk(1, START)]
    records.modules["Contacts"] = [contact(1, START)]
    records.modules["SalesOrder"] = [
        sales_order(key, START, currency_id=f"21x{1 + key % 2}", LineItems=[line(key)])
        for key in (1, 2, 3)
    ]
    source = vtiger(base_url, fields={"tickets": {"order_id": "cf_order"}})
    assert read(source, "tickets", ONE_DAY).rows[0]["order_id"] == "6x1"
    assert read(source, "customers", ONE_DAY).rows[0]["full_name"] == "سارا محمدی 1"
    orders = read(source, "orders", ONE_DAY).by("order_id")
    assert [orders[f"6x{key}"]["currency"] for key in (1, 2, 3)] == ["EUR", "IRR", "EUR"]
    assert sum("id=21x2" in request for request in faults.requests) == 1
    items = read(source, "order_items", ONE_DAY)
    assert {(row["order_id"], row["line_no"]) for row in items.rows} == {
        ("6x1", "1"),
        ("6x2", "2"),
        ("6x3", "3"),
    }
    (named,) = read(vtiger(base_url, currency="IRT"), "orders", ONE_DAY).rows[:1]
    assert named["currency"] == "IRT"


def test_a_deletion_is_a_tombstone_of_its_day(crm: Crm) -> None:
    records, base_url, _ = crm
    records.modules["HelpDesk"] = [
        help_desk(1, START - HOUR, deleted=True),
        help_desk(2, START, deleted=True),
        help_desk(3, END - SECOND, deleted=True),
        help_desk(4, END, deleted=True),
        help_desk(5, END + SECOND, deleted=True),
        help_desk(6, START + HOUR),
    ]
    records.batch = 100
    source = vtiger(base_url)
    reading = read(source, "tickets", ONE_DAY)
    gone = {row["ticket_id"]: row for row in reading.rows if row.get("_is_deleted") == "true"}
    assert set(gone) == {"17x2", "17x3"}
    assert all(row["_changed_at"] == (END - SECOND).isoformat() for row in gone.values())
    later = read(source, "tickets", Window(DAY, END, END + HOUR, TEHRAN))
    assert {row["ticket_id"] for row in later.rows} == {"17x4", "17x5"}


def test_an_order_that_changed_or_went_after_the_window_has_no_lines_yet(crm: Crm) -> None:
    records, base_url, _ = crm
    orders = [sales_order(key, START + key * SECOND) for key in range(1, 7)]
    records.modules["SalesOrder"] = orders
    rows = iter(vtiger(base_url).read("order_items", ONE_DAY))
    next(rows)
    orders[3]["modifiedtime"] = END
    orders[4] |= {"deleted": True, "modifiedtime": END}
    found = {row[0] for batch in rows for row in batch.rows}  # type: ignore[union-attr]
    assert found <= {"6x4", "6x5", "6x6"}
    assert "6x6" in found


@settings(max_examples=40, deadline=None)
@given(
    offsets=st.lists(st.integers(-3, 12), max_size=40),
    batch=st.integers(1, 9),
    gone=st.sets(st.integers(0, 40)),
)
def test_no_record_is_lost_whatever_the_times_and_the_batch(
    shared: Crm, offsets: list[int], batch: int, gone: set[int]
) -> None:
    records, base_url, faults = shared
    faults.follow([])
    records.zone, records.batch = ZoneInfo("UTC"), batch
    end = START + 9 * SECOND
    records.modules["HelpDesk"] = [
        help_desk(key, START + at * SECOND, deleted=key in gone) for key, at in enumerate(offsets)
    ]
    reading = read(vtiger(base_url), "tickets", Window(DAY, START, end, TEHRAN))
    found = {(row["ticket_id"], row.get("_is_deleted") == "true") for row in reading.rows}
    assert len(found) == len(reading.rows)
    assert found == {(f"17x{key}", key in gone) for key, at in enumerate(offsets) if 0 <= at < 9}
