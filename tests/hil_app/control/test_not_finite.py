"""What is not a number, or raises, moves nothing: whoever it comes from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from configs.env import EnvConfig
from configs.load import ConfigError
from configs.run import RunConfig
from hil_app.build.assembly import Assembly
from hil_app.build.robots import make_robot
from hil_app.control.loop import Loop
from hil_app.control.outcomes import Episode
from hil_app.control.policy import NoPolicy
from hil_app.recording.frames import Frame
from robots.base import F32
from teleop.base import NEUTRAL, NO_INPUT, TeleopSample
from teleop.no_teleop import NoTeleop


def run(loop: Loop) -> tuple[Episode, list[Frame]]:
    frames: list[Frame] = []
    return loop.episode(7, [frames.append]), frames


class Mad(NoPolicy):
    """A policy whose action has ``value`` at ``place``, or that raises."""

    def __init__(self, place: int, value: float | Exception) -> None:
        super().__init__()
        self._place, self._value = place, value

    def act(self, observation: Any) -> F32:  # noqa: ARG002
        if isinstance(self._value, Exception):
            raise self._value
        wanted = np.float32([0.5, 0, 0, 1])
        wanted[self._place] = self._value
        return wanted


@pytest.mark.parametrize("teleop", [False, True], ids=["policy", "hands"])
@pytest.mark.parametrize("place", [0, 2, 3])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_action_that_is_not_finite_leaves_the_arm_where_it_is(
    place: int, value: float, teleop: bool
) -> None:
    bad = Mad(place, value).act({})
    config = RunConfig(env=EnvConfig(paced=False, control_time_s=1.0))
    sample = TeleopSample(bad, intervening=True) if teleop else NO_INPUT
    operator = SimpleNamespace(read=lambda: sample, idle=lambda: NO_INPUT)
    policy = NoPolicy() if teleop else Mad(place, value)
    with make_robot(config) as robot:
        episode, frames = run(
            Assembly(config, robot=robot).loop(operator, policy, stop=lambda: False)
        )
    assert episode.ticks == 10
    for frame in frames:
        np.testing.assert_array_equal(frame.action, NEUTRAL)
        np.testing.assert_allclose(frame.sent, config.robot.reset_pose, atol=1.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("control", ["joints", "end_effector"])
def test_a_leader_whose_joints_are_not_finite_leaves_the_arm_where_it_is(
    value: float, control: str
) -> None:
    config = RunConfig(
        env=EnvConfig(control_time_s=1.0),
        teleop={"type": "so101_leader", "control": control},  # type: ignore[arg-type]
    )
    led = np.array(config.robot.reset_pose, np.float32)
    led[1] = value
    sample = TeleopSample(NEUTRAL, intervening=True, joints=led)
    operator = SimpleNamespace(read=lambda: sample, idle=lambda: NO_INPUT)
    with make_robot(config) as robot:
        _, frames = run(
            Assembly(config, robot=robot).loop(operator, NoPolicy(), stop=lambda: False)
        )
    for frame in frames:
        np.testing.assert_allclose(frame.sent, config.robot.reset_pose, atol=1.0)


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), RuntimeError("y"), ValueError("z")])
def test_a_policy_that_raises_sends_nothing_more(error: Exception) -> None:
    config = RunConfig(env=EnvConfig(paced=False, control_time_s=1.0))
    sent: list[F32] = []
    with make_robot(config) as robot:
        loop = Assembly(config, robot=robot).loop(NoTeleop(), Mad(0, error), stop=lambda: False)
        last = loop.reset(7)
        robot.command = sent.append  # type: ignore[method-assign, assignment]
        with pytest.raises(type(error)):
            loop.tick(last)
    assert sent == []


def test_a_box_that_the_gripper_cannot_get_into_is_refused() -> None:
    bounds = {"min": (0.6, -0.1, 0.01), "max": (0.9, 0.1, 0.1)}
    config = RunConfig(processor={"bounds": bounds})  # type: ignore[arg-type]
    robot = make_robot(config)
    with pytest.raises(ConfigError, match=r"processor\.bounds: the gripper cannot get into"):
        Assembly(config, robot=robot).loop(NoTeleop(), NoPolicy(), stop=lambda: False)
