import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import openpyxl
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moshtari.outreach.files import NotTheShownDayError, harmless, write_lists
from moshtari.settings import Settings

DAY = date(2026, 3, 20)
NAMES = ["سارا ا‌کبری", '=HYPERLINK("http://evil.example")', "@sum", "+989121234567", "-2+3"]


@given(st.text())
def test_no_text_starts_a_formula(text: str) -> None:
    safe = str(harmless(text))
    assert not safe.startswith(("=", "-", "@", "\t", "\r", "\n"))
    assert safe.removeprefix("'") == text or safe == text
    if safe.startswith("+"):
        assert safe[1:].isascii()
        assert safe[1:].isdigit()


def test_numbers_stay_numbers() -> None:
    assert harmless(Decimal("-5.20")) == Decimal("-5.20")
    assert harmless(None) is None


@pytest.fixture
def published(settings: Settings, pg: psycopg.Connection) -> Settings:
    """A published run with an at-risk list whose texts are hostile."""
    run = pg.execute(
        "insert into ops.runs (as_of_date, status) values (%s, 'published') returning run_id", [DAY]
    ).fetchone()
    assert run is not None
    pg.execute("update store.pointer set run_id = %s, as_of_date = %s", [run[0], DAY])
    pg.execute(
        """
        create table store.lists (
            run_id bigint, as_of_date date, list_date date, list_name text, customer_key text,
            rank integer, full_name text, channel text, address text, language text,
            reasons_fa text, reasons_en text, next_step_fa text, next_step_en text, score numeric,
            value_at_stake numeric, referrer text, order_id text
        );
        create view outreach.lists as select * from store.lists;
        create view outreach.list_changes as select run_id, 'at_risk' as list_name from ops.runs;
        grant select on outreach.lists, outreach.list_changes to outreach_reader;
        """
    )
    for rank, name in enumerate(NAMES, start=1):
        pg.execute(
            "insert into store.lists values (%s, %s, %s, 'at_risk', %s, %s, %s, 'sms',"
            " '+989121234567', 'fa', 'دیر شده', 'late', 'تماس', 'call', 0.5, 1234567.5, null,"
            " null)",
            [run[0], DAY, DAY, f"key{rank}", rank, name],
        )
    return settings


def test_both_files_hold_the_list_and_no_formula(published: Settings) -> None:
    (written,) = write_lists(published, DAY)
    assert (written.list_name, written.rows) == ("at_risk", len(NAMES))
    with written.csv.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["full_name"].removeprefix("'") for row in rows] == NAMES
    assert [row["full_name"][0] for row in rows[1:]] == ["'", "'", "+", "'"]
    assert rows[0]["address"] == "+989121234567"
    sheet = openpyxl.load_workbook(written.xlsx).active
    assert sheet is not None
    cells = {cell.data_type for row in sheet.iter_rows() for cell in row}
    assert "f" not in cells
    header = [cell.value for cell in sheet[1]]
    names = [row[header.index("full_name")].value for row in sheet.iter_rows(min_row=2)]
    assert names == NAMES
    assert sheet.sheet_view.rightToLeft
    assert written.csv.stat().st_mode & 0o077 == 0


def test_a_second_writing_leaves_the_same_files_and_nothing_else(published: Settings) -> None:
    (first,) = write_lists(published, DAY)
    content = first.csv.read_bytes()
    (second,) = write_lists(published, DAY)
    assert second.csv.read_bytes() == content
    assert sorted(path.name for path in first.csv.parent.iterdir()) == [
        "at_risk.csv",
        "at_risk.xlsx",
    ]


def test_another_day_than_the_shown_one_writes_nothing(published: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotTheShownDayError, match="2026-03-20"):
        write_lists(published, date(2026, 3, 19))
    assert not list(published.home.glob("outreach/**/*.csv"))
