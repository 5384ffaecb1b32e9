"""A teleoperator that needs nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import numpy as np

from robots.base import F32
from teleop.base import NO_INPUT, Acts, TeleopSample
from toy_plugin.configs import ToyHandConfig


class ToyHand:
    """Brings the joints to its goal, a bit in every tick, while it demonstrates."""

    def __init__(
        self, config: ToyHandConfig, *, joints: Callable[[], F32], acts: Acts, **_: object
    ) -> None:
        self._goal = np.array(config.goal, np.float32)
        self._joints, self._acts = joints, acts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to close."""

    def read(self) -> TeleopSample:
        """The next target of the joints (2,) [deg]."""
        here = self._joints()
        action = here + np.clip(self._goal - here, -8.0, 8.0)
        return TeleopSample(action, intervening=self._acts == "always")

    def idle(self) -> TeleopSample:
        """Waits."""
        return NO_INPUT
