"""How to bring the gripper to a point."""

from __future__ import annotations

from robots.base import F32, Truth
from teleop.base import STAY
from teleop.oracles.base import Stick, distance


class ReachOracle:
    """Straight to the marked point."""

    def __init__(self, stick: Stick, *_: float) -> None:
        self._stick = stick

    def __call__(self, truth: Truth) -> F32:
        """The next action (4,)."""
        return self._stick.towards(truth.object, truth, STAY)

    def progress(self, truth: Truth) -> float:
        """Closer to the point [m]."""
        return -float(distance(truth.object, truth.tip))
