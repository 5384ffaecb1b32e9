"""Action steps: from the policy's or the operator's action to what the robot is sent.

With an arm model an action moves the gripper through space: x, y and z in [-1, 1], with a wrist
pitch and roll too, and the gripper's command behind them. Order: intervention, hand-over,
end-effector target, workspace bounds, gripper, inverse kinematics; with a wrist, its share of the
action after the intervention, and its target after the bounds. Without an arm model an action is
what the robot is sent, but for a gripper, which has its command behind the others, too. Order:
intervention, bounds, gripper.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from processors.base import Command, Goal, Step
from processors.wrist import Attempt, Wrist
from robots.arm import Arm
from robots.base import F32, RobotError, RobotSpec
from teleop.base import CLOSE, OPEN

_QUICK, _CAREFUL = 2, 10  # iterations; a wanted pitch takes one more
_EXACT = 0.5e-3  # rather than miss the tip by more, a pitch gives way [m]


class Solver(Protocol):
    """What the steps need of an arm's kinematics."""

    arm: Arm

    def tip(self, joints: F32) -> F32:
        """Gripper frame (3,) [m] of joints (n,) [deg, %]."""

    def solve(
        self,
        joints: F32,
        target: F32,
        iterations: int = ...,
        *,
        pitch: float | None = ...,
        firm: bool = ...,
    ) -> F32:
        """Joints (n,) near ``joints`` that bring the tip towards ``target`` (3,) [m].

        With ``pitch`` [deg] the gripper points there: surely if ``firm``, else as far as it can.
        """


def intervention(still: Callable[[Goal], F32]) -> Step[Command]:
    """The operator's action replaces the policy's while the operator intervenes.

    A paused robot stays where it is, whoever has it; so does one whose action is not finite. The
    action that does so is ``still(goal)`` of the goal in force.
    """

    def step(command: Command) -> Command:
        sample = command.sample
        chosen = sample.action if sample.intervening else command.policy_action
        if sample.paused or not np.isfinite(chosen).all():
            chosen = still(command.before)
        return replace(command, action=chosen.copy())  # one's own: some cannot be written to

    return step


def bounds(spec: RobotSpec) -> Step[Command]:
    """The action (n,) itself, within the limits of its numbers, is what the robot is sent.

    The command of a gripper, behind the others, is for :func:`direct_gripper`. Raises RobotError
    for an action of another length, which is made for another robot.
    """
    count, others = len(spec.names), spec.not_gripper
    low, high = spec.limits[others].T

    def step(command: Command) -> Command:
        if command.action.shape != (count,):
            raise RobotError(
                f"An action of {len(command.action)} numbers, and the robot takes {count}: "
                "choose a teleop that is made for it."
            )
        action, joints = command.action.astype(np.float32), command.goal.joints.copy()
        joints[others] = action[: len(low)] = np.clip(action[: len(low)], low, high)
        return _with_goal(replace(command, action=action), joints=joints)

    return step


def direct_gripper(spec: RobotSpec) -> Step[Command]:
    """The gripper's number, by the action's last one: 0 closes, 2 opens, 1 stays.

    To stay is what changes nothing: its neutral number, or the one in force.
    """
    index = spec.gripper
    assert index is not None
    closed, open = spec.gripper_ends
    ends = {CLOSE: closed, OPEN: open}

    def step(command: Command) -> Command:
        stay = (command.before.joints if spec.neutral is None else spec.neutral)[index]
        joints = command.goal.joints.copy()
        joints[index] = ends.get(round(float(command.action[-1])), stay)
        return _with_goal(command, joints=joints)

    return step


def hand_over(solver: Solver, step_size: F32, wrist: Wrist | None = None) -> Step[Command]:
    """Where the operator takes over or hands back, the target starts from where the arm is.

    A target within ``step_size`` (3,) [m] of the measured gripper, a full action, is left in force:
    that much an arm may sag or lag, and giving it up would let what is held sink. The same goes for
    a full action of the ``wrist``. What the gripper was commanded to hold, it holds on.
    """

    def step(command: Command) -> Command:
        if command.sample.intervening == command.intervening_before:
            return command
        joints, commanded = command.reading.joints.copy(), command.before
        tip = solver.tip(joints)
        near = (np.abs(commanded.tip - tip) <= step_size).all()
        if near and (wrist is None or (np.abs(wrist.delta(commanded, joints)) <= 1.0).all()):
            return command
        joints[solver.arm.gripper] = commanded.joints[solver.arm.gripper]
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
        return _with_goal(command, tip=command.before.tip + move)

    return step


