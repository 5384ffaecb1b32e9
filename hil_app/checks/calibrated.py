"""The calibration of an arm: its file, its motors, and whether it can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from configs.robot import ServoArmConfig, SO100Config, SO101Config
from configs.teleop import LeaderConfig
from hil_app.checks.finding import Findings, note, ok, problem
from robots import calibration as files
from robots.arm import ARMS
from robots.base import GRIPPER, JOINTS
from robots.calibration import DEGREES, Calibration, MotorCalibration, Units
from robots.handshake import MOTORS
from robots.poses import poses

_ENDLESS = "wrist_roll"  # its range is all of a turn
_LITTLE, _MUCH = 0.6, 1.2  # shares of what a joint usually moves
_BEYOND = 3.0  # how far outside of its range a joint may stand [deg]


def calibration(
    cfg: ServoArmConfig, values: Mapping[str, Mapping[str, int]], motors: Sequence[str]
) -> Findings:
    """What file and motors hold, from the registers' ``values``; raises RobotError."""
    if len(motors) < len(JOINTS):
        yield note("the calibration was not looked at, since not all motors answer")
        return
    held = {
        name: MotorCalibration(
            id=MOTORS[name],
            drive_mode=0,
            homing_offset=values["Homing_Offset"][name],
            range_min=values["Min_Position_Limit"][name],
            range_max=values["Max_Position_Limit"][name],
        )
        for name in JOINTS
    }
    found = held
    if cfg.id is None:
        files.check_motors(held)
        yield ok("calibrated; the motors hold it")
    else:
        path = calibration_file(cfg)
        found = files.load(path)
        yield from _compared(path, found, held)
    kind = str(cfg.model_dump()["type"])
    yield from spans(kind, found)
    if not files.differences(found, held):  # else the positions mean something else
        units = Units(found, cfg.gripper_opens)
        yield from standing(units, values["Present_Position"])
        if isinstance(cfg, SO100Config | SO101Config):
            model = ARMS[cfg.type].calibrated(cfg.joint_signs, cfg.joint_offsets)
            poses(cfg, files.common_range(model.limits, units.limits))


def calibration_file(cfg: ServoArmConfig) -> Path:
    """Where the calibration named ``cfg.id`` is kept."""
    kind = ("so_leader", "teleoperators") if isinstance(cfg, LeaderConfig) else ("so_follower",)
    return (cfg.calibration_dir or files.folder(*kind)) / f"{cfg.id}.json"


def _compared(path: Path, wanted: Calibration, held: Calibration) -> Findings:
    wrong = [name for name in JOINTS if wanted[name].id != MOTORS[name]]
    if wrong:
        yield problem(
            f"the calibration {path} is of an arm with other IDs ({', '.join(wrong)})",
            "name another one with --robot.id, or run `hil-app calibrate`",
        )
    changes = files.differences(wanted, held)
    if not changes:
        yield ok(f"calibrated; the motors hold {path}")
        return
    shown = "; ".join(f"{name}: {change}" for name, change in changes.items())
    yield note(
        f"the motors hold another calibration than {path} ({shown})",
        "the next run writes the file's into them; if the file is old, run `hil-app calibrate`",
    )


def spans(kind: str, found: Calibration) -> Findings:
    """Joints whose calibrated range is not what such an arm has."""
    arm = ARMS[kind.removesuffix("_leader")]
    usual = np.rad2deg(np.abs(arm.scale * np.ptp(arm.limits, axis=1)))  # (6,) [deg]
    joints = JOINTS[:GRIPPER] if kind.endswith("_leader") else JOINTS  # a leader has a handle
    for name in joints:
        own = (found[name].range_max - found[name].range_min) * DEGREES
        most = usual[JOINTS.index(name)]
        if name != _ENDLESS and not _LITTLE * most <= own <= _MUCH * most:
            yield note(
                f"the calibrated range of {name} is {own:.0f} deg, usually it is {most:.0f}",
                "run `hil-app calibrate` if it can be moved to other ends than these",
            )


def standing(units: Units, positions: Mapping[str, int]) -> Findings:
    """Joints that stand where they cannot, by their calibration; torque would not come on there."""
    steps = np.array([positions[name] for name in JOINTS])
    joints = units.joints(steps)
    far = np.maximum(units.limits[:, 0] - joints, joints - units.limits[:, 1])
    for name, by in zip(JOINTS, far, strict=True):
        if by > _BEYOND:
            yield problem(
                f"{name} stands {by:.0f} {'%' if name == JOINTS[GRIPPER] else 'deg'} outside of "
                "its calibrated range",
                "move it back by hand, or run `hil-app calibrate` if it does not stand there",
            )
