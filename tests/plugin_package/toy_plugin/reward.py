"""A reward that is dense."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from configs.env import EnvConfig
from processors.base import Step, Transition
from toy_plugin.configs import ClosenessConfig


def closeness(config: ClosenessConfig, *, env: EnvConfig, **_: object) -> Step[Transition]:
    """1 at the goal, less the further away; a success ends the episode as configured."""

    def step(transition: Transition) -> Transition:
        off = float(np.abs(transition.reading.joints - np.array(config.goal)).max())
        success = transition.command.tick > 0 and off <= config.near
        return replace(
            transition,
            reward=1.0 - off / 180.0,
            success=success,
            terminated=transition.terminated or (success and env.terminate_on_success),
        )

    return step
