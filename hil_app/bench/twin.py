"""How fast the simulated arm runs, by its task and its cameras."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from time import perf_counter

import numpy as np

from configs.load import validate
from configs.run import RunConfig
from hil_app.build.assembly import Assembly
from hil_app.control.policy import NoPolicy

VIEWS = ("front", "wrist")
ROBOT = ("robot.command", "robot.read")  # sections of a tick


@dataclass(frozen=True)
class Cameras:
    """So many cameras of one size, that look from the front and from the wrist in turn."""

    count: int = 0
    height: int = 0  # [px]
    width: int = 0  # [px]

    def __str__(self) -> str:
        return f"{self.count}x{self.height}x{self.width}" if self.count else "none"


@dataclass(frozen=True)
class Speed:
    """What a task came to with some cameras."""

    task: str
    cameras: str
    ticks_per_s: float  # of the loop with the scripted operator, resets included
    robot_ms: float  # median of what the simulated arm has of a tick: physics and images


def speeds(tasks: Sequence[str], cameras: Sequence[Cameras], seconds: float) -> Iterator[Speed]:
    """Each of ``tasks`` with each of ``cameras``, for at least so many ``seconds``."""
    runs = [(task, some, configured(task, some)) for task in tasks for some in cameras]
    for task, some, config in runs:
        ticks_per_s, robot_ms = measured(config, seconds)
        yield Speed(task, str(some), round(ticks_per_s, 1), round(robot_ms, 3))


def configured(task: str, cameras: Cameras) -> RunConfig:
    """A run of the scripted operator on the SO101, at 10 Hz of its own time."""
    size = {"height": cameras.height, "width": cameras.width}
    views = islice(cycle(VIEWS), cameras.count)
    images = {f"camera{index}": {"view": view, **size} for index, view in enumerate(views)}
    return validate(
        {
            "robot": {"type": "so101_sim", "task": task, "cameras": images},
            "env": {"paced": False, "fps": 10},
            "teleop": {"type": "scripted"},
        }
    )


def measured(config: RunConfig, seconds: float) -> tuple[float, float]:
    """Ticks a second, and the median of what the robot has of a tick [ms].

    The seconds of the first episode don't count: what is loaded late is loaded in it.
    """
    parts = Assembly(config)
    operator = parts.teleop("always")
    loop = parts.loop(operator, NoPolicy(), stop=lambda: False)
    ticks = seed = 0
    with parts.robot, operator:
        loop.episode(seed)
        start = perf_counter()
        while perf_counter() - start < seconds:
            seed += 1
            ticks += loop.episode(seed).ticks
        taken = perf_counter() - start
    sections = [loop.watch.sections[name] for name in ROBOT]
    return ticks / taken, float(1000 * np.median(np.sum(sections, axis=0)))
