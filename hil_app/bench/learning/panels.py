"""An image of what ``hil-app bench hil`` came to: a panel a task."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from configs.text.writing import new_file
from hil_app.bench.learning.curves import draw
from hil_app.bench.learning.lines import Line, grouped
from hil_app.bench.learning.protocol import EVERY, REACHED
from hil_app.support.caches import for_matplotlib

ACROSS = 4  # panels
SUCCESS, SHARE = "success without help", "share by hand"


def plot(lines: Sequence[Line], path: Path) -> None:
    """Success without help and the operator's share, a colour a learner and operator."""
    for_matplotlib()
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.lines import Line2D

    panels: dict[str, dict[str, list[Line]]] = {}
    for (task, *rest), seeds in grouped(lines).items():
        panels.setdefault(task, {})[", ".join(rest)] = seeds
    names = [*dict.fromkeys(name for rows in panels.values() for name in rows)]
    across = min(ACROSS, len(panels))
    down = math.ceil(len(panels) / across)
    figure = plt.figure(figsize=(3.2 * across + 0.4, 3.6 * down + 0.5), layout="constrained")
    places = figure.subfigures(down, across, squeeze=False).ravel()
    for number, (task, rows) in enumerate(panels.items()):
        colours = {name: f"C{names.index(name)}" for name in rows}
        _panel(places[number], task, rows, colours, first=number % across == 0)
    handles = [Line2D([], [], color=f"C{i}", linewidth=2.5, marker=".") for i in range(len(names))]
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
    with new_file(path) as file:
        figure.savefig(file, dpi=110, format="png")
    plt.close(figure)


def _panel(
    place: Any,
    task: str,
    rows: Mapping[str, Sequence[Line]],
    colours: Mapping[str, str],
    *,
    first: bool,
) -> None:
    success, share = place.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    for name, seeds in rows.items():
        found = [line.outcome for line in seeds]
        draw(success, [(one.ticks, one.success) for one in found], colours[name], name)
        shares = [one.interventions for one in found]
        edges = [(np.arange(1, len(each) + 1) * EVERY, each) for each in shares]
        draw(share, edges, colours[name], name)
    success.axhline(REACHED, color="0.6", linewidth=0.8, linestyle=":")
    success.set_title(task, fontsize=11)
    success.set_ylim(0, 1.04)
    share.set_ylim(0, max(0.1, share.get_ylim()[1]))
    share.set_xlabel("training ticks")
    for axis, label in ((success, SUCCESS), (share, SHARE)):
        axis.yaxis.set_major_formatter("{x:.0%}")
        axis.set_xlim(left=0)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
        if first:
            axis.set_ylabel(label)
