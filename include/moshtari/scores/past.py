"""The warehouse's own past, as of any cut day: read through the night's own SQL, never another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from moshtari.scores.bg_nbd import nodes
from moshtari.scores.errors import NoHistoryError
from moshtari.scores.likelihood import Estimate, Floats

# Terms that every fit has, and those that must earn their place on an earlier window. The
# expressions are the macro `score_terms` of the dbt project.
TERMS = (
    "log_recency", "log_frequency", "log_spend", "log_rhythm", "log_lateness",
    "log_lateness_squared", "log_activity", "log_complaints", "open_complaints", "sentiment",
    "late_deliveries", "slow_replies",
)  # fmt: skip
OPTIONAL_TERMS = ("log_age", "log_same_season", "log_expected")
_ALL_TERMS = TERMS + OPTIONAL_TERMS
_MOST_ROWS = 200_000
_MOST_HISTORIES = 200_000
_MOST_SPENDERS = 50_000
_BATCH = 20_000
# Whether a customer's place (the macro `sample_bucket` of the dbt project) is in the sample.
_IN_SAMPLE = sql.SQL(
    "mod(('x' || left(md5(customer_key), 7))::bit(28)::integer, 1000) < %(buckets)s"
)


@dataclass(frozen=True)
class History:
    """What there is: the first purchase day, the last one read, and the buyers between them."""

    first_day: date
    last_day: date
    buyers: int


@dataclass(frozen=True)
class Rows:
    """Buyers at cut days: their terms, and the days to the next purchase (infinity: none)."""

    cuts: NDArray[np.int64]
    days_to_next: Floats
    expected: Floats
    terms: dict[str, Floats]

    def at(self, cuts: tuple[date, ...]) -> Rows:
        """The rows of these cut days only."""
        kept = np.isin(self.cuts, [cut.toordinal() for cut in cuts])
        terms = {name: values[kept] for name, values in self.terms.items()}
        return Rows(self.cuts[kept], self.days_to_next[kept], self.expected[kept], terms)

    def returned(self, within_days: int) -> NDArray[np.bool_]:
        return self.days_to_next <= within_days

    def __len__(self) -> int:
        return len(self.cuts)


def history(connection: psycopg.Connection, until: date) -> History | None:
    """What was bought up to a day; None when nothing was. Raises NoHistoryError without a build."""
    found = connection.execute(
        "select to_regclass('intermediate.int_customer_days_summarized') is not null"
        " and to_regclass('intermediate.int_customer_features_past') is not null"
    ).fetchone()
    if found is None or not found[0]:
        raise NoHistoryError(
            "the warehouse holds no built orders yet. Run a business day first: `moshtari run`"
        )
    row = connection.execute(
        """
        select min(first_day), max(last_day), count(*)
        from (
            select min(day) as first_day, max(day) as last_day
            from intermediate.int_customer_days_summarized
            where day <= %s and valid_orders > 0 and customer_key is not null
            group by customer_key
        ) as buyers
        """,
        [until],
    ).fetchone()
    return History(*row) if row and row[0] is not None else None


def histories(
    connection: psycopg.Connection, until: date, buyers: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """x, t_x, T in days and the number of customers alike, as of the end of a day.

    Of a sample where there are many: 200,000 customers fix four parameters to a percent or so.
    """
    query = sql.SQL(
        """
        select x, t_x, age, count(*)
        from (
            select
                count(*) - 1 as x, max(day) - min(day) as t_x, %(until)s::date - min(day) as age
            from intermediate.int_customer_days_summarized
            where day <= %(until)s and valid_orders > 0 and customer_key is not null
                and {in_sample}
            group by customer_key
        ) as customers
        group by x, t_x, age
        order by x, t_x, age
        """
    ).format(in_sample=_IN_SAMPLE)
    values = {"until": until, "buckets": _buckets(buyers, _MOST_HISTORIES)}
    rows = connection.execute(query, values).fetchall()
    table = np.array(rows, dtype=float).reshape(-1, 4)
    return table[:, 0], table[:, 1], table[:, 2], table[:, 3]


def spending(connection: psycopg.Connection, until: date, buyers: int) -> tuple[Floats, Floats]:
    """Purchase days and mean spend a day of each buyer, of a sample where there are many."""
    query = sql.SQL(
        """
        select count(*), sum(gross_revenue - discounts)::double precision / count(*)
        from intermediate.int_customer_days_summarized
        where day <= %(until)s and valid_orders > 0 and customer_key is not null
            and {in_sample}
        group by customer_key
        order by 1, 2
        """
    ).format(in_sample=_IN_SAMPLE)
    values = {"until": until, "buckets": _buckets(buyers, _MOST_SPENDERS)}
    rows = connection.execute(query, values).fetchall()
    table = np.array(rows, dtype=float).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def rows_at(
    connection: psycopg.Connection,
    cuts: tuple[date, ...],
    horizon_days: int,
    buyers: int,
    bg_nbd: Estimate | None,
) -> Rows:
    """Features and outcomes as of several cut days; at most some 200,000 rows of sampled customers.

    The sample is by a hash of the customer's key, so it is the same at every cut and in every run.
    """
    buckets = _buckets(buyers * len(cuts), _MOST_ROWS)
    mark = max(cuts) + timedelta(days=1)
    with _asked(connection, cuts, mark, horizon_days, buckets, bg_nbd):
        query = sql.SQL(
            "select cut_on - date '0001-01-01' + 1, next_purchase_on - cut_on, expected_purchases,"
            " {} from intermediate.int_customer_features_past where fit_day = {}"
            " order by cut_on, customer_key"
        ).format(sql.SQL(", ").join(map(sql.Identifier, _ALL_TERMS)), sql.Literal(mark))
        blocks = list(_blocks(connection, query))
    table = np.concatenate(blocks) if blocks else np.empty((0, 3 + len(_ALL_TERMS)))
    days = np.where(np.isnan(table[:, 1]), np.inf, table[:, 1])
    terms = {name: table[:, 3 + place] for place, name in enumerate(_ALL_TERMS)}
    return Rows(table[:, 0].astype(np.int64), days, table[:, 2], terms)


def _buckets(rows: int, most: int) -> int:
    return max(1, min(1000, 1000 * most // max(rows, 1)))


def _blocks(connection: psycopg.Connection, query: sql.Composed) -> Iterator[Floats]:
    with connection.cursor(name="features_of_the_past", binary=True) as cursor:
        cursor.execute(query)
        while batch := cursor.fetchmany(_BATCH):
            yield np.array(batch, dtype=float)


@contextmanager
def _asked(
    connection: psycopg.Connection,
    cuts: tuple[date, ...],
    mark: date,
    horizon_days: int,
    buckets: int,
    bg_nbd: Estimate | None,
) -> Iterator[None]:
    """The question stands in tables while it is answered, then is rolled back: others see none."""
    with connection.transaction(force_rollback=True):
        # All rows are wanted, not the first ones soon; and the planner knows nothing of how few cut
        # days there are, or how many customers: without this it may loop over them in each other.
        connection.execute("set local cursor_tuple_fraction = 1; set local enable_nestloop = off")
        connection.execute("delete from scores.fits where fit_day = %s", [mark])
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into scores.cuts values (%s, %s, %s, %s)",
                [(cut, mark, horizon_days, buckets) for cut in cuts],
            )
        if bg_nbd is not None:
            connection.execute(
                "insert into scores.fits (model, fit_day, status, fingerprint, horizon_days)"
                " values ('bg_nbd', %s, 'fitted', '', %s)",
                [mark, horizon_days],
            )
            write_coefficients(connection, "bg_nbd", mark, bg_nbd_coefficients(bg_nbd))
        yield


def bg_nbd_coefficients(estimate: Estimate) -> list[tuple[str, float, float | None]]:
    """(term, value, reference): the parameters, and the nodes over which SQL takes the mean."""
    found: list[tuple[str, float, float | None]] = [
        (name, value, None) for name, value in zip(estimate.names, estimate.values, strict=True)
    ]
    placed = nodes(estimate["a"], estimate["b"])
    found += [(f"base:{base}", float(base), None) for base in sorted({node[0] for node in placed})]
    found += [
        (f"node:{base}:{number}", at, weight) for number, (base, at, weight) in enumerate(placed)
    ]
    return found


def write_coefficients(
    connection: psycopg.Connection,
    model: str,
    day: date,
    coefficients: list[tuple[str, float, float | None]],
) -> None:
    """Rows of the table that the scores' SQL reads."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into scores.coefficients (model, fit_day, term, value, reference)"
            " values (%s, %s, %s, %s, %s)",
            [(model, day, *row) for row in coefficients],
        )
