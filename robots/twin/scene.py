"""The scene of the twin: an arm on a table, something to reach for, cameras and light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robots.arm import Arm
from robots.base import JOINTS
from robots.twin.physics import mujoco
from robots.twin.tasks.base import Task, set_contact

_BODY_SERVO = (100.0, 3.35)  # stiffness [N m/rad] and most torque [N m]
_GRIPPER_SERVO = (50.0, 2.0)
_DAMPING, _ARMATURE, _FRICTION_LOSS = 0.6, 0.028, 0.052  # [N m s/rad], [kg m²], [N m]
_FINGER_FRICTION = (1.5, 0.02, 0.0001)  # sliding, torsional, rolling
_TABLE_FRICTION = (1.0, 0.01, 0.0001)


def build_scene(arm: Arm, task: Task, timestep: float) -> mujoco.MjModel:
    """The model of ``arm`` at a table with what ``task`` needs; ``timestep`` in seconds.

    The arm comes first: joints and actuators 0 to 5 are those of JOINTS.
    """
    spec = mujoco.MjSpec.from_file(str(arm.urdf))
    _set_options(spec, timestep)
    _add_servos(spec)
    _add_table(spec)
    task.add(spec)
    _add_cameras(spec, arm)
    _add_lights(spec)
    return spec.compile()


def _set_options(spec: mujoco.MjSpec, timestep: float) -> None:
    option = spec.option
    option.timestep = timestep
    option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    option.solver = mujoco.mjtSolver.mjSOL_NEWTON
    option.cone = mujoco.mjtCone.mjCONE_PYRAMIDAL
    option.iterations, option.ls_iterations, option.impratio = 20, 10, 1.0


def _add_servos(spec: mujoco.MjSpec) -> None:
    """Give each joint a servo's drag and a position actuator; make the fingers grip."""
    for name in JOINTS:
        joint = spec.joint(name)
        joint.damping = (_DAMPING, 0.0, 0.0)  # linear only
        joint.armature, joint.frictionloss = _ARMATURE, _FRICTION_LOSS
        stiffness, torque = _GRIPPER_SERVO if name == "gripper" else _BODY_SERVO
        servo = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        servo.set_to_position(kp=stiffness)
        servo.forcelimited, servo.forcerange = True, (-torque, torque)
    for geom in spec.geoms:
        if geom.contype:
            set_contact(geom, _FINGER_FRICTION)
            geom.group = 3  # not drawn: the visual shapes are


def _add_table(spec: mujoco.MjSpec) -> None:
    """A wide table top at z = 0 and, only to be seen, a mat on it."""
    spec.worldbody.add_geom(
        name="table",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=(3.0, 3.0, 0.1),
        rgba=(0.84, 0.85, 0.87, 1.0),
        friction=_TABLE_FRICTION,
    )
    spec.worldbody.add_geom(
        name="mat",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=(0.14, 0.0, 0.0),
        size=(0.27, 0.24, 0.0004),
        rgba=(0.34, 0.42, 0.47, 1.0),
        contype=0,
        conaffinity=0,
    )


def _add_cameras(spec: mujoco.MjSpec, arm: Arm) -> None:
    """The views: two that a real set-up has, and one for people who watch."""
    world, tip = spec.worldbody, spec.body(arm.tip)
    _add_camera(world, "front", eye=(0.62, 0.0, 0.36), target=(0.17, 0.0, 0.07), fovy=45.0)
    _add_camera(world, "overview", eye=(0.64, -0.46, 0.44), target=(0.17, 0.0, 0.085), fovy=32.0)
    _add_camera(
        tip,
        "wrist",
        eye=(-0.0150, -0.0850, -0.0850),
        target=(-0.0079, 0.0, 0.0100),
        fovy=62.0,
        up=(0.0, -1.0, 0.0),
    )


def _add_camera(
    body: mujoco.MjsBody,
    name: str,
    eye: tuple[float, float, float],
    target: tuple[float, float, float],
    fovy: float,
    up: tuple[float, float, float] = (0.0, 0.0, 1.0),
) -> None:
    """A camera at ``eye`` looking at ``target`` [m], frame of ``body``; ``fovy`` in degrees."""
    quat = _looking(np.subtract(target, eye), np.asarray(up))
    body.add_camera(name=name, pos=eye, quat=quat, fovy=fovy)


def _looking(towards: NDArray[np.float64], up: NDArray[np.float64]) -> NDArray[np.float64]:
    """The turn (4,) w x y z of a camera, which sees along its -z, that looks ``towards`` (3,)."""
    right = np.cross(towards, up)
    axes = np.stack([right, np.cross(right, towards), -towards], axis=1)
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, (axes / np.linalg.norm(axes, axis=0)).ravel())
    return quat


def _add_lights(spec: mujoco.MjSpec) -> None:
    spec.stat.center, spec.stat.extent = (0.15, 0.0, 0.1), 0.5  # [m]
    spec.visual.map.shadowclip = 1.6  # shadows reach this many extents, beyond the front view
    head = spec.visual.headlight
    head.ambient, head.diffuse, head.specular = [0.38] * 3, [0.15] * 3, [0.0] * 3
    _add_lamp(spec, "lamp", direction=(-0.25, 0.35, -1.0), strength=0.45, shadow=True)
    _add_lamp(spec, "window", direction=(-0.5, 1.0, -0.15), strength=0.30, shadow=False)


def _add_lamp(
    spec: mujoco.MjSpec,
    name: str,
    direction: tuple[float, float, float],
    strength: float,
    shadow: bool,
) -> None:
    """A far lamp that shines in ``direction``."""
    lamp = spec.worldbody.add_light(name=name, dir=direction, pos=np.multiply(direction, -1.0))
    lamp.type = mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
    lamp.diffuse, lamp.specular, lamp.castshadow = [strength] * 3, [0.1] * 3, shadow
