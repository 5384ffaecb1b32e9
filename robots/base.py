"""What every robot offers the loop: how it describes itself, its contract and its errors.

A robot is commanded by n numbers, named and limited by its :class:`RobotSpec`. Those of an SO arm
are body joints in degrees about the middle of their range, and the gripper in percent (0 closed,
100 open). Positions are in metres in the base frame (x forward, y left, z up).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from configs.events import Tell as Tell
from configs.events import tell_nobody as tell_nobody
from configs.registry import Factory
from robots.errors import BusTimeout as BusTimeout
from robots.errors import CameraError as CameraError
from robots.errors import LoopStalled as LoopStalled
from robots.errors import NotConnected as NotConnected
from robots.errors import RenderError as RenderError
from robots.errors import RobotError as RobotError
from robots.errors import ServoFault as ServoFault
from robots.errors import SpeedRefused as SpeedRefused
from robots.errors import Uncalibrated as Uncalibrated
from robots.errors import WrongArm as WrongArm

if TYPE_CHECKING:
    from robots.arm import Arm

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
GRIPPER = JOINTS.index("gripper")


Sense = Literal["velocities", "currents", "loads", "temperatures"]


@dataclass(frozen=True, slots=True, eq=False)
class RobotSpec:
    """What a robot is: what it is commanded by, what it senses, and what it may learn.

    ::

        RobotSpec(
            names=("left", "right"),
            limits=np.array([[-1, 1], [-1, 1]], np.float32),
            units=("m/s", "m/s"),
            senses=frozenset({"velocities"}),
        )

    With an ``arm`` its gripper can be moved through space; without one, what is commanded is what
    the policy acts by. Raises ValueError if its parts do not fit each other.
    """

    names: tuple[str, ...]  # (n,) of what is commanded, and measured as a Reading's joints
    limits: F32  # (n, 2) lowest and highest value of each
    units: tuple[str, ...]  # (n,) such as deg, %, m/s
    gripper: int | None = None  # which of them is the gripper, if one is
    gripper_opens: Literal["up", "down"] = "up"  # whether its number counts up or down as it opens
    arm: Arm | None = None  # the model of its kinematics
    cameras: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # height, width [px]
    senses: frozenset[Sense] = frozenset()  # what its Readings have beside joints and images
    environment: tuple[str, ...] = ()  # names of the numbers of a Reading's environment_state
    environment_limits: F32 | None = None  # (m, 2) usual ends of each; None for points in space [m]
    neutral: F32 | None = None  # (n,) command that changes nothing; None: the one in force does not
    reset_pose: F32 | None = None  # (n,) where an episode begins; None for where reset() puts it
    max_speed: float | None = None  # fastest that a target may move, in units a second
    real_time: bool = False  # it moves whether or not anybody waits for it
    tasks: tuple[str, ...] = ()  # that its world knows
    task: str | None = None  # which of them is wanted
    rewards: bool = False  # its Truth has a reward and an end of the world's own
    operator: Factory | None = None  # what makes the scripted operator's way, if anything does

    def __post_init__(self) -> None:
        n = len(self.names)
        if not n or len(set(self.names)) != n:
            raise ValueError(f"a robot's names must be distinct, and at least one: {self.names}")
        if self.limits.shape != (n, 2) or len(self.units) != n:
            raise ValueError(
                f"{n} names need limits ({n}, 2) and {n} units: got limits "
                f"{self.limits.shape} and {len(self.units)} units"
            )
        if not (self.limits[:, 0] < self.limits[:, 1]).all():  # false for a NaN too
            raise ValueError(f"each lowest limit must be below its highest: {self.limits.tolist()}")
        if self.gripper is not None and self.gripper not in range(n):
            raise ValueError(f"gripper {self.gripper} is none of the {n} names")
        limits = self.environment_limits
        if limits is not None and limits.shape != (len(self.environment), 2):
            raise ValueError(
                f"environment_limits must be ({len(self.environment)}, 2): got {limits.shape}"
            )
        for name in ("reset_pose", "neutral"):
            given = getattr(self, name)
            if given is not None and given.shape != (n,):
                raise ValueError(f"{name} must be ({n},): got {given.shape}")

    @property
    def not_gripper(self) -> NDArray[np.bool_]:
        """Which (n,) of the names are not the gripper."""
        others: NDArray[np.bool_] = np.arange(len(self.names)) != self.gripper
        return others

    @property
    def gripper_ends(self) -> tuple[float, float]:
        """Its number where it is closed, and where it is open; for a robot that has one."""
        low, high = map(float, self.limits[self.gripper or 0])
        return (low, high) if self.gripper_opens == "up" else (high, low)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a robot senses at one instant, of each of the n names of its spec."""

    joints: F32  # (n,) in the spec's units; of a gripper 0 closed .. 100 open [%]
    stamp: float  # monotonic within an episode [s]
    velocities: F32 | None = None  # (n,) in the spec's units a second
    currents: F32 | None = None  # (n,) [mA]
    loads: F32 | None = None  # (n,) [% of stall torque], signed
    temperatures: F32 | None = None  # (n,) [deg C]
    environment_state: F32 | None = None  # (m,) by the spec's environment; points in the base frame
    images: Mapping[str, U8] = field(default_factory=dict)  # (H, W, 3) RGB
    ages: Mapping[str, float] = field(default_factory=dict)  # of each image, at ``stamp`` [s]

    def without_images(self) -> Reading:
        """The same but for its images, which are large, for whoever keeps many."""
        return replace(self, images={}) if self.images else self


