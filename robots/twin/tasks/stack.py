"""Put a cube on another."""

from __future__ import annotations

import math

import numpy as np

from configs.task import TaskConfig
from robots.twin.physics import mujoco
from robots.twin.tasks.base import BLUE, RED, Situation, add_box, add_loose, apart, put
from robots.twin.tasks.pick_lift import CUBE_EDGE

BASE_EDGE = 0.03  # of the cube below [m]
_LOW, _HIGH = (0.17, -0.11), (0.27, 0.11)  # x, y of each
_WAY = (0.08, 0.20)  # least and longest distance between them
_LEVEL = 0.004  # how far off the height of a cube that stands on the other [m]
_STILL = 0.02  # [m/s]


class Stack:
    """Put a cube on another."""

    objects = ("object", "base")
    resizable = ("object", "base")

    def __init__(self, config: TaskConfig) -> None:
        """There is nothing to choose."""

    def add(self, spec: mujoco.MjSpec) -> None:
        """Two cubes, the one below a little larger."""
        top, base = add_loose(spec, "object", CUBE_EDGE / 2), add_loose(spec, "base", BASE_EDGE / 2)
        add_box(top, [CUBE_EDGE / 2] * 3, rgba=RED, mass=0.02)
        add_box(base, [BASE_EDGE / 2] * 3, rgba=BLUE, mass=0.06)

    def place(self, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Both on the table, turned by up to 45 degrees."""
        top, base = apart(rng, (_LOW, _HIGH), (_LOW, _HIGH), *_WAY)
        yaws = rng.uniform(-math.pi / 4, math.pi / 4, 2)
        put(data, "object", (*top, CUBE_EDGE / 2), yaws[0])
        put(data, "base", (*base, BASE_EDGE / 2), yaws[1])

    def done(self, now: Situation) -> bool:
        """It stands on the other, and the gripper has let go of it."""
        off = now.objects["object"] - now.objects["base"]
        on = abs(off[2] - (CUBE_EDGE + BASE_EDGE) / 2) < _LEVEL
        above = np.linalg.norm(off[:2]) < BASE_EDGE / 2
        return bool(on and above) and now.speed("object") < _STILL and not now.held("object")
