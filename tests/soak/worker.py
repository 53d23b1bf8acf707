"""The process that lands: forked off one that has everything imported, so that many can be killed.

It says when it begins and how it ended. A defect of ours (any error that is not told as a failure
of source, landing or configuration) is told as one, with its traceback.
"""

from __future__ import annotations

import multiprocessing
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from moshtari.landing import extract as extracting
from moshtari.landing import families, replay
from moshtari.landing.errors import ExtractError, LandingError
from moshtari.landing.quarantine import Selection
from moshtari.settings import Deployment, Settings
from moshtari.sources.abilities import KeyedSource
from moshtari.sources.base import Source, SourceError

# Of the seconds that a client waits between two tries, these are waited.
_HASTE = 0.01
_PATIENCE = 120

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        "__main__",
        __name__,
        "duckdb",
        "pyarrow.csv",
        *(f"moshtari.sources.{kind}" for kind in ("postgres", "mysql", "files")),
        *(f"moshtari.sources.{kind}" for kind in ("zendesk", "woocommerce", "mastodon")),
    ]
)


@dataclass(frozen=True)
class Task:
    """One call of what a DAG or the command line calls."""

    settings: Settings
    deployment: Deployment
    source: str
    family: str
    day: date
    kind: str = "extract"


@dataclass(frozen=True)
class Ended:
    """`landed`, `failed`, `broke down`, or `killed` before it said anything."""

    how: str
    told: str = ""


class Worker:
    """A process at its task."""

    def __init__(self, task: Task) -> None:
        self._ours, theirs = _context.Pipe(duplex=False)
        self.process: BaseProcess = _context.Process(target=_work, args=(task, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def await_beginning(self) -> bool:
        """Whether it came so far as to begin."""
        try:
            return self._ours.poll(_PATIENCE) and self._ours.recv() == "begins"
        except EOFError:
            return False

    def ended(self) -> Ended:
        """How it ended, once it has. Raises TimeoutError when it never does."""
        try:
            while self._ours.poll(_PATIENCE):
                told = self._ours.recv()
                if isinstance(told, Ended):
                    self.process.join()
                    return told
            self.process.kill()
            raise TimeoutError(f"a landing process did not end in {_PATIENCE} s")
        except EOFError:
            self.process.join()
            return Ended("killed")
        finally:
            self._ours.close()


def _work(task: Task, say: Connection) -> None:
    for module in (extracting, replay):
        vars(module)["configured_source"] = _hasty
    say.send("begins")
    try:
        _DO[task.kind](task)
    except (ExtractError, SourceError, LandingError) as error:
        is_defect = "broke down" in str(error)
        say.send(Ended("broke down" if is_defect else "failed", str(error)))
    except BaseException:
        say.send(Ended("broke down", traceback.format_exc()))
    else:
        say.send(Ended("landed"))


def _extract(task: Task) -> None:
    extracting.extract(task.settings, task.deployment, task.source, task.family, task.day)


def _replay(task: Task) -> None:
    replay.replay(task.settings, task.deployment, Selection(source=task.source))


def _reconcile(task: Task) -> None:
    """What was deleted, where the source can list what it has."""
    if isinstance(families.configured_source(task.deployment, task.source), KeyedSource):
        extracting.reconcile(task.settings, task.deployment, task.source, None, task.day)


_DO: dict[str, Callable[[Task], None]] = {
    "extract": _extract,
    "replay": _replay,
    "reconcile": _reconcile,
}


def _hasty(deployment: Deployment, name: str) -> Source:
    source: Any = families.configured_source(deployment, name)
    if hasattr(source, "_sleep"):
        source._sleep = lambda seconds: time.sleep(seconds * _HASTE)
    return source
