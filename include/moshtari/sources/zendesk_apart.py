"""A long export of Zendesk's tickets, most of it read by a process of its own.

    python -m moshtari.sources.zendesk_apart DESCRIPTOR

What that process reads can be asked for as it was received, by the connection of that descriptor,
until nobody here has use for it any more: so it is not sent along with every page.
"""

from __future__ import annotations

import gc
import os
import sys
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any, overload

import msgspec

from moshtari.sources import apart
from moshtari.sources.arrow_memory import spare_memory
from moshtari.sources.base import RejectedRecord, SourceError, Window
from moshtari.sources.http import HttpClient
from moshtari.sources.zendesk_columns import TICKET_SCHEMA
from moshtari.sources.zendesk_config import ZendeskConfig, help_desk
from moshtari.sources.zendesk_exports import start_of
from moshtari.sources.zendesk_tickets import Place, TicketBatch, TicketExport, ticket_rows

# A shorter export is read before such a process has begun; a longer one goes on meanwhile.
_BEGINS_AFTER, _GOES_ON_AFTER = 10, 40
_ENDED = (
    "the process that read the export ended before the export did",
    "Run the day again; if it goes on, give the machine more memory",
)


class Task(msgspec.Struct):
    """What to read: by the source's part of the YAML, and from where to which instant."""

    source: str
    config: dict[str, Any]
    place: Place
    end: datetime


class Beside(msgspec.Struct):
    """What is said beside rows, or in their place; the last one has none of the first two."""

    batch: int | None = None
    rejected: tuple[str, str, bytes] | None = None
    failure: tuple[str, str | None, str, str] | None = None


def read_tickets(
    source: str, client: HttpClient, config: ZendeskConfig, window: Window
) -> Iterator[TicketBatch]:
    """The window's tickets. Raises SourceError."""
    export = TicketExport(source, client, config)
    rest = yield from export.read(Place(start_of(window)), window.end, _BEGINS_AFTER)
    if rest is not None:
        with _begun() as reader:
            rest = yield from export.read(rest, window.end, _GOES_ON_AFTER)
            if rest is not None:
                yield from reader.read(Task(source, _told(config), rest, window.end))


def _told(config: ZendeskConfig) -> dict[str, Any]:
    """With its token: only the process reads it, from a pipe."""
    return {**config.model_dump(mode="json"), "token": config.token.get_secret_value()}


class _Reader:
    """The process, and what it still has of the pages that it read."""

    def __init__(self, process: apart.Process, kept: Connection) -> None:
        self._process, self._kept = process, kept

    def read(self, task: Task) -> Iterator[TicketBatch]:
        in_use: weakref.WeakSet[_KeptThere] = weakref.WeakSet()
        try:
            for batch, told in self._process.answers(msgspec.json.encode(task)):
                beside = msgspec.json.decode(told, type=Beside)
                if beside.batch is not None:
                    raw = _KeptThere(self._kept, task.source, beside.batch, batch.num_rows)
                    in_use.add(raw)
                    yield ticket_rows(batch, raw)
                    del raw
                elif beside.rejected is not None:
                    yield RejectedRecord(*beside.rejected)
                elif beside.failure is not None:
                    raise SourceError(*beside.failure)
                else:
                    break
        except apart.EndedEarlyError as error:
            raise SourceError(task.source, "tickets", *_ENDED) from error
        for rows in list(in_use):
            rows.fetch()


class _KeptThere(Sequence[bytes]):
    """Records as they were received, which the process has: fetched only when one is asked for."""

    def __init__(self, kept: Connection, source: str, batch: int, count: int) -> None:
        self._kept, self._source, self._batch, self._count = kept, source, batch, count
        # A batch that is in use nowhere need not be kept.
        weakref.finalize(self, _forget, kept, batch)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> list[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | list[bytes]:
        return self._records[at]

    def fetch(self) -> None:
        """Have the records here. Raises SourceError."""
        len(self._records)

    @cached_property
    def _records(self) -> list[bytes]:
        try:
            self._kept.send(self._batch)
            return msgspec.msgpack.decode(self._kept.recv_bytes(), type=list[bytes])
        except (OSError, EOFError) as error:
            raise SourceError(self._source, "tickets", *_ENDED) from error


def _forget(kept: Connection, batch: int) -> None:
    with suppress(OSError):
        kept.send(-batch)


@contextmanager
def _begun() -> Iterator[_Reader]:
    ours, theirs = Pipe()
    with ours, theirs, apart.begun(__name__, theirs.fileno(), keep=[theirs.fileno()]) as process:
        theirs.close()
        yield _Reader(process, ours)


def _answer(task: Task, asked: Connection) -> None:
    config = ZendeskConfig.model_validate(task.config)
    kept: dict[int, Sequence[bytes]] = {}
    giving = Thread(target=_give, args=(kept, asked), daemon=True)
    giving.start()
    with (
        help_desk(task.source, config) as client,
        apart.answering(TICKET_SCHEMA, sys.stdout.buffer) as write,
    ):
        export = TicketExport(task.source, client, config)
        last = Beside()
        try:
            for number, batch in enumerate(export.read(task.place, task.end), start=1):
                if isinstance(batch, RejectedRecord):
                    told = Beside(rejected=(batch.position, batch.reason, batch.raw))
                    write(None, msgspec.json.encode(told))
                elif batch.raw is not None:
                    kept[number] = batch.raw
                    write(batch.values, msgspec.json.encode(Beside(number)))
        except SourceError as error:
            last = Beside(failure=(error.source, error.entity, error.what, error.remedy))
        write(None, msgspec.json.encode(last))
    giving.join()


def _give(kept: dict[int, Sequence[bytes]], asked: Connection) -> None:
    """Answer who asks for a batch, and forget the one that is told with a minus sign.

    When nobody can ask any more, the process ends.
    """
    with suppress(EOFError, OSError):
        while True:
            number = asked.recv()
            if number < 0:
                del kept[-number]
            else:
                asked.send_bytes(msgspec.msgpack.encode(kept[number][:]))
    os._exit(1)


if __name__ == "__main__":
    spare_memory()
    # Python would look for garbage several times a page; what a page is made of goes without that.
    gc.set_threshold(100_000)
    told = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    _answer(told, Connection(int(sys.argv[1])))
