from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from configs.robot import SO100SimConfig, SO101SimConfig
from robots.arm import ARMS, Arm
from robots.base import F32, GRIPPER, JOINTS, RobotError
from robots.kinematics import Kinematics
from robots.twin.world import World

RESET = {"so100": SO100SimConfig().reset_pose, "so101": SO101SimConfig().reset_pose}
LOW, HIGH = np.float32([0.13, -0.17, 0.01]), np.float32([0.31, 0.17, 0.08])  # [m]
SO101_TIPS = [  # URDF angles [rad] and where the published model has the tip [m]
    ([0, 0, 0, 0, 0, 0], [0.3914, 0, 0.2265]),
    ([0.5, 0, 0, 0, 0, 0], [0.3482, -0.1690, 0.2265]),
    ([0, 0.5, 0, 0, 0, 0], [0.4046, 0, 0.0586]),
    ([0, 0, 0.5, 0, 0, 0], [0.3541, 0, 0.0858]),
    ([0, 0, 0, 0.5, 0, 0], [0.3681, 0, 0.1511]),
    ([0, -0.6, 0.7, 1, 0, 0], [0.2287, 0, 0.0715]),
]
each_arm = pytest.mark.parametrize("arm", ARMS.values(), ids=ARMS)


def reset_joints(arm: Arm) -> F32:
    return np.array(RESET[arm.name], np.float32)


def random_joints(arm: Arm, rng: np.random.Generator) -> F32:
    return rng.uniform(*arm.limits.T).astype(np.float32)


@pytest.mark.parametrize(("angles", "tip"), SO101_TIPS)
def test_so101_tip_is_where_the_published_model_has_it(
    angles: list[float], tip: list[float]
) -> None:
    arm = ARMS["so101"]
    joints = arm.from_urdf(np.array(angles, float))
    np.testing.assert_allclose(Kinematics(arm).tip(joints), tip, atol=1e-4)
    world = World(arm, "reach", period=0.1)
    world.reset(np.array(angles, float), seed=0)
    np.testing.assert_allclose(world.tip, tip, atol=1e-4)


def test_so100_jaw_is_where_the_published_model_has_it() -> None:
    published = [0, -0.1764, 0.1471]  # all angles zero; forward is -y
    ours = [-published[1], published[0], published[2]]
    world = World(ARMS["so100"], "reach", period=0.1)
    world.reset(np.zeros(6), seed=0)
    gripper = world.data.body("moving_jaw_link").xpos
    np.testing.assert_allclose(gripper, ours, atol=1e-4)
    arm = replace(ARMS["so100"], tip="moving_jaw_link")
    np.testing.assert_allclose(Kinematics(arm).tip(arm.from_urdf(np.zeros(6))), ours, atol=1e-4)


@each_arm
def test_kinematics_and_physics_agree_on_the_tip(arm: Arm) -> None:
    kinematics, world = Kinematics(arm), World(arm, "reach", period=0.1)
    rng = np.random.default_rng(0)
    for _ in range(20):
        joints = random_joints(arm, rng)
        world.reset(arm.to_urdf(joints), seed=0)
        np.testing.assert_allclose(kinematics.tip(joints), world.tip, atol=1e-6)


@pytest.mark.parametrize("joint", JOINTS[:5])
def test_the_same_degrees_move_both_arms_the_same_way(joint: str) -> None:
    """Seen as the turn of the gripper about the base's axes, from mid-range."""
    turns = []
    for arm in ARMS.values():
        world = World(arm, "reach", period=0.1)
        joints = np.zeros(6, np.float32)
        world.reset(arm.to_urdf(joints), seed=0)
        before = world.data.body("gripper_link").xmat.reshape(3, 3).copy()
        joints[JOINTS.index(joint)] = 5
        world.reset(arm.to_urdf(joints), seed=0)
        turn = world.data.body("gripper_link").xmat.reshape(3, 3) @ before.T
        turns.append(np.array([turn[2, 1], turn[0, 2], turn[1, 0]]))
    cosine = turns[0] @ turns[1] / np.linalg.norm(turns[0]) / np.linalg.norm(turns[1])
    assert cosine > 0.98


def test_both_arms_start_at_the_same_point_pointing_down() -> None:
    tips = [Kinematics(arm).tip(reset_joints(arm)) for arm in ARMS.values()]
    np.testing.assert_allclose(tips, [[0.20, 0, 0.075]] * 2, atol=1e-3)
    for arm in ARMS.values():
        world = World(arm, "reach", period=0.1)
        world.reset(arm.to_urdf(reset_joints(arm)), seed=0)
        fingers = world.data.body(arm.tip).xmat.reshape(3, 3)[:, 2]
        np.testing.assert_allclose(fingers, [0, 0, -1], atol=0.02)


