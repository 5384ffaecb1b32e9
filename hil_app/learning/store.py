"""What there is to learn from: the run's own experience, and what people have shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from torch import Tensor

from hil_app.learning.buffer.credit import TakeOverPenalty
from hil_app.learning.buffer.mixer import Drawn, OnlineOfflineMixer
from hil_app.learning.buffer.replay import ReplayBuffer
from hil_app.learning.buffer.returns import NStepReturns, Row
from hil_app.learning.experience import Experience, Observation

ONLINE, OFFLINE = "online", "offline"  # groups of a snapshot's tensors


class AnyStore(Protocol):
    """What a learner does with its store; the methods are those of `ExperienceStore`."""

    @property
    def online(self) -> Drawn:
        """What the policy came to."""

    @property
    def offline(self) -> Drawn:
        """What people have shown."""

    def add(self, frame: Experience) -> None:
        """Keep a frame of the policy's own episodes."""

    def demonstrate(self, frame: Experience) -> None:
        """Keep a frame of a demonstration."""

    def fill(self, rows: Iterable[Row], weight: float = 1.0) -> int:
        """Put rows into the offline buffer."""

    def mixer(self, online_ratio: float) -> OnlineOfflineMixer:
        """What draws batches."""

    def state_dict(self) -> dict[str, dict[str, Tensor]]:
        """All of it."""

    def load_state_dict(self, state: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Go on from what `state_dict` gave."""


class ExperienceStore:
    """Two buffers: ``online`` has all that the policy came to, ``offline`` what people have shown.

        store = ExperienceStore(online, offline, n_steps=1, discount=0.97)
        store.add(frame)          # of the policy's own episodes, interventions included
        store.demonstrate(frame)  # of a demonstration
        trainer = RLTrainer(algorithm, store.mixer(online_ratio=0.5), batch_size=256)

    An intervention goes into both, a demonstration into the offline one, once it has ended: one
    that is to be done again leaves nothing, nor does one without success unless ``failures`` are
    wanted, too. What the policy did before a ``take_over`` may cost something. ``keep`` makes of an
    observation what the rows have of it (see `GaussianActorPolicy.replay_state`).
    """

    def __init__(
        self,
        online: ReplayBuffer,
        offline: ReplayBuffer,
        *,
        n_steps: int = 1,
        discount: float = 1.0,
        keep: Callable[[Observation], Observation] = lambda seen: seen,
        failures: bool = False,
        take_over: TakeOverPenalty | None = None,
    ) -> None:
        self.online, self.offline, self._failures = online, offline, failures
        self._own = NStepReturns(n_steps, discount, keep, take_over)
        self._demonstrated = NStepReturns(n_steps, discount, keep)
        self._open_episode: list[Row] = []  # of the demonstration that has not ended
        self._succeeded = False  # the same

    def add(self, frame: Experience) -> None:
        """Keep a frame of the policy's own episodes."""
        for row in self._own.push(frame):
            self.online.add(**row.transition())
            if row.is_intervention:
                self.offline.add(**row.transition())

    def demonstrate(self, frame: Experience) -> None:
        """Keep a frame of a demonstration, if that turns out to be one to learn from."""
        self._open_episode += self._demonstrated.push(frame)
        self._succeeded |= frame.success
        if not frame.done:
            return
        if not frame.rerecord and (self._succeeded or self._failures):
            self.fill(self._open_episode)
        self._open_episode, self._succeeded = [], False

    def remember(self, frame: Experience) -> None:
        """Go on from a frame of the policy's own episodes whose rows are here already."""
        self._own.push(frame)

    def fill(self, rows: Iterable[Row], weight: float = 1.0) -> int:
        """Put rows, each of this weight, into the offline buffer; returns how many there were."""
        count = 0
        for row in rows:
            self.offline.add(**row.transition(), weight=weight)
            count += 1
        return count

    def mixer(self, online_ratio: float) -> OnlineOfflineMixer:
        """What draws batches of which this share is the run's own."""
        return OnlineOfflineMixer(self.online, self.offline, online_ratio)

    def state_dict(self) -> dict[str, dict[str, Tensor]]:
        """Both buffers; what comes later does not change these tensors."""
        return {ONLINE: self.online.state_dict(), OFFLINE: self.offline.state_dict()}

    def load_state_dict(self, state: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Go on from what `state_dict` gave. KeyError or ValueError if it does not fit."""
        self.online.load_state_dict(state[ONLINE])
        self.offline.load_state_dict(state[OFFLINE])
