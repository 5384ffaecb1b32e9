"""What moves the shafts: plain motors without any physics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robots.arm import F64, Arm
from robots.base import F32, JOINTS, Truth
from robots.virtual.mount import Mount

HAND_SPEED = 90.0  # of an operator who moves the arm by hand [deg/s], gripper [%/s]
_STIFFNESS = 1 / 20  # share of stall torque that a blocked motor uses a step away from its goal


class Motors(Protocol):
    """What the servos turn, and what is at the other end of it.

    Every period: ``advance``, then look at ``positions``, ``velocities`` and ``efforts``.
    """

    kind: str  # the arm that they are of: "so100" or "so101"
    task: str  # "pick_lift", "reach" or "none"
    positions: F64  # (6,) of the shafts [step]
    velocities: F64  # (6,) [step/s]
    efforts: F64  # (6,) signed share of stall torque that each motor exerts

    def advance(self, setpoints: F64, shares: F64) -> None:
        """One period: hold the shafts at ``setpoints`` (6,) [step] with at most ``shares`` (6,) of
        the stall torque; 0 is limp."""

    def block(self, stuck: NDArray[np.bool_]) -> None:
        """Joints ``stuck`` (6,) do not move from now on."""

    def hand(self, joints: Mapping[str, float] | None) -> None:
        """An operator's hand takes ``joints`` [deg, %] there; None lets go."""

    def reset(self, seed: int) -> None:
        """Put the object where ``seed`` says."""

    def truth(self) -> Truth:
        """What only the world knows."""


class Hand:
    """An operator's hand: the joints that it holds, on their way at an operator's speed."""

    def __init__(self, arm: Arm) -> None:
        self._limits = arm.limits.T.astype(np.float64)  # (2, 6) [deg, %]
        self.holds = np.zeros(len(JOINTS), bool)  # (6,)
        self._target = self._now = np.zeros(len(JOINTS))  # (6,) [deg, %]

    def take(self, joints: Mapping[str, float] | None, now: F64) -> None:
        """Take ``joints`` from ``now`` (6,) [deg, %] to their values; None lets go."""
        wanted = joints or {}
        self._now = np.where(self.holds, self._now, now)
        self.holds = np.array([name in wanted for name in JOINTS])
        target = np.array([wanted.get(name, 0.0) for name in JOINTS])
        self._target = np.clip(target, *self._limits)

    def move(self, period: float) -> F64:
        """Where the joints (6,) [deg, %] are that it holds after ``period`` [s]."""
        reach = HAND_SPEED * period
        self._now = self._now + np.clip(self._target - self._now, -reach, reach)
        return self._now


class FreeMotors:
    """Motors that turn nothing: each is where its servo wants it, at once."""

    task = "none"

    def __init__(self, arm: Arm, mount: Mount, pose: F32, period: float) -> None:
        self.kind = arm.name
        self._mount, self._period = mount, period
        self._range = np.sort(mount.shaft(arm.limits.T.astype(np.float64)), axis=0)  # (2, 6)
        self.positions = mount.shaft(pose)
        self.velocities, self.efforts = np.zeros(len(JOINTS)), np.zeros(len(JOINTS))
        self._stuck = np.zeros(len(JOINTS), bool)
        self._hand = Hand(arm)
        self._episode = 0

    def advance(self, setpoints: F64, shares: F64) -> None:
        """One period."""
        free = (shares > 0) & ~self._stuck & ~self._hand.holds
        held = self._mount.shaft(self._hand.move(self._period))
        after = np.where(free, setpoints, self.positions)
        after = np.clip(np.where(self._hand.holds, held, after), *self._range)
        self.velocities = (after - self.positions) / self._period
        self.positions = after
        self.efforts = np.clip((setpoints - after) * _STIFFNESS, -shares, shares)

    def block(self, stuck: NDArray[np.bool_]) -> None:
        """Joints ``stuck`` (6,) do not move."""
        self._stuck = stuck

    def hand(self, joints: Mapping[str, float] | None) -> None:
        """An operator's hand takes ``joints`` [deg, %] there; None lets go."""
        self._hand.take(joints, self._mount.joints(self.positions))

    def reset(self, seed: int) -> None:  # noqa: ARG002 - there is nothing to put anywhere
        """Count an episode."""
        self._episode += 1

    def truth(self) -> Truth:
        """The gripper's opening; there is no object, and no success."""
        nowhere = np.zeros(3, np.float32)
        opening = float(self._mount.joints(self.positions)[-1])
        return Truth(self._episode, 0, nowhere, opening, {"object": nowhere}, success=False)
