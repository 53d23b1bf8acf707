"""The registry of what is published."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from moshtari.publication import PUBLISHED, FencedError, ReadersBusyError
from moshtari.publication.errors import (
    CandidateShapeError,
    HistoryIncompleteError,
    PublicationError,
)


def test_no_two_marts_share_a_table_or_a_view():
    for names in ([mart.table for mart in PUBLISHED], [mart.view_name for mart in PUBLISHED]):
        assert Counter(names).most_common(1)[0][1] == 1


def test_each_schema_is_read_by_its_own_role():
    assert {(mart.schema, mart.reader) for mart in PUBLISHED} == {
        ("bi", "bi_reader"),
        ("outreach", "outreach_reader"),
    }


def test_no_history_is_taken_for_another_mart_or_for_a_partition():
    tables = {mart.table for mart in PUBLISHED}
    for mart in PUBLISHED:
        assert not {mart.history_table, mart.scope_table} & tables
        for other in tables:
            assert not re.fullmatch(rf"{other}_r\d+", mart.history_table)


def test_no_table_is_taken_for_a_partition_of_another():
    for mart in PUBLISHED:
        for other in PUBLISHED:
            assert mart is other or not mart.table.startswith(f"{other.table}_r")


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (FencedError(3, 4), ["run 3", "run 4", "Nothing was changed"]),
        (
            ReadersBusyError("publishing run 3", 300, ["pid 7, user x, application y, idle"]),
            ["publishing run 3", "pid 7", "300 s", "publish again"],
        ),
        (
            HistoryIncompleteError("orders", 3, "it has no history"),
            ["candidate.orders_history", "run 3", "it has no history", "Begin a new run"],
        ),
        (
            CandidateShapeError("customers", "bi.customers", ["column a (text) is gone"]),
            ["candidate.customers", "bi.customers", "column a", "restore"],
        ),
    ],
)
def test_errors_say_what_happened_and_what_to_do(error, parts):
    assert isinstance(error, PublicationError)
    for part in parts:
        assert part in str(error)
