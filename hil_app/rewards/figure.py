"""An image of what a classifier gets right and wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from configs.learning.policy import FeatureType
from hil_app.rewards.examples import Bools, Examples, Ints
from hil_app.rewards.scores import CAUTION, F64, Counts, Verdict
from hil_app.support.caches import for_matplotlib
from hil_app.support.words import plural

SHOWN = 8  # frames
ROWS = 24  # episodes
RIGHT, WRONG, NEUTRAL = "#2e8b57", "#c8372d", "#6b7785"


def draw(
    file: IO[bytes],
    examples: Examples,
    rows: Ints,
    probability: F64,
    threshold: float,
    verdicts: Sequence[Verdict],
) -> None:
    """Write a PNG of the held-out ``rows``, whose ``probability`` (len(rows),) is known."""
    for_matplotlib()
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    success = examples.success[rows]
    worst = _worst(probability, success, threshold)
    shown = _shown(examples)
    strips = min(len(verdicts), ROWS)
    heights = [3.0, 0.9 + 0.22 * strips, *([0.5 + 1.35 * len(shown)] if shown else [])]
    figure = plt.figure(figsize=(12, sum(heights) + 0.6), layout="constrained")
    parts: Any = figure.subfigures(len(heights), 1, height_ratios=heights)
    counts = Counts.of(probability >= threshold, success)
    left, middle, right = parts[0].subplots(1, 3, width_ratios=[1, 1.35, 1.35])
    _table(left, counts)
    _curve(middle, probability, success, threshold)
    _spread(right, probability, success, threshold)
    _strips(parts[1].subplots(), examples, rows, probability, verdicts[:strips])
    if shown:
        _images(parts[2], examples, rows, probability, threshold, worst, shown)
    figure.suptitle(
        f"{counts.total} held-out frames of {plural(len(verdicts), 'episode')}: "
        f"accuracy {counts.accuracy:.1%}, precision {counts.precision:.1%}, "
        f"recall {counts.recall:.1%}",
        fontweight="bold",
    )
    figure.savefig(file, dpi=100, format="png")
    plt.close(figure)


def _table(axis: Any, counts: Counts) -> None:
    cells = np.array(
        [
            [counts.true_positive, counts.false_negative],
            [counts.false_positive, counts.true_negative],
        ]
    )
    good = np.eye(2, dtype=bool)
    shares = cells / np.maximum(cells.sum(1, keepdims=True), 1)
    for (row, column), count in np.ndenumerate(cells):
        colour, share = RIGHT if good[row, column] else WRONG, shares[row, column]
        axis.add_patch(_square(row, column, colour, 0.12 + 0.6 * share))
        axis.text(column, row - 0.08, f"{count}", ha="center", va="center", fontsize=17)
        axis.text(column, row + 0.25, f"{share:.1%}", ha="center", va="center", fontsize=9)
    axis.set(xlim=(-0.5, 1.5), ylim=(1.5, -0.5), aspect="equal")
    axis.set_xticks([0, 1], ["success", "not yet"])
    axis.set_yticks([0, 1], ["success", "not yet"], rotation=90, va="center")
    axis.set(xlabel="the classifier says", ylabel="the recording says")
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_title("frames", loc="left", fontsize=10)


def _square(row: int, column: int, colour: str, alpha: float) -> Any:
    from matplotlib.patches import Rectangle

    corner = column - 0.48, row - 0.48
    return Rectangle(corner, 0.96, 0.96, facecolor=colour, alpha=alpha, linewidth=0)


def _curve(axis: Any, probability: F64, success: Bools, threshold: float) -> None:
    at = np.linspace(0.005, 0.995, 199)
    found = [Counts.of(probability >= one, success) for one in at]
    axis.plot(at, [c.precision for c in found], color="tab:blue", label="precision")
    axis.plot(at, [c.recall for c in found], color="tab:orange", label="recall")
    both = [c.f_measure(CAUTION) for c in found]
    axis.plot(at, both, color=NEUTRAL, linestyle="--", label=f"F (beta {CAUTION})")
    lowest = min(0.9, *(min(c.precision, c.recall) for c in found[10:-10]))
    axis.set(ylim=(max(0.0, lowest - 0.05), 1.02), xlabel="threshold")
    axis.yaxis.set_major_formatter("{x:.0%}")
    axis.set_title("had another threshold been chosen", loc="left", fontsize=10)
    _mark(axis, threshold)
    axis.legend(loc="lower center", fontsize=8, framealpha=0.9, edgecolor="none")


def _spread(axis: Any, probability: F64, success: Bools, threshold: float) -> None:
    bins = np.linspace(0, 1, 26).tolist()
    parts = [probability[success], probability[~success]]
    axis.hist(parts, bins, color=[RIGHT, NEUTRAL], label=["success", "not yet"], stacked=False)
    axis.set_yscale("symlog", linthresh=1)
    axis.set(xlabel="probability of success", ylabel="frames")
    axis.yaxis.set_major_formatter("{x:.0f}")
    axis.set_title("what it says of each frame", loc="left", fontsize=10)
    _mark(axis, threshold)
    axis.legend(loc="center", fontsize=8, framealpha=0.9, edgecolor="none")


def _mark(axis: Any, threshold: float) -> None:
    axis.axvline(threshold, color="black", linewidth=1)
    axis.annotate(
        f" {threshold:.2f}",
        (threshold, 1),
        xycoords=("data", "axes fraction"),
        va="top",
        fontsize=8,
    )
    axis.set_xlim(0, 1)
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)


def _strips(
    axis: Any,
    examples: Examples,
    rows: Ints,
    probability: F64,
    verdicts: Sequence[Verdict],
) -> None:
    """A line an episode: its probability over the ticks, where success began and was said."""
    longest = max(verdict.ticks for verdict in verdicts)
    image = np.full((len(verdicts), longest), np.nan)
    for line, verdict in enumerate(verdicts):
        own = examples.episode[rows] == list(examples.names).index(verdict.name)
        image[line, examples.tick[rows][own] - 1] = probability[own]
    extent = (0.5, longest + 0.5, len(verdicts) - 0.5, -0.5)
    shown = axis.imshow(
        image, cmap="BuGn", vmin=0, vmax=1, aspect="auto", extent=extent, interpolation="nearest"
    )
    for line, verdict in enumerate(verdicts):
        if verdict.success is not None:
            axis.plot([verdict.success - 0.5] * 2, [line - 0.5, line + 0.5], color="black", lw=2)
        if verdict.fires is not None:
            colour = "black" if verdict.agrees else WRONG
            axis.plot(verdict.fires, line, marker="o", ms=5, mec="white", mew=0.6, color=colour)
    axis.set_yticks(range(len(verdicts)), [verdict.name for verdict in verdicts], fontsize=7)
    for label, verdict in zip(axis.get_yticklabels(), verdicts, strict=True):
        label.set_color("black" if verdict.agrees else WRONG)
    axis.set(xlabel="tick", ylabel="episode")
    axis.figure.colorbar(shown, ax=axis, label="probability", pad=0.01)
    right = sum(verdict.agrees for verdict in verdicts)
    axis.set_title(
        f"{right} of {plural(len(verdicts), 'episode')} classified rightly: bar, success begins; "
        "dot, a run would say so (red: wrongly)",
        loc="left",
        fontsize=10,
    )
    axis.spines[:].set_visible(False)


def _images(
    figure: Any,
    examples: Examples,
    rows: Ints,
    probability: F64,
    threshold: float,
    worst: Ints,
    keys: Sequence[str],
) -> None:
    """The frames that are most wrong, or least sure where none is wrong, camera above camera."""
    axes = figure.subplots(len(keys), SHOWN, squeeze=False)
    wrong = (probability >= threshold) != examples.success[rows]
    for axis in axes.flat:
        axis.set_axis_off()
    for place, index in enumerate(worst):
        for key, axis in zip(keys, axes[:, place], strict=True):
            axis.imshow(_image(examples, key, int(rows[index])))
        said = "success" if examples.success[rows[index]] else "not yet"
        name = examples.names[int(examples.episode[rows[index]])]
        where = f"episode {name}, tick {examples.tick[rows[index]]}"
        axes[0, place].set_title(
            f"{where}\n{said}, said {probability[index]:.2f}",
            fontsize=8,
            color=WRONG if wrong[index] else "black",
        )
    few = f"the {min(int(wrong.sum()), SHOWN)} most wrong of {wrong.sum()} wrong frames"
    figure.suptitle(
        f"{few} in red, then the least sure"
        if wrong.any()
        else "no frame is wrong: the least sure",
        x=0.01,
        ha="left",
        fontsize=10,
    )


def _worst(probability: F64, success: Bools, threshold: float) -> Ints:
    """The places of the frames furthest on the wrong side, or nearest to it."""
    margin = np.where(success, probability - threshold, threshold - probability)
    worst: Ints = np.argsort(margin, kind="stable")[:SHOWN]
    return worst


def _shown(examples: Examples) -> list[str]:
    return [key for key, feature in examples.features.items() if feature.type == FeatureType.VISUAL]


def _image(examples: Examples, key: str, row: int) -> NDArray[np.uint8]:
    image: NDArray[np.uint8] = examples.inputs[key][row].permute(1, 2, 0).numpy()
    return image
