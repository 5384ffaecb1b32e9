"""What gymnasium's mountain car does not say: who knows how, and what a success is."""

from dataclasses import replace
from typing import Literal

import numpy as np

from configs.step import STEPS, EnvStepConfig


def swing(truth):
    """Full power the way the car rolls."""
    _, speed = truth.objects["observation"]
    return np.array([1.0 if speed >= 0 else -1.0], np.float32)


@STEPS.register("mountain_car:at_the_top")
class AtTheTopConfig(EnvStepConfig):
    """A success is to be at the flag."""

    type: Literal["at_the_top"] = "at_the_top"
    """The step's name."""


def at_the_top(config, **_):
    """The step, which the sparse reward stands behind."""

    def step(transition):
        position, _ = transition.reading.environment_state
        return replace(transition, success=bool(position >= 0.45))

    return step
