"""A task of the simulated SO arms."""

from __future__ import annotations

import mujoco
import numpy as np

from robots.twin.tasks.base import Situation
from robots.twin.tasks.reach import Reach
from toy_plugin.configs import HoverConfig


class Hover(Reach):
    """A point at one height."""

    def __init__(self, config: HoverConfig) -> None:
        self._height = config.height

    def place(self, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """In front of the arm."""
        data.mocap_pos[0] = (*rng.uniform((0.2, -0.05), (0.25, 0.05)), self._height)

    def done(self, now: Situation) -> bool:
        """Within 3 cm."""
        return bool(np.linalg.norm(now.tip - now.objects["object"]) < 0.03)
