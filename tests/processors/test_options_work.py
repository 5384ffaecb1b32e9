"""Trap 20: every option of the environment and the processor does something.

Each option is changed alone, and the same demonstrated episode must come out differently; the
tests of the steps show that the difference is the right one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel
from sample_ticks import flat

from configs.env import EnvConfig
from configs.load import merge, validate
from configs.processor import ProcessorConfig
from configs.robot import SimRobotConfig
from configs.run import RunConfig
from hil_app.build.assembly import Assembly
from hil_app.control.policy import NoPolicy
from hil_app.recording.frames import Frame
from robots.base import F32, Reading
from robots.twin.robot import SimRobot

BASE = {
    "env": {"control_time_s": 4.0, "paced": True},
    "robot": {"type": "so101_sim", "cameras": {"front": {}}},
    "processor": {"gripper": {"penalty": -0.5}},
}
CHANGES: dict[str, Any] = {
    "env.fps": 20.0,
    "env.paced": False,
    "env.control_time_s": 1.0,
    "env.terminate_on_success": False,
    "env.reset_time_s": 9.0,
    "env.reset_speed": 5.0,
    "processor.step_size": (0.01, 0.02, 0.02),
    "processor.bounds.min": (0.14, -0.14, 0.06),
    "processor.bounds.max": (0.31, 0.14, 0.05),
    "processor.gripper.closed": 5.0,
    "processor.gripper.open": 60.0,
    "processor.gripper.max_step": 10.0,
    "processor.gripper.penalty": None,
    "processor.wrist": {},  # its own are in test_wrist_hands.py
    "processor.inverse_kinematics.max_joint_step": 2.0,
    "processor.inverse_kinematics.max_error": 1e-6,
    "processor.observation.joints": "gripper",
    "processor.observation.joint_velocity": True,
    "processor.observation.motor_current": True,
    "processor.observation.end_effector": "relative",
    "processor.observation.target": False,
    "processor.observation.object": "absolute",
    "processor.observation.images": False,
    "processor.images.crop": {"front": (1, 1, 4, 4)},
    "processor.images.resize": (3, 4),
}


class Clock:
    """A clock that only sleeping moves on: a paced episode takes no real time."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Watched(SimRobot):
    """The twin with a made-up image instead of a rendered one; it keeps every command."""

    def __init__(self, config: SimRobotConfig, fps: float) -> None:
        super().__init__(config.model_copy(update={"cameras": {}}), fps)
        self.spec = replace(self.spec, cameras=dict.fromkeys(config.cameras, (6, 8)))

    def read(self) -> Reading:
        image = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
        return replace(super().read(), images={"front": image}, stamp=0.0)

    def command(self, target: F32) -> F32:
        self.commands = [*getattr(self, "commands", []), target]
        return super().command(target)


@contextmanager
def clocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    with monkeypatch.context() as patch:
        patch.setattr(time, "monotonic", clock.monotonic)
        patch.setattr(time, "sleep", clock.sleep)
        yield clock


def episode(config: RunConfig, clock: Clock) -> Any:
    """All that one demonstrated episode shows, and what of it a policy would see."""
    frames: list[Frame] = []
    with Watched(config.robot, config.env.fps) as robot:
        parts = Assembly(config, robot=robot)
        teleop = parts.teleop("always")
        parts.loop(teleop, NoPolicy(), lambda: False).episode(3, [frames.append])
        seen = list(parts.policy_config.input_features)
    return flat([robot.commands, frames, clock.now, seen])


def leaves(model: type[BaseModel], path: str) -> Iterator[str]:
    for name, info in model.model_fields.items():
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from leaves(inner, f"{path}.{name}")
        else:
            yield f"{path}.{name}"


def with_change(path: str, value: Any) -> RunConfig:
    change = value
    for key in reversed(path.split(".")):
        change = {key: change}
    return validate(merge(BASE, change))


@pytest.fixture(scope="module")
def usual() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch, clocked(patch) as clock:
        yield episode(validate(BASE), clock)


def test_every_option_is_in_the_table() -> None:
    options = {*leaves(EnvConfig, "env"), *leaves(ProcessorConfig, "processor")}
    elsewhere = {
        "env.wait_for_ready",  # tests/hil_app/control/test_gate.py
        "processor.success_classifier",  # tests/hil_app/runs/test_classifier_in_a_run.py
        "processor.reward",  # tests/e2e/test_plugin_package.py
        "processor.steps",  # tests/hil_app/build/test_steps.py
    }
    assert options == {*CHANGES, *elsewhere}


@pytest.mark.parametrize(("path", "value"), CHANGES.items())
def test_the_option_changes_the_episode(
    path: str, value: Any, usual: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clocked(monkeypatch) as clock:
        assert episode(with_change(path, value), clock) != usual


def test_without_a_change_the_episode_is_the_same(
    usual: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clocked(monkeypatch) as clock:
        assert episode(validate(BASE), clock) == usual
