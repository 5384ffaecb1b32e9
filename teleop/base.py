"""What every teleoperator offers the loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from configs.errors import HilAppError

F32 = NDArray[np.float32]
Acts = Literal["always", "on_take_over", "never"]  # demonstrating, taking over, watching

CLOSE, STAY, OPEN = 0, 1, 2  # gripper commands, the last number of an action
NEUTRAL: F32 = np.array([0, 0, 0, STAY], np.float32)
NEUTRAL.flags.writeable = False


class TeleopError(HilAppError):
    """A teleoperator cannot do what was asked; the message has the facts and the remedy."""


@dataclass(frozen=True, slots=True)
class TeleopSample:
    """One poll of a teleoperator: one instant, taps between polls latched."""

    action: F32  # (4,) x, y, z in [-1, 1] and the gripper command; (6,) with pitch, roll before it
    intervening: bool = False
    success: bool = False
    failure: bool = False
    rerecord: bool = False
    stop: bool = False
    emergency_stop: bool = False
    paused: bool = False  # the arm is to stand still, and the episode with it
    ready: bool = False  # between two episodes: the next one may begin
    joints: F32 | None = None  # (6,) of a leader arm [deg], gripper [%]; they stand for the action


NO_INPUT = TeleopSample(NEUTRAL)


class Teleop(Protocol):
    """A teleoperator: entered, then polled once a tick.

    It is made by the factory that its config was registered with::

        factory(config, robot=, joints=, env=, processor=, acts=, tell=, device=, seed=)

    ``robot`` is what it moves, and ``joints()`` where that is now; ``env`` and ``processor`` are
    the run's configs of those names; ``tell`` hears what the operator must know; ``device`` is what
    the operator has in hand, if the config is of one; ``seed`` is for what is random. A factory
    takes what it needs and the rest as ``**_``, and refuses by ConfigError.
    """

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def read(self) -> TeleopSample:
        """What the operator does now."""

    def idle(self) -> TeleopSample:
        """The same between two episodes, once a control period: only stops and ``ready`` count."""


@runtime_checkable
class Switched(Protocol):
    """Teleoperators without a button of their own to take over and to hand back with."""

    def switch(self) -> None:
        """Take over if the policy acts, else hand back; from the next poll on."""


@runtime_checkable
class Pausing(Protocol):
    """Teleoperators that keep whether the operator has paused."""

    def pause(self) -> None:
        """Pause, or go on; from the next poll on."""


@runtime_checkable
class Powered(Protocol):
    """Hands with motors of their own, that must be polled while others act."""

    entered: bool

    def idle(self) -> TeleopSample:
        """As in :class:`Teleop`."""


@runtime_checkable
class Attentive(Protocol):
    """Teleoperators that can be asked to take over."""

    def ask(self) -> None:
        """Let the operator feel that the policy asks for a take-over."""


@runtime_checkable
class Remembering(Protocol):
    """Teleoperators with a memory across episodes, so that a run can resume."""

    def state(self) -> dict[str, Any]:
        """What they remember, as JSON values."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
