"""X's records out of quarantine, read again by the present mapping (see `x`).

A post is kept without its author: who that is now is asked anew, as X shows the author today.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from moshtari.sources.base import Batch, KeptRecord, RejectedRecord, SourceError
from moshtari.sources.http import HttpClient
from moshtari.sources.json_records import decode_kept, decode_record, kept_rows
from moshtari.sources.x_records import (
    ABOUT_OTHERS,
    MENTION_COLUMNS,
    Post,
    Problem,
    User,
    mention_row,
)

USERS = "/2/users"
_USERS_AT_ONCE = 100
_OF_AN_AUTHOR = (
    "an author: their posts landed without them. When the author can be read, run those days "
    "again, then discard this record"
)
_POST = msgspec.json.Decoder(Post)
_USER = msgspec.json.Decoder(User)


class Users(msgspec.Struct):
    """The answer to a lookup; an account that X no longer shows is not in it."""

    data: list[msgspec.Raw] = []
    errors: list[Problem] = []


def replay_mentions(
    source: str, client: HttpClient, records: Sequence[KeptRecord], brand: str | None
) -> Iterator[Batch]:
    """Posts as they were found, with their authors of today. Raises SourceError."""
    found: list[tuple[Post, KeptRecord]] = []
    for record in records:
        # `user 5`, or `page 2, user 1`.
        if "user" in record.position:
            yield RejectedRecord(record.position, _OF_AN_AUTHOR, record.raw)
            continue
        post = decode_kept(record, _POST)
        if isinstance(post, RejectedRecord):
            yield post
        else:
            found.append((post, record))
    authors = _authors(
        source, client, sorted({post.author_id for post, _ in found if post.author_id})
    )
    rows = [
        (mention_row(post, authors.get(post.author_id or ""), brand), record)
        for post, record in found
    ]
    yield from kept_rows(MENTION_COLUMNS, rows)


def _authors(source: str, client: HttpClient, keys: Sequence[str]) -> dict[str, User]:
    """Those that X shows. Raises SourceError for an answer that lacks others."""
    authors: dict[str, User] = {}
    for at in range(0, len(keys), _USERS_AT_ONCE):
        some = ",".join(keys[at : at + _USERS_AT_ONCE])
        query = {"ids": some, "user.fields": "username,name"}
        answer = client.get("mentions", USERS, query, Users).body
        lost = {problem.name for problem in answer.errors} - ABOUT_OTHERS
        for raw in answer.data:
            user = decode_record(raw, _USER, "user", "user")
            if isinstance(user, RejectedRecord):
                lost.add(user.reason)
            else:
                authors[user.id] = user
        if lost:
            what = f"GET {USERS}: authors cannot be read: {', '.join(sorted(lost))}"
            remedy = "Replay again; if it goes on, see the state of X's API."
            raise SourceError(source, "mentions", what, remedy)
    return authors