@dataclass(frozen=True, slots=True)
class Truth:
    """What only a simulated world knows; the scripted operator and the success step use it.

    Of a world that is no arm's, ``tip`` is empty and the ``objects`` are what it observes, by key.
    """

    episode: int  # counts resets
    tick: int  # commands since the reset
    tip: F32  # (3,) gripper frame, base frame [m], or (0,)
    gripper: float  # measured opening [%]
    objects: Mapping[str, F32]  # by name, what is acted on first: points (3,), base frame [m]
    success: bool
    reward: float = 0.0  # these three where the spec says that it rewards: of the newest command,
    terminated: bool = False  # whether the world says that its episode is over,
    truncated: bool = False  # or cut short

    @property
    def object(self) -> F32:
        """The first of its objects: the point (3,) of what is acted on [m]."""
        return next(iter(self.objects.values()))


def positions_of(objects: Iterable[str]) -> tuple[str, ...]:
    """The names of the numbers of each object's place: ``object.x``, ``object.y`` and so on."""
    return tuple(f"{name}.{axis}" for name in objects for axis in "xyz")


TruthSource = Callable[[], Truth]


class Scene(Protocol):
    """The simulated world around a robot whose driver knows only hardware; entered with it."""

    task: str  # what is to be done in it

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def reset(self, seed: int) -> None:
        """Put everything where ``seed`` says; the robot is not touched."""

    def truth(self) -> Truth:
        """What only the world knows; the robot counts its ``tick``."""


class Robot(Protocol):
    """Entered, reset, then read and commanded once a tick.

    ::

        with robot:
            robot.reset(seed=0)
            while True:
                reading = robot.read()
                sent = robot.command(target)
    """

    spec: RobotSpec
    truth: TruthSource | None  # what only a simulated world knows; None for all others

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def reset(self, seed: int) -> None:
        """Make the scene ready for an episode; the robot is already at its spec's reset pose."""

    def read(self) -> Reading:
        """Sense now."""

    def command(self, target: F32) -> F32:
        """Move towards ``target`` (n,), in the spec's units; returns what was really sent, within
        its limits.

        Raises RobotError if the target holds a NaN or an infinity.
        """

    def halt(self, cause: str) -> None:
        """Stop at once and stay: commands from now on change nothing, until entered again."""


@runtime_checkable
class Follower(Protocol):
    """A robot that a leader arm can lead: it answers, and stays, while no loop runs too."""

    def joints_now(self) -> F32:
        """The joints (n,) as they were last read."""

    def held(self) -> AbstractContextManager[None]:
        """Meanwhile it stays where it was commanded to be: its program does something long."""


Limit = Callable[[F32, F32, F32], F32]  # wanted, measured and last sent joints (n,) -> sent


@runtime_checkable
class Limited(Protocol):
    """A robot that sends less than it is asked for, by rules that are known beforehand."""

    def limiter(self, *, lead: bool) -> Limit:
        """The rules; without ``lead`` as if a target could be any way from where the joints are."""


@runtime_checkable
class Viewed(Protocol):
    """A robot whose world can be seen from outside."""

    def render(self, view: str, height: int, width: int) -> U8:
        """An RGB image (H, W, 3) for people, seen from ``view``: "overview", or a camera's.

        Raises RenderError where none can be drawn.
        """
