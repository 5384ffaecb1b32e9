"""Going on with a run that has ended, however it ended."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import torch

from configs.load import ConfigError
from configs.options.overrides import flat
from configs.run import RunConfig
from hil_app.learning.checkpoint import DAMAGE, TRAINING, Snapshot, damaged, load
from hil_app.learning.elsewhere.surface import AnyLearner
from hil_app.recording.disk import disk
from hil_app.recording.writer import DatasetSpec, DatasetWriter
from hil_app.runs.folder import BEST, CHECKPOINTS, DATASET, SET_ASIDE, best_of, checkpoints_of
from hil_app.runs.state import RunState
from hil_app.support.files import move

LOOP, ACTING = "loop", "acting"  # of a snapshot: the random generator of the acting policy


@dataclass(frozen=True)
class Resumed:
    """A run as its checkpoint has it."""

    checkpoint: Path
    state: RunState
    snapshot: Snapshot

    @classmethod
    def read(cls, checkpoint: Path) -> Resumed:
        """Read a checkpoint; raises CheckpointError if it is not whole."""
        snapshot = load(checkpoint)
        try:
            return cls(checkpoint, RunState.parse(snapshot.state), snapshot)
        except DAMAGE as error:
            raise damaged(checkpoint, error) from error

    def check_where(self, where: str) -> None:
        """Raise ConfigError if the checkpoint has not what a learner that runs there needs."""
        apart = TRAINING not in self.snapshot.tensors  # from the run
        if apart != (where == "ray"):
            there = "on another machine, which has all but its policy" if apart else "with the run"
            raise ConfigError(
                f"learner.where: {where}, but until {self.checkpoint} it learned {there}: go on "
                "so, or begin a new run with --learner.datasets of this one"
            )

    def restore(self, learner: AnyLearner, acting: torch.Generator) -> None:
        """Bring a learner and the acting policy's generator to where they were.

        Raises CheckpointError if the checkpoint is of other networks or damaged.
        """
        try:
            learner.restore(self.snapshot.tensors)
            acting.set_state(self.snapshot.tensors[LOOP][ACTING])
        except DAMAGE as error:
            raise damaged(self.checkpoint, error) from error


def check_changes(before: RunConfig, now: RunConfig) -> list[str]:
    """The options that differ. Raises ConfigError if one of them cannot change in a run."""
    old, new = _flat(before), _flat(now)
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    for name in changed:
        place = name.split(".")
        if not (before.may_change(place) or now.may_change(place)):
            raise ConfigError(
                f"{name}: a run that goes on keeps its {old.get(name)}, got {new.get(name)}; start "
                "a new run, or leave it"
            )
    return changed


@dataclass(frozen=True)
class SetAside:
    """What was moved out of the way."""

    episodes: int
    checkpoints: list[str]
    place: Path


def set_aside_after(run: Path, resumed: Resumed, spec: DatasetSpec) -> SetAside | None:
    """Move what the run came to after the checkpoint out of the way; None if it is nothing.

    What a crash left of an episode is brought back first. Raises DatasetError.
    """
    known = checkpoints_of(run)
    later = known[known.index(resumed.checkpoint) + 1 :]
    if best_of(run / CHECKPOINTS) in later:
        later.append(run / CHECKPOINTS / BEST)
    places = (run / SET_ASIDE / str(number) for number in count(1))
    place = next(place for place in places if not os.path.lexists(place))
    with closing(DatasetWriter(run / DATASET, spec)) as dataset:
        with disk(run / DATASET):  # first, so that after a crash this checkpoint is the last one
            for path in reversed(later):
                move(path, place / path.name)
        episodes = dataset.keep(resumed.state.recorded, place / DATASET)
    moved = SetAside(episodes, [path.name for path in later], place)
    return moved if episodes or later else None


def _flat(config: RunConfig) -> dict[str, Any]:
    return dict(flat(config.model_dump(mode="json", exclude={"output_dir"})))
