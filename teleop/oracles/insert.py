"""How to put the peg into the hole."""

from __future__ import annotations

import numpy as np

from robots.base import F32, Truth
from teleop.base import CLOSE
from teleop.oracles.base import Grasp, Stick
from teleop.oracles.pick_place import brought, carried

HALF, GRASPED = 0.008, 0.010  # of the peg's width; so far above its centre it is taken [m]
IN, CLEAR = 0.025, 0.058  # height of its centre in the hole, and on its way there [m]
OVER, HELD = 0.0015, 0.004  # so near the middle it is let down, and still is [m]


class InsertOracle:
    """Grasp the peg, lift it, carry it over the hole, and let it down."""

    def __init__(self, stick: Stick, closed: float, open: float) -> None:
        self._grasp = Grasp(stick, closed, open, HALF)

    def __call__(self, truth: Truth) -> F32:
        """The next action (4,)."""
        peg, hole = truth.objects["object"], truth.objects["hole"]
        action = self._grasp(truth, peg + np.array([0, 0, GRASPED], np.float32))
        if action is not None:
            return action
        off = hole - peg
        off[2] += IN
        aside = float(np.linalg.norm(off[:2]))
        if aside < OVER or (aside < HELD and peg[2] < CLEAR - HELD):
            return self._grasp.stick.along(off, CLOSE)
        return self._grasp.stick.along(carried(off, CLEAR - peg[2]), CLOSE)

    def progress(self, truth: Truth) -> float:
        """Closer to the peg, and with it to its place in the hole [m]."""
        return brought(truth, truth.objects["hole"] + np.array([0, 0, IN], np.float32))
