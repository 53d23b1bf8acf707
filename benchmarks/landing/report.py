"""The measured as Markdown, printed or put between its markers in docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from datetime import date
from itertools import zip_longest
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import psycopg

import moshtari

if TYPE_CHECKING:
    from landing.measure import Benchmark, Results

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
NAMES = {"limit": "limit", "ours": "Moshtari", "peer": "dlt", "arrow": "dlt from Arrow"}


def text(kind: type[Benchmark], results: list[Results], day: date) -> str:
    """One benchmark's section, without its heading."""
    first = results[0]
    return "\n\n".join(
        [
            f"{first.size:,} {kind.what}; the limit is {kind.limit_name}.",
            _pairs(first),
            _memory(results),
            _content(first),
            *(f"{NAMES[side]}: {kind.peers[side]}." for side in first.runs if side in kind.peers),
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
    peers = [side for side in runs if side not in ("limit", "ours")]
    heads = ["run", "limit (s)", "Moshtari (s)", "Moshtari / limit"]
    for side in peers:
        name = NAMES[side]
        heads += [f"{name} (s)", f"{name} / limit", f"{name} / Moshtari"]
    rows = []
    for number, (bare, ours) in enumerate(zip(runs["limit"], runs["ours"], strict=True)):
        figures = [bare.seconds, ours.seconds, ours.seconds / bare.seconds]
        for side in peers:
            for run in runs[side][number : number + 1]:
                figures += [run.seconds, run.seconds / bare.seconds, run.seconds / ours.seconds]
        rows.append([str(number + 1), *(f"{figure:.2f}" for figure in figures)])
    columns = zip_longest(*(row[1:] for row in rows), fillvalue="")
    medians = [f"**{_median(column)}**" for column in columns]
    return _table(heads, [*rows, ["**median**", *medians]])


def _median(column: Iterable[str]) -> str:
    return f"{median(float(figure) for figure in column if figure):.2f}"


def _memory(results: list[Results]) -> str:
    rows = []
    for result in results:
        for side, runs in result.runs.items():
            if side != "limit":
                peak = max(run.peak_mib for run in runs)
                rows.append([NAMES[side], f"{result.size:,}", f"{peak:.0f}"])
    return _table(["peak memory", "rows", "MiB"], rows)


def _content(results: Results) -> str:
    heads = ["content", "rows", "in quarantine", "bad rows let in", "hash by value",
             "hash as written", "values changed", "written otherwise"]  # fmt: skip
    rows = []
    for side in results.runs:
        content = results.contents[side]
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
    versions += [run.versions for run in results.runs.get("peer", [])[:1]]
    return (
        f"Measured on {day.isoformat()} on {os.cpu_count()} cores ({_processor()}) with "
        f"{memory:.0f} GiB of memory: {', '.join(versions)}."
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
