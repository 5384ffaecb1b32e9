"""A robot's description of itself."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from configs.camera import OpenCVCameraConfig
from configs.events import tell_nobody
from configs.robot import SimCameraConfig, SO100SimConfig, SO101Config, SO101SimConfig
from robots.base import RobotSpec
from robots.so100 import SO100Robot
from robots.twin.robot import SimRobot

NAMES = (
    "shoulder_pan",
    "shoulder_lift",
    "elbow_flex",
    "wrist_flex",
    "wrist_roll",
    "gripper",
)


def spec(**other: Any) -> RobotSpec:
    """Of a base with two wheels."""
    given: dict[str, Any] = {
        "names": ("left", "right"),
        "limits": np.float32([[-1, 1], [-2, 2]]),
        "units": ("m/s", "m/s"),
    }
    return RobotSpec(**given | other)


def test_a_spec_says_what_is_no_gripper() -> None:
    assert spec().not_gripper.tolist() == [True, True]
    assert spec(gripper=1).not_gripper.tolist() == [True, False]


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({"names": ()}, "at least one"),
        ({"names": ("left", "left")}, "distinct"),
        ({"units": ("m/s",)}, "2 names need limits (2, 2) and 2 units: got limits (2, 2) and 1"),
        ({"limits": np.zeros((3, 2), np.float32)}, "got limits (3, 2) and 2 units"),
        ({"limits": np.float32([[1, -1], [-2, 2]])}, "below its highest: [[1.0, -1.0]"),
        ({"limits": np.float32([[np.nan, 1], [-2, 2]])}, "below its highest"),
        ({"gripper": 2}, "gripper 2 is none of the 2 names"),
        ({"gripper": -1}, "gripper -1 is none of the 2 names"),
        ({"reset_pose": np.zeros(3, np.float32)}, "reset_pose must be (2,): got (3,)"),
    ],
)
def test_parts_that_do_not_fit_are_refused(odd: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        spec(**odd)


@pytest.mark.parametrize("config", [SO100SimConfig, SO101SimConfig])
def test_a_twin_describes_its_arm(config: type[SO100SimConfig | SO101SimConfig]) -> None:
    cameras = {"front": SimCameraConfig(width=64, height=48)}
    found = SimRobot(config(task="reach", cameras=cameras), fps=10).spec
    assert found.names == NAMES
    assert found.units == ("deg",) * 5 + ("%",)
    assert found.gripper == 5
    assert found.arm is not None
    assert found.limits is found.arm.limits
    assert found.cameras == {"front": (48, 64)}
    assert found.senses == {"velocities", "currents"}
    assert found.environment == ("object.x", "object.y", "object.z")
    assert (found.real_time, found.max_speed) == (False, None)
    assert (found.tasks[:2], found.task) == (("pick_lift", "reach"), "reach")
    assert found.reset_pose is not None
    assert found.reset_pose[5] == 45


def test_a_real_arm_describes_itself_as_calibrated() -> None:
    turned = OpenCVCameraConfig(width=640, height=480, rotation=90)
    config = SO101Config(
        port="/dev/none", joint_offsets=(10.0, 0, 0, 0, 0), cameras={"front": turned}
    )
    found, usual = SO100Robot(config, 10, tell_nobody).spec, SO101SimConfig()
    as_drawn = SimRobot(usual, fps=10).spec.limits
    np.testing.assert_allclose(found.limits[0], as_drawn[0] + 10, atol=1e-3)
    assert found.cameras == {"front": (640, 480)}
    assert found.senses == {"velocities", "currents", "loads", "temperatures"}
    assert (found.real_time, found.max_speed) == (True, 120.0)
    assert (found.tasks, found.task) == ((), None)
