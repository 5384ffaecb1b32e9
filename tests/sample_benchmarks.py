"""Folders of runs as a learning benchmark finds them, without a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

DEMONSTRATIONS = ((30, 30), (69, 69))
TRAINING = ((500, 100), (500, 0))


def a_run(
    folder: Path,
    successes: Sequence[int],
    *,
    final: float = 0.99,
    episodes: Sequence[tuple[int, int]] = TRAINING,
    ended: str = "finished",
) -> Path:
    """A run with an evaluation of 20 every 500 ticks, and episodes (ticks, those by hand)."""
    folder.mkdir(parents=True)
    evaluations = [
        {
            "ticks": 500 * (i + 1) + 3,
            "successes": n,
            "episodes": 20,
            "mean_ticks": 15.0,
            "updates": 1000 * (i + 1),
            "train_seconds": 10.0 * (i + 1),
        }
        for i, n in enumerate(successes)
    ]
    summary = {
        "ended": ended,
        "train": {"evaluations": evaluations},
        "eval": {"success_rate": final, "mean_ticks": 14.5},
    }
    (folder / "summary.json").write_text(json.dumps(summary))
    lines = [
        json.dumps(
            {"event": "episode", "stage": stage, "ticks": n, "intervention_ticks": interventions}
        )
        for stage, found in (("demonstrate", DEMONSTRATIONS), ("train", episodes))
        for n, interventions in found
    ]
    (folder / "events.jsonl").write_text("\n".join([*lines, '{"event": "epis']))
    return folder
