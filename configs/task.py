"""What a simulated arm is to do. One of your own: a subclass of :class:`TaskConfig`, registered.

Its factory makes a :class:`robots.twin.tasks.base.Task` of the config.
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
    """What makes the scripted operator's way, a :class:`teleop.oracles.base.Oracle`, of its stick
    and the gripper's closed and open position; None if nobody shows how."""

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


@TASKS.register("robots.twin.tasks.pick_lift:PickLift")
class PickLiftConfig(TaskConfig):
    """Lift the cube."""

    label = "Pick up the cube and lift it"
    operator = "teleop.oracles.pick_lift:PickLiftOracle"

    type: Literal["pick_lift"] = "pick_lift"
    """The task's name."""


@TASKS.register("robots.twin.tasks.reach:Reach")
class ReachConfig(TaskConfig):
    """Bring the gripper to the marked point."""

    label = "Bring the gripper to the point"
    operator = "teleop.oracles.reach:ReachOracle"

    type: Literal["reach"] = "reach"
    """The task's name."""


@TASKS.register("robots.twin.tasks.push:Push")
class PushConfig(TaskConfig):
    """Push the puck to the marked spot."""

    label = "Push the puck to the spot"
    operator = "teleop.oracles.push:PushOracle"

    type: Literal["push"] = "push"
    """The task's name."""


@TASKS.register("robots.twin.tasks.pick_place:PickPlace")
class PickPlaceConfig(TaskConfig):
    """Put the cube into the bin."""

    label = "Put the cube into the bin"
    operator = "teleop.oracles.pick_place:PickPlaceOracle"

    type: Literal["pick_place"] = "pick_place"
    """The task's name."""


@TASKS.register("robots.twin.tasks.stack:Stack")
class StackConfig(TaskConfig):
    """Put the small cube on the large one."""

    label = "Put the small cube on the large one"
    operator = "teleop.oracles.stack:StackOracle"

    type: Literal["stack"] = "stack"
    """The task's name."""


@TASKS.register("robots.twin.tasks.drawer:Drawer")
class DrawerConfig(TaskConfig):
    """Pull the drawer open by its handle."""

    label = "Pull the drawer open"
    operator = "teleop.oracles.drawer:DrawerOracle"

    type: Literal["drawer"] = "drawer"
    """The task's name."""


@TASKS.register("robots.twin.tasks.insert:Insert")
class InsertConfig(TaskConfig):
    """Put the peg into the hole."""

    label = "Put the peg into the hole"
    operator = "teleop.oracles.insert:InsertOracle"

    type: Literal["insert"] = "insert"
    """The task's name."""
