"""How a ticket, a comment and a change of status become columns of the contract."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from moshtari.landing.contract import ENTITIES
from moshtari.sources.registry import parse_config
from moshtari.sources.zendesk_columns import ticket_values
from moshtari.sources.zendesk_config import ZendeskConfig
from moshtari.sources.zendesk_records import (
    EVENT_COLUMNS,
    TICKET_COLUMNS,
    Audit,
    Child,
    Ticket,
    User,
    author_id,
    author_role,
    event_row,
    is_comment,
    is_status,
    may_be_wanted,
)

TICKET = {
    "id": 42,
    "requester_id": 7,
    "external_id": None,
    "subject": "سفارش نرسید",
    "raw_subject": "x",
    "description": "خط یک\nخط دو\t\\",
    "status": "hold",
    "priority": None,
    "via": {"channel": "native_messaging", "source": {"from": {}}},
    "tags": ["دیرکرد", 'a"b', "c\\d", "{}", ""],
    "custom_fields": [{"id": 5, "value": True}, {"id": 360001, "value": "O-9"}],
    "satisfaction_rating": {"score": "bad", "comment": "دیر بود"},
    "created_at": "2026-03-19T20:30:00Z",
    "updated_at": "2026-03-20T08:00:00+03:30",
    "generated_timestamp": 1_774_000_000,
    "brand_new_key": {"ignored": True},
}


def row_of(
    order_id_from: Any = None, customer_id_from: Any = None, **changes: Any
) -> dict[str, Any]:
    ticket = msgspec.json.decode(msgspec.json.encode(TICKET | changes), type=Ticket)
    requester = User(7, "نام", "a@b.example", "0912", external_id="C-1")
    values = ticket_values(
        [ticket], [requester], order_id_from=order_id_from, customer_id_from=customer_id_from
    )
    (row,) = values.to_pylist()
    return row


def test_the_columns_are_the_contracts() -> None:
    assert ENTITIES["tickets"].mapping_problems(TICKET_COLUMNS) == []
    assert ENTITIES["ticket_events"].mapping_problems(EVENT_COLUMNS) == []


def test_a_ticket_is_kept_as_received() -> None:
    assert row_of(order_id_from=360001) == {
        "ticket_id": "42",
        "customer_id": None,
        "requester_email": "a@b.example",
        "requester_phone": "0912",
        "requester_name": "نام",
        "created_at": "2026-03-19T20:30:00Z",
        "updated_at": "2026-03-20T08:00:00+03:30",
        "channel": "native_messaging",
        "subject": "سفارش نرسید",
        "body": "خط یک\nخط دو\t\\",
        "status": "hold",
        "priority": None,
        "tags": '{"دیرکرد","a\\"b","c\\\\d","{}",""}',
        "order_id": "O-9",
        "satisfaction_score": "0",
        "satisfaction_comment": "دیر بود",
        "_is_deleted": "false",
    }


@pytest.mark.parametrize(
    ("rating", "score"),
    [
        ({"score": "good"}, "1"),
        ({"score": "goodwithcomment"}, "1"),
        ({"score": "bad"}, "0"),
        ({"score": "badwithcomment"}, "0"),
        ({"score": "offered"}, None),
        ({"score": "unoffered"}, None),
        ({"score": None}, None),
        (None, None),
    ],
)
def test_only_good_and_bad_are_scores(rating: Any, score: str | None) -> None:
    assert row_of(satisfaction_rating=rating)["satisfaction_score"] == score


@pytest.mark.parametrize(
    ("source", "changes", "order"),
    [
        (None, {"external_id": "O-1"}, None),
        ("external_id", {"external_id": "O-1"}, "O-1"),
        ("external_id", {"external_id": ""}, None),
        (360001, {"custom_fields": [{"id": 360001, "value": 17}]}, "17"),
        (360001, {"custom_fields": [{"id": 360001, "value": ""}]}, None),
        (360001, {"custom_fields": [{"id": 360001, "value": None}]}, None),
        (360001, {"custom_fields": [{"id": 360002, "value": "O-2"}]}, None),
        (360001, {"custom_fields": [{"id": 360001, "value": ["O-3"]}]}, None),
        (360001, {"custom_fields": None}, None),
    ],
)
def test_the_order_is_taken_from_where_the_configuration_says(
    source: Any, changes: dict[str, Any], order: str | None
) -> None:
    assert row_of(order_id_from=source, **changes)["order_id"] == order


def test_the_customer_is_known_only_where_the_configuration_says_so() -> None:
    assert row_of()["customer_id"] is None
    assert row_of(customer_id_from="external_id")["customer_id"] == "C-1"


def test_what_a_ticket_lacks_is_empty_or_null() -> None:
    row = row_of(subject=None, description=None, via=None, tags=None)
    assert (row["subject"], row["body"], row["channel"], row["tags"]) == ("", "", "unknown", "{}")


def test_a_ticket_without_a_known_requester_still_lands() -> None:
    ticket = msgspec.json.decode(msgspec.json.encode(TICKET), type=Ticket)
    (row,) = ticket_values([ticket], []).to_pylist()
    assert {row["requester_email"], row["requester_phone"], row["requester_name"]} == {None}
    assert row["ticket_id"] == "42"


def test_a_deleted_ticket_is_a_tombstone() -> None:
    row = row_of(status="deleted")
    assert (row["status"], row["_is_deleted"]) == ("deleted", "true")


def event(**fields: Any) -> Child:
    return msgspec.json.decode(msgspec.json.encode({"id": 1} | fields), type=Child)


AUDIT = Audit(id=9, ticket_id=42, timestamp=1_774_000_000, updater_id=3)


def test_a_comment_keeps_its_text_and_whether_the_customer_sees_it() -> None:
    child = event(event_type="Comment", author_id=7, body="سلام", public=False)
    assert is_comment(child)
    row = dict(zip(EVENT_COLUMNS, event_row(AUDIT, child, "customer"), strict=True))
    assert row == {
        "event_id": "1",
        "ticket_id": "42",
        "occurred_at": "2026-03-20T09:46:40Z",
        "kind": "comment",
        "author_role": "customer",
        "is_public": "false",
        "body": "سلام",
        "from_status": None,
        "to_status": None,
    }


def test_the_plain_text_of_a_comment_is_preferred_even_when_empty() -> None:
    child = event(event_type="Comment", body="> quoted", plain_body="", public=True)
    assert dict(zip(EVENT_COLUMNS, event_row(AUDIT, child, "agent"), strict=True))["body"] == ""


def test_a_comment_that_does_not_say_whether_it_is_public_is_left_to_landing() -> None:
    child = event(event_type="Comment", body="x")
    row = dict(zip(EVENT_COLUMNS, event_row(AUDIT, child, "agent"), strict=True))
    assert row["is_public"] is None


@pytest.mark.parametrize(
    ("fields", "before", "after"),
    [
        ({"event_type": "Create", "status": "new"}, None, "new"),
        ({"event_type": "Change", "status": "solved", "previous_value": "open"}, "open", "solved"),
        ({"event_type": "Change", "status": "open", "previous_value": None}, None, "open"),
    ],
)
def test_a_status_has_a_before_and_an_after(
    fields: dict[str, Any], before: str | None, after: str
) -> None:
    child = event(**fields)
    assert is_status(child)
    row = dict(zip(EVENT_COLUMNS, event_row(AUDIT, child, "system"), strict=True))
    assert (row["kind"], row["from_status"], row["to_status"]) == ("status", before, after)


@pytest.mark.parametrize(
    "fields",
    [
        {"event_type": "Change", "priority": "high", "previous_value": "normal"},
        {"event_type": "Change", "tags": ["a"], "previous_value": ["b"]},
        {"event_type": "Notification", "body": "mail sent", "recipients": [1]},
        {"event_type": "SatisfactionRating", "score": "good", "status": "solved"},
    ],
)
def test_other_events_are_no_business_of_the_warehouse(fields: dict[str, Any]) -> None:
    child = event(**fields)
    assert not is_comment(child)
    assert not is_status(child)


def test_an_unreadable_event_is_reported_only_if_it_may_be_wanted() -> None:
    assert may_be_wanted(msgspec.Raw(b'{"id":"x","event_type":"Comment"}'))
    assert may_be_wanted(msgspec.Raw(b'{"id":1,"event_type":"Change","status":3}'))
    assert not may_be_wanted(msgspec.Raw(b'{"id":"x","event_type":"Push"}'))


@pytest.mark.parametrize(
    ("role", "known_as"),
    [("end-user", "customer"), ("agent", "agent"), ("admin", "agent"), (None, "customer")],
)
def test_zendesks_roles_are_two(role: str | None, known_as: str) -> None:
    assert author_role(User(1, role=role)) == known_as


@pytest.mark.parametrize(
    ("author", "updater", "user"), [(7, 3, 7), (None, 3, 3), (None, None, -1), (-1, 3, -1)]
)
def test_the_author_is_the_events_own_or_the_updates(
    author: int | None, updater: int | None, user: int
) -> None:
    audit = Audit(id=9, ticket_id=42, timestamp=0, updater_id=updater)
    assert author_id(audit, event(event_type="Comment", author_id=author)) == user


CONFIG = {"kind": "zendesk", "base_url": "https://shop.zendesk.com", "email": "a@b.c", "token": "t"}


def test_a_configuration_is_made_by_the_registry() -> None:
    config = parse_config(CONFIG | {"order_id_from": 360001})
    assert isinstance(config, ZendeskConfig)
    assert config.entities == ("tickets", "ticket_events")
    assert "'t'" not in repr(config)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"base_url": "http://shop.zendesk.com"}, "base_url"),
        ({"token": ""}, "token"),
        ({"page_size": 1001}, "page_size"),
        ({"entities": ["users"]}, "entities"),
        ({"entities": []}, "entities"),
        ({"order_id_from": "custom"}, "order_id_from"),
        ({"http": {"tries": 0}}, "http"),
        ({"subdomain": "shop"}, "subdomain"),
    ],
)
def test_a_wrong_key_is_named(change: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as error:
        parse_config(CONFIG | change)
    assert {found["loc"][0] for found in error.value.errors()} == {key}
