"""A learner whose trainer is a stand-in, frames that can be told apart, and ways to wait."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from reported import written
from waiting import PATIENCE_S

from configs.learning.learner import LearnerConfig
from hil_app.learning import OBS_ENV_STATE, OBS_STATE, TrainingStats
from hil_app.learning.buffer.replay import ReplayBuffer
from hil_app.learning.learner import Learner
from hil_app.learning.store import ExperienceStore
from hil_app.recording.frames import Frame
from hil_app.support.events import EventLog
from robots.base import Reading

KEYS = (OBS_STATE, OBS_ENV_STATE)
MODES = pytest.mark.parametrize("mode", ["lockstep", "background"])
TWO_LINES = RuntimeError("mat1 and mat2 cannot be multiplied\n  (16x4 and 5x8)")


class FakeTrainer:
    """Its weights are the number of updates made so far; ``during`` runs inside each update."""

    consecutive_skips = 0

    def __init__(self, during=lambda: None):
        self.algorithm = self.policy = self
        self.during, self.updates = during, 0

    def replay_state(self, features):
        return features

    def close(self):
        self.closed = True

    def training_step(self):
        self.during()
        self.updates += 1
        return TrainingStats({"loss_critic": self.updates / 10})

    warm_start_step = training_step

    def get_weights(self):
        return {"policy": {"w": torch.tensor([float(self.updates)])}}


class Gate:
    """Holds an update until it is opened, and says when one has arrived."""

    def __init__(self):
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self):
        self.reached.set()
        assert self.opened.wait(PATIENCE_S)


def fail():
    raise TWO_LINES


def assemble(
    trainer, online=None, offline=None, log=None, log_every=50, q_values_of=None, **config
):
    online = ReplayBuffer(100, state_keys=KEYS) if online is None else online
    offline = ReplayBuffer(100, state_keys=KEYS) if offline is None else offline
    heard, events = [], EventLog()
    events.listeners.append(lambda event: heard.append(written(event)))
    settings = LearnerConfig(**{"mode": "lockstep", "learning_starts": 1, **config})
    keep = trainer.algorithm.policy.replay_state
    returns = {"n_steps": settings.n_steps, "discount": 0.5}
    store = ExperienceStore(online, offline, **returns, keep=keep, failures=True)
    learner = Learner(trainer, store, settings, events, log, log_every, q_values_of)
    return SimpleNamespace(
        learner=learner, trainer=trainer, online=online, offline=offline, heard=heard
    )


def frame(tick, *, intervention=False, ends=False, rerecord=False, success=False):
    """The state holds the tick's number, the next state the next one's; the reward is 1."""
    action = np.array([0.1, 0.2, 0.3, 1], np.float32)
    state, after = (
        {OBS_STATE: np.full(4, n, np.float32), OBS_ENV_STATE: np.full(2, n, np.float32)}
        for n in (tick, tick + 1)
    )
    return Frame(
        tick=tick,
        observation=state,
        action=action,
        policy_action=action,
        sent=np.zeros(6, np.float32),
        next_observation=after,
        reading=Reading(np.zeros(6, np.float32), tick / 10),
        next_reading=Reading(np.zeros(6, np.float32), (tick + 1) / 10),
        reward=1.0,
        discrete_penalty=0.0,
        success=success,
        terminated=False,
        truncated=ends,
        is_intervention=intervention,
        rerecord=rerecord,
        weights_version=0,
    )


def ticks(buffer, group="state"):
    """The tick numbers of a buffer's rows, in their order."""
    rows = buffer.state_dict().get(f"rows.{group}.{OBS_STATE}", torch.empty(0, 4))
    return rows[:, 0].int().tolist()
