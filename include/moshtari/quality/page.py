"""The verdicts as one page that needs no network: the last runs, and every check of each.

Great Expectations' own Data Docs stand beside it; their pages load styles and scripts from
elsewhere and stay bare where a machine cannot reach them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from moshtari.atomic import write_atomically
from moshtari.settings import Settings
from moshtari.warehouse.connection import connect

_LAST_RUNS = 30
_RUNS = """
    select
        r.run_id, r.as_of_date, r.status, r.error,
        to_char(r.started_at at time zone %(zone)s, 'YYYY-MM-DD HH24:MI') as started,
        r.run_id = p.run_id as is_shown
    from ops.runs as r
    cross join store.pointer as p
    order by r.run_id desc
    limit %(last)s
"""
_CHECKS = """
    select
        run_id, stage, check_name, target, severity, success,
        observed - 'remedy' as figures, observed ->> 'remedy' as remedy
    from ops.checks
    where run_id = any(%(runs)s)
    order by run_id desc, success, severity, stage, check_name, target
"""


def page_file(settings: Settings) -> Path:
    """Where the page stands."""
    return settings.home / "gate.html"


def refresh_page(settings: Settings, zone: str) -> Path:
    """`write_page` with a connection of its own: after readers were pointed at another run."""
    with connect(settings, role="moshtari_auditor") as connection:
        return write_page(settings, connection, zone)


def write_page(settings: Settings, connection: psycopg.Connection, zone: str) -> Path:
    """Write the page anew from ops.runs and ops.checks, times in ``zone``. Returns its path.

    It holds names of checks and counts, no row values.
    """
    from jinja2 import Environment, PackageLoader

    with connection.cursor(row_factory=dict_row) as cursor:
        runs = cursor.execute(_RUNS, {"zone": zone, "last": _LAST_RUNS}).fetchall()
        ids = [run["run_id"] for run in runs]
        checks = cursor.execute(_CHECKS, {"runs": ids}).fetchall()
    by_run: dict[int, list[dict[str, Any]]] = {run_id: [] for run_id in ids}
    for check in checks:
        by_run[check["run_id"]].append(check)
    environment = Environment(
        loader=PackageLoader("moshtari.quality", "templates"), autoescape=True, trim_blocks=True
    )
    html = environment.get_template("gate.html.j2").render(runs=runs, checks=by_run)
    target = page_file(settings)
    write_atomically(target, lambda path: path.write_text(html, encoding="utf-8"))
    return target
