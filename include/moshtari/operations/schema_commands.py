"""`moshtari schema …`: columns that are new at the sources, or have another type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from moshtari.warehouse.connection import connect

if TYPE_CHECKING:
    from moshtari.operations.quarantine_commands import Deployed

app = typer.Typer(no_args_is_help=True, help="Columns of the sources that nobody has accepted.")


@app.command("list")
def list_(context: typer.Context) -> None:
    """Columns that are new, or have another type, since somebody last accepted them."""
    from moshtari.landing import schema

    deployed: Deployed = context.obj
    settings, _config = deployed.find()
    with connect(settings, role="moshtari_auditor") as connection:
        found = schema.pending(connection)
    for item in found:
        deployed.console.print(escape(str(item)), highlight=False)
    if not found:
        deployed.console.print("The sources have the columns that are known.")


@app.command()
def accept(
    context: typer.Context,
    source: str,
    entity: Annotated[str | None, typer.Argument(help="All that the source has.")] = None,
) -> None:
    """Say that a source's new columns and types are known: they are no longer kept, nor told."""
    from moshtari.landing import schema

    deployed: Deployed = context.obj
    settings, _config = deployed.find()
    with connect(settings, role="moshtari_loader", application="moshtari schema") as connection:
        found = schema.accept(connection, source, entity)
    for item in found:
        deployed.console.print(f"Accepted: {escape(str(item))}", highlight=False)
