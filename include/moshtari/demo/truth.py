"""The latent truth, written apart: who the people are, and what is true of them on a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import psycopg

from moshtari.demo.almanac import Almanac
from moshtari.demo.calls import REACHED
from moshtari.demo.events import Intent, Life, Post, Review, Survey, TextTruth, Ticket
from moshtari.demo.people import Person
from moshtari.demo.shop import Accounts
from moshtari.demo.stage import Stage, field
from moshtari.demo.web_data import PasserBy, visitor_id

SHOP, HELP_DESK, SOCIAL = "shop", "help", "social"
"""The source names of the demo's deployment (demo.yml), by which `truth.records` speaks."""


TYPES = (
    "browser",
    "discount_seeker",
    "researcher",
    "impulse",
    "hesitant",
    "switcher",
    "new",
    "active",
    "lapsed",
    "dissatisfied",
    "at_risk",
    "referred",
)
PHASES = ("acquisition", "new", "existing", "separation")
STEPS = ("potential", "prospect", "buyer", "repeat", "loyal", "advocate")
AXES: dict[str, tuple[str, ...]] = {"type": TYPES, "phase": PHASES, "step": STEPS}


class TruthLabel(NamedTuple):
    """What is latently true of a person; `is_observable`: the sources can have shown it by then.

    `axis`: type (several labels, or none), phase or step (one label each).
    """

    person_id: int
    label: str
    is_observable: bool
    axis: str = "type"


def truth_as_of(dsn: str, day: date) -> list[TruthLabel]:
    """The types, the phase and the step of every person at the end of `day`.

    What they mean is written in truth_labels.sql. Sorted by axis, person and label.
    """
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            """
            select person_id, label, is_observable, 'type' as axis from truth.types_as_of(%(day)s)
            union all
            select person_id, label, true, 'phase' from truth.phases_as_of(%(day)s)
            union all
            select person_id, label, true, 'step' from truth.steps_as_of(%(day)s)
            order by axis, person_id, label
            """,
            {"day": day},
        ).fetchall()
    return [TruthLabel(*row) for row in rows]


class Numbers(NamedTuple):
    """The numbers under which the shop, the desk and the network know what happened."""

    accounts: Accounts
    sales: dict[int, int]
    tickets: Sequence[tuple[int, Ticket]]
    posts: Sequence[tuple[int, Post]]
    surveys: Sequence[tuple[int, Survey]]
    reviews: Sequence[tuple[int, Review]]


def put_truth(
    stage: Stage,
    almanac: Almanac,
    people: Sequence[Person],
    lives: Sequence[Life],
    numbers: Numbers,
) -> None:
    """Rows of schema `truth`. What lies beyond the almanac is left open."""
    for person, life in zip(people, lives, strict=True):
        _put_person(stage, almanac, person, life)
        person_id = person.index + 1
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
        for departure in life.departures:
            turned = almanac.text(min(departure.at, almanac.end))
            stage.put_truth("truth.departures", f"{person_id}\t{turned}\t{departure.reason}")
        _put_intents(stage, almanac, person_id, life.intents)
        for sale in (*life.sales, *life.trades):
            number = numbers.sales[id(sale)]
            _put_record(stage, SHOP, "orders", number, person_id)
            if sale.bought:
                stage.put_truth(
                    "truth.purchases",
                    f"{person_id}\t{number}\t{almanac.text(sale.placed)}"
                    f"\t{'t' if sale.visit is not None else 'f'}",
                )
        for device in sorted({visit.device for visit in life.visits}):
            _put_record(stage, SHOP, "web_events", visitor_id(device), person_id)
    for (index, _), account_id in numbers.accounts.ids.items():
        _put_record(stage, SHOP, "customers", account_id, index + 1)
    for number, ticket in numbers.tickets:
        _put_record(stage, HELP_DESK, "tickets", number, ticket.person + 1)
        _put_text(stage, HELP_DESK, "tickets", number, ticket.text)
    for number, post in numbers.posts:
        if post.person is not None:
            _put_record(stage, SOCIAL, "mentions", number, post.person + 1)
            made = _text(almanac, post.at)
            if post.truth.kind == "praise" and made is not None:
                _put_recommendation(stage, post.person + 1, made)
        _put_text(stage, SOCIAL, "mentions", number, post.truth)
    for number, survey in numbers.surveys:
        if survey.text is not None:
            _put_text(stage, SHOP, "surveys", number, survey.text)
    for number, review in numbers.reviews:
        _put_record(stage, SHOP, "mentions", number, review.sale.person + 1)
        made = _text(almanac, review.at)
        if review.stars == 5 and made is not None:
            _put_recommendation(stage, review.sale.person + 1, made)
        _put_text(stage, SHOP, "mentions", number, review.text)


