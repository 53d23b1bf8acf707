"""Where the warehouse and the truth disagree, and what the people concerned are like in truth.

Only latent states and counts: nobody is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import psycopg

from moshtari.demo.matching import Match

_INTENTS = {"browser": "look", "researcher": "research", "hesitant": "waver", "switcher": "switch"}
_MOST = 4


class LatentState(NamedTuple):
    """What a person is at the end of a day, and how many days ago it was last about something."""

    style: str
    state: str
    purchase_days: int
    silent_gaps: float | None
    is_lapsed: bool
    is_aggrieved: bool
    is_attached: bool
    faded: dict[str, int]


@dataclass(frozen=True)
class Disagreement:
    """`side`: claimed (and not true) or missed (true and not claimed); `people` of `state`."""

    axis: str
    label: str
    side: str
    state: str
    people: int


def latent_states(world: psycopg.Connection, day: date) -> dict[int, LatentState]:
    """The latent state of everybody who has come by the end of `day`."""
    faded: dict[int, dict[str, int]] = {}
    for person, intent, days in world.execute(
        """
        select person_id, intent, min(greatest(0, %(day)s - until_at::date))
        from truth.intents
        where since_at < (%(day)s + 1)::timestamp at time zone 'Asia/Tehran'
        group by person_id, intent
        """,
        {"day": day},
    ):
        faded.setdefault(person, {})[intent] = days
    rows = world.execute(
        """
        select
            person_id, style, state, purchase_days,
            (%(day)s - last_day) / nullif(own_gap_days, 0),
            is_lapsed, is_aggrieved, is_attached
        from truth.lives_as_of(%(day)s)
        """,
        {"day": day},
    )
    return {person: LatentState._make((*state, faded.get(person, {}))) for person, *state in rows}


def disagreements(
    true: Mapping[tuple[str, str], Mapping[int, bool]],
    carried: Mapping[str, Mapping[str, frozenset[str]]],
    matched: Match,
    states: Mapping[int, LatentState],
) -> list[Disagreement]:
    """For each label the commonest latent states of those on whom the two disagree."""
    found: list[Disagreement] = []
    for (axis, label), people in sorted(true.items()):
        claimed: Counter[str] = Counter()
        missed: Counter[str] = Counter()
        for key, labels in carried[axis].items():
            if label in labels and key in matched.people_of:
                person = matched.main_person(key)
                if person not in people:
                    claimed[_told(label, axis, states.get(person), true, person)] += 1
        for person, is_observable in people.items():
            keys = matched.keys_of[person]
            if not any(label in carried[axis].get(key, ()) for key in keys):
                told = _told(label, axis, states.get(person), true, person)
                given = sorted({name for key in keys for name in carried[axis].get(key, ())})
                if axis != "type":
                    told = f"called {', '.join(given) or 'nothing'}: {told}"
                elif not is_observable:
                    told = f"not shown: {told}"
                missed[told] += 1
        for side, counted in (("claimed", claimed), ("missed", missed)):
            found += [
                Disagreement(axis, label, side, state, number)
                for state, number in counted.most_common(_MOST)
            ]
    return found


def _told(
    label: str,
    axis: str,
    state: LatentState | None,
    true: Mapping[tuple[str, str], Mapping[int, bool]],
    person: int,
) -> str:
    """The latent state in a few words, those that matter for the label."""
    if state is None:
        return "not there yet"
    if axis != "type":
        really = [
            name for (kind, name), people in true.items() if kind == axis and person in people
        ]
        return f"is {', '.join(really) or 'nobody'}; {_heart(state)}"
    if label in _INTENTS:
        days = state.faded.get(_INTENTS[label])
        about = "never about it"
        if days is not None:
            about = "still about it" if days == 0 else f"about it until {_weeks(days)} ago"
        return f"style {state.style}, {about}"
    if label in ("discount_seeker", "impulse"):
        return f"style {state.style}, bought on {min(state.purchase_days, 3)}+ days"
    return _heart(state)


def _heart(state: LatentState) -> str:
    words = [state.state]
    words += ["lapsed"] if state.is_lapsed else []
    words += ["aggrieved"] if state.is_aggrieved else []
    words += ["attached"] if state.is_attached else []
    if state.silent_gaps is not None:
        gaps = float(state.silent_gaps)
        words.append("quiet for under 1.5 gaps" if gaps < 1.5 else "quiet for 1.5 gaps or more")
    return ", ".join(words)


def _weeks(days: int) -> str:
    return "1 week" if days <= 7 else "30 days" if days <= 30 else "more than 30 days"
