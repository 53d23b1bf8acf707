"""Connections to the warehouse, each under one least-privilege role."""

from __future__ import annotations

import psycopg
from psycopg.conninfo import make_conninfo

from moshtari.settings import Settings

ROLES = (
    "moshtari_loader",
    "moshtari_builder",
    "moshtari_auditor",
    "moshtari_publisher",
    "bi_reader",
    "outreach_reader",
)


def connect(
    settings: Settings,
    *,
    role: str | None = None,
    autocommit: bool = False,
    database: str | None = None,
    admin: bool = False,
    application: str = "moshtari",
) -> psycopg.Connection:
    """Open a connection that acts as ``role`` (one of ROLES) from its first statement on.

    Raises psycopg.OperationalError when the server cannot be reached.
    """
    return psycopg.connect(
        conninfo(settings, role=role, database=database, admin=admin, application=application),
        autocommit=autocommit,
    )


def conninfo(
    settings: Settings,
    *,
    role: str | None = None,
    database: str | None = None,
    admin: bool = False,
    application: str = "moshtari",
) -> str:
    """The libpq connection string that `connect` uses."""
    params = settings.dsn(database=database, admin=admin)
    options = params.pop("options", "")
    if role is not None:
        if role not in ROLES:
            raise ValueError(f"{role!r} is not a role of the warehouse; use one of {ROLES}")
        options = f"{options} -c role={role}".strip()
    extra = {"options": options} if options else {}
    return make_conninfo("", **params, **extra, application_name=application, connect_timeout="10")
