"""Alerts: one line of JSON in a file, and a POST to a webhook when the deployment has one.

An alert carries the DAG, the task, the business day and a cause in words. It never carries rows:
the message of an exception that Moshtari did not raise itself could, so only its type is told.
"""

from __future__ import annotations

import json
import logging
import os
from typing import Any

import httpx

from moshtari.settings import Settings, load_settings

_log = logging.getLogger(__name__)


def send_alert(kind: str, *, settings: Settings | None = None, **details: Any) -> dict[str, Any]:
    """Write the alert down and post it. Returns it. Never raises: an alert must not break a run."""
    settings = settings or load_settings()
    alert = {"kind": kind, **{name: value for name, value in details.items() if value is not None}}
    line = json.dumps(alert, ensure_ascii=False, default=str)
    _log.error("alert: %s", line)
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        with (settings.home / "alerts.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")
    except OSError as error:
        _log.warning("the alert could not be written down: %s", error.strerror)
    url = os.environ.get("MOSHTARI_ALERT_URL")
    if url:
        try:
            httpx.post(url, json=alert, timeout=10).raise_for_status()
        except httpx.HTTPError as error:
            _log.warning("the alert's webhook failed: %s", type(error).__name__)
    return alert


def cause_of(error: BaseException | None) -> str:
    """The cause in words, without anything that could be a customer's data."""
    if error is None:
        return "unknown; see the task's log"
    if type(error).__module__.startswith("moshtari."):
        return f"{type(error).__name__}: {error}"
    return f"{type(error).__name__}; see the task's log"


async def publication_missed(**details: Any) -> None:
    """What Airflow's triggerer calls when a deadline passes with nothing published."""
    context = details.get("context") or {}
    dag_run = context.get("dag_run") or {}
    day = dag_run.get("partition_key") if isinstance(dag_run, dict) else None
    send_alert(
        "nothing_published_by_deadline",
        business_date=day,
        remedy="run `moshtari status`; mend the cause; then `moshtari run --date <day>`",
    )
