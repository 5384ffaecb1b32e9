"""What acts: the learned policy with its own copy of the weights, or nothing at all."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from hil_app.control.rate import SAMPLES
from processors.base import Observation
from robots.base import F32

if TYPE_CHECKING:  # torch takes seconds to import, and not every run needs it
    from hil_app.learning.mailbox import Mailbox
    from hil_app.learning.networks.actor import GaussianActorPolicy


class Policy(Protocol):
    """What the loop asks for an action once a tick."""

    version: int  # of the weights in use; 0 is the untrained policy

    def refresh(self) -> None:
        """Take the newest weights, if there are any; never waits."""

    def act(self, observation: Observation) -> F32 | None:
        """The action (a,) for what the robot sees; None leaves it as it is."""


class NoPolicy:
    """Keeps still: the operator demonstrates or teleoperates."""

    version = 0

    def refresh(self) -> None:
        """Nothing to refresh."""

    def act(self, observation: Observation) -> None:
        """No motion."""


class LearnedPolicy:
    """Acts with its own copy of the weights, swapped for newer ones between two ticks."""

    def __init__(
        self, policy: GaussianActorPolicy, mailbox: Mailbox | None = None, *, deterministic: bool
    ) -> None:
        import torch

        from hil_app.learning.networks.normalize import Normalizer

        self.version = 0
        self.ages: deque[float] = deque(maxlen=SAMPLES)  # of weights as they were taken [s]
        self._no_gradients = torch.inference_mode
        self._policy, self._mailbox, self._deterministic = policy, mailbox, deterministic
        self._normalizer = Normalizer(policy.config)

    def refresh(self) -> None:
        """Swap in the newest weights, if the mailbox has newer ones; never waits.

        Raises LearnerDied, and acts on as before, if they are of other networks.
        """
        parcel = self._mailbox.newer_than(self.version) if self._mailbox else None
        if parcel is None:
            return
        try:
            self._policy.swap_actor_weights(parcel.weights)
        except (KeyError, ValueError) as error:
            from hil_app.learning.health import LearnerDied

            raise LearnerDied(f"the learner's weights are of other networks: {error}") from error
        self.version = parcel.version
        self.ages.append(time.monotonic() - parcel.published)

    def act(self, observation: Observation) -> F32:
        """The policy's action for this observation."""
        with self._no_gradients():
            scaled = self._normalizer.observation(self._policy.observation(observation))
            action = self._policy.select_action(scaled, deterministic=self._deterministic)
            return self._normalizer.unnormalize_action(action).numpy()
