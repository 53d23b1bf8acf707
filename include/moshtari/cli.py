"""`moshtari …`: one verb a job. Everything is done elsewhere; here words become calls."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Annotated
from zoneinfo import ZoneInfo

import psycopg
import typer
from rich.console import Console
from rich.markup import escape

from moshtari.operations import quarantine_commands, schema_commands
from moshtari.settings import ConfigError, Settings, load_deployment, load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(quarantine_commands.app, name="quarantine")
app.add_typer(schema_commands.app, name="schema")
console = Console()
errors = Console(stderr=True)

_EXAMPLE_QUERY = (
    '"select segment, count(*), round(sum(net_revenue)) from bi.customers'
    ' group by segment order by 2 desc"'
)
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Business day.")]


def main() -> None:
    """Run the command line; known errors become one clear line and exit status 1."""
    from moshtari.demo.scenario import DemoBusyError
    from moshtari.landing.errors import ExtractError, LandingError
    from moshtari.operations.airflow import AirflowSetupError
    from moshtari.operations.airflow_api import AirflowApiError
    from moshtari.operations.nights import NightBusyError, NightFailedError
    from moshtari.operations.stack import StackError
    from moshtari.publication import PublicationError
    from moshtari.scores import NoHistoryError
    from moshtari.sources.base import SourceError
    from moshtari.warehouse.embedded import EmbeddedServerError

    known = (
        ConfigError, DemoBusyError, AirflowSetupError, AirflowApiError, NightBusyError,
        NightFailedError, StackError, PublicationError, NoHistoryError, EmbeddedServerError,
        ExtractError, LandingError, SourceError,
    )  # fmt: skip
    try:
        app()
    except known as error:
        errors.print(f"[bold red]moshtari:[/] {escape(str(error))}", highlight=False)
        sys.exit(1)
    except psycopg.OperationalError:
        errors.print(
            "[bold red]moshtari:[/] the warehouse does not answer. Start it with `moshtari up`, "
            "and see `moshtari doctor`",
            highlight=False,
        )
        sys.exit(1)


@app.callback()
def choose(
    context: typer.Context,
    on_demo: Annotated[
        bool, typer.Option("--demo", help="Act on the demo, whatever deployment is here.")
    ] = False,
) -> None:
    """The customer warehouse you can trust.

    Commands act on MOSHTARI_CONFIG, else on ./moshtari.yml, else on the demo.
    """
    if on_demo:
        from moshtari.demo import scenario

        os.environ["MOSHTARI_CONFIG"] = str(scenario.CONFIG)
    context.obj = quarantine_commands.Deployed(console, _deployment)


@app.command()
def demo(
    customers: Annotated[int, typer.Option(min=200, help="People in the demo's world.")] = 5000,
    seed: Annotated[int, typer.Option(help="Another seed is another world.")] = 1405,
    today: Day = None,
) -> None:
    """Show everything on this machine: a shop, two years of history, three nights."""
    from moshtari.demo import scenario
    from moshtari.operations.display import NightDisplay, show_report
    from moshtari.operations.report import night_report

    started = monotonic()
    settings = _demo_settings()
    now = today.date() if today else datetime.now(ZoneInfo("Asia/Tehran")).date()
    plan = scenario.DemoPlan(now - timedelta(days=1), customers=customers, seed=seed)
    scenario.set_stage(settings, plan, _say)
    for title, days in scenario.run_nights(settings, plan):
        console.print(
            f"[bold cyan]{title}[/] ({days[0]}" + (f" to {days[-1]})" if days[1:] else ")")
        )
        with NightDisplay(console, title) as display:
            scenario.live_through(settings, days, backfill=len(days) > 1, watch=display.update)
    show_report(console, night_report(settings, plan.last_night), people=True)
    _where_next(settings, plan.last_night)
    console.print(f"The demo took {monotonic() - started:.0f} s.")


@app.command()
def up() -> None:
    """Keep the database and Airflow (UI, scheduler) running for this deployment."""
    from moshtari.operations import stack

    settings, config = _deployment()
    stack.up(settings, config, _say, schedule_from=datetime.now(UTC))
    console.print(f"Airflow: http://127.0.0.1:{settings.airflow_port} (user admin; password: "
                  f"`moshtari password airflow_admin`)")  # fmt: skip
    console.print("Stop everything with `moshtari down`.")


@app.command()
def down() -> None:
    """Stop Airflow, the database and the demo's services."""
    from moshtari.operations import stack

    settings, _config = _deployment()
    stack.down(settings, _say)


@app.command()
def run(
    date_: Annotated[
        datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Default: yesterday.")
    ] = None,
    keep_up: Annotated[bool, typer.Option(help="Leave Airflow up afterwards.")] = False,
) -> None:
    """Extract, build, check and publish one business day through the real DAGs."""
    settings, config = _deployment()
    day = date_.date() if date_ else _yesterday(config)
    _run_days(settings, config, [day], backfill=False, keep_up=keep_up)


