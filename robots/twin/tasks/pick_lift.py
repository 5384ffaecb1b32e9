"""Lift a small cube."""

from __future__ import annotations

import math

import numpy as np

from configs.task import TaskConfig
from robots.twin.physics import mujoco
from robots.twin.tasks.base import RED, Situation, add_box, add_loose, put

CUBE_EDGE = 0.025  # [m]
_LOW, _HIGH = (0.17, -0.12, -math.pi / 4), (0.30, 0.12, math.pi / 4)  # x, y, yaw
_LIFTED = 0.05  # [m] above rest


class PickLift:
    """Lift a small cube."""

    objects = ("object",)
    resizable = ("object",)

    def __init__(self, config: TaskConfig) -> None:
        """There is nothing to choose."""

    def add(self, spec: mujoco.MjSpec) -> None:
        """A cube that can be pushed, gripped and dropped."""
        cube = add_loose(spec, "object", CUBE_EDGE / 2)
        add_box(cube, [CUBE_EDGE / 2] * 3, rgba=RED, mass=0.02)

    def place(self, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """On the table, turned by up to 45 degrees."""
        x, y, yaw = rng.uniform(_LOW, _HIGH)
        put(data, "object", (x, y, CUBE_EDGE / 2), yaw)

    def done(self, now: Situation) -> bool:
        """Lifted by 5 cm."""
        return bool(now.objects["object"][2] - now.rest["object"][2] >= _LIFTED)
