"""Sources made of files: a file lands once, and a changed one replaces its own rows."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from tests.unit.landing.feeds import (
    DAY,
    Files,
    counted,
    load,
    order,
    reject,
    text_rows,
    versions,
    visible,
)

from moshtari.landing.errors import LandingError
from moshtari.settings import Settings
from moshtari.sources.base import SourceError

NEXT = DAY + timedelta(days=1)
A, B, C = (order(order_id=name) for name in "abc")


def test_a_file_is_read_once(settings: Settings, pg: psycopg.Connection) -> None:
    files = Files(one=[text_rows([A])], two=[text_rows([B, C])])
    assert counted(load(settings, files)) == (3, 3, 0, 0)
    again = load(settings, files, day=NEXT)
    assert counted(again) == (0, 0, 0, 0)
    assert files.opened == ["one", "two"]
    assert versions(pg, "_key, _origin, _known_from::text") == [
        ("a", "one", "-infinity"),
        ("b", "two", "-infinity"),
        ("c", "two", "-infinity"),
    ]
    note = pg.execute("select details from ops.loads where load_id = %s", [again.load_id])
    assert note.fetchone() == ({"files": 2, "unchanged_files": 2},)


def test_a_new_file_is_known_from_its_day(settings: Settings, pg: psycopg.Connection) -> None:
    load(settings, Files(one=[text_rows([A])]))
    load(settings, Files(one=[text_rows([A])], two=[text_rows([B])]), day=NEXT)
    assert visible(pg, "_key", DAY) == [("a",)]
    assert visible(pg, "_key", NEXT) == [("a",), ("b",)]


def test_an_old_day_that_comes_first_has_the_new_file(
    settings: Settings, pg: psycopg.Connection
) -> None:
    load(settings, Files(one=[text_rows([A])]))
    for day in (NEXT, DAY + timedelta(days=2)):
        load(settings, Files(one=[text_rows([A])]), day=day)
    files = Files(one=[text_rows([A])], two=[text_rows([B])])
    load(settings, files, day=NEXT)
    assert counted(load(settings, files, day=DAY + timedelta(days=3))) == (0, 0, 0, 0)
    assert visible(pg, "_key", DAY) == [("a",)]
    assert visible(pg, "_key", NEXT) == [("a",), ("b",)]


def test_a_changed_file_replaces_its_own_rows(settings: Settings, pg: psycopg.Connection) -> None:
    load(settings, Files(one=[text_rows([A, B])], two=[text_rows([C])]))
    changed = order(order_id="b", status="refunded", updated_at="2026-03-01T00:00:00Z")
    files = Files(one=[text_rows([changed])], two=[text_rows([C])])
    assert counted(load(settings, files, day=NEXT)) == (1, 1, 0, 0)
    assert files.opened == ["one"]
    assert visible(pg, "_key, status", DAY) == [("a", "paid"), ("b", "paid"), ("c", "paid")]
    # Its own time went backwards, and still what the file says now is what counts.
    assert visible(pg, "_key, status", NEXT) == [("b", "refunded"), ("c", "paid")]
    # Back to what it was: both rows are there again.
    load(settings, Files(one=[text_rows([A, B])], two=[text_rows([C])]), day=NEXT)
    assert visible(pg, "_key", NEXT) == [("a",), ("b",), ("c",)]


def test_a_row_that_moved_to_another_file_is_not_buried(
    settings: Settings, pg: psycopg.Connection
) -> None:
    load(settings, Files(one=[text_rows([A, B])]))
    moved = order(order_id="b", updated_at="2026-03-21T00:00:00Z")
    load(settings, Files(one=[text_rows([A, B])], two=[text_rows([moved])]), day=NEXT)
    load(settings, Files(one=[text_rows([A])], two=[text_rows([moved])]), day=NEXT)
    assert visible(pg, "_key", NEXT) == [("a",), ("b",)]


def test_nothing_is_buried_where_files_overlap(settings: Settings, pg: psycopg.Connection) -> None:
    # Daily dumps that repeat all rows: `two` brought nothing new, so only it still has b.
    load(settings, Files(one=[text_rows([A, B])], two=[text_rows([A, B])]))
    load(settings, Files(one=[text_rows([A])], two=[text_rows([A, B])]), day=NEXT)
    assert visible(pg, "_key", NEXT) == [("a",), ("b",)]


def test_nothing_is_buried_by_a_file_with_broken_records(
    settings: Settings, pg: psycopg.Connection
) -> None:
    load(settings, Files(one=[text_rows([A, B])]))
    files = Files(one=[text_rows([A]), reject(b"b;2026-")])
    summary = load(settings, files, day=NEXT)
    assert counted(summary) == (2, 0, 1, 1)
    assert visible(pg, "_key", NEXT) == [("a",), ("b",)]
    details = pg.execute("select details from ops.loads where origin = 'one' order by load_id desc")
    assert details.fetchone() == (
        {"tombstones_withheld": "the changed file has records in quarantine"},
    )


def test_a_file_that_is_suddenly_empty_stops_its_load(
    settings: Settings, pg: psycopg.Connection
) -> None:
    load(settings, Files(one=[text_rows([A, B])]))
    with pytest.raises(LandingError, match="one had 2 rows and now has none"):
        load(settings, Files(one=[]), day=NEXT)
    assert visible(pg, "_key", NEXT) == [("a",), ("b",)]


def test_a_vanished_file_takes_nothing_with_it(settings: Settings, pg: psycopg.Connection) -> None:
    load(settings, Files(one=[text_rows([A])], two=[text_rows([B])]))
    load(settings, Files(two=[text_rows([B])]), day=NEXT)
    assert visible(pg, "_key", NEXT) == [("a",), ("b",)]


def test_a_failing_file_leaves_the_others_landed_and_the_day_open(
    settings: Settings, pg: psycopg.Connection
) -> None:
    class Breaking(Files):
        def read_origin(self, entity, origin, window):  # type: ignore[no-untyped-def]
            if origin.path == "one":
                raise SourceError("feed", entity, "one: a column is missing", "Mend the file")
            return super().read_origin(entity, origin, window)

    with pytest.raises(LandingError, match=r"1 of 2 files failed.*Mend the file"):
        load(settings, Breaking(one=[text_rows([A])], two=[text_rows([B])]))
    assert versions(pg, "_key") == [("b",)]
    # Mended a day later, it is still part of the first load: history, known from ever.
    load(settings, Files(one=[text_rows([A])], two=[text_rows([B])]), day=NEXT)
    assert visible(pg, "_key", DAY) == [("a",), ("b",)]


def test_no_files_at_all_is_a_failure_in_the_ledger(
    settings: Settings, pg: psycopg.Connection
) -> None:
    class Empty(Files):
        def origins(self, entity, window):  # type: ignore[no-untyped-def]
            raise SourceError("feed", entity, "no file matches", "Put one there")

    with pytest.raises(SourceError, match="no file matches"):
        load(settings, Empty())
    assert pg.execute("select status from ops.loads").fetchall() == [("failed",)]
