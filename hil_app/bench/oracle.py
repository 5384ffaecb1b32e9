"""How surely the scripted operator does each task of the simulated arms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from configs.env import EnvConfig
from configs.processor import ProcessorConfig
from configs.robot import ROBOTS
from configs.run import RunConfig
from configs.teleop import ScriptedTeleopConfig
from hil_app.build.assembly import Assembly
from hil_app.control.policy import NoPolicy

RATES = ((10.0, 0.02), (30.0, 0.007))  # control rate [Hz], and the longest step [m]
LONGEST = 20.0  # of an episode [s]
NOISE = 0.1  # of the stick, as a share of its range


@dataclass(frozen=True)
class Oracle:
    """What the scripted operator came to on one arm, at one rate."""

    task: str
    robot: str
    fps: float
    step: float  # [m]
    episodes: int
    successes: int
    ticks: float | None  # median of the successes


def oracles(names: list[str], robots: list[str], episodes: int) -> Iterator[Oracle]:
    """Each task on each arm at each rate, one after the other."""
    for task in names:
        for robot in robots:
            for fps, step in RATES:
                yield demonstrated(task, robot, fps, step, episodes)


def configured(task: str, robot: str, fps: float, step: float) -> RunConfig:
    """A run of the scripted operator, as fast as the machine allows."""
    return RunConfig(
        robot=ROBOTS.validate({"type": robot, "task": task}),
        env=EnvConfig(paced=False, fps=fps, control_time_s=LONGEST),
        teleop=ScriptedTeleopConfig(noise=NOISE),
        processor=ProcessorConfig(step_size=(step, step, step)),
    )


def demonstrated(task: str, robot: str, fps: float, step: float, episodes: int) -> Oracle:
    """The scripted operator does ``task`` in the scenes of the seeds 0, 1 and so on."""
    parts = Assembly(configured(task, robot, fps, step))
    operator = parts.teleop("always")
    loop = parts.loop(operator, NoPolicy(), stop=lambda: False)
    with parts.robot, operator:
        done = [loop.episode(seed) for seed in range(episodes)]
    ticks = [episode.ticks for episode in done if episode.success]
    median = float(np.median(ticks)) if ticks else None
    return Oracle(task, robot, fps, step, episodes, len(ticks), median)
