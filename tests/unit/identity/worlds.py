"""Small worlds of records that share, change and lose their keys, night after night.

A world is a handful of accounts, guests, requesters and visitors over few e-mails, phones, handles
and devices, so that everything meets. Worlds share nothing with each other: hundreds of them are
landed and resolved at once, and each is held against the reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from tests.unit.identity.reference import Correction, Record

FIRST_DAY = date(2025, 6, 1)
_ZONE = ZoneInfo("Asia/Tehran")
_OF_CHANGE = ("customers", "orders", "tickets", "mentions")


@dataclass(frozen=True)
class Version:
    """One landed version of a row."""

    entity: str
    source: str
    key: str
    row: dict[str, Any]
    changed_at: datetime | None
    load_id: int
    is_deleted: bool


@dataclass
class World:
    """What has landed so far, and what was decided by hand."""

    number: int
    rng: Random
    versions: list[Version] = field(default_factory=list)
    decisions: list[tuple[str, date, str, str]] = field(default_factory=list)

    def live_through(self, night: int, load_id: int) -> list[Version]:
        """Land a few rows, as a load of this night; return them."""
        day = FIRST_DAY + timedelta(days=night)
        before = len(self.versions)
        for _ in range(self.rng.randint(0, 5)):
            entity = self.rng.choice(
                ["customers", "customers", "orders", "orders", "tickets", "mentions", "web_events"]
            )
            self._land(entity, day, load_id)
        if self.rng.random() < 0.25:
            self._decide(day)
        return self.versions[before:]

    def records(self, night: int) -> list[Record]:
        """The records as the warehouse knows them at the end of a night."""
        end = _end_of(FIRST_DAY + timedelta(days=night))
        latest: dict[tuple[str, str, str], Version] = {}
        for version in self.versions:
            place = (version.entity, version.source, version.key)
            if place not in latest or _age(version) >= _age(latest[place]):
                latest[place] = version
        return [
            record
            for version in latest.values()
            if not version.is_deleted
            for record in _records(version, end)
        ]

    def corrections(self, night: int) -> list[Correction]:
        """Decisions in force, from the moment each counts."""
        day = FIRST_DAY + timedelta(days=night)
        return [
            (action, _end_of(decided - timedelta(days=1)), left, right)
            for action, decided, left, right in self.decisions
            if decided <= day
        ]

    def _land(self, entity: str, day: date, load_id: int) -> None:
        rng = self.rng
        source = rng.choice(["shop", "shop", "shop", "bazaar"])
        number = f"w{self.number}-{rng.randint(1, 4)}"
        at = _end_of(day) - timedelta(minutes=rng.randint(1, 400 * 1440))
        if rng.random() < 0.1:
            at = _end_of(day) + timedelta(hours=rng.randint(0, 40))
        key, row = getattr(self, f"_{entity}")(source, number, at)
        landed = [v for v in self.versions if (v.entity, v.source, v.key) == (entity, source, key)]
        changed_at = at if not landed else max(v.changed_at or at for v in landed)
        if rng.random() < 0.85:
            changed_at += timedelta(hours=1)
        else:  # a version that comes too late to be the latest
            changed_at -= timedelta(hours=1)
        if landed and rng.random() < 0.7:
            moment = "occurred_at" if entity == "web_events" else _moment(entity)
            row[moment] = landed[-1].row[moment]
        if entity in _OF_CHANGE:
            row["updated_at"] = changed_at
        is_deleted = bool(landed) and rng.random() < 0.15
        if landed and landed[-1].load_id == load_id:  # a load brings one version of a row
            self.versions.remove(landed[-1])
        self.versions.append(
            Version(entity, source, key, row, changed_at, load_id, is_deleted=is_deleted)
        )

    def _decide(self, day: date) -> None:
        rng = self.rng
        if self.decisions and rng.random() < 0.3:
            self.decisions.pop(rng.randrange(len(self.decisions)))
            return
        pool = [
            *(f"account:shop/w{self.number}-{n}" for n in range(1, 5)),
            *(f"email:{self._email(n)}" for n in range(1, 4)),
            *(f"phone:{self._phone(n)}" for n in range(1, 4)),
            f"handle:net:w{self.number}h1",
        ]
        left, right = sorted(rng.sample(pool, 2))
        if (left, right) not in {(one, other) for _, _, one, other in self.decisions}:
            action = rng.choice(["separate", "separate", "join"])
            counts_from = day + timedelta(days=rng.choice([0, 0, 1]))
            self.decisions.append((action, counts_from, left, right))

    def _email(self, number: int) -> str:
        return f"e{number}.w{self.number}@x.ir"

    def _phone(self, number: int) -> str:
        return f"+989{self.number:05d}{number:04d}"

    def _some(self, share: float, write: Any) -> str | None:
        return write(self.rng.randint(1, 3)) if self.rng.random() < share else None

    def _customers(self, _source: str, number: str, at: datetime) -> tuple[str, dict[str, Any]]:
        rng = self.rng
        handles = [f"net:w{self.number}h{rng.randint(1, 3)}" for _ in range(rng.randint(0, 2))]
        return number, {
            "customer_id": number,
            "created_at": at,
            "email": self._some(0.6, self._email),
            "phone": self._some(0.6, self._phone),
            "full_name": rng.choice([None, "sara", "sara", "ali", "mina"]),
            "birth_date": rng.choice([None, None, None, date(1990, 1, 1), date(1991, 1, 1)]),
            "social_handles": handles,
        }

    def _orders(self, _source: str, number: str, at: datetime) -> tuple[str, dict[str, Any]]:
        rng = self.rng
        order = f"w{self.number}-o{rng.randint(1, 9)}"
        is_guest = rng.random() < 0.6
        return order, {
            "order_id": order,
            "ordered_at": at,
            "customer_id": None if is_guest else number,
            "guest_email": self._some(0.6 if is_guest else 0.1, self._email),
            "guest_phone": self._some(0.6 if is_guest else 0.1, self._phone),
        }

    def _tickets(self, _source: str, number: str, at: datetime) -> tuple[str, dict[str, Any]]:
        rng = self.rng
        ticket = f"w{self.number}-t{rng.randint(1, 4)}"
        return ticket, {
            "ticket_id": ticket,
            "created_at": at,
            "customer_id": number if rng.random() < 0.2 else None,
            "requester_email": self._some(0.7, self._email),
            "requester_phone": self._some(0.4, self._phone),
        }

    def _mentions(self, _source: str, _number: str, at: datetime) -> tuple[str, dict[str, Any]]:
        rng = self.rng
        mention = f"w{self.number}-m{rng.randint(1, 3)}"
        return mention, {
            "mention_id": mention,
            "network": "net",
            "created_at": at,
            "author_handle": self._some(0.9, lambda n: f"w{self.number}h{n}"),
            "by_brand": rng.random() < 0.1,
            "deleted_at": at + timedelta(days=rng.randint(0, 300)) if rng.random() < 0.2 else None,
        }

    def _web_events(self, _source: str, number: str, at: datetime) -> tuple[str, dict[str, Any]]:
        rng = self.rng
        event = f"w{self.number}-e{rng.randint(1, 9)}"
        return event, {
            "event_id": event,
            "occurred_at": at,
            "visitor_id": f"w{self.number}-v{rng.randint(1, 3)}",
            "customer_id": number if rng.random() < 0.4 else None,
        }


def _moment(entity: str) -> str:
    return "ordered_at" if entity == "orders" else "created_at"


def _age(version: Version) -> tuple[Any, ...]:
    """By change, else by load; as staging orders versions."""
    if version.entity == "web_events":
        return (version.load_id,)
    return (version.changed_at, version.load_id)


def _end_of(day: date) -> datetime:
    after = day + timedelta(days=1)
    return datetime(after.year, after.month, after.day, tzinfo=_ZONE).astimezone(UTC)


def _records(version: Version, end: datetime) -> list[Record]:
    row, source = version.row, version.source
    at = row["occurred_at" if version.entity == "web_events" else _moment(version.entity)]
    if at >= end:
        return []

    def key(kind: str, column: str) -> str | None:
        return f"{kind}:{row[column]}" if row.get(column) else None

    account = f"account:{source}/{row['customer_id']}" if row.get("customer_id") else None
    if version.entity == "customers":
        own = Record(
            at,
            account=account,
            email=key("email", "email"),
            phone=key("phone", "phone"),
            name=row["full_name"],
            birth_date=row["birth_date"],
        )
        return [own, *(Record(at, account, handle=f"handle:{h}") for h in row["social_handles"])]
    if version.entity == "orders":
        return [Record(at, account, key("email", "guest_email"), key("phone", "guest_phone"))]
    if version.entity == "web_events":
        return [Record(at, account, visitor=f"visitor:{source}/{row['visitor_id']}")]
    if version.entity == "tickets":
        email, phone = key("email", "requester_email"), key("phone", "requester_phone")
        return [Record(at, account, email, phone, of_shop=False)]
    gone = row["deleted_at"] is not None and row["deleted_at"] < end
    if gone or row["by_brand"] or not row["author_handle"]:
        return []
    return [Record(at, handle=f"handle:net:{row['author_handle']}", of_shop=False)]
