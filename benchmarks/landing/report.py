"""The measured as Markdown, printed or put between its markers in docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import psycopg

import moshtari

if TYPE_CHECKING:
    from landing.measure import Benchmark, Results
    from landing.sides import Run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
NAMES = {"limit": "limit", "ours": "Moshtari", "peer": "dlt"}


def text(kind: type[Benchmark], results: list[Results], day: date) -> str:
    """One benchmark's section, without its heading."""
    first = results[0]
    return "\n\n".join(
        [
            f"{first.size:,} {kind.what}; the limit is {kind.limit_name}.",
            _pairs(first),
            _memory(results),
            _content(first),
            *([f"dlt's settings: {kind.peer_settings}."] if first.runs["peer"] else []),
            _circumstances(first, day),
        ]
    )


def write(name: str, text: str) -> None:
    """Put the section between its markers. SystemExit when the page has none for it."""
    page = PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"{PAGE}: no place for {name}. Add the lines {begin} and {end}")
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def _pairs(results: Results) -> str:
    runs = results.runs
    heads = ["run", "limit (s)", "Moshtari (s)", "Moshtari / limit"]
    if runs["peer"]:
        heads += ["dlt (s)", "dlt / limit", "dlt / Moshtari"]
    rows = []
    for number, (bare, ours) in enumerate(zip(runs["limit"], runs["ours"], strict=True)):
        peer = runs["peer"][number : number + 1]
        rows.append([str(number + 1), *_figures(bare, ours, peer)])
    medians = [f"**{_median(column)}**" for column in list(zip(*rows, strict=True))[1:]]
    return _table(heads, [*rows, ["**median**", *medians]])


def _figures(bare: Run, ours: Run, peer: list[Run]) -> list[str]:
    figures = [bare.seconds, ours.seconds, ours.seconds / bare.seconds]
    for run in peer:
        figures += [run.seconds, run.seconds / bare.seconds, run.seconds / ours.seconds]
    return [f"{figure:.2f}" for figure in figures]


def _median(column: Iterable[str]) -> str:
    return f"{median(float(figure) for figure in column):.2f}"


def _memory(results: list[Results]) -> str:
    rows = []
    for result in results:
        for side in ("ours", "peer"):
            if runs := result.runs[side]:
                peak = max(run.peak_mib for run in runs)
                rows.append([NAMES[side], f"{result.size:,}", f"{peak:.0f}"])
    return _table(["peak memory of the largest process", "rows", "MiB"], rows)


def _content(results: Results) -> str:
    heads = ["content", "rows", "in quarantine", "bad rows let in", "hash by value",
             "hash as written", "values changed", "written otherwise"]  # fmt: skip
    rows = []
    for side, content in results.contents.items():
        truth = results.truths[side]
        last = results.runs[side][-1]
        rows.append(
            [
                NAMES[side],
                f"{content.rows:,} of {truth.rows:,}",
                f"{last.refused:,}" if side == "ours" else "-",
                f"{content.unwanted:,}",
                _compared(content.whole_meant, truth.whole_meant),
                _compared(content.whole, truth.whole),
                ", ".join(content.altered(truth)) or "none",
                ", ".join(content.rewritten(truth)) or "none",
            ]
        )
    return _table(heads, rows)


def _compared(found: str, expected: str) -> str:
    return f"`{found}`, the source's" if found == expected else f"`{found}`, not `{expected}`"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    width = len(heads)
    lines = [heads, ["---"] * width, *([*row, *[""] * (width - len(row))] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _circumstances(results: Results, day: date) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = [f"Moshtari {moshtari.__version__}", f"Python {platform.python_version()}"]
    versions += [f"psycopg {psycopg.__version__}", "PostgreSQL 18 (embedded)"]
    versions += [run.versions for run in results.runs["peer"][:1]]
    return (
        f"Measured on {day.isoformat()} on {os.cpu_count()} cores ({_processor()}) with "
        f"{memory:.0f} GiB of memory: {', '.join(versions)}."
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
