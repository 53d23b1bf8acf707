"""Measures in turns (limit, Moshtari, dlt, limit, ...), so that a busy machine slows all sides."""

from __future__ import annotations

import argparse
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from landing import report
from landing.content import Content
from landing.server import Server, server
from landing.sides import Run


class Benchmark(ABC):
    """One kind of work for all sides, of a given size."""

    name: str
    title: str
    what: str
    limit_name: str
    peers: Mapping[str, str]
    """dlt's settings by side: `peer`, and `arrow` where records can be made Arrow before dlt."""
    rows: int
    """The size by default."""

    def __init__(self, server: Server, size: int) -> None:
        self.server, self.size = server, size

    @abstractmethod
    def prepare(self) -> None:
        """Make the source, of `size` rows."""

    def begin_pair(self, number: int) -> None:  # noqa: B027 - most sources stay as they are
        """What happens at the source before each pair; the first is 1."""

    @abstractmethod
    def before(self, side: str) -> None:
        """Put the targets back, unmeasured."""

    @abstractmethod
    def limit(self) -> Run: ...

    @abstractmethod
    def ours(self) -> Run: ...

    @abstractmethod
    def peer(self) -> Run: ...

    def arrow(self) -> Run:
        raise NotImplementedError

    @abstractmethod
    def content(self, side: str) -> Content:
        """What the side's table says after its last run."""

    @abstractmethod
    def truth(self, side: str) -> Content:
        """What it should say, by what the side was given."""

    def close(self) -> None:  # noqa: B027 - most have nothing to stop
        """Stop what `prepare` started."""


@dataclass
class Results:
    """All runs of one size, by side, and what the last of each left."""

    size: int
    runs: dict[str, list[Run]] = field(default_factory=dict)
    contents: dict[str, Content] = field(default_factory=dict)
    truths: dict[str, Content] = field(default_factory=dict)


def main(kind: type[Benchmark]) -> None:
    """The command line of one benchmark."""
    parser = argparse.ArgumentParser(description=kind.title)
    parser.add_argument("--rows", type=int, default=kind.rows)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peer-runs", type=int, help="as many as --runs where not given")
    parser.add_argument("--without-peer", action="store_true")
    parser.add_argument(
        "--twice", action="store_true", help="one run more of twice the rows, for its memory"
    )
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md as well")
    parser.add_argument("--date", type=date.fromisoformat, default=datetime.now(UTC).date())
    arguments = parser.parse_args()
    peers = arguments.runs if arguments.peer_runs is None else arguments.peer_runs
    peers = 0 if arguments.without_peer else peers
    results = [_measure(kind, arguments.rows, arguments.runs, peers)]
    if arguments.twice:
        results.append(_measure(kind, arguments.rows * 2, 1, 0))
    text = report.text(kind, results, arguments.date)
    print(text)
    if arguments.write:
        report.write(kind.name, text)


def _measure(kind: type[Benchmark], size: int, runs: int, peers: int) -> Results:
    results = Results(size)
    with server() as running:
        benchmark = kind(running, size)
        try:
            _say(f"{kind.name}: making {size:,} {kind.what}")
            benchmark.prepare()
            for number in range(1, runs + 1):
                benchmark.begin_pair(number)
                for side in ("limit", "ours", *(kind.peers if number <= peers else ())):
                    benchmark.before(side)
                    running.quiet()
                    run: Run = getattr(benchmark, side)()
                    results.runs.setdefault(side, []).append(run)
                    _say(f"{kind.name}: run {number}: {side} {run.seconds:.2f} s")
                    if number == (min(peers, runs) if side in kind.peers else runs):
                        _say(f"{kind.name}: hashing what {side} wrote")
                        results.contents[side] = benchmark.content(side)
                        results.truths[side] = benchmark.truth(side)
        finally:
            benchmark.close()
    return results


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
