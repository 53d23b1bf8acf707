"""What the warehouse concluded, held against the latent truth of the demo's world.

The truth is joined to the warehouse by records (`matching`): an order of the shop belongs to a
person (truth) and to a customer (warehouse). A label's precision is counted over the customers who
carry it, its recall over the people of whom it is true and whom the warehouse knows, once over all
of them and once over those of whom the sources can have shown it.

    python -m moshtari.demo.scoring                           # of the published day
    python -m moshtari.demo.scoring --candidate 2026-03-18    # of the marts that dbt built last
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import psycopg

from moshtari.demo.disagreements import Disagreement, disagreements, latent_states
from moshtari.demo.matching import IdentityScore, Match, match
from moshtari.demo.text_scoring import ReasonScore, TextScore, score_reasons, score_texts
from moshtari.demo.truth import AXES, TruthLabel, truth_as_of
from moshtari.settings import Settings
from moshtari.warehouse.connection import connect

__all__ = ["IdentityScore", "LabelScore", "Scores", "score", "score_all"]


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
    axis: str = "type"

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
class Scores:
    """Everything that can be scored of one day.

    `unknown_people`: those of whom some type is true and whom the warehouse has in no mart.
    `stray_devices`: customers who are a device alone, of people who are customers already: false
    ones of the phase acquisition and of the steps before the purchase.
    """

    day: date
    labels: list[LabelScore]
    identity: dict[str, IdentityScore]
    texts: list[TextScore] = field(default_factory=list)
    reasons: list[ReasonScore] = field(default_factory=list)
    disagreements: list[Disagreement] = field(default_factory=list)
    unknown_people: int = 0
    stray_devices: int = 0

    def of(self, axis: str) -> list[LabelScore]:
        """The labels of one axis: type, phase or step."""
        return [found for found in self.labels if found.axis == axis]


def score(settings: Settings, world_dsn: str) -> tuple[date, IdentityScore, list[LabelScore]]:
    """The types of the published day, and identity over orders.

    Raises ValueError when nothing is published.
    """
    scores = score_all(settings, world_dsn)
    return scores.day, scores.identity["shop/orders"], scores.of("type")


def score_all(settings: Settings, world_dsn: str, candidate_of: date | None = None) -> Scores:
    """Score the published day, or (with its day) the candidate that dbt built last.

    Raises ValueError when nothing is published.
    """
    with (
        connect(settings, role="moshtari_builder") as warehouse,
        psycopg.connect(world_dsn) as world,
    ):
        day = candidate_of or _published_day(warehouse)
        carried = _carried(warehouse, published=candidate_of is None)
        matched, identity = match(warehouse, world)
        states = latent_states(world, day)
        texts = score_texts(warehouse, world)
        reasons = score_reasons(warehouse, world, day, matched)
    truth = truth_as_of(world_dsn, day)
    known = {
        person
        for person, keys in matched.keys_of.items()
        if any(key in carried["phase"] for key in keys)
    }
    true = _true(truth, known)
    labels = [
        _score(axis, label, true[axis, label], matched, carried[axis])
        for axis, names in AXES.items()
        for label in names
    ]
    return Scores(
        day=day,
        labels=labels,
        identity=identity,
        texts=texts,
        reasons=reasons,
        disagreements=disagreements(true, carried, matched, states),
        unknown_people=len({entry.person_id for entry in truth if entry.axis == "type"} - known),
        stray_devices=matched.stray_devices,
    )


def _published_day(connection: psycopg.Connection) -> date:
    row = connection.execute("select as_of_date from store.pointer").fetchone()
    if row is None or row[0] is None:
        raise ValueError("nothing is published yet; run a night first")
    day: date = row[0]
    return day


def _carried(
    connection: psycopg.Connection, *, published: bool
) -> dict[str, dict[str, frozenset[str]]]:
    """By axis: the labels of each customer."""
    relation = (
        "store.customers where run_id = (select run_id from store.pointer)"
        if published
        else "candidate.customers"
    )
    carried: dict[str, dict[str, frozenset[str]]] = {axis: {} for axis in AXES}
    query = f"select customer_key, types, phase, ladder_step from {relation}"  # noqa: S608
    for key, types, phase, step in connection.execute(query.encode()):
        carried["type"][key] = frozenset(types or ())
        carried["phase"][key] = frozenset((phase,))
        carried["step"][key] = frozenset((step,))
    return carried


def _true(truth: list[TruthLabel], known: set[int]) -> dict[tuple[str, str], dict[int, bool]]:
    """By axis and label: the people of whom it is true, and whether the sources can show it."""
    true: dict[tuple[str, str], dict[int, bool]] = defaultdict(dict)
    for entry in truth:
        if entry.person_id in known:
            people = true[entry.axis, entry.label]
            people[entry.person_id] = people.get(entry.person_id, False) or entry.is_observable
    return true


def _score(
    axis: str,
    label: str,
    true: Mapping[int, bool],
    matched: Match,
    carried: Mapping[str, frozenset[str]],
) -> LabelScore:
    def is_found(person: int) -> bool:
        return any(label in carried.get(key, ()) for key in matched.keys_of[person])

    claimed = [
        key for key, labels in carried.items() if label in labels and key in matched.people_of
    ]
    observable = [person for person, is_observable in true.items() if is_observable]
    return LabelScore(
        label=label,
        claimed=len(claimed),
        # A customer made of several people's records is right when it is true of the main one.
        right=sum(matched.main_person(key) in true for key in claimed),
        true=len(true),
        found=sum(map(is_found, true)),
        observable=len(observable),
        found_observable=sum(map(is_found, observable)),
        axis=axis,
    )


def main() -> None:
    """Print the tables for the demo of these settings (MOSHTARI_HOME, MOSHTARI_PG_PORT, ...)."""
    from moshtari.demo import scenario
    from moshtari.demo.scoring_tables import show
    from moshtari.settings import load_settings

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument(
        "--candidate", type=date.fromisoformat, metavar="DAY",
        help="score the marts that dbt built last for this day, published or not",
    )  # fmt: skip
    parser.add_argument(
        "--world", default=scenario.DATABASE, help="database that holds the demo's world"
    )
    options = parser.parse_args()
    settings = load_settings()
    if "MOSHTARI_HOME" not in os.environ:
        settings = load_settings(home=settings.home / "demo")
    params = settings.dsn(database=options.world, admin=True)
    world_dsn = psycopg.conninfo.make_conninfo("", **params)
    show(score_all(settings, world_dsn, options.candidate))


if __name__ == "__main__":
    main()
