"""Pads of known makes for the tests of what reads one, as the drivers of Linux show them to SDL.

``buttons`` and ``axes`` have, by raw number, what is there in SDL's words; ``-`` for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from teleop.gamepad.sdl import gamepads
from teleop.virtual.pad import Model, VirtualPad

DPAD = {(0, 1): "dpup", (1, 0): "dpright", (0, -1): "dpdown", (-1, 0): "dpleft"}


@dataclass(frozen=True)
class Make:
    """A pad and what its raw numbers stand for."""

    model: Model
    name: str  # SDL's
    buttons: tuple[str, ...]
    axes: tuple[str, ...]


def _make(name: str, ids: tuple[int, int], known_as: str, buttons: str, axes: str) -> Make:
    moves, presses = tuple(axes.split()), tuple(buttons.split())
    triggers = tuple(place for place, axis in enumerate(moves) if axis.endswith("trigger"))
    sizes = (len(moves), len(presses), 1)
    model = Model(f"raw {name}", *sizes, *ids, known_as=known_as, triggers=triggers)
    return Make(model, name, presses, moves)


_XBOX = "a b x y leftshoulder rightshoulder back start guide leftstick rightstick"
_XBOX_AXES = "leftx lefty lefttrigger rightx righty righttrigger"
_SONY = "a b y x leftshoulder rightshoulder"
_STICKS = "leftx lefty rightx righty"
_DIRECT_INPUT = (
    "x a b y leftshoulder rightshoulder lefttrigger righttrigger back start leftstick rightstick"
)

XBOX_360 = _make(
    "X360 Controller", (0x045E, 0x028E), "030000005e0400008e02000014010000", _XBOX, _XBOX_AXES
)
XBOX_ONE = _make(
    "Microsoft X-Box One pad",
    (0x045E, 0x02D1),
    "030000005e040000d102000001010000",
    _XBOX,
    _XBOX_AXES,
)
PS4 = _make(  # buttons 6 and 7 are the triggers once more
    "PS4 Controller",
    (0x054C, 0x09CC),
    "030000004c050000cc09000011810000",
    f"{_SONY} - - back start guide leftstick rightstick",
    _XBOX_AXES,
)
PS5 = _make(
    "PS5 Controller",
    (0x054C, 0x0CE6),
    "030000004c050000e60c000011810000",
    f"{_SONY} - - back start guide leftstick rightstick",
    _XBOX_AXES,
)
SWITCH_PRO = _make(  # its own A is on the right, where others have B: places count, not labels
    "Nintendo Switch Pro Controller",
    (0x057E, 0x2009),
    "030000007e0500000920000011810000",
    "a b y x misc1 leftshoulder rightshoulder lefttrigger righttrigger back start guide "
    "leftstick rightstick",
    _STICKS,
)
F310 = _make(
    "Logitech F310 Gamepad (XInput)",
    (0x046D, 0xC21D),
    "030000006d0400001dc2000014400000",
    _XBOX,
    _XBOX_AXES,
)
F310_DIRECT = _make(
    "Logitech Dual Action",
    (0x046D, 0xC216),
    "030000006d04000016c2000010010000",
    _DIRECT_INPUT,
    _STICKS,
)
F710 = _make(
    "Logitech F710 Gamepad (XInput)",
    (0x046D, 0xC21F),
    "030000006d0400001fc2000005030000",
    _XBOX,
    _XBOX_AXES,
)
F710_DIRECT = _make(
    "Logitech F710 Gamepad (DInput)",
    (0x046D, 0xC219),
    "030000006d04000019c2000011010000",
    _DIRECT_INPUT,
    _STICKS,
)
MAKES = (XBOX_360, XBOX_ONE, PS4, PS5, SWITCH_PRO, F310, F310_DIRECT, F710, F710_DIRECT)

PLAIN = Model("Twin USB Joystick", axes=4, buttons=12, hats=1, vendor=0x0079, product=0x0006)
"""A joystick that SDL has no mapping for."""


ACCELEROMETER = Model("ST LIS3LV02DL Accelerometer", axes=3, buttons=0)
"""What a laptop has, and Linux shows as a joystick."""


def isolate(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Keep the pads and the saved mappings of who runs the tests out of them."""
    patch.setenv("SDL_GAMECONTROLLER_IGNORE_DEVICES_EXCEPT", "0x0001/0x0001")
    patch.setenv("XDG_CONFIG_HOME", str(folder))
    patch.delenv("SDL_GAMECONTROLLERCONFIG", raising=False)


@contextmanager
def plugged(*models: Model) -> Iterator[list[VirtualPad]]:
    """Pads that are plugged in as if they were real, in this order."""
    with gamepads(), ExitStack() as stack:
        yield [stack.enter_context(VirtualPad(model)) for model in models]
