"""The gripper's pitch and roll: what they are, and joints that bring tip and pitch together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.robot import SO100SimConfig, SO101SimConfig
from robots.arm import ARMS, Arm
from robots.base import F32, GRIPPER, JOINTS
from robots.kinematics import Kinematics, placo
from robots.twin.world import World

RESET = {
    "so100": np.float32(SO100SimConfig().reset_pose),
    "so101": np.float32(SO101SimConfig().reset_pose),
}
LOW, HIGH = np.float32([0.13, -0.17, 0.01]), np.float32([0.31, 0.17, 0.08])  # [m]
ROLL = JOINTS.index("wrist_roll")
TURNED = {  # as motors that count the other way round, and read something else at the middle
    f"{name}, turned": arm.calibrated([-1, 1, -1, -1, -1], [3.0, -4.0, 5.0, -6.0, 7.0])
    for name, arm in ARMS.items()
}
KINEMATICS = {name: Kinematics(arm) for name, arm in (ARMS | TURNED).items()}
each_arm = pytest.mark.parametrize("arm", ARMS)
any_arm = pytest.mark.parametrize("arm", KINEMATICS)


def axes(world: World, arm: Arm, joints: F32) -> F32:
    """The gripper frame's (3, 3), as physics has it."""
    world.reset(arm.to_urdf(joints), seed=0)
    frame: F32 = world.data.body(arm.tip).xmat.reshape(3, 3).copy()
    return frame


@any_arm
def test_pitch_is_the_angle_from_straight_down_in_the_arm_s_plane(arm: str) -> None:
    kinematics, rng = KINEMATICS[arm], np.random.default_rng(0)
    robot = kinematics.arm
    world = World(robot, "reach", period=0.1)
    for _ in range(50):
        joints = rng.uniform(*robot.limits.T).astype(np.float32)
        pan = axes(world, robot, joints)[:, 2]  # where the fingers point
        forward = joints.copy()
        forward[0] = 0 if arm in ARMS else 3.0
        ahead = axes(world, robot, forward)[:, 2]  # the same, with the arm straight ahead
        assert abs(ahead[1]) < 1e-4
        pitch = np.deg2rad(kinematics.pitch(joints))
        np.testing.assert_allclose(ahead, [np.sin(pitch), 0, -np.cos(pitch)], atol=1e-4)
        assert pan[2] == pytest.approx(ahead[2], abs=1e-4)


@any_arm
def test_pitch_is_small_at_the_reset_pose_and_grows_as_the_fingers_rise(arm: str) -> None:
    kinematics = KINEMATICS[arm]
    angles = ARMS[arm[:5]].to_urdf(RESET[arm[:5]])
    joints = kinematics.arm.from_urdf(angles)
    assert kinematics.pitch(joints) == pytest.approx(0, abs=0.2)
    level = angles.copy()
    level[3] -= np.pi / 2  # the wrist bends up
    assert kinematics.pitch(kinematics.arm.from_urdf(level)) == pytest.approx(90, abs=0.2)


@any_arm
def test_clockwise_is_as_seen_from_behind_the_gripper(arm: str) -> None:
    kinematics = KINEMATICS[arm]
    robot = kinematics.arm
    world = World(robot, "reach", period=0.1)
    joints = robot.from_urdf(ARMS[arm[:5]].to_urdf(RESET[arm[:5]]))
    before = axes(world, robot, joints)
    joints[ROLL] += 10 * kinematics.clockwise
    after = axes(world, robot, joints)
    # About the way it points, away from who looks, right-handed is clockwise.
    turn = np.cross(before[:, 0], after[:, 0]) @ before[:, 2]
    assert turn == pytest.approx(np.sin(np.deg2rad(10)), abs=1e-4)


