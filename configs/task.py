"""What a simulated arm is to do. One of your own: a subclass of :class:`TaskConfig`, registered.

Its factory makes a :class:`robots.twin.tasks.Task` of the config.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from configs.base import Config
from configs.registry import Factory, Registry


class TaskConfig(Config):
    """Base of every task's config; its name alone stands for one with its usual options."""

    label: ClassVar[str] = "The task of this arm"  # in a dataset that names none
    operator: ClassVar[Factory | None] = None
    """What makes the scripted operator's way, of its stick and the gripper's closed and open
    position; None if nobody shows how."""

    type: str
    """The task's name."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        return {"type": given} if isinstance(given, str) else given

    @model_serializer(mode="wrap")
    def _bare(self, handler: SerializerFunctionWrapHandler) -> Any:
        content = handler(self)
        return content["type"] if len(content) == 1 else content


TASKS: Registry[TaskConfig] = Registry("task", TaskConfig, bare=True)


@TASKS.register("robots.twin.tasks:PickLift")
class PickLiftConfig(TaskConfig):
    """Lift the cube."""

    label = "Pick up the cube and lift it"
    operator = "teleop.oracle:PickLiftOracle"

    type: Literal["pick_lift"] = "pick_lift"
    """The task's name."""


@TASKS.register("robots.twin.tasks:Reach")
class ReachConfig(TaskConfig):
    """Bring the gripper to the marked point."""

    label = "Bring the gripper to the point"
    operator = "teleop.oracle:reach"

    type: Literal["reach"] = "reach"
    """The task's name."""
