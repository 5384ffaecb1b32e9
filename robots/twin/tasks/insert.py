"""Put a peg into a hole."""

from __future__ import annotations

import math

import numpy as np

from configs.task import TaskConfig
from robots.arm import F64
from robots.twin.physics import mujoco
from robots.twin.tasks.base import (
    RED,
    WOOD,
    Situation,
    add_box,
    add_loose,
    face,
    put,
    put_facing,
    turned,
)

PEG, TALL = 0.016, 0.05  # the peg's side and height [m]
HOLE, DEPTH = PEG + 0.002, 0.025  # the hole's side and the block's height [m]
_CHAMFER = 0.004  # by which the hole is wider on every side at its top, and how deep that is [m]
_SMOOTH = (0.2, 0.002, 0.0001)  # friction of the block, whatever it is touched by
_BLOCK = 0.06  # the block's side [m]
_IN = 0.018  # how deep is in [m]
_LOW, _HIGH = (0.14, -0.45), (0.20, 0.45)  # of both, from the pan axis [m], and where [rad]
_LEAST = 0.30  # between them, about the pan axis [rad]
_TURNED = 0.25  # a peg may be off the direction of the arm [rad]


class Insert:
    """Put a peg into a hole with a chamfer."""

    objects = ("object", "hole")

    def __init__(self, config: TaskConfig) -> None:
        """There is nothing to choose."""

    def add(self, spec: mujoco.MjSpec) -> None:
        """A standing peg, and a block with a hole that is 2 mm wider."""
        peg = add_loose(spec, "object", TALL / 2)
        add_box(peg, (PEG / 2, PEG / 2, TALL / 2), rgba=RED, mass=0.02)
        block = spec.worldbody.add_body(name="hole", mocap=True)
        for turn in range(4):
            _add_wall(block, turn * math.pi / 2, whole=turn % 2 == 0)
        for geom in block.geoms:
            geom.friction, geom.priority = _SMOOTH, 1

    def place(self, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Both in front of the arm, and so apart that the fingers have room."""
        while True:
            (peg, angle), (hole, other) = rng.uniform(_LOW, _HIGH, (2, 2))
            if abs(angle - other) >= _LEAST:
                break
        put_facing(data, 0, hole, other)
        put(data, "object", (*face(peg, angle), TALL / 2), angle + rng.uniform(-_TURNED, _TURNED))

    def done(self, now: Situation) -> bool:
        """In by 18 mm."""
        off = now.objects["object"] - now.objects["hole"]
        inside = np.linalg.norm(off[:2]) < HOLE / 2
        return bool(inside and off[2] < TALL / 2 + DEPTH - _IN)


def _add_wall(block: mujoco.MjsBody, yaw: float, *, whole: bool) -> None:
    """One of the four walls about the hole, with a slope at its inner edge.

    Two that face each other are ``whole``, and the others stand between them.
    """
    along, half = (math.cos(yaw), math.sin(yaw)), _BLOCK / 2
    low, inner = DEPTH - _CHAMFER, HOLE / 2

    def slab(start: float, bottom: float, top: float) -> None:
        at = (start + half) / 2
        size = ((half - start) / 2, half if whole else start, (top - bottom) / 2)
        place = (at * along[0], at * along[1], (bottom + top) / 2)
        add_box(block, size, place, rgba=WOOD, yaw=yaw)

    slab(inner, 0.0, low)
    slab(inner + _CHAMFER, low, DEPTH)
    slope = _CHAMFER / math.sqrt(2)  # half of its length; as thick as it is long
    at = inner + _CHAMFER / 2 + slope / math.sqrt(2)
    wedge = add_box(
        block,
        (slope, inner + _CHAMFER, slope),
        (at * along[0], at * along[1], low + _CHAMFER / 2 - slope / math.sqrt(2)),
        rgba=WOOD,
    )
    wedge.quat = _sloping(yaw)


def _sloping(yaw: float) -> F64:
    """A turn (4,) by 45 degrees about y, and then by ``yaw`` [rad] about the vertical."""
    slope, quat = (math.cos(math.pi / 8), 0.0, -math.sin(math.pi / 8), 0.0), np.zeros(4)
    mujoco.mju_mulQuat(quat, turned(yaw), slope)
    return quat
