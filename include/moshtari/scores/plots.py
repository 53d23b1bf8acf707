"""Pictures of an evaluation: whether a probability is what it says, how soon people are found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from moshtari.scores.measures import gains

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from moshtari.scores.models import HeldOut

# Colours that stay apart for colour-blind readers, with a mark of their own for grey print.
_STYLES = {
    "return_score": {"color": "#0072B2", "marker": "o"},
    "bg_nbd": {"color": "#D55E00", "marker": "s"},
    "recency": {"color": "#555555", "marker": "^"},
}


def draw_calibration(file: Path, held_out: HeldOut, titles: dict[str, str], subtitle: str) -> None:
    """For each tenth of the customers: the probability said, and the share that returned."""
    figure, axes = _canvas()
    axes.plot([0, 1], [0, 1], color="#999999", linestyle="--", linewidth=1, label="as it should be")
    for name, result in held_out.results.items():
        said = [decile.predicted for decile in result.calibration]
        came = [decile.returned for decile in result.calibration]
        axes.plot(said, came, label=titles[name], markersize=6, linewidth=1.5, **_style(name))
    axes.set_xlabel("probability of a return, mean of each tenth of the customers")
    axes.set_ylabel("share that returned")
    _finish(file, figure, axes, "Calibration: what was said, and what came", subtitle)


def draw_lift(file: Path, held_out: HeldOut, titles: dict[str, str], subtitle: str) -> None:
    """The share of the returning customers among the first so many by each score."""
    figure, axes = _canvas()
    axes.plot([0, 1], [0, 1], color="#999999", linestyle="--", linewidth=1, label="by chance")
    for name, result in held_out.results.items():
        asked, found = gains(result.probability, held_out.returned)
        auc = f"{result.auc:.3f}" if result.auc is not None else "none"
        style = _style(name)
        axes.plot(
            asked,
            found,
            label=f"{titles[name]} (AUC {auc})",
            color=style["color"],
            marker=style["marker"],
            markevery=0.1,
            markersize=5,
            linewidth=1.5,
        )
    axes.set_xlabel("share of the customers, the likeliest to return first")
    axes.set_ylabel("share of those who returned that is among them")
    _finish(file, figure, axes, "Lift: how soon those who return are found", subtitle)


def _style(name: str) -> dict[str, Any]:
    return dict(_STYLES.get(name, {"color": "#009E73", "marker": "d"}))


def _canvas() -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 7), dpi=120, layout="constrained")
    return figure, figure.add_subplot()


def _finish(file: Path, figure: Figure, axes: Axes, title: str, subtitle: str) -> None:
    from matplotlib.ticker import PercentFormatter

    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.legend(loc="best", frameon=True)
    figure.suptitle(title, fontsize=14)
    axes.set_title(subtitle, fontsize=9)
    figure.savefig(file, format="png")
