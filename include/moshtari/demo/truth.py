"""The latent truth, written apart: who the people are, and what is true of them on a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import psycopg

from moshtari.demo.almanac import Almanac
from moshtari.demo.events import Life, Post, Ticket
from moshtari.demo.people import Person
from moshtari.demo.shop import Accounts
from moshtari.demo.stage import Stage, field

SHOP, HELP_DESK, SOCIAL = "shop", "help", "social"
"""The source names of the demo's deployment (demo.yml), by which `truth.records` speaks."""


class TruthLabel(NamedTuple):
    """What is latently true of a person; `is_observable`: the sources can have shown it by then."""

    person_id: int
    label: str
    is_observable: bool


def truth_as_of(dsn: str, day: date) -> list[TruthLabel]:
    """The labels (new, active, lapsed, dissatisfied, at_risk) of every person at the end of `day`.

    What they mean is written in truth.sql. A person has several labels, one, or none. Sorted by
    person and label.
    """
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            """
            select person_id, label, is_observable
            from truth.labels_as_of(%s)
            order by person_id, label
            """,
            [day],
        ).fetchall()
    return [TruthLabel(*row) for row in rows]


def put_truth(
    stage: Stage,
    almanac: Almanac,
    people: Sequence[Person],
    lives: Sequence[Life],
    accounts: Accounts,
    sales: dict[int, int],
    tickets: Sequence[tuple[int, Ticket]],
    posts: Sequence[tuple[int, Post]],
) -> None:
    """Rows of schema `truth`. What lies beyond the almanac is left open."""
    for person, life in zip(people, lives, strict=True):
        person_id = person.index + 1
        last = life.phases[-1]
        left = last.at if last.state == "gone" else None
        stage.put_truth(
            "truth.people",
            "\t".join(
                (
                    str(person_id),
                    person.kind.name,
                    f"{_gap(person):.1f}",
                    almanac.text(person.arrived),
                    field(_text(almanac, life.attached)),
                    field(_text(almanac, left)),
                    "t" if person.firm else "f",
                    "t" if person.is_staff else "f",
                )
            ),
        )
        for phase, following in zip(life.phases, (*life.phases[1:], None), strict=True):
            start = _text(almanac, phase.at)
            if start is not None:
                end = _text(almanac, following.at) if following is not None else None
                stage.put_truth(
                    "truth.phases", f"{person_id}\t{start}\t{field(end)}\t{phase.state}"
                )
        for grievance in life.grievances:
            end = almanac.text(min(grievance.closed, almanac.end))
            stage.put_truth(
                "truth.grievances",
                f"{person_id}\t{almanac.text(grievance.opened)}\t{end}"
                f"\t{grievance.cause}\t{'t' if grievance.voiced else 'f'}",
            )
        for sale in life.sales:
            number = sales[id(sale)]
            _put_record(stage, SHOP, "orders", number, person_id)
            if sale.bought:
                stage.put_truth(
                    "truth.purchases", f"{person_id}\t{number}\t{almanac.text(sale.placed)}"
                )
    for (index, _), account_id in accounts.ids.items():
        _put_record(stage, SHOP, "customers", account_id, index + 1)
    for number, ticket in tickets:
        _put_record(stage, HELP_DESK, "tickets", number, ticket.person + 1)
    for number, post in posts:
        if post.person is not None:
            _put_record(stage, SOCIAL, "mentions", number, post.person + 1)


def _put_record(stage: Stage, source: str, entity: str, number: int, person_id: int) -> None:
    stage.put_truth("truth.records", f"{source}\t{entity}\t{number}\t{person_id}")


def _gap(person: Person) -> float:
    """The mean gap a person of a season has is that of its windows in the year."""
    if person.windows:
        return 365.0 / len(person.windows)
    return person.gap


def _text(almanac: Almanac, at: int | None) -> str | None:
    return almanac.text(at) if at is not None and at <= almanac.end else None
