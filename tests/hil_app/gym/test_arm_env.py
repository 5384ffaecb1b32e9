"""Our tasks as gymnasium environments: they keep its rules, and a seed gives the same episode."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

from configs.base import ConfigError
from configs.load import read, validate
from configs.task import TASKS
from hil_app.gym import ArmEnv, id_of, register
from hil_app.gym.settings import settings
from robots.base import RenderError
from teleop.base import CLOSE, OPEN, STAY

OURS = ("reach", "pick_lift", "push", "pick_place", "stack", "drawer", "insert")
ARMS = ("so101", "so100")
REACH = "HilApp/Reach-v0"


@pytest.fixture(scope="module")
def opengl() -> None:
    env = ArmEnv("reach", render_mode="rgb_array")
    try:
        env.reset(seed=0)
        env.render()
    except RenderError as error:
        pytest.skip(str(error))
    finally:
        env.close()


@pytest.fixture
def env(request: pytest.FixtureRequest) -> Iterator[gymnasium.Env[Any, Any]]:
    """One of what the test asks for, or a plain one."""
    options = getattr(request, "param", {})
    made = gymnasium.make(**{"id": REACH, **options})
    yield made
    made.close()


def played(env: gymnasium.Env[Any, Any], seed: int, steps: int = 12) -> list[Any]:
    """All that an episode of random actions gives, which are the seed's too."""
    env.action_space.seed(seed)
    found: list[Any] = [env.reset(seed=seed)]
    while len(found) <= steps:
        found.append(env.step(env.action_space.sample()))
    return found


def same(first: Any, second: Any) -> bool:
    """Whether two episodes are the same to the last bit."""
    return bool(gymnasium.utils.env_checker.data_equivalence(first, second, exact=True))


def test_every_task_has_an_id() -> None:
    assert [entry.name for entry in TASKS][: len(OURS)] == ["pick_lift", "reach", *OURS[2:]]
    assert id_of("pick_lift") == "HilApp/PickLift-v0"
    register()  # which it is already
    for entry in TASKS:
        assert gymnasium.spec(id_of(entry.name)).max_episode_steps == 100


@pytest.mark.parametrize("task", OURS)
@pytest.mark.parametrize("robot", ARMS)
def test_the_state_keeps_gymnasiums_rules(task: str, robot: str) -> None:
    env = gymnasium.make(id_of(task), robot=robot)
    check_env(env.unwrapped, skip_render_check=True)  # what it warns of is an error here
    env.close()


@pytest.mark.usefixtures("opengl")
@pytest.mark.parametrize(
    ("task", "obs"), [("reach", "state"), ("pick_lift", "pixels"), ("drawer", "pixels")]
)
def test_images_and_what_is_rendered_keep_them_too(task: str, obs: str) -> None:
    env = gymnasium.make(id_of(task), obs=obs)
    check_env(env.unwrapped)
    env.close()


@pytest.mark.parametrize("env", [{"robot": robot} for robot in ARMS], indirect=True)
def test_a_seed_and_the_actions_give_the_same_episode_whatever_was_before(env) -> None:
    first, other = played(env, 3), played(env, 4)
    assert same(first, played(env, 3))
    assert not same(first, other)


def test_a_reset_without_a_seed_tells_which_scene_it_drew(env) -> None:
    env.reset(seed=3)
    (drawn, info), (later, _) = env.reset(), env.reset()
    assert not np.array_equal(drawn, later)
    again, _ = env.reset(seed=info["seed"])
    assert np.array_equal(drawn, again)
    env.reset(seed=3)
    assert np.array_equal(env.reset()[0], drawn)  # it is drawn from np_random


def test_the_state_is_what_the_policy_of_a_run_sees_scaled(env) -> None:
    inner, presets = env.unwrapped, ("sim_pick_lift", "sim_pick_lift_pixels")
    for preset, obs in zip(presets, ("state", "pixels"), strict=True):
        run, ours = validate(read(preset)), settings("pick_lift", "so101", obs, None)
        assert (ours.robot, ours.processor) == (run.robot, run.processor)
        assert ours.env.fps == run.env.fps
    assert inner.state_names == (
        "gripper.pos",
        *("ee.x", "ee.y", "ee.z"),
        *("target.x", "target.y", "target.z"),
        "gripper.target",
        *("object.x", "object.y", "object.z"),
    )
    observation, _ = env.reset(seed=0)
    assert (observation.shape, observation.dtype) == ((11,), np.float32)
    assert observation[0] == pytest.approx(1.0, abs=0.05)  # the gripper begins open
    assert np.abs(observation[4:7]).max() < 0.2  # and at its target
    forward = np.array([1, 0, 0, 0], np.float32)
    moved, *_ = env.step(forward)
    assert moved[1] > observation[1]
    assert np.abs(np.delete(moved - observation, [1, 3, 4, 6, 8, 10])).max() < 0.1


