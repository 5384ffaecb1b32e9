"""How to do the tasks of gymnasium-robotics' Fetch: reach, and pick and place.

Of an observation's numbers the first three are where the gripper is; with an object the next six
are where that is, and its offset from the gripper, and then come the openings of both fingers [m].
"""

from __future__ import annotations

import numpy as np

from robots.base import F32, Truth
from teleop.base import CLOSE, OPEN

STEP = 0.05  # of a full action [m]
SHARE = 0.5  # of a way that is gone in a tick; more would overshoot
HOVER, OVER = 0.06, 0.015  # so far above the object it comes from, and so near its middle it may be
LEVEL, HELD = 0.01, 0.02  # so near the object it closes, and so near it holds it [m]
GRASPED = 0.03  # fingers further shut stand at the object [m]
TABLE = 0.4  # height of what the object stands on [m]


class FetchReachOracle:
    """Straight to the goal."""

    def __call__(self, truth: Truth) -> F32:
        """The next action (3,)."""
        return _along(_to_goal(truth))

    def progress(self, truth: Truth) -> float:
        """Closer to the goal [m]."""
        return -float(np.linalg.norm(_to_goal(truth)))


class FetchPickAndPlaceOracle:
    """Come over the object with an open gripper, descend, close, and carry it to the goal."""

    def __call__(self, truth: Truth) -> F32:
        """The next action (4,)."""
        seen = truth.objects["observation"]
        off, fingers = seen[6:9], float(seen[9:11].max())
        aside = float(np.linalg.norm(off[:2]))
        if float(np.linalg.norm(off)) < HELD and fingers < GRASPED:
            return np.append(_along(_to_goal(truth)), np.float32(CLOSE))
        if aside < OVER and abs(float(off[2])) < LEVEL:
            return np.array([0, 0, 0, CLOSE], np.float32)
        above = np.array([0, 0, 0 if aside < OVER else HOVER], np.float32)
        return np.append(_along(off + above), np.float32(OPEN))

    def progress(self, truth: Truth) -> float:
        """Closer to the object, and with it to the goal [m]."""
        off = truth.objects["observation"][6:9]
        return -float(np.linalg.norm(off)) - 2.0 * float(np.linalg.norm(_to_goal(truth)))

    def hopeless(self, truth: Truth) -> bool:
        """Whether the object has fallen off the table, where the arm does not get to."""
        return float(truth.objects["achieved_goal"][2]) < TABLE


def _to_goal(truth: Truth) -> F32:
    """The way (3,) [m] of what is to be brought to the goal."""
    return truth.objects["desired_goal"] - truth.objects["achieved_goal"]


def _along(way: F32) -> F32:
    """The motion (3,) that goes ``way`` (3,) [m], or a part of it."""
    return np.clip(SHARE * way / STEP, -1.0, 1.0).astype(np.float32)
