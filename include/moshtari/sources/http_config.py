"""What the YAML says of a server that is asked over HTTP: its address, and how patient to be."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field


class HttpPolicy(BaseModel):
    """How patient a source is with its server; the `http` block of its part of the YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout_seconds: float = Field(default=30, gt=0, le=600)
    """Longest silence of the server, to connect or between two pieces of an answer."""
    answer_seconds: float = Field(default=300, gt=0, le=3600)
    """Longest time one whole answer may take."""
    tries: int = Field(default=6, ge=1, le=20)
    """How often one request is sent before it counts as failed."""
    longest_wait_seconds: float = Field(default=330, ge=0, le=3600)
    """Longest wait that a server may ask for (Retry-After) before the load gives up."""

    def patience(self, tries: int | None) -> HttpPolicy:
        """This policy with at most ``tries`` tries: a check shall not wait as long as a load."""
        return self.model_copy(update={"tries": min(self.tries, tries or self.tries)})


def checked_base_url(value: str) -> str:
    """The base URL without a trailing slash.

    Raises ValueError for what is no http(s) URL, holds credentials, or would send a token in the
    clear over a network.
    """
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("write it as https://host")
    if url.username or url.password or url.query or url.fragment:
        raise ValueError("write scheme, host and path only; credentials have keys of their own")
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise ValueError("use https: http would send the credentials in the clear")
    return value.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether the host name is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