@pytest.mark.parametrize("env", [{"id": "HilApp/PickLift-v0"}], indirect=True)
def test_the_gripper_is_a_number_in_three_parts(env) -> None:
    env.reset(seed=0)
    for given, meant in ((-1, CLOSE), (-0.34, CLOSE), (-0.33, STAY), (0.33, STAY), (0.34, OPEN)):
        env.step(np.array([0, 0, 0, given], np.float32))
        assert env.unwrapped.newest.command.action.tolist() == [0, 0, 0, meant]


def test_a_number_that_is_none_moves_nothing_and_a_wrong_shape_is_refused(env) -> None:
    env.reset(seed=0)
    before = env.unwrapped.newest.command.goal
    env.step(np.array([np.nan, 1, 0, 1], np.float32))
    assert np.array_equal(env.unwrapped.newest.command.goal.tip, before.tip)
    with pytest.raises(gymnasium.error.InvalidAction, match=r"shape \(3,\), where \(4,\)"):
        env.unwrapped.step(np.zeros(3, np.float32))


def test_it_is_reset_before_a_step_and_after_it_was_closed(env) -> None:
    inner = env.unwrapped
    for _ in range(2):
        with pytest.raises(gymnasium.error.ResetNeeded):
            inner.step(inner.action_space.sample())
        inner.reset(seed=0)
        inner.close()


def test_a_wrong_argument_is_told_with_those_that_are_right() -> None:
    wrong = {
        "robot: got 'so102', allowed: so100, so101": {"robot": "so102"},
        "obs: got 'pixel', allowed: pixels, state": {"obs": "pixel"},
        "render_mode: got 'ansi', allowed: rgb_array": {"render_mode": "ansi"},
        "teleop: wrap the environment": {"config": {"teleop": {"type": "scripted"}}},
        "env.fps": {"config": {"env": {"fps": 0}}},
        "robot.cameras: state is": {
            "obs": "pixels",
            "config": {"robot": {"cameras": {"state": {}}}},
        },
    }
    for told, given in wrong.items():
        with pytest.raises(ConfigError, match=told):
            ArmEnv(**{"task": "reach", **given})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"robot\.task\.type: got 'reech' \(did you mean reach"):
        ArmEnv("reech")


def test_blocks_of_a_run_change_it(env) -> None:
    faster = {"env": {"fps": 30}, "processor": {"step_size": [0.007] * 3, "wrist": {}}}
    other = ArmEnv("reach", config=faster)
    assert other.metadata["render_fps"] == 30
    assert env.metadata["render_fps"] == 10
    assert other.action_space.shape == (6,)
    other.reset(seed=0)
    for _ in range(5):
        other.step(np.array([0, 0, 0, 1, 0, 0], np.float32))
    assert other.newest is not None
    assert other.newest.reading.stamp == pytest.approx(5 / 30)
    other.close()


@pytest.mark.parametrize("kind", [SyncVectorEnv, AsyncVectorEnv])
def test_two_at_once_do_what_each_does_alone(env, kind: type) -> None:
    alone = [played(env, seed, 4) for seed in (0, 1)]
    many = kind([partial(gymnasium.make, REACH)] * 2)
    many.single_action_space.seed(0)
    actions = []
    for seed in (0, 1):
        env.action_space.seed(seed)
        actions.append([env.action_space.sample() for _ in range(4)])
    found = [many.reset(seed=[0, 1])[0]]
    found += [many.step(np.array(both))[0] for both in zip(*actions, strict=True)]
    for index in (0, 1):
        expected = np.array([one[0] for one in alone[index]])
        assert np.array_equal(np.array(found)[:, index], expected)
    many.close()


@pytest.mark.usefixtures("opengl")
@pytest.mark.parametrize("env", [{"obs": "pixels", "render_mode": "rgb_array"}], indirect=True)
def test_pixels_are_two_images_and_the_arms_own_numbers(env) -> None:
    observation, _ = env.reset(seed=0)
    assert {name: (one.shape, one.dtype) for name, one in observation.items()} == {
        "state": ((8,), np.float32),
        "front": ((64, 64, 3), np.uint8),
        "wrist": ((64, 64, 3), np.uint8),
    }
    assert not any("object" in name for name in env.unwrapped.state_names)
    assert env.render().shape == (360, 480, 3)
    assert (env.render() != env.unwrapped.render()).sum() == 0


def test_gymnasium_imports_it_by_the_name_before_the_colon() -> None:
    script = (
        "import gymnasium\n"
        "env = gymnasium.make('hil_app.gym:HilApp/Reach-v0', robot='so100')\n"
        "env.reset(seed=0); print(env.spec.id)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, REACH, "")


def test_without_gymnasium_the_remedy_is_told() -> None:
    script = "import sys; sys.modules['gymnasium'] = None; import hil_app.gym"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: hil_app.gym needs gymnasium: run `")
    assert "gymnasium" in last.partition("pip install")[2]
