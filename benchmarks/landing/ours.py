"""One source landed as the nightly run lands it, in a process of its own.

    python benchmarks/landing/ours.py moshtari.yml SOURCE FAMILY DAY

The warehouse is that of the environment (MOSHTARI_*). Prints seconds, peak memory and rows as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from time import perf_counter

from moshtari.landing.extract import extract
from moshtari.settings import load_deployment, load_settings


def main() -> None:
    file, source, family, day = sys.argv[1:]
    began = perf_counter()
    summaries = extract(
        load_settings(), load_deployment(file), source, family, date.fromisoformat(day)
    )
    seconds = perf_counter() - began
    peak = peak_mib() + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    found = {"seconds": seconds, "peak_mib": peak, "loads": [asdict(s) for s in summaries]}
    print(json.dumps(found))


def peak_mib() -> float:
    """The most memory that this process ever had resident (not what its parent had before it)."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
