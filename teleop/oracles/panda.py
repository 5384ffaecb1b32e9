"""How to lift the cube of gym-hil's Panda.

The state of its arm ends with the gripper's command, 255 closed, and where the gripper is [m].
"""

from __future__ import annotations

import numpy as np

from robots.base import F32, Truth
from teleop.base import CLOSE, OPEN

STEP = 0.025  # of a full action [m]
SHARE = 0.5  # of a way that is gone in a tick: the arm follows with a lag
HOVER, OVER = 0.06, 0.012  # height above the cube that it comes from, and nearness to descend [m]
STEEP = 2.0  # rise of its way down for each metre aside
LEVEL, HELD = 0.008, 0.03  # so near the cube it closes, and so near it holds it [m]
CLOSED = 250.0  # of the gripper's command, 255 at its end


class PandaPickCubeOracle:
    """Come down on the cube with an open gripper, close, and lift.

    Where the fingers are is not told: the gripper holds what it was closed around.
    """

    def __call__(self, truth: Truth) -> F32:
        """The next action (4,) [m], and the gripper's command."""
        state, cube = truth.objects["agent_pos"], truth.objects["environment_state"]
        off, closed = cube - state[15:18], float(state[14]) > CLOSED
        aside, down = float(np.linalg.norm(off[:2])), abs(float(off[2]))
        if closed and aside < HELD and down < HELD:
            return np.array([0, 0, STEP, CLOSE], np.float32)
        if aside < OVER and down < LEVEL:
            return np.array([0, 0, 0, CLOSE], np.float32)
        off[2] += np.clip(STEEP * (aside - OVER), 0.0, HOVER)
        move = np.clip(SHARE * off, -STEP, STEP)
        return np.append(move, OPEN).astype(np.float32)

    def progress(self, truth: Truth) -> float:
        """Closer to the cube, then higher with it [m]."""
        cube = truth.objects["environment_state"]
        return float(cube[2] - np.linalg.norm(cube - truth.objects["agent_pos"][15:18]))
