"""Replaying quarantine: exactly once, never over what is newer, and the ledger adds up."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from tests.unit.landing.feeds import (
    DAY,
    Feed,
    counted,
    item,
    load,
    order,
    reject,
    text_rows,
    versions,
    visible,
)
from tests.unit.landing.kept import KeptFeed, landed, replayed

from moshtari.landing import ledger
from moshtari.landing.contract import ENTITIES
from moshtari.landing.errors import ExtractError
from moshtari.landing.quarantine import Selection
from moshtari.landing.quarantine_review import QuarantineError, discard, groups, kept, reopen
from moshtari.landing.replay import replay
from moshtari.settings import ConfigError, Deployment, Settings
from moshtari.sources.base import TextRows
from moshtari.warehouse.connection import connect

NEXT = DAY + timedelta(days=1)
AT = "2026-03-20T09:00:00Z"
LATER = "2026-03-21T09:00:00Z"
BAD = {"tax_amount": "free"}


def statuses(pg: psycopg.Connection) -> list[tuple[Any, ...]]:
    return pg.execute(
        "select status, reason from quarantine.records order by quarantine_id"
    ).fetchall()


def details(pg: psycopg.Connection, load_id: int) -> dict[str, Any]:
    row = pg.execute("select details from ops.loads where load_id = %s", [load_id]).fetchone()
    assert row is not None
    found: dict[str, Any] = row[0]
    return found


def test_after_the_mapping_is_mended_records_land_once(
    settings: Settings, pg: psycopg.Connection
) -> None:
    first = landed(settings, order(order_id="1"), order(order_id="2", **BAD))
    assert counted(first) == (2, 1, 0, 1)
    (done,) = replayed(settings)
    assert (done.records, done.replayed, done.still_open) == (1, 1, 0)
    assert (done.read, done.landed, done.unchanged, done.quarantined) == (1, 1, 0, 0)
    assert visible(pg, "_key, tax_amount::text", DAY) == [("1", "0"), ("2", "0")]
    assert pg.execute("select status, replay_load_id from quarantine.records").fetchall() == [
        ("replayed", done.load_id)
    ]
    assert details(pg, done.load_id) == {
        "replayed": 1,
        "still_open": 0,
        "of_load": first.load_id,
    }
    assert replayed(settings) == []
    assert replayed(settings, 1) == []
    assert len(versions(pg, "_key")) == 2


def test_what_fails_still_stays_open_with_its_newer_reason(
    settings: Settings, pg: psycopg.Connection
) -> None:
    load(settings, Feed(text_rows([order(**BAD)], [json.dumps(order(**BAD)).encode()])))
    load(settings, Feed(reject(b"\xff\x00 no text")))
    assert statuses(pg)[0] == ("open", "tax_amount: not a number")
    pg.execute("update quarantine.records set reason = 'of an older release'")
    first, second = replayed(settings, mended=False)
    assert (first.replayed, first.still_open, first.quarantined) == (0, 1, 1)
    assert (second.read, second.landed, second.quarantined) == (1, 0, 1)
    assert statuses(pg) == [("open", "tax_amount: not a number"), ("open", "no JSON still")]
    raw = pg.execute("select raw from quarantine.records order by quarantine_id desc").fetchone()
    assert raw == (b"\xff\x00 no text",)
    assert versions(pg, "_key") == []
    # A failed replay is no reception: the next one has the same place in time.
    assert [load.replayed for load in replayed(settings)] == [1, 0]


def test_rows_are_known_from_the_newest_landed_day_or_the_one_asked_for(
    settings: Settings, pg: psycopg.Connection
) -> None:
    landed(settings, order(order_id="1"))
    landed(settings, order(order_id="2", **BAD), order(order_id="3", **BAD), day=NEXT)
    landed(settings, order(order_id="1"), day=NEXT + timedelta(days=1))
    first, _ = (
        row[0] for row in pg.execute("select quarantine_id from quarantine.records order by 1")
    )
    replayed(settings, first, day=NEXT)
    replayed(settings)
    known = versions(pg, "_key, _known_from::text")
    assert known == [("1", "-infinity"), ("2", str(NEXT)), ("3", str(NEXT + timedelta(days=1)))]
    landed(settings, order(order_id="4", **BAD))
    with pytest.raises(QuarantineError, match="has landed up to 2026-03-22"):
        replayed(settings, day=date(2026, 3, 23))


def test_a_replay_does_not_stand_for_a_night(settings: Settings, pg: psycopg.Connection) -> None:
    landed(settings, order(**BAD))
    landed(settings, day=NEXT)  # empty by mistake: to be read again
    replayed(settings)
    with connect(settings, role="moshtari_loader") as connection:
        covered = ledger.coverage(connection, "feed", ENTITIES["orders"], NEXT)
    assert (covered.landed_to, covered.read_to) == (NEXT, DAY)


@pytest.mark.parametrize(
    ("since", "kept_at", "shown"),
    [
        pytest.param(LATER, AT, "since", id="newer by its own time"),
        pytest.param(AT, AT, "since", id="of the same time, received later"),
        pytest.param(AT, LATER, "kept", id="older by its own time"),
    ],
)
def test_entities_with_a_time_of_change_go_by_it(
    settings: Settings, pg: psycopg.Connection, since: str, kept_at: str, shown: str
) -> None:
    landed(settings, order(status="first", updated_at="2026-03-19T00:00:00Z"))
    landed(settings, order(status="kept", updated_at=kept_at, **BAD), day=NEXT)
    landed(settings, order(status="since", updated_at=since), day=NEXT)
    (done,) = replayed(settings)
    assert done.read == done.landed + done.unchanged
    assert visible(pg, "status", NEXT) == [(shown,)]
    assert statuses(pg)[0][0] == "replayed"


def test_without_a_time_of_change_what_was_received_later_is_newer(
    settings: Settings, pg: psycopg.Connection
) -> None:
    for line, price in (("1", "first"), ("2", "first")):
        landed(settings, item(line_no=line, product_name=price), entity="order_items")
    bad = {"quantity": "free", "product_name": "kept"}
    landed(
        settings, item(line_no="1", **bad), item(line_no="2", **bad), entity="order_items", day=NEXT
    )
    landed(settings, item(line_no="2", product_name="since"), entity="order_items", day=NEXT)
    (done,) = replayed(settings)
    assert (done.landed, done.unchanged) == (1, 1)
    assert visible(pg, "product_name", NEXT, "order_items") == [("kept",), ("since",)]


def test_of_records_of_one_key_the_one_received_last_counts_in_any_order(
    settings: Settings, pg: psycopg.Connection
) -> None:
    for number, name in enumerate(("older", "newer")):
        row = item(product_name=name, quantity="free")
        landed(settings, row, entity="order_items", day=DAY + timedelta(days=number))
    older, newer = (
        row[0] for row in pg.execute("select quarantine_id from quarantine.records order by 1")
    )
    replayed(settings, newer)
    (done,) = replayed(settings, older)
    assert (done.landed, done.unchanged, done.replayed) == (0, 1, 1)
    assert visible(pg, "product_name", NEXT, "order_items") == [("newer",)]


def test_a_row_that_is_gone_since_does_not_come_back(
    settings: Settings, pg: psycopg.Connection
) -> None:
    landed(settings, order(updated_at=AT))
    landed(settings, order(updated_at=LATER, **BAD), day=NEXT)
    gone = TextRows(("order_id", "_is_deleted", "_changed_at"), [("1", "true", AT)], ["gone 1"])
    load(settings, Feed(gone), day=NEXT)
    replayed(settings)
    assert visible(pg, "_key", NEXT) == []


def test_the_same_key_twice_in_one_load_is_settled_as_if_both_had_landed(
    settings: Settings, pg: psycopg.Connection
) -> None:
    landed(
        settings,
        order(status="later", updated_at=LATER),
        order(status="earlier", updated_at=AT, **BAD),
    )
    (done,) = replayed(settings)
    assert (done.landed, done.unchanged) == (0, 1)
    assert visible(pg, "status", NEXT) == [("later",)]


def test_discarded_records_are_not_replayed_until_reopened(
    settings: Settings, pg: psycopg.Connection
) -> None:
    landed(settings, order(order_id="1", **BAD), order(order_id="2", **BAD))
    one, two = (
        row[0] for row in pg.execute("select quarantine_id from quarantine.records order by 1")
    )
    with connect(settings, role="moshtari_loader") as connection:
        assert discard(connection, Selection((one,)), by="sara", because=" a test order ") == 1
        assert discard(connection, Selection((one,)), by="sara", because="again") == 0
        with pytest.raises(QuarantineError, match="say why"):
            discard(connection, Selection((two,)), by="sara", because=" ")
        with pytest.raises(QuarantineError, match="no record 404"):
            discard(connection, Selection((404,)), by="sara", because="none")
        connection.rollback()
        record = kept(connection, one)
    assert (record.status, record.decided_by, record.decided_because) == (
        "discarded",
        "sara",
        "a test order",
    )
    with pytest.raises(QuarantineError, match=f"reopen {one}"):
        replayed(settings, one, two)
    (done,) = replayed(settings)
    assert done.records == 1
    assert visible(pg, "_key", DAY) == [("2",)]
    with connect(settings, role="moshtari_loader") as connection:
        assert reopen(connection, Selection((one, two))) == 1
    replayed(settings, one)
    assert visible(pg, "_key", DAY) == [("1",), ("2",)]


def test_what_the_mapping_leaves_out_now_is_settled_too(
    settings: Settings, pg: psycopg.Connection
) -> None:
    landed(settings, order(**BAD))
    (done,) = replayed(settings, leaves_out=True)
    assert (done.replayed, done.read) == (1, 0)
    assert details(pg, done.load_id)["left_out_by_the_mapping"] == 1


def test_a_reader_that_gives_rows_of_no_record_is_stopped(
    settings: Settings, pg: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed(settings, order(**BAD))
    monkeypatch.setattr(KeptFeed, "replay", lambda *_: iter([text_rows([order()], [b"elsewhere"])]))
    with pytest.raises(ExtractError, match="of none of the records"):
        replayed(settings)
    assert statuses(pg)[0][0] == "open"
    assert versions(pg, "_key") == []


def test_many_records_are_replayed_in_loads_of_some_thousand(
    settings: Settings, pg: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moshtari.landing.replay._RECORDS_AT_ONCE", 7)
    landed(settings, *(order(order_id=str(n), **BAD) for n in range(20)))
    assert [done.records for done in replayed(settings)] == [7, 7, 6]
    assert len(versions(pg, "_key")) == 20


def test_what_cannot_be_replayed_says_what_to_do_instead(settings: Settings) -> None:
    landed(settings, order(**BAD))
    gone = Deployment(name="test", sources={"other": {"kind": "kept"}})
    with pytest.raises(ConfigError, match="no such source any more"):
        replay(settings, gone, Selection())


def test_a_kind_without_replay_says_what_to_do_instead(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed(settings, order(**BAD))
    with monkeypatch.context() as patch:
        patch.setattr(KeptFeed, "entities", lambda _self: ("tickets",))
        with pytest.raises(QuarantineError, match="supplies orders no longer"):
            replayed(settings)
    unkept = Deployment(name="test", sources={"feed": {"kind": "unkept"}})
    with pytest.raises(QuarantineError, match="Run the day that they came with again"):
        replay(settings, unkept, Selection())


def test_what_is_rejected_again_after_its_replay_is_open_again(
    settings: Settings, pg: psycopg.Connection
) -> None:
    landed(settings, order(**BAD))
    replayed(settings)
    assert statuses(pg)[0][0] == "replayed"
    landed(settings, order(**BAD), day=NEXT)
    assert statuses(pg) == [("open", "tax_amount: not a number")]
    (done,) = replayed(settings)
    assert (done.landed, done.unchanged) == (0, 1)


def test_quarantine_is_counted_by_what_people_ask_for(settings: Settings) -> None:
    landed(settings, order(order_id="1", **BAD), order(order_id="2", status=None))
    landed(settings, order(order_id="1", **BAD), day=NEXT)
    with connect(settings, role="moshtari_auditor") as connection:
        found = groups(connection, Selection())
        assert [(g.business_date, g.reason, g.records) for g in found] == [
            (NEXT, "tax_amount: not a number", 1),
            (DAY, "status: missing", 1),
        ]
        assert groups(connection, Selection(reason="not a number")) == found[:1]
        assert groups(connection, Selection(day=DAY)) == found[1:]
        assert groups(connection, Selection(entity="tickets")) == []
        assert groups(connection, Selection(), "replayed") == []


@pytest.mark.parametrize(
    "statement",
    [
        "update quarantine.records set raw = ''",
        "update quarantine.records set position = 'elsewhere'",
        "delete from quarantine.records",
    ],
)
def test_nobody_changes_what_was_received(settings: Settings, statement: str) -> None:
    with (
        connect(settings, role="moshtari_loader") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


@pytest.fixture
def emptied(pg: psycopg.Connection) -> Callable[[], None]:
    tables = "raw.orders, raw.order_items, ops.loads, ops.state_loads, quarantine.records"
    return lambda: pg.execute(f"truncate {tables}".encode()) and None


# A step is a load of one version of a key, good or bad; a replay may follow any of them.
STEPS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.booleans(), st.booleans()),
    min_size=1,
    max_size=6,
)


@profile(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STEPS, st.sampled_from(["orders", "order_items"]))
def test_the_latest_versions_are_the_same_whenever_records_are_replayed(
    settings: Settings,
    pg: psycopg.Connection,
    emptied: Callable[[], None],
    steps: list[tuple[str, int, bool, bool]],
    entity: str,
) -> None:
    def run(*, all_good: bool, replay_late: bool) -> list[tuple[Any, ...]]:
        emptied()
        for number, (key, hour, good, replay_now) in enumerate(steps):
            # Every content is another one: what a source merely confirms leaves no trace.
            worth = "0" if good or all_good else "free"
            if entity == "orders":
                at = f"2026-03-20T0{hour}:00:00Z"
                row = order(order_id=key, status=f"s{number}", updated_at=at, tax_amount=worth)
            else:
                row = item(order_id=key, product_name=f"s{number}", discount_amount=worth)
            landed(settings, row, entity=entity)
            if replay_now and not replay_late:
                replayed(settings)
        replayed(settings)
        name = "status" if entity == "orders" else "product_name"
        return visible(pg, f"_key, {name}", DAY, entity)

    wanted = run(all_good=True, replay_late=True)
    assert run(all_good=False, replay_late=True) == wanted
    assert run(all_good=False, replay_late=False) == wanted
    assert pg.execute(
        "select count(*) from quarantine.records where status = 'open'"
    ).fetchone() == (0,)
