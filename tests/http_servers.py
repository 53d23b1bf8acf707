"""The demo's HTTP servers over rows in memory, and what one reading of a source gave."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from moshtari.demo.faults import Faults
from moshtari.demo.help_desk import create_app
from moshtari.demo.help_desk_store import Position
from moshtari.demo.serving import serving
from moshtari.demo.social import Span
from moshtari.landing.contract import ENTITIES, SUPPLIED_SYSTEM_COLUMNS
from moshtari.sources.base import ArrowRows, RejectedRecord, Source, SourceContext, TextRows, Window
from moshtari.sources.columnar import in_rows
from moshtari.sources.http_config import HttpPolicy
from moshtari.sources.mastodon import MastodonConfig, MastodonSource, first_id
from moshtari.sources.x import XConfig, XHttpPolicy, XSource
from moshtari.sources.zendesk import ZendeskSource
from moshtari.sources.zendesk_config import ZendeskConfig

EMAIL, TOKEN = "warehouse@pishkhan.example", "open sesame"
TEHRAN = ZoneInfo("Asia/Tehran")
CONTEXT = SourceContext(timezone=TEHRAN, base_currency="IRR", directory=Path())
DAY = date(2026, 3, 20)
START = datetime(2026, 3, 20, tzinfo=TEHRAN).astimezone(UTC)
END = START + timedelta(days=1)
ONE_DAY = Window(DAY, START, END, TEHRAN)
ALL_HISTORY = Window(DAY, None, END, TEHRAN)

Row = dict[str, Any]


@dataclass
class MemoryHelpDesk:
    """A help desk's rows, unordered. Those of the last minute before `now` are kept back."""

    ticket_rows: list[Row] = field(default_factory=list)
    user_rows: list[Row] = field(default_factory=list)
    event_rows: list[Row] = field(default_factory=list)
    now: datetime | None = None

    def shown(self, at: datetime) -> bool:
        return self.now is None or at < self.now - timedelta(minutes=1)

    def tickets(self, after: Position, limit: int) -> list[Row]:
        shown = [row for row in self.ticket_rows if self.shown(row["updated_at"])]
        return _after(shown, after, limit)

    def users(self, after: Position, limit: int) -> list[Row]:
        return _after(self.user_rows, after, limit)

    def events(self, since: datetime, limit: int) -> list[Row]:
        rows = sorted(
            (
                row
                for row in self.event_rows
                if row["created_at"] >= since and self.shown(row["created_at"])
            ),
            key=lambda row: (row["created_at"], row["id"]),
        )
        if not rows:
            return []
        last = rows[:limit][-1]["created_at"].replace(microsecond=0)
        return [row for row in rows if row["created_at"] < last + timedelta(seconds=1)]

    def users_by_id(self, ids: Sequence[int]) -> list[Row]:
        return [row for row in self.user_rows if row["id"] in ids]


@dataclass
class MemorySocial:
    """A network's posts, unordered."""

    rows: list[Row] = field(default_factory=list)

    def tagged(self, tag: str, span: Span) -> list[Row]:
        return self._page([row for row in self.rows if tag in row["tags"]], span)

    def mentioning(self, username: str, span: Span) -> list[Row]:
        return self._page([row for row in self.rows if f"@{username}" in row["content"]], span)

    @staticmethod
    def _page(rows: list[Row], span: Span) -> list[Row]:
        within = [row for row in rows if span.above < row["id"] < span.below]
        return sorted(within, key=lambda row: row["id"], reverse=not span.forward)[: span.limit]


def _after(rows: list[Row], after: Position, limit: int) -> list[Row]:
    ordered = sorted(rows, key=lambda row: (row["updated_at"], row["id"]))
    return [row for row in ordered if (row["updated_at"], row["id"]) > after][:limit]


def ticket(key: int, updated_at: datetime, **changes: Any) -> Row:
    row = {
        "id": key,
        "requester_id": 1,
        "subject": f"موضوع {key}",
        "description": "سفارشم نرسید",
        "status": "open",
        "priority": "normal",
        "via_channel": "email",
        "tags": ["late", 'say "so"'],
        "custom_order_id": f"O-{key}",
        "satisfaction_score": None,
        "satisfaction_comment": None,
        "created_at": updated_at - timedelta(hours=2),
        "updated_at": updated_at,
    }
    return row | changes


def user(key: int, role: str = "end-user", **changes: Any) -> Row:
    row = {
        "id": key,
        "name": f"مشتری {key}",
        "email": f"c{key}@example.com",
        "phone": "09120000000",
        "role": role,
        "created_at": START - timedelta(days=90),
        "updated_at": START - timedelta(days=30),
    }
    return row | changes


def comment(key: int, created_at: datetime, **changes: Any) -> Row:
    row = {
        "id": key,
        "ticket_id": 7,
        "author_id": 1,
        "created_at": created_at,
        "kind": "comment",
        "is_public": True,
        "body": f"متن {key}",
        "from_status": None,
        "to_status": None,
    }
    return row | changes


