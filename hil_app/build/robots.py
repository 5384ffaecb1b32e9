"""The robot of a run, and the simulated world around a virtual one."""

from __future__ import annotations

from collections.abc import Callable

from configs.env import EnvConfig
from configs.events import Tell, tell_nobody
from configs.robot import ROBOTS, RobotConfig
from configs.run import RunConfig
from robots.base import Robot, RobotSpec, Scene
from robots.virtual.scene import VirtualScene


def make_robot(
    config: RunConfig, tell: Tell = tell_nobody, emergency: Callable[[], bool] = lambda: False
) -> Robot:
    """The robot; ``tell`` hears what the operator must know of it.

    ``emergency`` says whether the operator presses for a stop while it goes to rest.
    """
    make = ROBOTS.factory(config.robot)
    made: Robot = make(
        config.robot,
        fps=config.env.fps,
        tell=tell,
        emergency=emergency,
        scene=_scene(config.robot),
    )
    return made


def _scene(config: RobotConfig) -> Scene | None:
    """The simulated world that the far side of the robot's bus is in, if it is in one."""
    return None if config.bus is None else VirtualScene.behind(config.bus, config.type)


def env_of(config: EnvConfig, spec: RobotSpec) -> EnvConfig:
    """``config``, with a way to the reset pose that is no faster than the robot may be."""
    if spec.max_speed is None:
        return config
    speed = min(config.reset_speed, spec.max_speed)
    return config.model_copy(update={"reset_speed": speed})
