"""The known answers of the models, their edges, and where they refuse."""

from __future__ import annotations

from collections import Counter
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import hyp2f1
from tests.real_data import Days, cdnow_days, needs_real_data, online_retail_days

from moshtari.scores import bg_nbd, gamma_gamma
from moshtari.scores.likelihood import Estimate, RefusedError

CUT = date(1997, 9, 30)


def histories(days: Days, until: date, unit: int = 1) -> list[np.ndarray]:
    """x, t_x, T and counts of the customers alike, as of the end of a day."""
    bought: dict[str, list[date]] = {}
    for customer, day in days:
        if day <= until:
            bought.setdefault(customer, []).append(day)
    counted = Counter(
        (len(on) - 1, (max(on) - min(on)).days / unit, (until - min(on)).days / unit)
        for on in bought.values()
    )
    table = np.array([(*key, count) for key, count in counted.items()])
    return [table[:, column] for column in range(4)]


@pytest.fixture(scope="module")
def cdnow() -> Days:
    return cdnow_days()


@pytest.fixture(scope="module")
def online_retail() -> Days:
    return online_retail_days()


@pytest.fixture(scope="module")
def fitted(cdnow: Days) -> Estimate:
    return bg_nbd.fit(*histories(cdnow, CUT, unit=7))


@needs_real_data
def test_cdnow_has_its_known_answers(fitted: Estimate) -> None:
    assert fitted.values == pytest.approx((0.2425945, 4.4136019, 0.7929199, 2.4258881), rel=1e-4)
    assert fitted.log_likelihood == pytest.approx(-9582.429, abs=5e-4)
    assert fitted.customers == 2357
    assert all(0 < error < value for error, value in zip(
        fitted.standard_errors, fitted.values, strict=True
    ))  # fmt: skip


@needs_real_data
def test_another_unit_of_time_is_the_same_model(cdnow: Days, fitted: Estimate) -> None:
    in_days = bg_nbd.fit(*histories(cdnow, CUT))
    assert in_days["alpha"] == pytest.approx(7 * fitted["alpha"], rel=1e-6)
    assert in_days["r"] == pytest.approx(fitted["r"], rel=1e-6)


@needs_real_data
def test_the_known_expectation(fitted: Estimate) -> None:
    r, alpha, a, b = fitted.values
    alive = 1 / (1 + a / (b + 1) * ((alpha + 38.86) / (alpha + 30.43)) ** (r + 2))
    assert alive * by_quadrature(fitted.values, 2, 38.86, 39) == pytest.approx(1.226, abs=5e-4)


@needs_real_data
def test_gamma_gamma_has_its_known_answers(cdnow: Days) -> None:
    spent: dict[str, list[tuple[date, float]]] = {}
    for (customer, day), amount in cdnow.items():
        if day <= CUT:
            spent.setdefault(customer, []).append((day, float(amount)))
    repeats = [[amount for _day, amount in sorted(days)[1:]] for days in spent.values()]
    x = np.array([len(days) for days in repeats if days], dtype=float)
    mean = np.array([sum(days) / len(days) for days in repeats if days])
    found = gamma_gamma.fit(x, mean, np.ones(len(x)))
    assert found.values == pytest.approx((6.25, 3.74, 15.44), abs=0.006)
    assert found.customers == 946


@needs_real_data
@pytest.mark.parametrize("until", [date(2011, 6, 9), date(2011, 9, 8), date(2011, 12, 9)])
def test_online_retail_is_refused_in_words(online_retail: Days, until: date) -> None:
    with pytest.raises(RefusedError, match=r"converge|determine|flat"):
        bg_nbd.fit(*histories(online_retail, until))


def test_too_little_is_refused_in_words() -> None:
    one = np.ones(10)
    with pytest.raises(RefusedError, match="10 customers have bought on a second day"):
        bg_nbd.fit(one, one, one, one)
    with pytest.raises(RefusedError, match="all purchases are of one day"):
        bg_nbd.fit(one, 0 * one, 0 * one, 100 * one)
    with pytest.raises(RefusedError, match="0 customers have spent something"):
        gamma_gamma.fit(one, 0 * one, one)


