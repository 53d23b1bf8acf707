from __future__ import annotations

import pytest

from moshtari.demo.stage import Stage, field


def make_stage() -> Stage:
    return Stage(today=10, last=20, day_text=lambda day: f"day {day}")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "\\N"),
        (7, "7"),
        ("سلام", "سلام"),
        ("", ""),
        ("\\N", "\\\\N"),
        ("a\tb\nc\r", "a\\tb\\nc\\r"),
    ],
)
def test_field_writes_what_copy_reads_back(value, written):
    assert field(value) == written


@pytest.mark.parametrize(
    ("days", "now", "script"),
    [
        ([3, 10], ["v1"], []),
        ([3, 11], ["v0"], ["day 11\tv1"]),
        ([11, 11, 12], [], ["day 11\tv1", "day 12\tv2"]),
        ([9, 15, 21], ["v0"], ["day 15\tv1"]),
        ([21], [], []),
    ],
)
def test_versions_show_the_latest_and_keep_one_a_night(days, now, script):
    stage = make_stage()
    stage.put_versions("shop.sales", days, lambda version: f"v{version}")
    assert stage.now["shop.sales"] == now
    assert stage.script["shop.sales"] == script


@pytest.mark.parametrize(
    ("day", "now", "script"),
    [(10, ["row"], []), (11, [], ["day 11\trow"]), (20, [], ["day 20\trow"]), (21, [], [])],
)
def test_a_row_that_never_changes_waits_for_its_day(day, now, script):
    stage = make_stage()
    stage.put("shop.sale_lines", day, "row")
    assert stage.now["shop.sale_lines"] == now
    assert stage.script["shop.sale_lines"] == script
