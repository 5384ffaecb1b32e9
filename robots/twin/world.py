"""The physics of the twin in URDF radians: an arm, a table and something to reach for.

It knows nothing of motor units or of the loop's contract; ``robots.twin.robot`` adds those.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from robots.arm import F64, Arm
from robots.base import JOINTS
from robots.twin.physics import mujoco
from robots.twin.scene import CUBE_EDGE, build_scene

_LONGEST_STEP = 0.01  # [s]; at 0.02 s a third of the grasps fail
_SETTLING = 20  # physics steps in which a placed object comes to rest
_LIFTED = 0.05  # [m] above rest
_REACHED = 0.015  # [m] from gripper frame to goal
_CUBE_LOW, _CUBE_HIGH = (0.17, -0.12, -math.pi / 4), (0.30, 0.12, math.pi / 4)  # x, y, yaw
_GOAL_LOW, _GOAL_HIGH = (0.16, -0.12, 0.02), (0.29, 0.12, 0.075)  # x, y, z
_BLOCKED = 1e4  # inertia [kg m^2] and drag [N m s/rad] of a joint that does not move
_ARM = slice(0, len(JOINTS))


class World:
    """A simulated arm at its task; each ``advance`` is exactly one control period.

    ::

        world = World(ARMS["so101"], "pick_lift", period=0.1)
        world.reset(angles, seed=0)
        world.advance(target)
    """

    def __init__(self, arm: Arm, task: str, period: float) -> None:
        self.substeps = math.ceil(round(period / _LONGEST_STEP, 6))
        self.model = build_scene(arm, task, timestep=period / self.substeps)
        self.data = mujoco.MjData(self.model)
        self._tip = self.model.body(arm.tip).id
        self._object = self.model.body("object").id
        self._lifting = task == "pick_lift"
        self._strength = self.model.actuator_forcerange[:, 1].copy()  # (6,) [N m]
        self._damping = self.model.dof_damping[_ARM].copy()  # (6,) [N m s/rad]
        self._armature = self.model.dof_armature[_ARM].copy()
        self._rest = 0.0  # height of the cube's centre before it is lifted [m]

    @property
    def angles(self) -> F64:
        """Joint angles (6,) [rad]."""
        return np.array(self.data.qpos[_ARM])

    @property
    def rates(self) -> F64:
        """Joint speeds (6,) [rad/s]."""
        return np.array(self.data.qvel[_ARM])

    @property
    def torques(self) -> F64:
        """What the servos exert (6,) [N m]."""
        return np.array(self.data.actuator_force)

    @property
    def tip(self) -> F64:
        """Position (3,) of the gripper frame [m]."""
        return np.array(self.data.xpos[self._tip])

    @property
    def object(self) -> F64:
        """Position (3,) of the cube's centre or of the goal [m]."""
        return np.array(self.data.xpos[self._object])

    @property
    def success(self) -> bool:
        """Is the cube lifted, or the goal reached?"""
        if self._lifting:
            return bool(self.object[2] - self._rest >= _LIFTED)
        return bool(np.linalg.norm(self.tip - self.object) < _REACHED)

    def limit_torques(self, most: F64) -> None:
        """Let no servo exert more than ``most`` (6,) [N m], nor more than it can; 0 is limp."""
        limit = np.minimum(most, self._strength)
        self.model.actuator_forcerange[:] = np.stack([-limit, limit], axis=1)

    def block(self, stuck: NDArray[np.bool_]) -> None:
        """Let the joints ``stuck`` (6,) not move, whatever the servos do, until told otherwise."""
        self.model.dof_damping[_ARM] = np.where(stuck, _BLOCKED, self._damping)
        self.model.dof_armature[_ARM] = np.where(stuck, _BLOCKED, self._armature)
        self.data.qvel[_ARM] = np.where(stuck, 0.0, self.data.qvel[_ARM])

    def put_object(self, seed: int) -> None:
        """Put the object where ``reset`` would with that ``seed``; the arm is not touched."""
        self._place(np.random.default_rng(seed))
        if self._lifting:
            self.data.qvel[_ARM.stop :] = 0.0
        mujoco.mj_forward(self.model, self.data)
        self._rest = float(self.object[2])

    def reset(self, angles: F64, seed: int) -> None:
        """Hold the arm still at ``angles`` (6,) [rad] and draw the object's place from ``seed``."""
        mujoco.mj_resetData(self.model, self.data)
        self._place(np.random.default_rng(seed))
        self._hold(angles)
        mujoco.mj_step(self.model, self.data, _SETTLING)
        self._hold(angles)
        self.data.time = 0.0
        mujoco.mj_forward(self.model, self.data)
        self._rest = float(self.object[2])

    def advance(self, target: F64) -> None:
        """Move the servos' goal evenly to ``target`` (6,) [rad] over one control period."""
        for goal in np.linspace(self.data.ctrl, target, self.substeps + 1)[1:]:
            self.data.ctrl[:] = goal
            mujoco.mj_step(self.model, self.data)
        mujoco.mj_kinematics(self.model, self.data)  # positions of now, not of a step ago

    def _place(self, rng: np.random.Generator) -> None:
        if self._lifting:
            x, y, yaw = rng.uniform(_CUBE_LOW, _CUBE_HIGH)
            turn = (math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2))
            self.data.qpos[_ARM.stop :] = (x, y, CUBE_EDGE / 2, *turn)
        else:
            self.data.mocap_pos[0] = rng.uniform(_GOAL_LOW, _GOAL_HIGH)

    def _hold(self, angles: F64) -> None:
        self.data.qpos[_ARM] = self.data.ctrl[:] = angles
        self.data.qvel[:] = 0.0
