"""Background processes are known by pid and start time, and end with their children."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from moshtari.operations.processes import Process, claim

_PARENT = (
    "import subprocess, sys, time;"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print(child.pid, flush=True); time.sleep(60)"
)


def started(tmp_path: Path) -> Process:
    process = Process("worker", tmp_path)
    process.start([sys.executable, "-c", _PARENT], dict(os.environ))
    for _attempt in range(200):
        if process.last_words():
            break
        time.sleep(0.05)
    return process


def test_a_process_ends_with_its_children(tmp_path: Path) -> None:
    process = started(tmp_path)
    child = int(process.last_words())
    assert process.running()
    assert process.stop()
    assert not process.running()
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie"
    assert not process.stop()


def test_starting_twice_starts_once(tmp_path: Path) -> None:
    process = started(tmp_path)
    pid = (tmp_path / "worker.pid").read_text()
    process.start([sys.executable, "-c", _PARENT], dict(os.environ))
    assert (tmp_path / "worker.pid").read_text() == pid
    process.stop()


def test_a_pid_that_is_anothers_now_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (tmp_path / "worker.pid").write_text(f"{stranger.pid} 1.0")
    process = Process("worker", tmp_path)
    assert not process.running()
    assert not process.stop()
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_a_claim_is_held_by_the_living_only(tmp_path: Path) -> None:
    file = tmp_path / "run" / "demo.pid"
    holder = subprocess.Popen(
        [
            sys.executable, "-c",
            "import sys, time; from pathlib import Path;"
            "from moshtari.operations.processes import claim;"
            "assert claim(Path(sys.argv[1])) is None; print('held', flush=True); time.sleep(60)",
            str(file),
        ],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert claim(file) == holder.pid
    holder.kill()
    holder.wait()
    assert claim(file) is None
    assert claim(file) == os.getpid()
