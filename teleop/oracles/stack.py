"""How to put the cube on the other."""

from __future__ import annotations

import numpy as np

from robots.base import F32, Truth
from teleop.base import CLOSE, OPEN
from teleop.oracles.base import WIDE, Grasp, Stick
from teleop.oracles.pick_lift import INSIDE
from teleop.oracles.pick_place import brought, carried

STANDS = 0.0275  # the upper cube's centre above the lower one's [m]
CLEAR = 0.014  # so far above that it is carried [m]
OVER, NEAR = 0.004, 0.005  # so near the middle it is let down, and so near its place let go of [m]
HELD = 0.009  # it is still let down, or let go of, so near the middle [m]


class StackOracle:
    """Grasp the cube, lift it, carry it over the other, let it down, let go, and go away."""

    def __init__(self, stick: Stick, closed: float, open: float) -> None:
        self._grasp = Grasp(stick, closed, open, INSIDE)

    def __call__(self, truth: Truth) -> F32:
        """The next action (4,)."""
        cube, base = truth.objects["object"], truth.objects["base"]
        action = self._grasp(truth, cube)
        off = base - cube
        off[2] += STANDS
        aside, above = float(np.linalg.norm(off[:2])), -float(off[2])
        if aside < HELD and abs(above) < NEAR:
            up = 1.0 if self._grasp.opening(truth) > WIDE else 0.0
            return np.array([0, 0, up, OPEN], np.float32)
        if action is not None:
            return action
        if aside < OVER or (aside < HELD and above < CLEAR - NEAR):
            return self._grasp.stick.along(off, CLOSE)
        return self._grasp.stick.along(carried(off, CLEAR - above), CLOSE)

    def progress(self, truth: Truth) -> float:
        """Closer to the cube, and with it to its place on the other [m]."""
        place = truth.objects["base"] + np.array([0, 0, STANDS], np.float32)
        return brought(truth, place)
