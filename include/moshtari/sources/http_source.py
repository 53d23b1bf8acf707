"""What the readers of HTTP services share: how they are made, and a line of their check."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from moshtari.sources.base import CheckResult, SourceContext, SourceError
from moshtari.sources.http import HttpClient, Parameters
from moshtari.sources.http_config import HttpPolicy

Shape = TypeVar("Shape")


class Service(Protocol):
    """What the YAML says of any such service."""

    @property
    def base_url(self) -> str: ...

    @property
    def http(self) -> HttpPolicy: ...

    @property
    def lookback_hours(self) -> float: ...


Settings = TypeVar("Settings", bound=Service)


class HttpSource(Generic[Settings]):
    """A reader of one service. `sleep` is how a wait is spent."""

    def __init__(
        self,
        name: str,
        config: Settings,
        context: SourceContext,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name, self.lookback_hours = name, config.lookback_hours
        self._config, self._sleep = config, sleep

    def replays_anew(self, entity: str) -> bool:
        """Records are kept whole, so they are decoded again as they were."""
        return False

    def _checked(
        self,
        client: HttpClient,
        what: str,
        path: str,
        parameters: Parameters,
        shape: type[Shape],
        shown: str | Callable[[Shape], str | tuple[str, str]],
    ) -> CheckResult:
        """What one request shows: ``shown``, or what that tells of the answer.

        It tells of a fault with its remedy.
        """
        name = f"{self.name}: {what}"
        try:
            answer = client.get(None, path, parameters, shape).body
        except SourceError as error:
            return CheckResult(name, False, error.what, error.remedy)
        told = shown if isinstance(shown, str) else shown(answer)
        return (
            CheckResult(name, True, told)
            if isinstance(told, str)
            else CheckResult(name, False, *told)
        )
