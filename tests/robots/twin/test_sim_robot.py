import subprocess
import sys

import numpy as np
import pytest

from configs.robot import SimCameraConfig, SO100SimConfig, SO101SimConfig
from robots.base import GRIPPER, NotConnected, RenderError, Robot, RobotError
from robots.kinematics import Kinematics
from robots.twin import renderer as render
from robots.twin.robot import SimRobot

CONFIGS = (SO100SimConfig, SO101SimConfig)
each_config = pytest.mark.parametrize("config", CONFIGS)


def episode(robot: SimRobot, seed: int, commands: np.ndarray) -> bytes:
    """All that an episode shows, bit for bit."""
    robot.reset(seed)
    seen = []
    for target in commands:
        reading = robot.read()
        sent = robot.command(target)
        arrays = (reading.joints, reading.velocities, reading.currents, reading.environment_state)
        seen += [*arrays, sent, robot.truth().tip]
    return np.concatenate(seen).tobytes()


def commands_near_the_cube(robot: SimRobot, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    robot.reset(seed)
    joints, tip = robot.read().joints, robot.truth().object
    reach = Kinematics(robot.spec.arm).solve(joints, tip, iterations=20)
    return (reach + rng.normal(0, 5, (40, 6))).astype(np.float32)


@each_config
@pytest.mark.parametrize("task", ["pick_lift", "reach"])
def test_an_episode_is_a_pure_function_of_seed_and_commands(config: type, task: str) -> None:
    with SimRobot(config(task=task), fps=10) as robot:
        commands = commands_near_the_cube(robot, seed=7)
        first = episode(robot, 7, commands)
        assert episode(robot, 8, commands) != first
        assert episode(robot, 7, commands) == first
    with SimRobot(config(task=task), fps=10) as other:
        assert episode(other, 7, commands) == first


@each_config
def test_an_episode_starts_at_exactly_the_reset_pose(config: type) -> None:
    with SimRobot(config(reset_pose=(10, -20, 30, 40, 5, 60)), fps=10) as robot:
        for seed in (0, 1):
            robot.reset(seed)
            reading = robot.read()
            np.testing.assert_allclose(reading.joints, [10, -20, 30, 40, 5, 60], atol=1e-5)
            np.testing.assert_array_equal(reading.velocities, 0)
            robot.command(reading.joints + 5)


@each_config
def test_a_reading_has_the_promised_shapes(config: type) -> None:
    with SimRobot(config(), fps=10) as robot:
        robot.reset(0)
        robot.command(np.array(config().reset_pose, np.float32) + 10)
        reading = robot.read()
    for array, size in (
        (reading.joints, 6),
        (reading.velocities, 6),
        (reading.currents, 6),
        (reading.environment_state, 3),
    ):
        assert array is not None
        assert (array.shape, array.dtype) == ((size,), np.float32)
    assert (reading.velocities[:4] > 0).all()
    assert (reading.currents >= 0).all()
    assert (reading.currents <= 2701).all()
    assert not reading.images


@each_config
def test_commands_are_clipped_to_the_limits(config: type) -> None:
    with SimRobot(config(), fps=10) as robot:
        robot.reset(0)
        low, high = robot.spec.limits.T
        np.testing.assert_array_equal(robot.command(np.full(6, 1e4, np.float32)), high)
        np.testing.assert_array_equal(robot.command(np.full(6, -1e4, np.float32)), low)
        within = np.array(config().reset_pose, np.float32)
        np.testing.assert_array_equal(robot.command(within), within)


def test_a_target_that_is_no_number_is_refused() -> None:
    with SimRobot(SO101SimConfig(), fps=10) as robot:
        robot.reset(0)
        with pytest.raises(RobotError, match="not finite"):
            robot.command(np.full(6, np.nan, np.float32))


def test_truth_counts_episodes_and_ticks() -> None:
    with SimRobot(SO101SimConfig(), fps=10) as robot:
        for seed in (4, 4):
            robot.reset(seed)
            for _ in range(3):
                robot.command(robot.read().joints)
        truth = robot.truth()
        assert (truth.episode, truth.tick, truth.success) == (2, 3, False)
        assert truth.gripper == pytest.approx(float(robot.read().joints[GRIPPER]))


def test_the_truth_is_found_out_once_an_instant() -> None:
    """The operator and the success step both ask."""
    with SimRobot(SO101SimConfig(), fps=10) as robot:
        seen = []
        for change in (lambda: robot.reset(4), lambda: robot.command(robot.read().joints)) * 2:
            change()
            seen.append(robot.truth())
            assert robot.truth() is seen[-1]
    assert [(one.episode, one.tick) for one in seen] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    with pytest.raises(NotConnected, match="with"):
        robot.truth()


def test_nothing_works_outside_its_block() -> None:
    robot: Robot = SimRobot(SO101SimConfig(), fps=10)
    joints = np.zeros(6, np.float32)
    for use in (lambda: robot.reset(0), robot.read, lambda: robot.command(joints)):
        with pytest.raises(NotConnected, match="with"):
            use()
    with robot:
        assert np.allclose(robot.read().joints[:GRIPPER], 0.0, atol=1e-3)
    with pytest.raises(NotConnected, match="with"):
        robot.read()


def test_it_can_be_entered_again() -> None:
    robot = SimRobot(SO101SimConfig(), fps=10)
    for _ in range(2):
        with robot:
            robot.reset(0)
            robot.command(robot.read().joints)


def test_without_cameras_no_opengl_is_loaded() -> None:
    script = (
        "import sys; from configs.robot import SO101SimConfig\n"
        "from robots.twin.robot import SimRobot\n"
        "with SimRobot(SO101SimConfig(), fps=10) as r: r.reset(0); r.command(r.read().joints)\n"
        "sys.exit('mujoco.egl' in sys.modules or 'OpenGL' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env={}, timeout=60)


def test_where_opengl_does_not_start_the_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_size: int) -> None:
        raise AttributeError("'NoneType' object has no attribute 'eglQueryDevicesEXT'")

    monkeypatch.setattr(render, "_open_surface", broken)
    robot = SimRobot(SO101SimConfig(cameras={"front": SimCameraConfig()}), fps=10)
    with pytest.raises(RenderError, match="apt install libegl1"):
        robot.__enter__()


@pytest.fixture
def needs_opengl() -> None:
    try:
        with SimRobot(SO101SimConfig(cameras={"front": SimCameraConfig()}), fps=10):
            pass
    except RenderError as error:
        pytest.skip(str(error))


@each_config
@pytest.mark.usefixtures("needs_opengl")
def test_cameras_see_something_and_each_its_own(config: type) -> None:
    cameras = {
        "front": SimCameraConfig(view="front", width=96, height=64),
        "wrist": SimCameraConfig(view="wrist", width=64, height=64),
    }
    with SimRobot(config(cameras=cameras), fps=10) as robot:
        robot.reset(0)
        images = robot.read().images
        assert {name: image.shape for name, image in images.items()} == {
            "front": (64, 96, 3),
            "wrist": (64, 64, 3),
        }
        for image in images.values():
            assert image.dtype == np.uint8
            assert image.std() > 10
        robot.reset(1)
        assert (robot.read().images["front"] != images["front"]).any()


@pytest.mark.usefixtures("needs_opengl")
@pytest.mark.parametrize("task", ["pick_lift", "reach"])
def test_a_video_needs_no_configured_camera(task: str) -> None:
    with SimRobot(SO101SimConfig(task=task), fps=10) as robot:
        robot.reset(0)
        images = [robot.render(view, 48, 64) for view in ("front", "wrist", "overview")]
    for image in images:
        assert (image.shape, image.dtype) == ((48, 64, 3), np.uint8)
        assert image.std() > 10
