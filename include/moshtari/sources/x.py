"""X: posts that a query finds, by the recent search of its API, version 2.

The window goes out as `start_time` and `end_time`, and pages come back newest first. A bearer token
of an app with access to the search is needed. What the search cannot tell, and what follows:

- It reaches back seven days. A window that begins earlier is refused by X and fails here, for what
  is older is lost: `begins` says from which day on to go on without it. A first load begins where
  the search begins, and says so.
- A window that ends less than ten seconds ago is refused too: load days that are over.
- An edited post is shown as its last version only, under an id of its own. A mention's key is the
  first version's id, so that the edit is a new version of the same mention.
- A post whose author X no longer shows comes without one, and lands so. A post deleted, liked or
  reposted after it was read is not noticed; what falls into the lookback is read again.
- Of posts by query X shows what it indexed: protected accounts are not in it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from moshtari.sources.base import (
    Batch,
    CheckResult,
    KeptRecord,
    RejectedRecord,
    SourceError,
    TextRows,
    Window,
)
from moshtari.sources.http import HttpClient, Parameters, follow
from moshtari.sources.http_config import HttpPolicy, checked_base_url
from moshtari.sources.http_source import HttpSource
from moshtari.sources.json_records import decode_record, reject_once
from moshtari.sources.x_records import (
    ABOUT_OTHERS,
    MENTION_COLUMNS,
    Page,
    Post,
    User,
    handle,
    mention_row,
)
from moshtari.sources.x_replay import replay_mentions

log = logging.getLogger(__name__)

SEARCH = "/2/tweets/search/recent"
EMPTY_DAYS_READ_AGAIN = timedelta(days=3)
"""How far back days that were empty are asked for again: the search forgets after seven."""

Query: TypeAlias = tuple[tuple[str, str | int], ...]

_POST = msgspec.json.Decoder(Post)
_USER = msgspec.json.Decoder(User)
_FIELDS = {
    "tweet.fields": "created_at,lang,public_metrics,author_id,conversation_id,referenced_tweets,"
    "edit_history_tweet_ids,note_tweet",
    "expansions": "author_id",
    "user.fields": "username,name",
}
_LOOP = "the pages lead back to one that was already read, so they would never end"
_REACH = "The search reaches back 7 days, and up to 10 seconds ago"
_BAD_QUERY = "See that X understands `query` (length and operators depend on the plan)"
_REMEDIES = {
    400: _BAD_QUERY,
    401: "See that `token` is the app's bearer token, whole and not revoked",
    402: "The account's credit for the API is used up: see X's developer console",
    403: "The app may not use this search: see its plan and project in X's developer console",
    404: "See that base_url is https://api.x.com",
    429: "Raise http.tries and http.longest_wait_seconds (a limit lasts 15 minutes), or see in X's "
    "developer console whether the plan's cap of posts is used up",
}


class XHttpPolicy(HttpPolicy):
    """How patient the source is; a rate limit of X lasts a quarter of an hour."""

    longest_wait_seconds: float = Field(default=930, ge=0, le=3600)


class XConfig(BaseModel):
    """One search on X, as the deployment's YAML describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["x"]
    base_url: Annotated[str, AfterValidator(checked_base_url)] = "https://api.x.com"
    token: SecretStr = Field(min_length=1)
    query: Annotated[str, AfterValidator(str.strip)] = Field(min_length=1, max_length=4096)
    """As X's search takes it, such as `(@shop OR "my shop") -is:retweet`."""
    brand_handle: Annotated[str, AfterValidator(handle)] | None = None
    """The brand's own account, `x:name`: what it writes is no customer's voice."""
    begins: date | None = None
    """What was posted before this day is not asked for: after an outage of more than a week."""
    page_size: int = Field(default=100, ge=10, le=100)
    lookback_hours: float = Field(default=1, ge=0, le=24 * 6)
    http: XHttpPolicy = XHttpPolicy()


