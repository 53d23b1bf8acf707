"""Stores of files on loopback: moto's S3, an SFTP server of paramiko, and a line that breaks."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import paramiko
from moto.server import ThreadedMotoServer
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED

HOST = "127.0.0.1"
USER, PASSWORD = "warehouse", "open-sesame"


@contextmanager
def s3_server() -> Iterator[str]:
    """An empty S3; gives its address."""
    server = ThreadedMotoServer(HOST, 0, verbose=False)
    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        # What it holds is the process's, not the server's.
        httpx.post(f"{endpoint}/moto-api/reset")
        yield endpoint
    finally:
        server.stop()


def s3_options(endpoint: str, **more: Any) -> dict[str, Any]:
    """What a deployment says of that S3."""
    return {
        "key": USER,
        "secret": PASSWORD,
        "client_kwargs": {"endpoint_url": endpoint},
        **more,
    }


@dataclass
class Line:
    """A TCP line to a server; while `cut_after` is set, each answer breaks off behind it.

    `cuts` counts how often that happened. With `stays_open` the line is not cut then: nothing more
    of the answer comes through.
    """

    target: tuple[str, int]
    port: int = 0
    cut_after: int | None = None
    stays_open: bool = False
    cuts: int = 0
    _open: set[socket.socket] = field(default_factory=set)

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(self.target)
            self._open |= {near, far}
            threading.Thread(target=self._relay, args=(near, far), daemon=True).start()

    def _relay(self, near: socket.socket, far: socket.socket) -> None:
        """Both ways, until either has ended."""
        asking = threading.Thread(target=self._pump, args=(near, far, False), daemon=True)
        asking.start()
        self._pump(far, near, True)
        asking.join()
        for end in (near, far):
            end.close()
            self._open.discard(end)

    def _pump(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        passed, is_cut = 0, False
        with suppress(OSError):
            while data := source.recv(4096):
                if is_cut:
                    continue
                passed += len(data)
                if is_answer and self.cut_after is not None and passed > self.cut_after:
                    sink.sendall(data[: self.cut_after - passed])
                    self.cuts += 1
                    if not self.stays_open:
                        break
                    is_cut = True
                else:
                    sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for end in list(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def line_to(host: str, port: int) -> Iterator[Line]:
    with socket.create_server((HOST, 0)) as listener:
        line = Line((host, port), listener.getsockname()[1])
        thread = threading.Thread(target=line.serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield line
        finally:
            # Closing alone would leave the thread in its accept.
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            line.close()


class _Login(paramiko.ServerInterface):
    def check_auth_password(self, username: str, password: str) -> int:
        return AUTH_SUCCESSFUL if (username, password) == (USER, PASSWORD) else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def get_allowed_auths(self, username: str) -> str:
        return "password"


class _Files(paramiko.SFTPServerInterface):
    """The files below a folder, to read only."""

    folder: Path

    def _real(self, path: str) -> Path:
        return self.folder / path.lstrip("/")

    def _told(self, attempt: Any) -> Any:
        try:
            return attempt()
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def list_folder(self, path: str) -> Any:
        def attempt() -> list[paramiko.SFTPAttributes]:
            return [
                paramiko.SFTPAttributes.from_stat(entry.lstat(), entry.name)
                for entry in self._real(path).iterdir()
            ]

        return self._told(attempt)

    def stat(self, path: str) -> Any:
        return self._told(lambda: paramiko.SFTPAttributes.from_stat(self._real(path).stat()))

    def lstat(self, path: str) -> Any:
        return self._told(lambda: paramiko.SFTPAttributes.from_stat(self._real(path).lstat()))

    def open(self, path: str, flags: int, attr: Any) -> Any:
        def attempt() -> paramiko.SFTPHandle:
            file = os.fdopen(os.open(self._real(path), flags), "rb")
            handle = paramiko.SFTPHandle(flags)
            handle.readfile = file  # type: ignore[attr-defined]
            return handle

        return self._told(attempt)


@contextmanager
def sftp_server(folder: Path, known_hosts: Path) -> Iterator[int]:
    """Serve a folder; gives the port, and writes the server's key where clients look for it."""
    key = paramiko.RSAKey.generate(2048)
    files = type("_FilesOfFolder", (_Files,), {"folder": folder})
    transports: list[paramiko.Transport] = []

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transports.append(transport)
            transport.add_server_key(key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, files)
            # A client that does not like the key is gone before the two have agreed.
            with suppress(paramiko.SSHException, EOFError, OSError):
                transport.start_server(server=_Login())

    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        known_hosts.write_text(f"[{HOST}]:{port} ssh-rsa {key.get_base64()}\n")
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield port
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for transport in transports:
                transport.close()


def know(known_hosts: Path, port: int) -> None:
    """Let the only known server be known at another port too."""
    host, kind, key = known_hosts.read_text().split()
    known_hosts.write_text(f"{host} {kind} {key}\n[{HOST}]:{port} {kind} {key}\n")
