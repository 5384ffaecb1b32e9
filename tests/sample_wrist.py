"""An arm whose action pitches and rolls its gripper, for the tests of this folder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sample_ticks import (
    STAY,
    f32,
    follow,
)

from configs.processor import ProcessorConfig
from configs.robot import SO100SimConfig, SO101SimConfig
from hil_app.build.actions import action_steps
from processors.base import Command, Goal, Pipeline
from robots.arm import ARMS
from robots.base import F32, JOINTS, Reading
from robots.kinematics import Kinematics

KINEMATICS = {name: Kinematics(arm) for name, arm in ARMS.items()}
RESET = {"so100": f32(*SO100SimConfig().reset_pose), "so101": f32(*SO101SimConfig().reset_pose)}
ROLL = JOINTS.index("wrist_roll")
each_arm = pytest.mark.parametrize("arm", ARMS)


def config(wrist: dict[str, Any] | None = None, **parts: Any) -> ProcessorConfig:
    return ProcessorConfig.model_validate({"wrist": wrist or {}, **parts})


def pipeline(arm: str, settings: ProcessorConfig) -> Pipeline[Command]:
    return Pipeline("action", action_steps(settings, KINEMATICS[arm]))


def at(arm: str, joints: F32) -> Command:
    """What a tick starts from with the arm at ``joints``."""
    return Command.at_reset(Reading(joints, stamp=0.0), KINEMATICS[arm].tip(joints))


def move(x: float = 0, y: float = 0, z: float = 0, pitch: float = 0, roll: float = 0) -> F32:
    return f32(x, y, z, pitch, roll, STAY)


def run(arm: str, moves: list[F32], settings: ProcessorConfig | None = None) -> list[Command]:
    """The ticks of ``moves`` from the reset pose."""
    return follow(pipeline(arm, settings or config()), at(arm, RESET[arm]), moves)


def pose(arm: str, goal: Goal) -> F32:
    """Tip (3,) [m], pitch and clockwise roll [deg] that a goal's joints really have."""
    kinematics = KINEMATICS[arm]
    angles = kinematics.pitch(goal.joints), kinematics.clockwise * goal.joints[ROLL]
    return np.append(kinematics.tip(goal.joints), angles).astype(np.float32)


def wanted(arm: str, goal: Goal) -> F32:
    """The same, as the goal has it."""
    found = pose(arm, goal)
    found[:3] = goal.tip
    if goal.pitch is not None:
        found[3] = goal.pitch
    return found
