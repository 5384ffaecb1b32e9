"""A gymnasium environment as a robot: what it says of itself, and what commands do."""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np
import pytest
from gymnasium import Env, register, spaces
from sample_gym import ID

from configs.base import ConfigError
from configs.gymnasium import GymnasiumConfig
from configs.run import RunConfig
from robots.base import NotConnected, RenderError, RobotError
from robots.gym.robot import GymRobot
from robots.gym.spaces import Actions, Senses


def config(**options: Any) -> GymnasiumConfig:
    return GymnasiumConfig.model_validate({"env_id": ID, **options})


def table(**options: Any) -> GymRobot:
    return GymRobot(config(**options), fps=10)


def f32(*numbers: float) -> Any:
    return np.array(numbers, np.float32)


def test_it_says_what_it_is_commanded_by_and_what_it_senses() -> None:
    spec = table(gripper=2, operator="sample_gym:towards").spec
    assert spec.names == ("action.0", "action.1", "action.2")
    assert spec.limits.tolist() == [[-1, 1], [-1, 1], [0, 2]]
    assert (spec.gripper, spec.gripper_ends) == (2, (0.0, 2.0))
    assert spec.neutral is not None
    assert spec.neutral.tolist() == [0, 0, 1]
    assert spec.environment == (
        *("achieved_goal.0", "achieved_goal.1", "goal.0", "goal.1"),
        *("observation.0", "observation.1", "observation.2"),
    )
    assert spec.environment_limits is not None
    assert spec.environment_limits.tolist() == [[-1, 1]] * 4 + [[-2, 2]] * 3
    assert (spec.task, spec.operator, spec.rewards) == (ID, "sample_gym:towards", True)
    assert (spec.arm, spec.real_time, dict(spec.cameras)) == (None, False, {})


def test_without_a_gripper_all_numbers_are_alike_and_neutral_is_nothing() -> None:
    spec = table().spec
    assert spec.gripper is None
    assert spec.neutral is not None
    assert spec.neutral.tolist() == [0, 0, 0]


def test_a_step_is_a_command_and_a_goal_is_seen_from_what_is_achieved() -> None:
    with table() as robot:
        robot.reset(seed=3)
        before = robot.read()
        sent = robot.command(f32(0.5, -7.0, 1.0))
        after, truth = robot.read(), robot.truth()
    assert sent.tolist() == [0.5, -1, 1]
    assert before.joints.tolist() == [0, 0, 0]
    assert after.joints.tolist() == [0.5, -1, 1]
    assert (before.stamp, after.stamp) == (0.0, 0.1)
    np.testing.assert_allclose(after.environment_state[:2], [0.05, -0.1], atol=1e-6)
    np.testing.assert_allclose(after.environment_state[4:6], [0.05, -0.1], atol=1e-6)
    goal = truth.objects["desired_goal"] - truth.objects["achieved_goal"]
    np.testing.assert_allclose(after.environment_state[2:4], goal, atol=1e-6)
    np.testing.assert_allclose(truth.reward, -np.linalg.norm(goal), atol=1e-6)
    assert (truth.tip.shape, truth.tick, truth.success) == ((0,), 1, False)
    assert [*truth.objects] == ["achieved_goal", "desired_goal", "observation"]


@pytest.mark.parametrize("drawn", [False, True])
def test_an_episode_is_a_function_of_its_seed(drawn: bool) -> None:
    np.random.seed(5)
    expected = np.random.uniform()
    np.random.seed(5)
    seen = []
    with table(kwargs={"drawn": drawn}) as robot:
        for seed in (1, 2, 1, 2**32 - 1):
            robot.reset(seed)
            seen.append(robot.read().environment_state.tolist())
    assert seen[0] == seen[2]
    assert seen[0] != seen[1]
    assert np.random.uniform() == expected  # whoever else draws from it is left alone


def test_no_episode_ends_for_its_length_and_none_goes_on_after_its_end() -> None:
    with table() as robot:
        robot.reset(0)
        for _ in range(9):
            robot.command(f32(1, 0, 1))
        assert not robot.truth().terminated  # the id is registered with 3 steps
        robot.command(f32(1, 0, 1))
        assert robot.truth().terminated
        assert not robot.truth().success
        there = robot.read().environment_state
        robot.command(f32(-1, 0, 1))
        np.testing.assert_array_equal(robot.read().environment_state, there)
        robot.reset(0)
        assert not robot.truth().terminated


