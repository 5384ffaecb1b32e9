"""How to lift the cube."""

from __future__ import annotations

import numpy as np

from robots.base import F32, Truth
from teleop.base import CLOSE
from teleop.oracles.base import Grasp, Stick, distance

INSIDE = 0.012  # the held cube lies this far outside the gripper frame, along its radius [m]


class PickLiftOracle:
    """Come over the cube with an open gripper, descend, close, and lift."""

    def __init__(self, stick: Stick, closed: float, open: float) -> None:
        self._grasp = Grasp(stick, closed, open, INSIDE)

    def __call__(self, truth: Truth) -> F32:
        """The next action (4,)."""
        action = self._grasp(truth, truth.object)
        return np.array([0, 0, 1, CLOSE], np.float32) if action is None else action

    def progress(self, truth: Truth) -> float:
        """Closer to the cube, then higher with it [m]."""
        return float(truth.object[2] - distance(truth.object, truth.tip))
