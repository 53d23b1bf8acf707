"""The help desk's rows: users, tickets as they stand, and the events they went through."""

from __future__ import annotations

from collections.abc import Sequence

from moshtari.demo.almanac import DAY, HOUR, Almanac
from moshtari.demo.events import Life, Ticket
from moshtari.demo.names import FEMALE, MALE, SURNAMES, with_arabic_letters, write_phone
from moshtari.demo.people import Person
from moshtari.demo.stage import Stage, field
from moshtari.demo.voices import AGENTS

FIRST_USER_ID = 1_001
FIRST_TICKET_ID = 20_001
FIRST_EVENT_ID = 300_001


def number_tickets(lives: Sequence[Life]) -> list[tuple[int, Ticket]]:
    """Every ticket with its number, in the order they were written."""
    tickets = sorted(
        (
            (ticket.created, ticket.person, ordinal, ticket)
            for life in lives
            for ordinal, ticket in enumerate(life.tickets)
        ),
        key=lambda entry: entry[:3],
    )
    return [(FIRST_TICKET_ID + rank, entry[3]) for rank, entry in enumerate(tickets)]


def put_help_desk(
    stage: Stage,
    almanac: Almanac,
    people: Sequence[Person],
    tickets: Sequence[tuple[int, Ticket]],
    sale_numbers: dict[int, int],
) -> None:
    """Agents, requesters, tickets and events."""
    _put_agents(stage, almanac)
    users: dict[tuple[int, bool], int] = {}
    events: list[tuple[int, int, int, str]] = []
    for number, ticket in tickets:
        person = people[ticket.person]
        key = (ticket.person, ticket.by_phone)
        if key not in users:
            users[key] = FIRST_USER_ID + len(users)
            _put_user(stage, almanac, person, ticket, users[key])
        order = sale_numbers[id(ticket.sale)] if ticket.sale is not None else None
        _put_ticket(stage, almanac, person, ticket, number, users[key], order)
        for ordinal, event in enumerate(ticket.events):
            author = users[key] if event.author == 0 else event.author
            body = event.body
            if body is not None and event.author == 0:
                body = _written(person, body, order)
            events.append(
                (
                    event.at,
                    number,
                    ordinal,
                    f"{number}\t{field(author)}\t{almanac.text(event.at)}\t{event.kind}"
                    f"\t{'t' if event.is_public else 'f'}\t{field(body)}"
                    f"\t{field(event.from_status)}\t{field(event.to_status)}",
                )
            )
    events.sort()
    for rank, (at, _, _, line) in enumerate(events):
        stage.put("help_desk.ticket_events", at // DAY, f"{FIRST_EVENT_ID + rank}\t{line}")


def _put_agents(stage: Stage, almanac: Almanac) -> None:
    opened = almanac.text(9 * HOUR)
    for agent in range(1, AGENTS + 1):
        first = (FEMALE if agent % 2 else MALE)[agent + 3][0]
        stage.put(
            "help_desk.users",
            0,
            f"{agent}\t{first} {SURNAMES[agent * 5][0]}\tagent{agent}@pishkhan.example\t\\N"
            f"\tagent\t{opened}\t{opened}",
        )


def _put_user(stage: Stage, almanac: Almanac, person: Person, ticket: Ticket, user_id: int) -> None:
    at = ticket.created
    email = phone = None
    if ticket.by_phone:
        phone = write_phone(person.phone, at // 60)
    else:
        assert person.email is not None
        email = person.email.upper() if at % 23 == 0 else person.email
        phone = write_phone(person.phone, at // 60) if at % 3 == 0 else None
    name = with_arabic_letters(person.full_name) if person.arabic_keyboard else person.full_name
    stage.put(
        "help_desk.users",
        at // DAY,
        f"{user_id}\t{name}\t{field(email)}\t{field(phone)}\tend-user"
        f"\t{almanac.text(at)}\t{almanac.text(at)}",
    )


def _put_ticket(
    stage: Stage,
    almanac: Almanac,
    person: Person,
    ticket: Ticket,
    number: int,
    user_id: int,
    order: int | None,
) -> None:
    subject = _written(person, ticket.subject, order)
    head = f"{number}\t{user_id}\t{field(subject)}\t{field(_written(person, ticket.body, order))}\t"
    middle = f"\t{ticket.priority}\t{ticket.channel}\t{{{','.join(ticket.tags)}}}\t{field(order)}\t"
    # Status, score and comment as they stand after each moment at which the ticket changed.
    moments = sorted({event.at for event in ticket.events} | {entry.at for entry in ticket.ratings})

    def line(version: int) -> str:
        at = moments[version]
        status, score, comment = "new", None, None
        for event in sorted(ticket.events, key=lambda event: event.at):
            if event.at <= at and event.to_status is not None:
                status = event.to_status
        for rating in ticket.ratings:
            if rating.at <= at:
                score, comment = rating.score, rating.comment
        return (
            f"{head}{status}{middle}{field(score)}\t{field(comment)}"
            f"\t{almanac.text(ticket.created)}\t{almanac.text(at)}"
        )

    stage.put_versions("help_desk.tickets", [at // DAY for at in moments], line)


def _written(person: Person, text: str, order: int | None) -> str:
    """The text as this person's keyboard writes it, with the order's number filled in."""
    text = text.replace("{order}", str(order or ""))
    return with_arabic_letters(text) if person.arabic_keyboard else text
