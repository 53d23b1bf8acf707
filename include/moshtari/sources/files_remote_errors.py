"""What file systems raise, as what a person can do about it.

Messages of theirs may hold addresses, keys and answers of servers, so none is passed on.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from moshtari.sources.files_places import PlaceError

# By name: a store's library is imported only where it is used.
_NO_LOGIN = {
    "NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError",
    "AuthenticationException", "PasswordRequiredException", "BadAuthenticationType",
    "TokenRetrievalError", "ProfileNotFound",
}  # fmt: skip
_CUT = {
    "EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError",
    "HTTPClientError", "ResponseStreamingError", "IncompleteReadError", "IncompleteRead",
    "ClientPayloadError", "ClientConnectorError", "ServerDisconnectedError", "SSHException",
    "NoValidConnectionsError", "ChannelException", "FSTimeoutError", "gaierror",
}  # fmt: skip
# paramiko's words, if it asks on after the connection was lost.
_CLOSED = "Socket is closed"
_STRANGER = {"BadHostKeyException", "UnknownHostError"}


@contextmanager
def told(place: str) -> Iterator[None]:
    """Run a file system's calls; PlaceError, naming `place`, for whatever they raise."""
    try:
        yield
    except PlaceError:
        raise
    except Exception as error:  # every file system has errors of its own
        raise _place_error(place, error) from error


def _place_error(place: str, error: Exception) -> PlaceError:
    names = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return PlaceError(
            f"there is no file, folder or bucket {place}",
            "Put it there, or mend `path` (and the endpoint or host in `storage_options`)",
        )
    if isinstance(error, PermissionError) or names & _NO_LOGIN:
        return PlaceError(
            f"{place}: access is denied",
            "Give the login of `storage_options` the right to list and read, "
            "and check its key and secret in the environment",
        )
    if names & _STRANGER:
        return PlaceError(
            f"{place}: the server's key is not the known one",
            "Put the server's key into ~/.ssh/known_hosts, or name a file with it by "
            "`storage_options.known_hosts`",
        )
    if isinstance(error, ImportError):
        return PlaceError(
            f"{place}: what reads such addresses is not installed ({error.name or 'a package'})",
            "Install it, such as by `pip install moshtari[gcs]` for gs://",
        )
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return PlaceError(
            f"{place}: no space is left for a copy of it",
            "Make room where TMPDIR points, or point it elsewhere",
        )
    is_closed = isinstance(error, OSError) and str(error) == _CLOSED
    if isinstance(error, ConnectionError | TimeoutError | EOFError) or names & _CUT or is_closed:
        return PlaceError(
            f"{place}: the connection failed or was cut off ({type(error).__name__})",
            "See that the server is up and `storage_options` names it rightly; run the day again",
        )
    if isinstance(error, TypeError | ValueError):
        return PlaceError(
            f"{place}: the address or `storage_options` are not understood "
            f"({type(error).__name__})",
            "Mend them; docs/sources/files.md shows some",
        )
    return PlaceError(
        f"{place} cannot be read ({type(error).__name__})",
        "Check the address, `storage_options` and the rights of its login; run the day again",
    )
