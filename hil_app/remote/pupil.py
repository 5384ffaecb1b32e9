"""What learns at a station, with its checkpoints."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from configs.errors import HilAppError
from configs.events import Tell
from configs.learning.policy import GaussianActorConfig
from configs.load import validate
from configs.run import RunConfig
from hil_app.build.learning import initial_policy, make_algorithm, shared_learner
from hil_app.learning.checkpoint import ALGORITHM, POLICY, Saved, Snapshot, Tensors, load, save
from hil_app.learning.elsewhere.block import Layout
from hil_app.learning.learner import Log
from hil_app.learning.shared.arrivals import FrameCheck
from hil_app.support.checkpoint_names import checkpoints_in
from hil_app.support.events import EventLog
from hil_app.support.files import remove_folder
from hil_app.support.worker import Worker

KEEP_LAST = 2
_PATIENCE_S = 60.0  # for a checkpoint that is waited for
_SETUP, _STREAMS, _VERDICTS = "setup", "streams", "verdicts"  # of a checkpoint's state


class OtherLearner(HilAppError):
    """A robot cannot learn from this learner; the message says why and what to do."""


def make_pupil(setup: dict[str, Any] | None, folder: Path, tell: Tell, log: Log) -> Pupil:
    """What the newest checkpoint in ``folder`` has; without one, what ``setup`` asks for.

    Raises OtherLearner if there is neither.
    """
    known = checkpoints_in(folder)
    if not known:
        if setup is None:
            raise OtherLearner(f"there is nothing to go on from in {folder}")
        return Pupil(setup, folder, tell, log)
    snapshot = load(known[-1])
    pupil = Pupil(dict(snapshot.state[_SETUP]), folder, tell, log)
    pupil.restore(snapshot, known[-1].name)
    return pupil


class Pupil:
    """A learner with the store of all robots, and its checkpoints in ``folder``."""

    def __init__(self, setup: dict[str, Any], folder: Path, tell: Tell, log: Log) -> None:
        self._setup, self._folder = setup, folder
        self._config: RunConfig = validate(setup["config"])
        self._policy_config = GaussianActorConfig.model_validate(setup["policy"])
        algorithm = make_algorithm(self._config, initial_policy(self._config, self._policy_config))
        self.device = algorithm.policy.device
        self.layout = Layout(algorithm.get_weights())
        self.check = FrameCheck(self._policy_config)
        self.queue_size = self._config.learner.queue_size
        events = EventLog()
        events.listeners.append(tell)
        self.learner, self.store = shared_learner(self._config, algorithm, events, log)
        self.resting = False
        self.durable: Mapping[str, int] = {}  # number of each stream that is safe on disk
        self.newest: str | None = None  # checkpoint
        self._count = 0
        self._saved = Saved()
        self._saver: Worker[tuple[Snapshot, dict[str, int], threading.Event]] = Worker(
            "checkpoints", self._save
        )

    def check_fits(self, setup: Mapping[str, Any]) -> None:
        """Raise OtherLearner unless a robot of this setup can learn here."""
        wrong = _differences(self._setup["policy"], setup["policy"], "policy")
        wrong += _differences(
            self._setup["config"]["algorithm"], setup["config"]["algorithm"], "algorithm"
        )
        if wrong:
            raise OtherLearner(
                f"this robot's {wrong[0]}; and its policy must be the learner's: take the same "
                "options, or another --learner.name"
            )

    def restore(self, snapshot: Snapshot, name: str) -> None:
        """Go on from a checkpoint."""
        for stream, (robot, share) in snapshot.state[_STREAMS].items():
            self.store.join(stream, robot, share)
        self.learner.restore(snapshot.tensors)
        self.durable, self.newest = self.store.numbers(), name
        self._count = int(name.rpartition("_")[2])

    @property
    def has_news(self) -> bool:
        """Whether something has come since the last checkpoint."""
        return self.store.numbers() != self.durable

    def keep(self, verdicts: Mapping[str, Any], *, wait: bool = True) -> None:
        """Write a checkpoint, soon, or before this returns."""
        done = threading.Event()
        self.learner.snapshot(partial(self._keep, dict(verdicts), done))
        if wait:
            done.wait(_PATIENCE_S)

    def _keep(self, verdicts: dict[str, Any], done: threading.Event, tensors: Tensors) -> None:
        """In the learner's thread."""
        shares = self.store.online.shares
        streams = {n: (s.robot, shares[s.robot]) for n, s in [*self.store.streams.items()]}
        state: dict[str, Any] = {_SETUP: self._setup, _STREAMS: streams, _VERDICTS: verdicts}
        state["updates"] = self.learner.progress.updates
        configs = {
            POLICY: self._policy_config.model_dump_json(indent=2),
            ALGORITHM: self._config.algorithm.model_dump_json(indent=2),
        }
        self._saver.put((Snapshot(state, configs, tensors), self.store.numbers(), done))

    def _save(self, jobs: list[tuple[Snapshot, dict[str, int], threading.Event]]) -> None:
        snapshot, numbers, _ = jobs[-1]
        self._count += 1
        name = f"tick_{self._count:06d}"
        self._saved = save(snapshot, self._folder / name, self._saved)
        self.durable, self.newest = numbers, name
        for folder in checkpoints_in(self._folder)[:-KEEP_LAST]:
            remove_folder(folder)
        for _, _, done in jobs:
            done.set()


def _differences(ours: Mapping[str, Any], theirs: Mapping[str, Any], name: str) -> list[str]:
    """What differs, by dotted name."""
    return [
        f"{name}.{key} is {json.dumps(theirs.get(key))[:200]}, the learner's "
        f"{json.dumps(ours.get(key))[:200]}"
        for key in {**ours, **theirs}
        if ours.get(key) != theirs.get(key)
    ]
