"""Corrections and suggestions in the warehouse."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import psycopg
import pytest

from moshtari.identity import CorrectionsError, load_corrections, suggest_links
from moshtari.settings import Deployment, Identity, Settings

HEADER = "action,left,right,reason,decided_on\n"
FIRST = "separate,account:shop/1,account:shop/2,two sisters,2025-06-01\n"
SECOND = "join,account:shop/3,email:Sara@X.ir,she wrote,2025-06-02\n"


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(
        name="test", sources={"shop": {"kind": "files"}}, file=tmp_path / "moshtari.yml",
        identity=Identity(corrections=Path("corrections.csv")),
    )  # fmt: skip


def write(deployment: Deployment, text: str) -> None:
    assert deployment.corrections_file is not None
    deployment.corrections_file.write_text(HEADER + text, encoding="utf-8")


def in_force(pg: psycopg.Connection) -> list[tuple[str, str]]:
    return pg.execute(
        "select action, right_value from ops.identity_corrections"
        " where withdrawn_at is null order by 1, 2"
    ).fetchall()


def test_the_file_is_the_truth(
    settings: Settings, pg: psycopg.Connection, deployment: Deployment
) -> None:
    write(deployment, FIRST + SECOND)
    assert load_corrections(settings, deployment) == {"corrections": 2, "withdrawn": 0}
    once = pg.execute("select * from ops.identity_corrections order by 1").fetchall()
    assert load_corrections(settings, deployment) == {"corrections": 2, "withdrawn": 0}
    assert pg.execute("select * from ops.identity_corrections order by 1").fetchall() == once

    write(deployment, SECOND)
    assert load_corrections(settings, deployment) == {"corrections": 1, "withdrawn": 1}
    assert in_force(pg) == [("join", "Sara@X.ir")]
    write(deployment, FIRST + SECOND)
    load_corrections(settings, deployment)
    assert len(in_force(pg)) == 2, "a row that comes back counts again"


def test_a_wrong_row_changes_nothing(
    settings: Settings, pg: psycopg.Connection, deployment: Deployment
) -> None:
    write(deployment, FIRST)
    load_corrections(settings, deployment)
    write(deployment, SECOND + "separate,account:shop/1,nobody,x,2025-06-01\n")
    with pytest.raises(CorrectionsError, match="line 3"):
        load_corrections(settings, deployment)
    assert in_force(pg) == [("separate", "shop/2")]


def test_a_deployment_without_a_file_has_no_corrections(
    settings: Settings, pg: psycopg.Connection, deployment: Deployment
) -> None:
    write(deployment, FIRST)
    load_corrections(settings, deployment)
    without = deployment.model_copy(update={"identity": Identity()})
    assert load_corrections(settings, without) == {"corrections": 0, "withdrawn": 1}
    assert in_force(pg) == []


def test_a_second_account_is_suggested_and_a_twin_is_not(
    settings: Settings, pg: psycopg.Connection, deployment: Deployment
) -> None:
    """Two accounts of one name, city and birth date whose phones differ by a digit are suggested;
    two who differ in birth date are not, and neither are a pair that somebody has decided about."""
    _people(pg)
    day = date(2025, 6, 1)
    counts = suggest_links(settings, deployment, day)
    assert counts["suggestions"] == len(_suggested(pg)) > 0
    assert ("account:shop/1", "account:shop/2") in _suggested(pg)
    assert ("account:shop/3", "account:shop/4") not in _suggested(pg)
    first = _suggested(pg)
    suggest_links(settings, deployment, day)
    assert _suggested(pg) == first

    pg.execute(
        "insert into intermediate.int_identity_corrections"
        " values ('account:shop/1', 'account:shop/2', true)"
    )
    suggest_links(settings, deployment, day)
    assert ("account:shop/1", "account:shop/2") not in _suggested(pg)


def _suggested(pg: psycopg.Connection) -> list[tuple[str, str]]:
    rows = pg.execute(
        "select least(left_key, right_key), greatest(left_key, right_key)"
        " from ops.identity_suggestions order by 1, 2"
    ).fetchall()
    return [(left, right) for left, right in rows]


def _people(pg: psycopg.Connection) -> None:
    """The tables that suggestions read, with two hundred strangers among them."""
    pg.execute("""
        create table intermediate.int_identity_key_sets (
            entity text, account_key text, email_key text, phone_key text,
            name_key text, birth_date date
        );
        create table intermediate.int_identity_links (identity_key text, customer_key text);
        create table intermediate.int_identity_crowded_keys (identity_key text, cause text);
        create table intermediate.int_identity_corrections (
            left_key text, right_key text, is_in_force boolean
        );
        create table staging.stg_shop__customers (account_key text, city text);
        grant select on all tables in schema intermediate, staging to moshtari_builder;
        grant usage on schema intermediate, staging to moshtari_builder;
    """)
    people = [
        (1, "saraahmadi", "tehran", "1990-01-01", "+989120000001"),
        (2, "saraahmadi", "tehran", "1990-01-01", "+989120000007"),
        (3, "alirezaei", "shiraz", "1985-05-05", "+989130000001"),
        (4, "alirezaei", "shiraz", "1955-11-12", "+989130000001"),
        *(
            (n, f"name{n // 2}", f"city{n % 7}", f"19{50 + n % 50}-0{1 + n % 9}-11",
             f"+98935{n * 7919 % 10_000_000:07d}")
            for n in range(10, 210)
        ),
    ]  # fmt: skip
    for number, name, city, born, phone in people:
        account = f"account:shop/{number}"
        pg.execute(
            "insert into intermediate.int_identity_key_sets values"
            " ('customers', %s, null, %s, %s, %s)",
            [account, f"phone:{phone}", name, born],
        )
        pg.execute(
            "insert into intermediate.int_identity_links values (%s, md5(%s))", [account, account]
        )
        pg.execute("insert into staging.stg_shop__customers values (%s, %s)", [account, city])
