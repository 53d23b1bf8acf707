"""What X's search sends, as typed records, and how it becomes columns of the contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeAlias

import msgspec

Instant: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
Id: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,19}$")]

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

# What X says of an author or a post referred to that it does not show; the posts are all there.
ABOUT_OTHERS = frozenset(
    {
        "resource-not-found",
        "resource-unavailable",
        "not-authorized-for-resource",
        "not-authorized-for-field",
        "disallowed-resource",
    }
)
_NETWORK = "x"
_EPOCH = datetime(2010, 11, 4, 1, 42, 54, 657_000, tzinfo=UTC)


class Metrics(msgspec.Struct):
    """How often a post was liked and reposted until now."""

    like_count: int | None = None
    retweet_count: int | None = None


class Reference(msgspec.Struct):
    """Another post that this one answers (`replied_to`), quotes or reposts."""

    type: str
    id: Id


class Note(msgspec.Struct):
    """The whole of a post that is longer than 280 characters."""

    text: str


class Post(msgspec.Struct):
    """A post. X leaves a field out where another API would write null."""

    id: Id
    text: str
    created_at: Instant | None = None
    author_id: str | None = None
    lang: str | None = None
    note_tweet: Note | None = None
    public_metrics: Metrics = msgspec.field(default_factory=Metrics)
    referenced_tweets: list[Reference] = []
    edit_history_tweet_ids: list[Id] = []

    @property
    def key(self) -> str:
        """The id of its first version: an edit gets an id of its own."""
        return min([*self.edit_history_tweet_ids, self.id], key=int)

    @property
    def written_at(self) -> datetime:
        """When this version was written."""
        return self.created_at or time_of(self.id)


class User(msgspec.Struct):
    """Who wrote a post."""

    id: str
    username: str
    name: str | None = None


class Includes(msgspec.Struct):
    """The authors of a page's posts, but for those whom X no longer shows."""

    users: list[msgspec.Raw] = []


class Meta(msgspec.Struct):
    """How many posts a page holds, and where the next one is."""

    result_count: int
    next_token: str | None = None


class Problem(msgspec.Struct):
    """Something that X left out of an answer; its type is an address."""

    type: str = ""

    @property
    def name(self) -> str:
        """The type's last part, without what might tell of a person."""
        last = self.type.rstrip("/").rpartition("/")[2][:40]
        return "".join(c for c in last if c.isascii() and (c.isalpha() or c == "-")) or "unnamed"


class Page(msgspec.Struct):
    """One page of a search, newest post first."""

    meta: Meta
    data: list[msgspec.Raw] = []
    includes: Includes = msgspec.field(default_factory=Includes)
    errors: list[Problem] = []


def handle(account: str) -> str:
    """`x:name` in lower case, with or without the network or an @ before it."""
    name = account.strip().lower().removeprefix(f"{_NETWORK}:").removeprefix("@")
    if not name:
        raise ValueError("write it as x:name")
    return f"{_NETWORK}:{name}"


def time_of(key: str) -> datetime:
    """When the post with this id was written: an id holds the milliseconds, shifted by 22 bits."""
    return _EPOCH + timedelta(milliseconds=int(key) >> 22)


def mention_row(post: Post, author: User | None, brand: str | None) -> tuple[str | None, ...]:
    """A post as MENTION_COLUMNS; one whose author is no longer shown has none."""
    key = post.key
    edited = key != post.id
    written = None if author is None else handle(author.username)
    replied_to = next((ref.id for ref in post.referenced_tweets if ref.type == "replied_to"), None)
    metrics = post.public_metrics
    return (
        key,
        _NETWORK,
        (time_of(key) if edited else post.written_at).isoformat(),
        post.written_at.isoformat() if edited else None,
        written,
        None if author is None else author.name or None,
        plain_text(post.text if post.note_tweet is None else post.note_tweet.text),
        post.lang,
        f"https://x.com/{'i' if author is None else author.username}/status/{post.id}",
        replied_to,
        "true" if brand is not None and written == brand else "false",
        None if metrics.like_count is None else str(metrics.like_count),
        None if metrics.retweet_count is None else str(metrics.retweet_count),
    )


def plain_text(text: str) -> str:
    """The text as it was typed: X escapes these three characters and no other."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
