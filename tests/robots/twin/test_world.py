import mujoco
import numpy as np
import pytest

from configs.robot import SO100SimConfig, SO101SimConfig
from robots.arm import ARMS, Arm
from robots.kinematics import Kinematics
from robots.twin.world import World

RESET = {"so100": SO100SimConfig().reset_pose, "so101": SO101SimConfig().reset_pose}
each_arm = pytest.mark.parametrize("arm", ARMS.values(), ids=ARMS)


def start(arm: Arm, task: str, seed: int = 0, period: float = 0.1) -> World:
    world = World(arm, task, period)
    world.reset(arm.to_urdf(np.array(RESET[arm.name], np.float32)), seed)
    return world


@pytest.mark.parametrize("fps", [5, 10, 15, 30, 50, 60, 200])
def test_a_tick_takes_exactly_one_period_in_steps_of_at_most_10_ms(fps: int) -> None:
    world = start(ARMS["so101"], "reach", period=1 / fps)
    for _ in range(30):
        world.advance(world.data.ctrl)
    assert world.data.time == pytest.approx(30 / fps, abs=1e-9)
    assert world.model.opt.timestep <= 0.01 + 1e-9
    assert world.substeps == -(-100 // fps)


@each_arm
@pytest.mark.parametrize("task", ["pick_lift", "reach"])
def test_after_a_reset_the_arm_stands_still_where_it_should(arm: Arm, task: str) -> None:
    world = start(arm, task)
    expected = arm.to_urdf(np.array(RESET[arm.name], np.float32))
    np.testing.assert_array_equal(world.angles, expected)
    assert not world.data.qvel.any()
    assert world.data.time == 0


@each_arm
def test_the_arm_gets_to_its_target_and_sags_little(arm: Arm) -> None:
    world, kinematics = start(arm, "reach"), Kinematics(arm)
    joints = kinematics.solve(
        np.array(RESET[arm.name], np.float32), np.float32([0.24, 0.06, 0.06]), iterations=20
    )
    for _ in range(20):
        world.advance(arm.to_urdf(joints))
    np.testing.assert_allclose(world.tip, [0.24, 0.06, 0.06], atol=1.5e-3)
    np.testing.assert_allclose(world.rates, 0, atol=1e-2)


def test_cubes_lie_at_rest_all_over_the_workspace() -> None:
    world, places = start(ARMS["so101"], "pick_lift"), []
    for seed in range(200):
        world.reset(world.angles, seed)
        places.append(world.positions[0])
    low, high = np.min(places, axis=0), np.max(places, axis=0)
    np.testing.assert_allclose([low[0], high[0]], [0.17, 0.30], atol=0.005)
    np.testing.assert_allclose([low[1], high[1]], [-0.12, 0.12], atol=0.005)
    np.testing.assert_allclose([low[2], high[2]], 0.0125, atol=2e-4)


def test_goals_lie_all_over_the_workspace() -> None:
    world, places = start(ARMS["so101"], "reach"), []
    for seed in range(200):
        world.reset(world.angles, seed)
        places.append(world.positions[0])
    np.testing.assert_allclose(np.min(places, axis=0), [0.16, -0.12, 0.02], atol=0.005)
    np.testing.assert_allclose(np.max(places, axis=0), [0.29, 0.12, 0.075], atol=0.005)


@pytest.mark.parametrize(("lifted", "success"), [(0.0, False), (0.049, False), (0.051, True)])
def test_the_cube_counts_as_lifted_from_5_cm(lifted: float, success: bool) -> None:
    world = start(ARMS["so101"], "pick_lift")
    world.data.qpos[8] += lifted
    mujoco.mj_kinematics(world.model, world.data)
    assert world.success is success


@pytest.mark.parametrize(("away", "success"), [(0.0, True), (0.0149, True), (0.0151, False)])
def test_the_goal_counts_as_reached_within_15_mm(away: float, success: bool) -> None:
    world = start(ARMS["so101"], "reach")
    world.data.mocap_pos[0] = world.tip + np.array([0, away, 0])
    mujoco.mj_kinematics(world.model, world.data)
    assert world.success is success


@each_arm
@pytest.mark.parametrize("seed", range(8))
def test_a_cube_can_be_grasped_and_lifted(arm: Arm, seed: int) -> None:
    world, kinematics = start(arm, "pick_lift", seed), Kinematics(arm)
    joints = np.array(RESET[arm.name], np.float32)
    cube = world.positions[0]
    bearing = np.arctan2(cube[1], cube[0] - 0.04)
    beside = cube - 0.012 * np.array([np.cos(bearing), np.sin(bearing), 0])
    for height, gripper, ticks in ((0.06, 45, 12), (0.0, 45, 6), (0.0, 0, 5), (0.06, 0, 12)):
        joints[-1] = gripper
        target = np.float32([*beside[:2], beside[2] + height])
        joints = kinematics.solve(joints, target, iterations=20)
        for _ in range(ticks):
            world.advance(arm.to_urdf(joints))
    assert world.success
