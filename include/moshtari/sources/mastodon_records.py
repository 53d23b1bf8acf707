"""What Mastodon sends, as typed records, and how it becomes columns of the contract."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, TypeAlias

import msgspec

from moshtari.sources.html_text import plain_text

Instant: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]

MENTION_COLUMNS = (
    "mention_id",
    "network",
    "created_at",
    "updated_at",
    "author_handle",
    "author_name",
    "text",
    "language",
    "url",
    "reply_to_id",
    "by_brand",
    "likes",
    "reposts",
)

_NETWORK = "mastodon"


class Account(msgspec.Struct):
    """Who wrote a post; `acct` is the name, with the server's unless it is this one."""

    acct: str
    display_name: str | None = None


class Status(msgspec.Struct):
    """A post."""

    id: str
    created_at: Instant
    content: str
    account: Account
    edited_at: Instant | None = None
    spoiler_text: str | None = None
    language: str | None = None
    url: str | None = None
    uri: str | None = None
    in_reply_to_id: str | None = None
    favourites_count: int | None = None
    reblogs_count: int | None = None


class Notification(msgspec.Struct):
    """A notification of the token's account; a mention carries the post."""

    id: str
    type: str
    created_at: Instant
    status: Status | None = None


class Access(msgspec.Struct):
    """Who sees a server's own posts and those of others: `public`, `authenticated`, `disabled`."""

    local: str = "public"
    remote: str = "public"


class TimelinesAccess(msgspec.Struct):
    """Who sees which kind of timeline."""

    hashtag_feeds: Access = msgspec.field(default_factory=Access)


class Configuration(msgspec.Struct):
    """What a server lets people do; before Mastodon 4.5 nothing of timelines."""

    timelines_access: TimelinesAccess = msgspec.field(default_factory=TimelinesAccess)


class Instance(msgspec.Struct):
    """What a server says of itself."""

    configuration: Configuration = msgspec.field(default_factory=Configuration)

    @property
    def shows_hashtags(self) -> bool:
        """Whether a hashtag's timeline can hold anything: one switched off is empty, no error."""
        access = self.configuration.timelines_access.hashtag_feeds
        return not access.local == access.remote == "disabled"


def handle(account: str) -> str:
    """`mastodon:name` in lower case, with or without the network or an @ before it."""
    name = account.strip().lower().removeprefix(f"{_NETWORK}:").removeprefix("@")
    if not name:
        raise ValueError("write it as mastodon:name or mastodon:name@server")
    return f"{_NETWORK}:{name}"


def first_id(at: datetime) -> int:
    """The smallest snowflake id of a post written at or after ``at``."""
    return (int(at.timestamp()) * 1000 + at.microsecond // 1000) << 16


_MASTODON = first_id(datetime(2016, 1, 1, tzinfo=UTC))
_SNOWFLAKES = datetime(2018, 1, 1, tzinfo=UTC)


def has_snowflake(post: Status) -> bool:
    """Whether an id may hold a time: until 2017 Mastodon only counted, other servers still do."""
    if not post.id.isdigit():
        return True
    return int(post.id) >= _MASTODON or post.created_at < _SNOWFLAKES


def mention_row(status: Status, brand: str | None) -> tuple[str | None, ...]:
    """A post as MENTION_COLUMNS. A content warning stands before the text that it hides."""
    author = handle(status.account.acct) if status.account.acct.strip() else None
    text = plain_text(status.content)
    if status.spoiler_text:
        text = f"{status.spoiler_text}\n\n{text}"
    return (
        status.id,
        _NETWORK,
        status.created_at.isoformat(),
        None if status.edited_at is None else status.edited_at.isoformat(),
        author,
        status.account.display_name or None,
        text,
        status.language,
        status.url or status.uri,
        status.in_reply_to_id,
        "true" if brand is not None and author == brand else "false",
        None if status.favourites_count is None else str(status.favourites_count),
        None if status.reblogs_count is None else str(status.reblogs_count),
    )