@pytest.mark.parametrize("finger", ["fixed_finger", "moving_finger"])
def test_both_arms_have_the_same_fingers_about_the_tip(finger: str) -> None:
    places = []
    for arm in ARMS.values():
        world = World(arm, "reach", period=0.1)
        joints = reset_joints(arm)
        joints[GRIPPER] = 0.2 - arm.zero[GRIPPER]
        joints[GRIPPER] /= arm.scale[GRIPPER]  # jaw at +.2 rad: pads parallel
        world.reset(arm.to_urdf(joints), seed=0)
        frame = world.data.body(arm.tip).xmat.reshape(3, 3)
        places.append(frame.T @ (world.data.geom(finger).xpos - world.tip))
    np.testing.assert_allclose(*places, atol=1.1e-3)  # the SO100's jaw sits 1 mm further out
    assert np.abs(places[0][:2]).max() < 0.03
    assert -0.05 < places[0][2] < 0  # its middle; the tips end about 5 mm beyond


@each_arm
def test_a_random_walk_is_followed_closely_and_without_jumps(arm: Arm) -> None:
    kinematics, rng = Kinematics(arm), np.random.default_rng(1)
    errors, steps = [], []
    for _ in range(20):
        joints = reset_joints(arm)
        target = kinematics.tip(joints)
        for _ in range(200):
            move = rng.choice([-0.02, 0, 0.02], 3)  # [m] on each axis, as an action does
            target = np.clip(target + move, LOW, HIGH).astype(np.float32)
            solved = kinematics.solve(joints, target)
            errors.append(np.linalg.norm(kinematics.tip(solved) - target))
            steps.append(np.abs(solved - joints).max())
            joints = solved
    assert np.median(errors) < 0.05e-3  # [m]
    assert np.quantile(errors, 0.98) < 0.5e-3
    assert max(errors) < 8e-3  # near, high and straight ahead the wrist is at its limit
    assert np.quantile(steps, 0.99) < 25  # [deg]
    assert max(steps) < 60


@each_arm
def test_solving_is_a_pure_function(arm: Arm) -> None:
    rng, kinematics = np.random.default_rng(2), Kinematics(arm)
    cases = [
        (random_joints(arm, rng), rng.uniform(LOW, HIGH).astype(np.float32)) for _ in range(30)
    ]
    first = [kinematics.solve(*case) for case in cases]
    again = [kinematics.solve(*case) for case in reversed(cases)][::-1]
    afresh = [Kinematics(arm).solve(*case) for case in cases[:5]]
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first[:5], afresh)


@each_arm
def test_roll_and_gripper_pass_through_and_the_input_stays(arm: Arm) -> None:
    joints = reset_joints(arm)
    joints[4:] = (12.5, 100.0)
    given = joints.copy()
    solved = Kinematics(arm).solve(joints, np.float32([0.25, 0.05, 0.04]))
    np.testing.assert_array_equal(solved[4:], given[4:])
    np.testing.assert_array_equal(joints, given)
    assert solved.dtype == np.float32


@each_arm
def test_joints_stay_within_limits_however_far_the_target(arm: Arm) -> None:
    kinematics, joints = Kinematics(arm), reset_joints(arm)
    for target in ([0.6, 0, 0.3], [-0.3, 0.2, 0.0], [0.0, 0.0, 0.6]):
        solved = kinematics.solve(joints, np.float32(target), iterations=50)
        assert (solved >= arm.limits[:, 0] - 1e-3).all()
        assert (solved <= arm.limits[:, 1] + 1e-3).all()


@each_arm
def test_a_start_beyond_the_limits_is_taken_back_inside(arm: Arm) -> None:
    joints = reset_joints(arm)
    joints[3], joints[GRIPPER] = arm.limits[3, 1] + 0.5, 100.2  # a limit gives way a little
    solved = Kinematics(arm).solve(joints, np.float32([0.2, 0, 0.08]))
    assert solved[3] <= arm.limits[3, 1] + 1e-3


class Failing:
    """A solver of placo's that fails as the real one may."""

    def __init__(self, kinematics: Kinematics, failure: Exception | None) -> None:
        self._kinematics, self._failure = kinematics, failure
        self.position = self.axis = SimpleNamespace()

    def solve(self, apply: bool) -> None:
        assert apply
        if self._failure is not None:
            raise self._failure
        state = self._kinematics._robot.state.q.copy()
        state[-4] = np.nan
        self._kinematics._robot.state.q = state


@pytest.mark.parametrize("pitch", [None, 30.0])
@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (RuntimeError("QPError: Infeasible\nQP"), "QPError: Infeasible QP"),
        (IndexError(), "IndexError"),
        (None, "not finite"),
    ],
)
def test_a_solver_that_fails_is_one_line_and_the_next_solution_is_whole(
    failure: Exception | None, said: str, pitch: float | None
) -> None:
    arm = ARMS["so101"]
    kinematics, start = Kinematics(arm), reset_joints(arm)
    goal = kinematics.tip(start) + np.float32([0.01, 0, 0])
    right = kinematics.solve(start, goal, pitch=pitch)
    solvers = kinematics._loose, kinematics._firm
    kinematics._loose = kinematics._firm = Failing(kinematics, failure)  # type: ignore[assignment]
    with pytest.raises(RobotError) as caught:
        kinematics.solve(start, goal, pitch=pitch)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    kinematics._loose, kinematics._firm = solvers
    np.testing.assert_array_equal(kinematics.solve(start, goal, pitch=pitch), right)
