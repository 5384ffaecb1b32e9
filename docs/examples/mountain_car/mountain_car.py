"""gymnasium's mountain car as a robot, a hand that knows how, and what a success is."""

from dataclasses import replace
from typing import Literal

import gymnasium
import numpy as np

from configs.robot import ROBOTS, RobotConfig
from configs.step import STEPS, EnvStepConfig
from configs.teleop import TELEOPS, TeleopConfig
from robots.base import Reading, RobotError, RobotSpec
from teleop.base import NO_INPUT, TeleopSample


@ROBOTS.register("mountain_car:MountainCar")
class MountainCarConfig(RobotConfig):
    """What of the robot can be set."""

    type: Literal["mountain_car"] = "mountain_car"
    """The robot's name."""
    power: float = 1.0
    """Largest push of the engine, of 1."""


class MountainCar:
    """A car in a valley, whose engine is too weak to drive straight up."""

    truth = None  # what our simulated arms tell the scripted operator

    def __init__(self, config, *, fps, **_):
        limits = config.power * np.array([[-1, 1]], np.float32)
        self.spec = RobotSpec(("engine",), limits, ("",), senses=frozenset({"velocities"}))
        self.env = gymnasium.make("MountainCarContinuous-v0").unwrapped
        self.fps, self.halted = fps, False

    def __enter__(self):
        self.halted = False
        self.reset(seed=0)
        return self

    def __exit__(self, *error):
        self.env.close()

    def reset(self, seed):
        """Somewhere at the bottom, standing."""
        self.observed, _ = self.env.reset(seed=seed)
        self.ticks = 0

    def read(self):
        """Where the car is, and how fast."""
        position, speed = np.float32(self.observed)
        velocities = np.array([speed * self.fps], np.float32)
        return Reading(np.array([position]), self.ticks / self.fps, velocities=velocities)

    def command(self, target):
        """Push by ``target`` (1,) for one step of the environment."""
        if not np.isfinite(target).all():
            raise RobotError(f"not a push: {target}")
        sent = 0 * target if self.halted else np.clip(target, *self.spec.limits.T)
        self.ticks += 1
        self.observed, *_ = self.env.step(sent)
        return sent.astype(np.float32)

    def halt(self, cause):
        """Switch the engine off."""
        self.halted = True


@TELEOPS.register("mountain_car:Swing")
class SwingConfig(TeleopConfig):
    """A hand that pushes the way the car rolls."""

    has_operator = False  # nobody has to sit there

    type: Literal["swing"] = "swing"
    """The teleoperator's name."""


class Swing:
    """Demonstrates; takes over from nobody."""

    def __init__(self, config, *, joints, acts, **_):
        self.joints, self.demonstrates = joints, acts == "always"
        self.before = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        """Nothing to close."""

    def read(self):
        """Full power, forwards as long as the car does not roll back."""
        here = self.joints()[0]
        forwards = self.before is None or here >= self.before
        self.before = here
        push = np.array([1.0 if forwards else -1.0], np.float32)
        return TeleopSample(push, intervening=self.demonstrates)

    def idle(self):
        """Between two episodes."""
        self.before = None
        return NO_INPUT


@STEPS.register("mountain_car:at_the_top")
class AtTheTopConfig(EnvStepConfig):
    """A success is to be at the flag."""

    type: Literal["at_the_top"] = "at_the_top"
    """The step's name."""


def at_the_top(config, **_):
    """The step, which the sparse reward stands behind."""

    def step(transition):
        return replace(transition, success=bool(transition.reading.joints[0] >= 0.45))

    return step
