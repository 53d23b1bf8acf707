"""Fresh statistics of what has landed, before the planner is asked to read it.

Autovacuum would see to it within minutes, and a build begins seconds after the last load. Landing
needs none: it looks keys up in an index.
"""

from __future__ import annotations

import logging

from psycopg import sql

from moshtari.settings import Settings
from moshtari.warehouse.connection import connect

_log = logging.getLogger(__name__)
# Of fewer new rows, the statistics that are there say enough.
_FEWEST_ROWS = 10_000


def refresh(settings: Settings) -> list[str]:
    """Analyze the tables of raw that many rows have come to since; returns their names."""
    with connect(settings, role="moshtari_builder", autocommit=True) as connection:
        rows = connection.execute(
            """
            select relname from pg_stat_user_tables
            where schemaname = 'raw' and n_mod_since_analyze >= %s
            order by relname
            """,
            [_FEWEST_ROWS],
        ).fetchall()
        names = [row[0] for row in rows]
        for name in names:
            _log.info("raw.%s: fresh statistics", name)
            # One that somebody holds (a first load) is left to the next build.
            connection.execute(
                sql.SQL("analyze (skip_locked) {}").format(sql.Identifier("raw", name))
            )
    return names
