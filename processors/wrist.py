"""Pitch and roll of the gripper, where the action has a place for them behind x, y and z.

Pitch is 0 straight down, 90 level and away from the arm. Roll grows clockwise, seen from behind
the gripper along the way that it points.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np

from processors.base import Command, Goal
from robots.arm import Arm
from robots.base import F32

MOTIONS = slice(3, 5)  # of an action (6,)
_POSITION_ALONE = 4  # numbers of an action without pitch and roll


class Pointing(Protocol):
    """What the wrist needs of an arm's kinematics."""

    arm: Arm
    clockwise: float  # 1 if the wrist's roll joint counts clockwise, else -1

    def pitch(self, joints: F32) -> float:
        """Pitch [deg] of the gripper at ``joints`` (n,) [deg, %]."""


class Attempt(NamedTuple):
    """Something to solve for: the wish itself, or what may do instead."""

    tip: F32  # (3,) [m]
    pitch: float | None = None  # [deg]; None for none in particular
    firm: bool = True  # whether a solution must have this pitch


@dataclass(frozen=True, slots=True)
class Wrist:
    """How far pitch and roll go, all (2,) [deg]."""

    pointing: Pointing
    step: F32  # a full action
    low: F32
    high: F32
    max_error: float  # by which a solution may miss its pitch [deg]

    def at(self, joints: F32) -> F32:
        """Pitch and roll (2,) [deg] at ``joints`` (n,) [deg, %]."""
        roll = self.pointing.clockwise * joints[self.pointing.arm.roll]
        return np.array([self.pointing.pitch(joints), roll], np.float32)

    def commanded(self, goal: Goal) -> F32:
        """Pitch and roll (2,) [deg] that are in force with ``goal``."""
        found = self.at(goal.joints)
        if goal.pitch is not None:
            found[0] = goal.pitch
        return found

    def delta(self, goal: Goal, joints: F32) -> F32:
        """From what is in force to ``joints`` (n,) [deg, %], (2,) in full actions."""
        delta: F32 = (self.at(joints) - self.commanded(goal)) / self.step
        return delta

    def outside(self, angles: F32) -> F32:
        """How far pitch and roll (2,) [deg] are beyond their range, on either side."""
        beyond: F32 = angles - np.clip(angles, self.low, self.high)
        return beyond

    def whole_action(self, command: Command) -> Command:
        """An action of position and gripper alone (4,) has the wrist stay as it is."""
        return replace(
            command, action=_widened(command.action), policy_action=_widened(command.policy_action)
        )

    def target(self, command: Command) -> Command:
        """Pitch and roll, moved on by the action from those in force, and kept in their range.

        A wrist that starts outside is led back by at most a full action a tick: no jump.
        """
        before = self.commanded(command.before)
        wanted = before + command.action[MOTIONS] * self.step
        inside = np.clip(wanted, self.low, self.high)
        pitch, roll = before + np.clip(inside - before, -self.step, self.step)
        joints = command.goal.joints.copy()
        joints[self.pointing.arm.roll] = self.pointing.clockwise * roll
        return replace(command, goal=replace(command.goal, joints=joints, pitch=float(pitch)))

    def attempts(self, command: Command) -> Iterator[Attempt]:
        """What to solve for, best first: the position counts most, then the pitch, then the roll.

        A pitch that cannot be met stays as it is; where the position cannot be met with that
        either, the pitch gives way.
        """
        held = float(self.commanded(command.before)[0])
        wanted = held if command.goal.pitch is None else command.goal.pitch
        for tip in (command.goal.tip, command.before.tip):
            for pitch in dict.fromkeys((wanted, held)):
                yield Attempt(tip, pitch)
            yield Attempt(tip, held, firm=False)

    def accepts(self, joints: F32, attempt: Attempt, before: Goal) -> bool:
        """Whether ``joints`` (n,) point as the attempt wants, or at least into the range."""
        if attempt.firm and attempt.pitch is not None:
            return abs(self.pointing.pitch(joints) - attempt.pitch) <= self.max_error
        out, was = self.outside(self.at(joints)), self.outside(self.commanded(before))
        return bool(abs(out[0]) <= abs(was[0]))

    def with_goal(self, command: Command, attempt: Attempt, joints: F32) -> Command:
        """``command`` with the goal of an attempt that ``joints`` (n,) solve."""
        pitch = attempt.pitch if attempt.firm else self.pointing.pitch(joints)
        return replace(command, goal=replace(command.goal, tip=attempt.tip, pitch=pitch))


def _widened(action: F32) -> F32:
    if len(action) > _POSITION_ALONE:
        return action
    still = np.zeros(MOTIONS.stop - MOTIONS.start, np.float32)
    return np.concatenate((action[:3], still, action[3:]))