@app.command()
def backfill(
    from_: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"])],
    to: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"])],
    keep_up: Annotated[bool, typer.Option(help="Leave Airflow up afterwards.")] = False,
) -> None:
    """Run every business day from --from to --to, in order."""
    from moshtari.operations.nights import days_between

    settings, config = _deployment()
    days = days_between(from_.date(), to.date())
    if not days:
        raise typer.BadParameter("--from must not be after --to")
    _run_days(settings, config, days, backfill=True, keep_up=keep_up)


@app.command()
def status() -> None:
    """What runs, what is published, and how the last nights went."""
    from moshtari.operations.status import show_status

    settings, config = _deployment()
    show_status(console, settings, config)


@app.command()
def doctor() -> None:
    """Check every connection and permission, and say how to mend each."""
    from moshtari.operations.doctor import examine

    settings, config = _deployment(required=False)
    bad = 0
    for area, check in examine(settings, config):
        mark = "[green]✓[/]" if check.ok else "[bold red]✗[/]"
        console.print(f"{mark} {escape(area)}: {escape(check.name)} - {escape(check.detail)}",
                      highlight=False)  # fmt: skip
        if not check.ok:
            bad += 1
            console.print(f"    → {escape(check.remedy)}", highlight=False)
    raise typer.Exit(1 if bad else 0)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context) -> None:
    """Open psql on the warehouse (starting the database if it is down); passes its arguments on."""
    from moshtari.warehouse.embedded import binaries
    from moshtari.warehouse.migrate import embedded_server

    settings, _config = _deployment()
    if settings.embedded:
        embedded_server(settings).start()
    program = str(binaries() / "psql")
    params = settings.dsn(admin=settings.embedded, database=settings.dsn()["dbname"])
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD",
             "dbname": "PGDATABASE", "sslmode": "PGSSLMODE"}  # fmt: skip
    env = {**os.environ, **{names[k]: v for k, v in params.items() if k in names}}
    sys.stdout.flush()
    os.execvpe(program, [program, *context.args], env)


@app.command()
def migrate() -> None:
    """Bring the warehouse's schema up to date (starts the embedded database if it is down)."""
    from moshtari.operations import stack

    settings, _config = _deployment(required=False)
    stack.up_warehouse(settings, _say)


@app.command()
def evaluate(
    cut: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="Last day that the models may know.")
    ],
    horizon: Annotated[int | None, typer.Option(min=1, help="Days. Default: horizon_days.")] = None,
) -> None:
    """Try the scores on this shop's own past: AUC, calibration, lift; writes plots."""
    from moshtari.operations import stack
    from moshtari.scores.display import show_evaluation
    from moshtari.scores.evaluation import evaluate as try_scores

    settings, config = _deployment()
    stack.up_warehouse(settings, _say)
    show_evaluation(console, try_scores(settings, load_deployment(config), cut.date(), horizon))


@app.command()
def rollback(
    to: Annotated[int | None, typer.Option(help="Run id. Default: the publication before.")] = None,
) -> None:
    """Point readers back to an earlier published run."""
    from moshtari.publication import rollback as roll_back
    from moshtari.quality.page import refresh_page

    settings, config = _deployment()
    roll_back(settings, to_run_id=to)
    refresh_page(settings, load_deployment(config).timezone)
    status()


@app.command()
def identity(
    what: Annotated[
        str, typer.Argument(help="review: keys that tie nobody; suggest: probable links.")
    ],
    limit: Annotated[int, typer.Option(min=1, help="Rows to show.")] = 50,
) -> None:
    """Show what identity resolution leaves to people: keys and causes, no names."""
    from moshtari.identity.commands import show

    settings, config = _deployment()
    show(console, settings, load_deployment(config), what, limit)


@app.command()
def accept_load(
    source: str,
    entity: str,
    date_: Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"])],
    because: Annotated[str, typer.Option(help="Why it is right as it is; it is kept.")],
) -> None:
    """Confirm a load that was held for too few rows, or too many bad ones, and land it."""
    from moshtari.landing.held import land_held

    settings, config = _deployment()
    day = date_.date()
    summary = land_held(settings, load_deployment(config), source, entity, day, because)
    console.print(
        f"{source}.{entity} of {day}: {summary.read:,} read, {summary.landed:,} landed, "
        f"{summary.unchanged:,} unchanged, {summary.quarantined:,} quarantined."
    )
    console.print(f"Finish the day with `{_program()} run --date {day}`.", highlight=False)


@app.command()
def reconcile(
    source: str,
    entity: Annotated[str | None, typer.Argument(help="All that the source has.")] = None,
    date_: Annotated[
        datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Default: yesterday.")
    ] = None,
    however_many: Annotated[
        bool, typer.Option("--however-many", help="Even where suspiciously many rows are gone.")
    ] = False,
) -> None:
    """Compare a source's keys with raw, and mark as deleted what is gone there."""
    from moshtari.landing.extract import reconcile

    settings, config = _deployment()
    day = date_.date() if date_ else _yesterday(config)
    deployment = load_deployment(config)
    for done in reconcile(settings, deployment, source, entity, day, however_many=however_many):
        console.print(f"{source}.{done.entity}: {done.read:,} known, {done.landed:,} gone.")


