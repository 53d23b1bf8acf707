"""The scores as tables on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from moshtari.demo.scoring import Scores

_TITLES = {"type": "Types", "phase": "Phases", "step": "Steps of the ladder"}


def show(scores: Scores, console: Console | None = None) -> None:
    """Print everything that was scored."""
    console = console or Console()
    console.print(f"The warehouse's conclusions of {scores.day} against the latent truth.")
    for axis, title in _TITLES.items():
        table = _table(
            title, "label", "claimed", "true", "precision", "recall", "recall of the observable"
        )
        for found in scores.of(axis):
            table.add_row(
                found.label,
                f"{found.claimed:,}",
                f"{found.true:,}",
                _share(found.precision),
                _share(found.recall),
                _share(found.recall_observable),
            )
        console.print(table)
    console.print(f"{scores.unknown_people:,} people of some type are in no mart.")
    console.print(
        f"{scores.stray_devices:,} customers are a device alone, of people who are customers"
        " already."
    )
    table = _table("Identity", "records", "people", "customers", "fused", "split")
    for entity, one in scores.identity.items():
        counts = (one.people, one.customers, one.fused_customers, one.split_people)
        table.add_row(entity, *(f"{count:,}" for count in counts))
    console.print(table)
    if scores.texts:
        console.print(_texts(scores))
    if scores.reasons:
        table = _table("Why they left", "true reason", "people", "found", "share")
        for reason in scores.reasons:
            share = _share(reason.right / reason.people)
            table.add_row(reason.reason, f"{reason.people:,}", f"{reason.right:,}", share)
        console.print(table)
    table = Table("axis", "label", "side", "what they are in truth", title="Disagreements")
    table.add_column("people", justify="right")
    for entry in scores.disagreements:
        table.add_row(entry.axis, entry.label, entry.side, entry.state, f"{entry.people:,}")
    console.print(table)


def _texts(scores: Scores) -> Table:
    table = _table(
        "Texts", "entity", "texts", "kind", "sentiment", "topic", "competitors found", "claimed"
    )
    for found in scores.texts:
        table.add_row(
            found.entity,
            f"{found.texts:,}",
            _share(found.kind_right / found.texts),
            _share(found.sentiment_right / found.texts),
            _share(found.topic_right / found.texts),
            f"{found.competitors_found:,} of {found.competitors:,}",
            f"{found.competitors_claimed:,}",
        )
    return table


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.2f}"