def workspace_bounds(low: F32, high: F32, step_size: F32) -> Step[Command]:
    """The target, kept in the box from ``low`` to ``high`` (3,) [m].

    An arm that starts outside is led back by at most ``step_size`` (3,) [m] a tick: no jump.
    """

    def step(command: Command) -> Command:
        before = command.before.tip
        inside = np.clip(command.goal.tip, low, high)
        return _with_goal(command, tip=before + np.clip(inside - before, -step_size, step_size))

    return step


def gripper(index: int, closed: float, open: float, max_step: float) -> Step[Command]:
    """The gripper's commanded position [%]: 0 closes, 2 opens, 1 keeps what was *commanded*.

    It is the joint with this ``index``.

    Holding the command instead of the measured position keeps the squeeze on a held object.
    """
    ends = {CLOSE: closed, OPEN: open}

    def step(command: Command) -> Command:
        held = float(command.before.joints[index])
        end = ends.get(round(float(command.action[-1])), held)
        joints = command.goal.joints.copy()
        joints[index] = held + np.clip(end - held, -max_step, max_step)
        return _with_goal(command, joints=joints)

    return step


def inverse_kinematics(
    solver: Solver, max_joint_step: float, max_error: float, wrist: Wrist | None = None
) -> Step[Command]:
    """Joint targets for the gripper target, starting from the joint targets in force.

    A solution must bring the tip within ``max_error`` [m], and with a ``wrist`` point as wanted,
    without moving a body joint further than ``max_joint_step`` [deg]; it is checked with forward
    kinematics. If a quick solution fails, a longer one is clamped to the joint step and checked
    again; if that fails too (out of reach, near a singularity) the arm holds the target it had. A
    pitch that cannot be met stays, or gives way to the position.
    """
    grip, roll = solver.arm.gripper, solver.arm.roll
    body = np.arange(len(solver.arm.names)) != grip

    def accepted(joints: F32, attempt: Attempt, command: Command) -> bool:
        allowed = max_error if attempt.pitch is None or not attempt.firm else min(max_error, _EXACT)
        return _error(solver, joints, attempt.tip) <= allowed and (
            wrist is None or wrist.accepts(joints, attempt, command.before)
        )

    def found(start: F32, attempt: Attempt, command: Command) -> F32 | None:
        quick = _solve(solver, start, attempt, _QUICK if attempt.pitch is None else _QUICK + 1)
        within = np.abs(quick - start)[body].max() <= max_joint_step
        if within and accepted(quick, attempt, command):
            return quick
        delta = _solve(solver, start, attempt, _CAREFUL) - start
        careful = start + np.clip(delta, -max_joint_step, max_joint_step)
        return careful if accepted(careful, attempt, command) else None

    def step(command: Command) -> Command:
        start = command.before.joints.copy()
        start[roll] = command.goal.joints[roll]
        attempts = (Attempt(command.goal.tip),) if wrist is None else wrist.attempts(command)
        for attempt in attempts:
            joints = found(start, attempt, command)
            if joints is not None:
                return _with_arm(
                    wrist.with_goal(command, attempt, joints) if wrist else command, joints, grip
                )
        return _hold(command, grip)

    return step


def _solve(solver: Solver, start: F32, attempt: Attempt, iterations: int) -> F32:
    if attempt.pitch is None:
        return solver.solve(start, attempt.tip, iterations)
    return solver.solve(start, attempt.tip, iterations, pitch=attempt.pitch, firm=attempt.firm)


def _hold(command: Command, gripper: int) -> Command:
    """The goal that was in force, but for the gripper."""
    joints = command.before.joints.copy()
    joints[gripper] = command.goal.joints[gripper]
    return replace(command, goal=replace(command.before, joints=joints))


def _with_goal(command: Command, tip: F32 | None = None, joints: F32 | None = None) -> Command:
    goal = command.goal
    return replace(
        command,
        goal=replace(
            goal,
            tip=goal.tip if tip is None else tip,
            joints=goal.joints if joints is None else joints,
        ),
    )


def _with_arm(command: Command, joints: F32, gripper: int) -> Command:
    """The body joints of ``joints`` with the gripper position that the command already has."""
    target = joints.copy()
    target[gripper] = command.goal.joints[gripper]
    return _with_goal(command, joints=target)


def _error(solver: Solver, joints: F32, target: F32) -> float:
    """Distance of the tip from its target [m]."""
    return float(np.linalg.norm(solver.tip(joints) - target))
