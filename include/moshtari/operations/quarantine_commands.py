"""`moshtari quarantine …`: what was rejected, why, and what to do with it.

Only `show` tells where one record stands, and only `show --raw` what is in it.
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import psycopg
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from moshtari.warehouse.connection import connect

if TYPE_CHECKING:
    from moshtari.landing.quarantine import Selection
    from moshtari.landing.quarantine_review import Group, Kept
    from moshtari.landing.replay import Replayed
    from moshtari.settings import Settings

app = typer.Typer(no_args_is_help=True, help="What could not be landed, and what becomes of it.")
_STATUSES = ("open", "replayed", "discarded", "all")
_IDS_SHOWN = 3

Ids = Annotated[list[int] | None, typer.Argument(help="Ids of records, as `list` shows them.")]
Source = Annotated[str | None, typer.Option(help="Of one source.")]
Entity = Annotated[str | None, typer.Option(help="Of one entity.")]
Reason = Annotated[str | None, typer.Option(help="Whose reason has these words in it.")]


class Deployed:
    """What the commands act on: handed over by the command line, which knows where it is."""

    def __init__(self, console: Console, find: Callable[[], tuple[Settings, Path]]) -> None:
        self.console, self.find = console, find


@app.command("list")
def list_(
    context: typer.Context,
    source: Source = None,
    entity: Entity = None,
    reason: Reason = None,
    day: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Business day of the load that met them last."),
    ] = None,
    status: Annotated[str, typer.Option(help="One of: open, replayed, discarded, all.")] = "open",
    as_json: Annotated[bool, typer.Option("--json", help="For programs, with more ids.")] = False,
) -> None:
    """Count records by source, entity, day, status and reason: no personal data."""
    from moshtari.landing.quarantine_review import groups

    if status not in _STATUSES:
        raise typer.BadParameter(f"--status is one of {', '.join(_STATUSES)}")
    deployed: Deployed = context.obj
    selection = _selected(None, source, entity, reason, day=_date(day))
    with closing(_reader(deployed)) as connection:
        found = groups(connection, selection, None if status == "all" else status)
    if as_json:
        typer.echo(json.dumps([asdict(group) for group in found], default=str, ensure_ascii=False))
    else:
        _show_groups(deployed.console, found, status)


@app.command()
def show(
    context: typer.Context,
    id_: Annotated[int, typer.Argument(metavar="ID", help="Id of a record, as `list` shows it.")],
    raw: Annotated[
        bool, typer.Option("--raw", help="Print the record too. It may hold personal data.")
    ] = False,
) -> None:
    """Show where one record stands, why it was rejected, and by which loads."""
    from moshtari.landing.quarantine_review import QuarantineError, kept

    deployed: Deployed = context.obj
    with closing(_reader(deployed)) as connection:
        try:
            record = kept(connection, id_)
        except QuarantineError as error:
            raise _refused(error) from error
    _show_record(deployed.console, record)
    if raw:
        deployed.console.print("[yellow]As received; it may hold personal data:[/]")
        typer.echo(readable(record.raw))
    else:
        deployed.console.print(
            f"The record itself, {len(record.raw):,} bytes, may hold personal data: "
            f"`moshtari quarantine show {id_} --raw` prints it.",
            highlight=False,
        )


@app.command()
def replay(
    context: typer.Context,
    ids: Ids = None,
    source: Source = None,
    entity: Entity = None,
    reason: Reason = None,
    day: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Business day from which the rows are known. Default: the newest that landed.",
        ),
    ] = None,
) -> None:
    """Land open records by the present mapping; what fails still stays open."""
    from moshtari.landing.errors import ExtractError, LandingError
    from moshtari.landing.quarantine_review import QuarantineError
    from moshtari.landing.replay import replay as land_after_all
    from moshtari.settings import load_deployment

    deployed: Deployed = context.obj
    selection = _given(ids, source, entity, reason)
    settings, config = deployed.find()
    try:
        done = land_after_all(
            settings, load_deployment(config), selection, business_date=_date(day)
        )
    except (QuarantineError, LandingError, ExtractError) as error:
        raise _refused(error) from error
    _show_replayed(deployed.console, done)


@app.command()
def discard(
    context: typer.Context,
    because: Annotated[str, typer.Option(help="Why; it is kept beside the records.")],
    ids: Ids = None,
    source: Source = None,
    entity: Entity = None,
    reason: Reason = None,
) -> None:
    """Set open records aside: they are kept, and neither counted as open nor replayed."""
    from moshtari.landing.quarantine_review import QuarantineError
    from moshtari.landing.quarantine_review import discard as set_aside

    deployed: Deployed = context.obj
    selection = _given(ids, source, entity, reason)
    with closing(_writer(deployed)) as connection:
        try:
            count = set_aside(connection, selection, by=getpass.getuser(), because=because)
        except QuarantineError as error:
            raise _refused(error) from error
    deployed.console.print(f"{count:,} discarded.", highlight=False)


@app.command()
def reopen(
    context: typer.Context,
    ids: Ids = None,
    source: Source = None,
    entity: Entity = None,
    reason: Reason = None,
) -> None:
    """Take discarding back."""
    from moshtari.landing.quarantine_review import QuarantineError
    from moshtari.landing.quarantine_review import reopen as take_back

    deployed: Deployed = context.obj
    selection = _given(ids, source, entity, reason)
    with closing(_writer(deployed)) as connection:
        try:
            count = take_back(connection, selection)
        except QuarantineError as error:
            raise _refused(error) from error
    deployed.console.print(f"{count:,} open again.", highlight=False)


def readable(raw: bytes) -> str:
    """Bytes as text that is safe to print: what is no printable text stands as an escape."""
    text = raw.decode("utf-8", "backslashreplace")
    return "".join(
        character if character.isprintable() or character in "\n\t" else _escaped(character)
        for character in text
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _given(
    ids: list[int] | None, source: str | None, entity: str | None, reason: str | None
) -> Selection:
    if not (ids or source or entity or reason):
        raise typer.BadParameter("say which: ids, --source, --entity or --reason")
    return _selected(ids, source, entity, reason)


def _selected(
    ids: list[int] | None,
    source: str | None,
    entity: str | None,
    reason: str | None,
    *,
    day: date | None = None,
) -> Selection:
    from moshtari.landing.quarantine import Selection

    return Selection(tuple(ids or ()), source, entity, reason, day)


def _reader(deployed: Deployed) -> psycopg.Connection:
    return connect(deployed.find()[0], role="moshtari_auditor")


def _writer(deployed: Deployed) -> psycopg.Connection:
    return connect(deployed.find()[0], role="moshtari_loader")


def _date(given: datetime | None) -> date | None:
    return given.date() if given else None


def _refused(error: Exception) -> typer.Exit:
    Console(stderr=True).print(
        f"[bold red]moshtari:[/] {escape(str(error))}", highlight=False, soft_wrap=True
    )
    return typer.Exit(1)


def _show_groups(console: Console, found: list[Group], status: str) -> None:
    if not found:
        console.print("Quarantine: nothing of that kind.")
        return
    table = Table(title_justify="left", header_style="bold")
    for name in ("source", "entity", "day", "status", "records", "ids", "reason"):
        table.add_column(name, justify="right" if name == "records" else "left")
    for group in found:
        ids = " ".join(map(str, group.ids[:_IDS_SHOWN]))
        table.add_row(
            escape(group.source),
            group.entity,
            str(group.business_date),
            group.status,
            f"{group.records:,}",
            ids + (" …" if group.records > _IDS_SHOWN else ""),
            escape(group.reason),
        )
    console.print(table)
    total = sum(group.records for group in found)
    console.print(f"{total:,} records, {status}.", highlight=False)


def _show_record(console: Console, record: Kept) -> None:
    lines = {
        "record": f"{record.quarantine_id} of {record.source}.{record.entity}, {record.status}",
        "reason": record.reason,
        "position": record.position,
        "file": record.origin,
        "met first": f"load {record.first_load_id}, business day {record.first_day}",
        "met last": f"load {record.last_load_id}, business day {record.last_day}",
        "replayed by": f"load {record.replay_load_id}" if record.replay_load_id else None,
        "discarded": (
            f"by {record.decided_by} at {record.decided_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC: "
            f"{record.decided_because}"
            if record.decided_at
            else None
        ),
    }
    for name, text in lines.items():
        if text is not None:
            console.print(
                f"[bold]{name:>12}[/]  {escape(readable(text.encode()))}",
                highlight=False,
                soft_wrap=True,
            )


def _show_replayed(console: Console, done: list[Replayed]) -> None:
    if not done:
        console.print("Nothing open to replay.")
        return
    table = Table(title_justify="left", header_style="bold")
    figures = ("records", "replayed", "still_open", "read", "landed", "unchanged", "quarantined")
    table.add_column("load")
    table.add_column("source and entity")
    table.add_column("known from")
    for name in figures:
        table.add_column(name.replace("_", " "), justify="right")
    for load in done:
        table.add_row(
            str(load.load_id),
            f"{escape(load.source)}.{load.entity}",
            str(load.business_date),
            *(f"{getattr(load, name):,}" for name in figures),
        )
    console.print(table)
    if any(load.still_open for load in done):
        console.print("What is open still has its newest reason: `moshtari quarantine list`.")
    console.print("Run the newest day again, or the next, to build with these rows.")
