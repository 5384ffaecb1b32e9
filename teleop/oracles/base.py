"""What an oracle is, and the motions that several tasks share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from robots.base import F32, Truth
from teleop.base import CLOSE, OPEN

PAN_AXIS = np.array([0.042, 0.0], np.float32)  # about which both arms turn [m]
HOVER = 0.06  # height above a thing to come from [m]
OVER, LEVEL = 0.012, 0.006  # tolerances above a thing and at its height [m]
HELD_XY, HELD_Z = 0.02, 0.02  # how far a held thing may sit from where it should [m]
# Gripper positions as shares of its way from closed to open.
WIDE, EMPTY = 0.8, 0.1
SETTLED = 0.3  # fingers slower than this are at rest [share of the way/s]
CORRECTIONS = 10.0  # a second; more would outrun the arm, which follows with a lag


class Oracle(Protocol):
    """The way of a task, from what the simulated world says is true.

    Made with the :class:`Stick`, and the closed and the open position of the gripper [%], by what
    the task's config names as its operator. The same situation should always have the same answer,
    so that it can be imitated.
    """

    def __call__(self, truth: Truth) -> F32:
        """The next action (4,)."""

    def progress(self, truth: Truth) -> float:
        """What an onlooker calls progress [m]: it grows on the way to success."""


@dataclass(frozen=True)
class Stick:
    """What a full deflection does: ``step_size`` (3,) [m] a tick, at ``fps`` ticks a second."""

    step_size: F32
    fps: float

    def towards(self, goal: F32, truth: Truth, gripper: int) -> F32:
        """The action (4,) that brings the gripper frame towards ``goal`` (3,) [m]."""
        return self.along(goal - truth.tip, gripper)

    def along(self, way: F32, gripper: int) -> F32:
        """The action (4,) that moves the gripper frame by ``way`` (3,) [m], or a part of it."""
        share = min(1.0, CORRECTIONS / self.fps)
        action = np.empty(4, np.float32)
        action[:3] = np.minimum(np.maximum(share * way / self.step_size, -1.0), 1.0)
        action[3] = gripper
        return action


class Grasp:
    """Comes over a thing with an open gripper, descends, and closes.

    "Open" is said all the way to the thing and "close" from there on, never "stay", so that the
    same situation always has the same answer. It remembers only the last gripper position of the
    episode, to see when the fingers have come to rest. ``inside`` [m] is how far the thing lies
    outside the gripper frame, along its radius, when the fingers stand around it: half of its
    width. They come down once they are ``over`` that place by so much [m], and hold nothing once
    they are as shut as ``empty`` [share of the way]. A ``careful`` one stays over it as they close.
    """

    def __init__(
        self,
        stick: Stick,
        closed: float,
        open: float,
        inside: float,
        over: float = OVER,
        empty: float = EMPTY,
        careful: bool = False,
    ) -> None:
        self.stick, self._closed, self._delta = stick, closed, open - closed
        self._inside, self._over, self._empty = inside, over, empty
        self._careful = careful
        self._last_opening = 1.0

    def opening(self, truth: Truth) -> float:
        """The gripper's position as a share of its way from closed to open."""
        return (truth.gripper - self._closed) / self._delta

    def __call__(self, truth: Truth, thing: F32) -> F32 | None:
        """The next action (4,) to grasp what is at ``thing`` (3,) [m]; None if that is held.

        It is to be asked in every tick.
        """
        opening = self.opening(truth)
        last = self._last_opening if truth.tick else opening
        resting = abs(opening - last) * self.stick.fps < SETTLED
        self._last_opening = opening
        spot = self.spot(thing)
        off_xy = float(np.linalg.norm((spot - truth.tip)[:2]))
        off_z = abs(float(spot[2] - truth.tip[2]))
        around = off_xy < HELD_XY and off_z < HELD_Z
        if around and opening < WIDE:
            if not resting:
                return self._closing(spot, truth)
            if opening > self._empty:
                return None
        if off_xy < self._over and opening >= WIDE:
            if off_z < LEVEL:
                return self._closing(spot, truth)
            return self.stick.towards(spot, truth, OPEN)
        above = spot + np.array([0, 0, HOVER], np.float32)
        return self.stick.towards(above, truth, OPEN)

    def _closing(self, spot: F32, truth: Truth) -> F32:
        still: F32 = np.array([0, 0, 0, CLOSE], np.float32)
        return self.stick.towards(spot, truth, CLOSE) if self._careful else still

    def spot(self, thing: F32) -> F32:
        """Where the gripper frame (3,) [m] is when its fingers stand around ``thing`` (3,)."""
        away = thing[:2] - PAN_AXIS
        spot = thing.copy()
        spot[:2] -= self._inside * away / np.linalg.norm(away)
        return spot


def outward(point: F32) -> F32:
    """The direction (2,) from the arm's pan axis to ``point``."""
    away: F32 = point[:2] - PAN_AXIS
    return away / np.linalg.norm(away)


def distance(first: F32, second: F32) -> np.float32:
    """Between two points [m]."""
    length: np.float32 = np.linalg.norm(first - second)
    return length
