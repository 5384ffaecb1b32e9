"""The curves of a run over its training ticks, as its ``metrics.jsonl`` has them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hil_app.runs.folder import METRICS

MOST = 1000  # points of a curve; beyond that some are left out
CURVES = {
    "success": "train/success_rate",
    "alone": "eval/success_rate",
    "interventions": "train/intervention_rate",
    "return": "train/reward_mean",
    "critic": "learner/loss_critic",
    "actor": "learner/loss_actor",
    "q": "learner/q_mean",
    "temperature": "learner/temperature",
}
"""What is drawn, and what it is called in the file."""

Curve = list[tuple[int, float]]  # the tick and the value of each point


def read_curves(run: Path) -> dict[str, Curve]:
    """The curves of a run's folder by the names in CURVES, those that have points alone.

    Where a run went on from a checkpoint, what had come after it is left out.
    """
    found: dict[str, Curve] = {name: [] for name in CURVES}
    newest = 0
    for line in _lines(run / METRICS):
        ticks = line["ticks"]
        if ticks < newest:
            found = {
                name: [one for one in curve if one[0] <= ticks] for name, curve in found.items()
            }
        newest = ticks
        for name, key in CURVES.items():
            if isinstance(value := line.get(key), int | float):
                found[name].append((ticks, round(value, 5)))
    return {name: _thinned(curve) for name, curve in found.items() if curve}


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """The lines that make sense; none of a file that cannot be read."""
    with suppress(OSError), path.open(encoding="utf-8", errors="replace") as lines:
        for text in lines:
            with suppress(ValueError):  # the last line of a run that was killed
                line = json.loads(text)
                if isinstance(line, dict) and isinstance(line.get("ticks"), int):
                    yield line


def _thinned(curve: Curve) -> Curve:
    step = -(-len(curve) // MOST)
    return [*curve[:-1:step], curve[-1]]
