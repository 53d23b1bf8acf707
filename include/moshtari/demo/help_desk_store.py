"""Where the demo's help desk keeps its rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from moshtari.demo.serving import Database, Row

Position = tuple[datetime, int]
"""A place in the order of (time, id)."""


class HelpDeskStore(Protocol):
    """Where the help desk keeps its rows; each list is ordered by (time, id), times in UTC."""

    def tickets(self, after: Position, limit: int) -> list[Row]: ...

    def users(self, after: Position, limit: int) -> list[Row]: ...

    def events(self, since: datetime, limit: int) -> list[Row]:
        """The first ``limit`` events from ``since`` on, and all others of the last one's second."""

    def users_by_id(self, ids: Sequence[int]) -> list[Row]: ...


class PostgresHelpDesk:
    """The store in PostgreSQL, schema ``help_desk``."""

    def __init__(self, dsn: str) -> None:
        self._database = Database(dsn)

    def tickets(self, after: Position, limit: int) -> list[Row]:
        return self._database.rows(
            """
            select
                id, requester_id, subject, description, status, priority, via_channel, tags,
                custom_order_id, satisfaction_score, satisfaction_comment, created_at, updated_at
            from help_desk.tickets
            where (updated_at, id) > (%(at)s, %(id)s)
            order by updated_at, id
            limit %(limit)s
            """,
            {"at": after[0], "id": after[1], "limit": limit},
        )

    def users(self, after: Position, limit: int) -> list[Row]:
        return self._database.rows(
            """
            select id, name, email, phone, role, created_at, updated_at
            from help_desk.users
            where (updated_at, id) > (%(at)s, %(id)s)
            order by updated_at, id
            limit %(limit)s
            """,
            {"at": after[0], "id": after[1], "limit": limit},
        )

    def events(self, since: datetime, limit: int) -> list[Row]:
        return self._database.rows(
            """
            with first_page as (
                select created_at
                from help_desk.ticket_events
                where created_at >= %(since)s
                order by created_at
                limit %(limit)s
            )

            select
                id, ticket_id, author_id, created_at, kind, is_public, body, from_status, to_status
            from help_desk.ticket_events
            where
                created_at >= %(since)s
                and created_at < (
                    select date_trunc('second', max(created_at)) + interval '1 second'
                    from first_page
                )
            order by created_at, id
            """,
            {"since": since, "limit": limit},
        )

    def users_by_id(self, ids: Sequence[int]) -> list[Row]:
        return self._database.rows(
            """
            select id, name, email, phone, role, created_at, updated_at
            from help_desk.users
            where id = any(%(ids)s)
            order by id
            """,
            {"ids": list(ids)},
        )
