"""Replaying quarantine by each kind of source, after its mapping (or its reader) was mended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.http_servers import (
    DAY,
    EMAIL,
    START,
    TOKEN,
    MemoryHelpDesk,
    MemorySocial,
    comment,
    post,
    ticket,
    user,
)
from tests.unit.landing.feeds import versions, visible

from moshtari.demo.faults import Fault, Faults, edited, rewritten
from moshtari.demo.help_desk import create_app as create_help_desk
from moshtari.demo.serving import serving
from moshtari.demo.social import create_app as create_social
from moshtari.landing.extract import extract
from moshtari.landing.quarantine import Selection
from moshtari.landing.replay import Replayed, replay
from moshtari.settings import Deployment, Settings
from moshtari.sources import mastodon_replay, zendesk_replay
from moshtari.sources.mastodon_records import Status
from moshtari.sources.zendesk_records import Child

NEXT = DAY + timedelta(days=1)
HEADER = "id,placed,amount,currency\n"
COLUMNS = {"id": "id", "placed": "timestamp", "amount": "decimal(18,2)", "currency": "text"}
ORDERS = {
    "order_id": "id",
    "ordered_at": "placed",
    "updated_at": "placed",
    "status": "'paid'",
    "currency": "currency",
    "gross_amount": "amount",
    "discount_amount": "0",
    "shipping_amount": "0",
    "tax_amount": "0",
    "total_amount": "amount",
    "direction": "'sale'",
}


def records(pg: psycopg.Connection) -> list[tuple[Any, ...]]:
    return pg.execute(
        "select position, reason, raw, status from quarantine.records order by quarantine_id"
    ).fetchall()


def all_of(settings: Settings, deployment: Deployment) -> list[Replayed]:
    return replay(settings, deployment, Selection())


# Files --------------------------------------------------------------------------------------


def files(folder: Path, *, entities: dict[str, Any] | None = None, **config: Any) -> Deployment:
    source = {
        "kind": "files",
        "path": "in",
        "columns": COLUMNS,
        "entities": entities or {"orders": {"columns": ORDERS}},
        **config,
    }
    return Deployment(name="t", sources={"shop": source}, file=folder / "moshtari.yml")


def written(folder: Path, content: str | bytes, name: str = "one.csv") -> Path:
    (folder / "in").mkdir(exist_ok=True)
    path = folder / "in" / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_lines_of_a_file_land_when_their_type_is_mended(
    settings: Settings, pg: psycopg.Connection, tmp_path: Path
) -> None:
    lines = ["1,2026-03-20 08:00,100,IRR", '2,2026-03-20 09:00,"1,200",IRR', "3,x,5,IRR"]
    written(tmp_path, HEADER + "\n".join(lines) + "\n")
    extract(settings, files(tmp_path), "shop", "orders", DAY)
    assert [r[:1] + r[2:] for r in records(pg)] == [
        ("in/one.csv:3", lines[1].encode(), "open"),
        ("in/one.csv:4", lines[2].encode(), "open"),
    ]
    mended = files(tmp_path, thousands_separator=",")
    # The file did not change, so the next night does not read it again: the replay does.
    extract(settings, mended, "shop", "orders", NEXT)
    (done,) = all_of(settings, mended)
    assert (done.replayed, done.still_open, done.landed, done.quarantined) == (1, 1, 1, 1)
    assert versions(pg, "_key, gross_amount::text, _origin, _known_from::text") == [
        ("1", "100", "in/one.csv", "-infinity"),
        ("2", "1200", "in/one.csv", str(NEXT)),
    ]
    (again,) = all_of(settings, mended)
    assert (again.records, again.replayed, again.landed) == (1, 0, 0)
    # What was replayed belongs to its file: it goes when the file no longer has it.
    written(tmp_path, HEADER + lines[0] + "\n")
    extract(settings, mended, "shop", "orders", NEXT)
    assert visible(pg, "_key", NEXT) == [("1",)]
    (stale,) = all_of(settings, mended)
    assert stale.replayed == 0
    assert [r[1].split(":")[0] for r in records(pg) if r[3] == "open"] == ["superseded"]


def test_what_breaks_the_contract_is_kept_as_its_line(
    settings: Settings, pg: psycopg.Connection, tmp_path: Path
) -> None:
    line = '7,2026-03-20 08:00,"5.50",'
    written(tmp_path, HEADER + line + "\n")
    extract(settings, files(tmp_path), "shop", "orders", DAY)
    assert records(pg) == [("in/one.csv:2", "currency: missing", line.encode(), "open")]
    mended = {"orders": {"columns": {**ORDERS, "currency": "coalesce(currency, 'IRR')"}}}
    (done,) = all_of(settings, files(tmp_path, entities=mended))
    assert (done.replayed, done.landed) == (1, 1)
    assert versions(pg, "currency, gross_amount::text") == [("IRR", "5.50")]


def test_bytes_that_are_no_text_are_kept_and_land_in_the_right_encoding(
    settings: Settings, pg: psycopg.Connection, tmp_path: Path
) -> None:
    persian = "1,2026-03-20 08:00,5,ريال".encode("windows-1256")
    junk = b"2,2026-03-20 08:00,5,\x00\xff"
    written(tmp_path, HEADER.encode() + persian + b"\n" + junk + b"\n")
    extract(settings, files(tmp_path), "shop", "orders", DAY)
    assert [r[2] for r in records(pg)] == [persian, junk]
    mended = files(tmp_path, format={"type": "csv", "encoding": "windows-1256"})
    (done,) = all_of(settings, mended)
    assert (done.replayed, done.still_open) == (1, 1)
    assert versions(pg, "currency") == [("ريال",)]
    assert records(pg)[1][1:] == (
        "a NUL character, which PostgreSQL cannot store",
        junk,
        "open",
    )


def test_records_that_begin_with_stray_quotes_do_not_swallow_each_other(
    settings: Settings, pg: psycopg.Connection, tmp_path: Path
) -> None:
    when = "2026-03-20 08:00"
    # Put under each other, the first and the last would be one record of four fields.
    lines = [f'"1,{when},5,IRR', f'"3",{when},6,IRR', f'4",{when},8;0,IRR']
    written(tmp_path, HEADER + "\n".join(lines) + "\n")
    extract(settings, files(tmp_path), "shop", "orders", DAY)
    assert [r[2].decode() for r in records(pg)] == [lines[0], lines[2]]
    (done,) = all_of(settings, files(tmp_path, decimal_separator=";"))
    assert (done.replayed, done.still_open) == (1, 1)
    assert [row[0] for row in versions(pg, "_key")] == ["3", '4"']
    (done,) = all_of(settings, files(tmp_path, format={"type": "csv", "quote": None}))
    assert done.replayed == 1
    assert ('"1',) in versions(pg, "_key")


def test_of_a_long_path_the_line_is_kept(
    settings: Settings, pg: psycopg.Connection, tmp_path: Path
) -> None:
    name = "x" * 200 + ".csv"
    written(tmp_path, HEADER + "1,2026-03-20 08:00,5,IRR\n2,2026-03-20 08:00,1/5,IRR\n", name)
    extract(settings, files(tmp_path), "shop", "orders", DAY)
    ((position, *_),) = records(pg)
    assert len(position) == 160
    assert position.endswith(".csv:3")
    (done,) = all_of(settings, files(tmp_path, decimal_separator="/"))
    assert (done.replayed, done.landed) == (1, 1)
    assert versions(pg, "_key, _origin") == [("1", f"in/{name}"), ("2", f"in/{name}")]


def test_expressions_see_the_line_and_the_file_that_they_saw(
    settings: Settings, pg: psycopg.Connection, tmp_path: Path
) -> None:
    entities = {"orders": {"columns": {**ORDERS, "order_id": "file || '#' || line"}}}
    body = "".join(f"{n},2026-03-20 08:00,{n}.5,IRR\n" for n in range(1, 40))
    written(tmp_path, "made by hand\n" + HEADER + body.replace("31.5", "31;5"))
    skip = {"type": "csv", "skip_lines": 1}
    extract(settings, files(tmp_path, entities=entities, format=skip), "shop", "orders", DAY)
    mended = files(tmp_path, entities=entities, format=skip, decimal_separator=";")
    all_of(settings, mended)
    assert ("in/one.csv#33", "31.5") in versions(pg, "_key, gross_amount::text")
    assert len(versions(pg, "_key")) == 39


def test_a_group_is_made_anew_of_all_its_lines(
    settings: Settings, pg: psycopg.Connection, tmp_path: Path
) -> None:
    columns = {
        **ORDERS,
        "ordered_at": "min(placed)",
        "updated_at": "max(placed)",
        "currency": "'IRR'",
    }
    columns |= {"gross_amount": "sum(amount)", "total_amount": "sum(amount)"}
    entities = {"orders": {"group_by": ["id"], "columns": columns}}
    body = "1,2026-03-20 08:00,100,\n1,2026-03-20 08:00,2'000,\n2,2026-03-20 08:00,7,\n"
    path = written(tmp_path, HEADER + body)
    extract(settings, files(tmp_path, entities=entities), "shop", "orders", DAY)
    assert versions(pg, "_key, gross_amount::text") == [("1", "100"), ("2", "7")]
    mended = files(tmp_path, entities=entities, thousands_separator="'")
    kept_elsewhere = path.rename(tmp_path / "elsewhere.csv")
    (done,) = all_of(settings, mended)
    assert done.still_open == 1
    assert "cannot be read again" in records(pg)[0][1]
    kept_elsewhere.rename(path)
    (done,) = all_of(settings, mended)
    assert (done.replayed, done.landed) == (1, 1)
    assert visible(pg, "_key, gross_amount::text", DAY) == [("1", "2100"), ("2", "7")]


def test_a_group_that_another_file_has_told_since_stays_as_it_is(
    settings: Settings, pg: psycopg.Connection, tmp_path: Path
) -> None:
    columns = {**ORDERS, "ordered_at": "min(placed)", "updated_at": "max(placed)"}
    columns |= {"gross_amount": "sum(amount)", "total_amount": "sum(amount)", "currency": "'IRR'"}
    entities = {"orders": {"group_by": ["id"], "columns": columns}}
    body = "1,2026-03-20 08:00,100,\n1,2026-03-20 08:00,2'000,\n"
    written(tmp_path, HEADER + body)
    extract(settings, files(tmp_path, entities=entities), "shop", "orders", DAY)
    written(tmp_path, HEADER + "1,2026-03-20 08:00,300,\n", "two.csv")
    mended = files(tmp_path, entities=entities, thousands_separator="'")
    extract(settings, mended, "shop", "orders", NEXT)
    (done,) = all_of(settings, mended)
    assert (done.replayed, done.landed, done.unchanged) == (1, 0, 1)
    assert visible(pg, "_key, gross_amount::text", NEXT) == [("1", "300")]


def test_json_lines_need_neither_file_nor_neighbours(
    settings: Settings, pg: psycopg.Connection, tmp_path: Path
) -> None:
    good = '{"id": "1", "placed": "2026-03-20T08:00:00Z", "amount": 1, "currency": "IRR"}'
    bad = '{"id": "2", "placed": "2026-03-20T08:00:00Z", "amount": "1/5"}'
    path = written(tmp_path, f"{good}\n{bad}\n", "one.jsonl")
    shape = {"type": "jsonl"}
    extract(settings, files(tmp_path, format=shape), "shop", "orders", DAY)
    path.unlink()
    currency = {"orders": {"columns": {**ORDERS, "currency": "coalesce(currency, 'IRR')"}}}
    mended = files(tmp_path, format=shape, decimal_separator="/", entities=currency)
    (done,) = all_of(settings, mended)
    assert (done.replayed, done.landed) == (1, 1)
    assert versions(pg, "_key, gross_amount::text") == [("1", "1"), ("2", "1.5")]


def test_without_its_file_a_delimited_line_has_no_header(
    settings: Settings, pg: psycopg.Connection, tmp_path: Path
) -> None:
    path = written(tmp_path, HEADER + "1,2026-03-20 08:00,1/5,IRR\n")
    extract(settings, files(tmp_path), "shop", "orders", DAY)
    path.unlink()
    (done,) = all_of(settings, files(tmp_path, decimal_separator="/"))
    assert done.still_open == 1
    assert "its header cannot be read" in records(pg)[0][1]


def test_wide_encodings_are_kept_and_replayed(
    settings: Settings, pg: psycopg.Connection, tmp_path: Path
) -> None:
    line = "1,2026-03-20 08:00,1/5,ریال"
    written(tmp_path, (HEADER + line + "\n").encode("utf-16"))
    wide = {"type": "csv", "encoding": "utf-16"}
    extract(settings, files(tmp_path, format=wide), "shop", "orders", DAY)
    assert records(pg)[0][2].decode("utf-16") == line
    (done,) = all_of(settings, files(tmp_path, format=wide, decimal_separator="/"))
    assert done.replayed == 1
    assert versions(pg, "currency, gross_amount::text") == [("ریال", "1.5")]


def test_rows_of_parquet_are_read_from_their_file_again(
    settings: Settings, pg: psycopg.Connection, tmp_path: Path
) -> None:
    rows = {"id": ["1", "2"], "placed": ["2026-03-20 08:00"] * 2, "amount": ["1/5", "2"]}
    (tmp_path / "in").mkdir()
    table = pa.table({**rows, "currency": ["IRR", None]})
    pq.write_table(table, tmp_path / "in" / "one.parquet")
    shape = {"type": "parquet"}
    extract(settings, files(tmp_path, format=shape), "shop", "orders", DAY)
    assert [r[0] for r in records(pg)] == ["in/one.parquet:row 1", "in/one.parquet:row 2"]
    assert [json.loads(r[2])["amount"] for r in records(pg)] == ["1/5", "2"]
    currency = {"orders": {"columns": {**ORDERS, "currency": "coalesce(currency, 'IRR')"}}}
    mended = files(tmp_path, format=shape, decimal_separator="/", entities=currency)
    (done,) = all_of(settings, mended)
    assert (done.replayed, done.landed) == (2, 2)
    assert versions(pg, "_key, gross_amount::text") == [("1", "1.5"), ("2", "2")]


# PostgreSQL ---------------------------------------------------------------------------------


@pytest.fixture
def shop(pg: psycopg.Connection) -> psycopg.Connection:
    pg.execute(
        """
        create schema shop;
        create table shop.sales (id text, placed timestamptz, price numeric, note text);
        insert into shop.sales values
            ('1', '2026-03-20 12:00+03:30', 5, 'a'),
            ('O''Hara, "2"', '2026-03-20 12:00+03:30', 'NaN', null),
            ('3', '2026-03-20 12:00+03:30', 7, null);
        """
    )
    return pg


def database(settings: Settings, **changed: str) -> Deployment:
    dsn = " ".join(f"{name}={value}" for name, value in settings.dsn(admin=True).items())
    columns = {
        **ORDERS,
        "currency": "'IRR'",
        "gross_amount": "price",
        "total_amount": "price",
        "status": "note",
    }
    orders = {
        "table": "shop.sales",
        "changed_at": "placed",
        "columns": {**columns, "order_id": "id", **changed},
    }
    source = {"kind": "postgres", "dsn": dsn, "entities": {"orders": orders}}
    return Deployment(name="t", sources={"shop": source})


def test_rows_of_a_database_are_read_again_by_their_keys(
    settings: Settings, shop: psycopg.Connection
) -> None:
    extract(settings, database(settings), "shop", "orders", DAY)
    assert [r[:2] for r in records(shop)] == [
        ("3", "status: missing"),
        ('O\'Hara, "2"', "status: missing; gross_amount: not a number; total_amount: not a number"),
    ]
    # One is mended by the mapping, the other at the source as well.
    mended = database(settings, status="case when note like '%' then note else 'new' end")
    (done,) = all_of(settings, mended)
    assert (done.replayed, done.still_open) == (1, 1)
    assert records(shop)[1][1] == "gross_amount: not a number; total_amount: not a number"
    shop.execute("update shop.sales set price = 6 where id like 'O%'")
    (done,) = all_of(settings, mended)
    assert (done.replayed, done.landed) == (1, 1)
    assert versions(shop, "_key, status, gross_amount::text") == [
        ("1", "a", "5"),
        ("3", "new", "7"),
        ('O\'Hara, "2"', "new", "6"),
    ]
    assert all_of(settings, mended) == []
    # The next night reads them once more: nothing new.
    (night,) = extract(settings, mended, "shop", "orders", NEXT)
    assert (night.landed, night.quarantined) == (0, 0)


def test_a_row_that_changed_since_comes_with_its_own_day(
    settings: Settings, shop: psycopg.Connection
) -> None:
    extract(settings, database(settings), "shop", "orders", DAY)
    shop.execute("update shop.sales set placed = '2026-03-21 12:00+03:30' where id = '3'")
    shop.execute("delete from shop.sales where id like 'O%'")
    mended = database(settings, status="coalesce(note, 'new')")
    (done,) = all_of(settings, mended)
    assert (done.replayed, done.still_open) == (0, 2)
    reasons = {r[1] for r in records(shop)}
    assert len(reasons) == 1
    assert reasons.pop().startswith("the source had no such row by the end of 2026-03-20")
    extract(settings, mended, "shop", "orders", NEXT)
    (done,) = all_of(settings, mended)
    assert (done.replayed, done.still_open, done.landed, done.unchanged) == (1, 1, 0, 1)
    assert visible(shop, "_key", DAY) == [("1",)]
    assert visible(shop, "_key", NEXT) == [("1",), ("3",)]


def test_a_row_without_a_key_cannot_be_read_again(
    settings: Settings, shop: psycopg.Connection
) -> None:
    shop.execute("update shop.sales set id = null where id = '3'")
    extract(settings, database(settings), "shop", "orders", DAY)
    all_of(settings, database(settings, status="'new'"))
    assert any(r[1].startswith("no key") and r[3] == "open" for r in records(shop))


def test_a_source_that_is_down_leaves_records_as_they_are(
    settings: Settings, shop: psycopg.Connection
) -> None:
    extract(settings, database(settings), "shop", "orders", DAY)
    before = records(shop)
    shop.execute("alter table shop.sales rename to elsewhere")
    with pytest.raises(Exception, match=r"shop\.sales"):
        all_of(settings, database(settings))
    assert records(shop) == before
    last = shop.execute("select status from ops.loads order by load_id desc").fetchone()
    assert last == ("failed",)


# HTTP ---------------------------------------------------------------------------------------


@pytest.fixture
def store() -> MemoryHelpDesk:
    store = MemoryHelpDesk()
    store.user_rows = [user(1), user(2, "agent")]
    return store


@pytest.fixture
def desk(store: MemoryHelpDesk) -> Iterator[tuple[Faults, str]]:
    app = Faults(create_help_desk(store, email=EMAIL, token=TOKEN))
    with serving(app) as base_url:
        yield app, base_url


def help_desk(base_url: str, **config: Any) -> Deployment:
    source = {"kind": "zendesk", "base_url": base_url, "email": EMAIL, "token": TOKEN, **config}
    return Deployment(name="t", sources={"help": source})


def test_a_ticket_lands_with_its_requester(
    settings: Settings,
    pg: psycopg.Connection,
    store: MemoryHelpDesk,
    desk: tuple[Faults, str],
) -> None:
    _, base_url = desk
    store.ticket_rows = [ticket(1, START, custom_order_id="O\x00-1"), ticket(2, START)]
    wrong = help_desk(base_url, order_id_from=360001, entities=["tickets"])
    extract(settings, wrong, "help", "tickets", DAY)
    ((position, _, raw, _),) = records(pg)
    assert position == "ticket 1"
    assert b"\\u0000" in raw
    # It changes at the desk meanwhile; what was kept is older, and stays behind.
    store.ticket_rows[0] |= {"updated_at": START + timedelta(days=1), "custom_order_id": "O-1"}
    mended = help_desk(base_url, entities=["tickets"])
    extract(settings, mended, "help", "tickets", NEXT)
    (done,) = all_of(settings, mended)
    assert (done.replayed, done.landed) == (1, 1)
    found = versions(pg, "_key, requester_email, order_id, updated_at > '2026-03-20'", "tickets")
    assert found[:2] == [("1", "c1@example.com", None, False), ("1", "c1@example.com", None, True)]
    assert visible(pg, "_key", NEXT, "tickets") == [("1",), ("2",)]
    assert all_of(settings, mended) == []


def test_an_event_is_kept_with_its_update_and_lands_alone(
    settings: Settings,
    pg: psycopg.Connection,
    store: MemoryHelpDesk,
    desk: tuple[Faults, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app, base_url = desk
    store.event_rows = [comment(1, START), comment(2, START, author_id=2)]

    def spoil(page: Any) -> Any:
        for audit in page["ticket_events"]:
            for child in audit["child_events"]:
                if child["id"] == 2:
                    child["author_id"] = "2"
        return page

    app.follow([Fault("/ticket_events", edited(spoil))])
    deployment = help_desk(base_url, entities=["ticket_events"])
    extract(settings, deployment, "help", "tickets", DAY)
    assert [r[0] for r in records(pg)] == ["event 2"]
    assert b'"ticket_id":7' in records(pg)[0][2]
    (done,) = all_of(settings, deployment)
    assert done.still_open == 1
    # As a release does that understands such ids.
    lenient = msgspec.json.Decoder(Child, strict=False)
    monkeypatch.setattr(zendesk_replay, "CHILD", lenient)
    (done,) = all_of(settings, deployment)
    assert (done.replayed, done.read, done.landed) == (1, 1, 1)
    assert versions(pg, "_key, ticket_id, author_role", "ticket_events") == [
        ("1", "7", "customer"),
        ("2", "7", "agent"),
    ]


def test_a_user_that_cannot_be_read_is_told_what_to_do(
    settings: Settings,
    pg: psycopg.Connection,
    store: MemoryHelpDesk,
    desk: tuple[Faults, str],
) -> None:
    app, base_url = desk
    store.ticket_rows = [ticket(1, START)]
    broken = edited(lambda page: page | {"users": [{"id": 1, "name": {"first": "سارا"}}]})
    app.follow([Fault("/tickets/", broken)])
    deployment = help_desk(base_url, entities=["tickets"])
    extract(settings, deployment, "help", "tickets", DAY)
    all_of(settings, deployment)
    ((position, reason, _, status),) = records(pg)
    assert (position, status) == ("user 1", "open")
    assert "run those days again" in reason


def test_broken_text_is_kept_byte_by_byte(
    settings: Settings,
    pg: psycopg.Connection,
    store: MemoryHelpDesk,
    desk: tuple[Faults, str],
) -> None:
    app, base_url = desk
    store.ticket_rows = [ticket(1, START), ticket(2, START)]
    junk = b"\xff\xfe \\ud83d \\u0000 1e999"
    received: list[bytes] = []

    def spoil(body: bytes) -> bytes:
        body = body.replace("موضوع 1".encode(), junk).replace(b'"status":', b'  "status" : ')
        received.append(body)
        return body

    app.follow([Fault("/tickets/", rewritten(spoil))])
    deployment = help_desk(base_url, entities=["tickets"])
    extract(settings, deployment, "help", "tickets", DAY)
    ((_, _, raw, _),) = records(pg)
    assert junk in raw
    assert any(raw in body for body in received), "not one byte differs from what came"
    (done,) = all_of(settings, deployment)
    assert done.still_open == 1
    assert records(pg)[0][2] == raw


def test_posts_land_from_timelines_and_notifications(
    settings: Settings, pg: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemorySocial([post(1, START), post(2, START, content="<p>@pishkhan سلام</p>", tags=[])])
    app = Faults(create_social(store, token=TOKEN))

    def spoil(page: Any) -> Any:
        for record in page:
            record.get("status", record)["favourites_count"] = "3"
        return page

    app.follow([Fault("/timelines/", edited(spoil)), Fault("/notifications", edited(spoil))])
    with serving(app) as base_url:
        source = {
            "kind": "mastodon",
            "base_url": base_url,
            "token": TOKEN,
            "hashtags": ["پیشخوان"],
            "notifications": True,
        }
        deployment = Deployment(name="t", sources={"social": source})
        extract(settings, deployment, "social", "mentions", DAY)
    kinds = sorted(r[0].split(" ")[0] for r in records(pg))
    assert "status" in kinds
    (done,) = all_of(settings, deployment)
    assert done.replayed == 0
    lenient = msgspec.json.Decoder(Status, strict=False)
    monkeypatch.setattr(mastodon_replay, "_STATUS", lenient)
    (done,) = all_of(settings, deployment)
    assert done.replayed >= 1
    assert ("3",) in versions(pg, "likes::text", "mentions")
