"""Mastodon: posts under the brand's hashtags and, if wanted, posts that mention its account.

A hashtag's timeline is read forward by `min_id` from the first id of the window to its last. Ids
are snowflakes, the time in milliseconds shifted by 16 bits, so no state is needed. Known limits:

- A post that reaches this server late gets an id of the time it was written; `lookback_hours`
  (a day by default) is how late it may come.
- A post edited or liked after it was last read keeps its old text and counts; an edit within the
  lookback is seen. A deleted post is not noticed.
- Servers whose ids are no snowflakes (Pleroma, GoToSocial) cannot be read by day: the first post
  that shows it ends the load.
- A server that has switched hashtag timelines off answers with empty ones. When no hashtag shows
  anything, the server is asked whether that is why, and if so the load fails.
- Mentions come as notifications of the token's account, whose ids hold no time: they are read
  backward, from the newest to the window's start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, ClassVar, Literal, TypeAlias
from urllib.parse import quote, unquote

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
from moshtari.sources.http import HttpClient, follow, linked
from moshtari.sources.http_config import HttpPolicy, checked_base_url
from moshtari.sources.http_source import HttpSource
from moshtari.sources.json_records import decode_record, reject_once
from moshtari.sources.mastodon_records import (
    MENTION_COLUMNS,
    Instance,
    Notification,
    Status,
    first_id,
    handle,
    has_snowflake,
    mention_row,
)
from moshtari.sources.mastodon_replay import replay_mentions

NOTIFICATIONS = "/api/v1/notifications"
INSTANCE = "/api/v2/instance"
Page: TypeAlias = list[msgspec.Raw]
Cursor: TypeAlias = str | None

_STATUS = msgspec.json.Decoder(Status)
_NOTIFICATION = msgspec.json.Decoder(Notification)
_PAGE: type[Page] = list[msgspec.Raw]
_LIMIT = 40
_LOOP = "the pages lead back to one that was already read, so they would never end"
_NO_SNOWFLAKES = "ids that are no snowflakes, so no day can be found by id"
_SWITCHED_OFF = "this server has switched hashtag timelines off, so they are empty"
_ASK_ADMIN = "Ask its administrators, or read the hashtag on another server"
_CLOSED = (
    "This server shows the timeline to its own users only: give a token of an account there with "
    "the scope `read`"
)
_REMEDIES = {
    401: "See that the token is right and not revoked. " + _CLOSED,
    403: _CLOSED,
    404: "See that base_url is a Mastodon server's own address, such as https://mastodon.social",
    422: _CLOSED,
    429: "Raise http.tries and http.longest_wait_seconds: 300 requests in 5 minutes are allowed",
}


def _hashtag(value: str) -> str:
    tag = value.strip().lstrip("#")
    if not tag or any(character.isspace() or character in "/?#" for character in tag):
        raise ValueError("write a hashtag without # and without spaces")
    return tag


class MastodonConfig(BaseModel):
    """One Mastodon server and what to read there, as the deployment's YAML describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["mastodon"]
    base_url: Annotated[str, AfterValidator(checked_base_url)]
    token: SecretStr | None = None
    """Access token; many servers show hashtags without one."""
    hashtags: tuple[Annotated[str, AfterValidator(_hashtag)], ...] = Field(min_length=1)
    brand_handle: Annotated[str, AfterValidator(handle)] | None = None
    """The brand's own account, `mastodon:name` or `mastodon:name@server`: what it writes is no
    customer's voice."""
    notifications: bool = False
    """Whether to read posts that mention the token's account too."""
    lookback_hours: float = Field(default=24, ge=0, le=24 * 31)
    http: HttpPolicy = HttpPolicy()