@app.command()
def password(name: str) -> None:
    """Print one of the embedded deployment's secrets (airflow_admin, pg_moshtari_bi …)."""
    settings, _config = _deployment()
    console.print(settings.secrets.get(name), markup=False, highlight=False)


def _run_days(
    settings: Settings, config: Path, days: list[date], *, backfill: bool, keep_up: bool
) -> None:
    from moshtari.demo import scenario
    from moshtari.operations.display import NightDisplay, show_report
    from moshtari.operations.nights import run_days
    from moshtari.operations.report import night_report

    started = monotonic()
    is_demo = config == scenario.CONFIG
    with _stack(settings, config, keep_up=keep_up or is_demo):
        if is_demo:
            scenario.ensure_lived(settings, days[-1])
        with NightDisplay(console, load_deployment(config).name) as display:
            for progress in run_days(settings, days, backfill=backfill):
                display.update(progress)
        show_report(console, night_report(settings, days[-1], list_rows=0), people=False)
        console.print(f"List files: {settings.home / 'outreach' / days[-1].isoformat()}")
        console.print(f"{len(days)} business day(s) took {monotonic() - started:.0f} s.")


@contextmanager
def _stack(settings: Settings, config: Path, *, keep_up: bool) -> Iterator[None]:
    """Everything up; what this command started goes down again unless it is to be kept."""
    from moshtari.operations import stack

    was_up = all(process.running() for process in stack.airflow_processes(settings))
    stack.up(settings, config, _say, schedule_from=datetime.now(UTC))
    try:
        yield
    finally:
        if not (was_up or keep_up):
            stack.down(settings, lambda _message: None)
            console.print("Airflow and the database are down again; `--keep-up` leaves them up.")


def _deployment(required: bool = True) -> tuple[Settings, Path]:
    """The deployment the commands act on: MOSHTARI_CONFIG, ./moshtari.yml, or else the demo."""
    from moshtari.demo import scenario

    given = os.environ.get("MOSHTARI_CONFIG")
    config = Path(given or "moshtari.yml").resolve()
    if config == scenario.CONFIG or (given is None and not config.exists()):
        settings = _demo_settings()
        if required and not settings.home.exists():
            raise ConfigError(
                config,
                "",
                "there is no such file, and no demo has been made",
                "Copy examples/own_files/moshtari.yml there and fit it, or run `make demo`",
            )
        os.environ.update(scenario.environment(settings))
        return settings, scenario.CONFIG
    if required:
        _check(config)
    home = os.environ.get("MOSHTARI_HOME") or str(config.parent / ".moshtari")
    return load_settings(home=Path(home).resolve(), config=config), config


def _check(config: Path) -> None:
    """The whole YAML is read before anything is started. Raises ConfigError."""
    from moshtari.landing.families import check_sources
    from moshtari.transform.dbt import check_variables

    deployment = load_deployment(config)
    check_sources(deployment)
    check_variables(load_settings(), deployment)


def _demo_settings() -> Settings:
    from moshtari.demo import scenario

    settings = load_settings()
    home = settings.home if "MOSHTARI_HOME" in os.environ else settings.home / "demo"
    return load_settings(home=home.resolve(), config=scenario.CONFIG, database_url=None)


def _yesterday(config: Path) -> date:
    zone = load_deployment(config).zone
    return datetime.now(zone).date() - timedelta(days=1)


def _program() -> str:
    """How this program can be called from here: it need not be on the PATH."""
    called = Path(sys.argv[0]).resolve()
    if shutil.which("moshtari") == str(called):
        return "moshtari"
    here = Path.cwd()
    return str(called.relative_to(here)) if called.is_relative_to(here) else str(called)


def _say(message: str) -> None:
    console.print(f"[dim]·[/] {escape(message)}", highlight=False)


def _where_next(settings: Settings, day: date) -> None:
    from moshtari.quality.page import page_file

    program = _program()
    lines: list[tuple[str, str]] = [
        ("Airflow", f"http://127.0.0.1:{settings.airflow_port}  user admin, password "
         f"{settings.secrets.get('airflow_admin')}"),
        ("List files", str(settings.home / "outreach" / day.isoformat())),
        ("The gate", str(page_file(settings))),
        ("Data Docs", str(settings.home / "data_docs" / "index.html")),
        ("SQL", f"{program} psql -c {_EXAMPLE_QUERY}"),
        ("One more night", f"{program} run --date {day + timedelta(days=1)}"),
        ("Stop", f"{program} down"),
    ]  # fmt: skip
    console.rule("[bold]where to look next")
    for name, text in lines:
        console.print(f"[bold]{name:>15}[/]  {escape(text)}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
