"""How to lift the cube of gym-hil's Panda.

The state of its arm ends with the gripper's command, 255 closed, and where the gripper is [m].
"""

from __future__ import annotations

import numpy as np

from robots.base import F32, Truth
from teleop.base import CLOSE, OPEN

STEP = 0.025  # of a full action [m]
SHARE = 0.5  # of a way that is gone in a tick: the arm follows with a lag
HOVER, OVER = 0.06, 0.012  # so far above the cube it comes from, and so near its middle it may be
LEVEL, HELD = 0.008, 0.03  # so near the cube it closes, and so near it holds it [m]
CLOSED = 250.0  # of the gripper's command, 255 at its end
FIRM = 3  # ticks that the fingers take to come together


class PandaPickCubeOracle:
    """Come over the cube with an open gripper, descend, close, and lift.

    It remembers for how long the gripper has been closing in this episode: where the fingers are
    is not told.
    """

    def __init__(self) -> None:
        self._closing = 0  # ticks

    def __call__(self, truth: Truth) -> F32:
        """The next action (4,) [m], and the gripper's command."""
        state, cube = truth.objects["agent_pos"], truth.objects["environment_state"]
        off, closed = cube - state[15:18], float(state[14]) > CLOSED
        self._closing = self._closing + 1 if closed and truth.tick else 0
        aside, down = float(np.linalg.norm(off[:2])), abs(float(off[2]))
        if closed and aside < HELD and down < HELD:
            up = STEP if self._closing > FIRM else 0.0
            return np.array([0, 0, up, CLOSE], np.float32)
        if aside < OVER and down < LEVEL:
            return np.array([0, 0, 0, CLOSE], np.float32)
        above = np.array([0, 0, 0 if aside < OVER else HOVER], np.float32)
        move = np.clip(SHARE * (off + above), -STEP, STEP)
        return np.append(move, OPEN).astype(np.float32)

    def progress(self, truth: Truth) -> float:
        """Closer to the cube, then higher with it [m]."""
        cube = truth.objects["environment_state"]
        return float(cube[2] - np.linalg.norm(cube - truth.objects["agent_pos"][15:18]))