def test_a_world_of_known_parameters_is_found_again() -> None:
    random = np.random.default_rng(7)
    size = 20_000
    rate, leaving = random.gamma(0.8, 1 / 30, size), random.beta(1.2, 4.0, size)
    age = random.integers(10, 700, size).astype(float)
    x, t_x, now, alive = np.zeros(size), np.zeros(size), np.zeros(size), np.ones(size, dtype=bool)
    while alive.any():
        now = now + random.exponential(1 / rate)
        alive &= now <= age
        x, t_x = x + alive, np.where(alive, now, t_x)
        alive &= random.random(size) > leaving
    found = bg_nbd.fit(x, t_x, age, np.ones(size))
    for value, error, true in zip(
        found.values, found.standard_errors, (0.8, 30, 1.2, 4.0), strict=True
    ):
        assert abs(value - true) < 4 * error


def by_quadrature(values: tuple[float, ...], x: int, age: float, ahead: float) -> float:
    """The sum that SQL forms, here over the published nodes."""
    r, alpha, a, b = values
    base = max(base for base in bg_nbd.BASES if base <= x)
    placed = [(p, weight) for at, p, weight in bg_nbd.nodes(a, b) if at == base]
    p, weight = np.array(placed).T
    mass = weight * np.exp((x - base) * np.log1p(-p))
    gone = 1 - (1 + p * ahead / (alpha + age)) ** -(r + x)
    return float((mass * gone / p).sum() / mass.sum())


@pytest.mark.parametrize("a", [0.02, 0.3, 0.999, 1.001, 2.5, 9.0])
@pytest.mark.parametrize("b", [0.2, 2.4, 40.0, 300.0])
@pytest.mark.parametrize("alpha", [3.0, 30.0, 300.0])
def test_the_published_nodes_give_the_textbooks_function(a: float, b: float, alpha: float) -> None:
    compared = 0
    for r in (0.05, 0.6, 4.0):
        for x, age in ((0, 0), (0, 400), (1, 1), (7, 90), (31, 31), (32, 200), (300, 900)):
            for ahead in (7, 90, 365):
                known = textbook((r, alpha, a, b), x, age, ahead)
                if np.isnan(known):  # scipy has no answer to some corners of large a and b
                    continue
                found = by_quadrature((r, alpha, a, b), x, age, ahead)
                assert found == pytest.approx(known, rel=1e-6)
                compared += 1
    assert compared >= 55


def test_customers_who_all_leave_at_one_rate_have_nodes_too() -> None:
    """As of a shop of a million: a and b run into the tens of thousands, at one ratio."""
    r, alpha, a, b, x, age, ahead = 0.76, 14.4, 15_209.0, 162_263.0, 7, 400, 90
    rate = a / (a + b)
    known = (1 - (1 + rate * ahead / (alpha + age)) ** -(r + x)) / rate
    assert by_quadrature((r, alpha, a, b), x, age, ahead) == pytest.approx(known, rel=1e-3)


def textbook(values: tuple[float, ...], x: int, age: float, ahead: float) -> float:
    """Fader, Hardie and Lee's formula, with the Gaussian hypergeometric function.

    By Euler's transformation: the plain form loses every digit to cancellation for large x.
    """
    r, alpha, a, b = values
    z = ahead / (alpha + age + ahead)
    still = (1 - z) ** (a - 1) * hyp2f1(a + b - 1 - r, a - 1, a + b + x - 1, z)
    return float((a + b + x - 1) / (a - 1) * (1 - still))


@settings(max_examples=60, deadline=None)
@given(
    r=st.floats(0.05, 5), alpha=st.floats(1, 500), a=st.floats(0.02, 20), b=st.floats(0.2, 100),
    x=st.integers(0, 200), extra=st.integers(0, 500),
)  # fmt: skip
def test_expectations_grow_with_the_horizon_and_shrink_with_age(
    r: float, alpha: float, a: float, b: float, x: int, extra: int
) -> None:
    values, age = (r, alpha, a, b), x + extra
    month, year = by_quadrature(values, x, age, 30), by_quadrature(values, x, age, 365)
    assert 0 <= month <= year
    assert by_quadrature(values, x, age + 30, 30) <= month + 1e-12
    assert month <= (r + x) / (alpha + age) * 30 + 1e-9  # as if it could never leave
