"""Files as they really arrive: through landing into PostgreSQL, good lines in, bad ones told."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.faults.matrix import ALL_ROWS, NAMED, QUARANTINED, Note
from tests.file_shop import GOOD, HEADER, LINES, Shop

from moshtari.landing.errors import ExtractError
from moshtari.settings import Settings


@pytest.fixture
def shop(tmp_path: Path, settings: Settings, pg: psycopg.Connection) -> Shop:
    folder = tmp_path / "deployment"
    folder.mkdir()
    return Shop(folder, settings, pg)


@pytest.mark.parametrize(
    "content",
    [
        (HEADER + "".join(LINES)).encode(),
        (HEADER + "".join(LINES)).replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + (HEADER + "".join(LINES)).encode(),
        (HEADER + "".join(LINES)).rstrip("\n").encode(),
        gzip.compress((HEADER + "".join(LINES)).encode()),
        (HEADER + "\n".join(LINES) + "\n\n").encode(),
    ],
    ids=["plain", "crlf", "bom", "no last line end", "gz", "blank lines"],
)
def test_the_same_rows_however_the_file_is_written(shop: Shop, content: bytes, note: Note) -> None:
    shop.write(content)
    assert shop.land().landed == 3
    assert shop.rows() == GOOD
    assert shop.quarantined() == []
    assert shop.pg.execute(
        "select array_agg(customer_id order by order_id), min(ordered_at at time zone 'UTC')::text"
        " from raw.orders"
    ).fetchone() == (["17850", "17851", None], "2026-03-01 06:30:00")
    note("csv", "line ends, byte order mark, blank lines", ALL_ROWS)


def test_persian_and_arabic_digits(shop: Shop, note: Note) -> None:
    shop.write(HEADER + "۱,۲۰۲۶-۰۳-۰۱ ۱۰:۰۰:۰۰,۱۷۸۵۰,۱۰٫۵۰\n٢,٢٠٢٦-٠٣-٠٢ ١٠:٠٠,,٠٫١\n")
    shop.land()
    assert shop.rows() == {"1": Decimal("10.50"), "2": Decimal("0.10")}
    note("csv", "Persian and Arabic digits", ALL_ROWS)


def test_missing_column(shop: Shop, note: Note) -> None:
    shop.write("no,on,client,amount\n" + "".join(LINES))
    told = shop.fails()
    assert "sales.csv: expected column 'customer' is missing" in told
    assert "the file has: 'no', 'on', 'client', 'amount'" in told
    assert "`columns`" in told
    note("csv", "a column renamed", NAMED)


def test_extra_column_stays_out_and_is_logged(
    shop: Shop, caplog: pytest.LogCaptureFixture, note: Note
) -> None:
    shop.write("secret," + HEADER + "".join(f"x,{line}" for line in LINES))
    assert shop.land().landed == 3
    assert "columns that the YAML does not name are left out: secret" in caplog.text
    note("csv", "a new column", "all rows; the column is reported")


def test_duplicated_header(shop: Shop, note: Note) -> None:
    shop.write("no,on,customer,amount,amount\n" + "1,2026-03-01,1,2,3\n")
    assert "the header names column 'amount' more than once" in shop.fails()
    note("csv", "a column named twice", NAMED)


def test_header_repeated_midway(shop: Shop, note: Note) -> None:
    shop.write(HEADER + LINES[0] + HEADER + LINES[1])
    assert shop.land().quarantined == 1
    assert shop.quarantined() == [
        ("sales.csv:3", "the header line once more", HEADER.strip().encode())
    ]
    note("csv", "header line repeated", QUARANTINED)


def test_wrong_type(shop: Shop, note: Note) -> None:
    bad = "4,2026-03-04,17852,ten@example.org\n"
    shop.write(HEADER + "".join(LINES[:2]) + bad + "5,soon,1,1\n" + LINES[2])
    summary = shop.land()
    assert (summary.read, summary.landed, summary.quarantined) == (5, 3, 2)
    assert shop.rows() == GOOD
    assert shop.quarantined() == [
        ("sales.csv:4", "column 'amount' is not of type decimal", bad.strip().encode()),
        ("sales.csv:5", "column 'on' is not of type timestamp", b"5,soon,1,1"),
    ]
    note("csv", "a changed type", QUARANTINED)


def test_broken_records(shop: Shop, note: Note) -> None:
    shop.write(HEADER + LINES[0] + '4,"2026\n' + LINES[1] + "5,6\n" + LINES[2])
    assert shop.land().quarantined == 2
    assert shop.rows() == GOOD
    found = shop.quarantined()
    assert [(position, raw) for position, _, raw in found] == [
        ("sales.csv:3", b'4,"2026'),
        ("sales.csv:5", b"5,6"),
    ]
    assert found[1][1] == "the line has 2 fields instead of 4"
    note("csv", "broken lines", QUARANTINED)


def test_undecodable_bytes(shop: Shop, note: Note) -> None:
    shop.write((HEADER + LINES[0]).encode() + b"4,2026-03-04,\xd8\xff,1\n" + LINES[1].encode())
    shop.land()
    assert set(shop.rows()) == {"1", "2"}
    assert shop.quarantined() == [
        ("sales.csv:3", "the bytes are not of the file's encoding", b"4,2026-03-04,\xd8\xff,1")
    ]
    note("csv", "mixed encodings", QUARANTINED)


@pytest.mark.parametrize("cut", [10, 60])
def test_truncated_gz(shop: Shop, cut: int, note: Note) -> None:
    lines = "".join(f"{n},2026-03-01,{n * 7919 % 9973},{n}\n" for n in range(5000))
    shop.write(gzip.compress((HEADER + lines).encode())[:-cut])
    told = shop.fails()
    assert "the gz archive is cut off or damaged. Fetch or write the file again" in told
    assert shop.rows() == {}
    note("csv", "gz cut off", NAMED)


def test_damaged_gz(shop: Shop, note: Note) -> None:
    packed = bytearray(gzip.compress((HEADER + "".join(LINES)).encode()))
    packed[-20] ^= 0xFF
    shop.write(bytes(packed))
    assert "cut off or damaged" in shop.fails()
    note("csv", "a damaged byte", NAMED)


@pytest.mark.parametrize("content", [b"", gzip.compress(b"")], ids=["plain", "gz"])
def test_empty_file(shop: Shop, content: bytes, note: Note) -> None:
    shop.write(content)
    assert "sales.csv: the file is empty: it has not even a header" in shop.fails()
    note("csv", "0 bytes", NAMED)


def test_header_only(shop: Shop) -> None:
    shop.write(HEADER)
    assert (shop.land().read, shop.rows(), shop.quarantined()) == (0, {}, [])


def test_no_file(shop: Shop, note: Note) -> None:
    assert "there is no file or folder sales.csv" in shop.fails()
    assert "sales-*.csv holds no file" in shop.fails(path="sales-*.csv")
    note("csv", "no file at all", NAMED)


def test_the_same_file_twice(shop: Shop, note: Note) -> None:
    shop.write(HEADER + "".join(LINES))
    assert shop.land().landed == 3
    assert (shop.land().read, shop.rows()) == (0, GOOD)
    assert shop.pg.execute("select count(*) from raw.orders").fetchone() == (3,)
    # A copy under another name brings nothing new either.
    shop.write(HEADER + "".join(LINES), "sales-copy.csv")
    again = shop.land(path="sales*.csv")
    assert (again.landed, again.unchanged) == (0, 3)
    note("csv", "the same file twice", ALL_ROWS)


def test_a_changed_file_replaces_its_own_rows(shop: Shop, note: Note) -> None:
    shop.write(HEADER + "".join(LINES), "sales-1.csv")
    shop.write(HEADER + "9,2026-03-09,1,9\n", "sales-2.csv")
    shop.land(path="sales-*.csv")
    shop.write(HEADER + LINES[0].replace("10.50", "11") + LINES[1], "sales-1.csv")
    shop.land(path="sales-*.csv")
    assert shop.rows() == {"1": Decimal(11), "2": Decimal("0.10"), "9": Decimal(9)}
    shop.write(HEADER + "".join(LINES), "sales-1.csv")
    shop.land(path="sales-*.csv")
    assert shop.rows() == {**GOOD, "9": Decimal(9)}
    note("csv", "changed", ALL_ROWS)


def test_a_line_that_broke_does_not_take_its_row_away(shop: Shop, note: Note) -> None:
    shop.write(HEADER + "".join(LINES))
    shop.land()
    shop.write(HEADER + LINES[0] + "2,2026-03-02 10:00:00,17851.0,?\n" + LINES[2])
    assert shop.land().quarantined == 1
    assert shop.rows() == GOOD
    note("csv", "a line that breaks later", "quarantine; its row stays")


def test_a_file_that_grows_while_it_is_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, note: Note
) -> None:
    from moshtari.sources.files_records import RecordReader

    shop.write(HEADER + "".join(LINES))
    original = RecordReader.batches

    def growing(reader: Any) -> Any:
        yield from original(reader)
        with (shop.folder / "sales.csv").open("a") as file:
            file.write("4,2026-03-04,1,1\n")

    with monkeypatch.context() as patch:
        patch.setattr(RecordReader, "batches", growing)
        told = shop.fails()
    assert "sales.csv has changed while it was being read" in told
    assert shop.land().landed == 4
    note("csv", "growing while it is read", NAMED)


def test_one_bad_file_does_not_stop_the_others(shop: Shop, note: Note) -> None:
    shop.write(HEADER + LINES[0], "sales-1.csv")
    shop.write("nothing of use\n1\n", "sales-2.csv")
    shop.write(HEADER + LINES[1], "sales-3.csv")
    with pytest.raises(ExtractError, match=r"1 of 3 files failed: .*sales-2\.csv: expected column"):
        shop.land(path="sales-*.csv")
    assert set(shop.rows()) == {"1", "2"}
    note("csv", "one file of several broken", "the others land; named until mended")


def test_json_lines(shop: Shop, note: Note) -> None:
    rows = [
        {"no": 1.0, "on": "2026-03-01T10:00:00Z", "customer": None, "amount": 10.5},
        {"no": "2", "on": "2026-03-02T10:00:00+03:30", "amount": "0.10", "more": {}},
    ]
    content = "".join(json.dumps(row) + "\n" for row in rows) + '{"no": 3, "on"\n'
    shop.write(content, "sales.jsonl")
    summary = shop.land(path="sales.jsonl", format={"type": "jsonl"})
    assert (summary.landed, summary.quarantined) == (2, 1)
    assert shop.rows() == {"1": Decimal("10.5"), "2": Decimal("0.10")}
    [(position, _, raw)] = shop.quarantined()
    assert (position, raw) == ("sales.jsonl:3", b'{"no": 3, "on"')
    note("jsonl", "broken lines", QUARANTINED)


def test_json_lines_without_an_expected_column(shop: Shop, note: Note) -> None:
    shop.write('{"no": 1, "on": "2026-03-01", "amount": 2}\n', "sales.jsonl")
    told = shop.fails(path="sales.jsonl", format={"type": "jsonl"})
    assert "expected column 'customer' is missing; the file has: 'no', 'on', 'amount'" in told
    note("jsonl", "a column renamed", NAMED)


def test_nothing_personal_in_what_is_told(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.write(HEADER + "1,2026-03-01,ali@example.org,ali@example.org\n2,ali@example.org\n")
    shop.land()
    assert len(shop.quarantined()) == 2
    assert "example.org" not in caplog.text
    assert all("example.org" not in reason for _, reason, _ in shop.quarantined())
