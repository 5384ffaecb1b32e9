"""What learning reads of a tick, whatever recorded it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Observation = Mapping[str, NDArray[Any]]  # key -> (n,), or an image (H, W, C) of uint8


class Experience(Protocol):
    """One tick: what the policy saw, what was executed, and what followed.

    The frames that runs record are of this shape; anything else that is can be learned from, too.
    """

    @property
    def observation(self) -> Observation:
        """What the policy saw."""

    @property
    def action(self) -> NDArray[np.float32]:
        """What was executed (c [+ 1],)."""

    @property
    def policy_action(self) -> NDArray[np.float32]:
        """What the policy wanted, which differs where the operator acted."""

    @property
    def next_observation(self) -> Observation:
        """What it saw a tick later."""

    @property
    def reward(self) -> float:
        """The reward that followed."""

    @property
    def discrete_penalty(self) -> float:
        """A cost <= 0 that only the discrete critic sees."""

    @property
    def terminated(self) -> bool:
        """Whether the task ended here: nothing is expected beyond."""

    @property
    def truncated(self) -> bool:
        """Whether the episode was cut short here: what lies beyond still counts."""

    @property
    def done(self) -> bool:
        """Whether the episode ends here, the one way or the other."""

    @property
    def success(self) -> bool:
        """Whether the task was found done here."""

    @property
    def is_intervention(self) -> bool:
        """Whether the operator acted."""

    @property
    def rerecord(self) -> bool:
        """Whether the operator asked to throw the episode away."""

    @property
    def after_pause(self) -> bool:
        """Whether the episode stood still just before, so that the world may have changed."""
