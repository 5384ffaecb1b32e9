"""A task whose things are described by a MuJoCo file (MJCF)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np

from configs.task import TaskConfig
from robots.base import RobotError
from robots.twin.physics import mujoco
from robots.twin.tasks.base import Situation


class MjcfTask(ABC):
    """Base of a task whose things lie in a file; the task says where, and what is a success.

    ::

        class Ring(MjcfTask):
            file = Path(__file__).with_name("ring.xml")
            objects = ("ring", "post")

            def place(self, data, rng):
                put(data, "ring", (*rng.uniform((0.18, -0.1), (0.26, 0.1)), 0.01))

            def done(self, now):
                return now.objects["ring"][2] > 0.05

    Everything in the file's world joins the scene under the names that it has there; the table and
    the light are ours. A body that :func:`robots.twin.tasks.base.put` is to move has a free joint
    of its own name. Its options (time step, solver) are those of the twin.
    """

    file: ClassVar[Path]
    objects: tuple[str, ...]

    def __init__(self, config: TaskConfig) -> None:  # noqa: B027 - those with options differ
        """There is nothing to choose."""

    def add(self, spec: mujoco.MjSpec) -> None:
        """Attach the file's world. Raises RobotError if it cannot be read."""
        try:
            things = mujoco.MjSpec.from_file(str(self.file))
            frame = spec.worldbody.add_frame()
            spec.attach(things, frame=frame, prefix="")
        except (ValueError, OSError) as error:
            raise RobotError(f"{self.file} is not a scene that MuJoCo reads: {error}") from error

    @abstractmethod
    def place(self, data: mujoco.MjData, rng: np.random.Generator) -> None:
        """Put everything, at rest, where ``rng`` says."""

    @abstractmethod
    def done(self, now: Situation) -> bool:
        """Whether it is done."""
