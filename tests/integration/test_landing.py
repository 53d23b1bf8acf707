"""Landing by rule: what goes to raw, what to quarantine, what is no change, and the ledger."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from tests.unit.landing.feeds import (
    DAY,
    ORDER,
    Feed,
    counted,
    item,
    load,
    order,
    orders,
    reasons,
    reject,
    text_rows,
    versions,
    visible,
)

from moshtari.landing import quarantine
from moshtari.landing.errors import LandingError
from moshtari.settings import Settings
from moshtari.sources.base import RejectedRecord, SourceError, TextRows
from moshtari.warehouse.connection import connect

NEXT = DAY + timedelta(days=1)
LATER = "2026-03-21T09:00:00+03:30"


def test_a_row_lands_with_its_types_and_system_columns(
    settings: Settings, pg: psycopg.Connection
) -> None:
    summary = orders(settings, order(gross_amount="100.50", guest_email="", guest_phone=None))
    assert counted(summary) == (1, 1, 0, 0)
    row = versions(
        pg,
        "gross_amount, guest_email, guest_phone, coupon_codes, ordered_at, _source, _key, _load_id,"
        " _known_from = '-infinity', _changed_at = updated_at, _is_deleted, _origin",
    )
    placed = datetime(2026, 3, 20, 4, 30, tzinfo=UTC)
    values = (Decimal("100.50"), "", None, [], placed)
    system = ("feed", "1", summary.load_id, True, True, False, None)
    assert row == [(*values, *system)]
    assert str(row[0][0]) == "100.50"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("۱۲۳۴٫۵", "1234.5"),
        ("١٬٢٣٤٫٥٠", "1234.50"),
        (" 12 ", "12"),
        ("−7", "-7"),
        ("\u200f۵\u200e", "5"),
        ("1e3", "1000"),
        (".5", "0.5"),
        ("123456789012345678901234567890.123456789", "123456789012345678901234567890.123456789"),
    ],
)
def test_numbers_are_read_exactly_in_any_digits(
    settings: Settings, pg: psycopg.Connection, text: str, value: str
) -> None:
    orders(settings, order(gross_amount=text))
    assert versions(pg, "gross_amount::text") == [(value,)]


def test_times_and_days_are_read_in_any_digits(settings: Settings, pg: psycopg.Connection) -> None:
    orders(settings, order(ordered_at="۲۰۲۶-۰۳-۲۰T۰۸:۰۰:۰۰+۰۳:۳۰"))
    load(
        settings,
        Feed(text_rows([{"rate_date": "٢٠٢٦-٠٣-٢٠", "currency": "USD", "rate_to_base": "۱"}])),
        "exchange_rates",
    )
    assert versions(pg, "ordered_at") == [(datetime(2026, 3, 20, 4, 30, tzinfo=UTC),)]
    assert versions(pg, "rate_date, _key", "exchange_rates") == [(DAY, "2026-03-20/USD")]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"gross_amount": "NaN"}, "gross_amount: not a number"),
        ({"gross_amount": "-Infinity"}, "gross_amount: not a number"),
        ({"gross_amount": "12,5"}, "gross_amount: not a number"),
        ({"gross_amount": "0x1F"}, "gross_amount: not a number"),
        ({"gross_amount": "1e9999999"}, "gross_amount: not a number"),
        ({"gross_amount": None}, "gross_amount: missing"),
        ({"gross_amount": " "}, "gross_amount: missing"),
        ({"status": None}, "status: missing"),
        ({"order_id": ""}, "order_id: missing from the key"),
        ({"order_id": None}, "order_id: missing from the key"),
        ({"ordered_at": "2026-03-20 08:00:00"}, "ordered_at: not a time with an offset"),
        ({"ordered_at": "now"}, "ordered_at: not a time with an offset"),
        ({"ordered_at": "infinity"}, "ordered_at: not a time with an offset"),
        ({"ordered_at": "03/04/2026 08:00+00"}, "ordered_at: not a time with an offset"),
        ({"ordered_at": "2026-02-30T08:00:00Z"}, "ordered_at: out of range"),
        (
            {"status": None, "tax_amount": "free"},
            "status: missing; tax_amount: not a number",
        ),
    ],
)
def test_a_bad_value_sends_its_row_alone_to_quarantine(
    settings: Settings, pg: psycopg.Connection, change: dict[str, str | None], reason: str
) -> None:
    good = order(order_id="good")
    assert counted(orders(settings, order(**change), good)) == (2, 1, 0, 1)
    assert versions(pg, "order_id") == [("good",)]
    assert reasons(pg) == [reason]


def test_other_types_are_judged_too(settings: Settings, pg: psycopg.Connection) -> None:
    customer = {
        "customer_id": "1",
        "created_at": "2026-03-20T08:00:00Z",
        "updated_at": "2026-03-20T08:00:00Z",
        "party": "person",
        "is_employee": "false",
        "consents": '{"sms": {"state": "granted", "at": "2026-03-20T08:00:00Z"}}',
        "social_handles": '{"mastodon:ali"}',
        "birth_date": None,
    }
    bad = [
        {**customer, "customer_id": "2", "is_employee": "perhaps"},
        {**customer, "customer_id": "3", "consents": '{"sms": '},
        {**customer, "customer_id": "4", "consents": r'{"a": "\u0000"}'},
        {**customer, "customer_id": "5", "social_handles": "mastodon:ali"},
        {**customer, "customer_id": "6", "birth_date": "1370/1/1 noon"},
        {**customer, "customer_id": "7", "birth_date": "today"},
    ]
    summary = load(settings, Feed(text_rows([customer, *bad])), "customers")
    assert counted(summary) == (7, 1, 0, 6)
    assert reasons(pg) == [
        "is_employee: not true or false",
        "consents: not JSON",
        "consents: not JSON",
        "social_handles: not an array of texts",
        "birth_date: not a day (yyyy-mm-dd)",
        "birth_date: not a day (yyyy-mm-dd)",
    ]


@pytest.mark.parametrize("bad", ["a\0b", "half \ud83d of a pair"])
def test_text_that_no_database_keeps_goes_to_quarantine_with_its_bytes(
    settings: Settings, pg: psycopg.Connection, bad: str
) -> None:
    rows = [order(order_id="1"), order(order_id="2", status=bad), order(order_id="3")]
    raw = [b"one", b"two \x00", b"three"]
    assert counted(load(settings, Feed(text_rows(rows, raw)))) == (3, 2, 0, 1)
    assert versions(pg, "order_id") == [("1",), ("3",)]
    kept = pg.execute("select raw, position from quarantine.records").fetchall()
    assert kept == [(b"two \x00", "line 2")]
    # The same without raw bytes: the values themselves are kept.
    assert counted(load(settings, Feed(text_rows(rows)))) == (3, 0, 2, 1)
    raw_values = pg.execute("select raw from quarantine.records order by 1").fetchall()
    assert any(row[0][:1] == b"{" and json.loads(row[0])["status"] == bad for row in raw_values)


def test_a_quarantined_row_is_kept_as_received_or_as_json(
    settings: Settings, pg: psycopg.Connection
) -> None:
    bad = order(gross_amount="صد")
    load(settings, Feed(text_rows([bad], [b"1;\xd8\xb5\xd8\xaf;..."])))
    load(settings, Feed(text_rows([bad])))
    raw = [row[0] for row in pg.execute("select raw from quarantine.records order by 1")]
    assert raw[0] == b"1;\xd8\xb5\xd8\xaf;..."
    assert '"gross_amount": "صد"'.encode() in raw[1]


def test_the_same_bad_row_met_again_is_one_record(
    settings: Settings, pg: psycopg.Connection
) -> None:
    batches = (text_rows([order(tax_amount="x")]), reject(b"a;b"))
    first = load(settings, Feed(*batches))
    pg.execute("update quarantine.records set status = 'discarded' where position = 'line 9'")
    second = load(settings, Feed(*batches))
    assert counted(first) == counted(second) == (2, 0, 0, 2)
    rows = pg.execute(
        "select position, status, first_load_id, last_load_id from quarantine.records order by 1"
    ).fetchall()
    assert rows == [
        ("line 1", "open", first.load_id, second.load_id),
        ("line 9", "discarded", first.load_id, second.load_id),
    ]
    with connect(settings, role="moshtari_loader") as loader:
        assert [r.position for r in quarantine.records(loader, "feed", "orders")] == ["line 1"]
        counts = quarantine.counts(loader, DAY, DAY)
        assert [(c.entity, c.business_date, c.status, c.records) for c in counts] == [
            ("orders", DAY, "discarded", 1),
            ("orders", DAY, "open", 1),
        ]


def test_very_long_positions_and_reasons_fit(settings: Settings, pg: psycopg.Connection) -> None:
    record = RejectedRecord("ف" * 5000, "ب\0" * 5000, b"")
    assert counted(load(settings, Feed(record, record))) == (2, 0, 0, 2)
    assert pg.execute("select count(*) from quarantine.records").fetchone() == (1,)


def test_a_thousand_rejected_records_between_rows(
    settings: Settings, pg: psycopg.Connection
) -> None:
    batches: list[TextRows | RejectedRecord] = []
    for number in range(1200):
        batches.append(RejectedRecord(f"line {number}", "broken", b""))
        if number % 100 == 0:
            batches.append(text_rows([order(order_id=str(number))]))
    assert counted(load(settings, Feed(*batches))) == (1212, 12, 0, 1200)


def test_of_one_key_in_one_load_the_latest_lands(
    settings: Settings, pg: psycopg.Connection
) -> None:
    old = order(status="paid")
    new = order(status="shipped", updated_at=LATER)
    assert counted(orders(settings, new, old, new)) == (3, 1, 2, 0)
    assert versions(pg, "status") == [("shipped",)]


def test_rows_of_one_key_and_time_are_settled_whatever_their_order(
    settings: Settings, pg: psycopg.Connection
) -> None:
    one, two = order(status="a"), order(status="b")
    orders(settings, one, two)
    assert counted(orders(settings, two, one)) == (2, 0, 2, 0)
    assert len(versions(pg, "status")) == 1


def test_landing_again_changes_nothing(settings: Settings, pg: psycopg.Connection) -> None:
    rows = [order(order_id=str(n), coupon_codes="{نوروز}") for n in range(20)]
    assert counted(orders(settings, *rows)) == (20, 20, 0, 0)
    before = versions(pg, "to_jsonb(orders)")
    assert counted(orders(settings, *rows)) == (20, 0, 20, 0)
    assert versions(pg, "to_jsonb(orders)") == before


def test_a_changed_row_is_a_version_more(settings: Settings, pg: psycopg.Connection) -> None:
    orders(settings, order())
    orders(settings, order(status="shipped", updated_at=LATER), day=NEXT)
    assert versions(pg, "status, _known_from::text") == [
        ("paid", "-infinity"),
        ("shipped", "2026-03-21"),
    ]
    assert visible(pg, "status", DAY) == [("paid",)]
    assert visible(pg, "status", NEXT) == [("shipped",)]


def test_content_that_returns_to_what_it_was_lands_again(
    settings: Settings, pg: psycopg.Connection
) -> None:
    for name in ("چای", "قهوه", "چای"):
        load(settings, Feed(text_rows([item(product_name=name)])), "order_items")
    assert visible(pg, "product_name", DAY, "order_items") == [("چای",)]
    assert len(versions(pg, "1", "order_items")) == 3


def test_an_older_version_that_comes_late_lands_once_and_stays_behind(
    settings: Settings, pg: psycopg.Connection
) -> None:
    orders(settings, order(status="shipped", updated_at=LATER), day=NEXT)
    old = order(status="paid")
    assert counted(orders(settings, old, day=NEXT)) == (1, 1, 0, 0)
    assert counted(orders(settings, old, day=NEXT)) == (1, 0, 1, 0)
    assert visible(pg, "status", NEXT) == [("shipped",)]


def test_an_event_corrected_backwards_is_seen(settings: Settings, pg: psycopg.Connection) -> None:
    payment = {
        "payment_id": "1",
        "order_id": "1",
        "attempted_at": "2026-03-20T10:00:00Z",
        "amount": "5",
        "currency": "IRR",
        "status": "failed",
    }
    earlier = {**payment, "attempted_at": "2026-03-20T09:00:00Z"}
    load(settings, Feed(text_rows([payment])), "payments")
    load(settings, Feed(text_rows([earlier])), "payments")
    seen = visible(pg, "attempted_at", DAY, "payments")
    assert seen == [(datetime(2026, 3, 20, 9, tzinfo=UTC),)]


def test_missed_nights_are_known_from_their_own_days(
    settings: Settings, pg: psycopg.Connection
) -> None:
    orders(settings, order(order_id="0"))
    feed = Feed(
        text_rows(
            [
                order(order_id="late", updated_at="2026-03-20T23:00:00+03:30"),
                order(order_id="first", updated_at="2026-03-21T00:00:00+03:30"),
                order(order_id="last", updated_at="2026-03-23T23:59:59+03:30"),
                order(order_id="ahead", updated_at="2026-04-01T00:00:00+03:30"),
            ]
        )
    )
    load(settings, feed, day=date(2026, 3, 23))
    assert versions(pg, "order_id, _known_from::text") == [
        ("0", "-infinity"),
        ("ahead", "2026-03-23"),
        ("first", "2026-03-21"),
        ("last", "2026-03-23"),
        ("late", "2026-03-21"),
    ]
    assert feed.windows[0].start == datetime(2026, 3, 20, 20, 30, tzinfo=UTC)


def test_a_supplied_time_of_change_serves_where_the_contract_has_none(
    settings: Settings, pg: psycopg.Connection
) -> None:
    load(settings, Feed(text_rows([item(line_no="9")])), "order_items")
    late = item(_changed_at="2026-03-21T10:00:00+03:30")
    load(settings, Feed(text_rows([late])), "order_items", day=date(2026, 3, 23))
    assert versions(pg, "line_no, _known_from::text", "order_items") == [
        (1, "2026-03-21"),
        (9, "-infinity"),
    ]
    # Once the time is no longer supplied, what comes is still the newest.
    load(settings, Feed(text_rows([item(quantity="2")])), "order_items", day=date(2026, 3, 24))
    assert visible(pg, "quantity", date(2026, 3, 24), "order_items") == [(2,), (1,)]


def test_a_deleted_row_leaves_a_tombstone_and_may_return(
    settings: Settings, pg: psycopg.Connection
) -> None:
    orders(settings, order())
    gone = TextRows(("order_id", "_is_deleted"), [("1", "t")], ["order 1"])
    assert counted(load(settings, Feed(gone), day=NEXT)) == (1, 1, 0, 0)
    assert counted(load(settings, Feed(gone), day=NEXT)) == (1, 0, 1, 0)
    assert visible(pg, "1", DAY) == [(1,)]
    assert visible(pg, "1", NEXT) == []
    orders(settings, order(updated_at=LATER), day=NEXT)
    assert visible(pg, "1", NEXT) == [(1,)]


def test_batches_of_different_columns_make_one_load(
    settings: Settings, pg: psycopg.Connection
) -> None:
    one = text_rows([order(order_id="1")])
    two = text_rows([order(order_id="2", campaign="نوروز")])
    assert counted(load(settings, Feed(one, two, one))) == (3, 2, 1, 0)
    assert versions(pg, "campaign") == [(None,), ("نوروز",)]


def test_the_ledger_must_add_up(settings: Settings, pg: psycopg.Connection) -> None:
    orders(settings, order())
    with pytest.raises(psycopg.errors.CheckViolation):
        pg.execute("update ops.loads set read_rows = read_rows + 1")


def test_a_source_that_fails_midway_leaves_nothing_but_its_failure(
    settings: Settings, pg: psycopg.Connection
) -> None:
    class Breaking(Feed):
        def read(self, entity, window):  # type: ignore[no-untyped-def]
            yield text_rows([order(), order(order_id="2", tax_amount="x")])
            raise SourceError("feed", entity, "the line is cut", "Splice it")

    with pytest.raises(SourceError, match="the line is cut"):
        load(settings, Breaking())
    assert versions(pg, "1") == []
    assert reasons(pg) == []
    row = pg.execute("select status, error, read_rows from ops.loads").fetchone()
    assert row == ("failed", "source feed, orders: the line is cut. Splice it", 0)
    # The next attempt is still the first load.
    feed = Feed(text_rows([order()]))
    load(settings, feed)
    assert feed.windows[0].start is None


def test_a_defect_of_a_reader_is_told_without_its_data(
    settings: Settings, pg: psycopg.Connection
) -> None:
    class Defect(Feed):
        def read(self, entity, window):  # type: ignore[no-untyped-def]
            raise KeyError("09121234567")

    with pytest.raises(LandingError, match="KeyError") as caught:
        load(settings, Defect())
    assert "0912" not in str(caught.value)
    error = pg.execute("select error from ops.loads").fetchone()
    assert error is not None
    assert "0912" not in error[0]


@pytest.mark.parametrize(
    "batch",
    [
        TextRows(tuple(ORDER)[:-1], [tuple(ORDER.values())[:-1]], ["1"]),
        TextRows((*ORDER, "colour"), [(*ORDER.values(), "red")], ["1"]),
        TextRows(tuple(ORDER), [tuple(ORDER.values())[:-1]], ["1"]),
        TextRows(tuple(ORDER), [tuple(ORDER.values())], []),
    ],
    ids=["lacks a column", "unknown column", "short row", "no position"],
)
def test_a_batch_that_is_wrong_in_itself_stops_the_load(
    settings: Settings, pg: psycopg.Connection, batch: TextRows
) -> None:
    with pytest.raises(LandingError, match="the reader gave"):
        load(settings, Feed(text_rows([order()]), batch))
    assert versions(pg, "1") == []


def test_two_sources_of_one_entity_do_not_meet(settings: Settings, pg: psycopg.Connection) -> None:
    from tests.unit.landing.feeds import TEHRAN

    from moshtari.landing.contract import ENTITIES
    from moshtari.landing.extract import extract_entity
    from moshtari.landing.load import Load

    for name in ("one", "two"):
        given = Load(name, ENTITIES["orders"], DAY, TEHRAN)
        assert extract_entity(settings, Feed(text_rows([order()])), given).landed == 1
    assert versions(pg, "_source") == [("one",), ("two",)]


EXACT = {
    "all good": [order(), order(order_id="2", coupon_codes='{"a","b"}', guest_email="")],
    "a time that does not exist": [order(), order(order_id="2", ordered_at="2026-02-30T08:00:00Z")],
    "something missing": [
        order(),
        order(order_id="2", status=None),
        order(order_id="3", gross_amount="7"),
    ],
    "no key": [order(order_id=None), order(order_id="2")],
    "an empty key": [order(order_id=""), order(order_id="2")],
    "not a number": [order(gross_amount="NaN"), order(order_id="2")],
    "a key twice": [order(), order(updated_at="2026-03-20T09:00:00Z", status="late")],
}


@pytest.mark.parametrize("given", EXACT.values(), ids=EXACT)
def test_rows_that_a_reader_vouches_for_end_as_those_that_are_judged(
    settings: Settings, pg: psycopg.Connection, given: list[dict[str, str | None]]
) -> None:
    names = tuple({name for row in given for name in row})
    rows = [{name: row.get(name) for name in names} for row in given]
    raw = [f"record {number}".encode() for number in range(len(rows))]
    columns = "_key, status, gross_amount::text, coupon_codes, guest_email, ordered_at"
    judged = counted(load(settings, Feed(text_rows(rows, raw))))
    expected = versions(pg, columns)
    rejected = pg.execute("select position from quarantine.records order by 1").fetchall()
    pg.execute("truncate raw.orders, quarantine.records, ops.loads cascade")
    vouched = replace(text_rows(rows, raw), exact=True)
    assert counted(load(settings, Feed(vouched))) == judged
    assert versions(pg, columns) == expected
    found = pg.execute("select position from quarantine.records order by 1").fetchall()
    assert len(found) == len(rejected)
