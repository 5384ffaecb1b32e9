"""What a sweep came to: a table and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from configs.text.writing import new_file
from hil_app.bench.learning.protocol import reached
from hil_app.support.caches import for_matplotlib
from hil_app.sweep.over import Over
from hil_app.sweep.plan import Standing

CAPTION = (
    "The best first. Success: of the last evaluation, nobody helping; at the end where a trial got "
    "there. T95: the ticks at the first of two evaluations in a row with at least 19 of 20. By "
    "hand: share of training ticks in which the operator acted."
)
_NAMED = 5  # trials that the picture names


def table(ranked: Sequence[Standing], over: Sequence[Over]) -> Table:
    """A row a trial."""
    made = Table(
        title=Text("hil-app sweep", "bold"), caption=CAPTION, box=box.SIMPLE_HEAD, pad_edge=False
    )
    made.add_column("trial")
    for name in (*(_short(each.name) for each in over), "success", "T95", "by hand", "ended"):
        made.add_column(Text(name), justify="right")
    for one in ranked:
        hand = "–" if one.by_hand is None else f"{one.by_hand:.1%}"
        good = reached([each.success_rate for each in one.evaluations])
        t95 = "–" if good is None else str(one.evaluations[good].ticks)
        success = f"{one.score:.0%}" if one.evaluations or one.final is not None else "–"
        values = map(Text, one.trial.values)
        made.add_row(str(one.trial.number), *values, success, t95, hand, _ended(one))
    return made


def _ended(one: Standing) -> str:
    if one.state == "finished" or not one.evaluations:
        return one.state
    return f"{one.state} at {one.evaluations[-1].ticks}"


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def plot(ranked: Sequence[Standing], over: Sequence[Over], path: Path) -> None:
    """Success over the ticks, a line a trial; and below it success over each option's values."""
    for_matplotlib()
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure = plt.figure(figsize=(max(8.0, 2.8 * len(over)), 7), layout="constrained")
    grid = figure.add_gridspec(2, len(over), height_ratios=[3, 2])
    _curves(figure.add_subplot(grid[0, :]), ranked, over)
    first = None
    for place, one in enumerate(over):
        axis = figure.add_subplot(grid[1, place], sharey=first)
        _scatter(axis, [(each.trial.values[place], each) for each in ranked], one)
        if first is None:
            first = axis
            axis.set_ylabel("success")
        else:
            axis.tick_params(labelleft=False)
    with new_file(path) as file:
        figure.savefig(file, dpi=110, format="png")
    plt.close(figure)


def _curves(axis: Any, ranked: Sequence[Standing], over: Sequence[Over]) -> None:
    """The best in colours and in the legend; a cross where one was stopped."""
    for place, one in reversed([*enumerate(ranked)]):
        best = place < _NAMED
        ticks = [each.ticks for each in one.evaluations]
        rates = [each.success_rate for each in one.evaluations]
        colour = f"C{place}" if best else "0.7"
        named = zip(over, one.trial.values, strict=True)
        words = ", ".join(f"{_short(each.name)} {value}" for each, value in named)
        label = f"{one.trial.number}: {words}" if best else None
        width = 2.2 if best else 1.0
        axis.plot(ticks, rates, color=colour, marker=".", linewidth=width, label=label)
        if one.state == "stopped" and ticks:
            axis.plot(ticks[-1:], rates[-1:], marker="x", markersize=9, color=colour)
    axis.set_title("success without interventions (×: stopped)", loc="left", fontsize=10)
    axis.set_xlabel("training ticks")
    axis.set_xlim(left=0)
    handles, labels = axis.get_legend_handles_labels()
    if handles:
        axis.legend(handles[::-1], labels[::-1], frameon=False, fontsize=9, loc="best")
    _finish(axis)


def _scatter(axis: Any, found: Sequence[tuple[str, Standing]], one: Over) -> None:
    """A dot a trial that finished, a cross one that was stopped."""
    for value, each in found:
        at = one.values.index(value) if one.values else float(value)
        done = each.state == "finished"
        axis.plot(
            [at],
            [each.score],
            marker="o" if done else "x",
            color="C0" if done else "0.5",
            linestyle="none",
            alpha=0.8,
        )
    if one.values:
        axis.set_xticks(range(len(one.values)), one.values)
        axis.set_xlim(-0.5, len(one.values) - 0.5)
    if one.log:
        axis.set_xscale("log")
    axis.set_xlabel(one.name, fontsize=9)
    axis.tick_params(axis="x", labelsize=8)
    _finish(axis)


def _finish(axis: Any) -> None:
    axis.set_ylim(-0.03, 1.04)
    axis.yaxis.set_major_formatter("{x:.0%}")
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
