"""Where the fingertips are, and which joints bring them elsewhere (on placo)."""

from __future__ import annotations

import warnings

import numpy as np

from robots.arm import F64, Arm
from robots.base import F32, JOINTS, RobotError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # one that placo's own imports cause
    import placo

_AXIS_WEIGHT = 2e-5  # point down as far as the position leaves the fingers free to; 1e-4 costs 1 mm
_REGULARISATION = 6e-5  # much less lets a random walk jump from branch to branch
# With a wanted pitch nothing is left free, and a degree counts as much as half a millimetre.
_PITCH_WEIGHT, _PITCH_REGULARISATION = 1e-3, 1e-6
_HELD = ("wrist_roll", "gripper")
_ROLL = JOINTS.index("wrist_roll")
_LEANING = slice(1, 4)  # shoulder lift, elbow flex and wrist flex have parallel axes
_DOWN = np.array([0.0, 0.0, -1.0])
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
        self._loose = _Solver(self._robot, arm.tip, _AXIS_WEIGHT, _REGULARISATION)
        self._firm = _Solver(self._robot, arm.tip, _PITCH_WEIGHT, _PITCH_REGULARISATION)
        self._range = np.array([self._robot.get_joint_limits(name) for name in JOINTS])  # [rad]
        self._state: F64 = self._robot.state.q.copy()
        self._pan: float = np.sign(self._frame(shoulder_pan=0.1)[1, 2])  # 1 if it turns left
        before, after = self._frame(), self._frame(wrist_roll=0.1)
        outward, _, up = before[:, 2]
        self._pitch: float = np.arctan2(outward, -up)  # with all URDF angles at zero [rad]
        turn = before[:, 2] @ np.cross(before[:, 0], after[:, 0]) * arm.scale[_ROLL]
        self.clockwise: float = float(np.sign(turn))
        """1 if a higher wrist_roll turns the gripper clockwise, seen from behind it; else -1."""

    def tip(self, joints: F32) -> F32:
        """Position (3,) of the gripper frame [m], base frame, at ``joints`` (6,) [deg, %]."""
        self._place(joints)
        pose: F64 = self._robot.get_T_world_frame(self.arm.tip)
        return pose[:3, 3].astype(np.float32)

    def pitch(self, joints: F32) -> float:
        """Where the gripper points at ``joints`` (6,) [deg, %], in the arm's vertical plane [deg].

        0 is straight down, 90 level and outwards, more is up.
        """
        return float(np.rad2deg(self._pitch - self._angles(joints)[_LEANING].sum()))

    def solve(
        self,
        joints: F32,
        target: F32,
        iterations: int = 2,
        *,
        pitch: float | None = None,
        firm: bool = True,
    ) -> F32:
        """Joints (6,) [deg, %] from ``joints`` (6,) towards the point ``target`` (3,) [m].

        Wrist roll and gripper stay as they are. An unreachable target gives the nearest it got
        to in ``iterations`` steps: check with ``tip``. With ``pitch`` [deg] the gripper is to
        point there too: check with ``pitch``. If it is not ``firm``, or without a pitch, the
        gripper only leans that way, or down, as far as the point leaves it free to. Raises
        RobotError if placo fails, or finds nothing finite.
        """
        self._place(joints)
        solver = self._loose if pitch is None or not firm else self._firm
        solver.position.target_world = target.astype(np.float64)
        solver.axis.targetAxis_world = _DOWN
        try:
            for _ in range(iterations):
                if pitch is not None:
                    solver.axis.targetAxis_world = self._direction(pitch)
                solver.solve(True)
                self._robot.update_kinematics()
        except Exception as error:  # placo's are of all kinds
            raise _unsolved(str(error) or type(error).__name__, joints, target) from error
        solved = self.arm.from_urdf(self._robot.state.q[_FIRST:])
        if not np.isfinite(solved).all():
            raise _unsolved("the solution is not finite", joints, target)
        solved[-2:] = joints[-2:]
        return solved

    def _direction(self, pitch: float) -> F64:
        """Of a gripper at ``pitch`` [deg], (3,) in the base frame, where the arm is panned now."""
        pan, angle = self._pan * self._robot.state.q[_FIRST], np.deg2rad(pitch)
        out = np.sin(angle)
        return np.array([out * np.cos(pan), out * np.sin(pan), -np.cos(angle)])

    def _frame(self, **angles: float) -> F64:
        """Axes (3, 3) of the gripper frame at these URDF angles [rad], all others at zero."""
        self._state[_FIRST:] = [angles.get(name, 0.0) for name in JOINTS]
        self._robot.state.q = self._state
        self._robot.update_kinematics()
        pose: F64 = self._robot.get_T_world_frame(self.arm.tip)
        return pose[:3, :3]

    def _place(self, joints: F32) -> None:
        """Put the model at ``joints``, within its limits, with no memory of earlier calls."""
        self._state[_FIRST:] = self._angles(joints)
        self._robot.state.q = self._state
        self._robot.update_kinematics()

    def _angles(self, joints: F32) -> F64:
        """URDF angles (6,) [rad], within their limits."""
        return np.clip(self.arm.to_urdf(joints), self._range[:, 0], self._range[:, 1])


def _unsolved(why: str, joints: F32, target: F32) -> RobotError:
    """What to raise where placo finds no joints at all."""
    return RobotError(
        f"The inverse kinematics failed ({' '.join(why.split())}) on the way from the joints "
        f"{joints.round(1).tolist()} to the point {target.round(3).tolist()}, and nothing "
        "was sent to the arm: begin again; if it fails at the same place, leave that out of "
        "processor.bounds."
    )


class _Solver:
    """A point for ``tip``, an axis for its direction, and how much the axis counts beside it."""

    def __init__(
        self, robot: placo.RobotWrapper, tip: str, axis_weight: float, regularisation: float
    ) -> None:
        solver = placo.KinematicsSolver(robot)
        solver.mask_fbase(True)
        solver.enable_joint_limits(True)
        for name in _HELD:
            solver.mask_dof(name)
        self.position = solver.add_position_task(tip, np.zeros(3))
        self.position.configure("position", "soft", 1.0)
        self.axis = solver.add_axisalign_task(tip, np.array([0.0, 0.0, 1.0]), _DOWN)
        self.axis.configure("axis", "soft", axis_weight)
        solver.add_regularization_task(regularisation)
        self.solve = solver.solve
