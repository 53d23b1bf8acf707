"""Where files are: which there are, in which state, and one of them as a file of this machine."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from moshtari.sources.base import Origin
from moshtari.sources.files_bytes import checksum

_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload")


class PlaceError(Exception):
    """Files cannot be listed or had. `what` and `remedy` go into a SourceError."""

    def __init__(self, what: str, remedy: str) -> None:
        self.what, self.remedy = what, remedy
        super().__init__(f"{what}. {remedy}")


class Place(Protocol):
    """A file, the files of a pattern, or those of a folder."""

    def paths(self) -> list[str]:
        """The finished files as they are shown, sorted. PlaceError if there are none."""

    def origin(self, path: str) -> Origin:
        """A file's state now."""

    def local(self, origin: Origin) -> AbstractContextManager[Path]:
        """The file to read. PlaceError, at the end too, if it is no longer what `origin` says."""

    def checksums(self, origin: Origin) -> dict[str, str]:
        """What else is known of a file that was read, for the ledger."""

    def close(self) -> None:
        """Let go of connections."""


def is_finished(name: str) -> bool:
    """Whether a file's name says that it is whole, and not hidden."""
    return not name.startswith(".") and Path(name).suffix not in _UNFINISHED


def has_changed(path: str) -> PlaceError:
    """The error of a file that is no longer what it was when it was found."""
    return PlaceError(
        f"{path} has changed while it was being read",
        "Write files under another name (.part) and rename them when complete; run again",
    )


def holds_nothing(configured: str) -> PlaceError:
    """The error of a place without files."""
    return PlaceError(
        f"{configured} holds no file", "Mend `path`; leave files that were loaded in their place"
    )


class LocalPlace:
    """Files of this machine; a relative path starts at the YAML's folder."""

    def __init__(self, configured: str, directory: Path) -> None:
        self._configured = configured
        self._directory = directory
        self._checksums: dict[Path, tuple[tuple[int, int], str]] = {}

    def paths(self) -> list[str]:
        configured = self._directory / self._configured
        if glob.has_magic(self._configured):
            found = [Path(path) for path in glob.glob(str(configured), recursive=True)]
        elif configured.is_dir():
            found = list(configured.iterdir())
        elif configured.is_file():
            return [self._shown(configured)]
        else:
            raise PlaceError(
                f"there is no file or folder {self._configured}",
                "Put it there, or mend `path` (relative to the YAML)",
            )
        files = sorted(path for path in found if path.is_file() and is_finished(path.name))
        if not files:
            raise holds_nothing(self._configured)
        return [self._shown(path) for path in files]

    def origin(self, path: str) -> Origin:
        file = self._directory / path
        try:
            state = _state(file)
            known = self._checksums.get(file)
            if known is None or known[0] != state:
                self._checksums[file] = (state, checksum(file))
        except OSError as error:
            raise _unreadable(path, error) from error
        return Origin(path, state[0], self._checksums[file][1])

    @contextmanager
    def local(self, origin: Origin) -> Iterator[Path]:
        file = self._directory / origin.path
        if self.origin(origin.path) != origin:
            raise has_changed(origin.path)
        try:
            yield file
            if _state(file) != self._checksums[file][0]:
                raise has_changed(origin.path)
        except OSError as error:
            raise _unreadable(origin.path, error) from error

    def checksums(self, _origin: Origin) -> dict[str, str]:
        return {}

    def close(self) -> None:
        pass

    def _shown(self, path: Path) -> str:
        """The path as the YAML means it: relative to it, unless configured as absolute."""
        if Path(self._configured).is_absolute():
            return path.as_posix()
        return Path(os.path.relpath(path, self._directory)).as_posix()


def _unreadable(path: str, error: OSError) -> PlaceError:
    return PlaceError(
        f"{path} cannot be read ({error.strerror or type(error).__name__})",
        "Check that it is there and may be read by this user",
    )


def _state(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns
