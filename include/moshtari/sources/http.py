"""A thin client for JSON over HTTP: what every source that speaks it needs, and nothing more.

httpx carries the requests, tenacity tries again, msgspec decodes. A request that fails in passing
(timeout, connection lost, 5xx, 429, a cut or malformed answer, a web page instead of JSON) is sent
again with exponential back-off and jitter, or when the server says so; after the last try it is a
`SourceError`.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache, partial
from typing import Generic, TypeAlias, TypeVar, cast
from urllib.parse import parse_qs, urlsplit

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential_jitter,
)

from moshtari.sources.base import SourceError
from moshtari.sources.http_config import HttpPolicy, is_loopback
from moshtari.sources.json_records import UnreadablePageError, decode_page

Parameters: TypeAlias = Mapping[str, str | int | Sequence[str]]
Shape = TypeVar("Shape")
Page = TypeVar("Page")
Place = TypeVar("Place", bound=Hashable)

# httpx logs whole addresses, and some servers take the session's name in theirs.
logging.getLogger("httpx").setLevel(logging.WARNING)

_BACK_OFF = wait_exponential_jitter(multiplier=0.5, max=30, jitter=1)
_TRY_LATER = "Run the load again later; if it goes on, ask whoever runs that service"


@dataclass(frozen=True)
class Answer(Generic[Shape]):
    """A decoded page and the headers it came with."""

    body: Shape
    headers: httpx.Headers


class NotFoundError(SourceError):
    """What was asked for by its id is not there (status 404)."""


class _PassingError(Exception):
    """A failure that another try may mend, and the seconds the server asks to wait, if it does."""

    def __init__(self, what: str, remedy: str = _TRY_LATER, wait: float | None = None) -> None:
        super().__init__(what)
        self.what, self.remedy, self.wait = what, remedy, wait


class HttpClient:
    """Requests to one server on behalf of one source.

    `remedies` says for a status code what the user can do about it. `passing_fault` says what is
    wrong with a decoded answer that another try may mend, for servers that fail with status 200.
    `sleep` is how a wait is spent.
    """

    def __init__(
        self,
        source: str,
        base_url: str,
        policy: HttpPolicy,
        *,
        auth: httpx.Auth | None = None,
        headers: Mapping[str, str] | None = None,
        remedies: Mapping[int, str] | None = None,
        passing_fault: Callable[[object], str | None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._source, self._policy, self._sleep = source, policy, sleep
        self._remedies, self._passing_fault = remedies or {}, passing_fault
        self._client = httpx.Client(
            base_url=base_url,
            auth=auth,
            timeout=policy.timeout_seconds,
            headers={"Accept": "application/json", "User-Agent": "moshtari", **(headers or {})},
            verify=_certificates(),
            # A proxy of the environment has no business with a server on this machine.
            trust_env=not is_loopback(urlsplit(base_url).hostname or ""),
        )

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(
        self, entity: str | None, path: str, parameters: Parameters, shape: type[Shape]
    ) -> Answer[Shape]:
        """One page, decoded as ``shape`` (records as `msgspec.Raw`).

        Raises SourceError naming source, entity and path when the server refuses, or still fails
        after the last try; NotFoundError for status 404.
        """
        return self.get_by(partial(decode_page, shape=shape), entity, path, parameters)

    def get_by(
        self, decode: Callable[[bytes], Shape], entity: str | None, path: str, query: Parameters
    ) -> Answer[Shape]:
        """One page, as `get`, by a decoder that raises UnreadablePageError."""
        request = self._client.build_request("GET", path, params=dict(query))
        return self._answered(entity, request, decode)

    def post(
        self, entity: str | None, path: str, form: Mapping[str, str], shape: type[Shape]
    ) -> Answer[Shape]:
        """The answer to a form, as `get`. It is sent again like a GET: twice must do no harm."""
        request = self._client.build_request("POST", path, data=dict(form))
        return self._answered(entity, request, partial(decode_page, shape=shape))

    def _answered(
        self, entity: str | None, request: httpx.Request, decode: Callable[[bytes], Shape]
    ) -> Answer[Shape]:
        attempts = Retrying(
            stop=stop_after_attempt(self._policy.tries),
            wait=_wait,
            retry=retry_if_exception_type(_PassingError),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return cast(Answer[Shape], attempts(self._try, entity, request, decode))
        except _PassingError as failure:
            what = f"{_told(request)} failed {self._policy.tries} times: {failure.what}"
            raise SourceError(self._source, entity, what, f"{failure.remedy}.") from failure

    def _try(
        self, entity: str | None, request: httpx.Request, decode: Callable[[bytes], Shape]
    ) -> Answer[Shape]:
        try:
            response = self._send(request)
        except httpx.TimeoutException as error:
            raise _PassingError(
                f"no whole answer in time (timeout_seconds {self._policy.timeout_seconds:g}, "
                f"answer_seconds {self._policy.answer_seconds:g})",
                "Raise http.timeout_seconds if the server is slow, else run the load again later",
            ) from error
        except httpx.RequestError as error:
            raise _PassingError(
                f"the connection failed ({type(error).__name__})",
                "See that base_url is right and the server up and reachable from here",
            ) from error
        self._judge(response, entity, _told(request))
        try:
            answer = Answer(decode(response.content), response.headers)
        except UnreadablePageError as error:
            raise _PassingError(str(error)) from error
        if fault := self._passing_fault(answer.body):
            raise _PassingError(fault)
        return answer

    def _send(self, request: httpx.Request) -> httpx.Response:
        """The response with its body read; httpx's timeouts alone never end a server that drips."""
        deadline = time.monotonic() + self._policy.answer_seconds
        response = self._client.send(request, stream=True)
        try:
            blocks = []
            for block in response.iter_bytes():
                blocks.append(block)
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer takes too long", request=request)
        finally:
            response.close()
        headers = [
            (name, value)
            for name, value in response.headers.multi_items()
            if name not in ("content-encoding", "content-length", "transfer-encoding")
        ]
        return httpx.Response(
            response.status_code, headers=headers, content=b"".join(blocks), request=request
        )

    def _judge(self, response: httpx.Response, entity: str | None, request: str) -> None:
        """Pass a 200 that may be JSON; raise for everything else."""
        status = response.status_code
        if status == 200:
            if response.content.lstrip()[:1] == b"<":
                raise _PassingError(
                    "status 200 with a web page instead of JSON",
                    "See that base_url is the API's address, and no login page or proxy answers",
                )
            return
        remedy = self._remedies.get(status, "See that base_url and the credentials are right")
        if status in (408, 429) or status >= 500:
            wait = asked_wait(response.headers)
            if wait is not None and wait > self._policy.longest_wait_seconds:
                what = f"{request}: status {status}, and the server asks to wait {wait:.0f} s"
                raise SourceError(
                    self._source, entity, what, f"{_TRY_LATER}, or raise http.longest_wait_seconds."
                )
            what = "the server's rate limit (status 429)" if status == 429 else f"status {status}"
            raise _PassingError(what, self._remedies.get(status, _TRY_LATER), wait)
        if 300 <= status < 400:
            remedy = "Put the address that the server redirects to into base_url"
        error = NotFoundError if status == 404 else SourceError
        raise error(self._source, entity, f"{request}: status {status}", f"{remedy}.")


