"""Telegram: messages of groups and channels, from Telegram Desktop's export as JSON.

An export (`result.json`) holds one chat, or all chats of an account. It is a source of files: one
made again later lands again, and what is in both is one row. What the format asks for:

- Message ids are unique within a chat only, so a mention's key is chat and message. In personal
  chats and basic groups they are also the exporting account's own: export those always from one.
- Personal chats of an account's export are left out unless `personal_chats` says otherwise; an
  export of one chat is read whatever it is. What is left out is counted in the ledger, by reason.
- Service messages (somebody joined, a title changed) are nobody's words: left out, and counted. A
  message without words (a photo, a voice message) is a mention whose text is empty.
- A message that the exporting program was too old for is rejected, with the remedy.
- Control characters come as `\\x0B`, which is no JSON: they are read all the same.
- A file is decoded whole, in memory of one and a half times its size; LARGEST bytes at most.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from pydantic import BaseModel, ConfigDict, Field, field_validator

from moshtari.sources.base import (
    Batch,
    CheckResult,
    KeptRecord,
    Origin,
    RejectedRecord,
    SourceContext,
    SourceError,
    TextRows,
    Window,
)
from moshtari.sources.files import FilesSource
from moshtari.sources.files_config import FilesConfig
from moshtari.sources.json_records import UnreadablePageError, decode_page, decode_record
from moshtari.sources.telegram_records import (
    MENTION_COLUMNS,
    Brand,
    Chat,
    Export,
    Message,
    NoTimeError,
    Row,
    mention_row,
)
from moshtari.sources.telegram_replay import replay_messages

LARGEST = 1 << 30
_LARGEST_TO_MEND = 64 << 20
_ROWS_AT_ONCE = 10_000
_ANY_WINDOW = Window(date.max, None, datetime.max.replace(tzinfo=UTC), ZoneInfo("UTC"))
_MESSAGE = msgspec.json.Decoder(Message)
_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{2}|.)", re.DOTALL)
_EXPORT_AGAIN = (
    "Export the chat again in Telegram Desktop (three dots, Export chat history, format "
    "Machine-readable JSON) and wait until it says that it is done"
)
_TOO_OLD = "a message that the exporting Telegram Desktop was too old for: export with a newer one"


class TelegramConfig(BaseModel):
    """Exports of Telegram Desktop, as the deployment's YAML describes them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["telegram"]
    path: str = Field(min_length=1)
    """One `result.json`, a pattern, or a folder in which every `result.json` is read."""
    timezone: str | None = None
    """Zone of the exporting computer, for exports older than 2022, whose times have no offset."""
    chats: tuple[int, ...] = ()
    """Ids of the chats to read; none: all that are not personal."""
    personal_chats: bool = False
    """Whether an account's personal chats are read too: a help desk's account has customers."""
    brand_ids: tuple[str, ...] = ()
    """As whom the brand writes: `user123`, `channel123`."""
    brand_names: tuple[str, ...] = ()

    @field_validator("path")
    @classmethod
    def _local(cls, value: str) -> str:
        if "://" in value:
            raise ValueError("write a path of this machine; fetch remote exports first")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            raise ValueError(f"{value!r} is not a time zone; use a name such as Europe/London")
        return value

    @field_validator("brand_ids")
    @classmethod
    def _typed_ids(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for written in value:
            if not re.fullmatch(r"(user|chat|channel)\d+", written):
                raise ValueError("write ids as the export does: user123 or channel123")
        return value


class TelegramSource:
    """Reads `mentions` from exports."""

    kind: ClassVar[str] = "telegram"
    Config: ClassVar[type[BaseModel]] = TelegramConfig
    lookback_hours: float = 0

    def __init__(self, name: str, config: TelegramConfig, context: SourceContext) -> None:
        self.name, self._config, self._directory = name, config, context.directory
        self._timezone = ZoneInfo(config.timezone) if config.timezone else context.timezone
        names = frozenset(written.strip().casefold() for written in config.brand_names)
        self._brand = Brand(names, frozenset(config.brand_ids))
        # Only for how files are found and told apart: what is in them is read here.
        files = FilesConfig.model_construct(
            kind="files", path=_pattern(config), columns={}, entities={}
        )
        self._files = FilesSource(name, files, context)
        self._told: dict[Origin, dict[str, Any]] = {}

    def entities(self) -> tuple[str, ...]:
        return ("mentions",)

    def origins(self, entity: str, window: Window) -> list[Origin]:
        """The exports, sorted by path. SourceError for none."""
        return self._files.origins(entity, window)

    def read(self, entity: str, window: Window) -> Iterator[Batch]:
        """All exports, one after the other."""
        for origin in self.origins(entity, window):
            yield from self.read_origin(entity, origin, window)

    def read_origin(self, entity: str, origin: Origin, window: Window) -> Iterator[Batch]:
        """The messages of one export, then those that cannot be read."""
        if entity != "mentions":
            raise ValueError(f"source {self.name} supplies no {entity}")
        export = self._export(origin)
        told: dict[str, Any] = {"records": 0, "rejected": 0, "excluded": {}}
        self._told[origin] = told
        for chat in export.every_chat():
            reason = self._left_out(chat, export)
            if reason is None:
                yield from self._mentions(chat, origin, told)
            else:
                told["records"] += len(chat.messages)
                _count(told, reason, len(chat.messages))

    def replay(self, entity: str, records: Sequence[KeptRecord], window: Window) -> Iterator[Batch]:
        """The messages that were kept; which chat each is of stands in its position."""
        yield from replay_messages(records, self._config.chats, self._row)

    def replays_anew(self, entity: str) -> bool:
        return False

    def details(self, entity: str, origin: Origin) -> dict[str, Any]:
        """For the load's ledger: messages, those that were rejected, and those left out."""
        return self._told.get(origin, {})

    def check(self) -> list[CheckResult]:
        """Are there exports, and can the last one be read?"""
        try:
            origins = self.origins("mentions", _ANY_WINDOW)
            export = self._export(origins[-1])
        except SourceError as error:
            return [CheckResult(f"{self.name}: exports", False, error.what, error.remedy)]
        wanted = [chat for chat in export.every_chat() if not self._left_out(chat, export)]
        if not wanted:
            what = f"{origins[-1].path} holds none of the chats that the YAML asks for"
            remedy = f"Mend sources.{self.name}.chats, or set personal_chats"
            return [CheckResult(f"{self.name}: exports", False, what, remedy)]
        messages = sum(len(chat.messages) for chat in wanted)
        detail = f"{len(origins)} found; {origins[-1].path} holds {messages} messages"
        return [CheckResult(f"{self.name}: exports", True, detail)]

    def _mentions(self, chat: Chat, origin: Origin, told: dict[str, Any]) -> Iterator[Batch]:
        rows: list[Row] = []
        positions: list[str] = []
        raws: list[bytes] = []
        for index, raw in enumerate(chat.messages, start=1):
            told["records"] += 1
            found = self._row(chat.key, raw, index)
            if isinstance(found, RejectedRecord):
                told["rejected"] += 1
                yield found
            elif isinstance(found, str):
                _count(told, found, 1)
            else:
                rows.append(found)
                positions.append(f"{chat.key}, message {str(found[0]).rpartition('/')[2]}")
                raws.append(bytes(raw))
            if len(rows) == _ROWS_AT_ONCE:
                yield TextRows(MENTION_COLUMNS, rows, positions, raws, origin, exact=True)
                rows, positions, raws = [], [], []
        if rows:
            yield TextRows(MENTION_COLUMNS, rows, positions, raws, origin, exact=True)

    def _row(self, chat: str, raw: msgspec.Raw, index: int = 0) -> Row | RejectedRecord | str:
        """The message as a row, or rejected, or the reason why it is left out."""
        message = decode_record(raw, _MESSAGE, f"{chat}, message", f"{chat}, message at {index}")
        if isinstance(message, RejectedRecord):
            return message
        if message.type == "service":
            return "service_messages"
        place = f"{chat}, message {message.id}"
        if message.type != "message":
            return RejectedRecord(place, _TOO_OLD, bytes(raw))
        try:
            return mention_row(chat, message, self._brand, self._timezone)
        except NoTimeError:
            return RejectedRecord(place, "no time that can be understood", bytes(raw))

    def _left_out(self, chat: Chat, export: Export) -> str | None:
        """Under which name a chat's messages are left out; None for one that is read."""
        if self._config.chats:
            return None if chat.id in self._config.chats else "other_chats"
        if chat.is_personal and not (export.is_single_chat or self._config.personal_chats):
            return "personal_chats"
        return None

    def _export(self, origin: Origin) -> Export:
        if origin.size > LARGEST:
            what = f"{origin.path} is larger than {LARGEST >> 20} MB"
            remedy = "Export it in parts: Telegram Desktop asks for a first and a last day."
            raise SourceError(self.name, "mentions", what, remedy)
        try:
            content = (self._directory / origin.path).read_bytes()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise SourceError(
                self.name,
                "mentions",
                f"{origin.path} cannot be read ({reason})",
                "Check that it is there and may be read by this user.",
            ) from error
        if hashlib.sha256(content).hexdigest() != origin.checksum:
            raise SourceError(
                self.name,
                "mentions",
                f"{origin.path} has changed while it was being read",
                "Wait until Telegram Desktop says that the export is done, and run again.",
            )
        try:
            export = _decoded(content)
        except UnreadablePageError as error:
            what = f"{origin.path}: {error}"
            raise SourceError(self.name, "mentions", what, f"{_EXPORT_AGAIN}.") from error
        if not (export.is_single_chat or export.chats or export.left_chats):
            what = f"{origin.path} is no export of chats: it has neither `messages` nor `chats`"
            raise SourceError(self.name, "mentions", what, f"{_EXPORT_AGAIN}.")
        return export


def _pattern(config: TelegramConfig) -> str:
    if config.path.endswith(".json"):
        return config.path
    return (Path(config.path) / "**" / "result.json").as_posix()


def _decoded(content: bytes) -> Export:
    """The export. Raises UnreadablePageError, as for one that ends too early."""
    try:
        return msgspec.json.decode(content, type=Export)
    except msgspec.ValidationError as error:
        raise UnreadablePageError(f"JSON of an unexpected shape ({error})") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        complete = content.rstrip().endswith(b"}")
        if not complete or len(content) > _LARGEST_TO_MEND:
            cut = "" if complete else ", it ends too early"
            what = f"broken or truncated JSON ({len(content)} bytes{cut})"
            raise UnreadablePageError(what) from None
        return decode_page(_ESCAPE.sub(_as_json, content), Export)


def _as_json(escape: re.Match[bytes]) -> bytes:
    code = escape[1]
    return b"\\u00" + code[1:] if code[:1] == b"x" and len(code) == 3 else escape[0]


def _count(told: dict[str, Any], reason: str, messages: int) -> None:
    told["excluded"][reason] = told["excluded"].get(reason, 0) + messages
