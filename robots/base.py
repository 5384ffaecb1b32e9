"""What every body offers the loop: its words, its contract and its errors.

Units: body joints in degrees about the middle of their range, the gripper in percent
(0 closed, 100 open), positions in metres in the base frame (x forward, y left, z up).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from robots.errors import BusTimeout as BusTimeout
from robots.errors import CameraError as CameraError
from robots.errors import LoopStalled as LoopStalled
from robots.errors import NotConnected as NotConnected
from robots.errors import OtherArm as OtherArm
from robots.errors import RenderError as RenderError
from robots.errors import RobotError as RobotError
from robots.errors import ServoFault as ServoFault
from robots.errors import SpeedRefused as SpeedRefused
from robots.errors import Uncalibrated as Uncalibrated

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
GRIPPER = JOINTS.index("gripper")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a robot senses at one instant."""

    joints: F32  # (6,) body joints [deg], gripper 0 closed .. 100 open [%]
    stamp: float  # monotonic within an episode [s]
    velocities: F32 | None = None  # (6,) [deg/s], gripper [%/s]
    currents: F32 | None = None  # (6,) [mA]
    loads: F32 | None = None  # (6,) [% of stall torque], signed
    temperatures: F32 | None = None  # (6,) [deg C]
    environment_state: F32 | None = None  # (3,) object position, base frame [m]
    images: Mapping[str, U8] = field(default_factory=dict)  # (H, W, 3) RGB
    ages: Mapping[str, float] = field(default_factory=dict)  # of each image, at ``stamp`` [s]


@dataclass(frozen=True, slots=True)
class Truth:
    """What only a simulated world knows; the scripted operator and the success step use it."""

    episode: int  # counts resets
    tick: int  # commands since the reset
    tip: F32  # (3,) gripper frame, base frame [m]
    gripper: float  # measured opening [%]
    object: F32  # (3,) object (or goal) position, base frame [m]
    success: bool


TruthSource = Callable[[], Truth]
Tell = Callable[..., None]  # ``tell(name, **facts)``: something happened that a person must know


def tell_nobody(name: str, **facts: object) -> None:
    """A ``Tell`` for bodies that nobody listens to."""


class Robot(Protocol):
    """A body: entered, reset, then read and commanded once a tick.

    ::

        with robot:
            robot.reset(seed=0)
            while True:
                reading = robot.read()
                sent = robot.command(target)
    """

    limits: F32  # (6, 2) lowest and highest value of each joint [deg], gripper [%]
    task: str | None  # what a simulated world wants done
    truth: TruthSource | None  # what only a simulated world knows

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def reset(self, seed: int) -> None:
        """Make the scene ready for an episode; the arm is already at its reset pose."""

    def read(self) -> Reading:
        """Sense now."""

    def command(self, target: F32) -> F32:
        """Move towards ``target`` (6,) [deg, %]; returns what was really sent, within limits."""

    def halt(self, cause: str) -> None:
        """Stop at once and stay: commands from now on change nothing, until entered again."""
