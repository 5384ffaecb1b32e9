"""What ``hil-app bench hil`` came to: a table for the terminal, and the same for a page."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from rich.table import Table

from hil_app.bench import showing
from hil_app.bench.learning.lines import Line, grouped
from hil_app.bench.learning.protocol import EPISODES, EVERY, FINAL

NEVER = math.inf
COLUMNS = (
    ("reached", "held"),
    ("T95,", "ticks"),
    ("T95,", "s"),
    ("human,", "s"),
    ("hands,", "s"),
    ("share", "→ last"),
    ("final", "of 100"),
    ("alone", ""),
)
CAPTION = (
    f"T95: the first of two evaluations in a row ({EPISODES} episodes without help, every {EVERY} "
    "ticks) with at least 19 of 20; ∞: not reached. Held: none below 18 until twice T95. s: of the "
    "training alone. Human: seconds until T95 in which somebody acts or watches, demonstrations "
    "included; hands: those in which somebody acts. Share of ticks in which the operator acts, at "
    f"first and at last. Final: {FINAL} episodes. Alone: the operator without a policy. Medians, "
    "and least–most."
)


def table(lines: Sequence[Line]) -> Table:
    """A row a task, observation, operator and learner, over its seeds."""
    shared = shared_by(lines)
    title = ": ".join(filter(None, ("hil", ", ".join(filter(None, shared)))))
    rows = [
        ["\n".join(_parted(row, shared)), *("\n".join(cell) for cell in cells)]
        for row, cells in _rows(lines)
    ]
    columns = ("task", *("\n".join(names).strip() for names in COLUMNS))
    return showing.table(title, columns, rows, CAPTION)


def markdown(lines: Sequence[Line]) -> str:
    """The same as a table of a page."""
    names = ("task", *(" ".join(names).strip() for names in COLUMNS))
    shown = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    for row, cells in _rows(lines):
        inline = (f"{first} ({rest})" if rest else first for first, rest in cells)
        shown.append("| " + " | ".join((", ".join(_parted(row, shared_by(lines))), *inline)) + " |")
    return "\n".join(shown) + "\n"


def shared_by(lines: Sequence[Line]) -> list[str]:
    """Observation, operator and learner, where they are the same in all rows; else nothing."""
    parts = [set(part) for part in zip(*(line.row[1:] for line in lines), strict=True)]
    return [next(iter(part)) if len(part) == 1 else "" for part in parts]


def _parted(row: Sequence[str], shared: Sequence[str]) -> list[str]:
    """What tells a row from others: its task, and what not all share."""
    return [row[0], *(part for part, same in zip(row[1:], shared, strict=True) if not same)]


def _rows(lines: Sequence[Line]) -> list[tuple[tuple[str, ...], list[tuple[str, str]]]]:
    return [(row, _cells(seeds)) for row, seeds in grouped(lines).items()]


def _cells(seeds: Sequence[Line]) -> list[tuple[str, str]]:
    """A figure and what goes below it, for each column."""
    found = [line.outcome for line in seeds]
    there = [one for one in found if one.t95_ticks is not None]
    shares = [one.interventions for one in found if one.interventions]
    alone = [line.alone.success_rate for line in seeds if line.alone is not None]
    return [
        (_of(len(there), found), _of(sum(bool(one.held) for one in there), there)),
        _spread([_or_never(one.t95_ticks) for one in found]),
        (_spread([_or_never(one.t95_seconds) for one in found])[0], ""),
        _spread([_or_never(line.human_s) for line in seeds]),
        _spread([_or_never(line.hands_s) for line in seeds]),
        _ends(shares),
        _spread([one.final * FINAL for one in found]),
        (f"{np.mean(alone):.0%}" if alone else "–", ""),
    ]


def _of(count: int, whole: Sequence[object]) -> str:
    return f"{count}/{len(whole)}" if whole else "–"


def _or_never(value: float | None) -> float:
    return NEVER if value is None else value


def _ends(shares: Sequence[Sequence[float]]) -> tuple[str, str]:
    """The mean of the first shares, and of the last."""
    if not shares:
        return "–", ""
    first, last = (np.mean([share[place] for share in shares]) for place in (0, -1))
    return f"{first:.0%}", f"→ {last:.0%}"


def _spread(values: Sequence[float]) -> tuple[str, str]:
    """The median, and the least and the most if they differ."""
    least, most = (_figure(value) for value in (min(values), max(values)))
    return _figure(float(np.median(values))), f"{least}–{most}" if least != most else ""


def _figure(value: float) -> str:
    return "∞" if value == NEVER else f"{value:.0f}"
