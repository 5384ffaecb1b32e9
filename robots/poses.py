"""What a config asks of an arm's joints, against what the arm at hand can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from configs.robot import SO100Config, SO101Config
from robots.base import F32, JOINTS, RobotError

_LEEWAY = 5.0  # so far beyond its range a joint may be asked to be; it goes to its end [deg, %]


@dataclass(frozen=True, slots=True)
class Poses:
    """Where an arm may go in a run, and where it goes at its end."""

    limits: F32  # (6, 2) in a run [deg], gripper [%]
    rest: F32 | None  # (6,) [deg, %]


def poses(cfg: SO100Config | SO101Config, limits: F32) -> Poses:
    """Those of an arm whose joints can be within ``limits`` (6, 2) [deg, %].

    Raises RobotError that names each joint that is asked to go elsewhere.
    """
    rest = cfg.rest_pose and within("robot.rest_pose", cfg.rest_pose, limits)
    if cfg.joint_limits is not None:
        ends = zip(*cfg.joint_limits, strict=True)
        limits = np.stack([within("robot.joint_limits", end, limits) for end in ends], axis=1)
    within("robot.reset_pose", cfg.reset_pose, limits)
    return Poses(limits, rest)


def within(option: str, pose: Sequence[float], limits: F32) -> F32:
    """The ``pose`` (6,) [deg, %] that ``option`` names, within ``limits`` (6, 2).

    Raises RobotError that names each joint that is more than a little beyond.
    """
    values, (low, high) = np.array(pose, np.float64), limits.T.astype(np.float64)
    far = np.maximum(low - values, values - high) > _LEEWAY
    beyond = [
        f"{name} {value:g}, not {least:.0f} to {most:.0f}"
        for name, value, least, most, out in zip(JOINTS, values, low, high, far, strict=True)
        if out
    ]
    if beyond:
        raise RobotError(
            f"{option} is beyond what this arm can do ({', '.join(beyond)}): keep to these ranges, "
            "in degrees, and in percent for the gripper."
        )
    return np.clip(values, low, high).astype(np.float32)
