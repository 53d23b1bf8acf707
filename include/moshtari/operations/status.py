"""`moshtari status`: what runs, what is published, how the last nights went."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from moshtari.landing import schema
from moshtari.operations.airflow_api import AirflowApi
from moshtari.operations.nights import NIGHT_DAGS
from moshtari.operations.stack import airflow_processes, demo_processes
from moshtari.publication import RunInfo
from moshtari.publication import status as publication_status
from moshtari.settings import Settings, load_deployment
from moshtari.warehouse.connection import connect
from moshtari.warehouse.migrate import embedded_server


def show_status(console: Console, settings: Settings, config: Path) -> None:
    """Print the state of this deployment. Reads only."""
    deployment = load_deployment(config)
    title = f"[bold]{deployment.name}[/] · {escape(str(config))} · {deployment.timezone}"
    console.print(title, highlight=False)
    console.print(_processes(settings), highlight=False)
    if settings.embedded and not embedded_server(settings).running():
        console.print("The database is down: `moshtari up` starts it.")
        return
    _unfinished(console, settings)
    _publication(console, settings)
    _held(console, settings)
    _columns(console, settings)
    _quarantine(console, settings)


def _processes(settings: Settings) -> str:
    states = []
    if settings.embedded:
        states.append(("postgres", embedded_server(settings).running()))
    states += [(process.name, process.running()) for process in airflow_processes(settings)]
    states += [(p.name, True) for p in demo_processes(settings) if p.running()]
    return "  ".join(f"{'[green]●[/]' if up else '[dim]○[/]'} {name}" for name, up in states)


def _unfinished(console: Console, settings: Settings) -> None:
    with AirflowApi(settings) as api:
        if not api.health():
            return
        for dag_id in NIGHT_DAGS:
            for run in api.runs(dag_id, limit=20):
                if not run.finished:
                    console.print(f"[cyan]▶[/] {dag_id} is {run.state} for {run.day}")


def _publication(console: Console, settings: Settings) -> None:
    found = publication_status(settings)
    if found.current is None:
        console.print("Published: nothing yet.")
    else:
        console.print(
            f"Published: [bold green]run {found.current.run_id} as of {found.current.as_of_date}[/]"
            f", before it {_name(found.previous)} (`moshtari rollback` leads there)"
        )
    table = Table(title="Last runs", title_justify="left", header_style="bold")
    for column in ("run", "as of", "status", "started (UTC)", "seconds", "why"):
        table.add_column(column)
    for run in found.attempts:
        ended = run.published_at or run.audited_at
        took = f"{(ended - run.started_at).total_seconds():.0f}" if ended else ""
        table.add_row(
            str(run.run_id),
            str(run.as_of_date),
            run.status,
            f"{run.started_at:%Y-%m-%d %H:%M}",
            took,
            escape((run.error or "")[:200]),
        )
    console.print(table)


def _name(run: RunInfo | None) -> str:
    return f"run {run.run_id} as of {run.as_of_date}" if run else "nothing"


def _held(console: Console, settings: Settings) -> None:
    with connect(settings, role="moshtari_auditor") as connection:
        rows = connection.execute(
            """
            select
                held.source, held.entity, held.business_date, held.read_rows,
                held.quarantined_rows
            from ops.loads as held
            where
                held.status = 'held'
                and not exists (
                    select from ops.loads as later
                    where
                        later.source = held.source
                        and later.entity = held.entity
                        and later.status in ('landed', 'held')
                        and later.business_date >= held.business_date
                        and later.load_id > held.load_id
                )
            order by held.business_date, held.source, held.entity
            """
        ).fetchall()
    for source, entity, day, read, rejected in rows:
        what = f"would have {rejected:,} of" if rejected else "has only"
        told = "rows in quarantine" if rejected else "rows"
        console.print(
            f"[yellow]Held:[/] {source}.{entity} of {day} {what} {read:,} {told}"
            f" (`moshtari accept-load {source} {entity} --date {day}`)",
            highlight=False,
        )


def _columns(console: Console, settings: Settings) -> None:
    with connect(settings, role="moshtari_auditor") as connection:
        found = schema.pending(connection)
    for item in found:
        console.print(f"[yellow]Column:[/] {escape(str(item))}", highlight=False)
    if found:
        console.print("Map them, or `moshtari schema accept SOURCE`.", highlight=False)


def _quarantine(console: Console, settings: Settings) -> None:
    with connect(settings, role="moshtari_auditor") as connection:
        rows = connection.execute(
            "select source, entity, count(*) from quarantine.records where status = 'open'"
            " group by source, entity order by count(*) desc"
        ).fetchall()
    if not rows:
        console.print("Quarantine: empty.")
    for source, entity, count in rows:
        console.print(f"Quarantine: {count:,} open records of {source}.{entity}", highlight=False)
    if rows:
        console.print("`moshtari quarantine list` says why.", highlight=False)
