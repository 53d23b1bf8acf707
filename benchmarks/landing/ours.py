"""One source landed as the nightly run lands it, in a process of its own.

    python benchmarks/landing/ours.py moshtari.yml SOURCE FAMILY DAY

The warehouse is that of the environment (MOSHTARI_*). Prints seconds, peak memory and rows as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from datetime import date
from pathlib import Path
from time import perf_counter, sleep

import psutil

from moshtari.landing.extract import extract
from moshtari.settings import load_deployment, load_settings


def main() -> None:
    file, source, family, day = sys.argv[1:]
    children = Children()
    children.start()
    began = perf_counter()
    summaries = extract(
        load_settings(), load_deployment(file), source, family, date.fromisoformat(day)
    )
    seconds = perf_counter() - began
    peak = peak_mib(os.getpid()) + children.peak_mib
    found = {"seconds": seconds, "peak_mib": peak, "loads": [asdict(s) for s in summaries]}
    print(json.dumps(found))


class Children(threading.Thread):
    """Watches the most memory that a process beside this one ever had resident.

    What the system tells of a process that has ended counts its parent's memory, too.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak_mib = 0.0

    def run(self) -> None:
        while True:
            for child in psutil.Process().children():
                with suppress(OSError, StopIteration):
                    self.peak_mib = max(self.peak_mib, peak_mib(child.pid))
            sleep(0.1)


def peak_mib(pid: int) -> float:
    """The most memory that a process ever had resident (not what its parent had before it)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
