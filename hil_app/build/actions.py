"""What an action is: through space for a robot with an arm model, and as commanded for all others.

The order of the action pipeline is fixed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from configs.base import ConfigError
from configs.manual import MOTIONS
from configs.processor import ProcessorConfig
from configs.run import RunConfig
from processors import action
from processors.base import ActionSpace, Command, Goal, Step
from processors.wrist import Wrist
from robots.base import F32, RobotSpec
from robots.kinematics import Kinematics
from teleop.base import NEUTRAL, STAY

CAN_GRIP = 3  # close, stay, open
SAME = 0.5  # a joint target that differs by less is the same one [deg]
NO_TIP: F32 = np.zeros(0, np.float32)
NO_TIP.flags.writeable = False


class Actions(ActionSpace, Protocol):
    """An action space as the policy, the dataset and the action pipeline must know it."""

    names: tuple[str, ...]  # of an action's numbers
    limits: F32 | None  # (c, 2) that a policy's -1 and 1 stand for; None for -1 and 1 themselves
    choices: int | None  # of the discrete number behind the others; None if there is none

    def steps(self) -> Mapping[str, Step[Command]]:
        """From the policy's or the operator's action to what the robot is sent, in order."""


class EndEffectorActions:
    """An action moves the gripper: each motion in [-1, 1], and the gripper's command behind."""

    limits: F32 | None = None
    choices: int | None = CAN_GRIP

    def __init__(self, config: ProcessorConfig, kinematics: Kinematics) -> None:
        self._config, self._kinematics = config, kinematics
        moves = MOTIONS[:3] if config.wrist is None else MOTIONS
        self.names = (*(f"delta_{name}" for name in moves), "gripper")
        self._body = np.arange(len(kinematics.arm.names)) != kinematics.arm.gripper

    def steps(self) -> Mapping[str, Step[Command]]:
        """See :func:`action_steps`."""
        return action_steps(self._config, self._kinematics)

    def goal(self, joints: F32) -> Goal:
        """The one of ``joints`` (n,) [deg, %]."""
        return Goal(self._kinematics.tip(joints), joints)

    def still(self, goal: Goal) -> F32:  # noqa: ARG002 - it is the same for all
        """No motion, and the gripper stays."""
        return NEUTRAL

    def held(self, goal: Goal) -> F32:
        """The joints in force."""
        return goal.joints

    def taken(self, goal: Goal, sent: F32) -> Goal:
        """The goal goes on from what was sent, where that is another; the gripper's stays."""
        if np.abs(goal.joints - sent)[self._body].max() <= SAME:
            return goal
        return self.goal(np.where(self._body, sent, goal.joints).astype(np.float32))


class DirectActions:
    """An action is what the robot is sent, in its own units and within its limits.

    Where it has a gripper, the gripper's command stands behind the other numbers.
    """

    def __init__(self, spec: RobotSpec) -> None:
        self._spec, self._others = spec, np.flatnonzero(spec.not_gripper)
        self.limits: F32 | None = spec.limits[self._others]
        self.names = tuple(f"{spec.names[place]}.pos" for place in self._others)
        self.choices: int | None = None
        if spec.gripper is not None:
            self.names, self.choices = (*self.names, "gripper"), CAN_GRIP

    def steps(self) -> Mapping[str, Step[Command]]:
        """Who acts, within the limits, and the gripper."""
        steps = {
            "intervention": action.intervention(self.still),
            "bounds": action.bounds(self._spec),
        }
        if self.choices is not None:
            steps["gripper"] = action.direct_gripper(self._spec)
        return steps

    def goal(self, joints: F32) -> Goal:
        """The one of ``joints`` (n,)."""
        return Goal(NO_TIP, joints)

    def still(self, goal: Goal) -> F32:
        """What changes nothing: the robot's neutral command, or the one in force."""
        numbers = self._neutral(goal)[self._others]
        return numbers if self.choices is None else np.append(numbers, np.float32(STAY))

    def held(self, goal: Goal) -> F32:
        """The same, with the gripper as it was commanded: it may hold something."""
        joints = goal.joints.copy()
        joints[self._others] = self._neutral(goal)[self._others]
        return joints

    def taken(self, goal: Goal, sent: F32) -> Goal:
        """What was sent."""
        return replace(goal, joints=sent)

    def _neutral(self, goal: Goal) -> F32:
        return goal.joints if self._spec.neutral is None else self._spec.neutral


def actions_of(config: RunConfig, spec: RobotSpec, kinematics: Kinematics | None) -> Actions:
    """What an action of a run is.

    Raises ConfigError for settings of the processor that do nothing without an arm model.
    """
    if kinematics is not None:
        return EndEffectorActions(config.processor, kinematics)
    _check_direct(config, spec)
    return DirectActions(spec)


def _check_direct(config: RunConfig, spec: RobotSpec) -> None:
    """Raise ConfigError for settings that a robot without an arm model has no use for."""
    given, usual = config.processor, ProcessorConfig()
    if spec.gripper is not None:  # its flips may cost something
        penalty = {"penalty": given.gripper.penalty}
        usual = usual.model_copy(update={"gripper": usual.gripper.model_copy(update=penalty)})
    names = ("step_size", "bounds", "gripper", "wrist", "inverse_kinematics")
    changed = [name for name in names if getattr(given, name) != getattr(usual, name)]
    if changed:
        raise ConfigError(
            f"processor.{changed[0]}: {config.robot.type} has no arm model to move through space "
            f"by: leave out {', '.join(f'processor.{name}' for name in changed)}"
        )
    seen = given.observation
    off = {"end_effector": "null", "target": "false"}
    wrong = [f"{name}: {value}" for name, value in off.items() if getattr(seen, name)]
    if seen.object == "relative" or (seen.object and not (spec.environment or spec.cameras)):
        wrong.append(f"object: {'absolute' if spec.environment else 'null'}")
    if wrong:
        raise ConfigError(
            f"processor.observation: {config.robot.type} has no arm model, by which to tell where "
            f"its gripper is: set {', '.join(wrong)}"
        )


def action_steps(config: ProcessorConfig, kinematics: Kinematics) -> dict[str, Step[Command]]:
    """From an action that moves the gripper to joint targets, in order."""
    step, grip, ik = _f32(config.step_size), config.gripper, config.inverse_kinematics
    low, high = _f32(config.bounds.min), _f32(config.bounds.max)
    index, wrist = kinematics.arm.gripper, wrist_of(config, kinematics)
    return {
        "intervention": action.intervention(lambda _: NEUTRAL),
        **({"whole action": wrist.whole_action} if wrist else {}),
        "hand-over": action.hand_over(kinematics, step, wrist),
        "end-effector target": action.end_effector_target(step),
        "workspace bounds": action.workspace_bounds(low, high, step),
        **({"wrist": wrist.target} if wrist else {}),
        "gripper": action.gripper(index, grip.closed, grip.open, grip.max_step),
        "inverse kinematics": action.inverse_kinematics(
            kinematics, ik.max_joint_step, ik.max_error, wrist
        ),
    }


def wrist_of(config: ProcessorConfig, kinematics: Kinematics) -> Wrist | None:
    """The wrist, where it is part of the action."""
    if config.wrist is None:
        return None
    turns = np.sort(kinematics.clockwise * kinematics.arm.limits[kinematics.arm.roll])
    low, high = np.array([config.wrist.pitch, turns], np.float32).T
    step = _f32((config.wrist.pitch_step, config.wrist.roll_step))
    return Wrist(kinematics, step, low, high, config.wrist.max_error)


def _f32(values: Sequence[float]) -> F32:
    return np.array(values, np.float32)
