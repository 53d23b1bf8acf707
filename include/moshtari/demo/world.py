"""The way into the demo's world: create it, let nights happen, ask what is true.

    create(dsn, seed=1, last_day=date(2025, 6, 1))     # two years, visible to the end of that day
    advance(dsn, date(2025, 6, 2))                     # that day happens
    truth_as_of(dsn, date(2025, 6, 2))                 # what the warehouse should have understood

A world is made from its plan alone: the same plan gives the same rows, and nothing reads the clock.
Some rows are committed after midnight although their own times lie in the evening before (at most
six hours before midnight, Tehran time), as when a branch's upload fails: a reader that trusts the
last `modified_at` it saw loses them.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import date, timedelta
from importlib.resources import files
from typing import Literal

import psycopg
from psycopg import errors, sql

from moshtari.demo.almanac import Almanac
from moshtari.demo.calls import call_around
from moshtari.demo.catalogue import Catalogue
from moshtari.demo.dealings import deal
from moshtari.demo.dealings_data import (
    number_reviews,
    number_surveys,
    put_contacts,
    put_erasures,
    put_memberships,
    put_reviews,
    put_spending,
    put_surveys,
)
from moshtari.demo.events import Post
from moshtari.demo.help_desk_data import number_tickets, put_help_desk
from moshtari.demo.journeys import live
from moshtari.demo.money import Rates, put_rates
from moshtari.demo.people import populate
from moshtari.demo.plan import Plan, make_plan
from moshtari.demo.sales_data import SalesDesk, find_sellers, number_sales
from moshtari.demo.shop import Accounts, put_accounts, put_products
from moshtari.demo.social_data import number_posts, put_social, strangers
from moshtari.demo.stage import TABLES, Stage, create_script_tables, play
from moshtari.demo.truth import Numbers, TruthLabel, put_passers_by, put_truth, truth_as_of
from moshtari.demo.visits import roam
from moshtari.demo.web_data import number_visits, passers_by, put_visits

__all__ = [
    "Plan",
    "TruthLabel",
    "WorldError",
    "advance",
    "create",
    "create_from",
    "fingerprint",
    "make_plan",
    "today",
    "truth_as_of",
]

Progress = Callable[[str, int], None]
"""Called with a stage's name and how many rows or people it is about."""


class WorldError(RuntimeError):
    """The demo's world cannot do what was asked. The message says what to do instead."""


def create(
    dsn: str,
    seed: int,
    last_day: date,
    days: int = 730,
    customers: int = 5000,
    progress: Progress | None = None,
) -> dict[str, int]:
    """Fill the database behind `dsn` with `days` days of life that end with `last_day` (Tehran).

    Whatever the demo's schemas held is replaced, in one transaction. Returns the rows visible at
    the end of `last_day`, by table. Raises ValueError for arguments no world can be made from.
    """
    return create_from(dsn, make_plan(seed, last_day, days, customers), progress)


def create_from(dsn: str, plan: Plan, progress: Progress | None = None) -> dict[str, int]:
    """As `create`, from a plan of one's own."""
    say = progress or (lambda stage, rows: None)
    # Millions of small objects and no cycles: looking for garbage would take a fifth of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        stage = imagine(plan, say)
    finally:
        if collecting:
            gc.enable()
    say("writing rows", sum(len(lines) for lines in stage.now.values()))
    with psycopg.connect(dsn) as connection:
        # Only this transaction: what is lost in a crash is made again from the seed.
        connection.execute("set local synchronous_commit = off")
        connection.execute("set local client_min_messages = warning")
        connection.execute(_sql("schema.sql"))
        connection.execute(_sql("truth.sql"))
        connection.execute(_sql("truth_labels.sql"))
        create_script_tables(connection)
        written = stage.load(connection)
        connection.execute(_sql("schema_after.sql"))
        connection.execute(
            "insert into script.state (today, last_day) values (%s, %s)",
            [plan.last_day, plan.last_day + timedelta(days=plan.nights)],
        )
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("analyze " + ", ".join(written))
    say("done", sum(written.values()))
    return written


