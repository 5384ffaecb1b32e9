"""Folders of runs as they are left, made in no time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def event(name: str, **facts: Any) -> str:
    return json.dumps({"event": name, "time": 1_700_000_000.5, **facts}) + "\n"


def episode(stage: str = "train", *, success: bool = True, **facts: Any) -> str:
    usual = {"ticks": 10, "reward": float(success), "intervention_ticks": 2, "takeovers": 1}
    flags = {"rerecord": False, "stop": False, "emergency_stop": False, "terminated": success}
    return event("episode", stage=stage, seed=1, success=success, **{**usual, **flags, **facts})


def evaluation(ticks: int, successes: int) -> str:
    facts = {"episodes": 20, "mean_ticks": 11.0, "updates": ticks - 5, "train_seconds": 1.0}
    return event("evaluation", ticks=ticks, successes=successes, **facts)


def make_run(
    folder: Path, *lines: str, updates: int | None = None, recorded: bool = False, seed: int = 0
) -> Path:
    folder.mkdir(parents=True)
    robot = "robot: {type: so101_sim, task: pick_lift}"
    (folder / "config.yaml").write_text(f"{robot}\nseed: {seed}\ntrain: {{ticks: 60}}\n")
    (folder / "events.jsonl").write_text(event("run_started", robot="so101_sim") + "".join(lines))
    if updates is not None:
        checkpoint = folder / "checkpoints" / "tick_000060"
        checkpoint.mkdir(parents=True)
        (checkpoint / "state.json").write_text(json.dumps({"ticks": 60, "updates": updates}))
    if recorded:
        (folder / "dataset" / "data").mkdir(parents=True)
        (folder / "dataset" / "data" / "file-000.parquet").write_bytes(b"frames")
    return folder


def metrics(run: Path, *lines: dict[str, Any]) -> None:
    """Write a run's ``metrics.jsonl``."""
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
