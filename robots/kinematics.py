"""Where the fingertips are, and which joints bring them elsewhere (on placo)."""

from __future__ import annotations

import warnings

import numpy as np

from robots.arm import F64, Arm
from robots.base import F32, JOINTS

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # one that placo's own imports cause
    import placo

_AXIS_WEIGHT = 2e-5  # point down as far as the position leaves the fingers free to; 1e-4 costs 1 mm
_REGULARISATION = 6e-5  # much less lets a random walk jump from branch to branch
_HELD = ("wrist_roll", "gripper")
_FIRST = 7  # placo's state begins with the pose of the base


class Kinematics:
    """Kinematics of an arm; every call is a pure function of its arguments.

    ::

        kinematics = Kinematics(ARMS["so101"])
        target = kinematics.tip(joints) + step
        joints = kinematics.solve(joints, target)
    """

    def __init__(self, arm: Arm) -> None:
        self.arm = arm
        self._robot = placo.RobotWrapper(str(arm.urdf), placo.Flags.ignore_collisions)
        self._solver = placo.KinematicsSolver(self._robot)
        self._solver.mask_fbase(True)
        self._solver.enable_joint_limits(True)
        for name in _HELD:
            self._solver.mask_dof(name)
        self._position = self._solver.add_position_task(arm.tip, np.zeros(3))
        self._position.configure("position", "soft", 1.0)
        down = self._solver.add_axisalign_task(
            arm.tip, np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.0, -1.0])
        )
        down.configure("down", "soft", _AXIS_WEIGHT)
        self._solver.add_regularization_task(_REGULARISATION)
        self._range = np.array([self._robot.get_joint_limits(name) for name in JOINTS])  # [rad]
        self._state: F64 = self._robot.state.q.copy()

    def tip(self, joints: F32) -> F32:
        """Position (3,) of the gripper frame [m], base frame, at ``joints`` (6,) [deg, %]."""
        self._place(joints)
        pose: F64 = self._robot.get_T_world_frame(self.arm.tip)
        return pose[:3, 3].astype(np.float32)

    def solve(self, joints: F32, target: F32, iterations: int = 2) -> F32:
        """Joints (6,) [deg, %] from ``joints`` (6,) towards the point ``target`` (3,) [m].

        Wrist roll and gripper stay as they are. An unreachable target gives the nearest it got
        to in ``iterations`` steps: check with ``tip``.
        """
        self._place(joints)
        self._position.target_world = target.astype(np.float64)
        for _ in range(iterations):
            self._solver.solve(True)
            self._robot.update_kinematics()
        solved = self.arm.from_urdf(self._robot.state.q[_FIRST:])
        solved[-2:] = joints[-2:]
        return solved

    def _place(self, joints: F32) -> None:
        """Put the model at ``joints``, within its limits, with no memory of earlier calls."""
        self._state[_FIRST:] = np.clip(
            self.arm.to_urdf(joints), self._range[:, 0], self._range[:, 1]
        )
        self._robot.state.q = self._state
        self._robot.update_kinematics()
