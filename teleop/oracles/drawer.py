"""How to open the drawer."""

from __future__ import annotations

import numpy as np

from robots.base import F32, Truth
from teleop.base import CLOSE
from teleop.oracles.base import Grasp, Stick, distance, outward

HALF = 0.004  # of the handle's thickness [m]
PULLED = 0.03  # how far ahead of the gripper it is pulled to [m]
EMPTY = 0.05  # the handle is thin: fingers further shut hold nothing [share of the way]


class DrawerOracle:
    """Grasp the handle, and pull it towards the arm."""

    def __init__(self, stick: Stick, closed: float, open: float) -> None:
        self._grasp = Grasp(stick, closed, open, HALF, empty=EMPTY)

    def __call__(self, truth: Truth) -> F32:
        """The next action (4,)."""
        handle = truth.objects["object"]
        action = self._grasp(truth, handle)
        if action is not None:
            return action
        way = np.append(-PULLED * outward(handle), handle[2] - truth.tip[2]).astype(np.float32)
        return self._grasp.stick.along(way, CLOSE)

    def progress(self, truth: Truth) -> float:
        """Closer to the handle, and further open [m]."""
        handle, cabinet = truth.objects["object"], truth.objects["cabinet"]
        opened = float(distance(handle[:2], cabinet[:2]))
        return opened - float(distance(handle, truth.tip))
