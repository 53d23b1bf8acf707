"""Faults of files in every format, through landing: all rows, a named quarantine, or SourceError.

Each test notes what became of its fault, so that a matrix can be made of the junit report.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3fs
from tests.faults.matrix import ALL_ROWS, NAMED, QUARANTINED, Note
from tests.file_servers import (
    HOST,
    PASSWORD,
    USER,
    know,
    line_to,
    s3_options,
    s3_server,
    sftp_server,
)
from tests.file_shop import GOOD, HEADER, LINES, Shop

from moshtari.settings import Settings
from moshtari.sources import files_apart, files_verbatim
from moshtari.sources.files_places import LocalPlace
from moshtari.sources.files_remote import RemotePlace

ROWS: list[dict[str, Any]] = [
    {"no": "1", "on": "2026-03-01 10:00:00", "customer": "17850", "amount": "10.50"},
    {"no": "2", "on": "2026-03-02 10:00:00", "customer": "17851", "amount": "0.10"},
    {"no": "3", "on": "2026-03-03 10:00:00", "customer": None, "amount": "7"},
]
MANY = [
    {"no": str(n), "on": "2026-03-01 10:00:00", "customer": str(n * 7919 % 9973), "amount": str(n)}
    for n in range(1, 5001)
]
FORMATS = ("csv", "tsv", "jsonl", "parquet", "xlsx")


@pytest.fixture
def shop(tmp_path: Path, settings: Settings, pg: psycopg.Connection) -> Shop:
    folder = tmp_path / "deployment"
    folder.mkdir()
    return Shop(folder, settings, pg)


def content(form: str, rows: list[dict[str, Any]], folder: Path) -> bytes:
    """Rows as a file of that format has them."""
    if form == "jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    if form == "parquet":
        kinds = dict.fromkeys(rows[0], pa.string())
        if "amount" in kinds and all(isinstance(row["amount"], Decimal) for row in rows):
            kinds["amount"] = pa.decimal128(18, 2)
        table = pa.Table.from_pylist(rows, pa.schema(list(kinds.items())))
        target = folder / "being-written"
        pq.write_table(table, target, write_page_checksum=True, compression="none")
        return _taken(target)
    if form == "xlsx":
        workbook = openpyxl.Workbook()
        assert workbook.active is not None
        for row in [list(rows[0]), *(list(row.values()) for row in rows)]:
            workbook.active.append(row)
        target = folder / "being-written"
        workbook.save(target)
        return _taken(target)
    separator = "\t" if form == "tsv" else ","
    lines = [list(rows[0]), *([v or "" for v in row.values()] for row in rows)]
    return "".join(separator.join(line) + "\n" for line in lines).encode()


def _taken(file: Path) -> bytes:
    found = file.read_bytes()
    file.unlink()
    return found


def reading(form: str, **more: Any) -> dict[str, Any]:
    """How the YAML says it."""
    return {"path": f"sales.{form}", "format": {"type": form}, **more}


def put(shop: Shop, form: str, data: bytes) -> None:
    shop.write(data, f"sales.{form}")


def amounts(rows: list[dict[str, Any]]) -> dict[str, Decimal]:
    return {row["no"]: Decimal(row["amount"]) for row in rows}


@pytest.mark.parametrize("form", FORMATS)
def test_as_it_should_be(shop: Shop, form: str, note: Note) -> None:
    put(shop, form, content(form, ROWS, shop.folder))
    assert shop.land(**reading(form)).landed == 3
    assert shop.rows() == GOOD
    assert shop.quarantined() == []
    assert (shop.land(**reading(form)).read, shop.rows()) == (0, GOOD)
    note(form, "the same file twice", ALL_ROWS)


@pytest.mark.parametrize("form", FORMATS)
def test_no_bytes(shop: Shop, form: str, note: Note) -> None:
    put(shop, form, b"")
    assert f"sales.{form}: the file is empty" in shop.fails(**reading(form))
    note(form, "0 bytes", NAMED)


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
@pytest.mark.parametrize("cut", [3, 7, 8, 400])
def test_truncated_gz(shop: Shop, form: str, cut: int, note: Note) -> None:
    packed = gzip.compress(content(form, MANY, shop.folder))
    put(shop, form, packed[:-cut])
    assert "the gz archive is cut off or damaged" in shop.fails(**reading(form))
    put(shop, form, packed)
    assert shop.land(**reading(form)).landed == len(MANY)
    note(form, "gz cut off", NAMED)


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_members_of_gz(shop: Shop, form: str, note: Note) -> None:
    plain = content(form, MANY, shop.folder)
    # Cut within a line: members know nothing of lines.
    parts = [plain[i : i + 70_001] for i in range(0, len(plain), 70_001)]
    packed = [gzip.compress(part) for part in parts]
    assert len(packed) > 2
    put(shop, form, b"".join(packed))
    assert shop.land(**reading(form)).landed == len(MANY)
    assert shop.rows() == amounts(MANY)
    note(form, "gz of several members", ALL_ROWS)


@pytest.mark.parametrize("cut", [1, 5, 15, -9])
def test_a_later_member_is_cut_off(shop: Shop, cut: int, note: Note) -> None:
    plain = content("jsonl", MANY, shop.folder)
    whole, broken = gzip.compress(plain[:90_000]), gzip.compress(plain[90_000:])
    put(shop, "jsonl", whole + broken[:cut])
    assert "cut off or damaged" in shop.fails(**reading("jsonl"))
    note("jsonl", "gz cut off", NAMED)


@pytest.mark.parametrize("form", ["parquet", "xlsx"])
@pytest.mark.parametrize("kept", [0.3, 0.95])
def test_truncated_archive(shop: Shop, form: str, kept: float, note: Note) -> None:
    whole = content(form, MANY, shop.folder)
    put(shop, form, whole[: int(len(whole) * kept)])
    told = shop.fails(**reading(form))
    assert "cut off" in told
    assert "Fetch or write the file again" in told
    note(form, "cut off", NAMED)


@pytest.mark.parametrize("form", ["parquet", "xlsx"])
def test_damaged_archive(shop: Shop, form: str, note: Note) -> None:
    damaged = bytearray(content(form, MANY, shop.folder))
    place = damaged.index(b"2026-03-01") if form == "parquet" else len(damaged) // 3
    damaged[place] ^= 0x04
    put(shop, form, bytes(damaged))
    assert "cut off" in shop.fails(**reading(form))
    note(form, "a damaged byte", NAMED)


@pytest.mark.parametrize("form", FORMATS)
def test_a_missing_or_renamed_column(shop: Shop, form: str, note: Note) -> None:
    rows = [{"client" if k == "customer" else k: v for k, v in row.items()} for row in ROWS]
    put(shop, form, content(form, rows, shop.folder))
    assert f"sales.{form}: expected column 'customer' is missing" in shop.fails(**reading(form))
    note(form, "a column renamed", NAMED)


@pytest.mark.parametrize("form", FORMATS)
def test_a_new_column(shop: Shop, form: str, note: Note, caplog: pytest.LogCaptureFixture) -> None:
    rows = [{"colour": "red", **row} for row in ROWS]
    put(shop, form, content(form, rows, shop.folder))
    assert shop.land(**reading(form)).landed == 3
    assert shop.rows() == GOOD
    assert "columns that the YAML does not name are left out: colour" in caplog.text
    left_out = shop.pg.execute(
        "select details -> 'columns_left_out' from ops.loads where origin is not null"
    )
    assert left_out.fetchall() == [(["colour"],)]
    note(form, "a new column", "all rows; the column is reported")


@pytest.mark.parametrize("form", FORMATS)
def test_a_changed_type(shop: Shop, form: str, note: Note) -> None:
    rows = [*ROWS[:2], {**ROWS[2], "amount": "seven"}]
    put(shop, form, content(form, rows, shop.folder))
    assert shop.land(**reading(form)).quarantined == 1
    assert shop.rows() == {"1": Decimal("10.50"), "2": Decimal("0.10")}
    [(position, reason, raw)] = shop.quarantined()
    assert reason == "column 'amount' is not of type decimal"
    assert b"seven" in raw
    assert position == {
        "jsonl": "sales.jsonl:3",
        "parquet": "sales.parquet:row 3",
        "xlsx": "sales.xlsx:Sheet!row 4",
    }.get(form, f"sales.{form}:4")
    # Mended, the row comes in, and only it.
    put(shop, form, content(form, ROWS, shop.folder))
    assert shop.land(**reading(form)).landed == 1
    assert shop.rows() == GOOD
    note(form, "a changed type", QUARANTINED)


def test_a_parquet_column_of_another_type(shop: Shop, note: Note) -> None:
    exact = [{**row, "amount": Decimal(row["amount"])} for row in ROWS]
    put(shop, "parquet", content("parquet", exact, shop.folder))
    assert shop.land(**reading("parquet")).landed == 3
    assert shop.rows() == GOOD
    # The same amounts as text are the same as written too, but for 7, which was 7.00.
    put(shop, "parquet", content("parquet", ROWS, shop.folder))
    assert shop.land(**reading("parquet")).unchanged == 2
    assert shop.rows() == GOOD
    table = pa.Table.from_pylist([{**row, "amount": [row["amount"]]} for row in ROWS])
    pq.write_table(table, shop.folder / "sales.parquet")
    assert shop.land(**reading("parquet")).quarantined == 3
    assert shop.rows() == GOOD
    note("parquet", "a column of another type", "all rows if exact, else quarantine")


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_byte_order_marks(shop: Shop, form: str, note: Note) -> None:
    plain = content(form, ROWS, shop.folder)
    put(shop, form, b"\xef\xbb\xbf" + plain)
    assert shop.land(**reading(form)).landed == 3
    assert shop.rows() == GOOD
    note(form, "byte order mark", ALL_ROWS)


def test_another_encoding(shop: Shop, note: Note) -> None:
    put(shop, "csv", content("csv", ROWS, shop.folder).decode().encode("utf-16"))
    assert "sales.csv: " in shop.fails()
    assert shop.land(format={"type": "csv", "encoding": "utf-16"}).landed == 3
    assert shop.rows() == GOOD
    note("csv", "UTF-16 where UTF-8 is declared", NAMED)


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_mixed_encodings(shop: Shop, form: str, note: Note) -> None:
    lines = content(form, ROWS, shop.folder).replace(b"17851", b"\xc8\xe5")
    put(shop, form, lines)
    assert shop.land(**reading(form)).quarantined == 1
    assert set(shop.rows()) == {"1", "3"}
    [(_, reason, raw)] = shop.quarantined()
    assert reason == "the bytes are not of the file's encoding"
    assert b"\xc8\xe5" in raw
    note(form, "mixed encodings", QUARANTINED)


@pytest.mark.parametrize(("form", "other"), [("csv", ";"), ("csv", "\t"), ("tsv", ",")])
def test_a_wrong_delimiter(shop: Shop, form: str, other: str, note: Note) -> None:
    own = b"\t" if form == "tsv" else b","
    put(shop, form, content(form, ROWS, shop.folder).replace(own, other.encode()))
    told = shop.fails(**reading(form))
    assert "expected column 'amount', 'customer', 'no', 'on' is missing" in told
    assert "`format`" in told
    note(form, "a wrong delimiter", NAMED)


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_another_format(shop: Shop, form: str, note: Note) -> None:
    other = "parquet" if form != "parquet" else "xlsx"
    put(shop, form, content(other, ROWS, shop.folder))
    if form == "jsonl":
        # As no line of it is JSON, each is told; none is lost in silence.
        assert shop.land(**reading(form)).quarantined > 0
        note(form, "another format", "quarantine, line by line")
    else:
        shop.fails(**reading(form))
        note(form, "another format", NAMED)
    assert shop.rows() == {}


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_replaced_while_it_is_read(
    shop: Shop, form: str, note: Note, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(shop, form, content(form, ROWS, shop.folder))
    _replaced_within(monkeypatch, lambda: put(shop, form, content(form, MANY, shop.folder)))
    assert f"sales.{form} has changed while it was being read" in shop.fails(**reading(form))
    monkeypatch.undo()
    assert shop.land(**reading(form)).landed == len(MANY)
    note(form, "replaced while it is read", NAMED)


def _replaced_within(monkeypatch: pytest.MonkeyPatch, replace: Callable[[], None]) -> None:
    """Once the source has opened a file, and before it has closed it."""
    original = LocalPlace.local

    @contextmanager
    def local(place: LocalPlace, origin: Any) -> Iterator[Path]:
        with original(place, origin) as path:
            yield path
            replace()

    monkeypatch.setattr(LocalPlace, "local", local)


def test_a_file_that_vanishes(shop: Shop, note: Note, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sales-1.csv", "sales-2.csv"):
        shop.write(HEADER + LINES[int(name[6]) - 1], name)
    original = LocalPlace.local

    def local(place: LocalPlace, origin: Any) -> Any:
        if origin.path == "sales-2.csv":
            (shop.folder / origin.path).unlink()
        return original(place, origin)

    monkeypatch.setattr(LocalPlace, "local", local)
    with pytest.raises(Exception, match=r"sales-2\.csv cannot be read \(No such file"):
        shop.land(path="sales-*.csv")
    monkeypatch.undo()
    # What did land stays, and what had vanished before takes nothing with it.
    assert shop.rows() == {"1": Decimal("10.50")}
    assert shop.land(path="sales-*.csv").read == 0
    note("csv", "vanished between listing and reading", NAMED)


def test_two_files_with_the_same_rows(shop: Shop, note: Note) -> None:
    for form in ("csv", "jsonl"):
        shop.write(content(form, ROWS, shop.folder), f"one.{form}")
        shop.write(content(form, list(reversed(ROWS)), shop.folder), f"two.{form}")
        shop.land(path=f"*.{form}", format={"type": form})
        assert shop.rows() == GOOD
    assert shop.pg.execute("select count(*) from raw.orders").fetchone() == (3,)
    note("csv", "two files with the same rows", ALL_ROWS)
    note("jsonl", "two files with the same rows", ALL_ROWS)


def test_a_broken_line_among_fast_ones(shop: Shop, note: Note) -> None:
    lines = content("jsonl", MANY, shop.folder).splitlines(keepends=True)
    lines[1000] = b'{"no": "1001", "on\n'
    lines[2000] = lines[2000].replace(b'"amount": "2001"', b'"amount": 2001.0')
    lines[3000] = b"\n"
    lines[4000:4002] = [lines[4000].rstrip() + b" " + lines[4001]]
    put(shop, "jsonl", b"".join(lines))
    summary = shop.land(**reading("jsonl"))
    assert (summary.landed, summary.quarantined) == (4996, 2)
    assert [position for position, _, _ in shop.quarantined()] == [
        "sales.jsonl:1001",
        "sales.jsonl:4001",
    ]
    lost = {"1001", "3001", "4001", "4002"}
    assert shop.rows() == amounts([row for row in MANY if row["no"] not in lost])
    note("jsonl", "broken lines", QUARANTINED)


# Stores -----------------------------------------------------------------------------------------


@pytest.fixture
def s3(shop: Shop) -> Iterator[tuple[str, s3fs.S3FileSystem]]:
    with s3_server() as endpoint:
        system = s3fs.S3FileSystem(skip_instance_cache=True, **s3_options(endpoint))
        system.mkdir("shop")
        yield endpoint, system


def on_s3(endpoint: str, form: str = "csv") -> dict[str, Any]:
    return reading(form, storage_options=s3_options(endpoint), path=f"s3://shop/in/*.{form}.gz")


def test_s3_loads_an_object_once_and_a_changed_one_again(
    shop: Shop, s3: tuple[str, s3fs.S3FileSystem], note: Note
) -> None:
    endpoint, system = s3
    system.pipe_file("shop/in/1.csv.gz", gzip.compress((HEADER + LINES[0]).encode()))
    system.pipe_file("shop/in/2.csv.gz", gzip.compress((HEADER + "".join(LINES[1:])).encode()))
    assert shop.land(**on_s3(endpoint)).landed == 3
    assert shop.land(**on_s3(endpoint)).read == 0
    assert shop.rows() == GOOD
    changed = HEADER + LINES[1].replace("0.10", "0.20")
    system.pipe_file("shop/in/2.csv.gz", gzip.compress(changed.encode()))
    assert shop.land(**on_s3(endpoint)).landed == 1
    assert shop.rows() == {"1": Decimal("10.50"), "2": Decimal("0.20")}
    kept = shop.pg.execute(
        "select origin, origin_checksum, details ->> 'sha256' from ops.loads"
        " where origin is not null order by load_id"
    ).fetchall()
    assert [path for path, _, _ in kept] == [f"s3://shop/in/{n}.csv.gz" for n in (1, 2, 2)]
    assert all(checksum.startswith("etag ") and len(sha) == 64 for _, checksum, sha in kept)
    note("s3", "changed", ALL_ROWS)


def test_s3_faults(
    shop: Shop, s3: tuple[str, s3fs.S3FileSystem], note: Note, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, system = s3
    told = shop.fails(**{**on_s3(endpoint), "path": "s3://nobody/*.csv"})
    assert "there is no file, folder or bucket s3://nobody" in told
    note("s3", "no such bucket", NAMED)
    httpx.post(f"{endpoint}/moto-api/reset-auth", content=b"0")
    assert "s3://shop/in/*.csv.gz: access is denied" in shop.fails(**on_s3(endpoint))
    httpx.post(f"{endpoint}/moto-api/reset-auth", content=b"inf")
    note("s3", "access denied", NAMED)
    packed = gzip.compress(content("csv", MANY, shop.folder))
    system.pipe_file("shop/other", b"")
    assert "s3://shop/in/*.csv.gz" in shop.fails(**on_s3(endpoint))
    note("s3", "nothing listed", NAMED)
    system.pipe_file("shop/in/1.csv.gz", packed[:-100])
    assert "s3://shop/in/1.csv.gz: the gz archive is cut off" in shop.fails(**on_s3(endpoint))
    note("s3", "gz cut off", NAMED)
    system.pipe_file("shop/in/1.csv.gz", packed)
    host, port = endpoint.removeprefix("http://").split(":")
    with line_to(host, int(port)) as line:
        line.cut_after = 20_000
        told = shop.fails(**on_s3(f"http://{HOST}:{line.port}"))
        assert "the connection failed or was cut off" in told
        note("s3", "connection cut half way", NAMED)
    stream = RemotePlace._stream

    def changing(place: RemotePlace, path: str, info: Any, take: Any) -> Any:
        found = stream(place, path, info, take)
        system.pipe_file("shop/in/1.csv.gz", gzip.compress((HEADER + LINES[0]).encode()))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(RemotePlace, "_stream", changing)
        assert "has changed while it was being read" in shop.fails(**on_s3(endpoint))
    note("s3", "replaced while it is read", NAMED)
    assert shop.land(**on_s3(endpoint)).landed == 1


# paramiko's thread that asks ahead dies with the line.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_sftp_faults(shop: Shop, tmp_path: Path, note: Note) -> None:
    served, known = tmp_path / "served", tmp_path / "known_hosts"
    served.mkdir()
    (served / "sales.csv").write_bytes(content("csv", MANY, tmp_path))
    login = {"username": USER, "password": PASSWORD, "known_hosts": str(known)}
    login |= {"look_for_keys": False, "allow_agent": False}
    with sftp_server(served, known) as port, line_to(HOST, port) as line:
        know(known, line.port)
        place = {"path": f"sftp://{HOST}:{line.port}/sales.csv"}
        wrong = shop.fails(**place, storage_options={**login, "password": "wrong"})
        assert "access is denied" in wrong
        note("sftp", "a wrong password", NAMED)
        line.cut_after = 60_000
        told = shop.fails(**place, storage_options=login)
        assert "the connection failed or was cut off" in told
        note("sftp", "connection cut half way", NAMED)
        line.cut_after = None
        assert shop.land(**place, storage_options=login).landed == len(MANY)
        assert shop.land(**place, storage_options=login).read == 0
        assert shop.rows() == amounts(MANY)
        known.write_text("")
        told = shop.fails(**place, storage_options=login)
        assert "the server's key is not the known one" in told
        note("sftp", "an unknown server", NAMED)


@pytest.mark.parametrize("least", [0, 1 << 30])
def test_a_bad_row_among_rows_that_go_past_duckdb(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, least: int
) -> None:
    # Read by a process of its own, and here.
    monkeypatch.setattr(files_apart, "_FROM_BYTES", least)
    asked: list[int] = []
    past = files_verbatim.Verbatim.rows

    def rows(self: files_verbatim.Verbatim, records: pa.Table) -> pa.RecordBatch | None:
        found = past(self, records)
        asked.append(0 if found is None else found.num_rows)
        return found

    monkeypatch.setattr(files_verbatim.Verbatim, "rows", rows)
    lines = [
        '{"no": 1, "on": "2026-03-01T10:00:00Z", "customer": null, "amount": 10.50}',
        '{"no": 2, "on": "2026-03-01T10:00:00Z", "customer": "17", "amount": null}',
        '{"no": 3, "on": "2026-03-01T10:00:00Z", "customer": null',
        '{"no": 4, "on": "2026-03-01T10:00:00Z", "customer": null, "amount": 0.10}',
    ]
    shop.write("\n".join(lines), "sales.jsonl")
    landed = shop.land(path="sales.jsonl", format={"type": "jsonl"})
    assert (landed.read, landed.landed, landed.quarantined) == (4, 2, 2)
    assert asked == [3]
    assert shop.rows() == {"1": Decimal("10.50"), "4": Decimal("0.10")}
    assert sorted(shop.quarantined()) == [
        ("sales.jsonl:2", "gross_amount: missing; total_amount: missing", lines[1].encode()),
        ("sales.jsonl:3", "the line is not one JSON object", lines[2].encode()),
    ]
