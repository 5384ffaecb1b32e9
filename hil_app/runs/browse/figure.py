"""Images of trainings: success, interventions and return over the ticks, of one run or more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from configs.text.writing import new_file
from hil_app.control.outcomes import (
    RECENT,
    Evaluation,
    Finished,
    intervention_fraction,
    success_rate,
)
from hil_app.runs.browse.history import History
from hil_app.support.caches import for_matplotlib

HELPED = "success rate, with the operator's help"
OPERATOR = "share of ticks in which the operator acted"
RETURN = "return"
_COLOURS = {HELPED: "tab:green", OPERATOR: "tab:orange", RETURN: "tab:blue"}


def plot_training(
    finished: Sequence[Finished], evaluations: Sequence[Evaluation], path: Path
) -> None:
    """One run, a colour a curve."""
    curves, ticks = _curves(finished), [one.tick for one in finished]
    figure, axes = _axes()
    for axis, (title, values) in zip(axes, curves.items(), strict=True):
        axis.plot(ticks, values, color=_COLOURS[title], linewidth=2, marker=".", markersize=4)
        _scale(axis, values)
    if evaluations:
        label = "success rate of the policy on its own"
        axes[0].plot(*_evaluated(evaluations), color="tab:purple", marker="o", label=label)
        axes[0].set_ylim(top=1.08)
        axes[0].legend(loc="lower right", fontsize=9, frameon=False)
    _save(figure, path)


def plot_comparison(runs: Mapping[str, History], path: Path) -> None:
    """Several runs by their names, a colour a run; evaluations are squares on a dotted line."""
    from matplotlib import colormaps

    figure, axes = _axes()
    colours = colormaps["tab10" if len(runs) <= 10 else "tab20"]
    seen: list[list[float]] = [[], [], []]  # on each axis
    for number, (name, run) in enumerate(runs.items()):
        style = {"color": colours(number % colours.N), "markersize": 4}
        ticks = [one.tick for one in run.training]
        for place, values in enumerate(_curves(run.training).values()):
            label = name if place == 0 else None
            axes[place].plot(ticks, values, linewidth=1.8, marker=".", label=label, **style)
            seen[place] += values
        if run.evaluations:
            axes[0].plot(
                *_evaluated(run.evaluations), linestyle=":", linewidth=1, marker="s", **style
            )
    for axis, values in zip(axes, seen, strict=True):
        _scale(axis, values)
    if any(run.evaluations for run in runs.values()):
        axes[0].plot([], [], ":sk", linewidth=1, markersize=4, label="the policy on its own")
        axes[0].set_ylim(top=1.08)
    figure.legend(loc="outside upper center", ncols=2, fontsize=9, frameon=False)
    _save(figure, path)


def _curves(finished: Sequence[Finished]) -> dict[str, list[float]]:
    """Each title with a value at every episode's end: of the last episodes until then."""
    ends = range(1, len(finished) + 1)
    windows = [[one.episode for one in finished[max(0, end - RECENT) : end]] for end in ends]
    return {
        HELPED: [success_rate(window) for window in windows],
        OPERATOR: [intervention_fraction(window) for window in windows],
        RETURN: [float(np.mean([each.reward for each in window])) for window in windows],
    }


def _evaluated(evaluations: Sequence[Evaluation]) -> tuple[list[int], list[float]]:
    return [one.ticks for one in evaluations], [one.success_rate for one in evaluations]


def _axes() -> tuple[Any, Any]:
    """A figure with an axis a curve, below each other."""
    for_matplotlib()
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(3, 1, figsize=(8, 7), sharex=True, layout="constrained")
    for axis, title in zip(axes, _COLOURS, strict=True):
        axis.set_title(f"{title} (last {RECENT} episodes)", loc="left", fontsize=10)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].yaxis.set_major_formatter("{x:.0%}")
    axes[1].yaxis.set_major_formatter("{x:.0%}")
    axes[-1].set_xlabel("training ticks")
    return figure, axes


def _scale(axis: Any, values: Sequence[float]) -> None:
    """Show all of it, from nought on; a return may be below."""
    axis.set_ylim(bottom=min([0.0, *values]) * 1.08, top=max([0.2, *values]) * 1.08)
    axis.set_xlim(left=0)


def _save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot as plt

    with new_file(path) as file:
        figure.savefig(file, dpi=110, format="png")
    plt.close(figure)
