"""What a tick is worth. One of your own: a subclass of :class:`RewardConfig`, registered.

Its factory makes an env step of the config, as :mod:`configs.step` says. The step stands behind
those that say what is a success (the simulated world or a classifier, and the operator, who has the
last word), and sets the transition's reward and whether it ends the episode.
"""

from __future__ import annotations

from typing import Literal

from configs.base import Config
from configs.registry import Registry


class RewardConfig(Config):
    """Base of every reward's config."""

    type: str
    """The reward's name."""


REWARDS: Registry[RewardConfig] = Registry("reward", RewardConfig)


@REWARDS.register("processors.events:sparse")
class SparseRewardConfig(RewardConfig):
    """1 at success, else 0."""

    type: Literal["sparse"] = "sparse"
    """The reward's name."""


@REWARDS.register("processors.events:environment")
class EnvironmentRewardConfig(RewardConfig):
    """What a gymnasium environment itself gives."""

    type: Literal["environment"] = "environment"
    """The reward's name."""
