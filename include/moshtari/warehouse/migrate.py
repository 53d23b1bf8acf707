"""Bring the warehouse's schema up to date: numbered SQL files, and raw tables from the contract."""

from __future__ import annotations

from importlib.resources import files

import psycopg
from psycopg import sql

from moshtari.landing.contract import ENTITIES, raw_table_ddl
from moshtari.settings import Settings
from moshtari.warehouse.connection import connect
from moshtari.warehouse.embedded import EmbeddedServer

# Any number will do, as long as every version of Moshtari uses the same one.
_MIGRATION_LOCK = 7_460_312_018
READER_LOGINS = {"bi_reader": "moshtari_bi", "outreach_reader": "moshtari_outreach"}


def embedded_server(settings: Settings) -> EmbeddedServer:
    """The embedded server of these settings (not started by this call)."""
    return EmbeddedServer(settings.home / "postgres", settings.pg_port, settings.secrets)


def prepare_embedded(settings: Settings) -> None:
    """Start the embedded server and make its logins and databases. Safe to repeat."""
    server = embedded_server(settings)
    server.start()
    for login in ("moshtari", "airflow", *READER_LOGINS.values()):
        server.ensure_login(login)
    server.ensure_database(settings.pg_database)
    server.ensure_database("airflow", owner="airflow")


def migrate(settings: Settings) -> list[str]:
    """Apply what is not applied yet, all of it in one transaction.

    Returns the names applied. Safe to repeat and to run twice at once. Raises psycopg.Error when
    the admin login lacks the rights (it must be able to create roles and schemas).
    """
    applied: list[str] = []
    with connect(settings, admin=True, database=settings.dsn()["dbname"]) as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", [_MIGRATION_LOCK])
        connection.execute("create schema if not exists ops")
        connection.execute(
            "create table if not exists ops.schema_versions ("
            "name text primary key, applied_at timestamptz not null default clock_timestamp())"
        )
        known = {row[0] for row in connection.execute("select name from ops.schema_versions")}
        for name, statements in _migrations():
            if name not in known:
                connection.execute(statements.encode())
                connection.execute("insert into ops.schema_versions (name) values (%s)", [name])
                applied.append(name)
        _raw_tables(connection)
        _let_the_login_act(connection, settings)
    return applied


def _migrations() -> list[tuple[str, str]]:
    folder = files("moshtari.warehouse") / "migrations"
    found = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    return [
        (file.name.removesuffix(".sql"), file.read_text(encoding="utf-8"))
        for file in sorted(found, key=lambda file: file.name)
    ]


def _raw_tables(connection: psycopg.Connection) -> None:
    for entity in ENTITIES.values():
        connection.execute(raw_table_ddl(entity).encode())
    connection.execute("grant select, insert on all tables in schema raw to moshtari_loader")
    # A build refreshes the statistics of a table after a big load; once it was landing that did.
    connection.execute("revoke maintain on all tables in schema raw from moshtari_loader")
    connection.execute("grant select, maintain on all tables in schema raw to moshtari_builder")
    connection.execute("grant select on all tables in schema raw to moshtari_auditor")


def _let_the_login_act(connection: psycopg.Connection, settings: Settings) -> None:
    """The service's login may become each of its roles, and none is its own by inheritance."""
    login = sql.Identifier(settings.dsn()["user"])
    roles = "moshtari_loader, moshtari_builder, moshtari_auditor, moshtari_publisher"
    current = connection.execute("select session_user").fetchone()
    if current is not None and current[0] != settings.dsn()["user"]:
        statement = "grant {roles}, bi_reader, outreach_reader to {login} with inherit false"
        connection.execute(sql.SQL(statement).format(roles=sql.SQL(roles), login=login))
        database = sql.Identifier(settings.dsn()["dbname"])
        connection.execute(sql.SQL("grant connect on database {} to {}").format(database, login))
    if settings.embedded:
        for role, reader in READER_LOGINS.items():
            connection.execute(
                sql.SQL("grant {} to {}").format(sql.Identifier(role), sql.Identifier(reader))
            )