def imagine(plan: Plan, say: Progress) -> Stage:
    """The whole life of a plan as lines for COPY."""
    almanac = Almanac(plan.first_day, plan.horizon + 1)
    catalogue = Catalogue()
    people = populate(plan, almanac)
    say("living lives", len(people))
    lives = [live(person, almanac, catalogue, plan.horizon) for person in people]
    find_sellers(people, lives)
    for person, life in zip(people, lives, strict=True):
        deal(person, life)
        call_around(life, person, almanac)
        roam(person, life, almanac, catalogue, plan.web_from)
    passers = passers_by(plan, almanac, catalogue)
    say("visiting the site", len(passers))
    posts: list[Post] = [post for life in lives for post in life.posts]
    posts.extend(strangers(plan, almanac))

    visits = [visit for life in lives for visit in life.visits]
    visits += [visit for passer in passers for visit in passer.visits]

    stage = Stage(plan.today, plan.horizon, almanac.day_text)
    accounts = Accounts(people, lives)
    sales = number_sales(lives)
    surveys = number_surveys(lives)
    reviews = number_reviews(lives)
    sessions = number_visits(visits)
    tickets = number_tickets(lives)
    statuses = number_posts(posts, almanac)
    say("telling the shop", len(sales))
    rates = Rates(plan, almanac)
    put_products(stage, almanac, catalogue)
    put_rates(stage, almanac, rates)
    put_accounts(stage, almanac, people, lives, accounts)
    SalesDesk(stage, almanac, sales, sessions, accounts, rates).put(people, lives)
    put_visits(stage, almanac, visits, sessions, accounts)
    put_memberships(stage, almanac, lives, accounts)
    put_surveys(stage, almanac, surveys, sales, accounts)
    put_reviews(stage, almanac, people, reviews, accounts)
    put_contacts(stage, almanac, lives, accounts)
    put_spending(stage, almanac, plan)
    put_erasures(stage, almanac, people, lives, accounts)
    say("telling the help desk", len(tickets))
    put_help_desk(stage, almanac, people, tickets, sales)
    say("telling the social network", len(statuses))
    put_social(stage, almanac, people, statuses)
    numbers = Numbers(accounts, sales, tickets, statuses, surveys, reviews)
    put_truth(stage, almanac, people, lives, numbers)
    put_passers_by(stage, almanac, passers)
    return stage


def advance(dsn: str, day: date) -> dict[str, int]:
    """Make `day` happen: its new rows, its changes, and what arrives late from the day before.

    Returns the rows written, by table; none for a day that is already today, so a repeated call
    changes nothing. Raises WorldError for a day in the past, a day that would skip another, or one
    beyond the nights that were generated.
    """
    with psycopg.connect(dsn) as connection:
        # One advance at a time: a second one waits here and then finds the day done.
        connection.execute("set local lock_timeout = '60s'")
        current, last = _state(connection, "for update")
        if day == current:
            return dict.fromkeys(TABLES, 0)
        if day < current:
            raise WorldError(
                f"the demo's world is at {current} and cannot go back to {day}; "
                "create it anew with an earlier last_day"
            )
        if day > last:
            raise WorldError(
                f"the demo's world ends with {last}, before {day}; create it anew with a later "
                "last_day"
            )
        following = current + timedelta(days=1)
        if day > following:
            raise WorldError(
                f"the demo's world is at {current}; advance it to {following} first, day by day, "
                f"before {day}"
            )
        written = play(connection, day.isoformat())
        connection.execute("update script.state set today = %s", [day])
    return written


def today(dsn: str) -> date:
    """The business day at whose end the demo's world stands. Raises WorldError if there is none."""
    with psycopg.connect(dsn) as connection:
        return _state(connection, "")[0]


def fingerprint(dsn: str) -> dict[str, str]:
    """Rows and content hash of every table the sources serve, whatever the order of the rows."""
    prints: dict[str, str] = {}
    with psycopg.connect(dsn, options="-c timezone=UTC") as connection:
        for table in TABLES:
            query = sql.SQL(
                "select count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) from {} as t"
            )
            row = connection.execute(query.format(sql.Identifier(*table.split(".")))).fetchone()
            assert row is not None
            prints[table] = f"{row[0]} rows, {row[1]}"
    return prints


def _state(connection: psycopg.Connection, lock: Literal["", "for update"]) -> tuple[date, date]:
    query = sql.SQL("select today, last_day from script.state {}").format(sql.SQL(lock))
    try:
        row = connection.execute(query).fetchone()
    except errors.UndefinedTable:
        row = None
    if row is None:
        raise WorldError("there is no demo world in this database yet; create it first")
    return row[0], row[1]


def _sql(name: str) -> str:
    return files("moshtari.demo").joinpath(name).read_text(encoding="utf-8")
