"""Tickets of a made-up help desk, as rows and as the pages of Zendesk's cursor export."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from itertools import islice
from pathlib import Path

from landing.server import SHOP, Server
from moshtari.landing.contract import ENTITIES

DAY = date(2026, 3, 20)
PAGE_SIZE = 1000
"""As many tickets as Zendesk gives at once."""
ORDER_FIELD = 360001234567
EMAIL, TOKEN = "nightly@example.org", "benchmark"
BAD = 20
"""Records that are no tickets; the last ones."""

# The contract's columns as SQL over shop.tickets: what all sides load.
COLUMNS = {
    "ticket_id": "id",
    "requester_email": "'customer' || requester_id || '@example.org'",
    "requester_phone": "'+98912' || lpad(requester_id::text, 7, '0')",
    "requester_name": "'مشتری‌ ' || requester_id",
    "created_at": "created",
    "updated_at": "updated",
    "channel": "channel",
    "subject": "coalesce(subject, '')",
    "body": "body",
    "status": "status",
    "priority": "priority",
    "tags": "tags",
    "order_id": "order_id",
    "satisfaction_score": "case score when 'good' then 1 when 'bad' then 0 end",
    "satisfaction_comment": "comment",
}
# As in `orders.ODD`; a help desk has no amounts.
ODD = {
    "empty text beside null": "body = '', comment = '', score = 'good', tags = array['']",
    "no subject": "subject = null",
    "Persian text with ZWNJ": "subject = 'نمی‌خواهم؛ پس می‌فرستم ـ ۱۴۰۳', priority = null",
    "control characters": r"body = e'\x01\x02\t\r\n\x1b\x7f\u0085\u2028'",
    "year 1": "created = '0001-01-01T00:00:00Z'",
    "microseconds and a zone": "created = '1908-03-21T10:11:12.123456+03:30'",
    "array of quotes": """tags = array['a,b', 'c"d', 'NULL', '', e'\\\\']""",
    "composed and decomposed": r"subject = e'caf\u00e9 cafe\u0301 \U0001F6D2', body = ' a '",
    "what COPY means by null": r"body = e'\\N', order_id = 'NULL'",
    "numbers that are texts": "order_id = '00012345678901234567890', comment = '1.50'",
}
_BODY = (
    "سلام، سفارش من دیر رسید و بسته‌بندی آن باز شده بود. لطفاً پی‌گیری کنید و بگویید که چه "
    "زمانی می‌توانم کالا را پس بفرستم. شماره‌ی پی‌گیری را هم برایم بفرستید. با سپاس، "
)


def create_tickets(rows: int) -> list[str]:
    """Statements that make shop.tickets: `rows` tickets of 700 days, four of each requester."""
    each = max(rows // 20_000, 1)
    odd = [
        f"update shop.tickets set {change} where id between {n * each + 1} and {(n + 1) * each}"
        for n, change in enumerate(ODD.values())
    ]
    after = f"n * (interval '700 days' / {rows})"
    return [
        "create schema shop",
        f"""
        create table shop.tickets as
        select
            n::bigint as id,
            n / 4 as requester_id,
            {_zulu(f"timestamptz '2024-04-18' + {after}")} as created,
            {_zulu(f"timestamptz '2024-04-18 18:00' + {after}")} as updated,
            (array['email', 'web', 'chat', 'voice'])[1 + (n % 4)::integer] as channel,
            'سفارش ' || n || ' نرسیده است' as subject,
            '{_BODY}' || n as body,
            (array['new', 'open', 'pending', 'solved', 'closed'])[1 + (n % 5)::integer] as status,
            (array['low', 'normal', 'high', 'urgent'])[1 + (n % 4)::integer] as priority,
            case when n % 3 = 0 then array['refund', 'vip'] else '{{}}' end::text[] as tags,
            case when n % 2 = 0 then (n * 13)::text end as order_id,
            (array['good', 'bad', 'offered', 'unoffered'])[1 + (n % 4)::integer] as score,
            case when n % 8 = 0 then 'ممنون از شما' end as comment
        from generate_series(1::bigint, {rows}) as n
        """,
        *odd,
        f"update shop.tickets set updated = 'soon' where id > {rows - BAD} and id % 2 = 0",
        f"update shop.tickets set status = null where id > {rows - BAD} and id % 2 = 1",
        "vacuum analyze shop.tickets",
    ]


def typed_rows(rows: int) -> str:
    """The query of the tickets in the contract's types, without what is none."""
    types = ENTITIES["tickets"]
    select = ", ".join(
        f"({sql})::{types.column(name).pg_type} as {name}" for name, sql in COLUMNS.items()
    )
    return f"select {select} from shop.tickets where id <= {rows - BAD}"