def test_a_halt_stops_it_until_it_is_entered_again() -> None:
    robot = table()
    with robot:
        robot.command(f32(1, 0, 1))
        robot.halt("why not")
        there = robot.read().environment_state
        robot.command(f32(1, 0, 1))
        np.testing.assert_array_equal(robot.read().environment_state, there)
    with robot:
        robot.command(f32(1, 0, 1))
        assert robot.read().environment_state[0] == pytest.approx(0.1)


def test_outside_of_its_block_it_is_refused() -> None:
    robot = table()
    with pytest.raises(NotConnected, match="enter it first"):
        robot.read()
    with robot:
        pass
    with pytest.raises(NotConnected, match="enter it first"):
        robot.command(f32(0, 0, 0))


def test_a_command_that_is_not_finite_is_refused() -> None:
    with table() as robot, pytest.raises(RobotError, match="not finite"):
        robot.command(f32(np.nan, 0, 0))


def test_images_are_those_of_cameras() -> None:
    with table(kwargs={"images": True}) as robot:
        assert dict(robot.spec.cameras) == {"top": (16, 20), "side": (16, 20)}
        images = robot.read().images
    assert {name: int(image[0, 0, 0]) for name, image in images.items()} == {"top": 7, "side": 8}


def test_numbers_that_are_not_commanded_stay_at_0() -> None:
    spans = [[-0.5, 0.25], None, [0, 2]]
    robot = table(actions=spans, gripper=2)
    assert robot.spec.names == ("action.0", "action.2")
    assert robot.spec.gripper == 1
    with robot:
        robot.reset(0)
        assert robot.command(f32(-1, 2)).tolist() == [-0.5, 2]
        env = robot._env
        assert env is not None
        assert env.unwrapped.actions[-1].tolist() == [-0.5, 0, 2]  # type: ignore[attr-defined]


def test_ranges_are_those_that_are_given_by_key() -> None:
    ranges = {"observation": [[0, 1], [2, 3], [4, 5]], "goal": [[-0.5, 0.5]]}
    limits = table(ranges=ranges).spec.environment_limits
    assert limits is not None
    assert limits.tolist() == [[-1, 1]] * 2 + [[-0.5, 0.5]] * 2 + [[0, 1], [2, 3], [4, 5]]


def test_success_is_the_entry_of_info_that_is_named() -> None:
    with table(success="off") as robot:
        robot.command(f32(0, 0, 1))
        assert robot.truth().success  # a distance that is not 0
    with table(success="won") as robot, pytest.raises(RobotError, match=r"no won.*is_success, off"):
        robot.command(f32(0, 0, 1))


def test_a_video_shows_what_the_environment_draws() -> None:
    with table() as robot, pytest.raises(RenderError, match="render_mode: rgb_array"):
        robot.render("overview", 48, 64)
    with table(kwargs={"render_mode": "rgb_array"}) as robot:
        image = robot.render("overview", 48, 64)
    assert image.shape == (48, 64, 3)
    assert (image[:, 8:56] == 200).all()
    assert not image[:, :8].any()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"env_id": "Tabel-v0"}, r"is called 'Tabel-v0' \(did you mean Table-v0\?\)"),
        ({"env_id": "gym_hil/PandaPickCub-v0"}, "no environment is called"),
        ({"env_id": "not_there:Table-v0"}, "not_there:Table-v0 cannot be made .*not_there"),
        ({"kwargs": {"legs": 4}}, r"cannot be made with robot.kwargs {'legs': 4} .*legs"),
        ({"gripper": 3}, "robot.gripper: 3 is no number .* 0, 1, 2"),
        ({"actions": [[-1, 1]]}, "robot.actions: 1 spans, .* set 3"),
        ({"actions": [[-1, 1], [-2, 1], None]}, r"robot.actions.1: \[-2.0, 1.0\] reaches beyond"),
        ({"actions": [None, None, None]}, "robot.actions: all are null"),
        ({"ranges": {"speed": [[0, 1]]}}, "robot.ranges.speed: no numbers .* achieved_goal, goal"),
        ({"ranges": {"observation": [[0, 1]] * 2}}, "robot.ranges.observation: 2 spans, .* 3 num"),
    ],
)
def test_what_does_not_fit_is_told_in_a_line(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as told:
        table(**options)
    assert "\n" not in str(told.value)


def test_without_gymnasium_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(ConfigError, match=r"pip install 'gymnasium>=1\.2'"):
        table()


BOX = spaces.Box(-1, 1, (2,), np.float32)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Discrete(3),
        spaces.Box(-1, 1, (2, 2), np.float32),
        spaces.Box(0, 255, (2,), np.uint8),
        spaces.Dict({"arm": BOX}),
    ],
)
def test_actions_that_cannot_be_commanded_are_named(space: spaces.Space[Any]) -> None:
    with pytest.raises(ConfigError, match=f"its actions are {re.escape(str(space))}, and only"):
        Actions(space, config())


