"""What identity resolution did not decide, for somebody to look at: keys and causes, no names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from moshtari.settings import Settings
from moshtari.warehouse.connection import connect


@dataclass(frozen=True)
class ReviewItem:
    """A key that would tie more records together than are one person's."""

    identity_key: str
    cause: str
    accounts: int
    records: int


def review_list(settings: Settings, limit: int = 50) -> list[ReviewItem]:
    """The keys to look at, those that bridge the most records first.

    Raises psycopg.errors.UndefinedTable when nothing has been built yet.
    """
    with connect(settings, role="moshtari_builder") as connection:
        rows = connection.execute(
            "select identity_key, cause, accounts, records from intermediate.int_identity_review"
            " order by records desc, identity_key, cause limit %s",
            [limit],
        )
        return [ReviewItem(*row) for row in rows]


def suggestion_list(settings: Settings, limit: int = 50) -> list[tuple[str, str, float, str]]:
    """The suggested links: two keys, the probability, and the fields that agree."""
    with connect(settings, role="moshtari_builder") as connection:
        return connection.execute(
            "select left_key, right_key, match_probability,"
            " array_to_string(agreeing_fields, ', ') from ops.identity_suggestions"
            " order by match_probability desc, left_key, right_key limit %s",
            [limit],
        ).fetchall()


def built_day(settings: Settings) -> date:
    """The business day of the newest run. Raises LookupError when there has been none."""
    with connect(settings, role="moshtari_builder") as connection:
        row = connection.execute(
            "select as_of_date from ops.runs order by run_id desc limit 1"
        ).fetchone()
    if row is None:
        raise LookupError("no run has begun yet")
    day: date = row[0]
    return day
