"""A long export of tickets, most of it read by a process of its own: to the same rows and ends."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
from tests.http_servers import (
    END,
    ONE_DAY,
    START,
    MemoryHelpDesk,
    help_desk,
    ticket,
    user,
    zendesk,
)
from tests.processes import children

from moshtari.demo.faults import (
    Answer,
    Fault,
    Faults,
    edited,
    hang,
    json_answer,
    refused,
    server_error,
)
from moshtari.sources import zendesk_apart
from moshtari.sources.base import ArrowRows, Batch, RejectedRecord, SourceError

TICKETS, PAGES = 60, 20
STORE = MemoryHelpDesk()
HERE, APART = (1000, 1000), (1, 2)
"""After how many pages a process begins, and after how many it goes on."""


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Faults, str]]:
    STORE.user_rows = [user(1), user(2, "agent")]
    STORE.ticket_rows = [
        ticket(key, START + timedelta(minutes=key), subject=f"پیام {key}", requester_id=1 + key % 3)
        for key in range(1, TICKETS + 1)
    ]
    with help_desk(STORE) as served:
        yield served


class Export:
    def __init__(self, server: tuple[Faults, str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.app, self.base_url = server
        self._monkeypatch = monkeypatch

    def read(self, pages: tuple[int, int], *script: Fault, tries: int = 4) -> Iterator[Batch]:
        self.app.follow(script)
        for name, count in zip(("_BEGINS_AFTER", "_GOES_ON_AFTER"), pages, strict=True):
            self._monkeypatch.setattr(zendesk_apart, name, count)
        source = zendesk(self.base_url, page_size=3, http={"tries": tries})
        return source.read("tickets", ONE_DAY)

    def told(self, pages: tuple[int, int], *script: Fault) -> list[Any]:
        return [in_full(batch) for batch in list(self.read(pages, *script))]


@pytest.fixture
def export(server: tuple[Faults, str], monkeypatch: pytest.MonkeyPatch) -> Export:
    return Export(server, monkeypatch)


def in_full(batch: Batch) -> Any:
    if isinstance(batch, RejectedRecord):
        return batch
    assert isinstance(batch, ArrowRows)
    assert batch.raw is not None
    return batch.values.to_pylist(), batch.positions.to_pylist(), list(batch.raw)


def on_late_pages(answer: Answer) -> Fault:
    return Fault("/tickets/", answer, on={4, 5, 9})


def spoilt(page: Any) -> Any:
    page["tickets"][1]["id"] = {"no": "id"}
    page["tickets"][2]["subject"] = 5
    return page


@pytest.mark.parametrize("pages", [(1, 2), (2, 3), (PAGES - 2, PAGES - 1)])
@pytest.mark.parametrize("script", [(), (on_late_pages(edited(spoilt)),)])
def test_the_same_as_here(
    export: Export, pages: tuple[int, int], script: tuple[Fault, ...]
) -> None:
    here = export.told(HERE, *script)
    assert len(here) == PAGES + 6 * len(script)
    assert export.told(pages, *script) == here
    assert len(export.app.requests) == PAGES


@pytest.mark.parametrize("pages", [(PAGES, PAGES + 1), (PAGES - 1, PAGES), (1, PAGES)])
def test_an_export_that_ends_meanwhile(export: Export, pages: tuple[int, int]) -> None:
    assert export.told(pages) == export.told(HERE)
    assert len(export.app.requests) == PAGES


def test_a_passing_fault_changes_nothing(export: Export) -> None:
    script = Fault("/tickets/", server_error(), on={5})
    assert export.told(APART, script) == export.told(HERE)


LOOP = {"tickets": [], "after_cursor": "bG9vcA==", "end_of_stream": False}


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (refused(401), "GET /api/v2/incremental/tickets/cursor.json: status 401"),
        (server_error(), "failed 2 times"),
        (json_answer(LOOP), "never end"),
    ],
)
def test_what_goes_wrong_there_is_told_of_in_the_same_words(
    export: Export, answer: Answer, what: str
) -> None:
    script = Fault("/tickets/", answer, on=range(5, 1000))
    told = []
    for pages in (HERE, APART):
        with pytest.raises(SourceError, match=what) as error:
            list(export.read(pages, script, tries=2))
        told.append(str(error.value))
    assert told[0] == told[1]


def test_records_are_kept_as_long_as_they_may_be_asked_for(export: Export) -> None:
    here = export.told(HERE)
    batches = export.read(APART)
    kept: list[Batch] = []
    for number, batch in enumerate(batches):
        if number % 5 == 4:
            kept.append(batch)
        elif number % 5 == 3:
            assert in_full(batch) == here[number]
    assert [in_full(batch) for batch in kept] == here[4::5]


def test_a_process_that_is_killed_is_no_end_of_the_export(export: Export) -> None:
    before = children()
    batches = export.read(APART, Fault("/tickets/", hang(3), on={8}))
    some = list(islice(batches, 4))
    [process] = children() - before
    process.kill()
    process.wait()
    with pytest.raises(SourceError, match=r"help, tickets: the process .* ended before"):
        list(batches)
    last = some[-1]
    assert isinstance(last, ArrowRows)
    assert last.raw is not None
    with pytest.raises(SourceError, match=r"help, tickets: the process .* ended before"):
        last.raw[0]


def test_a_process_that_does_not_begin_is_told_of(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(SourceError, match="ended before the export did"):
        list(export.read(APART))


def test_a_reader_that_lets_go_leaves_no_process(export: Export) -> None:
    before = children()
    batches = export.read(APART)
    assert len(list(islice(batches, 4))) == 4
    assert len(children() - before) == 1
    batches.close()  # type: ignore[attr-defined]
    assert children() == before


def test_tickets_past_the_window_are_left_for_their_day_there_too(export: Export) -> None:
    STORE.ticket_rows += [ticket(key, END + timedelta(minutes=1)) for key in (901, 902)]
    try:
        assert export.told(APART) == export.told(HERE)
    finally:
        del STORE.ticket_rows[-2:]
