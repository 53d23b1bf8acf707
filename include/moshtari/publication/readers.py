"""Waiting for the readers that a change of the store could hurt; never making them wait long."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import psycopg
from psycopg import sql

from moshtari.publication.errors import ReadersBusyError

T = TypeVar("T")

# While a statement of ours queues for a strong lock, readers queue behind it: so it gives up soon
# and comes again, and no reader is ever held up by longer than this.
_LOCK_TIMEOUT_MS = 150
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 1.0

_HOLDERS = """
    select distinct on (l.pid)
        l.virtualtransaction, l.pid, coalesce(a.usename, '?'), coalesce(a.application_name, ''),
        coalesce(a.state, 'unknown')
    from pg_locks as l
    inner join pg_class as c on c.oid = l.relation
    left join pg_stat_activity as a on a.pid = l.pid
    where l.locktype = 'relation'
        and l.database = (select oid from pg_database where datname = current_database())
        and c.relnamespace = any(%s::regnamespace[])
        and l.pid <> pg_backend_pid()
        and a.usesysid is not null  -- autovacuum comes and goes by itself, and reads nothing
    order by l.pid
"""


def wait_for_earlier_readers(
    connection: psycopg.Connection, seconds: float, *, doing: str
) -> float:
    """Wait until every transaction that holds a lock on a published table or view now has ended.

    A statement planned before an attach knows nothing of the new partition; executed after the flip
    it would read the new pointer and find no row. Such a statement took its lock on the partitioned
    table before it read the list of partitions, so it is among the holders seen here. One that
    takes its lock later learns of the attach as it does. It is the transaction that counts, not the
    statement: one that is idle between two statements keeps its locks, and what it knows.

    ``connection`` must be in autocommit. Returns the seconds waited. Raises ReadersBusyError when
    they have not all ended within ``seconds``.
    """
    began = time.monotonic()
    holders = connection.execute(_HOLDERS, [["store", "bi", "outreach"]]).fetchall()
    waiting_for = {holder[0] for holder in holders}
    pause = _FIRST_PAUSE
    while waiting_for:
        alive = connection.execute(
            "select virtualtransaction from pg_locks "
            "where locktype = 'virtualxid' and virtualtransaction = any(%s)",
            [sorted(waiting_for)],
        )
        waiting_for = {row[0] for row in alive}
        if not waiting_for:
            break
        if time.monotonic() - began > seconds:
            left = [_describe(holder) for holder in holders if holder[0] in waiting_for]
            raise ReadersBusyError(doing, seconds, left)
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    return time.monotonic() - began


def patiently(
    connection: psycopg.Connection,
    work: Callable[[psycopg.Connection], T],
    *,
    seconds: float,
    doing: str,
    schemas: tuple[str, ...] = ("store", "bi", "outreach"),
) -> T:
    """Do ``work`` in one transaction that waits only briefly for locks, again until it succeeds.

    Raises ReadersBusyError, naming who holds something in ``schemas``, after ``seconds``.
    """
    began = time.monotonic()
    pause = _FIRST_PAUSE
    while True:
        try:
            with connection.transaction():
                connection.execute(
                    sql.SQL("set local lock_timeout = {}").format(sql.Literal(_LOCK_TIMEOUT_MS))
                )
                return work(connection)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            if time.monotonic() - began > seconds:
                holders = connection.execute(_HOLDERS, [list(schemas)]).fetchall()
                left = [_describe(holder) for holder in holders]
                raise ReadersBusyError(doing, seconds, left) from None
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)


def _describe(holder: tuple[str, int, str, str, str]) -> str:
    _, pid, user, application, state = holder
    return f"pid {pid}, user {user}, application {application or 'unnamed'}, {state}"
