"""Pull a drawer open by its handle."""

from __future__ import annotations

import numpy as np

from configs.task import TaskConfig
from robots.twin.physics import mujoco
from robots.twin.tasks.base import WOOD, YELLOW, Situation, add_box, put_facing

HANDLE = (0.004, 0.022, 0.02)  # half of the sides of the tab that fingers take [m]
HANDLE_HIGH = 0.045  # its centre [m]
_TRAVEL, _OPEN = 0.07, 0.05  # how far it can be pulled, and what counts as open [m]
_LOW, _HIGH = (0.215, -0.45), (0.25, 0.45)  # from the pan axis to the handle [m], and where [rad]
_FRONT = (0.80, 0.64, 0.44, 1.0)  # a colour
_DEPTH, _WIDTH, _TALL = 0.09, 0.11, 0.03  # of the cabinet [m]


class Drawer:
    """Pull a drawer open by its handle."""

    objects = ("object", "cabinet")

    def __init__(self, config: TaskConfig) -> None:
        """There is nothing to choose."""

    def add(self, spec: mujoco.MjSpec) -> None:
        """A low cabinet that faces the arm, and a drawer whose handle stands up at its front."""
        body = spec.worldbody.add_body(name="cabinet", mocap=True)
        depth, width, tall, board = _DEPTH / 2, _WIDTH / 2, _TALL / 2, 0.003
        for sign in (-1, 1):
            add_box(body, (depth, board, tall), (depth + board, sign * width, tall), rgba=WOOD)
        add_box(body, (board, width, tall), (_DEPTH, 0.0, tall), rgba=WOOD)
        add_box(body, (depth, width, 0.001), (depth + board, 0.0, _TALL), rgba=WOOD)
        drawer = body.add_body(name="object", pos=(0.0, 0.0, HANDLE_HIGH))
        slide = drawer.add_joint(
            name="drawer",
            type=mujoco.mjtJoint.mjJNT_SLIDE,
            axis=(-1.0, 0.0, 0.0),
            range=(0.0, _TRAVEL),
            limited=True,
        )
        slide.damping, slide.frictionloss = (2.0, 0.0, 0.0), 0.4
        add_box(drawer, HANDLE, rgba=YELLOW, mass=0.02)
        low = HANDLE_HIGH - HANDLE[2]  # the front reaches from the table to the tab
        front = (board, width - 3 * board, low / 2)
        add_box(drawer, front, (0.0, 0.0, low / 2 - HANDLE_HIGH), rgba=_FRONT, mass=0.05)
        floor = (depth - 2 * board, width - 3 * board, 0.001)
        add_box(drawer, floor, (depth, 0.0, 0.004 - HANDLE_HIGH), rgba=_FRONT, mass=0.02)

    def place(self, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Somewhere in front of the arm, shut, its handle towards the arm."""
        radius, angle = rng.uniform(_LOW, _HIGH)
        put_facing(data, 0, radius, angle)
        joint = data.joint("drawer")
        joint.qpos[:] = joint.qvel[:] = 0.0

    def done(self, now: Situation) -> bool:
        """Open by 5 cm."""
        return bool(now.data.joint("drawer").qpos[0] > _OPEN)
