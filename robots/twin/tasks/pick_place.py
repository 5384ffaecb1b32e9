"""Put a cube into a bin."""

from __future__ import annotations

import math

import numpy as np

from configs.task import TaskConfig
from robots.twin.physics import mujoco
from robots.twin.tasks.base import BLUE, RED, Situation, add_box, add_loose, apart, put
from robots.twin.tasks.pick_lift import CUBE_EDGE

INNER, WALL, HEIGHT = 0.075, 0.004, 0.02  # the bin's inner side, its walls' thickness and height
_LOW, _HIGH = (0.17, -0.12), (0.28, 0.12)  # x, y of the cube
_BIN_LOW, _BIN_HIGH = (0.20, -0.11), (0.25, 0.11)  # and of the bin
_WAY = (0.09, 0.22)  # least and longest distance between them
_INSIDE, _DOWN = INNER / 2 - 0.006, CUBE_EDGE / 2 + 0.01  # of the cube's centre


class PickPlace:
    """Put a cube into a bin."""

    objects = ("object", "bin")
    resizable = ("object",)

    def __init__(self, config: TaskConfig) -> None:
        """There is nothing to choose."""

    def add(self, spec: mujoco.MjSpec) -> None:
        """A cube, and a low open box that stays where it is put."""
        cube = add_loose(spec, "object", CUBE_EDGE / 2)
        add_box(cube, [CUBE_EDGE / 2] * 3, rgba=RED, mass=0.02)
        body = spec.worldbody.add_body(name="bin", mocap=True)
        side, half = (INNER + WALL) / 2, (WALL / 2, INNER / 2 + WALL, HEIGHT / 2)
        for sign in (-1, 1):
            add_box(body, half, (sign * side, 0.0, HEIGHT / 2), rgba=BLUE)
            add_box(body, half, (0.0, sign * side, HEIGHT / 2), rgba=BLUE, yaw=math.pi / 2)
        add_box(body, (INNER / 2, INNER / 2, 0.0005), (0.0, 0.0, 0.0005), rgba=BLUE)

    def place(self, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """The cube on the table, turned by up to 45 degrees, and the bin beside it."""
        cube, spot = apart(rng, (_LOW, _HIGH), (_BIN_LOW, _BIN_HIGH), *_WAY)
        put(data, "object", (*cube, CUBE_EDGE / 2), rng.uniform(-math.pi / 4, math.pi / 4))
        data.mocap_pos[0] = (*spot, 0.0)

    def done(self, now: Situation) -> bool:
        """It lies in the bin, and the gripper has let go of it."""
        off = now.objects["object"] - now.objects["bin"]
        inside = np.abs(off[:2]).max() < _INSIDE and off[2] < _DOWN
        return bool(inside) and not now.held("object")
