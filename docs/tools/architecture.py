"""Draw the architecture: ``python -m docs.tools.architecture docs/images/architecture.svg``."""

from __future__ import annotations

import sys

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

TICK, THREAD = "#eef3fb", "#f6f1e7"  # of the tick's parts, and of what runs beside it
WIDE, HIGH = 1.7, 0.62
BOXES = {  # name: its middle, what it is in a few words
    "policy": (0, 2, "observation → action"),
    "action steps": (1, 2, "who acts, limits, kinematics"),
    "robot": (2, 2, "arm, twin or yours"),
    "teleoperator": (0, 1, "takes over, or does not"),
    "frame": (1, 1, "what is kept of a tick"),
    "env steps": (2, 1, "observation, reward, end"),
    "learner": (0, 0, "SAC, replay buffers"),
    "recorder": (1, 0, "journal, dataset"),
    "terminal, window": (2, 0, "who has the arm"),
}
ARROWS = (  # from, to, what goes there
    ("policy", "action steps", "action"),
    ("action steps", "robot", "command"),
    ("robot", "env steps", "reading"),
    ("env steps", "frame", "transition"),
    ("teleoperator", "action steps", ""),
    ("frame", "learner", ""),
    ("frame", "recorder", "queues"),
    ("frame", "terminal, window", ""),
)


def main(file: str) -> None:
    """Write the drawing; the ending of ``file`` says in which format."""
    mpl.rcParams["svg.hashsalt"] = "architecture"  # the same drawing is the same file
    figure, axes = plt.subplots(figsize=(9, 4.2))
    for name, (_, row, says) in BOXES.items():
        _box(axes, _middle(name), name, says, TICK if row else THREAD)
    for start, end, label in ARROWS:
        _arrow(axes, start, end, label)
    x = _middle("learner")[0] - WIDE / 2
    weights = {"arrowstyle": "->", "connectionstyle": "arc3,rad=-0.25", "color": "#444"}
    axes.annotate("", (x, 2 * 1.2), (x, 0), arrowprops=weights)
    axes.text(x - 0.5, 1.2, "weights", rotation=90, va="center", fontsize=8, color="#555")
    axes.set(xlim=(-1.6, 6.1), ylim=(-0.6, 3.0))
    axes.axis("off")
    figure.savefig(file, bbox_inches="tight", facecolor="white", metadata={"Date": None})


def _middle(name: str) -> tuple[float, float]:
    column, row, _ = BOXES[name]
    return 2.5 * column, 1.2 * row


def _box(axes: Axes, middle: tuple[float, float], name: str, says: str, colour: str) -> None:
    x, y = middle
    corner = x - WIDE / 2, y - HIGH / 2
    line = "-" if colour == TICK else "--"
    box = Rectangle(corner, WIDE, HIGH, facecolor=colour, edgecolor="#3f61a5", linestyle=line)
    axes.add_patch(box)
    axes.text(x, y + 0.1, name, ha="center", va="center", fontsize=10)
    axes.text(x, y - 0.14, says, ha="center", va="center", fontsize=7.5, color="#555")


def _arrow(axes: Axes, start: str, end: str, label: str) -> None:
    """From one box to another, through the sides that look at each other."""
    (x, y), (to_x, to_y) = _middle(start), _middle(end)
    level = y == to_y
    aside = (WIDE / 2 if to_x > x else -WIDE / 2) * (level or 0.8 * (x != to_x))
    lift = 0 if level else (HIGH / 2 if to_y > y else -HIGH / 2)
    one, other = (x + aside, y + lift), (to_x - aside, to_y - lift)
    axes.annotate("", other, one, arrowprops={"arrowstyle": "->", "color": "#444"})
    at = (one[0] + other[0]) / 2 + (0 if level else 0.1), (one[1] + other[1]) / 2 + 0.03
    axes.text(*at, label, ha="center" if level else "left", va="bottom", fontsize=8, color="#555")


if __name__ == "__main__":
    main(sys.argv[1])
