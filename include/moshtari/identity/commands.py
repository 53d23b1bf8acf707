"""`moshtari identity review|suggest`: what to decide, in the terminal. Keys, never names."""

from __future__ import annotations

import psycopg
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from moshtari.identity.review import built_day, review_list, suggestion_list
from moshtari.identity.suggestions import suggest_links
from moshtari.settings import ConfigError, Deployment, Settings

WORDS = ("review", "suggest")


def show(
    console: Console, settings: Settings, deployment: Deployment, what: str, limit: int
) -> None:
    """Print one of the two lists. Raises ConfigError for another word, or before a first build."""
    if what not in WORDS:
        raise ConfigError("identity", what, "there is no such list", "Say review or suggest")
    try:
        day = built_day(settings)
        if what == "review":
            _show_review(console, settings, limit)
        else:
            suggest_links(settings, deployment, day)
            _show_suggestions(console, settings, limit)
    except (LookupError, psycopg.errors.UndefinedTable) as error:
        raise ConfigError(
            deployment.file, "", "no customers have been built yet", "Run a night first"
        ) from error
    console.print("Decide in the corrections file; docs/identity.md says how.")


def _show_review(console: Console, settings: Settings, limit: int) -> None:
    table = Table("key", "cause", "accounts", "records", title="keys that tie nobody together")
    for item in review_list(settings, limit):
        table.add_row(escape(item.identity_key), item.cause, str(item.accounts), str(item.records))
    console.print(table)


def _show_suggestions(console: Console, settings: Settings, limit: int) -> None:
    table = Table("one key", "another", "probability", "agree", title="probably one person")
    for left, right, probability, agreeing in suggestion_list(settings, limit):
        table.add_row(escape(left), escape(right), f"{probability:.3f}", agreeing)
    console.print(table)
