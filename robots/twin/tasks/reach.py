"""Bring the gripper frame to a point that is marked."""

from __future__ import annotations

import numpy as np

from configs.task import TaskConfig
from robots.twin.physics import mujoco
from robots.twin.tasks.base import Situation, add_mark

_LOW, _HIGH = (0.16, -0.12, 0.02), (0.29, 0.12, 0.075)  # x, y, z
_REACHED = 0.015  # [m] from gripper frame to goal


class Reach:
    """Bring the gripper frame to a point that is marked."""

    objects = ("object",)

    def __init__(self, config: TaskConfig) -> None:
        """There is nothing to choose."""

    def add(self, spec: mujoco.MjSpec) -> None:
        """A mark that nothing touches."""
        body = spec.worldbody.add_body(name="object", mocap=True)
        add_mark(body, (0.012, 0.0, 0.0), (0.15, 0.65, 0.35, 0.45), mujoco.mjtGeom.mjGEOM_SPHERE)

    def place(self, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Above the table, in the middle of the workspace."""
        data.mocap_pos[0] = rng.uniform(_LOW, _HIGH)

    def done(self, now: Situation) -> bool:
        """Within 1.5 cm."""
        return bool(np.linalg.norm(now.tip - now.objects["object"]) < _REACHED)
