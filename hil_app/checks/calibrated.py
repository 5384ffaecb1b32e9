"""The calibration of an arm: its file, its motors, and whether it can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from configs.robot import ServoArmConfig, SO100Config, SO101Config
from hil_app.checks.finding import Findings, note, ok, problem
from robots.arm import ARMS
from robots.base import GRIPPER, JOINTS
from robots.feetech import calibration as files
from robots.feetech import whose
from robots.feetech.calibration import DEGREES, Calibration, MotorCalibration, Units
from robots.feetech.handshake import MOTORS
from robots.poses import poses

_LITTLE, _MUCH = 0.6, 1.2  # shares of what a joint usually moves
_WAY_UNKNOWN = (
    "motors cannot hold which way the gripper counts, and there is no calibration file: it is "
    "taken to count up as it opens",
    "set robot.gripper_opens (teleop.gripper_opens), or run `hil-app calibrate` with an id",
)
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
    path = files.saved(cfg)
    if path is None:
        files.check_motors(held)
        path = whose.recognised(held, whose.known(cfg))
    found = held if path is None else files.load(path)
    if path is None:
        if change := whose.changed(held, whose.known(cfg)):
            yield note(*change)
        else:
            yield ok("calibrated; the motors hold it")
        if "gripper_opens" not in cfg.model_fields_set:
            yield note(*_WAY_UNKNOWN)
        if other := whose.recognised(held, whose.others(cfg)):
            yield note(*whose.another(other))
    else:
        yield from _compared(cfg, path, found, held, values["Present_Position"])
    if rivals := whose.rivals(cfg):
        yield note(rivals, "remove the one that is out of date")
    if mirrored := files.mirrored(found):
        yield note(mirrored, "set robot.joint_signs where a joint counts the other way round")
    kind = str(cfg.model_dump()["type"])
    yield from spans(kind, found)
    if not files.differences(found, held):  # else the positions mean something else
        units = Units(found, cfg.gripper_opens)
        yield from standing(units, values["Present_Position"])
        if isinstance(cfg, SO100Config | SO101Config):
            model = ARMS[cfg.type].calibrated(cfg.joint_signs, cfg.joint_offsets)
            poses(cfg, files.common_range(model.limits, units.limits))


def _compared(
    cfg: ServoArmConfig,
    path: Path,
    wanted: Calibration,
    held: Calibration,
    positions: Mapping[str, int],
) -> Findings:
    """What the file has, held against what the motors hold."""
    if wrong := whose.wrong_ids(wanted, MOTORS):
        yield problem(f"the calibration {path} is {wrong}", whose.REMEDY)
    changes = files.differences(wanted, held)
    if not changes:
        yield ok(f"calibrated; the motors hold {path}")
        return
    if other := whose.recognised(held, whose.others(cfg)):
        yield problem(*whose.another(other))
        return
    if misfit := whose.misfit(wanted, held, positions):
        yield problem(f"the calibration {path} does not fit this arm, {misfit}", whose.REMEDY)
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
        if name != files.ENDLESS and not _LITTLE * most <= own <= _MUCH * most:
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
