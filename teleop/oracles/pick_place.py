"""How to put the cube into the bin."""

from __future__ import annotations

import numpy as np

from robots.base import F32, Truth
from teleop.base import CLOSE, OPEN
from teleop.oracles.base import Grasp, Stick, distance
from teleop.oracles.pick_lift import INSIDE

CARRIED = 0.05  # height of the cube on its way [m]
OVER_BIN, LOW = 0.015, 0.05  # so near the middle of the bin, and so low, it is let go of [m]


class PickPlaceOracle:
    """Grasp the cube, lift it, carry it over the bin, and let go."""

    def __init__(self, stick: Stick, closed: float, open: float) -> None:
        self._grasp = Grasp(stick, closed, open, INSIDE)

    def __call__(self, truth: Truth) -> F32:
        """The next action (4,)."""
        cube, spot = truth.objects["object"], truth.objects["bin"]
        action = self._grasp(truth, cube)
        off = spot - cube
        if distance(spot[:2], cube[:2]) < OVER_BIN and cube[2] < LOW:
            return np.array([0, 0, 0, OPEN], np.float32)
        if action is not None:
            return action
        return self._grasp.stick.along(carried(off, CARRIED - cube[2]), CLOSE)

    def progress(self, truth: Truth) -> float:
        """Closer to the cube, and with it to the bin [m]."""
        return brought(truth, truth.objects["bin"])


def carried(off: F32, up: float) -> F32:
    """The way (3,) [m] of a held thing that is ``off`` from its place: first ``up``, then there."""
    share = float(np.clip(1.0 - 40.0 * up, 0.0, 1.0))  # none of the way while 25 mm too low
    return np.array([share * off[0], share * off[1], up], np.float32)


def brought(truth: Truth, place: F32) -> float:
    """Closer to what is acted on, and with it to a ``place`` (3,) [m]."""
    return -float(distance(truth.object, truth.tip)) - 2.0 * float(distance(truth.object, place))
