"""Scores over purchase days in a real PostgreSQL: formulas, figures on held-out days, no leak."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from scipy.special import hyp2f1
from tests.dbt.project import run_dbt
from tests.real_data import Days, cdnow_days, needs_real_data, online_retail_days

from moshtari.scores import NoHistoryError, fit_scores
from moshtari.scores.evaluation import evaluate
from moshtari.scores.models import fit_models, try_out
from moshtari.settings import Deployment, Settings
from moshtari.warehouse.connection import connect

DEPLOYMENT = Deployment(name="a shop", sources={"shop": {"kind": "files"}})
# What the scores read of the other models.
_UPSTREAM = """
create table intermediate.int_customer_days_summarized (
    customer_key text, day date, valid_orders integer, gross_revenue numeric, discounts numeric,
    refunds numeric, net_revenue numeric
);
create table intermediate.int_customers_profiled (customer_key text, party text);
create table intermediate.int_customer_moments_dated (
    customer_key text, happened_on date, ended_on date, complaints integer,
    sentiment_score double precision, late_deliveries integer, reply_hours double precision
);
create table intermediate.int_customers_measured (customer_key text, own_gap_days numeric);
"""
_MODELS = (
    "int_rhythms_fixed", "int_customer_features", "int_customer_features_past",
    "int_score_coefficients_pivoted", "int_purchases_expected", "int_customers_expected",
    "int_return_scores_weighed", "int_customers_scored", "score_models",
)  # fmt: skip


@pytest.fixture(scope="module")
def shop(pg_server, tmp_path_factory) -> Iterator[Settings]:  # type: ignore[no-untyped-def]
    """A database with purchase days to be filled in, and the scores' views over them."""
    home: Path = tmp_path_factory.mktemp("home")
    (home / "secrets.json").write_bytes((pg_server.settings.home / "secrets.json").read_bytes())
    name = pg_server.create_database(template=pg_server.settings.pg_database)
    settings = pg_server.settings.model_copy(update={"pg_database": name, "home": home})
    with connect(settings, role="moshtari_builder") as connection:
        connection.execute(_UPSTREAM)
    build(settings, date(2000, 1, 3), "int_rhythms_fixed", "int_customer_features_past")
    yield settings
    pg_server.drop_database(name)


def build(settings: Settings, day: date, *models: str) -> None:
    run_dbt(settings, "run", "--select", *(models or _MODELS),
            variables={"as_of_date": day.isoformat(), "run_id": 1})  # fmt: skip


def fill(settings: Settings, days: Days) -> None:
    """These purchase days and no others; nothing has been fitted."""
    with connect(settings, role="moshtari_builder") as connection:
        connection.execute("delete from scores.fits")
        for table in ("int_customer_days_summarized", "int_customers_profiled",
                      "int_customer_moments_dated", "int_customers_measured",
                      "int_rhythms_fixed"):  # fmt: skip
            connection.execute(f"truncate intermediate.{table}".encode())
        with (
            connection.cursor() as cursor,
            cursor.copy(
                "copy intermediate.int_customer_days_summarized (customer_key, day, valid_orders,"
                " gross_revenue, discounts, refunds, net_revenue) from stdin"
            ) as copy,
        ):
            for (customer, day), amount in days.items():
                copy.write_row((customer, day, 1, amount, 0, 0, amount))
        connection.execute(
            "insert into intermediate.int_customers_profiled select distinct customer_key, 'person'"
            " from intermediate.int_customer_days_summarized;"
            "insert into intermediate.int_customers_measured select customer_key, 40"
            " from intermediate.int_customers_profiled;"
            "analyze intermediate.int_customer_days_summarized"
        )


def reached(settings: Settings, cut: date, horizon: int) -> dict[str, float]:
    """AUC of each score on the days after a cut, and the number of customers."""
    with connect(settings, role="moshtari_builder") as connection:
        models = fit_models(connection, cut, horizon)
        held_out = try_out(connection, models)
        connection.rollback()
    assert held_out is not None
    found = {name: result.auc or 0.0 for name, result in held_out.results.items()}
    return found | {"customers": float(len(held_out.returned))}


@needs_real_data
@pytest.mark.acceptance
def test_cdnow_on_held_out_days(shop: Settings) -> None:
    fill(shop, cdnow_days())
    found = reached(shop, date(1997, 9, 30), 273)
    assert found["customers"] == 2357
    assert found["recency"] == pytest.approx(0.771, abs=0.001)
    assert found["bg_nbd"] == pytest.approx(0.7725, abs=0.0005)
    assert found["return_score"] > 0.7787


@needs_real_data
@pytest.mark.acceptance
def test_online_retail_on_held_out_days(shop: Settings) -> None:
    fill(shop, online_retail_days())
    # Known by the first moment of 2011-09-09.
    found = reached(shop, date(2011, 9, 8), 91)
    assert found["customers"] == 3362
    assert "bg_nbd" not in found
    assert found["recency"] == pytest.approx(0.6825, abs=0.005)
    assert found["return_score"] > 0.739


