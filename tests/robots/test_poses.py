"""Poses and limits that an arm cannot take are refused by joint, before anything moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.robot import SO100Config, SO100SimConfig, SO101Config, SO101SimConfig
from robots.arm import ARMS
from robots.base import GRIPPER, JOINTS, RobotError
from robots.poses import poses, within
from robots.twin.robot import SimRobot

LIMITS = np.float32([[-110, 100], [-95, 90], [-80, 80], [-95, 95], [-160, 160], [0, 100]])
RESET = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)


def refusal(**options: Any) -> str:
    with pytest.raises(RobotError) as caught:
        poses(SO101Config(**options), LIMITS)
    return str(caught.value)


def test_each_joint_that_is_out_of_its_range_is_named_with_it() -> None:
    assert refusal(reset_pose=(-500, 2, 3, 4, 5, 500)) == (
        "robot.reset_pose is beyond what this arm can do (shoulder_pan -500, not -110 to 100, "
        "gripper 500, not 0 to 100): keep to these ranges, in degrees, and in percent for the "
        "gripper."
    )


@pytest.mark.parametrize("joint", range(len(JOINTS)))
@pytest.mark.parametrize("far", [-1e30, -1e9, 1e9, 1e30])
def test_every_joint_of_every_pose_counts(joint: int, far: float) -> None:
    pose = [*RESET]
    pose[joint] = far
    spans: list[tuple[float, float]] = [(-40.0, 40.0)] * GRIPPER + [(0.0, 50.0)]
    spans[joint] = (far, spans[joint][1]) if far < 0 else (spans[joint][0], far)
    for option, value in (("reset_pose", pose), ("rest_pose", pose), ("joint_limits", spans)):
        said = refusal(**{"reset_pose": RESET, option: value})
        assert said.startswith(f"robot.{option} is beyond")
        assert said.count(", not ") == 1
        assert f"{JOINTS[joint]} {far:g}, not" in said


def test_a_run_begins_within_the_limits_that_it_is_to_keep() -> None:
    spans = [(-9, 9), (-9, 9), (20, 30), (-9, 9), (-9, 9), (0, 100)]
    said = refusal(reset_pose=RESET, joint_limits=spans)
    assert "robot.reset_pose is beyond what this arm can do (elbow_flex 3, not 20 to 30)" in said


def test_an_arm_may_rest_outside_of_a_runs_limits() -> None:
    spans = [(-9, 9)] * GRIPPER + [(0, 50)]
    found = poses(SO101Config(reset_pose=RESET, joint_limits=spans), LIMITS)
    np.testing.assert_array_equal(found.limits, spans)
    np.testing.assert_array_equal(found.rest, [0, -95, 80, 60, 0, 5])  # its range's ends


def test_without_a_rest_pose_there_is_none() -> None:
    assert poses(SO101Config(rest_pose=None, reset_pose=RESET), LIMITS).rest is None


joint_values = st.tuples(*[st.floats(-400, 400) for _ in JOINTS])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(joint_values)
def test_what_is_not_refused_is_within_the_limits_and_hardly_changed(pose: Any) -> None:
    try:
        found = within("robot.reset_pose", pose, LIMITS)
    except RobotError:
        far = np.maximum(LIMITS[:, 0] - pose, pose - LIMITS[:, 1])
        assert far.max() > 5
    else:
        assert (found >= LIMITS[:, 0]).all()
        assert (found <= LIMITS[:, 1]).all()
        assert np.abs(found - pose).max() < 5.001


@pytest.mark.parametrize(
    "cfg",
    [SO100SimConfig(), SO101SimConfig(), SO100Config(), SO101Config()],
    ids=lambda cfg: cfg.type,
)
def test_the_usual_poses_fit_the_usual_arms(cfg: Any) -> None:
    limits = ARMS[cfg.type.removesuffix("_sim")].limits
    within("robot.reset_pose", cfg.reset_pose, limits)
    if isinstance(cfg, SO100Config | SO101Config):
        assert poses(cfg, limits).rest is not None


@pytest.mark.parametrize("kind", [SO100SimConfig, SO101SimConfig])
def test_the_twins_refuse_the_same(kind: Any) -> None:
    with pytest.raises(RobotError, match=r"shoulder_pan -500, not -1\d\d to 1\d\d, .* gripper"):
        SimRobot(kind(reset_pose=(-500, 500, -500, 500, -500, 500)), fps=10)
