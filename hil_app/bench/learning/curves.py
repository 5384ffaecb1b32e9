"""What ``hil-app bench learn`` came to: a table and an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from hil_app.bench.learning.outcome import Outcome
from hil_app.bench.learning.protocol import EPISODES, EVERY, FINAL
from hil_app.support.caches import for_matplotlib

Results = Mapping[str, Sequence[Outcome]]
COLUMNS = ("reached", "T95, ticks", "updates", "s", "held", "final", "by hand")


def table(results: Results) -> Table:
    """A row an arm: medians over its seeds, with the least and the most."""
    shown = Table(title="hil-app bench learn", title_style="bold")
    shown.add_column("arm", overflow="fold")
    for name in COLUMNS:
        shown.add_column(name, justify="right")
    for name, seeds in results.items():
        shown.add_row(name, *_row(seeds))
    shown.caption = (
        f"T95: the first of two evaluations in a row ({EPISODES} episodes on its own, every "
        f"{EVERY} ticks) with at least 19 of 20. Held: none below 18 until twice T95. By hand: "
        f"share of ticks, at first and at last. Final: of {FINAL} episodes. Medians, and "
        "least–most; seconds of training alone."
    )
    return shown


def _row(seeds: Sequence[Outcome]) -> list[str]:
    there = [seed for seed in seeds if seed.t95_ticks is not None]
    first = [seed.interventions[0] for seed in seeds if seed.interventions]
    last = [seed.interventions[-1] for seed in seeds if seed.interventions]
    return [
        f"{len(there)} of {len(seeds)}",
        _spread([seed.t95_ticks for seed in there]),
        _median([seed.t95_updates for seed in there]),
        _median([seed.t95_seconds for seed in there]),
        f"{sum(bool(seed.held) for seed in there)} of {len(there)}" if there else "–",
        _spread([seed.final * FINAL for seed in seeds]),
        f"{np.mean(first):.1%}\n→ {np.mean(last):.1%}" if first else "–",
    ]


def _median(values: Sequence[Any]) -> str:
    return f"{np.median(values):.0f}" if values else "–"


def _spread(values: Sequence[Any]) -> str:
    return f"{_median(values)}\n{min(values):.0f}–{max(values):.0f}" if values else "–"


def plot(results: Results, path: Path) -> None:
    """Success without help and the operator's share of the ticks, a colour an arm."""
    for_matplotlib()
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 1, figsize=(8, 7), sharex=True, layout="constrained")
    for index, (name, seeds) in enumerate(results.items()):
        colour = f"C{index}"
        draw(axes[0], [(seed.ticks, seed.success) for seed in seeds], colour, name)
        edges = [(np.arange(1, len(s.interventions) + 1) * EVERY, s.interventions) for s in seeds]
        draw(axes[1], edges, colour, name)
    for axis, title in zip(
        axes,
        ("success without interventions", "share of training ticks in which the operator acted"),
        strict=True,
    ):
        axis.set_title(title, loc="left", fontsize=10)
        axis.yaxis.set_major_formatter("{x:.0%}")
        axis.set_ylim(bottom=0)
        axis.set_xlim(left=0)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylim(0, 1.04)
    axes[0].legend(frameon=False, loc="lower right", fontsize=9)
    axes[1].set_xlabel("training ticks")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw(axis: Any, curves: Sequence[tuple[Any, Any]], colour: str, name: str) -> None:
    """Each seed thin, their mean thick, over the length that all of them have."""
    curves = [(np.array(x), np.array(y)) for x, y in curves if len(x)]
    for x, y in curves:
        axis.plot(x, y, color=colour, alpha=0.25, linewidth=1)
    if not curves:
        return
    length = min(len(x) for x, _ in curves)
    x, y = (np.mean([curve[part][:length] for curve in curves], axis=0) for part in (0, 1))
    axis.plot(x, y, color=colour, linewidth=2.5, marker=".", label=name)
