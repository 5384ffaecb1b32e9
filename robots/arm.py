"""The two arms: where their URDF lies and how motor units map to URDF radians.

Motor units are what people and policies use: body joints in degrees about the middle of their
range, the gripper in percent (0 closed, 100 open). The same positive motor degrees move both
arms the same way: pan right, lift, elbow and wrist flex forward and down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from configs.task import TASKS
from robots.base import F32, GRIPPER, JOINTS, RobotSpec

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """A kind of arm; ``urdf = zero + scale * motor`` for each joint, in the order of JOINTS."""

    name: str
    urdf: Path
    scale: F64  # (6,) URDF radians a motor unit [rad/deg], gripper [rad/%]
    zero: F64  # (6,) URDF angle at motor zero [rad]
    limits: F32  # (6, 2) lowest and highest motor value [deg], gripper [%]
    names: tuple[str, ...] = JOINTS  # of the joints
    gripper: int = GRIPPER  # which of them is
    roll: int = JOINTS.index("wrist_roll")  # which of them turns it about its own way
    tip: str = "gripper_frame_link"  # frame between the fingertips, z along the fingers

    def to_urdf(self, joints: F32) -> F64:
        """URDF angles (6,) [rad] of motor values ``joints`` (6,) [deg, %]."""
        return self.zero + self.scale * joints

    def from_urdf(self, angles: F64) -> F32:
        """Motor values (6,) [deg, %] of URDF ``angles`` (6,) [rad]."""
        return ((angles - self.zero) / self.scale).astype(np.float32)

    def velocity_from_urdf(self, rates: F64) -> F32:
        """Motor speeds (6,) [deg/s, %/s] of URDF ``rates`` (6,) [rad/s]."""
        return (rates / self.scale).astype(np.float32)

    def spec(self, *, task: str | None = None, **more: Any) -> RobotSpec:
        """What a robot with this arm is, that is to do a ``task``; ``more`` are fields that neither
        decides."""
        units = tuple("%" if index == self.gripper else "deg" for index in range(len(self.names)))
        return RobotSpec(
            self.names,
            self.limits,
            units,
            gripper=self.gripper,
            arm=self,
            task=task,
            operator=None if task is None or task not in TASKS else TASKS[task].config.operator,
            **more,
        )

    def calibrated(self, signs: Sequence[int] | None, offsets: Sequence[float]) -> Arm:
        """This arm on motors that read ``offsets`` (5,) [deg] at the middle of its range.

        ``signs`` (5,), 1 or -1, say which of them count the other way round.
        """
        turned = np.array([*(signs or [1] * GRIPPER), 1], np.float64)
        scale = self.scale * turned
        zero = self.zero - scale * np.array([*offsets, 0.0])
        ends = (self.to_urdf(self.limits.T) - zero) / scale  # (2, 6)
        return replace(self, scale=scale, zero=zero, limits=np.sort(ends.T, axis=1).astype("f4"))


def _arm(name: str, sign: tuple[float, ...], zero: tuple[float, ...]) -> Arm:
    """An arm whose body joints turn by ``sign`` (5,) and stand at ``zero`` (5,) [rad] at 0 deg."""
    path = Path(str(files("robots.urdf") / f"{name}.urdf"))
    bounds = _joint_limits(path)  # (6, 2) [rad]
    closed, opened = bounds[GRIPPER]
    scale = np.array([*np.deg2rad(sign), (opened - closed) / 100.0])
    offset = np.array([*zero, closed])
    limits = np.sort((bounds - offset[:, None]) / scale[:, None], axis=1).astype(np.float32)
    for array in (scale, offset, limits):
        array.setflags(write=False)
    return Arm(name, path, scale, offset, limits)


def _joint_limits(urdf: Path) -> F64:
    """Lower and upper limit (6, 2) [rad] of each joint in ``urdf``."""
    bounds = {
        joint.get("name"): (float(limit.attrib["lower"]), float(limit.attrib["upper"]))
        for joint in ElementTree.parse(urdf).iter("joint")
        for limit in joint.iter("limit")
    }
    return np.array([bounds[name] for name in JOINTS])


ARMS = MappingProxyType(
    {
        # Its URDF is published about mid-range already.
        "so101": _arm("so101", sign=(1, 1, 1, 1, 1), zero=(0, 0, 0, 0, 0)),
        # Zero is the middle of the published limits; its pan axis points the other way.
        "so100": _arm("so100", sign=(-1, 1, 1, 1, 1), zero=(0, 1.75, -1.57079, -0.65, 0)),
    }
)
"""The known arms by name."""
