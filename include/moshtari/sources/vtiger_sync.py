"""Vtiger's web service: a session that is renewed when it ends, and the `sync` of one module."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any, Generic, TypeVar

import msgspec

from moshtari.sources.base import SourceError
from moshtari.sources.http import HttpClient, follow

PATH = "/webservice.php"
Result = TypeVar("Result")

_SESSION_OVER = {
    "INVALID_SESSIONID",
    "SESSION_EXPIRED",
    "SESSION_LEFT_IDLE",
    "AUTHENTICATION_REQUIRED",
}
_PASSING = {"INTERNAL_SERVER_ERROR", "DATABASE_QUERY_ERROR"}
_REMEDIES = {
    "ACCESS_DENIED": "Use the access key of an administrator: others see their own records only",
    "ACCESSKEY_UNDEFINED": "Give the user an access key, in its preferences",
    "INVALID_USER_CREDENTIALS": "See that username and access_key are right and the user is active",
    "INVALID_AUTH_TOKEN": "See that nothing else logs in as this user at the same moment",
    "AUTHENTICATION_REQUIRED": "See that no proxy takes parameters away from the address",
}
_ASK = "Run the load again; if it goes on, ask whoever runs Vtiger"
# A login of the same user elsewhere takes a challenge away before it is answered.
_CHALLENGES = 3
_LONG_AFTER = 4_102_444_800


class Failure(msgspec.Struct):
    """What went wrong. Its message is not repeated: it may name people."""

    code: str = "no code"


class Answered(msgspec.Struct):
    """Every answer, with status 200 whether it succeeded or not."""

    success: bool
    error: Failure | None = None

    @property
    def code(self) -> str:
        return (self.error or Failure()).code


class Envelope(Answered, Generic[Result]):
    """An answer whose result is decoded with it."""

    result: Result | None = None


class RawEnvelope(Answered):
    """An answer whose result is kept as received."""

    result: msgspec.Raw = msgspec.Raw()


class Challenge(msgspec.Struct):
    """The answer to `getchallenge`."""

    token: str


class Login(msgspec.Struct):
    """The answer to `login`; one of the two names the session, by version."""

    sessionName: str = ""  # noqa: N815 - Vtiger's name
    sessionId: str = ""  # noqa: N815


class DescribedField(msgspec.Struct):
    """A field of a module."""

    name: str


class Description(msgspec.Struct):
    """The answer to `describe`."""

    fields: list[DescribedField]


class Updates(msgspec.Struct):
    """The answer to `sync`: all that was changed past the time asked for, up to the time told."""

    updated: list[msgspec.Raw]
    deleted: list[str]
    more: bool
    lastModifiedTime: int  # noqa: N815


def passing_fault(answer: object) -> str | None:
    """What another try may mend in an answer that came with status 200."""
    if isinstance(answer, Answered) and not answer.success and answer.code in _PASSING:
        return f"status 200 with the error {answer.code}"
    return None


class Session:
    """Calls on behalf of one user. A session that has ended is renewed, and the call repeated."""

    def __init__(self, source: str, client: HttpClient, username: str, access_key: str) -> None:
        self._source, self._client = source, client
        self._username, self._access_key = username, access_key
        self._name: str | None = None
        # A page is fetched ahead while the one before it asks for more about its records.
        self._lock = Lock()

    def call(
        self,
        entity: str,
        operation: str,
        parameters: Mapping[str, str | int],
        shape: type[Result],
    ) -> Result:
        """The result of an operation. Raises SourceError."""
        with self._lock:
            while True:
                is_new = self._name is None
                name = self._name or self._login(entity)
                self._name = name
                query = {"operation": operation, "sessionName": name, **parameters}
                kind: Any = RawEnvelope if shape is msgspec.Raw else Envelope[shape]  # type: ignore[valid-type]
                answer = self._client.get(entity, PATH, query, kind).body
                if answer.success and answer.result:
                    result: Result = answer.result
                    return result
                if is_new or answer.code not in _SESSION_OVER:
                    raise self._refused(entity, operation, answer.code)
                self._name = None

    def _login(self, entity: str) -> str:
        code = ""
        for _ in range(_CHALLENGES):
            query = {"operation": "getchallenge", "username": self._username}
            asked = self._client.get(entity, PATH, query, Envelope[Challenge]).body
            if not asked.success or asked.result is None:
                raise self._refused(entity, "getchallenge", asked.code)
            key = asked.result.token + self._access_key
            form = {
                "operation": "login",
                "username": self._username,
                # What the protocol asks for; the token keeps it from being used twice.
                "accessKey": hashlib.md5(key.encode(), usedforsecurity=False).hexdigest(),
            }
            answer = self._client.post(entity, PATH, form, Envelope[Login]).body
            if answer.success and answer.result is not None:
                name = answer.result.sessionName or answer.result.sessionId
                if name:
                    return name
            code = answer.code
            if code != "INVALID_AUTH_TOKEN":
                break
        raise self._refused(entity, "login", code)

    def _refused(self, entity: str, operation: str, code: str) -> SourceError:
        what = f"{PATH} refused {operation} ({code})"
        return SourceError(self._source, entity, what, f"{_REMEDIES.get(code, _ASK)}.")


class Sync:
    """All changes of one module's records, in the order of their times."""

    def __init__(self, source: str, entity: str, session: Session, module: str) -> None:
        self._source, self._entity, self._session = source, entity, session
        self._module = module

    def batches(self, after: int, before: int) -> Iterator[tuple[int, Updates]]:
        """Batches with all that changed past ``after`` and before ``before``, in Unix time.

        With each comes the time past which it begins. What changed later may come too, but for
        deletions. Raises SourceError.
        """

        def fetch(since: int) -> tuple[tuple[int, Updates], int | None]:
            found = self.past(since)
            if found.lastModifiedTime >= before:
                return (since, self._without_later_deletions(found, before)), None
            return (since, found), found.lastModifiedTime if found.more else None

        return follow(fetch, after, self._loop)

    def past(self, since: int = _LONG_AFTER) -> Updates:
        """One batch: at least a hundred records if there are as many, and all of a second."""
        query: dict[str, str | int] = {"modifiedTime": since, "elementType": self._module}
        # Any other kind of sync gives the records that the user owns, and hides the rest.
        query["syncType"] = "application"
        return self._session.call(self._entity, "sync", query, Updates)

    def is_deleted_past(self, key: str, since: int) -> bool:
        """Whether a record was deleted past a time."""
        return any(key in found.deleted for _, found in self.batches(since, _LONG_AFTER))

    def described(self) -> set[str]:
        """Names of the module's fields that the user may see."""
        query = {"elementType": self._module}
        found = self._session.call(self._entity, "describe", query, Description)
        return {field.name for field in found.fields}

    def _without_later_deletions(self, found: Updates, before: int) -> Updates:
        """The batch less what was deleted from ``before`` on: a deletion does not tell its time."""
        if found.deleted:
            later = set(self.past(before - 1).deleted)
            found.deleted = [key for key in found.deleted if key not in later]
        return found

    def _loop(self) -> SourceError:
        what = f"{PATH}: sync leads back to a time that it already gave, so it would never end"
        remedy = "See that the server's clock and time zone are right, and run the load again."
        return SourceError(self._source, self._entity, what, remedy)
