"""A robot with two wheels, and a step that says when it is fast enough."""

from dataclasses import replace
from typing import Literal

import numpy as np

from configs.robot import ROBOTS, RobotConfig
from configs.step import STEPS, EnvStepConfig
from robots.base import Reading, RobotSpec


@ROBOTS.register("wheels:Wheels")  # imported once a run has it
class WheelsConfig(RobotConfig):
    """What of the robot can be set."""

    type: Literal["wheels"] = "wheels"
    """The robot's name."""
    top_speed: float = 1.0
    """Fastest that a wheel turns [m/s]."""


class Wheels:
    """Turns each wheel as fast as it is told."""

    truth = None  # what only a simulated world would know

    def __init__(self, config, *, fps, **_):
        limits = config.top_speed * np.array([[-1, 1], [-1, 1]], np.float32)
        self.spec = RobotSpec(names=("left", "right"), limits=limits, units=("m/s", "m/s"))
        self.fps, self.halted = fps, False

    def __enter__(self):
        self.reset(seed=0)
        self.halted = False
        return self

    def __exit__(self, *error):
        self.halt("the end")

    def reset(self, seed):
        """Stand still; what is random would come from ``seed``."""
        self.speeds, self.ticks = np.zeros(2, np.float32), 0

    def read(self):
        """Sense both wheels."""
        return Reading(self.speeds.copy(), stamp=self.ticks / self.fps)

    def command(self, target):
        """Turn at ``target`` (2,) [m/s], within the limits."""
        self.ticks += 1
        self.speeds = 0 * target if self.halted else np.clip(target, *self.spec.limits.T)
        return self.speeds

    def halt(self, cause):
        """Stand still from now on."""
        self.halted = True


@STEPS.register("wheels:fast_enough")
class FastEnoughConfig(EnvStepConfig):
    """What of the step can be set."""

    type: Literal["fast_enough"] = "fast_enough"
    """The step's name."""
    speed: float = 0.5
    """What both wheels must be faster than [m/s]."""


def fast_enough(config, **_):
    """A step after which a tick is a success if both wheels are fast."""

    def step(transition):
        return replace(transition, success=bool((transition.reading.joints > config.speed).all()))

    return step
