"""What the terminal shows while nights run and after, on a terminal and in a log file."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime

import pytest
from rich.console import Console

from moshtari.operations.airflow_api import DagRun, TaskState
from moshtari.operations.display import NightDisplay, show_report
from moshtari.operations.nights import NightProgress
from moshtari.operations.report import NightReport

DAY = date(2026, 3, 18)
BEGUN = datetime(2026, 3, 18, 22, tzinfo=UTC)


def progress(*states: str | None) -> NightProgress:
    run = DagRun("build_customer_marts", "run", DAY, "running", BEGUN, None)
    tasks = [TaskState(f"task{n}", state, 1.5) for n, state in enumerate(states)]
    return NightProgress(DAY, 12.0, {run.dag_id: run}, {run.dag_id: tasks})


def shown(*updates: NightProgress, terminal: bool) -> str:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=120)
    with NightDisplay(console, "last night") as display:
        for update in updates:
            display.update(update)
    return stream.getvalue()


def test_a_terminal_is_redrawn_with_every_dag() -> None:
    text = shown(progress("success", "running", None), terminal=True)
    assert "last night" in text
    for name in ("extract_orders", "build_customer_marts", "deliver_outreach_lists", "task1"):
        assert name in text
    assert "task2" not in text


def test_a_log_file_gets_each_change_once() -> None:
    text = shown(
        progress("success", "running"),
        progress("success", "failed"),
        progress("success", "failed"),
        terminal=False,
    )
    lines = text.splitlines()
    assert len(lines) == 2
    assert "task0" in lines[0]
    assert "✗" in lines[1]


def report(**changes: object) -> NightReport:
    load = {
        "source": "shop", "entity": "orders", "read": 12, "landed": 10, "unchanged": 1,
        "quarantined": 1, "seconds": 0.4,
    }  # fmt: skip
    values: dict[str, object] = {
        "day": DAY,
        "loads": [load],
        "rejected": [{"source": "shop", "entity": "orders", "reason": "bad", "records": 1}],
        "run": {"run_id": 4, "status": "published", "row_counts": {"customers": 7}},
        "checks": {"run": 49, "critical": 0, "warnings": 1},
        "failed_checks": [
            {"severity": "warning", "stage": "arrivals", "check_name": "volume_is_usual",
             "target": "ops.loads", "observed": {"unexpected_count": 1}}
        ],
        "shown": {"run_id": 4, "as_of_date": DAY, "flipped_at": BEGUN},
        "phases": [{"phase": "existing", "customers": 7, "net_revenue": None}],
        "lists": [{"list_name": "at_risk", "customers": 1, "joined": 1, "left": 2}],
        "list_rows": [
            {"rank": 1, "full_name": "سارا [bold]", "channel": "sms", "reasons_en": "late",
             "reasons_fa": "دیر", "value_at_stake": None, "next_step_en": "call"}
        ],
        **changes,
    }  # fmt: skip
    return NightReport(**values)  # type: ignore[arg-type]


def printed(found: NightReport, *, people: bool) -> str:
    stream = io.StringIO()
    show_report(Console(file=stream, width=140), found, people=people)
    return stream.getvalue()


def test_the_summary_says_what_came_what_was_rejected_and_what_the_gate_said() -> None:
    text = printed(report(), people=True)
    for words in ("orders", "bad", "Gate: open", "volume_is_usual", "run 4", "سارا [bold]", "دیر"):
        assert words in text, words


def test_people_are_left_out_unless_asked_for() -> None:
    text = printed(report(), people=False)
    assert "سارا" not in text
    assert "at_risk 1 (+1 -2)" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"checks": {"run": 5, "critical": 2, "warnings": 0}}, "SHUT"),
        ({"checks": {"run": 0, "critical": 0, "warnings": 0}}, "no check has run"),
        ({"shown": None}, "nothing yet"),
        (
            {"run": {"run_id": 5, "status": "refused", "row_counts": None}},
            "Readers see run 4 as of 2026-03-18; run 5 of 2026-03-18 is refused",
        ),
        ({"run": None, "checks": {"run": 0, "critical": 0, "warnings": 0}}, "no run"),
    ],
)
def test_the_summary_tells_what_did_not_go_well(changes: dict[str, object], words: str) -> None:
    assert words in printed(report(**changes), people=True)
