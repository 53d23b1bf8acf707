"""An evaluation as a person reads it in a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from moshtari.scores.evaluation import TITLES, Evaluation
from moshtari.scores.return_score import Regression


def show_evaluation(console: Console, evaluation: Evaluation) -> None:
    """The table of scores, calibration by decile, what was refused, and what ranks."""
    held_out, models = evaluation.held_out, evaluation.models
    returned = int(held_out.returned.sum())
    console.print(
        f"{len(held_out.returned):,} customers had bought by {held_out.cut}; {returned:,} "
        f"bought again by {held_out.ends_on}.",
        highlight=False,
    )
    score = models.fitted.get("return_score")
    if isinstance(score, Regression):
        console.print(
            f"The return score learned from {score.trained_on:,} rows at cut days from "
            f"{score.trained_from} on, outcomes of {score.outcome_days} days up to "
            f"{score.trained_to}.",
            highlight=False,
        )
    table = Table(title="On days that no model had seen")
    for column in ("score", "AUC", "lift in the top tenth", ""):
        table.add_column(column, justify="left" if column in ("score", "") else "right")
    for name, title in TITLES.items():
        result = held_out.results.get(name)
        table.add_row(
            title,
            f"{result.auc:.4f}" if result and result.auc is not None else "-",
            f"{result.lift:.2f}" if result and result.lift is not None else "-",
            "ranks" if name == evaluation.used else ("" if result else "refused"),
        )
    console.print(table)
    _show_calibration(console, evaluation)
    for name, reason in models.refused.items():
        console.print(f"{name} was refused: {reason}", highlight=False, markup=False)
    if evaluation.used == "recency":
        console.print("No score beat plain recency here, so plain recency ranks.")
    for file in evaluation.files:
        console.print(f"Written: {file}", highlight=False, markup=False, soft_wrap=True)


def _show_calibration(console: Console, evaluation: Evaluation) -> None:
    results = evaluation.held_out.results
    names = [name for name in TITLES if name in results]
    table = Table(title="Calibration: probability said, and share that returned, by tenths")
    table.add_column("tenth", justify="right")
    for name in names:
        table.add_column(TITLES[name], justify="right")
    for place in range(max(len(results[name].calibration) for name in names)):
        cells = [
            f"{decile.predicted:6.1%} {decile.returned:6.1%}"
            for name in names
            for decile in results[name].calibration[place : place + 1]
        ]
        table.add_row(str(place + 1), *cells)
    console.print(table)
