"""Identity resolution in plain Python, from its description (docs/identity.md): the oracle against
which the SQL is tested. It knows nothing of increments: it sees the records and says who is who."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

CONTACTS = ("email", "phone", "handle", "visitor")
KINDS = ("account", *CONTACTS)
REACH = 12

# What was decided (separate, join), from when it counts, and the two keys.
Correction = tuple[str, datetime, str, str]


@dataclass(frozen=True)
class Record:
    """What one record says: its keys (with their kinds, as `email:a@b.c`), and when it was seen."""

    seen_at: datetime
    account: str | None = None
    email: str | None = None
    phone: str | None = None
    handle: str | None = None
    visitor: str | None = None
    name: str | None = None
    birth_date: date | None = None
    of_shop: bool = True

    def keys(self) -> dict[str, str]:
        found = {kind: getattr(self, kind) for kind in KINDS}
        return {kind: key for kind, key in found.items() if key is not None}


@dataclass(frozen=True)
class Rules:
    """The thresholds of dbt_project.yml, and the salt of customer keys."""

    max_records: int = 25
    max_accounts: int = 2
    salt: str = ""


@dataclass
class _Graph:
    """The anchors of each key, with when it was first seen, and whether the shop says so."""

    anchors: dict[str, dict[str, tuple[datetime, bool]]] = field(
        default_factory=lambda: defaultdict(dict)
    )

    def tie(self, anchor: str, key: str, seen_at: datetime, of_shop: bool) -> None:
        earlier, was_of_shop = self.anchors[key].get(anchor, (seen_at, of_shop))
        self.anchors[key][anchor] = (min(earlier, seen_at), was_of_shop or of_shop)

    def first_seen(self, key: str) -> datetime:
        return min(seen_at for seen_at, _ in self.anchors[key].values())

    def of_shop(self, key: str) -> bool:
        return any(of_shop for _, of_shop in self.anchors[key].values())


def resolve(
    records: Iterable[Record],
    rules: Rules | None = None,
    corrections: Iterable[Correction] = (),
) -> dict[str, str]:
    """The customer of each key; keys of nobody are left out."""
    rules = rules or Rules()
    records, corrections = list(records), list(corrections)
    shared = shared_keys(records, rules)
    graph = _graph(records, set(shared), corrections)
    separate = sorted(
        {(min(a, b), max(a, b)) for what, _, a, b in corrections if what == "separate"}
    )
    _cut(graph, separate)
    roots = _roots(graph, rules)
    people: dict[str, list[str]] = defaultdict(list)
    for key, root in roots.items():
        people[root].append(key)
    customers: dict[str, str] = {}
    for keys in people.values():
        if not any(graph.of_shop(key) for key in keys):
            continue
        first = min(keys, key=lambda key: (graph.first_seen(key), key))
        name = hashlib.md5(f"{rules.salt}{first}".encode(), usedforsecurity=False).hexdigest()
        customers.update(dict.fromkeys(keys, name))
    return customers


def shared_keys(records: list[Record], rules: Rules) -> dict[str, str]:
    """Keys that tie nobody together, with the cause."""
    names: dict[str, set[str]] = defaultdict(set)
    births: dict[str, set[date]] = defaultdict(set)
    for record in records:
        if record.account and record.name:
            names[record.account].add(record.name)
        if record.account and record.birth_date:
            births[record.account].add(record.birth_date)
    shared: dict[str, str] = {}
    carriers: dict[str, list[tuple[str, Record]]] = defaultdict(list)
    for record in records:
        for kind, key in record.keys().items():
            if kind != "account":
                carriers[key].append((kind, record))
    for key, found in carriers.items():
        kind = found[0][0]
        others = {other for _, r in found if (other := _other(r, kind)) is not None}
        accounts = {record.account for _, record in found if record.account}
        sources = {account.split("/")[0] for account in accounts}
        called = {min(names[account]) for account in accounts if names[account]}
        born = {min(births[account]) for account in accounts if births[account]}
        if len(others) > rules.max_records:
            shared[key] = "too_many_records"
        elif kind == "visitor" and len(accounts) > len(sources):
            shared[key] = "shared_device"
        elif len(accounts) > rules.max_accounts * len(sources):
            shared[key] = "too_many_accounts"
        elif len(accounts) > len(sources) and len(called) > 1:
            shared[key] = "conflicting_names"
        elif len(born) > 1:
            shared[key] = "conflicting_birth_dates"
    return {**shared, **_conflicting_emails(records, carriers, shared)}


def _other(record: Record, kind: str) -> str | None:
    """What tells the records of a key apart: the account, or else another contact."""
    others = [record.account, *(getattr(record, other) for other in CONTACTS if other != kind)]
    return next((other for other in others if other is not None), None)


def _conflicting_emails(
    records: list[Record],
    carriers: Mapping[str, list[tuple[str, Record]]],
    shared: Mapping[str, str],
) -> dict[str, str]:
    """Phones of holders with different e-mail addresses, unless accounts of one name hold them."""
    emails: dict[str, set[str]] = defaultdict(set)
    owners: dict[str, set[str]] = defaultdict(set)
    names: dict[str, str] = {}
    for record in records:
        if record.account and record.name:
            names[record.account] = record.name
        if record.account and record.email and record.email not in shared:
            emails[record.account].add(record.email)
            owners[record.email].add(record.account)
    disputed: dict[str, str] = {}
    for phone, found in carriers.items():
        if found[0][0] != "phone" or phone in shared:
            continue
        address: dict[str, str] = {}
        for _, record in found:
            guest = record.email if record.email not in shared else None
            if record.account or guest in owners:
                for account in {record.account} if record.account else owners[guest or ""]:
                    if emails[account]:
                        address[account] = min(emails[account])
            elif guest:
                address[guest] = guest
        called = {names.get(holder) for holder in address}
        if len(set(address.values())) > 1 and not (len(called) == 1 and None not in called):
            disputed[phone] = "conflicting_emails"
    return disputed


def _graph(records: list[Record], shared: set[str], corrections: list[Correction]) -> _Graph:
    graph = _Graph()
    for record in records:
        keys = [key for key in record.keys().values() if key not in shared]
        for key in keys:
            graph.tie(keys[0], key, record.seen_at, record.of_shop)
    for action, decided_at, *pair in corrections:
        if action == "join":
            for key in pair:
                graph.tie(min(pair), key, decided_at, of_shop=False)
    return graph


def _cut(graph: _Graph, separate: Iterable[tuple[str, str]]) -> None:
    """Take out the edges between the sides of each pair that is declared to be two people."""
    beside: dict[str, set[str]] = defaultdict(set)
    for key, anchors in graph.anchors.items():
        for anchor in anchors:
            beside[key].add(anchor)
            beside[anchor].add(key)
    cut: set[tuple[str, str]] = set()
    for left, right in separate:
        sides = _sides(beside, left, right)
        between = {
            key
            for key, side in sides.items()
            if side == "both"
            and not key.startswith("account:")
            and {"left", "right"} <= {sides[near] for near in beside[key]}
        }
        cut |= {
            (anchor, key)
            for key, anchors in graph.anchors.items()
            for anchor in anchors
            if sides.get(anchor) != sides.get(key) or {anchor, key} & between
        }
    for anchor, key in cut:
        del graph.anchors[key][anchor]
    for key in [key for key, anchors in graph.anchors.items() if not anchors]:
        del graph.anchors[key]


def _sides(beside: Mapping[str, set[str]], left: str, right: str) -> dict[str, str]:
    """Which of two keys each key is nearer to; nothing when no edges tie the two."""
    far = [_distances(beside, left), _distances(beside, right)]
    if not far[0].keys() & far[1].keys():
        return {}
    sides = {}
    for key in far[0].keys() | far[1].keys():
        here, there = (distance.get(key, REACH + 1) for distance in far)
        sides[key] = "left" if here < there else "right" if there < here else "both"
    return sides


def _distances(beside: Mapping[str, set[str]], start: str) -> dict[str, int]:
    found, edge = {start: 0}, {start}
    for distance in range(1, REACH + 1):
        edge = {near for key in edge for near in beside.get(key, ())} - found.keys()
        found.update(dict.fromkeys(edge, distance))
    return found


def _roots(graph: _Graph, rules: Rules) -> dict[str, str]:
    """The person of each key, by one of its keys."""
    parent = {key: key for key in graph.anchors}

    def find(key: str) -> str:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for key, anchors in graph.anchors.items():
        for anchor in anchors:
            parent[find(anchor)] = find(key)
    members: dict[str, set[str]] = defaultdict(set)
    for key, anchors in graph.anchors.items():
        members[find(key)] |= {a for a in anchors if not a.startswith("visitor:")}
    roots: dict[str, str] = {}
    for key, anchors in graph.anchors.items():
        component = find(key)
        if len(members[component]) <= rules.max_records:
            roots[key] = component
        elif key in anchors:
            roots[key] = key
        elif len(anchors) == 1:
            roots[key] = next(iter(anchors))
    return roots
