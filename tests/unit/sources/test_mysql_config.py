from __future__ import annotations

import struct
from typing import Any
from zoneinfo import ZoneInfo

import pymysql
import pytest
from pydantic import ValidationError
from pymysql.constants import FIELD_TYPE
from tests.conftest import REPOSITORY

from moshtari.settings import load_deployment
from moshtari.sources.mysql_config import MysqlConfig
from moshtari.sources.mysql_errors import changed_values, describe, remedy_for
from moshtari.sources.mysql_values import converter, copy_line, is_exact
from moshtari.sources.registry import parse_config

RATES = {"rate_date": "day", "currency": "code", "rate_to_base": "rate"}
URL = "mysql://moshtari:s%40cret@db.example:3307/shop"
TEHRAN, UTC = ZoneInfo("Asia/Tehran"), ZoneInfo("UTC")


def config(dsn: Any = URL, entity: dict[str, Any] | None = None, **given: Any) -> dict[str, Any]:
    mapped = {"table": "rates", "columns": RATES, **(entity or {})}
    return {"kind": "mysql", "dsn": dsn, "entities": {"exchange_rates": mapped}, **given}


def test_a_url_stands_for_its_keys() -> None:
    parsed = parse_config(config(f"{URL}?ssl_ca=/etc/ca.pem"))
    assert isinstance(parsed, MysqlConfig)
    server = parsed.dsn
    assert (server.host, server.port, server.user) == ("db.example", 3307, "moshtari")
    assert (server.database, server.ssl_ca) == ("shop", "/etc/ca.pem")
    assert server.password.get_secret_value() == "s@cret"
    assert "s@cret" not in repr(parsed)
    keys = {"host": "db.example", "port": "3307", "user": "moshtari", "database": "shop"}
    same = parse_config(config({**keys, "password": "s@cret", "ssl_ca": "/etc/ca.pem"}))
    assert isinstance(same, MysqlConfig)
    assert same.dsn == server


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:hunter2@h/d",
        "mysql://u:hunter2@h",
        "mysql://h/d?password=hunter2",
        "mysql://u:hunter2@h:port/d",
        "host=h password=hunter2",
    ],
)
def test_a_wrong_dsn_is_not_quoted(dsn: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse_config(config(dsn))
    assert "no connection string" in caught.value.errors()[0]["msg"]
    assert "hunter2" not in caught.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (config(entity={"colums": {}}), "colums"),
        (config(entity={"query": "select 1"}), "either `table` or `query`"),
        (config(entity={"columns": {"rate_date": "day"}}), "needs the column 'currency'"),
        (config(entity={"timezone": "Tehran"}), "not a time zone"),
        (config(timezone="+03:30"), "not a time zone"),
        (config({"host": "h", "user": "u"}), "database"),
        (config({"host": "h", "user": "u", "database": "d", "hots": 1}), "hots"),
        ({**config(), "entities": {"sales": {"table": "t", "columns": {}}}}, "no entity"),
    ],
)
def test_a_wrong_configuration_is_told_by_its_key(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        parse_config(given)


def test_the_example_fits_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WP_DB_USER", "moshtari")
    monkeypatch.setenv("WP_DB_PASSWORD", "@:/%")
    deployment = load_deployment(REPOSITORY / "examples" / "woocommerce_mysql" / "moshtari.yml")
    parsed = parse_config(deployment.sources["shop"])
    assert isinstance(parsed, MysqlConfig)
    assert set(parsed.entities) == {"orders", "order_items", "customers", "refunds"}


@pytest.mark.parametrize(
    ("target", "field_type", "value", "text"),
    [
        ("numeric", FIELD_TYPE.NEWDECIMAL, b"12345678901234567.12345678", None),
        ("numeric", FIELD_TYPE.DOUBLE, b"0.1", "0.1"),
        ("numeric", FIELD_TYPE.FLOAT, str(struct.unpack("f", struct.pack("f", 0.1))[0]).encode(),
         "0.1"),
        ("numeric", FIELD_TYPE.FLOAT, b"1234567.75", "1234567.8"),
        ("integer", FIELD_TYPE.BIT, b"\x01\x00", "256"),
        ("boolean", FIELD_TYPE.BIT, b"\x00", "false"),
        ("boolean", FIELD_TYPE.TINY, b"1", "true"),
        ("boolean", FIELD_TYPE.TINY, b"0", "false"),
        ("boolean", FIELD_TYPE.TINY, b"-1", "true"),
        ("boolean", FIELD_TYPE.NEWDECIMAL, b"0.00", "false"),
        ("boolean", FIELD_TYPE.VAR_STRING, b"yes", "yes"),
        ("timestamptz", FIELD_TYPE.TIMESTAMP, b"2026-03-20 08:00:00", "2026-03-20 08:00:00+00:00"),
        ("timestamptz", FIELD_TYPE.DATETIME, b"2026-03-20 08:00:00", "2026-03-20T08:00:00+03:30"),
        ("timestamptz", FIELD_TYPE.DATETIME, b"2026-03-20 08:00:00.250000",
         "2026-03-20T08:00:00.250000+03:30"),
        ("timestamptz", FIELD_TYPE.DATE, b"2026-03-20", "2026-03-20T00:00:00+03:30"),
        ("timestamptz", FIELD_TYPE.DATETIME, b"0000-00-00 00:00:00", None),
        ("timestamptz", FIELD_TYPE.TIMESTAMP, b"0000-00-00 00:00:00", None),
        ("timestamptz", FIELD_TYPE.DATETIME, b"2026-02-00 00:00:00", "2026-02-00 00:00:00+00:00"),
        ("timestamptz", FIELD_TYPE.VAR_STRING, b"2026-03-20T08:00:00Z", "2026-03-20T08:00:00Z"),
        ("date", FIELD_TYPE.DATETIME, b"2026-03-20 00:00:00", "2026-03-20"),
        ("date", FIELD_TYPE.DATETIME, b"2026-03-20 08:00:00", "2026-03-20 08:00:00"),
        ("date", FIELD_TYPE.DATE, b"0000-00-00", None),
        ("text[]", FIELD_TYPE.BLOB, '["نوروز", null, "a\\"b", 5]'.encode(),
         '{"نوروز",NULL,"a\\"b","5"}'),
        ("text[]", FIELD_TYPE.BLOB, b"[1, [2]]", "[1, [2]]"),
        ("text[]", FIELD_TYPE.BLOB, b'{"a"}', '{"a"}'),
        ("jsonb", FIELD_TYPE.BLOB, b'{"sms": {"state": "granted"}}', None),
        ("text", FIELD_TYPE.DATETIME, b"0000-00-00 00:00:00", "0000-00-00 00:00:00"),
        ("text", FIELD_TYPE.VAR_STRING, "🍵".encode(), "🍵"),
    ],
)  # fmt: skip
def test_values_become_text_that_postgresql_reads(
    target: str, field_type: int, value: bytes, text: str | None
) -> None:
    if text is None and not value.startswith(b"0000"):
        text = value.decode()
    assert converter(target, field_type, TEHRAN)(value) == text


@pytest.mark.parametrize(
    ("target", "field_type", "exact"),
    [
        ("numeric", FIELD_TYPE.NEWDECIMAL, True),
        ("numeric", FIELD_TYPE.DOUBLE, True),
        ("integer", FIELD_TYPE.LONGLONG, True),
        ("numeric", FIELD_TYPE.VAR_STRING, False),
        ("boolean", FIELD_TYPE.TINY, True),
        ("boolean", FIELD_TYPE.BIT, True),
        ("boolean", FIELD_TYPE.VAR_STRING, False),
        ("timestamptz", FIELD_TYPE.DATETIME, True),
        ("timestamptz", FIELD_TYPE.TIMESTAMP, True),
        ("timestamptz", FIELD_TYPE.VAR_STRING, False),
        ("timestamptz", FIELD_TYPE.LONG, False),
        ("date", FIELD_TYPE.DATE, True),
        # PostgreSQL would take the day of it, where landing says that it is no day.
        ("date", FIELD_TYPE.DATETIME, False),
        ("numeric", FIELD_TYPE.NULL, True),
        ("text", FIELD_TYPE.DATETIME, True),
        ("text[]", FIELD_TYPE.BLOB, True),
        ("jsonb", FIELD_TYPE.BLOB, True),
    ],
)
def test_it_vouches_only_for_what_its_type_spells(
    target: str, field_type: int, exact: bool
) -> None:
    assert is_exact(target, field_type) is exact


def test_times_of_utc_get_their_offset() -> None:
    convert = converter("timestamptz", FIELD_TYPE.DATETIME, UTC)
    assert convert(b"2026-03-20 08:00:00") == "2026-03-20 08:00:00+00:00"
    assert convert(b"0000-00-00 00:00:00") is None


def test_a_row_is_kept_as_it_came() -> None:
    assert copy_line((b"1", None, b"\xff\ta\nb\\")) == b"1\t\\N\t\xff\\ta\\nb\\\\"


def test_errors_about_data_are_told_by_their_number_alone() -> None:
    about_data = pymysql.err.DataError(1690, "value is out of range in '(0912345 * 5)'")
    assert describe(about_data) == "DataError (1690)"
    missing = pymysql.err.ProgrammingError(1146, "Table 'shop.gone' doesn't exist")
    assert describe(missing) == "Table 'shop.gone' doesn't exist (1146)"
    assert "Mend `table`" in remedy_for(missing, "sources.shop.entities.orders")


def test_only_warnings_of_changed_values_count() -> None:
    assert changed_values([1287, 1003]) == ""
    assert changed_values([1292, 1260, 1292]) == (
        "a group_concat was cut (1260), a text that is no number or time (1292)"
    )
