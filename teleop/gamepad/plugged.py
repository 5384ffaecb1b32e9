"""Which gamepads and joysticks are plugged in, which are none, and which may not be read."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from configs.text.reading import shown
from teleop.gamepad.sdl import SDL_ERRORS, controller, pygame

_WAYS, _BUTTONS = 2, 2  # that a gamepad has at least: axes, of which a hat has two, and buttons
_NO_PAD = re.compile(
    r"accelerometer|motion sensor|keyboard|\bmouse\b|touch ?pad|tablet|(consumer|system) control",
    re.IGNORECASE,
)
_WORD = 8 * struct.calcsize("l")  # bits of a word in Linux's lists of buttons
_JOYSTICK_BUTTONS = range(
    0x120, 0x140
)  # BTN_JOYSTICK and BTN_GAMEPAD, of linux/input-event-codes.h


class PluggedDevice(NamedTuple):
    """A pad or joystick that is plugged in."""

    place: int  # SDL's index, until one is plugged in or unplugged
    name: str
    known: bool  # SDL knows what its axes and buttons are
    model: str  # what its driver calls it
    instance: int = -1  # SDL's number for it, counting all that were ever plugged in
    ids: str = ""  # vendor and product, such as 046d:c219
    axes: int = 0
    buttons: int = 0
    hats: int = 0

    def is_called(self, wanted: str | None) -> bool:
        """Whether ``wanted`` is part of a name of it, or its ids; None is any."""
        return is_called(wanted, f"{self.name}\n{self.model}", self.ids)

    @property
    def teachable(self) -> bool:
        """Whether it may be a gamepad, so that its buttons can be assigned.

        Accelerometers, keyboards and mice appear as joysticks, too.
        """
        enough = self.axes + 2 * self.hats >= _WAYS and self.buttons >= _BUTTONS
        return enough and not _NO_PAD.search(self.name)

    @property
    def sizes(self) -> str:
        """How many axes and buttons it has, in words."""
        return f"{self.axes} axes and {self.buttons} buttons"


def connected() -> list[PluggedDevice]:
    """The pads and joysticks that are plugged in, in SDL's order; SDL must be started."""
    return [_look_at(place) for place in range(controller.get_count())]


def is_called(wanted: str | None, name: str, ids: str = "") -> bool:
    """Whether a device of this ``name`` and these ``ids`` is the one ``wanted``; None is any."""
    wanted = (wanted or "").lower()
    return wanted in name.lower() or wanted == ids


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
        lines = dict(line[3:].partition("=")[::2] for line in block.splitlines() if line)
        handlers = lines.get("Handlers", "").split()
        events = [handler for handler in handlers if handler.startswith("event")]
        if events and _has_joystick_buttons(lines.get("KEY", "")):
            node = nodes / events[0]
            if node.exists() and not os.access(node, os.R_OK):
                found.append((shown(lines.get("Name", "").strip('"')), node))
    return found


def ids_of(node: Path, listing: Path = Path("/sys/class/input")) -> str:
    """Vendor and product of Linux's device at ``node``, such as 046d:c219; "" if not told."""
    folder = listing / node.name / "device/id"
    try:
        return ":".join((folder / name).read_text().strip() for name in ("vendor", "product"))
    except OSError:
        return ""


def none_of_these(found: Sequence[PluggedDevice]) -> str:
    """The joysticks that are no gamepads, in brackets; "" if there are none."""
    names = ", ".join(f"{pad.name} with {pad.sizes}" for pad in found)
    return f" ({names}: no gamepad)" if names else ""


def permission(name: str, node: Path) -> str:
    """What is in the way of a pad that may not be read, and what to do."""
    return (
        f"{name} is plugged in, but {node} may not be read: add yourself to its group (sudo "
        f"usermod -aG {_group(node)} $USER) and log in again"
    )


def _look_at(place: int) -> PluggedDevice:
    """What is plugged in at SDL's index ``place``."""
    known = bool(controller.is_controller(place))
    name = controller.name_forindex(place) if known else ""
    model, instance, ids, sizes = "", -1, "", (0, 0, 0)
    with suppress(*SDL_ERRORS):
        stick = pygame.joystick.Joystick(place)
        model, instance, ids = stick.get_name(), stick.get_instance_id(), _ids(stick.get_guid())
        sizes = (stick.get_numaxes(), stick.get_numbuttons(), stick.get_numhats())
    name = shown(name or model or "a pad without a name")
    return PluggedDevice(place, name, known, shown(model), instance, ids, *sizes)


def _ids(guid: str) -> str:
    """Vendor and product, from what SDL knows a model by."""
    numbers = bytes.fromhex(guid)
    vendor, product = (int.from_bytes(numbers[at : at + 2], "little") for at in (4, 8))
    return f"{vendor:04x}:{product:04x}"


def _has_joystick_buttons(keys: str) -> bool:
    """Whether Linux's list of a device's buttons, words of bits, has those of a joystick."""
    bits = 0
    for word in keys.split():
        bits = bits << _WORD | int(word, 16)
    return any(bits >> button & 1 for button in _JOYSTICK_BUTTONS)


def _group(node: Path) -> str:
    try:
        return node.group()
    except (OSError, KeyError):
        return "input"
