"""What a person sees in the terminal: progress while a night runs, and its summary after."""

from __future__ import annotations

import json
from collections.abc import Iterable
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from moshtari.operations.airflow_api import TaskState
from moshtari.operations.nights import NIGHT_DAGS, NightProgress
from moshtari.operations.report import NightReport

_MARKS = {
    "success": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "upstream_failed": ("✗", "red"),
    "up_for_retry": ("↻", "yellow"),
    "skipped": ("–", "dim"),
    "running": ("▶", "cyan"),
}
_SHOWN_TASKS = 4


class NightDisplay:
    """Follows nights. On a terminal it redraws itself; elsewhere it prints each change once."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._said: set[tuple[str, str, str, str | None]] = set()
        self._live = Live(console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> NightDisplay:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def update(self, progress: NightProgress) -> None:
        """Show where the night stands now."""
        if self._console.is_terminal:
            self._live.update(self._draw(progress))
        for dag_id, tasks in progress.tasks.items():
            for task in tasks:
                key = (str(progress.day), dag_id, task.task_id, task.state)
                if task.state in _MARKS and task.state != "running" and key not in self._said:
                    self._said.add(key)
                    if not self._console.is_terminal:
                        self._console.print(_line(progress, dag_id, task), highlight=False)

    def _draw(self, progress: NightProgress) -> Group:
        table = Table.grid(padding=(0, 2))
        for dag_id in NIGHT_DAGS:
            run = progress.runs.get(dag_id)
            tasks = [task for task in progress.tasks.get(dag_id, []) if task.state]
            shown = Text("  ").join(_task_text(task) for task in tasks[-_SHOWN_TASKS:])
            table.add_row(_mark(run.state if run else None), Text(dag_id, style="bold"), shown)
        title = f"{self._title} · business day {progress.day} · {progress.seconds:.0f} s"
        return Group(Spinner("dots", text=Text(title, style="bold cyan")), table)


def _line(progress: NightProgress, dag_id: str, task: TaskState) -> Text:
    took = f"{task.duration:5.1f} s" if task.duration is not None else ""
    return Text.assemble(
        f"  {progress.day} {progress.seconds:5.0f} s  ",
        _mark(task.state),
        f" {dag_id}.{task.task_id}  ",
        (took, "dim"),
    )


def _task_text(task: TaskState) -> Text:
    took = f" {task.duration:.1f}s" if task.duration is not None else ""
    return Text.assemble(_mark(task.state), f" {task.task_id}", (took, "dim"))


def _mark(state: str | None) -> Text:
    mark, style = _MARKS.get(state or "", ("·", "dim"))
    return Text(mark, style=style)


def show_report(console: Console, report: NightReport, *, people: bool) -> None:
    """Print a night's summary: extracted, rejected, the gate's word, published, the list."""
    console.rule(f"[bold]business day {report.day}")
    console.print(_loads_table(report.loads))
    if report.rejected:
        console.print(_rejected_table(report.rejected))
    else:
        console.print("Quarantine: no record rejected on this day.")
    console.print(_gate_line(report))
    for check in report.failed_checks:
        observed = json.dumps(check["observed"], ensure_ascii=False, default=str)
        console.print(
            f"  {check['severity']}: {check['stage']}.{check['check_name']} on {check['target']} "
            f"{observed[:200]}",
            highlight=False,
            markup=False,
        )
    console.print(_published_line(report))
    if report.phases:
        console.print(_phases_table(report.phases))
    if report.shown and people:
        console.print(_list_table(report))
    if report.shown:
        console.print(_lists_line(report), highlight=False)


def _loads_table(loads: Iterable[dict[str, object]]) -> Table:
    table = Table(title="Extracted", title_justify="left", header_style="bold")
    for column in ("source", "entity"):
        table.add_column(column)
    for column in ("read", "landed", "unchanged", "quarantined", "seconds"):
        table.add_column(column, justify="right")
    for load in loads:
        table.add_row(
            str(load["source"]),
            str(load["entity"]),
            *(f"{load[name]:,}" for name in ("read", "landed", "unchanged", "quarantined")),
            f"{load['seconds'] or 0:.1f}",
        )
    return table


def _rejected_table(rejected: Iterable[dict[str, object]]) -> Table:
    table = Table(title="Rejected (quarantine)", title_justify="left", header_style="bold yellow")
    for column in ("source", "entity", "reason"):
        table.add_column(column)
    table.add_column("records", justify="right")
    for row in rejected:
        table.add_row(
            *(escape(str(row[name])) for name in ("source", "entity", "reason", "records"))
        )
    return table


def _gate_line(report: NightReport) -> Text:
    checks = report.checks
    if not checks["run"]:
        return Text("Gate: no check has run.", style="yellow")
    style = "bold red" if checks["critical"] else "bold green"
    word = "SHUT" if checks["critical"] else "open"
    return Text.assemble(
        "Gate: ",
        (word, style),
        f" - {checks['run']} checks, {checks['critical']} critical and {checks['warnings']} "
        "warnings failed.",
    )


def _published_line(report: NightReport) -> Text:
    run, shown = report.run, report.shown
    if shown is None:
        return Text("Published: nothing yet.", style="yellow")
    rows = (run or {}).get("row_counts") or {}
    counts = ", ".join(f"{name} {count:,}" for name, count in rows.items())
    if run and shown["run_id"] == run["run_id"]:
        return Text.assemble(
            "Published: ",
            (f"run {run['run_id']} as of {report.day}", "bold green"),
            f" - {counts}",
        )
    state = f"run {run['run_id']} of {report.day} is {run['status']}" if run else "no run"
    return Text(f"Readers see run {shown['run_id']} as of {shown['as_of_date']}; {state}.")


def _phases_table(phases: Iterable[dict[str, object]]) -> Table:
    table = Table(title="Customers by phase", title_justify="left", header_style="bold")
    table.add_column("phase")
    table.add_column("customers", justify="right")
    table.add_column("net revenue", justify="right")
    for row in phases:
        table.add_row(str(row["phase"]), f"{row['customers']:,}", f"{row['net_revenue'] or 0:,.0f}")
    return table


def _list_table(report: NightReport) -> Panel:
    table = Table(header_style="bold", expand=True)
    table.add_column("#", justify="right")
    table.add_column("customer")
    table.add_column("by")
    table.add_column("why", ratio=3)
    table.add_column("at stake", justify="right")
    for row in report.list_rows:
        table.add_row(
            str(row["rank"]),
            escape(str(row["full_name"] or "")),
            str(row["channel"]),
            escape(f"{row['reasons_en']}\n{row['reasons_fa']}"),
            f"{row['value_at_stake'] or 0:,.0f}",
        )
    count = next((row["customers"] for row in report.lists if row["list_name"] == "at_risk"), 0)
    return Panel(table, title=f"Today's at-risk list: {count:,} customers")


def _lists_line(report: NightReport) -> str:
    """All lists of the day, with who is new on each."""
    counted = (
        f"{row['list_name']} {row['customers']:,} (+{row['joined']:,} -{row['left']:,})"
        for row in report.lists
    )
    return "Lists: " + ", ".join(counted)
