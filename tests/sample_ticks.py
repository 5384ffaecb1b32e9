"""Ticks with values that can be told apart, for the tests of this folder."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import settings

from processors.base import Command, Goal, Step, Transition
from robots.base import F32, GRIPPER, Reading
from teleop.base import CLOSE, OPEN, STAY, TeleopSample

__all__ = ["CLOSE", "OPEN", "STAY"]

bounded = settings(max_examples=100, deadline=None, derandomize=True)


def f32(*values: float) -> F32:
    return np.array(values, np.float32)


def action(x: float = 0, y: float = 0, z: float = 0, grip: int = STAY) -> F32:
    return f32(x, y, z, grip)


def joints(gripper: float = 40.0) -> F32:
    return f32(1, 2, 3, 4, 5, gripper)


def command(
    act: F32 | None = None,
    *,
    tick: int = 1,
    tip: F32 | None = None,
    commanded: float = 40.0,
    measured: float = 40.0,
    start: F32 | None = None,
    **sample: Any,
) -> Command:
    """A tick on which nothing has been decided but the action; ``sample`` is the operator's."""
    act = action() if act is None else act
    tip = f32(0.2, 0.01, 0.05) if tip is None else tip
    goal = Goal(tip, joints(commanded))
    return Command(
        tick=tick,
        reading=Reading(joints(measured) + f32(0.1, 0.1, 0.1, 0.1, 0.1, 0), stamp=10.0 + tick),
        observation={"observation.state": f32(tick)},
        sample=TeleopSample(**{"action": action(), **sample}),
        policy_action=act,
        weights_version=7,
        action=act,
        before=goal,
        goal=goal,
        start=f32(0.19, 0.0, 0.06) if start is None else start,
    )


def transition(before: Command | None = None, *, gripper: float = 40.0, **facts: Any) -> Transition:
    """What came of a command; ``facts`` are fields of the transition or of its reading."""
    sensed = {name: facts.pop(name) for name in _SENSED if name in facts}
    before = before or command()
    reading = Reading(joints(gripper), stamp=11.0 + before.tick, **sensed)
    return replace(Transition(before, before.goal.joints, reading), **facts)


_SENSED = ("velocities", "currents", "environment_state", "images")


def follow(step: Step[Command], first: Command, actions: list[F32]) -> list[Command]:
    """The commands of a series of actions, each starting from the goal before it."""
    commands = []
    goal = first.goal
    for tick, act in enumerate(actions, 1):
        asked = replace(first, tick=tick, policy_action=act, action=act, before=goal, goal=goal)
        commands.append(step(asked))
        goal = commands[-1].goal
    return commands


def assert_leaves_its_input_alone(step: Step[Any], value: Any) -> None:
    """Steps share arrays between ticks, so none may write into what it was given (trap 21)."""
    before = deepcopy(value)
    step(value)
    assert flat(value) == flat(before)


def flat(value: Any) -> Any:
    """Nested dataclasses, dictionaries and arrays as something that == compares."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, dict):
        return {key: flat(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [flat(inner) for inner in value]
    names = getattr(value, "__dataclass_fields__", None)
    return value if names is None else {name: flat(getattr(value, name)) for name in names}


def gripper_of(value: Command) -> float:
    return float(value.goal.joints[GRIPPER])
