"""Whether recorded actions still lead to the recorded targets, found out before anything moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from configs.load import ConfigError
from configs.robot import FollowerConfig
from configs.run import RunConfig
from hil_app.build import Body, action_steps
from hil_app.datasets.script import Script
from hil_app.loop import SAME
from processors.base import Command, Goal, Pipeline
from robots.base import F32, GRIPPER, JOINTS, Reading
from robots.kinematics import Kinematics
from robots.safety import Limiter
from teleop.base import TeleopSample

OFF, GRIPPER_OFF = 1.0, 2.0  # another motion than the recorded one [deg], [%]
Limit = Callable[[F32, F32, F32], F32]  # wanted, measured and last sent joints -> sent


def rehearse(config: RunConfig, body: Body, script: Script) -> None:
    """Send the actions of ``script`` through the action steps and the limits of ``config``.

    Raises ConfigError if the targets that come out are not those that were sent when it was
    recorded: another step size, workspace, gripper, start or arm makes another motion of them.
    """
    kinematics = Kinematics(body.arm)
    pipeline = Pipeline("action", action_steps(config.processor, kinematics, config.teleop))
    limit = _limit(config, body, script)
    measured = _measured(config, script)
    start = measured[0]
    command = Command.at_reset(Reading(start, 0.0), kinematics.tip(start))
    last = start
    for tick, sent in enumerate(script.sent):
        reading = Reading(measured[tick], tick / script.fps)
        handed = tick > 0 and script.by_hand[tick] != script.by_hand[tick - 1]
        command = pipeline(_next(command, reading, script))
        expected = limit(command.goal.joints, measured[tick], last)
        unknown = handed and script.joints is None  # where the arm was when it changed hands
        if not unknown:
            _compare(script, tick, expected, sent)
        if unknown or np.abs(command.goal.joints - expected)[:GRIPPER].max() > SAME:
            command = _as_sent(command, sent, kinematics)
        last = sent


def _limit(config: RunConfig, body: Body, script: Script) -> Limit:
    """What the body lets through."""
    robot = config.robot
    if not isinstance(robot, FollowerConfig):
        return lambda wanted, _, __: np.clip(wanted, *body.limits.T)
    lead = None if script.joints is None else robot.max_relative_target
    wanted = None if robot.joint_limits is None else np.array(robot.joint_limits, np.float32)
    return Limiter(body.limits, robot.safety, lead, 1 / script.fps, wanted)


def _measured(config: RunConfig, script: Script) -> F32:
    """The joints (T + 1, 6) before each action and at the end; what was sent, if not recorded."""
    if script.joints is not None:
        return script.joints
    return np.vstack([np.array(config.robot.reset_pose, np.float32), script.sent])


def _next(last: Command, reading: Reading, script: Script) -> Command:
    tick = last.tick
    action = script.actions[tick]
    return replace(
        last,
        tick=tick + 1,
        reading=reading,
        sample=TeleopSample(action, intervening=bool(script.by_hand[tick])),
        policy_action=action,
        action=action,
        before=last.goal,
        by_hand_before=last.sample.intervening,
    )


def _as_sent(command: Command, sent: F32, kinematics: Kinematics) -> Command:
    """The goal goes on from what the robot took, as in the loop."""
    joints = np.append(sent[:GRIPPER], command.goal.joints[GRIPPER]).astype(np.float32)
    return replace(command, goal=Goal(kinematics.tip(joints), joints))


def _compare(script: Script, tick: int, expected: F32, sent: F32) -> None:
    off = np.abs(expected - sent)
    share = off / np.append(np.full(GRIPPER, OFF), GRIPPER_OFF)
    if share.max() <= 1:
        return
    joint = int(share.argmax())
    raise ConfigError(
        f"--episode: with this config the actions of episode {script.episode} are not the recorded "
        f"motion: at frame {tick} they would send {JOINTS[joint]} to {expected[joint]:.1f}, but it "
        f"was sent to {sent[joint]:.1f}. Take the config it was recorded with (processor, "
        "robot.reset_pose and robot.safety count), or --what joints"
    )
