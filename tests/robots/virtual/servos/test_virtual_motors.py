from collections.abc import Callable

import mujoco
import numpy as np
import pytest

from configs.robot import SO100SimConfig, SO101SimConfig
from robots.arm import ARMS, F64
from robots.base import JOINTS
from robots.kinematics import Kinematics
from robots.twin.robot import SimRobot
from robots.twin.world import World
from robots.virtual.mount import REST_POSE, Mount
from robots.virtual.servos.chain import Chain
from robots.virtual.servos.motors import FreeMotors, Motors
from robots.virtual.world_motors import WorldMotors

PERIOD = 0.01  # [s]
MOUNT = Mount(ARMS["so101"])
REACHING = np.array([10.0, -20.0, 30.0, 60.0, 15.0, 50.0])  # in the air [deg, %]
FULL, LIMP = np.ones(6), np.zeros(6)
GRIPPER = 5


def free() -> FreeMotors:
    return FreeMotors(ARMS["so101"], MOUNT, REACHING.astype(np.float32), PERIOD)


def world(arm: str = "so101", task: str = "pick_lift") -> WorldMotors:
    mount = Mount(ARMS[arm])
    return WorldMotors(ARMS[arm], task, mount, REACHING.astype(np.float32), PERIOD)


each = pytest.mark.parametrize("make", [free, world], ids=["free", "world"])


def run(motors: Motors, joints: F64, shares: F64 = FULL, seconds: float = 1.0) -> F64:
    """The joints (6,) after the servos have asked for ``joints`` (6,) [deg, %] for a while."""
    for _ in range(round(seconds / PERIOD)):
        motors.advance(MOUNT.shaft(joints), shares)
    return MOUNT.joints(motors.positions)


@each
def test_motors_go_where_their_servos_want_them(make: Callable[[], Motors]) -> None:
    motors, there = make(), REACHING + 5.0
    np.testing.assert_allclose(MOUNT.joints(motors.positions), REACHING, atol=1e-4)
    np.testing.assert_allclose(run(motors, there), there, atol=1.0)
    np.testing.assert_allclose(motors.velocities, 0, atol=5)


@each
def test_a_limp_motor_exerts_nothing(make: Callable[[], Motors]) -> None:
    motors, there = make(), REACHING + np.array([20.0, 0, 0, 0, 20.0, 20.0])
    joints = run(motors, there, LIMP, seconds=0.5)
    np.testing.assert_allclose(motors.efforts, 0, atol=1e-9)
    np.testing.assert_allclose(joints[[0, 4, 5]], REACHING[[0, 4, 5]], atol=2.0)


@each
def test_a_blocked_joint_stays_and_its_motor_feels_it(make: Callable[[], Motors]) -> None:
    motors = make()
    motors.block(np.array([name == "wrist_flex" for name in JOINTS]))
    there = REACHING + np.array([10.0, 0, 0, -30.0, 0, 0])
    joints = run(motors, there, np.full(6, 0.6))
    np.testing.assert_allclose(joints[3], REACHING[3], atol=0.2)
    np.testing.assert_allclose(joints[0], there[0], atol=1.0)
    assert motors.efforts[3] == pytest.approx(-0.6)
    motors.block(np.zeros(6, bool))
    np.testing.assert_allclose(run(motors, there)[3], there[3], atol=1.0)


@each
def test_a_hand_moves_the_arm_whatever_the_motors_do(make: Callable[[], Motors]) -> None:
    motors = make()
    motors.hand({"shoulder_pan": 55.0, "gripper": 250.0})
    joints = run(motors, REACHING, np.full(6, 0.5), seconds=0.25)
    assert 20 < joints[0] < 35  # at an operator's speed: 90 deg/s
    joints = run(motors, REACHING, np.full(6, 0.5), seconds=0.75)
    assert joints[0] == pytest.approx(55, abs=1.5)
    assert joints[GRIPPER] == pytest.approx(100, abs=3)
    np.testing.assert_allclose(joints[1:5], REACHING[1:5], atol=2.0)
    assert motors.efforts[0] == pytest.approx(-0.5)  # the motor pulls back
    motors.hand(None)
    assert run(motors, REACHING)[0] == pytest.approx(REACHING[0], abs=1.0)


@each
def test_no_motor_turns_a_joint_far_beyond_its_stop(make: Callable[[], Motors]) -> None:
    there = np.array([10.0, -20.0, 30.0, 60.0, 15.0, 160.0])
    assert run(make(), there, np.full(6, 0.3))[GRIPPER] == pytest.approx(100, abs=3)


@pytest.mark.parametrize("name", ["so100", "so101"])
def test_effort_has_the_sign_of_the_shafts_turn(name: str) -> None:
    mount, motors = Mount(ARMS[name]), world(name)
    for _ in range(3):
        motors.advance(mount.shaft(REACHING + np.array([10.0, 0, 0, 0, 0, 0])), FULL)
    assert motors.efforts[0] > 0
    assert motors.velocities[0] > 0


def test_a_weak_motor_lets_the_arm_sag_and_a_strong_one_holds_it() -> None:
    stretched = np.array([0.0, 20.0, -60.0, 0.0, 0.0, 0.0])
    motors = world()
    run(motors, stretched, seconds=1.5)
    strong = MOUNT.joints(motors.positions)
    np.testing.assert_allclose(strong, stretched, atol=2.0)
    weak = run(motors, stretched, np.full(6, 0.05), seconds=1.0)
    assert np.abs(weak - stretched).max() > 10


