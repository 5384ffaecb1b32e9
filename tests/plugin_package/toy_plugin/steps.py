"""An action step and an env step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from processors.base import Command, Step, Transition
from toy_plugin.configs import PatienceConfig, SlowConfig


def slow(config: SlowConfig, **_: object) -> Step[Command]:
    """No joint target moves further than the configured step in a tick."""

    def step(command: Command) -> Command:
        before, goal = command.before.joints, command.goal
        way = np.clip(goal.joints - before, -config.max_step, config.max_step)
        return replace(command, goal=replace(goal, joints=before + way))

    return step


def patience(config: PatienceConfig, **_: object) -> Step[Transition]:
    """Cut an episode after the configured ticks."""

    def step(transition: Transition) -> Transition:
        late = transition.command.tick >= config.ticks and not transition.terminated
        return replace(transition, truncated=transition.truncated or late)

    return step
