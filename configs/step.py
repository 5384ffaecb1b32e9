"""Steps that are put between ours. One of your own: a subclass of one of the two kinds, registered.

An action step maps a :class:`processors.base.Command` to one, an env step a
:class:`processors.base.Transition`. Its factory makes it of the config::

    factory(config, *, spec, kinematics, truth, wrist, env, processor) -> Step

``spec`` is the robot's, ``kinematics`` its arm's and ``truth`` what a simulated world knows (None
without), ``wrist`` its share of the action, if it has one, ``env`` and ``processor`` are the run's
configs. A factory takes what it needs and the rest as ``**_``, and refuses by ConfigError.
"""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import model_validator

from configs.base import Config
from configs.registry import Registry


class StepConfig(Config):
    """Base of both kinds."""

    pipeline: ClassVar[str]  # that it is a step of: action or env

    type: str
    """What the step does."""
    name: str | None = None
    """What it is called among the steps; null is its type."""
    before: str | None = None
    """The step that it stands right before."""
    after: str | None = None
    """The step that it stands right after; set this or before."""

    @property
    def called(self) -> str:
        """What it is called among the steps."""
        return self.name or self.type

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if (self.before is None) == (self.after is None):
            raise ValueError("set either before or after, to the step that it stands next to")
        return self


class ActionStepConfig(StepConfig):
    """A step from the action of the policy or the operator to what the robot is sent."""

    pipeline = "action"


class EnvStepConfig(StepConfig):
    """A step from what the robot sensed to observation, reward and the end of an episode."""

    pipeline = "env"


STEPS: Registry[StepConfig] = Registry("step", StepConfig)
