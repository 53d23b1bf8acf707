"""Background processes by name: started detached, known by pid files, stopped by pid."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Process:
    """A background process called ``name``, whose pid and log are kept in ``folder``."""

    name: str
    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def _pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"

    def _running(self) -> psutil.Process | None:
        try:
            pid, created = self._pid_file.read_text().split()
            process = psutil.Process(int(pid))
            # A pid is used again after a restart of the machine: the start time tells them apart.
            same = abs(process.create_time() - float(created)) < 1
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except (FileNotFoundError, ValueError, psutil.Error):
            return None

    def running(self) -> bool:
        return self._running() is not None

    def start(self, command: list[str], env: dict[str, str]) -> None:
        """Start ``command`` detached from this terminal unless it is up already."""
        if self.running():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                command, env=env, cwd="/", stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        created = psutil.Process(child.pid).create_time()
        self._pid_file.write_text(f"{child.pid} {created}")

    def stop(self, patience: float = 10) -> bool:
        """End the process and all its children; returns whether there was one to end."""
        parent = self._running()
        if parent is None:
            self._pid_file.unlink(missing_ok=True)
            return False
        family = [parent, *parent.children(recursive=True)]
        parent.send_signal(signal.SIGTERM)
        _gone, alive = psutil.wait_procs(family, timeout=patience)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        _gone, alive = psutil.wait_procs(alive, timeout=5)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._pid_file.unlink(missing_ok=True)
        return True

    def last_words(self, lines: int = 5) -> str:
        """The end of the log, for an error message."""
        if not self.log.exists():
            return ""
        return " | ".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def claim(file: Path) -> int | None:
    """Write this process's pid to ``file``; returns the pid of a live holder instead, if any."""
    file.parent.mkdir(parents=True, exist_ok=True)
    for _attempt in range(3):
        try:
            handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            holder = _holder(file)
            if holder is not None:
                return holder
            file.unlink(missing_ok=True)
            time.sleep(0.05)
            continue
        me = psutil.Process()
        os.write(handle, f"{me.pid} {me.create_time()}".encode())
        os.close(handle)
        return None
    return _holder(file)


def _holder(file: Path) -> int | None:
    return int(file.read_text().split()[0]) if Process(file.stem, file.parent).running() else None
