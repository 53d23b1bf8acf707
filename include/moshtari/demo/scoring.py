"""What the warehouse concluded, held against the latent truth of the demo's world.

The truth is joined to the warehouse by records: an order of the shop belongs to a person (truth)
and to a customer (warehouse). A label's precision is counted over the customers who carry it, its
recall over the people of whom it is true, once over all of them and once over those of whom the
sources can have shown it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import psycopg

from moshtari.demo.truth import SHOP, truth_as_of
from moshtari.settings import Settings
from moshtari.warehouse.connection import connect

LABELS = ("new", "active", "lapsed", "dissatisfied", "at_risk")


@dataclass(frozen=True)
class LabelScore:
    """Counts of one label; the shares are None where there is nothing to divide by."""

    label: str
    claimed: int
    right: int
    true: int
    found: int
    observable: int
    found_observable: int

    @property
    def precision(self) -> float | None:
        """Of the customers who carry the label, the share of whom it is true."""
        return self.right / self.claimed if self.claimed else None

    @property
    def recall(self) -> float | None:
        """Of the people of whom it is true, the share who carry the label."""
        return self.found / self.true if self.true else None

    @property
    def recall_observable(self) -> float | None:
        """Recall over the people of whom the sources can have shown it."""
        return self.found_observable / self.observable if self.observable else None


@dataclass(frozen=True)
class IdentityScore:
    """People with orders, and how many of them identity resolution got right."""

    people: int
    customers: int
    fused_customers: int
    split_people: int


def score(settings: Settings, world_dsn: str) -> tuple[date, IdentityScore, list[LabelScore]]:
    """Score the published day. Raises ValueError when nothing is published."""
    with connect(settings, role="moshtari_builder") as connection:
        day = _published_day(connection)
        customer_of: dict[str, str] = dict(
            connection.execute(
                "select order_id, customer_key from intermediate.int_orders_valued"
                " where order_key like %s and customer_key is not null",
                [f"{SHOP}/%"],
            )
        )
        carried = {
            key: frozenset(types or ())
            for key, types in connection.execute(
                "select customer_key, types from store.customers"
                " where run_id = (select run_id from store.pointer)"
            )
        }
    with psycopg.connect(world_dsn) as world:
        person_of: dict[str, int] = dict(
            world.execute(
                "select record_id, person_id from truth.records"
                " where source = %s and entity = 'orders'",
                [SHOP],
            )
        )
    keys_of, people_of = _joined(customer_of, person_of)
    true: dict[str, dict[int, bool]] = defaultdict(dict)
    for person, label, is_observable in truth_as_of(world_dsn, day):
        if person in keys_of:
            true[label][person] = is_observable
    scores = [_score(label, true[label], keys_of, people_of, carried) for label in LABELS]
    return day, _identity(keys_of, people_of), scores


def _published_day(connection: psycopg.Connection) -> date:
    row = connection.execute("select as_of_date from store.pointer").fetchone()
    if row is None or row[0] is None:
        raise ValueError("nothing is published yet; run a night first")
    day: date = row[0]
    return day


def _joined(
    customer_of: dict[str, str], person_of: dict[str, int]
) -> tuple[dict[int, set[str]], dict[str, Counter[int]]]:
    keys_of: dict[int, set[str]] = defaultdict(set)
    people_of: dict[str, Counter[int]] = defaultdict(Counter)
    for order, key in customer_of.items():
        person = person_of[order]
        keys_of[person].add(key)
        people_of[key][person] += 1
    return keys_of, people_of


def _identity(keys_of: dict[int, set[str]], people_of: dict[str, Counter[int]]) -> IdentityScore:
    return IdentityScore(
        people=len(keys_of),
        customers=len(people_of),
        fused_customers=sum(len(people) > 1 for people in people_of.values()),
        split_people=sum(len(keys) > 1 for keys in keys_of.values()),
    )


def _score(
    label: str,
    true: dict[int, bool],
    keys_of: dict[int, set[str]],
    people_of: dict[str, Counter[int]],
    carried: dict[str, frozenset[str]],
) -> LabelScore:
    def count(people: Iterable[int]) -> int:
        return sum(
            any(label in carried.get(key, ()) for key in keys_of[person]) for person in people
        )

    claimed = [key for key, types in carried.items() if label in types and key in people_of]
    observable = [person for person, is_observable in true.items() if is_observable]
    return LabelScore(
        label=label,
        claimed=len(claimed),
        # A customer made of several people's records is right when it is true of the main one.
        right=sum(people_of[key].most_common(1)[0][0] in true for key in claimed),
        true=len(true),
        found=count(true),
        observable=len(observable),
        found_observable=count(observable),
    )
