"""Connections to MySQL and MariaDB: a read-only snapshot, and rows streamed from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import pymysql
from pymysql.converters import encoders
from pymysql.cursors import Cursor, SSCursor

from moshtari.sources.mysql_config import MysqlConfig

Connection: TypeAlias = "pymysql.Connection[Cursor]"

_LONGEST_GROUP = 16 << 20
# The driver needs its encoders for its own statements; decoders would make floats and dates.
_NO_DECODERS: dict[int | type[Any], Any] = dict(encoders.items())


@contextmanager
def snapshot(config: MysqlConfig) -> Iterator[Connection]:
    """A connection within a read-only transaction of one snapshot, its values bytes.

    Raises pymysql.Error; OSError and RuntimeError for a certificate that is not there or a way to
    log in that the driver does not have.
    """
    server = config.dsn
    connection = pymysql.connect(
        host=server.host,
        port=server.port,
        unix_socket=server.socket,
        user=server.user,
        password=server.password.get_secret_value(),
        database=server.database,
        ssl_ca=server.ssl_ca,
        ssl_verify_identity=True if server.ssl_ca else None,
        charset="utf8mb4",
        use_unicode=False,
        conv=_NO_DECODERS,
        connect_timeout=10,
        read_timeout=config.read_timeout_seconds,
        write_timeout=config.read_timeout_seconds,
        program_name="moshtari",
    )
    try:
        _prepare(connection, config.statement_timeout_seconds)
        yield connection
    finally:
        if connection.open:
            connection.close()


@contextmanager
def streaming(
    connection: Connection, select: str, values: Sequence[str] = ()
) -> Iterator[SSCursor]:
    """The rows of ``select`` as they come; left before its end, the connection is closed.

    With ``values``, each `%s` of it stands for one of them, and `%%` for a percent sign.
    """
    cursor = connection.cursor(SSCursor)
    try:
        cursor.execute(select, tuple(values) or None)
        yield cursor
    finally:
        # The protocol cannot stop a result, and the driver would read all the rest of it.
        result = getattr(cursor, "_result", None)
        if result is not None and result.unbuffered_active:
            result.unbuffered_active = False
            if connection.open:
                connection.close()


def _prepare(connection: Connection, seconds: float) -> None:
    is_mariadb = "mariadb" in connection.get_server_info().lower()
    limit = (
        f"max_statement_time = {seconds:g}"
        if is_mariadb
        else f"max_execution_time = {seconds * 1000:.0f}"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "set session sql_mode = '', session time_zone = '+00:00', session sql_notes = 0, "
            f"session {limit}, session group_concat_max_len = {_LONGEST_GROUP}, "
            # The server ends a connection whose reader waits for its warehouse longer than this.
            f"session net_write_timeout = {max(60, seconds):.0f}"
        )
        cursor.execute("set session transaction isolation level repeatable read")
        cursor.execute("start transaction with consistent snapshot, read only")
