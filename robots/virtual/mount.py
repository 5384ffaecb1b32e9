"""How the servos sit in the arm: which shaft position is which joint value, and what their EEPROM
holds, calibrated or out of the box."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from robots.arm import F64, Arm
from robots.base import F32, GRIPPER, JOINTS
from robots.feetech.registers import FACTORY, TOP

# Folded, and clear of the table with both arms: body joints [deg], gripper [%].
REST_POSE = (0.0, -98.0, 85.0, 60.0, 0.0, 5.0)

_MIDDLE = 2047  # of every calibrated range but wrist_roll's
_OFFSETS = (-137, 412, -268, 95, 331, -74)  # how the horns happened to be screwed on [step]
_ROLL = JOINTS.index("wrist_roll")


class Mount:
    """Shaft positions of an arm's servos: ``zero + scale * joint value``, however calibrated."""

    def __init__(self, arm: Arm) -> None:
        reach = np.ptp(arm.limits[:, :2], axis=1).astype(np.float64) * TOP / 360  # (6,) [step]
        reach[GRIPPER] = 100 * arm.scale[GRIPPER] * TOP / (2 * np.pi)
        half = np.rint(reach / 2).astype(int)
        self.ranges = np.stack([_MIDDLE - half, _MIDDLE + half], axis=1)  # (6, 2) as calibrated
        self.ranges[_ROLL] = 0, TOP
        self.scale: F64 = np.full(len(JOINTS), TOP / 360)  # (6,) [step/deg], gripper [step/%]
        self.scale[GRIPPER] = np.ptp(self.ranges[GRIPPER]) / 100
        self.zero: F64 = self.ranges.mean(axis=1) + _OFFSETS  # (6,) [step]
        self.zero[GRIPPER] = self.ranges[GRIPPER, 0] + _OFFSETS[GRIPPER]

    def shaft(self, joints: F32 | F64) -> F64:
        """Shaft positions (6,) [step] at ``joints`` (6,) [deg, %]."""
        return np.asarray(self.zero + self.scale * joints)

    def joints(self, shaft: F64) -> F64:
        """Joint values (6,) [deg, %] at shaft positions ``shaft`` (6,) [step]."""
        return np.asarray((shaft - self.zero) / self.scale)

    def calibrated(self) -> dict[str, dict[str, int]]:
        """EEPROM of each motor of an arm that was set up and calibrated."""
        return {
            name: {
                **FACTORY,
                "ID": number,
                "Homing_Offset": _OFFSETS[number - 1],
                "Min_Position_Limit": int(self.ranges[number - 1, 0]),
                "Max_Position_Limit": int(self.ranges[number - 1, 1]),
            }
            for number, name in enumerate(JOINTS, start=1)
        }


def factory() -> dict[str, Mapping[str, int]]:
    """EEPROM of each motor out of the box: all have the same ID."""
    return dict.fromkeys(JOINTS, FACTORY)
