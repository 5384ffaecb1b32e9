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

_WORTH = 0.34  # share of its way by which the gripper must come closer for it to be moved at all
_SHORTER, _TRIES = 0.95, 8  # to find a step that is short enough


@dataclass(frozen=True, slots=True)
class Jaw:
    """What the gripper step does: the ends of its way and its longest step [%]."""

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
    return leader_tip(following.solver, following.step_size, following.jaw, following.wrist)


def make_joints(config: StepConfig, **context: Any) -> Step[Command]:
    """The first step of a leader whose joints the arm follows."""
    return _following(config, **context).action


def make_target(config: StepConfig, **context: Any) -> Step[Command]:
    """The last step of a leader whose joints the arm follows."""
    return _following(config, **context).target


def leader_tip(
    solver: Solver, step_size: F32, jaw: Jaw, wrist: Wrist | None = None
) -> Step[Command]:
    """The action that brings the target in force towards where the leader's gripper is.

    ``step_size`` (3,) [m] is the way of a full action; with a ``wrist`` it points there too.
    """

    def step(command: Command) -> Command:
        joints = _led(command)
        if joints is None:
            return command
        way = (solver.tip(joints) - command.before.tip) / step_size
        if wrist is not None:
            way = np.append(way, wrist.way(command.before, joints))
        return _acting(command, np.clip(way, -1.0, 1.0), joints, jaw)

    return step


@dataclass(frozen=True, slots=True)
class JointFollowing:
    """How an arm's joints go where a leader's are, at most a full action away in a tick.

    ``action`` stands right after the intervention, ``target`` after all other steps. Where the
    way would leave the box from ``low`` to ``high`` (3,) [m], or the range of the ``wrist``, the
    other steps lead the gripper alone, along its wall.
    """

    solver: Solver
    step_size: F32  # (3,) way of a full action [m]
    low: F32
    high: F32
    max_joint_step: float  # [deg]
    jaw: Jaw
    wrist: Wrist | None = None

    def action(self, command: Command) -> Command:
        """The end-effector action that does what ``target`` will do."""
        goal, joints = self._goal(command), _led(command)
        if joints is None:
            return command
        if goal is None:
            return leader_tip(self.solver, self.step_size, self.jaw, self.wrist)(command)
        return _acting(command, self._way(command.before, goal), joints, self.jaw)

    def target(self, command: Command) -> Command:
        """The body joints on their way to the leader's."""
        goal = self._goal(command)
        if goal is None:
            return command
        joints = goal.joints.copy()
        joints[self.jaw.index] = command.goal.joints[self.jaw.index]
        return replace(command, goal=Goal(goal.tip, joints))

    def _goal(self, command: Command) -> Goal | None:
        """The next goal on the straight way of the joints; None if there is no good one."""
        joints, before = _led(command), command.before
        if joints is None:
            return None
        way = np.clip(joints - before.joints, -self.max_joint_step, self.max_joint_step)
        way[self.jaw.index] = 0.0
        for _ in range(_TRIES):
            goal = Goal(self.solver.tip(before.joints + way), before.joints + way)
            share = float(np.abs(self._way(before, goal)).max())
            if share <= 1.0:
                return goal if self._allowed(before, goal) else None
            way *= _SHORTER / share
        return None

    def _way(self, before: Goal, after: Goal) -> F32:
        """From one goal to the other (3,), with a wrist (5,), in full actions."""
        way: F32 = (after.tip - before.tip) / self.step_size
        return way if self.wrist is None else np.append(way, self.wrist.way(before, after.joints))

    def _allowed(self, before: Goal, after: Goal) -> bool:
        """Whether ``after`` is no further out of the box, and of the wrist's range."""
        return bool((np.abs(self._beyond(after)) <= np.abs(self._beyond(before))).all())

    def _beyond(self, goal: Goal) -> F32:
        """How far it is outside (3,) [m], with a wrist (5,) [m, deg]."""
        beyond: F32 = goal.tip - np.clip(goal.tip, self.low, self.high)
        if self.wrist is None:
            return beyond
        return np.append(beyond, self.wrist.outside(self.wrist.told(goal)))


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
        Jaw(kinematics.arm.gripper, grip.closed, grip.open, grip.max_step),
        wrist,
    )


def _led(command: Command) -> F32 | None:
    """The leader's joints (n,) [deg, %], if it leads and they are finite."""
    joints = command.sample.joints if command.sample.intervening else None
    return None if joints is None or not np.isfinite(joints).all() else joints


def _acting(command: Command, way: F32, joints: F32, jaw: Jaw) -> Command:
    """``command`` with the action that moves by ``way``, 1 for a full action."""
    grip = jaw.command(float(command.before.joints[jaw.index]), float(joints[jaw.index]))
    return replace(command, action=np.append(way, grip).astype(np.float32))
