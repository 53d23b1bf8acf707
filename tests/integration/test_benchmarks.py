"""The benchmarks of landing run, and what lands there is what the source has; nothing is timed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("landing_postgres", 20),
        ("landing_increment", 5),
        ("landing_http", 20),
        # Five lines are broken beside the twenty that break the contract.
        ("landing_files", 25),
    ],
)
def test_a_benchmark_of_landing_lands_what_the_source_has(name: str, refused: int) -> None:
    program = PROJECT / "benchmarks" / f"{name}.py"
    done = subprocess.run(
        [sys.executable, str(program), "--rows", "5000", "--runs", "1", "--without-peer"],
        env={**os.environ, "PYTHONPATH": str(PROJECT / "include")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    tables = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    [ours] = [cells for cells in tables if cells[0] == "| Moshtari" and len(cells) == 8]
    landed, expected = ours[1].split(" of ")
    assert landed == expected
    assert ours[2:4] == [str(refused), "0"]
    assert ours[4].endswith(", the source's"), "values changed on the way"
