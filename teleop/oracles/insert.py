"""How to put the peg into the hole."""

from __future__ import annotations

import numpy as np

from robots.base import F32, Truth
from teleop.base import CLOSE
from teleop.oracles.base import Grasp, Stick
from teleop.oracles.pick_place import brought, carried

INSIDE, GRASPED = 0.015, 0.003  # as for the cube; so far above the peg's centre it is taken [m]
AROUND = 0.005  # it stands on a small foot, and is not to be knocked over [m]
IN, RIM, CLEAR = 0.025, 0.048, 0.058  # height of its centre in the hole, at its rim, above [m]
OVER, HELD = 0.003, 0.006  # so near the middle it is let down, and still is in the hole [m]
GENTLE = 0.012  # longest way across at once [m a tick at 10 Hz]
SINK = 0.008  # so slowly above the rim [m a tick at 10 Hz]


class InsertOracle:
    """Grasp the peg, lift it, carry it over the hole, and let it down."""

    def __init__(self, stick: Stick, closed: float, open: float) -> None:
        self._grasp = Grasp(stick, closed, open, INSIDE, over=AROUND, careful=True)

    def __call__(self, truth: Truth) -> F32:
        """The next action (4,)."""
        peg, hole = truth.objects["object"], truth.objects["hole"]
        action = self._grasp(truth, peg + np.array([0, 0, GRASPED], np.float32))
        if action is not None:
            return action
        off = hole - peg
        off[2] += IN
        aside = float(np.linalg.norm(off[:2]))
        inside = peg[2] < RIM
        if aside < (HELD if inside else OVER):
            off[2] = max(off[2], -SINK) if not inside else off[2]
            return self._grasp.stick.along(_gentle(off), CLOSE)
        return self._grasp.stick.along(_gentle(carried(off, CLEAR - peg[2])), CLOSE)

    def progress(self, truth: Truth) -> float:
        """Closer to the peg, and with it to its place in the hole [m]."""
        return brought(truth, truth.objects["hole"] + np.array([0, 0, IN], np.float32))


def _gentle(way: F32) -> F32:
    """A way (3,) [m] at whose end a long thing does not swing."""
    return np.clip(0.6 * way, -GENTLE, GENTLE).astype(np.float32)
