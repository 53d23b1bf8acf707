"""What a Telegram export holds, as typed records, and how it becomes columns of the contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import TypeAlias

import msgspec

MENTION_COLUMNS = (
    "mention_id",
    "network",
    "created_at",
    "updated_at",
    "author_handle",
    "author_name",
    "text",
    "url",
    "reply_to_id",
    "by_brand",
    "likes",
)

_NETWORK = "telegram"
# Exports until 2021 wrote an author as one number: its kind above, its id in the lower 32 bits.
_KIND_BITS = 32
_KINDS = {0: "user", 1: "user"}


class Piece(msgspec.Struct):
    """A part of a text with a format of its own: a link, a hashtag, bold letters."""

    text: str = ""


Row: TypeAlias = tuple[str | None, ...]
Text: TypeAlias = str | list[str | Piece]


class Reaction(msgspec.Struct):
    """One kind of reaction, and how many people gave it."""

    count: int = 0


class Message(msgspec.Struct):
    """A message. Times without `_unixtime` are those of the exporting computer's clock."""

    id: int
    type: str
    date: datetime | None = None
    date_unixtime: str | None = None
    edited: datetime | None = None
    edited_unixtime: str | None = None
    sender: str | None = msgspec.field(default=None, name="from")
    from_id: str | int | None = None
    reply_to_message_id: int | None = None
    reply_to_peer_id: str | None = None
    text: Text = ""
    sticker_emoji: str | None = None
    reactions: list[Reaction] | None = None


class Chat(msgspec.Struct):
    """A chat: what it is, and its messages."""

    type: str
    id: int
    messages: list[msgspec.Raw]

    @property
    def is_personal(self) -> bool:
        """Whether two people talk in it, or one with himself: no group and no channel."""
        return not self.type.endswith(("group", "channel"))

    @property
    def key(self) -> str:
        """The chat as Telegram writes it elsewhere: ids are unique within their kind only."""
        if self.is_personal:
            return f"user{self.id}"
        basic = self.type.endswith("group") and not self.type.endswith("supergroup")
        return f"{'chat' if basic else 'channel'}{self.id}"


class ChatList(msgspec.Struct):
    """The chats of an account."""

    chats: list[Chat] = msgspec.field(name="list")


class Export(msgspec.Struct):
    """`result.json`: one chat, or the account's chats and those that it has left."""

    type: str | None = None
    id: int | None = None
    messages: list[msgspec.Raw] | None = None
    chats: ChatList | None = None
    left_chats: ChatList | None = None

    @property
    def is_single_chat(self) -> bool:
        return self.messages is not None and self.id is not None and self.type is not None

    def every_chat(self) -> Iterator[Chat]:
        """The chats, in the file's order."""
        if self.messages is not None and self.id is not None and self.type is not None:
            yield Chat(self.type, self.id, self.messages)
        for chats in (self.chats, self.left_chats):
            if chats is not None:
                yield from chats.chats


@dataclass(frozen=True)
class Brand:
    """By which names and ids the brand writes itself."""

    names: frozenset[str]
    ids: frozenset[str]

    def wrote(self, message: Message) -> bool:
        name = (message.sender or "").strip().casefold()
        return sender_id(message) in self.ids or (bool(name) and name in self.names)


class NoTimeError(Exception):
    """A message without a time that can be understood."""


def sender_id(message: Message) -> str | None:
    """Who wrote it: `user123` or `channel123`, as newer exports write it."""
    found = message.from_id
    if isinstance(found, int):
        kind, number = found >> _KIND_BITS, found & (1 << _KIND_BITS) - 1
        return f"{_KINDS.get(kind, 'channel')}{number}"
    return found or None


def mention_row(chat: str, message: Message, brand: Brand, timezone: tzinfo) -> Row:
    """A message as MENTION_COLUMNS. Raises NoTimeError."""
    written_at = _instant(message.date_unixtime, message.date, timezone)
    if written_at is None:
        raise NoTimeError
    edited_at = _instant(message.edited_unixtime, message.edited, timezone)
    author = sender_id(message)
    # Older exports say 1970 of what was never edited.
    edited = edited_at if edited_at is not None and edited_at >= written_at else None
    reactions = message.reactions
    return (
        f"{chat}/{message.id}",
        _NETWORK,
        written_at.isoformat(),
        None if edited is None else edited.isoformat(),
        None if author is None else f"{_NETWORK}:{author}",
        message.sender or None,
        plain_text(message.text) or message.sticker_emoji or "",
        _address(chat, message.id),
        _replied_to(chat, message),
        "true" if brand.wrote(message) else "false",
        None if reactions is None else str(sum(reaction.count for reaction in reactions)),
    )


def plain_text(text: Text) -> str:
    """The text without its formats, every character as it came."""
    if isinstance(text, str):
        return text
    return "".join(piece if isinstance(piece, str) else piece.text for piece in text)


def _replied_to(chat: str, message: Message) -> str | None:
    if message.reply_to_message_id is None:
        return None
    return f"{message.reply_to_peer_id or chat}/{message.reply_to_message_id}"


def _address(chat: str, key: int) -> str | None:
    """Where members of a supergroup or channel find it; others have no addresses."""
    if not chat.startswith("channel") or key <= 0:
        return None
    return f"https://t.me/c/{chat.removeprefix('channel')}/{key}"


def _instant(epoch: str | None, local: datetime | None, timezone: tzinfo) -> datetime | None:
    if epoch is not None:
        try:
            return datetime.fromtimestamp(int(epoch), tz=UTC)
        except (ValueError, OverflowError, OSError):
            return None
    if local is None:
        return None
    return local if local.tzinfo else local.replace(tzinfo=timezone)
