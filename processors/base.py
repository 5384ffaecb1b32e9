"""The words of a tick and the pipelines that act on them.

A :class:`Command` is a tick before the robot moves, a :class:`Transition` the same tick after
it. An action step maps a command to a command, an env step a transition to a transition::

    command = action_pipeline(Command(...))
    sent = robot.command(command.target)
    transition = env_pipeline(Transition(command, sent, robot.read()))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar

from numpy.typing import NDArray

from robots.base import F32, Reading
from teleop.base import NEUTRAL, NO_INPUT, TeleopSample

Observation = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Goal:
    """Where the robot has been told to be."""

    tip: F32  # (3,) gripper frame, base frame [m]; (0,) of a robot without an arm model
    joints: F32  # (n,) in the units of the robot's spec
    pitch: float | None = None  # of the gripper [deg]; None as the joints have it


@dataclass(frozen=True, slots=True)
class Command:
    """A tick before the robot moves."""

    tick: int  # 1 is an episode's first; 0 stands for the reset
    reading: Reading
    observation: Observation  # what the policy saw
    sample: TeleopSample
    policy_action: F32  # (a,)
    weights_version: int
    action: F32  # what is executed: the policy's, or the operator's after the intervention step
    before: Goal  # in force until now
    goal: Goal  # in force from now on; the action steps work on it
    start: F32  # (3,) gripper frame at the episode's start [m], or (0,)
    intervening_before: bool = False  # the operator acted in the tick before
    after_pause: bool = False  # the episode stood still just before: the world may have changed

    @property
    def target(self) -> F32:
        """What the robot is to be sent (n,)."""
        return self.goal.joints

    @classmethod
    def at_reset(cls, reading: Reading, tip: F32) -> Command:
        """The command that stands for the reset: nothing asked, the robot holds where it is."""
        goal = Goal(tip, reading.joints)
        return cls(
            tick=0,
            reading=reading,
            observation={},
            sample=NO_INPUT,
            policy_action=NEUTRAL,
            weights_version=0,
            action=NEUTRAL,
            before=goal,
            goal=goal,
            start=tip,
        )


@dataclass(frozen=True, slots=True)
class Transition:
    """The same tick after the robot has moved."""

    command: Command
    sent: F32  # (n,) target that the robot really got, in the units of its spec
    reading: Reading
    observation: Observation = field(default_factory=dict)  # what the policy sees next
    reward: float = 0.0
    discrete_penalty: float = 0.0  # <= 0, seen by the gripper's critic alone
    success: bool = False
    terminated: bool = False  # the task is over: no bootstrapping
    truncated: bool = False  # cut short: the value beyond still counts

    @property
    def done(self) -> bool:
        """Whether the episode ends here."""
        return self.terminated or self.truncated


class ActionSpace(Protocol):
    """How an action moves a robot, as far as the loop has to know."""

    def goal(self, joints: F32) -> Goal:
        """The one of ``joints`` (n,)."""

    def still(self, goal: Goal) -> F32:
        """The action (a,) that leaves a ``goal`` in force."""

    def held(self, goal: Goal) -> F32:
        """What a robot (n,) is sent that is to stay where a ``goal`` brought it."""

    def taken(self, goal: Goal, sent: F32) -> Goal:
        """The goal of a robot that was sent ``sent`` (n,) where ``goal`` was asked for.

        So a goal never runs away from a robot that is held back, to pull it along later.
        """


T = TypeVar("T")
Step = Callable[[T], T]


class Pipeline(Generic[T]):
    """Named steps in their order: a value goes in, the steps' composite comes out.

    ``seconds`` holds the time each step took in the last call [s]. An exception carries a note
    that names the step it came from.
    """

    def __init__(self, name: str, steps: Mapping[str, Step[T]]) -> None:
        self.name = name
        self.steps = tuple(steps.items())
        self.seconds = dict.fromkeys(steps, 0.0)

    def __call__(self, value: T) -> T:
        """What the steps make of ``value``."""
        start = perf_counter()
        for name, step in self.steps:
            try:
                value = step(value)
            except Exception as error:
                error.add_note(f"in step '{name}' of the {self.name} pipeline")
                raise
            end = perf_counter()
            self.seconds[name] = end - start
            start = end
        return value
