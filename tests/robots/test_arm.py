import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robots.arm import ARMS, Arm
from robots.base import GRIPPER, JOINTS

each_arm = pytest.mark.parametrize("arm", ARMS.values(), ids=ARMS)


@each_arm
@given(parts=st.lists(st.floats(0.0, 1.0, width=32), min_size=6, max_size=6))
def test_motor_values_survive_the_trip_through_urdf(arm: Arm, parts: list[float]) -> None:
    low, high = arm.limits.T
    joints = (low + np.float32(parts) * (high - low)).astype(np.float32)
    np.testing.assert_allclose(arm.from_urdf(arm.to_urdf(joints)), joints, atol=2e-5)


@each_arm
def test_limits_are_ascending_and_about_mid_range(arm: Arm) -> None:
    low, high = arm.limits.T
    assert (low < high).all()
    assert (arm.limits[GRIPPER] == [0, 100]).all()
    np.testing.assert_allclose((low + high)[:4], 0, atol=1e-3)
    assert abs((low + high)[JOINTS.index("wrist_roll")]) < 6  # the SO101's is not symmetric


@pytest.mark.parametrize(
    ("name", "closed", "opened"), [("so101", -0.174533, 1.74533), ("so100", -0.2, 2.0)]
)
def test_gripper_percent_spans_the_jaw(name: str, closed: float, opened: float) -> None:
    arm = ARMS[name]
    joints = np.zeros(6, np.float32)
    assert arm.to_urdf(joints)[GRIPPER] == pytest.approx(closed)
    joints[GRIPPER] = 100
    assert arm.to_urdf(joints)[GRIPPER] == pytest.approx(opened)


def test_speeds_convert_without_the_offset() -> None:
    speeds = ARMS["so100"].velocity_from_urdf(np.radians([10, 10, 10, 10, 10, 0]))
    np.testing.assert_allclose(speeds, [-10, 10, 10, 10, 10, 0], rtol=1e-6)
