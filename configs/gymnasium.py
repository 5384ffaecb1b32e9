"""Any gymnasium environment as the robot of a run."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field

from configs.robot import ROBOTS, JointSpan, RobotConfig


@ROBOTS.register("robots.gym.robot:GymRobot")
class GymnasiumConfig(RobotConfig):
    """A gymnasium environment: a Box of actions, and numbers and images to observe."""

    brings_cameras = True
    observes = MappingProxyType(
        {"joints": None, "end_effector": None, "target": False, "object": "absolute"}
    )

    type: Literal["gymnasium"] = "gymnasium"
    """The robot's name."""
    env_id: Annotated[str, Field(min_length=1)] = "Pendulum-v1"
    """The environment's id, such as FetchReach-v4, or with the module that registers it, such as
    my_module:MyEnv-v0."""
    kwargs: dict[str, Any] = {}
    """What it is made with, such as {render_mode: human}."""
    actions: list[JointSpan | None] | None = None
    """For each number of its actions the lowest and the highest that it is sent, or null for one
    that stays at 0; null for all that the environment takes."""
    gripper: int | None = Field(None, ge=0)
    """Which number of its actions, counted from 0, closes and opens a gripper: the policy and the
    operator then choose between close, stay (the middle of its span) and open; null for none."""
    gripper_opens: Literal["up", "down"] = "up"
    """Whether that number is at the upper or at the lower end of its span to open."""
    ranges: dict[str, list[JointSpan]] = {}
    """What normalises to -1 and 1, by key of the observation: a span for each of its numbers, or a
    single one for all. For any other key it is the space's own if that has ends, else -1 to 1."""
    success: str | None = None
    """Which entry of info says that an episode succeeded; null is the first of is_success, succeed
    and success that there is."""
    operator: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")] | None = None
    """How the scripted operator acts, as module:name: a function from truth to action, or a class
    whose instances are such; null if nobody shows how."""
