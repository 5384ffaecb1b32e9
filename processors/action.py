"""Action steps: from the policy's or the person's action to joint targets.

Order: intervention, hand-over, end-effector target, workspace bounds, gripper, inverse kinematics.
With a wrist: its share of the action after the intervention, its target after the bounds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from processors.base import Command, Goal, Step
from processors.wrist import ROLL, Attempt, Wrist
from robots.base import F32, GRIPPER
from teleop.base import CLOSE, NEUTRAL, OPEN

_QUICK, _CAREFUL = 2, 10  # iterations; a wanted pitch takes one more
_EXACT = 0.5e-3  # rather than miss the tip by more, a pitch gives way [m]


class Solver(Protocol):
    """What the inverse-kinematics step needs of an arm's kinematics."""

    def tip(self, joints: F32) -> F32:
        """Gripper frame (3,) [m] of joints (6,) [deg, %]."""

    def solve(
        self,
        joints: F32,
        target: F32,
        iterations: int = ...,
        *,
        pitch: float | None = ...,
        firm: bool = ...,
    ) -> F32:
        """Joints (6,) near ``joints`` that bring the tip towards ``target`` (3,) [m].

        With ``pitch`` [deg] the gripper points there: surely if ``firm``, else as far as it can.
        """


def intervention(command: Command) -> Command:
    """The person's action replaces the policy's while the person intervenes.

    A paused arm stays where it is, whoever has it; so does one whose action is not finite.
    """
    sample = command.sample
    chosen = sample.action if sample.intervening else command.policy_action
    chosen = NEUTRAL if sample.paused or not np.isfinite(chosen).all() else chosen
    return replace(command, action=chosen.copy())  # one's own: NEUTRAL, say, cannot be written to


def hand_over(solver: Solver, step_size: F32, wrist: Wrist | None = None) -> Step[Command]:
    """Where the person takes over or hands back, the target starts from where the arm is.

    A target within ``step_size`` (3,) [m] of the measured gripper, a full action, is left in force:
    that much an arm may sag or lag, and giving it up would let what is held sink. The same goes for
    a full action of the ``wrist``. What the gripper was told to hold, it holds on.
    """

    def step(command: Command) -> Command:
        if command.sample.intervening == command.by_hand_before:
            return command
        joints, told = command.reading.joints.copy(), command.before
        tip = solver.tip(joints)
        near = (np.abs(told.tip - tip) <= step_size).all()
        if near and (wrist is None or (np.abs(wrist.way(told, joints)) <= 1.0).all()):
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
        end = ends.get(round(float(command.action[-1])), held)
        joints = command.goal.joints.copy()
        joints[GRIPPER] = held + np.clip(end - held, -max_step, max_step)
        return _aim(command, joints=joints)

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

    def accepted(joints: F32, attempt: Attempt, command: Command) -> bool:
        allowed = max_error if attempt.pitch is None or not attempt.firm else min(max_error, _EXACT)
        return _error(solver, joints, attempt.tip) <= allowed and (
            wrist is None or wrist.accepts(joints, attempt, command.before)
        )

    def found(start: F32, attempt: Attempt, command: Command) -> F32 | None:
        quick = _solve(solver, start, attempt, _QUICK if attempt.pitch is None else _QUICK + 1)
        within = np.abs(quick - start)[:GRIPPER].max() <= max_joint_step
        if within and accepted(quick, attempt, command):
            return quick
        way = _solve(solver, start, attempt, _CAREFUL) - start
        careful = start + np.clip(way, -max_joint_step, max_joint_step)
        return careful if accepted(careful, attempt, command) else None

    def step(command: Command) -> Command:
        start = command.before.joints.copy()
        start[ROLL] = command.goal.joints[ROLL]
        attempts = (Attempt(command.goal.tip),) if wrist is None else wrist.attempts(command)
        for attempt in attempts:
            joints = found(start, attempt, command)
            if joints is not None:
                return _with_body(
                    wrist.aimed(command, attempt, joints) if wrist else command, joints
                )
        return _hold(command)

    return step


def _solve(solver: Solver, start: F32, attempt: Attempt, iterations: int) -> F32:
    if attempt.pitch is None:
        return solver.solve(start, attempt.tip, iterations)
    return solver.solve(start, attempt.tip, iterations, pitch=attempt.pitch, firm=attempt.firm)


def _hold(command: Command) -> Command:
    """The goal that was in force, but for the gripper."""
    joints = command.before.joints.copy()
    joints[GRIPPER] = command.goal.joints[GRIPPER]
    return replace(command, goal=replace(command.before, joints=joints))


def _aim(command: Command, tip: F32 | None = None, joints: F32 | None = None) -> Command:
    goal = command.goal
    return replace(
        command,
        goal=replace(
            goal,
            tip=goal.tip if tip is None else tip,
            joints=goal.joints if joints is None else joints,
        ),
    )


def _with_body(command: Command, joints: F32) -> Command:
    """The body joints of ``joints`` with the gripper position that the command already has."""
    target = joints.copy()
    target[GRIPPER] = command.goal.joints[GRIPPER]
    return _aim(command, joints=target)


def _error(solver: Solver, joints: F32, target: F32) -> float:
    """Distance of the tip from its target [m]."""
    return float(np.linalg.norm(solver.tip(joints) - target))
