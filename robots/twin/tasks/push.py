"""Push a puck to a marked spot."""

from __future__ import annotations

import numpy as np

from configs.task import TaskConfig
from robots.twin.physics import mujoco
from robots.twin.tasks.base import (
    GREEN,
    RED,
    Situation,
    add_loose,
    add_mark,
    apart,
    put,
    set_contact,
)

RADIUS, HEIGHT = 0.022, 0.024  # of the puck [m]
_LOW, _HIGH = (0.18, -0.10), (0.25, 0.10)  # x, y of the puck and of the spot
_WAY = (0.06, 0.14)  # least and longest distance between them
_SLIPPERY = (0.5, 0.005, 0.0001)
_THERE = 0.015  # [m] from the puck's centre to the spot's


class Push:
    """Push a puck to a marked spot."""

    objects = ("object", "goal")
    resizable = ("object",)

    def __init__(self, config: TaskConfig) -> None:
        """There is nothing to choose."""

    def add(self, spec: mujoco.MjSpec) -> None:
        """A flat cylinder, and a disc that is only seen."""
        geom = add_loose(spec, "object", HEIGHT / 2).add_geom(
            type=mujoco.mjtGeom.mjGEOM_CYLINDER,
            size=[RADIUS, HEIGHT / 2, 0.0],
            rgba=RED,
            mass=0.03,
        )
        set_contact(geom, _SLIPPERY)
        spot = spec.worldbody.add_body(name="goal", mocap=True)
        add_mark(spot, (0.03, 0.0006, 0.0), GREEN, mujoco.mjtGeom.mjGEOM_CYLINDER)

    def place(self, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """The puck on the table, and the spot some way off."""
        puck, spot = apart(rng, (_LOW, _HIGH), (_LOW, _HIGH), *_WAY)
        put(data, "object", (*puck, HEIGHT / 2))
        data.mocap_pos[0] = (*spot, 0.001)

    def done(self, now: Situation) -> bool:
        """Within 1.5 cm."""
        off = now.objects["object"] - now.objects["goal"]
        return bool(np.linalg.norm(off[:2]) < _THERE)
