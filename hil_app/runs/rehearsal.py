"""Whether recorded actions still lead to the recorded targets, found out before anything moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from configs.load import ConfigError
from configs.robot import FollowerConfig
from configs.run import RunConfig
from hil_app.build import Body, action_steps, kinematics_of, robot
from hil_app.control.loop import SAME
from hil_app.datasets.recorded_episode import Script, near
from processors.base import Command, Goal, Pipeline
from robots.base import F32, GRIPPER, JOINTS, Reading
from robots.kinematics import Kinematics
from robots.safety.guard import Limiter
from teleop.base import TeleopSample

OFF, GRIPPER_OFF = 0.2, 0.4  # another motion than the recorded one [deg], [%]
ROUGHLY = 5.0  # times as much where the joints are not recorded
UNSETTLED = 4.0  # times as far as an arm that sags may one be from its reset pose
GUESSES = 5  # each far better than the one before
Limit = Callable[[F32, F32, F32], F32]  # wanted, measured and last sent joints -> sent


def rehearse(config: RunConfig, script: Script) -> Script:
    """Send the actions of ``script`` through the action steps and the limits of ``config``.

    Returns it with the start that it has to have. Raises ConfigError if the targets that come out
    are not those that were sent when it was recorded: another step size, workspace, gripper, start
    or arm makes another motion of them.
    """
    body = robot(config)  # never entered
    kinematics = kinematics_of(body)
    pipeline = Pipeline("action", action_steps(config.processor, kinematics, config.teleop))
    limit = _limit(config, body, script)
    start = _start(config, kinematics, pipeline, limit, script)
    measured = np.vstack([start, script.sent]) if script.joints is None else script.joints
    # what a real gripper holds keeps it back: how far follows from where it was
    lead = script.joints is not None or not isinstance(config.robot, FollowerConfig)
    command, last = _at(start, kinematics), start
    for tick, sent in enumerate(script.sent):
        handed = tick > 0 and script.by_hand[tick] != script.by_hand[tick - 1]
        command = pipeline(_next(command, measured[tick], script))
        expected = limit(command.goal.joints, measured[tick], last)
        unknown = handed and script.joints is None  # where the arm was when it changed hands
        if not unknown:
            _compare(script, tick, expected if lead else _gripper_of(sent, expected), sent)
        if unknown or np.abs(command.goal.joints - expected)[:GRIPPER].max() > SAME:
            command = _as_sent(command, sent, kinematics)
        last = sent
    return replace(script, start=start)


def _start(
    config: RunConfig,
    kinematics: Kinematics,
    pipeline: Pipeline[Command],
    limit: Limit,
    script: Script,
) -> F32:
    """Where the arm was: as measured, or else near the reset pose, as the first target shows.

    An arm sags, or is not quite there yet, and all targets go on from where it is.
    """
    if script.start is not None:
        return script.start
    pose = np.array(config.robot.reset_pose, np.float32)
    start = pose
    for _ in range(GUESSES):
        command = pipeline(_next(_at(start, kinematics), start, script))
        start = start + (script.sent[0] - limit(command.goal.joints, start, start))
    return start if near(start, pose, UNSETTLED) else pose


def _limit(config: RunConfig, body: Body, script: Script) -> Limit:
    """What the body lets through."""
    arm = config.robot
    if not isinstance(arm, FollowerConfig):
        return lambda wanted, _, __: np.clip(wanted, *body.spec.limits.T)
    lead = None if script.joints is None else arm.max_relative_target
    wanted = None if arm.joint_limits is None else np.array(arm.joint_limits, np.float32)
    return Limiter(body.spec.limits, arm.safety, lead, 1 / script.fps, wanted)


def _at(start: F32, kinematics: Kinematics) -> Command:
    return Command.at_reset(Reading(start, stamp=0.0), kinematics.tip(start))


def _next(last: Command, measured: F32, script: Script) -> Command:
    """The next tick of the script, before the action steps."""
    assert script.actions is not None
    action, by_hand = script.actions[last.tick], bool(script.by_hand[last.tick])
    return replace(
        last,
        tick=last.tick + 1,
        reading=Reading(measured, last.tick / script.fps),
        sample=TeleopSample(action, intervening=by_hand),
        policy_action=action,
        action=action,
        before=last.goal,
        by_hand_before=last.sample.intervening,
    )


def _as_sent(command: Command, sent: F32, kinematics: Kinematics) -> Command:
    """The goal goes on from what the robot took, as in the loop."""
    joints = np.append(sent[:GRIPPER], command.goal.joints[GRIPPER]).astype(np.float32)
    return replace(command, goal=Goal(kinematics.tip(joints), joints))


def _gripper_of(sent: F32, expected: F32) -> F32:
    return np.append(expected[:GRIPPER], sent[GRIPPER])


def _compare(script: Script, tick: int, expected: F32, sent: F32) -> None:
    off = np.abs(expected - sent)
    allowed = np.append(np.full(GRIPPER, OFF), GRIPPER_OFF)
    share = off / (allowed if script.joints is not None else ROUGHLY * allowed)
    if share.max() <= 1:
        return
    joint = int(share.argmax())
    raise ConfigError(
        f"--episode: with this config the actions of episode {script.episode} are not the recorded "
        f"motion: at frame {tick} they would send {JOINTS[joint]} to {expected[joint]:.1f}, but it "
        f"was sent to {sent[joint]:.1f}. Take the config it was recorded with (processor, "
        "robot.reset_pose and robot.safety count), or --what joints"
    )
