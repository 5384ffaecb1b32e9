"""The physics of the twin in URDF radians: an arm, a table and something to reach for.

It knows nothing of motor units or of the loop's contract; ``robots.twin.robot`` adds those.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from configs.robot import Randomize
from configs.task import TASKS
from robots.arm import F64, Arm
from robots.base import JOINTS
from robots.twin.physics import mujoco
from robots.twin.scene import build_scene
from robots.twin.tasks.base import Situation, Task
from robots.twin.variation import Resizable, Variation

_LONGEST_STEP = 0.01  # [s]; at 0.02 s a third of the grasps fail
_SETTLING = 20  # physics steps in which a placed object comes to rest
_BLOCKED = 1e4  # inertia [kg m^2] and drag [N m s/rad] of a joint that does not move
_ARM = slice(0, len(JOINTS))


class World:
    """A simulated arm at its ``task``; each ``advance`` is exactly one control period.

    Scenes differ in where things lie, and in what ``randomize`` says.

    ::

        world = World(ARMS["so101"], "pick_lift", period=0.1)
        world.reset(angles, seed=0)
        world.advance(target)
    """

    def __init__(
        self, arm: Arm, task: Task | str, period: float, randomize: Randomize = "none"
    ) -> None:
        self._task: Task = _made(task) if isinstance(task, str) else task
        self.substeps = math.ceil(round(period / _LONGEST_STEP, 6))
        self.model = build_scene(arm, self._task, timestep=period / self.substeps)
        self.data = mujoco.MjData(self.model)
        self.objects = self._task.objects
        """The bodies whose positions can be observed; the first is what is acted on."""
        self._tip = self.model.body(arm.tip).id
        self._bodies = np.array([self.model.body(name).id for name in self.objects])
        self._root = int(self.model.body_rootid[self._tip])
        self._strength = self.model.actuator_forcerange[:, 1].copy()  # (6,) [N m]
        self._damping = self.model.dof_damping[_ARM].copy()  # (6,) [N m s/rad]
        self._armature = self.model.dof_armature[_ARM].copy()
        resizable = self._task.resizable if isinstance(self._task, Resizable) else ()
        self._variation = Variation(self.model, randomize, self.objects, resizable)
        self._rest: Mapping[str, F64] = {}  # where each object lay at first (3,) [m]

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
    def positions(self) -> F64:
        """Positions (k, 3) of the task's objects, such as the cube's centre [m]."""
        positions: F64 = self.data.xpos.take(self._bodies, axis=0)
        return positions

    @property
    def success(self) -> bool:
        """Whether the task is done."""
        now = Situation(self.model, self.data, self.tip, self._places(), self._rest, self._root)
        return self._task.done(now)

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
        """Put the objects where ``reset`` would with that ``seed``; the arm is not touched."""
        self._task.place(self.data, np.random.default_rng(seed))
        mujoco.mj_forward(self.model, self.data)
        self._rest = self._places()

    def reset(self, angles: F64, seed: int) -> None:
        """Hold the arm still at ``angles`` (6,) [rad]; the scene is as ``seed`` says."""
        self._variation.draw(seed)
        mujoco.mj_resetData(self.model, self.data)
        self._task.place(self.data, np.random.default_rng(seed))
        self._hold(angles)
        mujoco.mj_step(self.model, self.data, _SETTLING)
        self._hold(angles)
        self.data.time = 0.0
        mujoco.mj_forward(self.model, self.data)
        self._rest = self._places()

    def advance(self, target: F64) -> None:
        """Move the servos' goal evenly to ``target`` (6,) [rad] over one control period."""
        for goal in np.linspace(self.data.ctrl, target, self.substeps + 1)[1:]:
            self.data.ctrl[:] = goal
            mujoco.mj_step(self.model, self.data)
        mujoco.mj_kinematics(self.model, self.data)  # positions of now, not of a step ago

    def _places(self) -> dict[str, F64]:
        return dict(zip(self.objects, self.positions, strict=True))

    def _hold(self, angles: F64) -> None:
        self.data.qpos[_ARM] = self.data.ctrl[:] = angles
        self.data.qvel[:] = 0.0


def _made(name: str) -> Task:
    config = TASKS.validate(name)
    task: Task = TASKS.factory(config)(config)
    return task
