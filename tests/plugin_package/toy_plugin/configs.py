"""What the package brings; its import registers it, and loads nothing that it does not need."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from configs.learning.algorithm import ALGORITHMS, RLAlgorithmConfig
from configs.reward import REWARDS, RewardConfig
from configs.robot import ROBOTS, RobotConfig
from configs.step import STEPS, ActionStepConfig, EnvStepConfig
from configs.task import TASKS, TaskConfig
from configs.teleop import TELEOPS, TeleopConfig


@ROBOTS.register("toy_plugin.robot:Toy")
class ToyConfig(RobotConfig):
    """Two joints on a table."""

    type: Literal["toy"] = "toy"
    """The robot's name."""
    lag: float = Field(0.5, ge=0, lt=1)
    """Share of a motion that is left for the next tick."""


@TELEOPS.register("toy_plugin.teleop:ToyHand")
class ToyHandConfig(TeleopConfig):
    """A hand that brings the joints to one place."""

    has_operator = False

    type: Literal["toy_hand"] = "toy_hand"
    """The teleoperator's name."""
    goal: tuple[float, float] = (30.0, -20.0)
    """Where it brings the joints [deg]."""


@TASKS.register("toy_plugin.task:Hover")
class HoverConfig(TaskConfig):
    """Bring the gripper to a point above the table."""

    label = "Hover above the table"
    operator = "teleop.oracles.reach:ReachOracle"

    type: Literal["hover"] = "hover"
    """The task's name."""
    height: float = Field(0.05, gt=0, le=0.07)
    """How far above the table the point is [m]."""


@STEPS.register("toy_plugin.steps:slow")
class SlowConfig(ActionStepConfig):
    """No joint target moves further than this in a tick."""

    type: Literal["slow"] = "slow"
    """What the step does."""
    max_step: float = Field(4.0, gt=0)
    """Longest way of a joint's target in a tick [deg]."""


@STEPS.register("toy_plugin.steps:patience")
class PatienceConfig(EnvStepConfig):
    """Cut an episode short while it is young."""

    type: Literal["patience"] = "patience"
    """What the step does."""
    ticks: int = Field(12, ge=1)
    """Longest episode [ticks]."""


@REWARDS.register("toy_plugin.reward:closeness")
class ClosenessConfig(RewardConfig):
    """The nearer the joints are to a place, the more."""

    type: Literal["closeness"] = "closeness"
    """The reward's name."""
    goal: tuple[float, float] = (30.0, -20.0)
    """That place [deg]."""
    near: float = Field(2.0, gt=0)
    """How near is a success [deg]."""


@ALGORITHMS.register("toy_plugin.algorithm:Imitation")
class ImitationConfig(RLAlgorithmConfig):
    """Do as the operator did."""

    type: Literal["imitation"] = "imitation"
    """Name of the algorithm."""
    lr: float = Field(1e-2, gt=0)
    """Step size of the gradients."""