def reachable(arm: str, number: int, seed: int) -> list[tuple[F32, F32, float]]:
    """Joints in reach of the default box, and the tip and pitch that they have."""
    kinematics, rng, found = KINEMATICS[arm], np.random.default_rng(seed), []
    limits = kinematics.arm.limits.astype(float)
    limits[:GRIPPER] += np.array([5, -5])  # the very edge has a test of its own
    while len(found) < number:
        joints = rng.uniform(*limits.T).astype(np.float32)
        tip, pitch = kinematics.tip(joints), kinematics.pitch(joints)
        if (tip >= LOW).all() and (tip <= HIGH).all() and -20 <= pitch <= 90:
            found.append((joints, tip, pitch))
    return found


@any_arm
def test_joints_near_a_reachable_pose_are_brought_to_it(arm: str) -> None:
    """In 3 iterations from up to 10 degrees away on every joint: 99 %, and all in 10."""
    kinematics, rng = KINEMATICS[arm], np.random.default_rng(1)
    low, high = kinematics.arm.limits.T
    missed, missed_in_10, cases = 0, 0, reachable(arm, 300, seed=2)
    for joints, tip, pitch in cases:
        start = joints.copy()
        start[:4] = np.clip(joints + rng.uniform(-10, 10, 6), low, high)[:4]
        for iterations in (3, 10):
            solved = kinematics.solve(start, tip, iterations, pitch=pitch)
            error = np.linalg.norm(kinematics.tip(solved) - tip)
            off = error > 0.5e-3 or abs(kinematics.pitch(solved) - pitch) > 1.0
            np.testing.assert_array_equal(solved[ROLL:], joints[ROLL:])
            missed += off and iterations == 3
            missed_in_10 += off and iterations == 10
    assert missed <= 0.01 * len(cases)
    assert not missed_in_10


@each_arm
def test_the_tip_stays_where_it_is_while_pitch_and_roll_sweep(arm: str) -> None:
    kinematics, joints = KINEMATICS[arm], RESET[arm].copy()
    tip = np.float32([0.21, 0.03, 0.06])
    joints = kinematics.solve(joints, tip, 20, pitch=0.0)
    sweep = [*range(0, 49, 4), *range(48, -9, -4), *range(-8, 1, 4)]
    for pitch in sweep:
        joints[ROLL] = 2.0 * pitch
        joints = kinematics.solve(joints, tip, 3, pitch=float(pitch))
        assert np.linalg.norm(kinematics.tip(joints) - tip) < 0.5e-3
        assert kinematics.pitch(joints) == pytest.approx(pitch, abs=0.1)
        assert joints[ROLL] == 2.0 * pitch


@each_arm
def test_a_pitch_that_cannot_be_had_costs_the_tip_little(arm: str) -> None:
    """Well inside the reach, it is the wrist's limit that is in the way."""
    kinematics, joints = KINEMATICS[arm], RESET[arm]
    tip = np.float32([0.2, 0.0, 0.06])
    for pitch in range(0, -91, -2):
        joints = kinematics.solve(joints, tip, 3, pitch=float(pitch))
    miss = abs(kinematics.pitch(joints) + 90)
    assert miss > 10
    assert np.linalg.norm(kinematics.tip(joints) - tip) < miss * 1e-3


@each_arm
def test_leaning_towards_a_pitch_leaves_the_tip_alone(arm: str) -> None:
    """Without ``firm`` the tip is met wherever the arm gets to, and the gripper leans that way."""
    kinematics, tip = KINEMATICS[arm], np.float32([0.22, 0.02, 0.05])
    start = kinematics.solve(RESET[arm], tip, 20, pitch=20.0)
    leant = {
        pitch: kinematics.solve(start, tip, 10, pitch=pitch, firm=False) for pitch in (-40.0, 60.0)
    }
    for joints in leant.values():
        assert np.linalg.norm(kinematics.tip(joints) - tip) < 0.5e-3
    assert kinematics.pitch(leant[-40.0]) < 18
    assert kinematics.pitch(leant[60.0]) > 22


