"""How a skilled operator would do each simulated task, one action at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from robots.base import F32, Truth
from teleop.base import CLOSE, OPEN, STAY

Oracle = Callable[[Truth], F32]  # -> action (4,)

# Where the scripted operator leads the arm, all [m].
PAN_AXIS = np.array([0.042, 0.0], np.float32)  # about which both arms turn
INSIDE = 0.012  # the held cube lies this far outside the gripper frame, along its radius
HOVER = 0.06  # height above the cube to come from
OVER, LEVEL = 0.012, 0.006  # tolerances above the cube and at its height
HELD_XY, HELD_Z = 0.02, 0.02  # how far a held cube may sit from where it should
# Gripper positions as shares of its way from closed to open.
WIDE, EMPTY = 0.8, 0.1
SETTLED = 0.3  # fingers slower than this are at rest [share of the way/s]
CORRECTIONS = 10.0  # a second; more would outrun the arm, which follows with a lag


@dataclass(frozen=True)
class Stick:
    """What a full deflection does: ``step_size`` (3,) [m] a tick, at ``fps`` ticks a second."""

    step_size: F32
    fps: float

    def towards(self, goal: F32, truth: Truth, gripper: int) -> F32:
        """The action (4,) that brings the gripper frame towards ``goal`` (3,) [m]."""
        share = min(1.0, CORRECTIONS / self.fps)
        move = np.clip(share * (goal - truth.tip) / self.step_size, -1.0, 1.0)
        return np.append(move, gripper).astype(np.float32)


def reach(stick: Stick, *_: float) -> Oracle:
    """Straight to the marked point."""
    return lambda truth: stick.towards(truth.object, truth, STAY)


class PickLiftOracle:
    """Come over the cube with an open gripper, descend, close, and lift.

    "Open" is said all the way to the cube and "close" from there on, never "stay", so that the
    same situation always has the same answer. It remembers only the last gripper position of the
    episode, to see when the fingers have come to rest.
    """

    def __init__(self, stick: Stick, closed: float, open: float) -> None:
        self._stick, self._closed, self._delta = stick, closed, open - closed
        self._last_opening = 1.0

    def __call__(self, truth: Truth) -> F32:
        """The next action (4,)."""
        opening = (truth.gripper - self._closed) / self._delta
        last = self._last_opening if truth.tick else opening
        resting = abs(opening - last) * self._stick.fps < SETTLED
        self._last_opening = opening
        spot = _grasp_spot(truth.object)
        off_xy = float(np.linalg.norm((spot - truth.tip)[:2]))
        off_z = abs(float(spot[2] - truth.tip[2]))
        around = off_xy < HELD_XY and off_z < HELD_Z
        if around and opening < WIDE:
            if not resting:
                return np.array([0, 0, 0, CLOSE], np.float32)
            if opening > EMPTY:
                return np.array([0, 0, 1, CLOSE], np.float32)
        if off_xy < OVER and opening >= WIDE:
            if off_z < LEVEL:
                return np.array([0, 0, 0, CLOSE], np.float32)
            return self._stick.towards(spot, truth, OPEN)
        above = spot + np.array([0, 0, HOVER], np.float32)
        return self._stick.towards(above, truth, OPEN)


def progress(truth: Truth) -> float:
    """What an onlooker calls progress [m]: closer to the object, then higher with it."""
    return float(truth.object[2] - np.linalg.norm(truth.object - truth.tip))


def _grasp_spot(cube: F32) -> F32:
    """Where the gripper frame (3,) [m] must be for its fingers to stand around ``cube`` (3,)."""
    outward = cube[:2] - PAN_AXIS
    spot = cube.copy()
    spot[:2] -= INSIDE * outward / np.linalg.norm(outward)
    return spot
