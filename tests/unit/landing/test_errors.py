from __future__ import annotations

import pickle
from datetime import date

import psycopg
import pytest

from moshtari.landing.errors import ExtractError, LandingError, describe
from moshtari.landing.holding import HeldLoadError, RejectedLoadError
from moshtari.sources.base import SourceError


@pytest.mark.parametrize(
    "error",
    [
        SourceError("shop", "orders", "it is gone", "Bring it back"),
        LandingError("shop", "orders", "no room", "Make room"),
        ExtractError("shop", ["one", "two"]),
        HeldLoadError("shop", "orders", date(2026, 3, 20), 1, 40),
        RejectedLoadError("shop", "orders", date(2026, 3, 20), 40, 5, "price: not a number (5)"),
    ],
)
def test_errors_survive_the_way_between_processes(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is type(error)
    assert str(copy) == str(error)


def test_messages_name_place_event_and_remedy() -> None:
    error = SourceError("shop", "orders", "the table is gone", "Mend `table`")
    assert str(error) == "source shop, orders: the table is gone. Mend `table`"


@pytest.mark.parametrize(
    "statement",
    ["select '09121234567x'::numeric", "select '{\"phone\": 09121234567'::jsonb"],
)
def test_an_error_about_data_is_told_without_the_data(
    pg: psycopg.Connection, statement: str
) -> None:
    with pytest.raises(psycopg.DataError) as caught:
        pg.execute(statement.encode())
    assert "0912" in str(caught.value)
    assert "0912" not in describe(caught.value)
    assert "22P02" in describe(caught.value)


def test_an_error_about_names_keeps_them(pg: psycopg.Connection) -> None:
    with pytest.raises(psycopg.Error) as caught:
        pg.execute("select nothing_here from ops.loads")
    assert "nothing_here" in describe(caught.value)
