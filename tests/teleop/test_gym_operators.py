"""Who acts in an environment that is no arm's: by sticks and keys, or by a function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sample_gym import ID, Towards, towards

from configs.base import ConfigError
from configs.gymnasium import GymnasiumConfig
from configs.manual import KeyboardConfig
from configs.processor import ProcessorConfig
from configs.teleop import InterventionConfig, ScriptedTeleopConfig
from robots.base import RobotSpec, Truth
from robots.gym.robot import GymRobot
from teleop.base import CLOSE, OPEN, STAY, TeleopSample
from teleop.device import DeviceState
from teleop.manual import away_from_neutral, has_wrist, make
from teleop.oracles.fetch import FetchPickAndPlaceOracle
from teleop.scripted import ScriptedTeleop


def f32(*numbers: float) -> Any:
    return np.array(numbers, np.float32)


def spec(*limits: tuple[float, float], gripper: int | None = None) -> RobotSpec:
    names = tuple(f"action.{place}" for place in range(len(limits)))
    neutral = np.clip(f32(*[0] * len(limits)), *f32(*limits).T)
    units = ("",) * len(limits)
    return RobotSpec(names, f32(*limits), units, gripper=gripper, neutral=neutral)


class Keys:
    """A keyboard on which these keys are down."""

    name = "the keys"

    def __init__(self, *held: str) -> None:
        self._held = frozenset(held)

    def poll(self) -> DeviceState:
        return DeviceState({}, self._held, ())


def pressed(robot: GymRobot, *held: str) -> TeleopSample:
    teleop = make(
        KeyboardConfig(),
        robot=robot,
        joints=lambda: robot.spec.neutral,
        processor=ProcessorConfig(),
        device=Keys(*held),
        tell=lambda _: None,
        acts="always",
    )
    return teleop.read()


def keys_of(motion: str, sign: int) -> str:
    """The key that brings about a motion."""
    (key,) = (
        one.control for one in KeyboardConfig().layout(wrist=False)[motion] if one.sign == sign
    )
    return key


@pytest.mark.parametrize(
    ("limits", "moves", "action"),
    [
        ([(-1, 1), (-1, 1)], [1, -0.5, 0.3], [1, -0.5]),
        ([(-0.2, 0.4), (0, 3)], [0.5, -1, 0], [0.2, 0]),
        ([(-1, 1)] * 6, [1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0]),
        ([(2, 4), (-1, 1)], [1, 0, 0], [4, 0]),
    ],
)
def test_motions_bring_the_first_numbers_from_neutral_to_their_ends(
    limits: list[tuple[float, float]], moves: list[float], action: list[float]
) -> None:
    found = away_from_neutral(spec(*limits))(moves, STAY)
    np.testing.assert_allclose(found, action, atol=1e-6)


def test_the_grippers_command_stands_behind_wherever_its_number_is() -> None:
    act = away_from_neutral(spec((-1, 1), (0, 2), (-2, 2), gripper=1))
    assert act([0.5, -1, 1], OPEN).tolist() == [0.5, -2, OPEN]
    assert act([0, 0, 0], STAY).tolist() == [0, 0, STAY]


def test_a_fourth_number_is_moved_by_what_a_wrist_is_moved_by() -> None:
    usual = ProcessorConfig()
    assert not has_wrist(spec(*[(-1, 1)] * 4, gripper=3), usual)
    assert has_wrist(spec(*[(-1, 1)] * 4), usual)


def test_keys_move_an_environment_and_its_gripper() -> None:
    robot = GymRobot(GymnasiumConfig(env_id=ID, gripper=2), fps=10)
    assert pressed(robot).action.tolist() == [0, 0, STAY]
    assert pressed(robot, keys_of("x", 1)).action.tolist() == [1, 0, STAY]
    assert pressed(robot, keys_of("y", -1), keys_of("close", 1)).action.tolist() == [0, -1, CLOSE]


def test_a_robot_that_nothing_leaves_as_it_is_has_no_motions() -> None:
    class Bare:
        spec = RobotSpec(("left",), f32((-1, 1)), ("m/s",))

    with pytest.raises(ConfigError, match="neither an arm model nor such a command"):
        pressed(Bare())  # type: ignore[arg-type]


def truth(tick: int) -> Truth:
    objects = {"desired_goal": f32(0.3, 0), "achieved_goal": f32(0, 0)}
    return Truth(1, tick, f32(), 0.0, objects, success=False)


def scripted(oracle: Any, limits: Any, *, demonstrating: bool, noise: float = 0.0) -> Any:
    ticks = iter(range(10_000))
    config = ScriptedTeleopConfig(
        noise=noise,
        intervention=InterventionConfig(free_s=0.4, stall_s=0.3, reaction_s=0, max_s=0.2),
    )
    return ScriptedTeleop(
        config,
        lambda: truth(next(ticks)),
        oracle,
        limits=limits,
        max_ticks=100,
        fps=10.0,
        seed=0,
        demonstrating=demonstrating,
    )


def test_its_noise_is_a_share_of_each_numbers_limits_and_not_the_grippers() -> None:
    limits = f32((-1, 1), (-100, 100))
    teleop = scripted(towards, limits, demonstrating=True, noise=0.1)
    actions = np.array([teleop.read().action for _ in range(400)])
    assert (actions[:, 2] == OPEN).all()
    assert 6 < actions[:, 1].std() < 14
    assert actions[:, 0].max() <= 1


@pytest.mark.parametrize("oracle", [towards, Towards()])
def test_it_takes_over_where_nothing_goes_on(oracle: Any) -> None:
    teleop = scripted(oracle, f32((-1, 1), (-1, 1)), demonstrating=False)
    acts = [teleop.read().intervening for _ in range(12)]
    assert acts == [*[False] * 4, True, True, *[False] * 3, True, True, False]


class Falling:
    """Nothing can be done once the object is too low."""

    def __call__(self, truth: Truth) -> Any:  # noqa: ARG002 - it has no idea
        return f32(0, 0)

    def hopeless(self, truth: Truth) -> bool:
        return truth.tick >= 3


def test_it_calls_an_episode_a_failure_where_the_one_who_knows_sees_no_way() -> None:
    teleop = scripted(Falling(), f32((-1, 1), (-1, 1)), demonstrating=False)
    assert [teleop.read().failure for _ in range(5)] == [False, False, False, True, True]
    teleop = scripted(towards, f32((-1, 1), (-1, 1)), demonstrating=False)
    assert not any(teleop.read().failure for _ in range(5))


def test_a_block_that_fell_off_the_table_is_hopeless() -> None:
    on, off = (
        Truth(1, 0, f32(), 0.0, {"achieved_goal": f32(1.3, 0.7, height)}, success=False)
        for height in (0.425, 0.39)
    )
    assert not FetchPickAndPlaceOracle().hopeless(on)
    assert FetchPickAndPlaceOracle().hopeless(off)
