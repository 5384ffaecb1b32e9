"""Put a peg into a hole."""

from __future__ import annotations

import numpy as np

from configs.task import TaskConfig
from robots.twin.physics import mujoco
from robots.twin.tasks.base import RED, WOOD, Situation, add_box, add_loose, face, put, put_facing

PEG, TALL = 0.016, 0.05  # the peg's side and height [m]
HOLE, DEPTH = PEG + 0.002, 0.025  # the hole's side and the block's height [m]
_BLOCK = 0.06  # the block's side [m]
_IN = 0.018  # how deep is in [m]
_LOW, _HIGH = (0.14, -0.45), (0.20, 0.45)  # of both, from the pan axis [m], and where [rad]
_LEAST = 0.30  # between them, about the pan axis [rad]
_TURNED = 0.25  # a peg may be off the direction of the arm [rad]


class Insert:
    """Put a peg into a hole."""

    objects = ("object", "hole")

    def __init__(self, config: TaskConfig) -> None:
        """There is nothing to choose."""

    def add(self, spec: mujoco.MjSpec) -> None:
        """A standing peg, and a block with a hole that is 2 mm wider."""
        peg = add_loose(spec, "object", TALL / 2)
        add_box(peg, (PEG / 2, PEG / 2, TALL / 2), rgba=RED, mass=0.02)
        block = spec.worldbody.add_body(name="hole", mocap=True)
        wall = (_BLOCK - HOLE) / 4
        at = HOLE / 2 + wall
        for sign in (-1, 1):
            add_box(block, (wall, _BLOCK / 2, DEPTH / 2), (sign * at, 0.0, DEPTH / 2), rgba=WOOD)
            add_box(block, (HOLE / 2, wall, DEPTH / 2), (0.0, sign * at, DEPTH / 2), rgba=WOOD)

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
