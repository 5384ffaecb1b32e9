"""What the twin's arm is asked to do: what lies in its scene, where, and when it is done."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from configs.task import TaskConfig
from robots.arm import F64
from robots.base import JOINTS
from robots.twin.physics import mujoco

CUBE_EDGE = 0.025  # [m]
_CUBE_FRICTION = (1.0, 0.01, 0.0001)
_LIFTED = 0.05  # [m] above rest
_REACHED = 0.015  # [m] from gripper frame to goal
_CUBE_LOW, _CUBE_HIGH = (0.17, -0.12, -math.pi / 4), (0.30, 0.12, math.pi / 4)  # x, y, yaw
_GOAL_LOW, _GOAL_HIGH = (0.16, -0.12, 0.02), (0.29, 0.12, 0.075)  # x, y, z
_AFTER_ARM = slice(len(JOINTS), None)


class Task(Protocol):
    """A task of the twin's arm, made of its config by the factory that this is registered with.

    Positions are in the base frame: x forward, y left, z up, in metres.
    """

    def add(self, spec: mujoco.MjSpec) -> None:
        """Add what it needs to the scene: at least a body that is called ``object``."""

    def place(self, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Put it, at rest, where ``rng`` says; the arm is not touched."""

    def done(self, tip: F64, thing: F64, rest: F64) -> bool:
        """Whether it is done: the gripper frame is at ``tip`` (3,), the object at ``thing`` (3,).

        It lay at ``rest`` (3,) when the episode began.
        """


class PickLift:
    """Lift a small cube."""

    def __init__(self, config: TaskConfig) -> None:
        """There is nothing to choose."""

    def add(self, spec: mujoco.MjSpec) -> None:
        """A cube that can be pushed, gripped and dropped."""
        body = spec.worldbody.add_body(name="object", pos=(0.22, 0.0, CUBE_EDGE / 2))
        body.add_freejoint()
        cube = body.add_geom(
            name="cube",
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=[CUBE_EDGE / 2] * 3,
            rgba=(0.80, 0.16, 0.14, 1.0),
            mass=0.02,
        )
        set_contact(cube, _CUBE_FRICTION)

    def place(self, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """On the table, turned by up to 45 degrees."""
        x, y, yaw = rng.uniform(_CUBE_LOW, _CUBE_HIGH)
        turn = (math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2))
        data.qpos[_AFTER_ARM] = (x, y, CUBE_EDGE / 2, *turn)
        data.qvel[_AFTER_ARM] = 0.0

    def done(self, tip: F64, thing: F64, rest: F64) -> bool:  # noqa: ARG002
        """Lifted by 5 cm."""
        return bool(thing[2] - rest[2] >= _LIFTED)


class Reach:
    """Bring the gripper frame to a point that is marked."""

    def __init__(self, config: TaskConfig) -> None:
        """There is nothing to choose."""

    def add(self, spec: mujoco.MjSpec) -> None:
        """A mark that nothing touches."""
        body = spec.worldbody.add_body(name="object", mocap=True)
        body.add_geom(
            name="goal",
            type=mujoco.mjtGeom.mjGEOM_SPHERE,
            size=(0.012, 0.0, 0.0),
            rgba=(0.15, 0.65, 0.35, 0.45),
            contype=0,
            conaffinity=0,
        )

    def place(self, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Above the table, in the middle of the workspace."""
        data.mocap_pos[0] = rng.uniform(_GOAL_LOW, _GOAL_HIGH)

    def done(self, tip: F64, thing: F64, rest: F64) -> bool:  # noqa: ARG002
        """Within 1.5 cm."""
        return bool(np.linalg.norm(tip - thing) < _REACHED)


def set_contact(geom: mujoco.MjsGeom, friction: tuple[float, float, float]) -> None:
    """Have a geometry touch others as fingers and cube do, with this ``friction``."""
    geom.friction, geom.condim = friction, 4
    geom.solref, geom.solimp[:3] = (0.01, 1.0), (0.95, 0.99, 0.001)