@each_arm
def test_joints_stay_within_limits_whatever_pitch_is_wanted(arm: str) -> None:
    kinematics, limits = KINEMATICS[arm], ARMS[arm].limits
    for pitch in (-170.0, -60.0, 60.0, 170.0):
        for target in ([0.6, 0, 0.3], [0.2, 0.1, 0.05], [0.0, 0.0, 0.6]):
            solved = kinematics.solve(RESET[arm], np.float32(target), 50, pitch=pitch)
            assert (solved >= limits[:, 0] - 1e-3).all()
            assert (solved <= limits[:, 1] + 1e-3).all()


class Plain:
    """Placo's solver set up by hand, with nothing of a pitch: what ``solve`` was made of."""

    def __init__(self, arm: Arm) -> None:
        self.arm = arm
        self.robot = placo.RobotWrapper(str(arm.urdf), placo.Flags.ignore_collisions)
        self.solver = placo.KinematicsSolver(self.robot)
        self.solver.mask_fbase(True)
        self.solver.enable_joint_limits(True)
        for name in ("wrist_roll", "gripper"):
            self.solver.mask_dof(name)
        self.position = self.solver.add_position_task(arm.tip, np.zeros(3))
        self.position.configure("position", "soft", 1.0)
        down = self.solver.add_axisalign_task(arm.tip, np.eye(3)[2], -np.eye(3)[2])
        down.configure("down", "soft", 2e-5)
        self.solver.add_regularization_task(6e-5)
        self.range = np.array([self.robot.get_joint_limits(name) for name in JOINTS])
        self.state = self.robot.state.q.copy()

    def solve(self, joints: F32, target: F32, iterations: int) -> F32:
        self.state[7:] = np.clip(self.arm.to_urdf(joints), *self.range.T)
        self.robot.state.q = self.state
        self.robot.update_kinematics()
        self.position.target_world = target.astype(float)
        for _ in range(iterations):
            self.solver.solve(True)
            self.robot.update_kinematics()
        solved = self.arm.from_urdf(self.robot.state.q[7:])
        solved[4:] = joints[4:]
        return solved


@any_arm
def test_without_a_pitch_nothing_has_changed_bit_for_bit(arm: str) -> None:
    """Solutions with a pitch in between leave no trace either."""
    kinematics, rng = Kinematics(KINEMATICS[arm].arm), np.random.default_rng(5)
    plain = Plain(kinematics.arm)
    for number in range(300):
        joints = rng.uniform(*kinematics.arm.limits.T).astype(np.float32)
        target = rng.uniform([-0.1, -0.3, -0.1], [0.4, 0.3, 0.4]).astype(np.float32)
        if number % 3:
            kinematics.solve(joints, target, pitch=float(rng.uniform(-60, 90)), firm=number % 2 > 0)
        iterations = int(rng.integers(1, 11))
        np.testing.assert_array_equal(
            kinematics.solve(joints, target, iterations), plain.solve(joints, target, iterations)
        )


@each_arm
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    shares=st.tuples(*[st.floats(0, 1, width=32)] * 6),
    point=st.tuples(*[st.floats(-0.5, 0.5, width=32)] * 3),
    pitch=st.floats(-180, 180),
    firm=st.booleans(),
)
def test_solving_for_a_pitch_is_a_pure_function(
    arm: str, shares: tuple[float, ...], point: tuple[float, ...], pitch: float, firm: bool
) -> None:
    kinematics = KINEMATICS[arm]
    low, high = ARMS[arm].limits.T
    joints = (low + np.float32(shares) * (high - low)).astype(np.float32)
    given_joints, target = joints.copy(), np.float32(point)
    first = kinematics.solve(joints, target, 3, pitch=pitch, firm=firm)
    kinematics.solve(RESET[arm], np.float32([0.2, 0.1, 0.05]), 3, pitch=33.0)
    kinematics.pitch(RESET[arm])
    np.testing.assert_array_equal(
        first, kinematics.solve(joints, target, 3, pitch=pitch, firm=firm)
    )
    np.testing.assert_array_equal(joints, given_joints)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
