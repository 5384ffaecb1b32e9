"""Whether a learner has each frame of a run once: its checkpoint against the run's dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from hil_app.bench import BenchError
from hil_app.control.outcomes import TRAIN
from hil_app.recording.dataset import Dataset
from hil_app.runs.folder import DATASET
from hil_app.support.checkpoint_names import checkpoints_in


@dataclass(frozen=True)
class Compared:
    """Frames of a run's training."""

    frames: int  # that the run has recorded
    lost: int
    doubled: int
    strange: int  # that the learner has, and the run has not


def compared(run: Path, learner: Path, robot: str) -> Compared:
    """What of a run's training is in the newest checkpoint of a learner. Raises BenchError."""
    known = checkpoints_in(learner)
    if not known:
        raise BenchError(f"{learner}: the learner has left no checkpoint")
    rows = load_file(known[-1] / f"online@{robot}.safetensors")
    there = Counter(_keys(rows["rows.state.observation.state"], rows["rows.action"]))
    here = Counter(_of_run(run))
    return Compared(
        frames=here.total(),
        lost=(here - there).total(),
        doubled=sum(count - here[key] for key, count in there.items() if here[key]),
        strange=sum(count for key, count in there.items() if not here[key]),
    )


def _of_run(run: Path) -> Iterator[bytes]:
    dataset = Dataset(run / DATASET)
    for number, episode in enumerate(dataset.episodes):
        if episode.stage == TRAIN:
            columns = dataset.columns(number)
            yield from _keys(columns["observation.state"], columns["action"])


def _keys(states: NDArray[Any], actions: NDArray[Any]) -> Iterator[bytes]:
    """What tells a frame from all others: numbers of its observation (T, n), and action (T, a)."""
    for state, action in zip(states, actions, strict=True):
        yield np.concatenate([state, action]).astype(np.float32).tobytes()
