"""Action steps for a leader arm: its joints as the action that does the same.

So what is recorded and learned from is what is executed, whoever acts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from configs.base import ConfigError
from configs.processor import ProcessorConfig
from configs.step import StepConfig
from processors.action import Solver
from processors.base import Command, Goal, Step
from processors.wrist import Wrist
from robots.base import F32
from robots.kinematics import Kinematics
from teleop.base import CLOSE, OPEN, STAY

_WORTH = 0.34  # share of its step by which the gripper must come closer for it to be moved at all
_SHORTER, _TRIES = 0.95, 8  # to find a step that is short enough


@dataclass(frozen=True, slots=True)
class GripperRule:
    """What the gripper step does: its ends and its longest step [%]."""

    index: int  # of the gripper among the joints
    closed: float
    open: float
    max_step: float

    def command(self, held: float, wanted: float) -> int:
        """The command that brings a gripper that is to be at ``held`` nearest to ``wanted`` [%].

        It stays unless it gets a good deal nearer: a trembling hand does not make it chatter.
        """
        best, gain = STAY, 0.0
        for command, end in ((CLOSE, self.closed), (OPEN, self.open)):
            step = float(np.clip(end - held, -self.max_step, self.max_step))
            nearer = abs(wanted - held) - abs(wanted - held - step)
            if nearer > max(gain, _WORTH * abs(step)):
                best, gain = command, nearer
        return best


def make_tip(config: StepConfig, **context: Any) -> Step[Command]:
    """The step of a leader whose gripper's position the arm follows."""
    following = _following(config, **context)
    return leader_tip(following.solver, following.step_size, following.gripper, following.wrist)


def make_joints(config: StepConfig, **context: Any) -> Step[Command]:
    """The first step of a leader whose joints the arm follows."""
    return _following(config, **context).action


def make_target(config: StepConfig, **context: Any) -> Step[Command]:
    """The last step of a leader whose joints the arm follows."""
    return _following(config, **context).target


def leader_tip(
    solver: Solver, step_size: F32, gripper: GripperRule, wrist: Wrist | None = None
) -> Step[Command]:
    """The action that brings the target in force towards where the leader's gripper is.

    ``step_size`` (3,) [m] is a full action; with a ``wrist`` it points there too.
    """

    def step(command: Command) -> Command:
        joints = _led(command)
        if joints is None:
            return command
        delta = (solver.tip(joints) - command.before.tip) / step_size
        if wrist is not None:
            delta = np.append(delta, wrist.delta(command.before, joints))
        return _acting(command, np.clip(delta, -1.0, 1.0), joints, gripper)

    return step


@dataclass(frozen=True, slots=True)
class JointFollowing:
    """How an arm's joints go where a leader's are, at most a full action away in a tick.

    ``action`` stands right after the intervention, ``target`` after all other steps. Where the
    move would leave the box from ``low`` to ``high`` (3,) [m], or the range of the ``wrist``, the
    other steps lead the gripper alone, along its wall.
    """

    solver: Solver
    step_size: F32  # (3,) a full action [m]
    low: F32
    high: F32
    max_joint_step: float  # [deg]
    gripper: GripperRule
    wrist: Wrist | None = None

    def action(self, command: Command) -> Command:
        """The end-effector action that does what ``target`` will do."""
        goal, joints = self._goal(command), _led(command)
        if joints is None:
            return command
        if goal is None:
            return leader_tip(self.solver, self.step_size, self.gripper, self.wrist)(command)
        return _acting(command, self._delta(command.before, goal), joints, self.gripper)

    def target(self, command: Command) -> Command:
        """The body joints, a step nearer to the leader's."""
        goal = self._goal(command)
        if goal is None:
            return command
        joints = goal.joints.copy()
        joints[self.gripper.index] = command.goal.joints[self.gripper.index]
        return replace(command, goal=Goal(goal.tip, joints))

    def _goal(self, command: Command) -> Goal | None:
        """The next goal on the joints' straight line; None if there is no good one."""
        joints, before = _led(command), command.before
        if joints is None:
            return None
        delta = np.clip(joints - before.joints, -self.max_joint_step, self.max_joint_step)
        delta[self.gripper.index] = 0.0
        for _ in range(_TRIES):
            goal = Goal(self.solver.tip(before.joints + delta), before.joints + delta)
            share = float(np.abs(self._delta(before, goal)).max())
            if share <= 1.0:
                return goal if self._allowed(before, goal) else None
            delta *= _SHORTER / share
        return None

    def _delta(self, before: Goal, after: Goal) -> F32:
        """From one goal to the other (3,), with a wrist (5,), in full actions."""
        delta: F32 = (after.tip - before.tip) / self.step_size
        return (
            delta
            if self.wrist is None
            else np.append(delta, self.wrist.delta(before, after.joints))
        )

    def _allowed(self, before: Goal, after: Goal) -> bool:
        """Whether ``after`` is no further out of the box, and of the wrist's range."""
        return bool((np.abs(self._beyond(after)) <= np.abs(self._beyond(before))).all())

    def _beyond(self, goal: Goal) -> F32:
        """How far it is outside (3,) [m], with a wrist (5,) [m, deg]."""
        beyond: F32 = goal.tip - np.clip(goal.tip, self.low, self.high)
        if self.wrist is None:
            return beyond
        return np.append(beyond, self.wrist.outside(self.wrist.commanded(goal)))


def _following(
    config: StepConfig,
    kinematics: Kinematics | None,
    processor: ProcessorConfig,
    wrist: Wrist | None,
    **_: object,
) -> JointFollowing:
    """How an arm follows in a run. Raises ConfigError if the robot is no such arm."""
    if kinematics is None:
        raise ConfigError(
            f"{config.type}: a leader moves an arm that has a model, and this robot has none: "
            "choose another teleop.type"
        )
    grip, box = processor.gripper, processor.bounds
    return JointFollowing(
        kinematics,
        np.array(processor.step_size, np.float32),
        np.array(box.min, np.float32),
        np.array(box.max, np.float32),
        processor.inverse_kinematics.max_joint_step,
        GripperRule(kinematics.arm.gripper, grip.closed, grip.open, grip.max_step),
        wrist,
    )


def _led(command: Command) -> F32 | None:
    """The leader's joints (n,) [deg, %], if it leads and they are finite."""
    joints = command.sample.joints if command.sample.intervening else None
    return None if joints is None or not np.isfinite(joints).all() else joints


def _acting(command: Command, delta: F32, joints: F32, gripper: GripperRule) -> Command:
    """``command`` with the action that moves by ``delta``, 1 for a full action."""
    grip = gripper.command(
        float(command.before.joints[gripper.index]), float(joints[gripper.index])
    )
    return replace(command, action=np.append(delta, grip).astype(np.float32))
