"""How Freshdesk's tickets, conversations and statuses become columns of the contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from moshtari.landing.contract import ENTITIES
from moshtari.sources.freshdesk_config import FreshdeskConfig
from moshtari.sources.freshdesk_records import (
    EVENT_COLUMNS,
    TICKET_COLUMNS,
    Conversation,
    Rating,
    Ticket,
    conversation_row,
    score,
    status_rows,
    ticket_row,
)
from moshtari.sources.registry import parse_config

TICKET = {
    "id": 42,
    "subject": "سفارش نرسید",
    "description": "<div>خط یک<br>خط دو</div>",
    "description_text": "خط یک\nخط دو\t\\",
    "status": 6,
    "priority": 4,
    "source": 3,
    "type": "Question",
    "tags": ["دیرکرد", 'a"b', "c\\d", "{}", ""],
    "custom_fields": {"cf_order": "O-9", "cf_customer": 17, "cf_agreed": True},
    "requester": {
        "id": 7,
        "name": "سارا",
        "email": "a@b.example",
        "mobile": "0912",
        "phone": "021",
    },
    "stats": {"status_updated_at": "2026-03-20T04:00:00Z", "resolved_at": None, "closed_at": None},
    "spam": False,
    "created_at": "2026-03-19T20:30:00Z",
    "updated_at": "2026-03-20T04:30:00Z",
    "brand_new_key": {"ignored": True},
}


def ticket(**changes: Any) -> Ticket:
    return msgspec.json.decode(msgspec.json.encode(TICKET | changes), type=Ticket)


def row_of(rating: Rating | None = None, **changes: Any) -> dict[str, Any]:
    options = {
        name: changes.pop(name)
        for name in ("statuses", "order_id_from", "customer_id_from", "is_gone")
        if name in changes
    }
    return dict(zip(TICKET_COLUMNS, ticket_row(ticket(**changes), rating, **options), strict=True))


def test_the_columns_are_the_contracts() -> None:
    assert ENTITIES["tickets"].mapping_problems(TICKET_COLUMNS) == []
    assert ENTITIES["ticket_events"].mapping_problems(EVENT_COLUMNS) == []


def test_a_ticket_is_kept_as_received() -> None:
    assert row_of(order_id_from="cf_order", customer_id_from="cf_customer") == {
        "ticket_id": "42",
        "customer_id": "17",
        "requester_email": "a@b.example",
        "requester_phone": "0912",
        "requester_name": "سارا",
        "created_at": "2026-03-19T20:30:00+00:00",
        "updated_at": "2026-03-20T04:30:00+00:00",
        "channel": "phone",
        "subject": "سفارش نرسید",
        "body": "خط یک\nخط دو\t\\",
        "status": "waiting on customer",
        "priority": "urgent",
        "tags": '{"دیرکرد","a\\"b","c\\\\d","{}",""}',
        "order_id": "O-9",
        "satisfaction_score": None,
        "satisfaction_comment": None,
        "_is_deleted": "false",
    }


@pytest.mark.parametrize(
    ("changes", "column", "value"),
    [
        ({"status": 2}, "status", "open"),
        ({"status": 3}, "status", "pending"),
        ({"status": 4}, "status", "resolved"),
        ({"status": 5}, "status", "closed"),
        ({"status": 7}, "status", "waiting on third party"),
        ({"status": 99}, "status", "99"),
        ({"status": 99, "statuses": {99: "در انتظار"}}, "status", "در انتظار"),
        ({"status": 2, "statuses": {2: "باز"}}, "status", "باز"),
        ({"priority": None}, "priority", None),
        ({"priority": 9}, "priority", "9"),
        ({"source": None}, "channel", "unknown"),
        ({"source": 15}, "channel", "chat"),
        ({"source": 100}, "channel", "100"),
        ({"subject": None}, "subject", ""),
        ({"description_text": None}, "body", "خط یک\nخط دو"),
        ({"description_text": None, "description": None}, "body", ""),
        ({"tags": None}, "tags", "{}"),
        ({"deleted": True}, "_is_deleted", "true"),
        ({"spam": True}, "_is_deleted", "true"),
        ({"is_gone": True}, "_is_deleted", "true"),
    ],
)
def test_numbers_are_named_and_what_is_lacking_is_empty(
    changes: dict[str, Any], column: str, value: str | None
) -> None:
    assert row_of(**changes)[column] == value


@pytest.mark.parametrize(
    ("requester", "known"),
    [
        (None, (None, None, None)),
        ({"id": 1}, (None, None, None)),
        ({"id": 1, "name": "", "email": "", "mobile": "", "phone": ""}, (None, None, None)),
        ({"id": 1, "name": "علی", "mobile": None, "phone": "021"}, ("علی", None, "021")),
    ],
)
def test_a_requester_may_be_half_known(requester: Any, known: tuple[Any, ...]) -> None:
    row = row_of(requester=requester)
    assert (row["requester_name"], row["requester_email"], row["requester_phone"]) == known


@pytest.mark.parametrize(
    ("custom_fields", "order"),
    [
        (None, None),
        ({}, None),
        ({"cf_order": None}, None),
        ({"cf_order": ""}, None),
        ({"cf_order": 17}, "17"),
        ({"cf_order": ["O-1"]}, None),
        ({"cf_other": "O-1"}, None),
    ],
)
def test_a_custom_field_may_be_missing_or_empty(custom_fields: Any, order: str | None) -> None:
    assert row_of(custom_fields=custom_fields, order_id_from="cf_order")["order_id"] == order


NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("answer", "points"),
    [
        (103, "1"),
        (102, "0.833333"),
        (101, "0.666667"),
        (100, "0.5"),
        (-101, "0.333333"),
        (-102, "0.166667"),
        (-103, "0"),
        (1, "1"),
        (2, "0.5"),
        (3, "0"),
    ],
)
def test_surveys_of_every_kind_share_one_scale(answer: int, points: str) -> None:
    rating = Rating(1, 42, NOON, ratings={"default_question": answer}, feedback="دیر بود")
    row = row_of(rating)
    assert (row["satisfaction_score"], row["satisfaction_comment"]) == (points, "دیر بود")


def test_a_survey_without_the_default_question_has_no_score() -> None:
    assert score(Rating(1, 42, NOON, ratings={"question_2": 103})) is None
    with pytest.raises(KeyError):
        score(Rating(1, 42, NOON, ratings={"default_question": 7}))


@pytest.mark.parametrize(
    ("fields", "role", "public", "body"),
    [
        ({"incoming": True, "user_id": 7, "body_text": "سلام"}, "customer", "true", "سلام"),
        ({"user_id": 2, "body_text": ""}, "agent", "true", ""),
        ({"user_id": 2, "private": True, "body": "<p>یادداشت</p>"}, "agent", "false", "یادداشت"),
        ({"user_id": None, "body_text": "خودکار"}, "system", "true", "خودکار"),
    ],
)
def test_a_conversation_tells_who_wrote_and_who_sees_it(
    fields: dict[str, Any], role: str, public: str, body: str
) -> None:
    found = msgspec.convert({"id": 5, "created_at": NOON} | fields, type=Conversation)
    row = dict(zip(EVENT_COLUMNS, conversation_row(42, found), strict=True))
    assert (row["event_id"], row["ticket_id"], row["kind"]) == ("5", "42", "comment")
    assert (row["author_role"], row["is_public"], row["body"]) == (role, public, body)


def statuses_of(before: datetime = NOON, **changes: Any) -> list[tuple[Any, Any]]:
    rows = [
        dict(zip(EVENT_COLUMNS, row, strict=True)) for row in status_rows(ticket(**changes), before)
    ]
    assert len({row["event_id"] for row in rows}) == len(rows)
    return [(row["to_status"], row["occurred_at"][11:16]) for row in rows]


def test_a_ticket_tells_when_it_came_into_its_status_and_was_resolved_and_closed() -> None:
    assert statuses_of() == [("waiting on customer", "04:00")]
    stats = {
        "status_updated_at": "2026-03-20T06:00:00Z",
        "resolved_at": "2026-03-20T05:00:00Z",
        "closed_at": "2026-03-20T06:00:00Z",
    }
    assert statuses_of(status=5, stats=stats) == [("resolved", "05:00"), ("closed", "06:00")]
    assert statuses_of(NOON - timedelta(hours=6), status=5, stats=stats) == [("resolved", "05:00")]
    assert statuses_of(stats=None) == []


CONFIG = {"kind": "freshdesk", "base_url": "https://shop.freshdesk.com", "api_key": "a key"}


def test_a_configuration_is_made_by_the_registry() -> None:
    config = parse_config(CONFIG | {"order_id_from": "cf_order", "statuses": {8: "در راه"}})
    assert isinstance(config, FreshdeskConfig)
    assert config.entities == ("tickets", "ticket_events")
    assert "a key" not in repr(config)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"base_url": "http://shop.freshdesk.com"}, "base_url"),
        ({"api_key": ""}, "api_key"),
        ({"page_size": 101}, "page_size"),
        ({"entities": ["contacts"]}, "entities"),
        ({"entities": []}, "entities"),
        ({"statuses": {"open": "باز"}}, "statuses"),
        ({"domain": "shop"}, "domain"),
    ],
)
def test_a_wrong_key_is_named(change: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as error:
        parse_config(CONFIG | change)
    assert {found["loc"][0] for found in error.value.errors()} == {key}
