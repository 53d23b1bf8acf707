"""Secrets of the embedded deployment: made once, kept in one file that only its owner can read.

A server deployment gives its secrets by the environment instead; then this file is never made.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path

from moshtari.atomic import write_atomically


class SecretStore:
    """A name -> secret mapping in a JSON file of mode 0600.

    The environment wins: ``MOSHTARI_SECRET_<NAME>`` is used when it is set.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def get(self, name: str) -> str:
        """The secret called ``name``; made and kept on first use."""
        from_environment = os.environ.get(f"MOSHTARI_SECRET_{name.upper()}")
        if from_environment:
            return from_environment
        known = self._read()
        if name not in known:
            known[name] = _new_secret(name)
            self._write(known)
            known = self._read()
        return known[name]

    def _read(self) -> dict[str, str]:
        if not self._file.exists():
            return {}
        content: dict[str, str] = json.loads(self._file.read_text(encoding="utf-8"))
        return content

    def _write(self, content: dict[str, str]) -> None:
        def write(path: Path) -> None:
            # What another process has written meanwhile is kept.
            text = json.dumps({**content, **self._read()}, indent=2, sort_keys=True)
            path.write_text(text, encoding="utf-8")

        write_atomically(self._file, write)


def _new_secret(name: str) -> str:
    if name == "fernet_key":
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    # Tokens are signed with SHA-512, whose key should have 64 bytes or more.
    return secrets.token_urlsafe(64 if name == "jwt_secret" else 24)