def made_up_days(customers: int, last: date, seed: int = 1) -> Days:
    """A shop of customers with a rhythm, a purse and a faithfulness of their own."""
    random = np.random.default_rng(seed)
    days: Days = {}
    for number in range(customers):
        day = last - timedelta(days=int(random.integers(1, 400)))
        gap, leaves, purse = (
            1 / random.gamma(2.0, 0.05),
            random.beta(0.7, 3.0),
            random.gamma(3.0, 20),
        )
        while day <= last:
            days[f"c{number}", day] = Decimal(int(random.gamma(3.0, purse)) + 1)
            if random.random() < leaves:
                break
            day += timedelta(days=1 + int(random.exponential(gap)))
    return days


def scored(settings: Settings) -> list[dict[str, object]]:
    with connect(settings, role="moshtari_builder") as connection:
        cursor = connection.execute(
            "select * from intermediate.int_customer_features"
            " inner join intermediate.int_customers_scored using (customer_key)"
            " order by customer_key"
        )
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def coefficients(settings: Settings, model: str) -> dict[str, float]:
    with connect(settings, role="moshtari_builder") as connection:
        return dict(
            connection.execute(
                "select term, value from scores.coefficients where model = %s", [model]
            ).fetchall()
        )


def test_sql_agrees_with_scipy_to_the_last_edge(shop: Settings) -> None:
    day = date(2025, 6, 3)
    days = made_up_days(600, day)
    days |= {("today", day): Decimal(5)}  # T = 0
    days |= {("daily", day - timedelta(days=n)): Decimal(5) for n in range(200)}  # t_x = T, x = 199
    days |= {("once long ago", day - timedelta(days=400)): Decimal(5)}
    fill(shop, days)
    fit_scores(shop, DEPLOYMENT, day)
    build(shop, day)

    r, alpha, a, b = (coefficients(shop, "bg_nbd")[name] for name in ("r", "alpha", "a", "b"))
    gamma = coefficients(shop, "gamma_gamma")
    rows = scored(shop)
    assert {"today", "daily", "once long ago"} <= {row["customer_key"] for row in rows}
    for row in rows:
        x, t_x, age = (float(row[name]) for name in ("frequency", "recency_days", "age_days"))  # type: ignore[arg-type]
        alive = 1 / (
            1 + (x > 0) * a / (b + x - 1 or 1) * ((alpha + age) / (alpha + t_x)) ** (r + x)
        )
        z = 90 / (alpha + age + 90)
        still = (1 - z) ** (a - 1) * hyp2f1(a + b - 1 - r, a - 1, a + b + x - 1, z)
        expected = alive * (a + b + x - 1) / (a - 1) * (1 - still)
        assert float(row["p_alive"]) == pytest.approx(alive, abs=1e-6)  # type: ignore[arg-type]
        assert float(row["expected_purchases"]) == pytest.approx(expected, abs=1e-6)  # type: ignore[arg-type]
        spend = (
            gamma["p"]
            * (gamma["v"] + float(row["spend"]))
            / (  # type: ignore[arg-type]
                gamma["p"] * (x + 1) + gamma["q"] - 1
            )
        )
        assert float(row["expected_spend"]) == pytest.approx(expected * spend, abs=0.01)  # type: ignore[arg-type]


def test_the_score_in_sql_is_the_one_that_was_fitted(shop: Settings) -> None:
    day = date(2025, 6, 2)  # a Monday: the fit day itself
    fill(shop, made_up_days(600, day))
    build(shop, day, "int_rhythms_fixed")
    assert fit_scores(shop, DEPLOYMENT, day) == {"fitted": 5, "refused": 0, "kept": 0}
    build(shop, day)
    with connect(shop, role="moshtari_builder") as connection:
        models = fit_models(connection, day, 90)
        held_out = try_out(connection, models)
        connection.rollback()
        figures = connection.execute(
            "select model, status, auc is not null, recency_auc is not null, is_current,"
            " jsonb_array_length(calibration) from candidate.score_models order by model"
        ).fetchall()
        used = connection.execute("select count(*) from scores.fits where is_used").fetchone()
    assert held_out is not None
    rows = scored(shop)
    assert [float(row["return_score"]) for row in rows] == pytest.approx(  # type: ignore[arg-type]
        held_out.results["return_score"].probability, abs=1e-6
    )
    assert figures == [
        ("bg_nbd", "fitted", True, True, True, 10),
        ("gamma_gamma", "fitted", False, False, True, None),
        ("recency", "fitted", True, True, True, 10),
        ("return_score", "fitted", True, True, True, 10),
        ("rhythm", "fitted", False, False, True, None),
    ]
    assert used == (1,)
    for row in rows:
        assert 0 <= float(row["ranking_score"]) <= 1  # type: ignore[arg-type]
        assert float(row["value_at_stake"]) >= 0  # type: ignore[arg-type]
    reasons = [row for row in rows if row["reasons_en"]]
    assert reasons
    assert all(row["reasons_fa"] and str(row["reasons_en"]).count(";") <= 2 for row in reasons)