def put_passers_by(stage: Stage, almanac: Almanac, passers: Sequence[PasserBy]) -> None:
    """Those who are known by a device alone: they never buy, and are neither here nor gone."""
    for passer in passers:
        person_id = passer.index + 1
        reached = min((visit.at for visit in passer.visits if visit.campaign), default=None)
        stage.put_truth(
            "truth.people",
            f"{person_id}\tpasser_by\t0\t{almanac.text(passer.arrived)}\t\\N\t\\N\tf\tf"
            f"\t{passer.style}\t\\N\tf\t{field(_text(almanac, reached))}\tt",
        )
        _put_intents(stage, almanac, person_id, passer.intents)
        for device in sorted({visit.device for visit in passer.visits}):
            _put_record(stage, SHOP, "web_events", visitor_id(device), person_id)


def _put_person(stage: Stage, almanac: Almanac, person: Person, life: Life) -> None:
    last = life.phases[-1]
    left = last.at if last.state == "gone" else None
    messages = [visit.at for visit in life.visits if visit.campaign]
    messages += [entry.sent for entry in life.contacts if entry.outcome in REACHED]
    messages += [sale.placed for sale in life.sales if sale.campaign]
    introducer = None if person.introduced_by is None else person.introduced_by + 1
    recorded = person.introduced_by is not None and person.traits.recorded
    values = (
        str(person.index + 1),
        person.kind.name,
        f"{_gap(person):.1f}",
        almanac.text(person.arrived),
        field(_text(almanac, life.attached)),
        field(_text(almanac, left)),
        "t" if person.firm else "f",
        "t" if person.is_staff else "f",
        person.traits.style,
        field(introducer),
        "t" if recorded else "f",
        field(_text(almanac, min(messages, default=None))),
        "t" if person.traits.never_contacted else "f",
    )
    stage.put_truth("truth.people", "\t".join(values))


def _put_intents(stage: Stage, almanac: Almanac, person_id: int, intents: Sequence[Intent]) -> None:
    for intent in intents:
        since = _text(almanac, intent.since)
        if since is not None:
            until = almanac.text(min(intent.until, almanac.end))
            shown = field(_text(almanac, intent.shown))
            stage.put_truth(
                "truth.intents", f"{person_id}\t{intent.kind}\t{since}\t{until}\t{shown}"
            )


def _put_text(stage: Stage, source: str, entity: str, number: int, text: TextTruth) -> None:
    stage.put_truth(
        "truth.texts",
        f"{source}\t{entity}\t{number}\t{text.kind}\t{text.sentiment}\t{text.topic}"
        f"\t{field(text.competitor)}",
    )


def _put_recommendation(stage: Stage, person_id: int, made: str) -> None:
    stage.put_truth("truth.recommendations", f"{person_id}\t{made}")


def _put_record(stage: Stage, source: str, entity: str, number: int | str, person_id: int) -> None:
    stage.put_truth("truth.records", f"{source}\t{entity}\t{number}\t{person_id}")


def _gap(person: Person) -> float:
    """The mean gap a person of a season has is that of its windows in the year."""
    if person.windows:
        return 365.0 / len(person.windows)
    return person.gap


def _text(almanac: Almanac, at: int | None) -> str | None:
    return almanac.text(at) if at is not None and at <= almanac.end else None
