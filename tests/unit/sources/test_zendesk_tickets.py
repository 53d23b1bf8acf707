"""A page of tickets read at once, or record by record: the same rows, and the bytes as received."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.http_servers import (
    ALL_HISTORY,
    END,
    ONE_DAY,
    MemoryHelpDesk,
    help_desk,
    zendesk,
)

from moshtari.demo.faults import Fault, Faults, rewritten
from moshtari.sources.base import ArrowRows, RejectedRecord, SourceError, Window

END_OF_PAGE = b'], "end_of_stream": true, "after_cursor": null}'
BROKEN = b'{"id": 9000, "status": null}'


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Faults, str]]:
    with help_desk(MemoryHelpDesk()) as served:
        yield served


class Export:
    """The export of a server that sends these pages, whatever it is asked for."""

    def __init__(self, server: tuple[Faults, str]) -> None:
        self.app, self.base_url = server

    def read(self, *pages: bytes, window: Window = ALL_HISTORY) -> list[ArrowRows | RejectedRecord]:
        self.app.follow(
            [
                Fault("/tickets/", rewritten(lambda _, page=page: page), on={number})
                for number, page in enumerate(pages, start=1)
            ]
        )
        found = list(zendesk(self.base_url, order_id_from=5).read("tickets", window))
        assert all(isinstance(batch, ArrowRows | RejectedRecord) for batch in found)
        return found  # type: ignore[return-value]

    def rows(self, page: bytes) -> tuple[list[dict[str, Any]], list[bytes], list[RejectedRecord]]:
        """The rows of one page, their bytes as received, and what is no row."""
        found = self.read(page)
        rejected = [batch for batch in found if isinstance(batch, RejectedRecord)]
        rows: list[dict[str, Any]] = []
        raw: list[bytes] = []
        for batch in found:
            if isinstance(batch, ArrowRows):
                assert batch.raw is not None
                assert len(batch.raw) == batch.values.num_rows
                rows += batch.values.to_pylist()
                raw += batch.raw[:]
                assert raw == [batch.raw[at] for at in range(len(batch.raw))]
                keys = [f"ticket {row['ticket_id']}" for row in rows]
                assert batch.positions.to_pylist() == keys
        return rows, raw, rejected


@pytest.fixture
def export(server: tuple[Faults, str]) -> Export:
    return Export(server)


@pytest.fixture(scope="module")
def shared(server: tuple[Faults, str]) -> Export:
    """For a test of many examples."""
    return Export(server)


def ticket(key: int, **fields: Any) -> bytes:
    times = {"created_at": "2026-03-19T20:30:00Z", "updated_at": "2026-03-20T08:00:00Z"}
    return json.dumps({"id": key, "status": "open", **times, **fields}).encode()


def page(*tickets: bytes, before: bytes = b"", between: bytes = b",") -> bytes:
    return b"{" + before + b'"tickets": [' + between.join(tickets) + END_OF_PAGE


TIMES = b'"created_at":"2026-03-19T20:30:00Z","updated_at":"2026-03-20T08:00:00Z"'
# Tickets as a server may write them, and something of the row that each is.
WRITTEN: list[tuple[bytes, dict[str, str | None]]] = [
    (b'{ "id"\t:\r\n 1 ,' + TIMES + b' , "status" : "open"\n}', {"ticket_id": "1"}),
    (b'{"id":1,"id":2,"status":"new","status":"open",' + TIMES + b"}", {"status": "open"}),
    (
        '{"id":3,"status":"open","subject":"نمی‌خواهم 🛒",'.encode() + TIMES + b"}",
        {"subject": "نمی‌خواهم 🛒"},
    ),
    (
        b'{"id":4,"status":"open","subject":"\\u0633\\/\\ud83d\\uded2\\t\\"",' + TIMES + b"}",
        {"subject": 'س/🛒\t"'},
    ),
    (
        b'{"id":5,"status":"open","description":"],\\"tickets\\":[{","\\u0069d":5,' + TIMES + b"}",
        {"body": '],"tickets":[{'},
    ),
    (
        b'{"custom":[[{"id":6}],{"tickets":[1e3,-0.0]}],"id":6,"status":"open",' + TIMES + b"}",
        {"ticket_id": "6"},
    ),
    (
        b'{"id":7,"status":"open","custom_fields":[{"id":5,"value":"a"},{"id":5}],' + TIMES + b"}",
        {"order_id": "a"},
    ),
    (b'{"id":18446744073709551615,"status":"deleted",' + TIMES + b"}", {"_is_deleted": "true"}),
]


@pytest.mark.parametrize("between", [b",", b" ,\n\t"])
@pytest.mark.parametrize(
    "before",
    [
        b"",
        b'"users" : [ ] , ',
        b'"tickets": [{"id": 8}], "tickets": [],\n',
        b'"more": {"tickets": [1]}, "\\u0074ickets": [], ',
    ],
)
@pytest.mark.parametrize("broken", [(), (BROKEN,)])
def test_the_bytes_of_a_ticket_are_those_that_were_received(
    export: Export, broken: tuple[bytes, ...], before: bytes, between: bytes
) -> None:
    written = [record for record, _ in WRITTEN]
    content = page(*written[:3], *broken, *written[3:], before=before, between=between)
    rows, raw, rejected = export.rows(content)
    assert raw == written
    for row, (_, expected) in zip(rows, WRITTEN, strict=True):
        assert row | expected == row
    assert [record.raw for record in rejected] == list(broken)
    assert [record.position for record in rejected] == ["ticket 9000" for _ in broken]


def test_a_page_of_broken_text_is_cut_the_same_way(export: Export) -> None:
    """Bytes that are no UTF-8 in a field that nobody reads are left alone, as ever."""
    written = [ticket(1), ticket(2)[:-1] + b', "subject": "\xff"}', ticket(3)]
    rows, raw, [rejected] = export.rows(page(*written))
    assert [row["ticket_id"] for row in rows] == ["1", "3"]
    assert raw == [written[0], written[2]]
    assert rejected.raw == written[1]


@pytest.mark.parametrize(
    ("written", "lands"),
    [
        ("2026-03-19T20:30:00Z", "2026-03-19T20:30:00Z"),
        ("2026-03-19 20:30:00z", "2026-03-19T20:30:00Z"),
        ("2026-03-20T00:00:00+03:30", "2026-03-20T00:00:00+03:30"),
        ("2026-03-19T20:30:00-0000", "2026-03-19T20:30:00Z"),
        ("2026-03-19T20:30:00.5Z", "2026-03-19T20:30:00.500000Z"),
        ("2026-03-19T20:30:00.123456789Z", "2026-03-19T20:30:00.123457Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("1908-03-21T10:11:12.123456+03:30", "1908-03-21T10:11:12.123456+03:30"),
        ("2026-03-19T20:30:00", None),
        ("2026-03-19T20:30Z", None),
        ("2026-03-19T24:00:00Z", None),
        ("2026-03-19T20:30:60Z", None),
        ("2026-02-30T08:00:00Z", None),
        ("2026-03-19", None),
        ("infinity", None),
        ("", None),
        (None, None),
    ],
)
def test_an_odd_time_lands_as_it_is_or_costs_its_ticket(
    export: Export, written: str | None, lands: str | None
) -> None:
    odd = ticket(2, created_at=written)
    rows, _, rejected = export.rows(page(ticket(1), odd, ticket(3)))
    times = {row["ticket_id"]: row["created_at"] for row in rows}
    as_ever = {"1": "2026-03-19T20:30:00Z", "3": "2026-03-19T20:30:00Z"}
    assert times == (as_ever if lands is None else {**as_ever, "2": lands})
    assert [record.raw for record in rejected] == ([odd] if lands is None else [])


ANYTHING = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=4) | st.just([{}])
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["open", "deleted"]) | ANYTHING,
        "subject": st.text(max_size=8) | ANYTHING,
        "description": st.text(max_size=8),
        "priority": ANYTHING,
        "requester_id": st.integers(1, 3) | st.none(),
        "via": st.none() | st.fixed_dictionaries({"channel": ANYTHING}),
        "tags": st.none() | st.lists(st.text(max_size=4), max_size=3) | ANYTHING,
        "custom_fields": st.lists(st.fixed_dictionaries({"id": st.just(5), "value": ANYTHING})),
        "satisfaction_rating": st.none()
        | st.fixed_dictionaries({"score": st.sampled_from(["good", "bad", "offered", None])}),
        "unknown": ANYTHING,
    },
)
USERS = b'"users": [{"id": 1, "name": "N"}, {"id": 2, "email": "a@b.example", "name": null}], '


@given(changes=st.lists(FIELDS, min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_page_gives_what_its_tickets_give_one_by_one(
    shared: Export, changes: list[dict[str, Any]]
) -> None:
    written = [ticket(key, **fields) for key, fields in enumerate(changes, start=1)]
    alone = [shared.rows(page(record, before=USERS)) for record in written]
    rows, raw, rejected = shared.rows(page(*written, before=USERS))
    assert rows == [row for found, _, _ in alone for row in found]
    assert raw == [record for _, found, _ in alone for record in found]
    assert rejected == [record for _, _, found in alone for record in found]


def test_of_a_ticket_twice_on_a_page_the_later_one_lands(export: Export) -> None:
    late, early = "2026-03-20T09:00:00Z", "2026-03-20T07:00:00Z"
    written = [
        ticket(1, updated_at=early),
        ticket(2, updated_at=late),
        ticket(1, updated_at=late, status="solved"),
        ticket(2, updated_at=early, status="solved"),
    ]
    rows, raw, _ = export.rows(page(*written))
    assert {row["ticket_id"]: row["status"] for row in rows} == {"1": "solved", "2": "open"}
    assert raw == [written[2], written[1]]


def followed(content: bytes, number: int = 1) -> bytes:
    """The page with another one to follow, under a cursor of its own."""
    cursor = base64.b64encode(f"1||{number}|".encode())
    ends = b'], "end_of_stream": false, "after_cursor": "' + cursor + b'"}'
    return content.replace(END_OF_PAGE, ends)


@pytest.mark.parametrize("broken", [(), (BROKEN,)])
def test_a_ticket_that_moves_on_is_no_loop(export: Export, broken: tuple[bytes, ...]) -> None:
    """Changed again within its second, perhaps onto a page that is otherwise the same."""
    before, after = ticket(1), ticket(1, status="solved", updated_at="2026-03-20T08:00:01Z")
    pages = [page(before, *broken), page(after, *broken), page(ticket(2))]
    found = export.read(followed(pages[0]), followed(pages[1], 2), pages[2])
    rows = [batch.values.to_pylist() for batch in found if isinstance(batch, ArrowRows)]
    assert [[row["ticket_id"], row["status"]] for [row] in rows] == [
        ["1", "open"],
        ["1", "solved"],
        ["2", "open"],
    ]
    assert sum(isinstance(batch, RejectedRecord) for batch in found) == len(broken)


@pytest.mark.parametrize("broken", [(), (BROKEN,)])
def test_the_same_page_under_another_cursor_is_a_loop(
    export: Export, broken: tuple[bytes, ...]
) -> None:
    content = page(ticket(1), *broken)
    with pytest.raises(SourceError, match="never end"):
        export.read(followed(content), followed(content, 2), page())


@pytest.mark.parametrize("more", [(), (BROKEN[:-1] + b', "generated_timestamp": %d}',)])
def test_a_page_past_the_day_ends_the_reading_though_a_ticket_of_it_is_broken(
    export: Export, more: tuple[bytes, ...]
) -> None:
    past = int((END + timedelta(days=2)).timestamp())
    written = [ticket(1, generated_timestamp=past), *(record % past for record in more)]
    export.read(followed(page(*written)), b"never asked for", window=ONE_DAY)
    assert len(export.app.requests) == 1
