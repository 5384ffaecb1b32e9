"""A gamepad, read by SDL: every pad that games know, under the same names."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple, Self

from configs.manual import BUTTONS, STICKS, TRIGGERS, GamepadConfig
from teleop.base import TeleopError
from teleop.device import DeviceState, Latch
from teleop.sdl import SDL_ERRORS, SDL_LOCK, controller, gamepads, pygame
from teleop.virtual.pad import VirtualPad
from teleop.virtual.remote import Listener

_AXES = (*STICKS[0], *STICKS[1], *TRIGGERS)  # in SDL's order, as BUTTONS are
_FULL = 32767
_PRESSES = (pygame.CONTROLLERBUTTONDOWN, pygame.CONTROLLERBUTTONUP)
_ADDED = (pygame.JOYDEVICEADDED, pygame.CONTROLLERDEVICEADDED)
_READ_S = 0.01


class Found(NamedTuple):
    """A pad that is plugged in."""

    place: int  # SDL's index, until one is plugged in or unplugged
    name: str
    known: bool  # SDL knows what its axes and buttons are


class SDLPad:
    """A gamepad of ``config``, as a device: entered, then polled once a tick.

    Entering raises TeleopError, with the remedy, if there is none that can be used. Once its pad is
    unplugged it is lost until one that ``config`` allows is plugged in.

    What drivers keep for a slow reader is little: on Linux 128 events, which two sticks in motion
    fill in a tenth of a second, and then presses are gone. So there the pad is read between the
    polls, too.
    """

    def __init__(self, config: GamepadConfig) -> None:
        self._config = config
        self._latch = Latch()
        self._stack = ExitStack()
        self._virtual: VirtualPad | None = None
        self._controller: controller.Controller | None = None
        self._instance = -1
        self._name = ""
        self._missed = False  # it was lost since the last poll

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(gamepads())
            if self._config.virtual is not None:
                self._virtual = stack.enter_context(VirtualPad())
            stack.callback(self._drop)
            self._begin()
            if self._config.virtual is not None and self._virtual is not None:
                stack.enter_context(Listener(self._config.virtual, self._virtual.handle))
            if sys.platform == "linux":
                stack.enter_context(_Reader(self._read))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def name(self) -> str:
        """What SDL calls the pad."""
        return self._name

    def poll(self) -> DeviceState | None:
        """The pad now, and every press since the last poll; None if it was lost in between."""
        with SDL_LOCK:
            for event in pygame.event.get():
                self._heed(event)
            missed, self._missed = self._missed, False
            return None if missed or self._controller is None else self._latch.take()

    def rumble(self, strength: float, seconds: float) -> None:
        """Let the hand feel something, if the pad can; ``strength`` in [0, 1]."""
        with SDL_LOCK:
            if self._controller is not None:
                self._controller.rumble(strength, strength, round(1000 * seconds))

    def _read(self) -> None:
        """Empty the driver's queue and SDL's between two polls."""
        with SDL_LOCK:
            controller.update()
            for event in pygame.event.get(pump=False):
                self._heed(event)

    def _heed(self, event: pygame.event.Event) -> None:
        """Take one event in, if it is of our pad."""
        kind = event.type
        if kind == pygame.CONTROLLERDEVICEADDED:
            if self._controller is None:
                self._reopen(event.device_index)
        elif getattr(event, "instance_id", None) != self._instance:
            return
        elif kind == pygame.JOYDEVICEREMOVED:
            self._drop()
        elif kind == pygame.CONTROLLERAXISMOTION and event.axis < len(_AXES):
            self._latch.axis(_AXES[event.axis], max(event.value / _FULL, -1.0))
        elif kind in _PRESSES and event.button < len(BUTTONS):
            self._latch.button(BUTTONS[event.button], down=kind == pygame.CONTROLLERBUTTONDOWN)

    def _begin(self) -> None:
        """Open the pad to use; TeleopError, with the remedy, if there is none."""
        found = connected()
        for pad in found:
            if pad.known and self._fits(pad.place):
                try:
                    self._open(pad.place)
                except SDL_ERRORS as error:
                    raise TeleopError(f"{pad.name} cannot be opened, SDL says: {error}") from None
                self._missed = False
                pygame.event.get(_ADDED)  # of those that were there before
                return
        raise TeleopError(_nothing_for(self._config.pad, found))

    def _fits(self, place: int) -> bool:
        """Whether the controller at SDL's index ``place`` is one to use."""
        if self._virtual is not None:
            return place == self._virtual.index
        name: str = controller.name_forindex(place) or ""
        return (self._config.pad or "").lower() in name.lower()

    def _open(self, place: int) -> None:
        opened = controller.Controller(place)
        self._instance = opened.as_joystick().get_instance_id()
        self._controller, self._name = opened, opened.name

    def _reopen(self, place: int) -> None:
        """Go on with a pad that was plugged in, if it is one to use."""
        if controller.is_controller(place) and self._fits(place):
            with suppress(*SDL_ERRORS):  # it is gone again
                self._open(place)

    def _drop(self) -> None:
        """Let go of the pad and of everything that was held."""
        opened, self._controller = self._controller, None
        self._instance = -1
        self._latch.release()
        self._missed = True
        if opened is not None:
            opened.quit()


class _Reader:
    """Calls ``read`` again and again in a thread while entered."""

    def __init__(self, read: Callable[[], None]) -> None:
        self._read = read
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gamepad", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(_READ_S):
            self._read()


def connected() -> list[Found]:
    """The pads and joysticks that are plugged in, in SDL's order; SDL must be started."""
    found = []
    for index in range(controller.get_count()):
        known = controller.is_controller(index)
        name = controller.name_forindex(index) if known else _joystick_name(index)
        found.append(Found(index, name or "a pad without a name", known))
    return found


def unreadable(
    listing: Path = Path("/proc/bus/input/devices"), nodes: Path = Path("/dev/input")
) -> list[tuple[str, Path]]:
    """Name and node of each joystick that Linux has, but this user may not read."""
    try:
        blocks = listing.read_text(errors="replace").split("\n\n")
    except OSError:
        return []
    found = []
    for block in blocks:
        lines = {line[0]: line[3:] for line in block.splitlines() if line}
        handlers = lines.get("H", "").removeprefix("Handlers=").split()
        events = [handler for handler in handlers if handler.startswith("event")]
        if events and any(handler.startswith("js") for handler in handlers):
            node = nodes / events[0]
            if node.exists() and not os.access(node, os.R_OK):
                found.append((lines.get("N", "").removeprefix("Name=").strip('"'), node))
    return found


def _joystick_name(index: int) -> str:
    with suppress(*SDL_ERRORS):
        return pygame.joystick.Joystick(index).get_name()
    return ""


def _nothing_for(wanted: str | None, found: list[Found]) -> str:
    """Why there is no pad to use, and what to do."""
    named = [pad for pad in found if (wanted or "").lower() in pad.name.lower()]
    if named:
        return (
            f"{named[0].name} is a joystick that SDL has no mapping for: assign its buttons once "
            "with hil-app gamepad setup"
        )
    for name, node in unreadable():
        return (
            f"{name} is plugged in, but {node} may not be read: add yourself to its group (sudo "
            f"usermod -aG {_group(node)} $USER) and log in again"
        )
    if found:
        names = ", ".join(pad.name for pad in found)
        return f"teleop.pad: no gamepad's name contains '{wanted}'; there are: {names}"
    return "No gamepad is plugged in: plug one in, or switch it on; hil-app gamepad test shows it"


def _group(node: Path) -> str:
    try:
        return node.group()
    except (OSError, KeyError):
        return "input"
