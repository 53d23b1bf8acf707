"""SFTP as fsspec has it, but with servers that are known, and silences that end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import paramiko
from fsspec.implementations.sftp import SFTPFileSystem

_CONNECT_SECONDS = 30
_SILENCE_SECONDS = 120


class UnknownHostError(Exception):
    """The server has shown a key that nobody has vouched for."""


class _Refuse(paramiko.MissingHostKeyPolicy):
    def missing_host_key(
        self, _client: paramiko.SSHClient, _hostname: str, _key: paramiko.PKey
    ) -> None:
        raise UnknownHostError


class SFTP(SFTPFileSystem):  # type: ignore[misc]  # fsspec has no types
    """fsspec's own accepts any server, and so would hand the login to one in the middle.

    `known_hosts` names a file of server keys beside the user's and the system's.
    """

    def _connect(self) -> None:
        options: dict[str, Any] = {"timeout": _CONNECT_SECONDS, **self.ssh_kwargs}
        known = options.pop("known_hosts", None)
        self.client = paramiko.SSHClient()
        self.client.load_system_host_keys()
        if known is not None:
            self.client.load_system_host_keys(str(Path(known).expanduser()))
        self.client.set_missing_host_key_policy(_Refuse())
        try:
            self.client.connect(self.host, **options)
            self.ftp = self.client.open_sftp()
            channel = self.ftp.get_channel()
            assert channel is not None
            channel.settimeout(_SILENCE_SECONDS)
        except BaseException:
            self.client.close()
            raise
