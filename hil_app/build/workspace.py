"""The box that a gripper has been in, and whether an arm can work in it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Self

import numpy as np
from numpy.typing import NDArray

from configs.load import ConfigError
from configs.processor import BoundsConfig, Xyz
from processors.action import Solver
from robots.base import F32, GRIPPER, JOINTS

AXES = "xyz"
LEAST = 0.03  # shortest side of a box that an arm can learn in [m]
_MOVED = 10.0  # a joint that moved less was not meant to [deg], gripper [%]
_NEAR = 2.0  # a joint so close to an end of its range is at it [deg]
_STRIDE = 0.01  # between two solutions on the way to a corner [m]
_ENTERED = 0.01  # a box that is missed by less is reached [m]
_ITERATIONS = 10  # of each
_DIGITS = 3  # millimetres


@dataclass
class Visited:
    """Where the gripper (3,) [m] and the joints (6,) [deg, %] are, and how far they have been."""

    tip: F32
    joints: F32
    low: F32  # (3,)
    high: F32
    joints_low: F32  # (6,)
    joints_high: F32

    @classmethod
    def at(cls, tip: F32, joints: F32) -> Self:
        """It begins here."""
        return cls(tip, joints, tip, tip, joints, joints)

    def see(self, tip: F32, joints: F32) -> None:
        """Take in where they are now."""
        self.tip, self.joints = tip, joints
        self.low, self.high = np.minimum(self.low, tip), np.maximum(self.high, tip)
        self.joints_low = np.minimum(self.joints_low, joints)
        self.joints_high = np.maximum(self.joints_high, joints)

    def too_small(self, margin: float) -> list[str]:
        """Every axis along which there is no room, less ``margin`` [m] at both sides, in words."""
        least = LEAST + 2 * margin
        return [
            f"{axis} has changed by only {100 * side:.1f} cm; {100 * least:.1f} are needed."
            for axis, side in zip(AXES, self.high - self.low, strict=True)
            if side < least
        ]

    def joint_limits(self, limits: F32) -> list[list[float]]:
        """How far each joint was moved (6, 2) [deg, %]; where it hardly was, its ``limits``."""
        been = np.stack([self.joints_low, self.joints_high], axis=1)
        been = np.clip(been, limits[:, :1], limits[:, 1:])
        moved = np.ptp(been, axis=1, keepdims=True) >= _MOVED
        spans = np.where(moved, been, limits)
        return [[round(float(end), 1) + 0.0 for end in span] for span in spans]

    def box(self, margin: float) -> BoundsConfig:
        """All that was visited, less ``margin`` [m] at every side, in whole millimetres."""
        unit = 10**_DIGITS
        low = np.ceil((self.low.astype(float) + margin) * unit - 1e-6) / unit
        high = np.floor((self.high.astype(float) - margin) * unit + 1e-6) / unit
        return BoundsConfig(min=_xyz(low), max=_xyz(high))


def at_ends(low: F32, high: F32, limits: F32) -> dict[str, str]:
    """By body joint, which ends of its ``limits`` (6, 2) it came to between ``low`` and ``high``
    (6,) [deg]."""
    found = {}
    for index, name in enumerate(JOINTS[:GRIPPER]):
        ends = []
        if low[index] < limits[index, 0] + _NEAR:
            ends.append("lower")
        if high[index] > limits[index, 1] - _NEAR:
            ends.append("upper")
        if ends:
            found[name] = f"at its {' and '.join(ends)} end"
    return found


def outside(tip: F32, box: BoundsConfig) -> str | None:
    """How far a gripper at ``tip`` (3,) [m] is outside of ``box``, if it is."""
    far = np.maximum(np.array(box.min) - tip, tip - np.array(box.max))
    parts = [
        f"{100 * by:.1f} cm along {axis}" for axis, by in zip(AXES, far, strict=True) if by > 0
    ]
    return " and ".join(parts) or None


def unreachable(
    solver: Solver, limits: F32, start: F32, box: BoundsConfig, max_error: float
) -> dict[Xyz, float]:
    """The corners of ``box`` that the arm cannot get to, and how far before each it stops [m].

    It goes there from the joints ``start`` (6,) [deg, %] in small steps, within ``limits`` (6, 2),
    and stops like a run where it cannot get within ``max_error`` [m] of the next one.
    """
    found: dict[Xyz, float] = {}
    for x, y, z in product(*zip(box.min, box.max, strict=True)):
        goal = np.array((x, y, z), np.float32)
        missed = float(np.linalg.norm(_end_of_way(solver, limits, start, goal, max_error) - goal))
        if missed > max_error:
            found[x, y, z] = missed
    return found


def check_reachable(solver: Solver, limits: F32, start: F32, box: BoundsConfig) -> None:
    """Raise ConfigError if the arm cannot get into ``box`` from the joints ``start`` (6,)."""
    tip = solver.tip(start)
    nearest = np.clip(tip, box.min, box.max).astype(np.float32)
    missed = float(np.linalg.norm(_end_of_way(solver, limits, start, nearest, _ENTERED) - nearest))
    if missed > _ENTERED:
        raise ConfigError(
            "processor.bounds: the gripper cannot get into this box from robot.reset_pose, where "
            f"it is at {_xyz(tip)}; on the way it stops {100 * missed:.0f} cm before: measure the "
            "box with `hil-app find-limits`"
        )


def _end_of_way(solver: Solver, limits: F32, start: F32, goal: F32, max_error: float) -> F32:
    """Where the gripper (3,) [m] stops on its way to ``goal`` (3,)."""
    joints, tip = start, solver.tip(start)
    steps = max(2, int(np.ceil(np.linalg.norm(goal - tip) / _STRIDE)) + 1)
    for target in np.linspace(tip, goal, steps)[1:].astype(np.float32):
        solved = solver.solve(joints, target, iterations=_ITERATIONS)
        joints = np.clip(solved, limits[:, 0], limits[:, 1])
        now = solver.tip(joints)
        if np.linalg.norm(now - target) > max_error:
            break
        tip = now
    return tip


def _xyz(numbers: NDArray[np.float64] | F32) -> Xyz:
    x, y, z = (round(float(number), _DIGITS) + 0.0 for number in numbers)
    return x, y, z
