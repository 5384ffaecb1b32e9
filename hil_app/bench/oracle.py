"""How surely the scripted operator does each task of the simulated arms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from configs.env import EnvConfig
from configs.processor import ProcessorConfig
from configs.robot import ROBOTS
from configs.run import RunConfig
from configs.teleop import ScriptedTeleopConfig, Skill
from hil_app.build.assembly import Assembly
from hil_app.control.outcomes import Episode, intervention_fraction
from hil_app.control.policy import NoPolicy
from teleop.base import Acts

RATES = ((10.0, 0.02), (30.0, 0.007))  # control rate [Hz], and the longest step [m]
LONGEST = 20.0  # of an episode [s]


@dataclass(frozen=True)
class Oracle:
    """What the scripted operator came to on one arm, at one rate."""

    task: str
    robot: str
    skill: Skill
    fps: float
    step: float  # [m]
    episodes: int
    successes: int
    ticks: float | None  # median of the successes
    rescues: int | None = None  # successes of a policy that keeps still, with its take-overs
    share: float | None = None  # of the ticks of those episodes, in which it has the stick


def oracles(
    names: list[str], robots: list[str], episodes: int, skill: Skill = "ordinary"
) -> Iterator[Oracle]:
    """Each task on each arm at each rate, one after the other."""
    for task in names:
        for robot in robots:
            for fps, step in RATES:
                yield rescued(demonstrated(task, robot, fps, step, episodes, skill))


def configured(
    task: str, robot: str, fps: float, step: float, skill: Skill = "ordinary"
) -> RunConfig:
    """A run of the scripted operator, as fast as the machine allows."""
    return RunConfig(
        robot=ROBOTS.validate({"type": robot, "task": task}),
        env=EnvConfig(paced=False, fps=fps, control_time_s=LONGEST),
        teleop=ScriptedTeleopConfig(skill=skill),
        processor=ProcessorConfig(step_size=(step, step, step)),
    )


def demonstrated(
    task: str, robot: str, fps: float, step: float, episodes: int, skill: Skill = "ordinary"
) -> Oracle:
    """The scripted operator does ``task`` in the scenes of the seeds 0, 1 and so on."""
    done = _episodes(configured(task, robot, fps, step, skill), "always", episodes)
    ticks = [episode.ticks for episode in done if episode.success]
    median = float(np.median(ticks)) if ticks else None
    return Oracle(task, robot, skill, fps, step, episodes, len(ticks), median)


def rescued(found: Oracle) -> Oracle:
    """The same with what its take-overs make of a policy that keeps still, in these scenes."""
    config = configured(found.task, found.robot, found.fps, found.step, found.skill)
    done = _episodes(config, "on_take_over", found.episodes)
    rescues = sum(episode.success for episode in done)
    return replace(found, rescues=rescues, share=round(intervention_fraction(done), 4))


def _episodes(config: RunConfig, acts: Acts, episodes: int) -> list[Episode]:
    parts = Assembly(config)
    teleop = parts.teleop(acts)
    loop = parts.loop(teleop, NoPolicy(), stop=lambda: False)
    with parts.robot, teleop:
        return [loop.episode(seed) for seed in range(episodes)]
