"""Forward kinematics against the published tables, worked out here in plain matrices."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robots.arm import ARMS
from robots.kinematics import Kinematics
from robots.twin.world import World

X, Y, Z = np.eye(3)
# Of each joint: xyz [m], rpy [rad], axis; then the frame whose place is compared.
SO101 = [
    ((0.0388353, 0, 0.0624), (3.14159, 0, -3.14159), Z),
    ((-0.0303992, -0.0182778, -0.0542), (-1.5708, -1.5708, 0), Z),
    ((-0.11257, -0.028, 0), (0, 0, 1.5708), Z),
    ((-0.1349, 0.0052, 0), (0, 0, -1.5708), Z),
    ((0, -0.0611, 0.0181), (1.5708, 0.0486795, 3.14159), Z),
    ((-0.0079, -0.000218, -0.0981274), (0, 3.14159, 0), Z),  # gripper_frame_link, fixed
]
SO100 = [
    ((0, -0.0452, 0.0165), (1.57079, 0, 0), Y),
    ((0, 0.1025, 0.0306), (-1.8, 0, 0), X),
    ((0, 0.11257, 0.028), (1.57079, 0, 0), X),
    ((0, 0.0052, 0.1349), (-1, 0, 0), X),
    ((0, -0.0601, 0), (0, 1.57079, 0), Y),
    ((-0.0202, -0.0244, 0), (0, 3.14158, 0), Z),  # the jaw; where it is, its joint does not change
]
FORWARD_IS_MINUS_Y = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], float)
# arm -> its table, the frame at the end of it, the turn from its base frame to ours
PUBLISHED = {
    "so101": (SO101, "gripper_frame_link", np.eye(3)),
    "so100": (SO100, "moving_jaw_link", FORWARD_IS_MINUS_Y),
}
TENTH = 1e-4  # [m]
shares = st.tuples(*[st.floats(0, 1)] * 6)


def turn(axis, angle):
    """Rotation (3, 3) about a unit ``axis`` (3,)."""
    cross = np.cross(np.eye(3), axis)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def is_intervention(arm, angles):
    """Place (3,) [m] of the last frame of the published table, in our base frame."""
    table, _, base = PUBLISHED[arm]
    place, frame = np.zeros(3), np.eye(3)
    for (xyz, (roll, pitch, yaw), axis), angle in zip(table, [*angles[:5], 0.0], strict=True):
        place = place + frame @ xyz
        frame = frame @ turn(Z, yaw) @ turn(Y, pitch) @ turn(X, roll) @ turn(axis, angle)
    return base @ place


@pytest.fixture(params=PUBLISHED, scope="module")
def bodies(request):
    """Name, arm with the published frame for its tip, and both libraries' models of it."""
    arm = replace(ARMS[request.param], tip=PUBLISHED[request.param][1])
    return request.param, arm, Kinematics(arm), World(ARMS[request.param], "reach", period=0.1)


@settings(max_examples=200)
@given(shares=shares)
def test_placo_and_mujoco_have_the_tip_where_the_published_table_has_it(bodies, shares):
    name, arm, kinematics, world = bodies
    low, high = arm.limits.T.astype(float)
    joints = (low + np.array(shares) * (high - low)).astype(np.float32)
    angles = arm.to_urdf(joints)
    expected = is_intervention(name, angles)
    assert np.abs(kinematics.tip(joints) - expected).max() < TENTH
    world.reset(angles, seed=0)
    assert np.abs(world.data.body(arm.tip).xpos - expected).max() < TENTH


@pytest.mark.parametrize(
    ("arm", "angles", "place"),
    [
        ("so101", [0, 0, 0, 0, 0], [0.3914, 0, 0.2265]),
        ("so101", [0.5, 0, 0, 0, 0], [0.3482, -0.1690, 0.2265]),
        ("so101", [0, -0.6, 0.7, 1, 0], [0.2287, 0, 0.0715]),
        ("so100", [0, 0, 0, 0, 0], [0.1764, 0, 0.1471]),
    ],
)
def test_the_tables_give_the_published_places(arm, angles, place):
    np.testing.assert_allclose(is_intervention(arm, angles), place, atol=TENTH)