class XSource(HttpSource[XConfig]):
    """Reads `mentions` that one query finds."""

    kind: ClassVar[str] = "x"
    Config: ClassVar[type[BaseModel]] = XConfig

    def entities(self) -> tuple[str, ...]:
        return ("mentions",)

    def read(self, entity: str, window: Window) -> Iterator[Batch]:
        """Posts written in the window; SourceError when the search does not give it whole."""
        if entity != "mentions":
            raise ValueError(f"source {self.name} supplies no {entity}")
        start = self._start(window)
        with self._client(remedies={400: _refused_window(start, window.end)}) as client:
            yield from reject_once(self._batches(client, start, window.end))

    def replay(self, entity: str, records: Sequence[KeptRecord], window: Window) -> Iterator[Batch]:
        """What was kept, decoded again, with the authors that X shows today."""
        with self._client() as client:
            yield from replay_mentions(self.name, client, records, self._config.brand_handle)

    def check(self) -> list[CheckResult]:
        """Asks the search for its first page: that takes connection, token, plan and query."""
        query: Parameters = {"query": self._config.query, "max_results": 10}
        with self._client(tries=2) as client:
            return [self._checked(client, "search", SEARCH, query, Page, _judged)]

    def _client(
        self, tries: int | None = None, remedies: dict[int, str] | None = None
    ) -> HttpClient:
        config = self._config
        return HttpClient(
            self.name,
            config.base_url,
            config.http.patience(tries),
            headers={"Authorization": f"Bearer {config.token.get_secret_value()}"},
            remedies=_REMEDIES | (remedies or {}),
            sleep=self._sleep,
        )

    def _start(self, window: Window) -> datetime | None:
        """Where the search is to begin; None: where it can."""
        start = window.start
        if start is not None and window.needed_from is not None:
            empty_days = min(window.needed_from, window.end - EMPTY_DAYS_READ_AGAIN)
            start = max(start, empty_days)
        if self._config.begins is not None:
            begins = datetime.combine(self._config.begins, clock.min, tzinfo=window.timezone)
            if begins >= window.end:
                raise SourceError(
                    self.name,
                    "mentions",
                    f"{window.business_date} lies before `begins` ({self._config.begins})",
                    f"Load a later day, or mend sources.{self.name}.begins.",
                )
            start = begins if start is None else max(start, begins)
        if start is None:
            log.warning(
                "source %s, mentions: a first load begins where X's search begins, seven days ago; "
                "what is older cannot be had",
                self.name,
            )
        return start

    def _batches(
        self, client: HttpClient, start: datetime | None, end: datetime
    ) -> Iterator[Batch]:
        taken: set[str] = set()
        for number, page in enumerate(self._pages(client, start, end), start=1):
            users: dict[str, User] = {}
            for index, raw in enumerate(page.includes.users, start=1):
                user = decode_record(raw, _USER, "user", f"page {number}, user {index}")
                if isinstance(user, RejectedRecord):
                    yield user
                else:
                    users[user.id] = user
            found: dict[str, tuple[Post, bytes]] = {}
            for index, raw in enumerate(page.data, start=1):
                post = decode_record(raw, _POST, "post", f"page {number}, post {index}")
                if isinstance(post, RejectedRecord):
                    yield post
                elif post.key not in taken and post.written_at < end:
                    taken.add(post.key)
                    found[post.key] = post, bytes(raw)
            if found:
                yield self._rows(found, users)

    def _rows(self, found: dict[str, tuple[Post, bytes]], users: dict[str, User]) -> TextRows:
        brand = self._config.brand_handle
        return TextRows(
            MENTION_COLUMNS,
            [
                mention_row(post, users.get(post.author_id or ""), brand)
                for post, _ in found.values()
            ],
            [f"post {key}" for key in found],
            [raw for _, raw in found.values()],
            exact=True,
        )

    def _pages(self, client: HttpClient, start: datetime | None, end: datetime) -> Iterator[Page]:
        """Pages from the newest back. An empty one is no end while it says where the next is."""
        base: dict[str, str | int] = {"query": self._config.query, **_FIELDS}
        base["max_results"] = self._config.page_size
        base["end_time"] = _second(end)
        if start is not None:
            base["start_time"] = _second(start)
        seen: set[int] = set()

        def fetch(query: Query) -> tuple[Page, Query | None]:
            page = client.get("mentions", SEARCH, base | dict(query), Page).body
            lost = _losses(page)
            if lost:
                raise self._broken(f"status 200 with an error: {lost}")
            # Tokens are opaque: a server may lead back under ever new ones.
            content = hash(tuple(map(bytes, page.data)))
            if page.data and content in seen:
                raise self._broken(_LOOP)
            seen.add(content)
            token = page.meta.next_token
            return page, None if token is None else (("next_token", token),)

        first: Query = ()
        return follow(fetch, first, lambda: self._broken(_LOOP))

    def _broken(self, what: str) -> SourceError:
        remedy = "Run the load again; if it goes on, see the state of X's API."
        return SourceError(self.name, "mentions", f"GET {SEARCH}: {what}", remedy)


def _judged(page: Page) -> str | tuple[str, str]:
    """What a first page shows, or what is wrong and the remedy."""
    lost = _losses(page)
    if lost:
        return f"X answers with an error: {lost}", _BAD_QUERY
    if not page.data:
        return "no post of the last 7 days: see that the query says what people write"
    return "posts are found; a first load brings the last 7 days"


def _losses(page: Page) -> str | None:
    """What an answer with status 200 lacks; None when all of its posts are there."""
    others = sorted({problem.name for problem in page.errors} - ABOUT_OTHERS)
    if others:
        return ", ".join(others)
    if len(page.data) < page.meta.result_count and not page.errors:
        return f"{page.meta.result_count} posts announced, {len(page.data)} there"
    return None


def _refused_window(start: datetime | None, end: datetime) -> str:
    since = "seven days ago" if start is None else _second(start)
    return (
        f"{_REACH}, and {since} to {_second(end)} was asked for. If that begins earlier, what is "
        "older cannot be had any more: set `begins` to a day of the last six to go on without it. "
        f"If it ends later, load a day that is over. Else: {_BAD_QUERY}"
    )


def _second(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