def test_actions_without_ends_need_them() -> None:
    space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
    with pytest.raises(ConfigError, match=r"no ends: set them in robot\.actions"):
        Actions(space, config())
    assert Actions(space, config(actions=[[-1, 1], None])).names == ("action.0",)


@pytest.mark.parametrize(
    ("space", "where"),
    [
        (spaces.Discrete(3), "Discrete(3), and only"),
        (spaces.Dict({"arm": BOX, "mode": spaces.Discrete(2)}), "Discrete(2) at mode"),
        (spaces.Dict({"eye": spaces.Box(0, 255, (8, 8), np.uint8)}), "uint8) at eye"),
    ],
)
def test_observations_that_cannot_be_had_are_named(space: spaces.Space[Any], where: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(where)):
        Senses(space, {})


def test_a_box_alone_and_nested_dicts_have_names_of_their_own() -> None:
    assert Senses(BOX, {}).names == ("observation.0", "observation.1")
    image = spaces.Box(0, 255, (8, 9, 3), np.uint8)
    assert Senses(image, {}).cameras == {"image": (8, 9)}
    hands = {side: spaces.Dict({"at": BOX, "eye": image}) for side in ("left", "right")}
    senses = Senses(spaces.Dict(hands), {"left.at": [(0, 3)]})
    assert senses.names == ("left.at.0", "left.at.1", "right.at.0", "right.at.1")
    assert senses.cameras == {"left_eye": (8, 9), "right_eye": (8, 9)}
    assert senses.limits.tolist() == [[0, 3], [0, 3], [-1, 1], [-1, 1]]


def test_ends_that_say_nothing_are_taken_for_none() -> None:
    box = spaces.Box(np.float32([-4, -3e38, 1]), np.float32([4, 3e38, np.inf]))
    assert Senses(box, {}).limits.tolist() == [[-4, 4], [-1, 1], [-1, 1]]


def test_a_run_observes_the_environment_where_nobody_says_otherwise() -> None:
    made = RunConfig.model_validate({"robot": {"type": "gymnasium", "env_id": ID}})
    seen = made.processor.observation
    assert (seen.joints, seen.end_effector, seen.target, seen.object) == (
        *(None, None, False),
        "absolute",
    )
    processor = {"observation": {"joints": "all"}, "images": {"crop": {"top": [0, 0, 4, 4]}}}
    said = RunConfig.model_validate({**made.model_dump(), "processor": processor})
    assert said.processor.observation.joints == "all"
    assert said.processor.observation.object == "absolute"


class Ends(Env[Any, Any]):
    """An environment that is over at once, one way or the other."""

    action_space = observation_space = BOX

    def __init__(self, how: str) -> None:
        self._how = how

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed, options=options)
        return np.zeros(2, np.float32), {}

    def step(self, _: Any) -> Any:
        ends = self._how == "terminated", self._how == "truncated"
        return np.zeros(2, np.float32), 2.5, *ends, {}


register("Ends-v0", Ends)


@pytest.mark.parametrize("how", ["terminated", "truncated"])
def test_an_end_is_told_as_what_it_is(how: str) -> None:
    with table(env_id="Ends-v0", kwargs={"how": how}) as robot:
        robot.command(f32(0, 0))
        truth = robot.truth()
    assert (truth.terminated, truth.truncated) == (how == "terminated", how == "truncated")
    assert (truth.reward, truth.success) == (2.5, False)
