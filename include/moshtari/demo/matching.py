"""Whose customer is whose: the records of people (truth) against those of customers (warehouse)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import psycopg

from moshtari.demo.truth import HELP_DESK, SHOP, SOCIAL

# What a customer of the warehouse is made of: (source, entity, query of record id and customer).
# A relation that does not exist is left out: an older warehouse has fewer.
_RECORDS = (
    (
        SHOP,
        "orders",
        "intermediate.int_orders_valued",
        "select split_part(order_key, '/', 2), customer_key from intermediate.int_orders_valued"
        " where order_key like 'shop/%' and customer_key is not null",
    ),
    (
        SHOP,
        "customers",
        "intermediate.int_identity_links",
        "select split_part(identity_key, '/', 2), customer_key from intermediate.int_identity_links"
        " where identity_key like 'account:shop/%' and customer_key is not null",
    ),
    (
        SHOP,
        "web_events",
        "intermediate.int_identity_links",
        "select split_part(identity_key, '/', 2), customer_key from intermediate.int_identity_links"
        " where identity_key like 'visitor:shop/%' and customer_key is not null",
    ),
    (
        HELP_DESK,
        "tickets",
        "intermediate.int_tickets_attributed",
        "select split_part(ticket_key, '/', 2), customer_key"
        " from intermediate.int_tickets_attributed"
        " where ticket_key like 'help/%' and customer_key is not null",
    ),
    (
        SOCIAL,
        "mentions",
        "intermediate.int_mentions_attributed",
        "select split_part(mention_key, '/', 2), customer_key"
        " from intermediate.int_mentions_attributed"
        " where mention_key like 'social/%' and customer_key is not null",
    ),
    (
        SHOP,
        "mentions",
        "intermediate.int_mentions_attributed",
        "select split_part(mention_key, '/', 2), customer_key"
        " from intermediate.int_mentions_attributed"
        " where mention_key like 'shop/%' and customer_key is not null",
    ),
)


@dataclass(frozen=True)
class IdentityScore:
    """People with such records, and how many of them identity resolution got right."""

    people: int
    customers: int
    fused_customers: int
    split_people: int


@dataclass
class Match:
    """`keys_of` a person: its customers. `people_of` a customer: its people, by records.

    `stray_devices`: customers who are a device alone, of a person who is another customer as well.
    """

    keys_of: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    people_of: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    stray_devices: int = 0

    def add(self, pairs: Iterable[tuple[int, str]]) -> None:
        """One record more of each person and customer."""
        for person, key in pairs:
            self.keys_of[person].add(key)
            self.people_of[key][person] += 1

    def main_person(self, key: str) -> int:
        """The person with most of a customer's records."""
        return self.people_of[key].most_common(1)[0][0]

    def identity(self) -> IdentityScore:
        """How far people and customers are the same."""
        return IdentityScore(
            people=len(self.keys_of),
            customers=len(self.people_of),
            fused_customers=sum(len(people) > 1 for people in self.people_of.values()),
            split_people=sum(len(keys) > 1 for keys in self.keys_of.values()),
        )


def match(
    warehouse: psycopg.Connection, world: psycopg.Connection
) -> tuple[Match, dict[str, IdentityScore]]:
    """All records together, and identity by entity and over those that name the person.

    A device that several people use says nothing of whose customer is whose, and is left out.
    """
    everything, named = Match(), Match()
    scores: dict[str, IdentityScore] = {}
    for source, entity, relation, query in _RECORDS:
        found = warehouse.execute("select to_regclass(%s)", [relation]).fetchone()
        if found is None or found[0] is None:
            continue
        person_of = _people(world, source, entity)
        pairs = list(_pairs(warehouse.execute(query.encode()), person_of))
        one = Match()
        one.add(pairs)
        scores[f"{source}/{entity}"] = one.identity()
        everything.add(pairs)
        if entity != "web_events":
            named.add(pairs)
    scores["all but devices"] = named.identity()
    everything.stray_devices = sum(
        key not in named.people_of and len(everything.keys_of[everything.main_person(key)]) > 1
        for key in everything.people_of
    )
    return everything, scores


def _people(world: psycopg.Connection, source: str, entity: str) -> dict[str, int]:
    rows = world.execute(
        """
        select record_id, min(person_id)
        from truth.records
        where source = %s and entity = %s
        group by record_id
        having count(distinct person_id) = 1
        """,
        [source, entity],
    )
    return dict(rows)


def _pairs(rows: Iterable[tuple[str, str]], person_of: dict[str, int]) -> Iterator[tuple[int, str]]:
    for record, key in rows:
        person = person_of.get(record)
        if person is not None:
            yield person, key
