"""Whether recorded actions still lead to the recorded targets, found out before anything moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from configs.load import ConfigError
from configs.run import RunConfig
from hil_app.build.actions import Actions
from hil_app.build.assembly import Assembly
from hil_app.runs.replaying.recorded_episode import RecordedEpisode, allowance, near
from processors.base import Command, Pipeline
from robots.base import F32, Limit, Limited, Reading, Robot, RobotSpec
from teleop.base import TeleopSample

OFF = 0.2, 0.4  # another motion than the recorded one [deg], [%]
ROUGHLY = 5.0  # times as much where the joints are not recorded
UNSETTLED = 4.0  # times as far as an arm that sags may one be from its reset pose
GUESSES = 5  # each far better than the one before


def rehearse(config: RunConfig, recorded: RecordedEpisode) -> RecordedEpisode:
    """Send the actions of ``recorded`` through the action steps and the limits of ``config``.

    Returns it with the start that it has to have. Raises ConfigError if the targets that come out
    are not those that were sent when it was recorded: another step size, workspace, gripper, start
    or arm makes another motion of them.
    """
    parts = Assembly(config)  # whose robot is never entered
    spec, actions = parts.robot.spec, parts.actions
    pipeline = Pipeline("action", parts.action_steps())
    limit = _limit(parts.robot, recorded)
    start = _start(spec, actions, pipeline, limit, recorded)
    measured = np.vstack([start, recorded.sent]) if recorded.joints is None else recorded.joints
    # what a real gripper holds keeps it back: how far follows from where it was
    lead = recorded.joints is not None or not spec.real_time
    others = spec.not_gripper
    command, last = _at(start, actions), start
    for tick, sent in enumerate(recorded.sent):
        handed = tick > 0 and recorded.is_intervention[tick] != recorded.is_intervention[tick - 1]
        command = pipeline(_next(command, measured[tick], recorded))
        expected = limit(command.target, measured[tick], last)
        unknown = handed and recorded.joints is None  # where the arm was when it changed hands
        if not unknown:
            _compare(
                spec, recorded, tick, expected if lead else np.where(others, expected, sent), sent
            )
        if unknown or actions.taken(command.goal, expected) is not command.goal:
            taken = np.where(others, sent, command.target)
            command = replace(command, goal=actions.goal(taken))
        last = sent
    return replace(recorded, start=start)


def _start(
    spec: RobotSpec,
    actions: Actions,
    pipeline: Pipeline[Command],
    limit: Limit,
    recorded: RecordedEpisode,
) -> F32:
    """Where the arm was: as measured, or else near the reset pose, as the first target shows.

    An arm sags, or is not quite there yet, and all targets go on from where it is.
    """
    if recorded.start is not None:
        return recorded.start
    start = pose = recorded.sent[0] if spec.reset_pose is None else spec.reset_pose
    for _ in range(GUESSES):
        command = pipeline(_next(_at(start, actions), start, recorded))
        start = start + (recorded.sent[0] - limit(command.target, start, start))
    return start if near(spec, start, pose, UNSETTLED) else pose


def _limit(robot: Robot, recorded: RecordedEpisode) -> Limit:
    """What the robot lets through."""
    if isinstance(robot, Limited):
        return robot.limiter(lead=recorded.joints is not None)
    limits = robot.spec.limits
    return lambda wanted, _, __: np.clip(wanted, *limits.T)


def _at(start: F32, actions: Actions) -> Command:
    return Command.at_reset(Reading(start, stamp=0.0), actions.goal(start).tip)


def _next(last: Command, measured: F32, recorded: RecordedEpisode) -> Command:
    """The next tick of the recorded episode, before the action steps."""
    assert recorded.actions is not None
    action, is_intervention = recorded.actions[last.tick], bool(recorded.is_intervention[last.tick])
    return replace(
        last,
        tick=last.tick + 1,
        reading=Reading(measured, last.tick / recorded.fps),
        sample=TeleopSample(action, intervening=is_intervention),
        policy_action=action,
        action=action,
        before=last.goal,
        intervening_before=last.sample.intervening,
    )


def _compare(
    spec: RobotSpec, recorded: RecordedEpisode, tick: int, expected: F32, sent: F32
) -> None:
    off = np.abs(expected - sent)
    allowed = allowance(spec, *OFF)
    share = off / (allowed if recorded.joints is not None else ROUGHLY * allowed)
    if share.max() <= 1:
        return
    joint = int(share.argmax())
    raise ConfigError(
        f"--episode: with this config the actions of episode {recorded.episode} are not the "
        f"recorded motion: at frame {tick} they would send {spec.names[joint]} to "
        f"{expected[joint]:.1f}, but it was sent to {sent[joint]:.1f}. Take the config it was "
        "recorded with (processor, robot.reset_pose and robot.safety count), or --what joints"
    )