def unwanted(rows: int) -> str:
    """A condition over the contract's columns: records that are no tickets."""
    return f"ticket_id::bigint > {rows - BAD}"


def write_pages(server: Server, rows: int, folder: Path, *, clean: bool = False) -> None:
    """All answers of the export, one behind the other, and where each ends.

    `clean`: without the records that are no tickets.
    """
    offsets = [0]
    with (folder / "pages").open("wb") as pages:
        tickets = _records(server, rows - BAD if clean else rows)
        page = list(islice(tickets, PAGE_SIZE))
        while page:
            following = list(islice(tickets, PAGE_SIZE))
            users = dict.fromkeys(requester for requester, _ in page)
            ends = {"after_cursor": f"cursor-{len(offsets)}", "end_of_stream": not following}
            pages.write(b'{"tickets":[' + b",".join(ticket for _, ticket in page))
            pages.write(b'],"users":[' + b",".join(map(_user, users)) + b"],")
            pages.write(json.dumps(ends).encode()[1:])
            offsets.append(pages.tell())
            page = following
    (folder / "offsets").write_text(json.dumps(offsets), encoding="ascii")


def _records(server: Server, rows: int) -> Iterator[tuple[int, bytes]]:
    """Requester and JSON of each ticket, in the export's order."""
    query = f"select requester_id, {_JSON} from shop.tickets where id <= {rows} order by id"
    for requester, ticket in server.stream(SHOP, query):
        yield int(requester), bytes(ticket)


def _user(requester: int) -> bytes:
    user = {
        "id": requester,
        "url": f"https://shop.zendesk.com/api/v2/users/{requester}.json",
        "name": f"مشتری‌ {requester}",
        "email": f"customer{requester}@example.org",
        "created_at": "2023-03-21T08:00:00Z",
        "updated_at": "2024-03-21T08:00:00Z",
        "time_zone": "Tehran",
        "iana_time_zone": "Asia/Tehran",
        "phone": f"+98912{requester:07}",
        "shared_phone_number": False,
        "photo": None,
        "locale_id": 1,
        "locale": "fa",
        "organization_id": None,
        "role": "end-user",
        "verified": True,
        "external_id": None,
        "tags": [],
        "alias": "",
        "active": True,
        "shared": False,
        "details": "",
        "notes": "",
        "suspended": False,
        "user_fields": {},
    }
    return json.dumps(user, ensure_ascii=False).encode()


def _zulu(instant: str) -> str:
    """SQL of an instant as Zendesk writes it."""
    return f"""to_char({instant}, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""


_JSON = f"""convert_to(json_build_object(
    'url', 'https://shop.zendesk.com/api/v2/tickets/' || id || '.json',
    'id', id,
    'external_id', null,
    'via', json_build_object(
        'channel', channel,
        'source', json_build_object('from', '{{}}'::json, 'to', '{{}}'::json, 'rel', null)
    ),
    'created_at', created,
    'updated_at', updated,
    'generated_timestamp', 1713398400 + id,
    'type', 'incident',
    'subject', subject,
    'raw_subject', subject,
    'description', body,
    'priority', priority,
    'status', status,
    'recipient', null,
    'requester_id', requester_id,
    'submitter_id', requester_id,
    'assignee_id', 20978392,
    'organization_id', null,
    'group_id', 98738,
    'collaborator_ids', '[]'::json,
    'follower_ids', '[]'::json,
    'email_cc_ids', '[]'::json,
    'forum_topic_id', null,
    'problem_id', null,
    'has_incidents', false,
    'is_public', true,
    'due_at', null,
    'tags', tags,
    'custom_fields', json_build_array(
        json_build_object('id', {ORDER_FIELD}, 'value', order_id),
        json_build_object('id', 360001234568, 'value', 'yes')
    ),
    'satisfaction_rating', json_build_object('score', score, 'comment', comment),
    'sharing_agreement_ids', '[]'::json,
    'custom_status_id', 5,
    'ticket_form_id', 360000123456,
    'brand_id', 360000654321,
    'allow_channelback', false,
    'allow_attachments', true,
    'from_messaging_channel', false
)::text, 'UTF8')"""
