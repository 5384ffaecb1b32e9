"""The twin's tasks: where things lie, when they are done, and that the operator can do them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.task import TASKS, TaskConfig
from hil_app.bench.oracle import RATES, demonstrated
from robots.arm import ARMS
from robots.base import RobotError
from robots.twin.tasks import drawer, insert, pick_lift, stack
from robots.twin.tasks.mjcf import MjcfTask
from robots.twin.world import World

NAMES = ["reach", "pick_lift", "push", "pick_place", "stack", "drawer", "insert"]
RESET = np.array((0.0, -12.2, 13.6, 88.5, 0.0, 45.0), np.float32)


def started(task: str, seed: int = 0) -> World:
    arm = ARMS["so101"]
    world = World(arm, task, period=0.1)
    world.reset(arm.to_urdf(RESET), seed)
    return world


def places(world: World) -> dict[str, Any]:
    return dict(zip(world.objects, world.positions, strict=True))


def test_these_are_all_of_ours_and_an_operator_knows_each() -> None:
    known = [entry.name for entry in TASKS if entry.config.operator is not None]
    assert sorted(known) == sorted(NAMES) == sorted(entry.name for entry in TASKS)


@pytest.mark.parametrize("task", NAMES)
def test_everything_stays_where_it_is_put_and_nothing_is_done_yet(task: str) -> None:
    world = started(task)
    angles = world.angles
    for seed in range(40):
        world.reset(angles, seed)
        before = world.positions
        for _ in range(5):
            world.advance(world.data.ctrl)
        np.testing.assert_allclose(world.positions, before, atol=1e-3)
        assert task == "reach" or not world.success  # a point may be where the gripper is


@pytest.mark.parametrize("task", NAMES)
def test_a_seed_says_where_everything_is(task: str) -> None:
    world = started(task, seed=3)
    first = world.positions
    world.reset(world.angles, 4)
    other = world.positions
    world.reset(world.angles, 3)
    np.testing.assert_array_equal(world.positions, first)
    assert np.abs(other - first).max() > 0.003


@pytest.mark.parametrize(
    ("task", "other", "least"),
    [("push", "goal", 0.06), ("pick_place", "bin", 0.09), ("stack", "base", 0.08)],
)
def test_what_belongs_together_lies_apart(task: str, other: str, least: float) -> None:
    world = started(task)
    for seed in range(100):
        world.reset(world.angles, seed)
        at = places(world)
        assert np.linalg.norm((at["object"] - at[other])[:2]) >= least - 0.002


def put(world: World, name: str, place: Any) -> None:
    """A loose body is there, at rest, and falls for half a second."""
    joint = world.data.joint(name)
    joint.qpos[:3], joint.qpos[3:], joint.qvel[:] = place, (1, 0, 0, 0), 0
    for _ in range(5):
        world.advance(world.data.ctrl)


def at(world: World, name: str, x: float = 0, y: float = 0, z: float = 0) -> Any:
    return places(world)[name] + (x, y, z)


LIES = pick_lift.CUBE_EDGE / 2
ON = (stack.BASE_EDGE + pick_lift.CUBE_EDGE) / 2


@pytest.mark.parametrize(
    ("task", "place", "done"),
    [
        ("push", lambda world: at(world, "goal", 0.010, 0, 0.012), True),
        ("push", lambda world: at(world, "goal", 0, -0.017, 0.012), False),
        ("pick_place", lambda world: at(world, "bin", 0, 0, LIES), True),
        ("pick_place", lambda world: at(world, "bin", 0.06, 0, LIES), False),
        ("stack", lambda world: at(world, "base", 0, 0.005, ON), True),
        ("stack", lambda world: at(world, "base", 0, 0.022, ON), False),
        ("insert", lambda world: at(world, "hole", 0, 0, insert.TALL / 2), True),
        (
            "insert",
            lambda world: at(world, "hole", 0.022, 0, insert.TALL / 2 + insert.DEPTH),
            False,
        ),
    ],
)
def test_when_a_task_is_done(task: str, place: Callable[[World], Any], done: bool) -> None:
    """With the arm out of the way."""
    world = started(task)
    if task == "insert":
        world.data.mocap_quat[0] = (1, 0, 0, 0)
    put(world, "object", place(world))
    assert world.success is done


@pytest.mark.parametrize(("opened", "done"), [(0.0, False), (0.045, False), (0.055, True)])
def test_a_drawer_is_open_from_five_centimetres_on(opened: float, done: bool) -> None:
    world = started("drawer")
    world.data.joint("drawer").qpos[0] = opened
    world.advance(world.data.ctrl)
    assert world.success is done
    moved = np.linalg.norm((at(world, "object") - at(world, "cabinet"))[:2])
    assert moved == pytest.approx(opened, abs=1e-3)
    assert at(world, "object")[2] == pytest.approx(drawer.HANDLE_HIGH)


@pytest.mark.parametrize("task", NAMES)
def test_the_operator_does_it(task: str) -> None:
    """A glance: `hil-app bench oracle` counts a hundred, on both arms, at both rates."""
    (fps, step), *_ = RATES
    assert demonstrated(task, "so101_sim", fps, step, episodes=5).successes >= 4


@pytest.mark.slow
@pytest.mark.parametrize(("fps", "step"), RATES)
@pytest.mark.parametrize("robot", ["so100_sim", "so101_sim"])
@pytest.mark.parametrize("task", NAMES)
def test_the_operator_does_it_surely(task: str, robot: str, fps: float, step: float) -> None:
    done = demonstrated(task, robot, fps, step, episodes=100)
    assert done.successes >= (95 if task == "insert" else 98)


def test_a_file_that_is_no_scene_is_one_line(tmp_path: Path) -> None:
    class Broken(MjcfTask):
        file = tmp_path / "nothing.xml"
        objects = ("thing",)

        def place(self, data: Any, rng: Any) -> None:
            """There is nothing to put."""

        def done(self, now: Any) -> bool:  # noqa: ARG002
            return False

    with pytest.raises(RobotError, match=r"nothing.xml is not a scene that MuJoCo reads: \S"):
        World(ARMS["so101"], Broken(TaskConfig(type="broken")), period=0.1)