def status_change(key: int, created_at: datetime, before: str | None, after: str, by: int) -> Row:
    change = {"kind": "status", "body": None, "from_status": before, "to_status": after}
    return comment(key, created_at, author_id=by, **change)


def post(number: int, created_at: datetime, **changes: Any) -> Row:
    """A post; ``number`` tells posts of the same millisecond apart."""
    row = {
        "id": first_id(created_at) + number % 65536,
        "created_at": created_at,
        "edited_at": None,
        "content": f"<p>سلام #پیشخوان {number}</p>",
        "language": "fa",
        "in_reply_to_id": None,
        "favourites_count": 3,
        "reblogs_count": 1,
        "tags": ["پیشخوان"],
        "url": f"https://social.example/@ali/{number}",
        "account_id": 5,
        "username": "ali",
        "acct": "Ali",
        "display_name": "علی",
    }
    return row | changes


class Sleeps(list[float]):
    """Waits that are noted, not spent."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@contextmanager
def help_desk(store: MemoryHelpDesk) -> Iterator[tuple[Faults, str]]:
    """Zendesk's exports of the store, under faults by script, and their address."""
    app = Faults(create_app(store, email=EMAIL, token=TOKEN))
    with serving(app) as base_url:
        yield app, base_url


def zendesk(base_url: str, *, sleep: Any = None, **config: Any) -> ZendeskSource:
    http = HttpPolicy(**{"timeout_seconds": 5, "tries": 4} | config.pop("http", {}))
    parsed = ZendeskConfig(
        **{"kind": "zendesk", "base_url": base_url, "email": EMAIL, "token": TOKEN, "http": http}
        | config
    )
    return ZendeskSource("help", parsed, CONTEXT, sleep=Sleeps() if sleep is None else sleep)


def mastodon(base_url: str, *, sleep: Any = None, **config: Any) -> MastodonSource:
    http = HttpPolicy(**{"timeout_seconds": 5, "tries": 4} | config.pop("http", {}))
    parsed = MastodonConfig(
        **{
            "kind": "mastodon",
            "base_url": base_url,
            "token": TOKEN,
            "hashtags": ["پیشخوان"],
            "http": http,
        }
        | config
    )
    return MastodonSource("social", parsed, CONTEXT, sleep=Sleeps() if sleep is None else sleep)


def x(base_url: str, *, sleep: Any = None, **config: Any) -> XSource:
    http = XHttpPolicy(**{"timeout_seconds": 5, "tries": 4} | config.pop("http", {}))
    parsed = XConfig(
        **{
            "kind": "x",
            "base_url": base_url,
            "token": TOKEN,
            "query": "@pishkhan -is:retweet",
            "http": http,
        }
        | config
    )
    return XSource("posts", parsed, CONTEXT, sleep=Sleeps() if sleep is None else sleep)


@dataclass
class Reading:
    """All that one reading yielded."""

    rows: list[dict[str, str | None]] = field(default_factory=list)
    positions: list[str] = field(default_factory=list)
    rejected: list[RejectedRecord] = field(default_factory=list)

    def by(self, key: str) -> dict[str | None, dict[str, str | None]]:
        found = {row[key]: row for row in self.rows}
        assert len(found) == len(self.rows), "a key came twice"
        return found


_SPELT = {
    "numeric": r"-?[0-9]+([.][0-9]+)?",
    "integer": r"-?[0-9]+",
    "bigint": r"-?[0-9]+",
    "boolean": "true|false",
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "timestamptz": r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+(Z|[-+][0-9:]+)",
    "text[]": r"\{.*\}",
    "jsonb": r"\{.*\}",
}


def assert_exact(entity: str, batch: TextRows) -> None:
    """Every value is spelt as the reader vouches that it is."""
    types = {column.name: column.pg_type for column in ENTITIES[entity].columns}
    for row in batch.rows:
        for name, value in zip(batch.columns, row, strict=True):
            kind = (types | SUPPLIED_SYSTEM_COLUMNS)[name]
            assert (
                value is None
                or kind == "text"
                or re.fullmatch(_SPELT[kind], value, re.ASCII | re.DOTALL)
            ), f"{name} is no {kind}: {value!r}"


def read(source: Source, entity: str, window: Window) -> Reading:
    reading = Reading()
    for batch in source.read(entity, window):
        if isinstance(batch, RejectedRecord):
            reading.rejected.append(batch)
            continue
        if isinstance(batch, ArrowRows):
            batch = replace(in_rows(batch), exact=True)
        assert isinstance(batch, TextRows)
        assert batch.raw is not None
        assert len(batch.rows) == len(batch.positions) == len(batch.raw)
        if batch.exact:
            assert_exact(entity, batch)
        for row in batch.rows:
            reading.rows.append(dict(zip(batch.columns, row, strict=True)))
        reading.positions.extend(batch.positions)
    return reading
