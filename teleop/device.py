"""What sticks, buttons and keys offer: their names, their state at one instant, and latches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

from configs.manual import TRIGGERS

PULLED, LET_GO = 0.5, 0.35  # a trigger counts as pressed from here on, and until here


@dataclass(frozen=True, slots=True)
class DeviceState:
    """A device at one instant, with every press since the state before.

    The names are those of ``configs.manual.PAD`` or ``KEYS``; what is not there rests. A trigger
    is an axis, and a button too.
    """

    axes: Mapping[str, float] = field(default_factory=dict)  # sticks in [-1, 1], triggers in [0, 1]
    held: frozenset[str] = frozenset()  # buttons that are down now
    pressed: tuple[str, ...] = ()  # each press since the last poll, even if it is up again


class Device(Protocol):
    """A device with sticks, buttons or keys: entered, then polled once a tick."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    @property
    def name(self) -> str:
        """What people call it."""

    def poll(self) -> DeviceState | None:
        """Its state now; None while it is lost. Never waits."""

    def rumble(self, strength: float, seconds: float) -> None:
        """Let the hand feel something, if it can; ``strength`` in [0, 1]."""


class Latch:
    """Collects what a device tells, one change after the other, so that no press is lost."""

    def __init__(self) -> None:
        self._axes: dict[str, float] = {}
        self._held: set[str] = set()
        self._pressed: list[str] = []

    def axis(self, name: str, value: float) -> None:
        """A stick or a trigger has moved; a trigger that is pulled far enough is pressed."""
        self._axes[name] = value
        if name in TRIGGERS:
            self.button(name, down=value >= (LET_GO if name in self._held else PULLED))

    def button(self, name: str, *, down: bool) -> None:
        """A button has, or has not, been pressed or let go."""
        if down and name not in self._held:
            self._pressed.append(name)
        (self._held.add if down else self._held.discard)(name)

    def release(self) -> None:
        """Everything is let go: the device or its focus is lost."""
        self._axes.clear()
        self._held.clear()
        self._pressed.clear()

    def take(self) -> DeviceState:
        """The state now, with the presses since the last call."""
        pressed, self._pressed = tuple(self._pressed), []
        return DeviceState(dict(self._axes), frozenset(self._held), pressed)
