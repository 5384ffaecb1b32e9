"""The box that a gripper has been in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.processor import BoundsConfig
from configs.robot import SO100Config, SO101Config
from hil_app.build.workspace import LEAST, Visited, at_ends, outside, unreachable
from robots.arm import ARMS
from robots.base import F32, JOINTS
from robots.kinematics import Kinematics

POSES = {"so100": SO100Config().reset_pose, "so101": SO101Config().reset_pose}
MAX_ERROR = 0.005


def f32(*numbers: float) -> F32:
    return np.array(numbers, np.float32)


def visited(*tips: F32) -> Visited:
    joints = np.zeros(6, np.float32)
    found = Visited.at(tips[0], joints)
    for tip in tips:
        found.see(tip, joints)
    return found


points = st.builds(f32, *[st.floats(-0.5, 0.5, width=32)] * 3)


@given(tips=st.lists(points, min_size=2, max_size=6), margin=st.floats(0, 0.02))
def test_the_box_lies_inside_of_what_was_visited_by_the_margin_and_hardly_more(
    tips: list[F32], margin: float
) -> None:
    seen = visited(*tips)
    if seen.too_small(margin):
        return
    box = seen.box(margin)
    low, high = np.min(tips, axis=0) + margin, np.max(tips, axis=0) - margin
    assert (np.array(box.min) >= low - 1e-5).all()
    assert (np.array(box.min) <= low + 0.001 + 1e-5).all()
    assert (np.array(box.max) <= high + 1e-5).all()
    assert (np.array(box.max) >= high - 0.001 - 1e-5).all()


def test_an_axis_along_which_there_is_no_room_is_named_with_what_is_needed() -> None:
    seen = visited(f32(0.1, 0.0, 0.0), f32(0.2, LEAST + 0.009, 0.3))
    assert seen.too_small(0.0) == []
    assert seen.too_small(0.005) == ["y has changed by only 3.9 cm; 4.0 are needed."]
    assert len(visited(f32(0, 0, 0), f32(0, 0, 0)).too_small(0.0)) == 3


def test_how_far_and_along_which_axes_a_point_is_outside() -> None:
    box = BoundsConfig(min=(0.1, -0.1, 0.0), max=(0.3, 0.1, 0.2))
    assert outside(f32(0.2, 0.0, 0.1), box) is None
    assert outside(f32(0.1, 0.0, 0.25), box) == "5.0 cm along z"
    assert outside(f32(0.08, 0.15, 0.1), box) == "2.0 cm along x and 5.0 cm along y"


def test_joints_at_an_end_of_their_range_are_named_but_not_the_gripper() -> None:
    limits = np.array([(-90.0, 90.0)] * 5 + [(0.0, 100.0)], np.float32)
    low, high = f32(-89, -50, -91, 0, 0, 0), f32(0, 88.5, 95, 87, 0, 100)
    assert at_ends(low, high, limits) == {
        "shoulder_pan": "at its lower end",
        "shoulder_lift": "at its upper end",
        "elbow_flex": "at its lower and upper end",
    }


@pytest.mark.parametrize("kind", ["so100", "so101"])
def test_every_corner_of_the_usual_box_can_be_reached(kind: str) -> None:
    arm, pose = ARMS[kind], f32(*POSES[kind])
    assert unreachable(Kinematics(arm), arm.limits, pose, BoundsConfig(), MAX_ERROR) == {}


@pytest.mark.parametrize("kind", ["so100", "so101"])
def test_corners_out_of_reach_are_found_and_how_far_before_them_the_arm_stops(kind: str) -> None:
    arm, pose = ARMS[kind], f32(*POSES[kind])
    kinematics = Kinematics(arm)
    box = BoundsConfig(min=(0.15, -0.1, 0.05), max=(0.6, 0.1, 0.1))
    found = unreachable(kinematics, arm.limits, pose, box, MAX_ERROR)
    assert set(found) == {(0.6, y, z) for y in (-0.1, 0.1) for z in (0.05, 0.1)}
    rng = np.random.default_rng(0)
    low, high = arm.limits.T
    tips = [kinematics.tip(rng.uniform(low, high).astype(np.float32)) for _ in range(20_000)]
    for corner, missed in found.items():
        nearest = np.linalg.norm(np.array(tips) - corner, axis=1).min()
        assert nearest - 0.03 < missed < 0.45  # its way there is straight


def test_a_corner_that_only_a_joint_beyond_its_calibrated_range_reaches_is_out_of_reach() -> None:
    arm, pose = ARMS["so101"], f32(*POSES["so101"])
    limits = arm.limits.copy()
    limits[JOINTS.index("shoulder_pan")] = -20, 110
    found = unreachable(Kinematics(arm), limits, pose, BoundsConfig(), MAX_ERROR)
    assert {y for _, y, _ in found} == {BoundsConfig().max[1]}