class MastodonSource(HttpSource[MastodonConfig]):
    """Reads `mentions` from one Mastodon server."""

    kind: ClassVar[str] = "mastodon"
    Config: ClassVar[type[BaseModel]] = MastodonConfig

    def entities(self) -> tuple[str, ...]:
        return ("mentions",)

    def read(self, entity: str, window: Window) -> Iterator[Batch]:
        """Posts written in the window; SourceError when a timeline cannot be read whole."""
        if entity != "mentions":
            raise ValueError(f"source {self.name} supplies no {entity}")
        with self._client() as client:
            yield from reject_once(self._batches(client, window))

    def replay(self, entity: str, records: Sequence[KeptRecord], window: Window) -> Iterator[Batch]:
        """What was kept, decoded again."""
        yield from replay_mentions(records, self._config.brand_handle)

    def check(self) -> list[CheckResult]:
        """Asks every timeline for one post; an empty one is told, for it may be misspelt."""
        places = {f"#{tag}": _timeline(tag) for tag in self._config.hashtags}
        if self._config.notifications:
            places["notifications"] = NOTIFICATIONS
        results = []
        with self._client(tries=2) as client:
            for what, path in places.items():
                query, judged = _query(path) | {"limit": 1}, partial(self._judged, client, path)
                results.append(self._checked(client, what, path, query, _PAGE, judged))
        return results

    def _judged(self, client: HttpClient, path: str, found: Page) -> str | tuple[str, str]:
        """What the first post of a timeline shows, or what is wrong and the remedy."""
        if not found and path != NOTIFICATIONS and self._is_switched_off(client):
            return _SWITCHED_OFF, f"{_ASK_ADMIN}."
        if not found:
            return "no post at all: see that it is spelt as people spell it"
        if path != NOTIFICATIONS and not _is_dated(found[0]):
            return _NO_SNOWFLAKES, "See that base_url is a Mastodon server"
        return f"{self._config.base_url} shows it"

    def _client(self, tries: int | None = None) -> HttpClient:
        config, token = self._config, self._config.token
        return HttpClient(
            self.name,
            config.base_url,
            config.http.patience(tries),
            headers={"Authorization": f"Bearer {token.get_secret_value()}"} if token else None,
            remedies=_REMEDIES,
            sleep=self._sleep,
        )

    def _batches(self, client: HttpClient, window: Window) -> Iterator[Batch]:
        taken: set[str] = set()
        shown = False
        for number, tag in enumerate(self._config.hashtags, start=1):
            unnamed = f"hashtag {number}, a status without id"
            for page in self._forward(client, _timeline(tag), window):
                shown = shown or bool(page)
                posts = [_posted(raw, unnamed, window) for raw in page]
                if not all(has_snowflake(post) for post in posts if isinstance(post, Status)):
                    raise self._broken(_timeline(tag), _NO_SNOWFLAKES)
                yield from self._rows(posts, page, taken)
        if not shown and self._is_switched_off(client):
            raise SourceError(self.name, "mentions", _SWITCHED_OFF, f"{_ASK_ADMIN}.")
        if self._config.notifications:
            for page in self._backward(client, NOTIFICATIONS, window.start):
                posts = [_mentioned(raw, window) for raw in page]
                yield from self._rows(posts, page, taken)

    def _rows(
        self, posts: list[Status | RejectedRecord | None], page: Page, taken: set[str]
    ) -> Iterator[Batch]:
        """A page's posts as rows; one post under several hashtags, or met again, is one row."""
        found: dict[str, tuple[Status, bytes]] = {}
        for status, raw in zip(posts, page, strict=True):
            if isinstance(status, RejectedRecord):
                yield status
            elif status is not None and status.id not in taken:
                taken.add(status.id)
                found[status.id] = status, bytes(raw)
        if found:
            brand = self._config.brand_handle
            yield TextRows(
                MENTION_COLUMNS,
                [mention_row(status, brand) for status, _ in found.values()],
                [f"status {key}" for key in found],
                [raw for _, raw in found.values()],
                exact=True,
            )

    def _forward(self, client: HttpClient, path: str, window: Window) -> Iterator[Page]:
        """Pages from the window's first id on, each the one right after the page before it.

        A short page is no end (the server filters after it counted); an empty one is.
        """
        last = first_id(window.end)

        def fetch(min_id: str) -> tuple[Page, str | None]:
            answer = client.get("mentions", path, _query(path) | {"min_id": min_id}, _PAGE)
            following = linked(answer.headers, "prev", "min_id")
            if not answer.body:
                return answer.body, None
            if following is None:
                raise self._broken(path, "no Link to the next page (rel=prev with min_id)")
            if not following.isdigit():
                raise self._broken(path, _NO_SNOWFLAKES)
            if int(following) <= int(min_id):
                raise self._broken(path, _LOOP)
            return answer.body, None if int(following) >= last else following

        start = "0" if window.start is None else str(first_id(window.start) - 1)
        return follow(fetch, start, lambda: self._broken(path, _LOOP))

    def _backward(self, client: HttpClient, path: str, start: datetime | None) -> Iterator[Page]:
        """Pages from the newest back to the first that begins before ``start``."""

        def fetch(max_id: Cursor) -> tuple[Page, Cursor]:
            query = _query(path) | ({} if max_id is None else {"max_id": max_id})
            answer = client.get("mentions", path, query, _PAGE)
            following = linked(answer.headers, "next", "max_id")
            return answer.body, None if _reaches(answer.body, start) else following

        return follow(fetch, None, lambda: self._broken(path, _LOOP))

    def _is_switched_off(self, client: HttpClient) -> bool:
        """Whether the server says so; older ones, and those that are none of Mastodon's, do not."""
        try:
            return not client.get("mentions", INSTANCE, {}, Instance).body.shows_hashtags
        except SourceError:
            return False

    def _broken(self, path: str, what: str) -> SourceError:
        remedy = "Run the load again; if it goes on, see that base_url is a Mastodon server."
        return SourceError(self.name, "mentions", f"GET {unquote(path)}: {what}", remedy)


def _timeline(tag: str) -> str:
    return f"/api/v1/timelines/tag/{quote(tag, safe='')}"


def _query(path: str) -> dict[str, str | int]:
    mentions_only: Mapping[str, str] = {"types[]": "mention"} if path == NOTIFICATIONS else {}
    return {"limit": _LIMIT, **mentions_only}


def _posted(raw: msgspec.Raw, unnamed: str, window: Window) -> Status | RejectedRecord | None:
    """The post unless its id lies past the window: days are read by id, and not by `created_at`.

    A post of a server whose clock is wrong would else be of no day at all.
    """
    post = decode_record(raw, _STATUS, "status", unnamed)
    if isinstance(post, Status) and post.id.isdigit() and int(post.id) >= first_id(window.end):
        return None
    return post


def _is_dated(raw: msgspec.Raw) -> bool:
    post = decode_record(raw, _STATUS, "", "")
    return not isinstance(post, Status) or has_snowflake(post)


def _mentioned(raw: msgspec.Raw, window: Window) -> Status | RejectedRecord | None:
    """The post of a mention that came within the window."""
    record = decode_record(raw, _NOTIFICATION, "notification", "a notification without id")
    if isinstance(record, RejectedRecord):
        return record
    early = window.start is not None and record.created_at < window.start
    wanted = record.type == "mention" and not early and record.created_at < window.end
    return record.status if wanted else None


def _reaches(page: Page, start: datetime | None) -> bool:
    if not page:
        return True
    oldest = decode_record(page[-1], _NOTIFICATION, "", "")
    return start is not None and isinstance(oldest, Notification) and oldest.created_at < start
