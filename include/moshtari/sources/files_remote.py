"""Files behind an address that fsspec understands: S3, Google Cloud Storage, SFTP and others.

A store that gives objects an ETag changes it with every write, so ETag and size tell whether an
object is the one that was landed. They are no checksum of its bytes (those of a multipart upload
hash its parts), so the SHA-256 is taken while the bytes arrive and goes into the ledger beside
them. Where there is no ETag (SFTP) a time of change of whole seconds would not do: each file is
read to be hashed on every night, and once more when it is new.

An object is read from a private copy that is gone when its rows are staged.
"""

from __future__ import annotations

import errno
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec

from moshtari.sources.base import Origin
from moshtari.sources.files_places import PlaceError, has_changed, holds_nothing, is_finished
from moshtari.sources.files_remote_errors import told

_BLOCK = 8 << 20
_PIECE = 1 << 20
# Requests that may be under way at once over SFTP, of 32 KB each.
_AHEAD = 64


class RemotePlace:
    """The objects behind one address; connects when first asked. Not for several threads."""

    def __init__(self, configured: str, options: dict[str, Any]) -> None:
        parts = urlsplit(configured)
        self._scheme = parts.scheme.lower()
        # Without the user's name.
        self._host = parts.netloc.rpartition("@")[2]
        self._address = configured
        self._options = options
        self._configured = f"{self._scheme}://{self._host}{parts.path}"
        self._opened: Any = None
        self._found: dict[str, dict[str, Any]] = {}
        self._hashes: dict[tuple[str, str], str] = {}

    def paths(self) -> list[str]:
        with told(self._configured):
            system = self._system()
            system.invalidate_cache()
            infos = self._listed(system)
            # What a list says of a link is about the link itself.
            infos = [system.info(i["name"]) if i["type"] == "link" else i for i in infos]
        self._found = {
            self._shown(info["name"]): info
            for info in infos
            if info["type"] == "file" and is_finished(info["name"].rpartition("/")[2])
        }
        if not self._found:
            with told(self._configured):
                # A pattern over what is not there, or may not be listed, is empty as well.
                system.ls(self._root(system), detail=True)
            raise holds_nothing(self._configured)
        return sorted(self._found)

    def origin(self, path: str) -> Origin:
        info = self._found.get(path) or self._info(path)
        stamp = _stamp(info)
        if stamp is not None:
            return Origin(path, info["size"], stamp)
        size, sha256 = self._stream(path, info, lambda _piece: None)
        return Origin(path, size, sha256)

    @contextmanager
    def local(self, origin: Origin) -> Iterator[Path]:
        info = self._info(origin.path)
        self._unchanged(origin, info)
        with tempfile.TemporaryDirectory(prefix="moshtari-files-") as folder:
            copy = Path(folder) / "object"
            with copy.open("wb") as file:
                size, sha256 = self._stream(origin.path, info, file.write)
            self._unchanged(origin, self._info(origin.path))
            if size != origin.size or (_stamp(info) is None and sha256 != origin.checksum):
                raise has_changed(origin.path)
            self._hashes[origin.path, origin.checksum] = sha256
            yield copy

    def checksums(self, origin: Origin) -> dict[str, str]:
        found = self._hashes.get((origin.path, origin.checksum))
        return {} if found is None else {"sha256": found}

    def close(self) -> None:
        client = getattr(self._opened, "client", None)
        if client is not None:
            client.close()
        self._opened = None

    def _system(self) -> Any:
        if self._opened is None:
            kind = fsspec.get_filesystem_class(self._scheme)
            if self._scheme in ("sftp", "ssh"):
                from moshtari.sources.files_sftp import SFTP

                kind = SFTP
            given = {**kind._get_kwargs_from_urls(self._address), **self._options}
            self._opened = kind(skip_instance_cache=True, **given)
        return self._opened

    def _listed(self, system: Any) -> list[dict[str, Any]]:
        path = system._strip_protocol(self._address)
        if any(sign in path for sign in "*?["):
            return list(system.glob(path, detail=True).values())
        info = system.info(path)
        return list(system.ls(path, detail=True)) if info["type"] == "directory" else [info]

    def _root(self, system: Any) -> str:
        """The longest folder of the address that is no pattern."""
        parts: list[str] = []
        for part in system._strip_protocol(self._address).split("/"):
            if any(sign in part for sign in "*?["):
                break
            parts.append(part)
        return "/".join(parts) or "/"

    def _info(self, path: str) -> dict[str, Any]:
        with told(path):
            system = self._system()
            system.invalidate_cache()
            info: dict[str, Any] = system.info(system._strip_protocol(path))
            return info

    def _unchanged(self, origin: Origin, info: dict[str, Any]) -> None:
        stamp = _stamp(info)
        if stamp != origin.checksum if stamp else info["size"] not in (None, origin.size):
            raise has_changed(origin.path)

    def _stream(
        self, path: str, info: dict[str, Any], take: Callable[[bytes], object]
    ) -> tuple[int, str]:
        """All bytes of an object, hashed as they arrive; gives size and SHA-256."""
        digest = hashlib.sha256()
        size = 0
        try:
            with told(path), self._system().open(info["name"], "rb", block_size=_BLOCK) as stream:
                if hasattr(stream, "prefetch"):
                    stream.prefetch(info["size"], _AHEAD)
                while piece := stream.read(_PIECE):
                    digest.update(piece)
                    take(piece)
                    size += len(piece)
        except PlaceError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EBUSY:
                # s3fs asks for the version that it opened, and this is how it says: it is gone.
                raise has_changed(path) from error
            raise
        if info["size"] is not None and size < info["size"]:
            raise PlaceError(
                f"{path}: only {size} of {info['size']} bytes arrived", "Run the day again"
            )
        return size, digest.hexdigest()

    def _shown(self, name: str) -> str:
        """An object's address, from the name that its file system knows it by."""
        if "://" in name:
            return name
        path = name.lstrip("/")
        # Buckets are part of a name, hosts are not.
        if self._host and path.partition("/")[0] != self._host:
            return f"{self._scheme}://{self._host}/{path}"
        return f"{self._scheme}://{path}" if self._host else f"{self._scheme}:///{path}"


def _stamp(info: dict[str, Any]) -> str | None:
    """What changes with every write of an object, if its store has that."""
    etag = next((v for k, v in info.items() if k.lower() == "etag" and v), None)
    # A weak one may stay when bytes change.
    if etag is None or info.get("size") is None or str(etag).startswith("W/"):
        return None
    plain = str(etag).strip('"')
    return f"etag {plain} {info['size']}"