@cache
def _certificates() -> ssl.SSLContext:
    """Which servers to trust; reading them takes longer than many a request."""
    return httpx.create_ssl_context()


def _told(request: httpx.Request) -> str:
    """Method and path: a query may hold what is nobody's business."""
    return f"{request.method} {request.url.path}"


def asked_wait(headers: httpx.Headers) -> float | None:
    """Seconds the server asks to wait: Retry-After (seconds or a date) or X-RateLimit-Reset.

    X-Rate-Limit-Reset is X's spelling, a Unix time; where requests remain, the limit is not what
    failed. A time is read against the server's own `Date`, so neither clock needs to be right. None
    when the server asks for nothing that can be understood.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        now = parsedate_to_datetime(headers.get("date", ""))
        epoch = headers.get("x-rate-limit-reset", "").strip()
        if text:
            until = parsedate_to_datetime(text)
        elif epoch and headers.get("x-rate-limit-remaining", "0").strip() == "0":
            until = datetime.fromtimestamp(int(epoch), tz=UTC)
        else:
            until = datetime.fromisoformat(headers.get("x-ratelimit-reset", ""))
        return max(0.0, (_aware(until) - _aware(now)).total_seconds())
    except (ValueError, OverflowError, OSError):
        return None


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait if isinstance(error, _PassingError) else None
    return _BACK_OFF(state) if asked is None else asked


def follow(
    fetch: Callable[[Place], tuple[Page, Place | None]], first: Place, loop: Callable[[], Exception]
) -> Iterator[Page]:
    """Pages from ``first`` on, each fetched while the one before it is worked on.

    ``fetch`` gives a page and where the next one is (None: that was the last). A place that comes
    again would go round for ever: ``loop()`` is raised instead.
    """
    visited = {first}
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch") as pool:
        pending = pool.submit(fetch, first)
        while True:
            page, following = pending.result()
            if following is not None:
                if following in visited:
                    raise loop()
                visited.add(following)
                pending = pool.submit(fetch, following)
            yield page
            if following is None:
                return


def linked(headers: httpx.Headers, relation: str, parameter: str) -> str | None:
    """A parameter of the Link header's address of ``relation``.

    Only the parameter is used: behind a proxy the address itself may be another than base_url, and
    the token goes nowhere else.
    """
    links = httpx.Response(200, headers={"link": headers.get("link", "")}).links
    address = links.get(relation, {}).get("url", "")
    values = parse_qs(urlsplit(address).query).get(parameter)
    return values[0] if values else None
