"""Action steps: from the policy's or the person's action to joint targets.

Order: intervention, hand-over, end-effector target, workspace bounds, gripper, inverse kinematics.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from processors.base import Command, Goal, Step
from robots.base import F32, GRIPPER
from teleop.base import CLOSE, NEUTRAL, OPEN


class Solver(Protocol):
    """What the inverse-kinematics step needs of an arm's kinematics."""

    def tip(self, joints: F32) -> F32:
        """Gripper frame (3,) [m] of joints (6,) [deg, %]."""

    def solve(self, joints: F32, target: F32, iterations: int = ...) -> F32:
        """Joints (6,) near ``joints`` that bring the tip towards ``target`` (3,) [m]."""


def intervention(command: Command) -> Command:
    """The person's action replaces the policy's while the person intervenes.

    A paused arm stays where it is, whoever has it.
    """
    sample = command.sample
    chosen = sample.action if sample.intervening else command.policy_action
    chosen = NEUTRAL if sample.paused else chosen
    return replace(command, action=chosen.copy())  # one's own: NEUTRAL, say, cannot be written to


def hand_over(solver: Solver, step_size: F32) -> Step[Command]:
    """Where the person takes over or hands back, the target starts from where the arm is.

    A target within ``step_size`` (3,) [m] of the measured gripper, a full action, is left in force:
    that much an arm may sag or lag, and giving it up would let what is held sink. What the gripper
    was told to hold, it holds on.
    """

    def step(command: Command) -> Command:
        if command.sample.intervening == command.by_hand_before:
            return command
        joints, told = command.reading.joints.copy(), command.before
        tip = solver.tip(joints)
        if (np.abs(told.tip - tip) <= step_size).all():
            return command
        joints[GRIPPER] = told.joints[GRIPPER]
        here = Goal(tip, joints)
        return replace(command, before=here, goal=here)

    return step


def end_effector_target(step_size: F32) -> Step[Command]:
    """The absolute target, moved on by the action: ``step_size`` (3,) [m] for a full action.

    Targets accumulate on the target in force, never on the measured pose, so sag and solver
    errors do not add up to a drift.
    """

    def step(command: Command) -> Command:
        move = np.clip(command.action[:3], -1.0, 1.0) * step_size
        return _aim(command, tip=command.before.tip + move)

    return step


def workspace_bounds(low: F32, high: F32, step_size: F32) -> Step[Command]:
    """The target, kept in the box from ``low`` to ``high`` (3,) [m].

    An arm that starts outside is led back by at most ``step_size`` (3,) [m] a tick: no jump.
    """

    def step(command: Command) -> Command:
        before = command.before.tip
        inside = np.clip(command.goal.tip, low, high)
        return _aim(command, tip=before + np.clip(inside - before, -step_size, step_size))

    return step


def gripper(closed: float, open: float, max_step: float) -> Step[Command]:
    """The gripper's commanded position [%]: 0 closes, 2 opens, 1 keeps what was *commanded*.

    Holding the command instead of the measured position keeps the squeeze on a held object.
    """
    ends = {CLOSE: closed, OPEN: open}

    def step(command: Command) -> Command:
        held = float(command.before.joints[GRIPPER])
        end = ends.get(round(float(command.action[3])), held)
        joints = command.goal.joints.copy()
        joints[GRIPPER] = held + np.clip(end - held, -max_step, max_step)
        return _aim(command, joints=joints)

    return step


def inverse_kinematics(solver: Solver, max_joint_step: float, max_error: float) -> Step[Command]:
    """Joint targets for the gripper target, starting from the joint targets in force.

    A solution must bring the tip within ``max_error`` [m] without moving a body joint further
    than ``max_joint_step`` [deg]; it is checked with forward kinematics. If a quick solution
    fails, a longer one is clamped to the joint step and checked again; if that fails too (out of
    reach, near a singularity) the arm holds the target it had.
    """

    def step(command: Command) -> Command:
        start, target = command.before.joints, command.goal.tip
        quick = solver.solve(start, target)
        if _within(quick, start, max_joint_step) and _error(solver, quick, target) <= max_error:
            return _with_body(command, quick)
        careful = start + np.clip(
            solver.solve(start, target, iterations=10) - start, -max_joint_step, max_joint_step
        )
        if _error(solver, careful, target) <= max_error:
            return _with_body(command, careful)
        return _with_body(_aim(command, tip=command.before.tip), start)

    return step


def _aim(command: Command, tip: F32 | None = None, joints: F32 | None = None) -> Command:
    goal = command.goal
    return replace(
        command,
        goal=Goal(goal.tip if tip is None else tip, goal.joints if joints is None else joints),
    )


def _with_body(command: Command, joints: F32) -> Command:
    """The body joints of ``joints`` with the gripper position that the command already has."""
    target = joints.copy()
    target[GRIPPER] = command.goal.joints[GRIPPER]
    return _aim(command, joints=target)


def _within(joints: F32, start: F32, max_step: float) -> bool:
    return bool(np.abs(joints - start)[:GRIPPER].max() <= max_step)


def _error(solver: Solver, joints: F32, target: F32) -> float:
    """Distance of the tip from its target [m]."""
    return float(np.linalg.norm(solver.tip(joints) - target))