def rounded(value: object) -> object:
    """Floats to nine digits: sums of floats depend a little on their order."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    return f"{value:.9g}" if isinstance(value, float) else value


def test_the_future_changes_nothing(shop: Settings) -> None:
    day = date(2025, 6, 2)
    past_days = made_up_days(400, day)
    future = {
        (customer, day + timedelta(days=9)): amount for (customer, _d), amount in past_days.items()
    }
    newcomers = {(f"new{n}", day + timedelta(days=1 + n % 30)): Decimal(99) for n in range(300)}
    found = []
    for days in (past_days, past_days | future | newcomers):
        fill(shop, days)
        with connect(shop, role="moshtari_builder") as connection:
            models = fit_models(connection, day, 60)
            connection.rollback()
        assert not models.refused
        found.append({name: model.described() for name, model in models.fitted.items()})
    assert rounded(found[0]) == rounded(found[1])


def test_a_fit_is_made_once_and_again_for_another_horizon(shop: Settings) -> None:
    tuesday, sunday = date(2025, 6, 3), date(2025, 6, 8)
    fill(shop, made_up_days(300, tuesday))
    results: list[dict[str, int]] = []
    threads = [
        threading.Thread(target=lambda: results.append(fit_scores(shop, DEPLOYMENT, tuesday)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result["kept"] for result in results) == [0, 5]
    assert fit_scores(shop, DEPLOYMENT, sunday)["kept"] == 5
    assert fit_scores(shop, DEPLOYMENT, date(2025, 6, 9))["kept"] == 0
    other = DEPLOYMENT.model_copy(update={"vars": {"horizon_days": 30}})
    assert fit_scores(shop, other, tuesday)["kept"] == 0
    with connect(shop, role="moshtari_builder") as connection:
        days = connection.execute(
            "select fit_day, min(horizon_days), count(*) from scores.fits group by 1 order by 1"
        ).fetchall()
        left = connection.execute("select count(*) from scores.cuts").fetchone()
    assert days == [(date(2025, 6, 2), 30, 5), (date(2025, 6, 9), 90, 5)]
    assert left == (0,)


def test_too_little_history_is_refused_and_recency_ranks(shop: Settings) -> None:
    day = date(2025, 6, 2)
    fill(shop, {("a", day): Decimal(10), ("b", day - timedelta(days=20)): Decimal(10),
                ("c", day - timedelta(days=5)): Decimal(10)})  # fmt: skip
    assert fit_scores(shop, DEPLOYMENT, day) == {"fitted": 0, "refused": 5, "kept": 0}
    build(shop, day)
    rows = scored(shop)
    assert all(row["return_score"] is None and row["p_alive"] is None for row in rows)
    assert all(row["ranking_model"] == "recency" and row["reasons_fa"] is None for row in rows)
    order = sorted(rows, key=lambda row: -float(row["ranking_score"]))  # type: ignore[arg-type]
    assert [row["customer_key"] for row in order] == ["a", "c", "b"]
    assert all(row["value_at_stake"] == Decimal("22.50") for row in rows)  # 90 / 40 x 10
    with connect(shop, role="moshtari_builder") as connection:
        reasons = connection.execute(
            "select reason from candidate.score_models where status = 'refused' order by model"
        ).fetchall()
    assert all(reason for (reason,) in reasons)
    assert ("20 days of history are too few to learn from",) in reasons


def test_an_evaluation_writes_its_table_and_its_pictures(shop: Settings) -> None:
    last = date(2025, 6, 2)
    fill(shop, made_up_days(400, last))
    found = evaluate(shop, DEPLOYMENT, date(2025, 3, 1), 60)
    assert found.held_out.results["return_score"].auc is not None
    assert [file.suffix for file in found.files] == [".json", ".png", ".png"]
    assert all(file.stat().st_size > 1000 for file in found.files)
    with connect(shop, role="moshtari_builder") as connection:
        assert connection.execute("select count(*) from scores.fits").fetchone() == (0,)


@pytest.mark.parametrize(
    ("cut", "horizon", "complaint"),
    [
        (date(2020, 1, 1), 90, "Give a later --cut"),
        (date(2025, 6, 2), 90, "Give an earlier --cut"),
        (date(2025, 5, 1), 900, "a shorter --horizon"),
    ],
)
def test_an_evaluation_says_what_is_missing(
    shop: Settings, cut: date, horizon: int, complaint: str
) -> None:
    fill(shop, made_up_days(50, date(2025, 6, 2)))
    with pytest.raises(NoHistoryError, match=complaint):
        evaluate(shop, DEPLOYMENT, cut, horizon)


def test_an_evaluation_without_a_build_says_so(settings: Settings) -> None:
    with pytest.raises(NoHistoryError, match="moshtari run"):
        evaluate(settings, DEPLOYMENT, date(2025, 1, 1), 90)
