from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from moshtari.sources.postgres_config import PostgresConfig
from moshtari.sources.postgres_text import parse_copy_text
from moshtari.sources.registry import KINDS, parse_config

RATES = {"rate_date": "day", "currency": "code", "rate_to_base": "rate"}


def config(**entity: Any) -> dict[str, Any]:
    given = {"table": "rates", "columns": RATES, **entity}
    return {"kind": "postgres", "dsn": "host=x", "entities": {"exchange_rates": given}}


def test_a_mapping_of_the_contract_is_taken() -> None:
    parsed = parse_config(config())
    assert isinstance(parsed, PostgresConfig)
    assert parsed.entities["exchange_rates"].columns == RATES


def test_values_of_yaml_become_sql() -> None:
    columns = {**RATES, "rate_to_base": 1, "_is_deleted": False}
    parsed = parse_config(config(columns=columns))
    assert isinstance(parsed, PostgresConfig)
    assert parsed.entities["exchange_rates"].columns["rate_to_base"] == "1"
    assert parsed.entities["exchange_rates"].columns["_is_deleted"] == "false"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"colums": {}}, "colums"),
        ({"query": "select 1"}, "either `table` or `query`"),
        ({"table": None}, "either `table` or `query`"),
        ({"columns": {"rate_date": "day"}}, "needs the column 'currency'"),
        ({"columns": {**RATES, "rate": "x"}}, "no column 'rate'"),
    ],
)
def test_a_wrong_entity_is_told(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        parse_config(config(**change))


def test_an_unknown_entity_is_told_with_the_known_ones() -> None:
    wrong = {"kind": "postgres", "dsn": "host=x", "entities": {"sales": {"columns": {}}}}
    with pytest.raises(ValidationError):
        parse_config(wrong)
    wrong["entities"] = {"sales": {"table": "t", "columns": {}}}
    with pytest.raises(ValidationError, match=r"no entity; use one of: orders"):
        parse_config(wrong)


def test_a_wrong_dsn_is_not_quoted() -> None:
    with pytest.raises(ValidationError) as caught:
        parse_config({**config(), "dsn": "host=x password=hunter 2"})
    assert "hunter" not in caught.value.errors()[0]["msg"]


def test_an_unknown_kind_is_told_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=", ".join(sorted(KINDS))):
        parse_config({"kind": "oracle"})


@pytest.mark.parametrize(
    ("line", "values"),
    [
        (b"1\t\\N\t\n", ("1", None, "")),
        (b"a\\tb\\nc\\\\d\\r\n", ("a\tb\nc\\d\r",)),
        (b"\\\\N\n", ("\\N",)),
        ("چای\n".encode(), ("چای",)),
        (b"\xff\t1\n", None),
    ],
)
def test_copy_text_is_read_as_postgresql_writes_it(
    line: bytes, values: tuple[str | None, ...] | None
) -> None:
    assert parse_copy_text(line) == values