@pytest.mark.parametrize("task", ["pick_lift", "reach"])
@pytest.mark.parametrize("seed", [0, 7])
def test_a_seed_puts_the_object_where_the_simulated_robot_has_it(task: str, seed: int) -> None:
    motors = world(task=task)
    motors.reset(seed)
    with SimRobot(SO101SimConfig(task=task), fps=30) as robot:
        robot.reset(seed)
        expected = robot.truth().object
    truth = motors.truth()
    np.testing.assert_allclose(truth.object, expected, atol=1e-3)
    assert (truth.episode, truth.tick, truth.success) == (1, 0, False)
    before = motors.positions
    motors.reset(seed + 1)
    np.testing.assert_array_equal(motors.positions, before)
    assert motors.truth().episode == 2
    assert np.linalg.norm(motors.truth().object - expected) > 0.01


def test_a_lifted_cube_is_a_success_until_it_is_put_elsewhere() -> None:
    motors = world()
    motors.reset(3)
    motors.world.data.qpos[8] += 0.06
    mujoco.mj_kinematics(motors.world.model, motors.world.data)
    assert motors.truth().success
    motors.reset(3)
    assert not motors.truth().success
    run(motors, REACHING)
    assert not motors.truth().success


def test_without_a_world_there_is_nothing_to_succeed_at() -> None:
    motors = free()
    motors.reset(0)
    truth = motors.truth()
    assert (motors.task, truth.episode, truth.success) == ("none", 1, False)
    assert truth.gripper == pytest.approx(50.0)


@pytest.mark.parametrize("cfg", [SO100SimConfig(), SO101SimConfig()], ids=["so100", "so101"])
def test_the_rest_pose_is_clear_of_the_table_and_so_is_the_way_there(
    cfg: SO100SimConfig | SO101SimConfig,
) -> None:
    arm = ARMS[cfg.type.removesuffix("_sim")]
    scene = World(arm, "reach", PERIOD)
    for share in np.linspace(0, 1, 30):
        pose = (1 - share) * np.array(cfg.reset_pose) + share * np.array(REST_POSE)
        assert (arm.limits[:, 0] <= pose).all()
        assert (pose <= arm.limits[:, 1]).all()
        scene.data.qpos[:] = arm.to_urdf(pose.astype(np.float32))
        mujoco.mj_forward(scene.model, scene.data)
        assert scene.data.ncon == 0
        assert clearance(scene) > 0.02


def clearance(scene: World) -> float:
    """Distance of the moving parts from the table [m]."""
    model, data = scene.model, scene.data
    table = model.geom("table").id
    moving = [g for g in range(model.ngeom) if model.geom_contype[g] and model.geom_bodyid[g] > 1]
    return min(mujoco.mj_geomDistance(model, data, g, table, 1.0, None) for g in moving)


@pytest.mark.parametrize("name", ["so100", "so101"])
@pytest.mark.parametrize("seed", [0, 3])
def test_servos_pick_the_cube_up_and_hold_it_even_when_overloaded(name: str, seed: int) -> None:
    """With the gripper set as users of these arms set it: half the torque, overload at 25 %."""
    arm, mount = ARMS[name], Mount(ARMS[name])
    motors, kinematics = world(name), Kinematics(ARMS[name])
    motors.reset(seed)
    chain = Chain(mount.calibrated(), motors.positions.tolist())
    for servo in chain.servos.values():
        servo.table["Torque_Enable"], servo.table["Acceleration"] = 1, 254
    gripper = chain.servos["gripper"].table
    gripper["Torque_Limit"], gripper["Overload_Torque"] = 500, 25
    cube, joints = motors.truth().object, REACHING.astype(np.float32)
    bearing = np.arctan2(cube[1], cube[0] - 0.04)
    beside = cube - 0.012 * np.array([np.cos(bearing), np.sin(bearing), 0])
    for height, opening, seconds in ((0.06, 45, 1.5), (0, 45, 1), (0, 0, 0.6), (0.06, 0, 3.4)):
        joints = kinematics.solve(joints, np.float32([*beside[:2], beside[2] + height]), 20)
        joints[4:] = 0.0, opening
        goals = mount.shaft(joints) - [s.table["Homing_Offset"] for s in chain.servos.values()]
        for servo, goal in zip(chain.servos.values(), goals, strict=True):
            servo.table["Goal_Position"] = round(goal)
            servo.table["Goal_Velocity"] = 800
        for _ in range(round(seconds / PERIOD)):
            step(chain, motors)
    assert chain.servos["gripper"].errors == 32
    assert abs(motors.efforts[GRIPPER]) == pytest.approx(0.2, abs=0.01)
    assert motors.truth().success
    assert arm.limits[GRIPPER, 0] + 5 < motors.truth().gripper < 45


def step(chain: Chain, motors: Motors) -> None:
    asked = [servo.drive(PERIOD) for servo in chain.servos.values()]
    motors.advance(np.array([a for a, _ in asked]), np.array([share for _, share in asked]))
    felt = zip(motors.positions, motors.velocities, motors.efforts, strict=True)
    for servo, (position, velocity, effort) in zip(chain.servos.values(), felt, strict=True):
        servo.feel(float(position), float(velocity), float(effort), PERIOD)


def test_a_dropped_arm_stays_in_one_piece() -> None:
    motors = world()
    run(motors, REACHING, LIMP, seconds=3.0)
    assert np.isfinite(motors.positions).all()
    np.testing.assert_allclose(motors.velocities, 0, atol=20)
    inside = MOUNT.joints(motors.positions)
    limits = ARMS["so101"].limits
    assert (limits[:, 0] - 2 < inside).all()
    assert (inside < limits[:, 1] + 2).all()
