"""The project as a whole: it builds from nothing, and every rule passes its unit test."""

from __future__ import annotations

import re
from datetime import timedelta

import jdatetime
import psycopg
import pytest
from tests.dbt.project import run_dbt

from moshtari.settings import Settings

pytestmark = pytest.mark.slow


def test_every_rule_passes_its_unit_test(empty_build: Settings) -> None:
    log = run_dbt(
        empty_build, "test", "--select", "test_type:unit",
        variables={"as_of_date": "2025-06-01", "run_id": 1},
    )  # fmt: skip
    counts = re.search(r"PASS=(\d+) WARN=(\d+) ERROR=(\d+) SKIP=(\d+)", log)
    assert counts is not None, log[-2000:]
    assert int(counts[1]) >= 30
    assert counts.groups()[1:] == ("0", "0", "0")


def test_a_deployment_without_any_data_has_marts_without_rows(built: psycopg.Connection) -> None:
    for mart in ("customers", "customer_types", "customer_life_cycle", "segments_daily",
                 "outreach_lists", "outreach_omissions"):  # fmt: skip
        counted = built.execute(f"select count(*) from candidate.{mart}".encode()).fetchone()
        assert counted == (0,), mart


def test_every_relation_and_column_is_described(built: psycopg.Connection) -> None:
    missing = built.execute(
        """
        select n.nspname, c.relname, a.attname
        from pg_class as c
        inner join pg_namespace as n on n.oid = c.relnamespace
        inner join pg_attribute as a on a.attrelid = c.oid
        where n.nspname in ('staging', 'intermediate', 'candidate', 'reference')
            and c.relkind in ('r', 'v') and a.attnum >= 0 and not a.attisdropped
            and (
                col_description(c.oid, a.attnum) is null
                or obj_description(c.oid, 'pg_class') is null
            )
        """
    ).fetchall()
    assert missing == []


def test_every_day_of_the_calendar_agrees_with_jdatetime(built: psycopg.Connection) -> None:
    rows = built.execute(
        "select day, jalali_year, jalali_month, jalali_day, weekday, iso_week, is_weekend"
        " from candidate.calendar order by day"
    ).fetchall()
    day = jdatetime.date(1380, 1, 1).togregorian()
    last = jdatetime.date(1421, 1, 1).togregorian() - timedelta(days=1)
    assert (rows[0][0], rows[-1][0], len(rows)) == (day, last, (last - day).days + 1)
    for row in rows:
        jalali = jdatetime.date.fromgregorian(date=row[0])
        expected = (
            jalali.year, jalali.month, jalali.day, jalali.weekday() + 1,
            row[0].isocalendar().week, row[0].isoweekday() == 5,
        )  # fmt: skip
        assert row[1:] == expected, row[0]


def test_nowruz_and_yalda_are_where_people_expect_them(built: psycopg.Connection) -> None:
    rows = built.execute(
        "select jalali_day, jalali_month_name_fa, is_public_holiday, holiday_name_en"
        " from candidate.calendar where day in ('2025-03-20', '2025-03-21', '2024-12-20')"
        " order by day"
    ).fetchall()
    assert rows == [
        (30, "آذر", False, None),
        (30, "اسفند", True, "Last Day of a Leap Year"),
        (1, "فروردین", True, "Nowruz"),
    ]


def test_lunar_holidays_are_on_the_days_on_which_iran_kept_them(built: psycopg.Connection) -> None:
    days = {
        "2022-03-18": "Birthday of Imam Mahdi",
        "2023-04-23": "Day after Eid al-Fitr",
        "2024-04-10": "Eid al-Fitr",
        "2025-03-22": "Nowruz; Martyrdom of Imam Ali",
        "2025-06-06": "Eid al-Adha",
        "2025-07-06": "Ashura",
        "2025-08-14": "Arbaeen",
        "2025-08-24": "Martyrdom of Imam Reza",
        "2025-09-01": "Martyrdom of Imam Hasan al-Askari",
    }
    rows = built.execute(
        "select day::text, holiday_name_en, is_holiday_reckoned from candidate.calendar"
        " where day = any(%s::date[])",
        [list(days)],
    ).fetchall()
    assert {row[0]: row[1] for row in rows} == days
    assert not any(row[2] for row in rows)
