"""How to push the puck to the spot."""

from __future__ import annotations

import numpy as np

from robots.base import F32, Truth
from teleop.base import CLOSE
from teleop.oracles.base import Stick
from teleop.oracles.pick_place import brought

LOW, HIGH = 0.014, 0.055  # height of the gripper as it pushes, and on its way [m]
BEHIND, TOUCHING = 0.052, 0.034  # from the puck's centre to the gripper, before and in a push [m]
GENTLE = 0.012  # longest push at once, or the puck slides on [m a tick at 10 Hz]
FURTHEST = 0.304  # x that the gripper gets to [m]
ASIDE = 0.012  # so far beside the way of the puck it no longer pushes [m]
AROUND = 0.015  # so near the place to begin at, it comes down [m]


class PushOracle:
    """Come down behind the puck with a shut gripper, and push it; begin anew if it slips off."""

    def __init__(self, stick: Stick, *_: float) -> None:
        self._stick = stick

    def __call__(self, truth: Truth) -> F32:
        """The next action (4,)."""
        puck, spot, tip = truth.objects["object"], truth.objects["goal"], truth.tip
        way = (spot - puck)[:2]
        far = float(np.linalg.norm(way))
        ahead = way / max(far, 1e-6)
        off = (tip - puck)[:2]
        along = float(off @ ahead)
        aside: F32 = off - along * ahead
        if tip[2] < 0.025 and along < -0.02 and float(np.linalg.norm(aside)) < ASIDE:
            on = min(far - along - TOUCHING, GENTLE)
            going = on * ahead - aside
            return self._stick.along(np.append(going, LOW - tip[2]).astype(np.float32), CLOSE)
        start = np.append(puck[:2] - BEHIND * ahead, np.float32(HIGH))
        start[0] = min(start[0], FURTHEST)
        if float(np.linalg.norm((start - tip)[:2])) < AROUND:
            start[2] = LOW
        elif tip[2] < HIGH - 0.015:
            start[:2] = tip[:2]  # up first: the puck may be in the way
        return self._stick.towards(start, truth, CLOSE)

    def progress(self, truth: Truth) -> float:
        """Closer to the puck, and with it to the spot [m]."""
        return brought(truth, truth.objects["goal"])
