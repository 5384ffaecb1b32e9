"""What a task is, what it judges by, and the shapes and contacts that several tasks share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from robots.arm import F64
from robots.twin.physics import mujoco

FRICTION = (1.0, 0.01, 0.0001)  # sliding, torsional, rolling, of things that fingers hold
RED, BLUE, YELLOW = (0.80, 0.16, 0.14, 1.0), (0.16, 0.36, 0.72, 1.0), (0.90, 0.68, 0.16, 1.0)
GREEN, WOOD = (0.15, 0.65, 0.35, 1.0), (0.72, 0.55, 0.36, 1.0)
RGBA = tuple[float, float, float, float]
Area = tuple[tuple[float, float], tuple[float, float]]  # lowest and highest x, y [m]
PAN_AXIS = 0.042  # x of the axis about which both arms turn [m]


@dataclass(frozen=True)
class Situation:
    """Where everything is at one instant, in the base frame: x forward, y left, z up [m]."""

    model: mujoco.MjModel
    data: mujoco.MjData
    tip: F64  # (3,) the gripper frame
    objects: Mapping[str, F64]  # (3,) of each of the task's objects
    rest: Mapping[str, F64]  # (3,) of each when the episode began
    arm: int  # MuJoCo's root body of the arm

    def held(self, name: str) -> bool:
        """Whether the arm touches the body ``name``."""
        body = self.model.body(name).id
        for contact in self.data.contact[: self.data.ncon]:
            first, second = self.model.geom_bodyid[contact.geom]
            if body in (first, second):
                other = second if first == body else first
                if self.model.body_rootid[other] == self.arm:
                    return True
        return False

    def speed(self, name: str) -> float:
        """How fast the body ``name`` moves [m/s]."""
        return float(np.linalg.norm(self.data.body(name).cvel[3:]))


class Task(Protocol):
    """A task of the twin's arm, made of its config by the factory that this is registered with.

    Positions are in the base frame: x forward, y left, z up, in metres.
    """

    objects: tuple[str, ...]
    """Bodies that it adds and whose positions can be observed; the first is what is acted on."""

    def add(self, spec: mujoco.MjSpec) -> None:
        """Add what it needs to the scene: at least its ``objects``."""

    def place(self, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Put everything, at rest, where ``rng`` says; the arm is not touched."""

    def done(self, now: Situation) -> bool:
        """Whether it is done."""


def add_box(
    body: mujoco.MjsBody,
    half: Sequence[float],
    pos: Sequence[float] = (0.0, 0.0, 0.0),
    *,
    rgba: RGBA,
    mass: float = 0.0,
    yaw: float = 0.0,
) -> mujoco.MjsGeom:
    """A box of ``half`` its sides (3,) [m] at ``pos`` (3,) of a body, that fingers can touch."""
    geom = body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=list(half),
        pos=list(pos),
        quat=turned(yaw),
        rgba=rgba,
        mass=mass,
    )
    set_contact(geom, FRICTION)
    return geom


def add_loose(spec: mujoco.MjSpec, name: str, height: float) -> mujoco.MjsBody:
    """A body that can be moved freely, with its centre at ``height`` [m]."""
    body = spec.worldbody.add_body(name=name, pos=(0.22, 0.0, height))
    body.add_freejoint(name=name)
    return body


def add_mark(body: mujoco.MjsBody, size: Sequence[float], rgba: RGBA, kind: mujoco.mjtGeom) -> None:
    """Something to be seen that nothing touches."""
    body.add_geom(type=kind, size=list(size), rgba=rgba, contype=0, conaffinity=0)


def put(data: mujoco.MjData, name: str, place: Sequence[float], yaw: float = 0.0) -> None:
    """Put a loose body at ``place`` (3,) [m], turned by ``yaw`` [rad], at rest."""
    joint = data.joint(name)
    joint.qpos[:] = (*place, *turned(yaw))
    joint.qvel[:] = 0.0


def put_facing(data: mujoco.MjData, index: int, radius: float, angle: float) -> None:
    """Put a body that is not loose at :func:`face`, its x away from the arm."""
    data.mocap_pos[index] = (*face(radius, angle), 0.0)
    data.mocap_quat[index] = turned(angle)


def face(radius: float, angle: float) -> tuple[float, float]:
    """The place x, y that is ``radius`` [m] before the arm's pan axis, at ``angle`` [rad]."""
    return PAN_AXIS + radius * math.cos(angle), radius * math.sin(angle)


def apart(
    rng: np.random.Generator, first: Area, second: Area, least: float, most: float
) -> tuple[F64, F64]:
    """A place x, y in each of two areas, their distance from ``least`` to ``most`` [m]."""
    while True:
        one, other = rng.uniform(*first), rng.uniform(*second)
        if least <= np.linalg.norm(one - other) <= most:
            return one, other


def turned(yaw: float) -> tuple[float, float, float, float]:
    """The quaternion w x y z of a turn about the vertical by ``yaw`` [rad]."""
    return (math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2))


def set_contact(geom: mujoco.MjsGeom, friction: tuple[float, float, float]) -> None:
    """Have a geometry touch others as fingers and cube do, with this ``friction``."""
    geom.friction, geom.condim = friction, 4
    geom.solref, geom.solimp[:3] = (0.01, 1.0), (0.95, 0.99, 0.001)
