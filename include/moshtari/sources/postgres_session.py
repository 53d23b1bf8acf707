"""Connections to a shop's PostgreSQL: a read-only snapshot, and what its errors ask for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from time import monotonic
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.rows import TupleRow
from psycopg.waiting import Wait

from moshtari.landing.errors import describe
from moshtari.sources.base import SourceError
from moshtari.sources.database import key_of
from moshtari.sources.postgres_config import PostgresConfig


class ServerSilent(psycopg.OperationalError):
    """The server sent nothing for longer than the source waits."""


class PatientConnection(psycopg.Connection[TupleRow]):
    """A connection that ends where its server is silent for longer than `longest_silence` seconds.

    Neither libpq nor TCP ends one whose server is stopped while its machine still answers.
    """

    longest_silence = inf

    def wait(self, gen: PQGen[RV], *args: Any, **kwargs: Any) -> RV:
        try:
            wanted = next(gen)
        except StopIteration as end:
            # What has come already; of rows read one by one, that is nearly all of them.
            result: RV = end.value
            return result
        return super().wait(self._listening(gen, wanted), *args, **kwargs)

    def _listening(self, gen: PQGen[RV], wanted: Wait) -> PQGen[RV]:
        """The rest of the generator, until what it waits for takes too long."""
        heard = monotonic()
        try:
            while True:
                ready = yield wanted
                if ready:
                    heard = monotonic()
                elif monotonic() - heard > self.longest_silence:
                    # Else a rollback would wait as long again.
                    self.close()
                    silence = f"nothing came from the server for {self.longest_silence:g} seconds"
                    raise ServerSilent(silence)
                wanted = gen.send(ready)
        except StopIteration as end:
            result: RV = end.value
            return result


@contextmanager
def snapshot(config: PostgresConfig) -> Iterator[psycopg.Connection]:
    """A connection whose transactions are read-only, each of one snapshot; raises psycopg.Error."""
    with PatientConnection.connect(
        config.dsn, connect_timeout=10, application_name="moshtari"
    ) as connection:
        connection.longest_silence = config.read_timeout_seconds
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        for setting, value in (
            ("statement_timeout", f"{config.statement_timeout_seconds * 1000:.0f}"),
            ("timezone", config.timezone or "UTC"),
            ("datestyle", "ISO, YMD"),
            ("client_encoding", "UTF8"),
        ):
            connection.execute("select set_config(%s, %s, false)", [setting, value])
        connection.commit()
        yield connection


def error_of(
    source: str, entity: str | None, column: str | None, error: psycopg.Error
) -> SourceError:
    """The driver's error as the user is told of it: which part of the YAML, and the remedy."""
    key = key_of(source, entity, column)
    where = f"{key}: " if column else ""
    return SourceError(source, entity, f"{where}{describe(error)}", _remedy(error, key))


def _remedy(error: psycopg.Error, key: str) -> str:
    if isinstance(error, ServerSilent):
        return (
            "Raise read_timeout_seconds of the source if the query is slow; else see that the "
            "server works, then run the day again"
        )
    state = error.sqlstate or ""
    if state == "42501":
        return "Grant select on it to the login of the source's dsn"
    if state in ("42P01", "3F000"):
        return f"Mend `table` or `query` of {key}, or the search_path of the login"
    if state == "57014":
        return "Raise statement_timeout_seconds of the source, or give changed_at an index"
    if state.startswith("28"):
        return "Mend user and password in the source's dsn"
    if state.startswith("42"):
        return f"Mend the SQL of {key}"
    return "See that the server runs and the source's dsn is right, then run the day again"
