"""What the bytes of gamepads' HID reports mean: small tables of bits, one layout a pad.

Names are those of ``configs.manual.PAD``, by place: "a" is the lowest of the four buttons and "y"
the highest, whatever is printed on them. The tables are written from documentation (published
report descriptors, what the Linux and SDL drivers say of them, bytes that people wrote down); none
has been seen on a real pad here. Known gaps: a Switch Pro Controller gets the usual range of its
sticks, not its own calibration, and over USB it reports only where the system's driver has woken
it; Xbox pads are HID over Bluetooth only.

To add a pad, give :data:`PADS` one entry: its vendor and product, and its layout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from configs.manual import STICKS, TRIGGERS
from teleop.device import Latch

_NONE = "-"  # a bit without a button
_LONGEST = 1024
_HAT = (  # by name, the directions in which it counts, clockwise from up
    ("dpup", {7, 0, 1}),
    ("dpright", {1, 2, 3}),
    ("dpdown", {3, 4, 5}),
    ("dpleft", {5, 6, 7}),
)


class Axis(NamedTuple):
    """A little-endian number in a report, at rest at ``rest`` and all the way at ``full``."""

    name: str
    bit: int  # of the report, where it begins
    bits: int
    rest: int
    full: int

    def value(self, number: int) -> float:
        """Where it is, in a report that is ``number``: in [-1, 1], a trigger in [0, 1]."""
        raw = number >> self.bit & (1 << self.bits) - 1
        return min(max((raw - self.rest) / (self.full - self.rest), -1.0), 1.0)


@dataclass(frozen=True)
class HidReport:
    """One kind of report: where each control is in it."""

    axes: tuple[Axis, ...]
    buttons: Mapping[int, str]  # by byte, the names of its bits from the lowest on
    hat: tuple[int, int] | None = None  # the byte whose low half it is, and its value for up
    id: int | None = None  # its first byte, if the pad numbers its reports
    shortest: int = 1  # bytes; systems may pad what a pad sends
    longest: int = _LONGEST
    marked: tuple[int, int] | None = None  # a byte, and a bit that says that the controls are there

    def fits(self, report: bytes) -> bool:
        """Whether ``report`` is of this kind."""
        return (
            self.shortest <= len(report) <= self.longest
            and (self.id is None or report[0] == self.id)
            and (self.marked is None or bool(report[self.marked[0]] & self.marked[1]))
        )

    def tell(self, report: bytes, latch: Latch) -> None:
        """Tell ``latch`` where each control is in a ``report`` that fits."""
        number = int.from_bytes(report, "little")
        for axis in self.axes:
            latch.axis(axis.name, axis.value(number))
        for name, down in self._pressed(report).items():
            if name in TRIGGERS:
                latch.axis(name, float(down))
            else:
                latch.button(name, down=down)

    def _pressed(self, report: bytes) -> dict[str, bool]:
        """Each button, and whether it is down."""
        found: dict[str, bool] = {}
        for byte, names in self.buttons.items():
            for bit, name in enumerate(names.split()):
                if name != _NONE:
                    found[name] = found.get(name, False) or bool(report[byte] >> bit & 1)
        if self.hat is not None:
            byte, up = self.hat
            direction = (report[byte] & 0x0F) - up
            found |= {name: direction in directions for name, directions in _HAT}
        return found


class Rumble(NamedTuple):
    """A report to the pad that sets its motors."""

    report: bytes
    motors: tuple[int, ...]  # the bytes of their strengths
    full: int
    wired: bool  # only over USB: over Bluetooth it would need a checksum

    def bytes_for(self, strength: float) -> bytes:
        """The report for a ``strength`` in [0, 1]."""
        made = bytearray(self.report)
        for motor in self.motors:
            made[motor] = round(min(max(strength, 0.0), 1.0) * self.full)
        return bytes(made)


@dataclass(frozen=True)
class Layout:
    """A pad: its name, and what it sends; the first kind of report that fits counts."""

    name: str
    reports: tuple[HidReport, ...]
    rumble: Rumble | None = None


def parse(layout: Layout, report: bytes, latch: Latch) -> None:
    """Tell ``latch`` what ``report`` says; one of an unknown kind says nothing."""
    for kind in layout.reports:
        if kind.fits(report):
            kind.tell(report, latch)
            return


def _sticks(byte: int, bits: int = 8) -> tuple[Axis, ...]:
    """Both sticks from ``byte`` on: left x, left y, right x, right y; right and down are high."""
    names = [name for stick in STICKS for name in stick]
    middle, top = 1 << bits - 1, (1 << bits) - 1
    return tuple(Axis(name, 8 * byte + i * bits, bits, middle, top) for i, name in enumerate(names))


def _triggers(byte: int, bits: int = 8) -> tuple[Axis, ...]:
    """Both triggers from ``byte`` on, in as many whole bytes as each needs."""
    wide = -(-bits // 8) * 8
    top = (1 << bits) - 1
    return tuple(Axis(name, 8 * byte + i * wide, bits, 0, top) for i, name in enumerate(TRIGGERS))


# Logitech, with the switch at the back at D; the F710's receiver numbers its reports, wires do not
_SHOULDERS = "leftshoulder rightshoulder lefttrigger righttrigger back start leftstick rightstick"


def _logitech(name: str, at: int, number: int | None) -> Layout:
    buttons = {at + 4: "- - - - x a b y", at + 5: _SHOULDERS}
    report = HidReport(_sticks(at), buttons, hat=(at + 4, 0), id=number, shortest=at + 6)
    return Layout(name, (report,))


# Sony
_FACES = "- - - - x a b y"
_MIDDLE = "leftshoulder rightshoulder - - back start leftstick rightstick"
_LAST = "guide touchpad"  # the bits above them count reports
_WITH_MUTE = "guide touchpad misc1"


def _sony(
    number: int,
    at: tuple[int, int, int],
    shortest: int,
    *,
    longest: int = _LONGEST,
    last: str = _LAST,
    marked: tuple[int, int] | None = None,
) -> HidReport:
    """A report with its sticks, triggers and buttons beginning ``at`` these bytes."""
    sticks, triggers, buttons = at
    names = {buttons: _FACES, buttons + 1: _MIDDLE, buttons + 2: last}
    axes = _sticks(sticks) + _triggers(triggers)
    return HidReport(axes, names, (buttons, 0), number, shortest, longest, marked)


_DUALSHOCK_4 = Layout(
    "DualShock 4",
    (
        _sony(0x01, (1, 8, 5), 10),  # USB, and Bluetooth until something asks for more
        _sony(0x11, (3, 10, 7), 12, marked=(1, 0x80)),  # Bluetooth, with motion and touch
    ),
    Rumble(bytes([0x05, 0x01, *[0] * 30]), (4, 5), 255, wired=True),
)
_DUALSENSE = Layout(
    "DualSense",
    (
        _sony(0x01, (1, 5, 8), 64, longest=64, last=_WITH_MUTE),  # USB
        # Bluetooth until something asks for more; Windows makes it as long as the longest
        *(_sony(0x01, (1, 8, 5), length, longest=length) for length in (10, 78)),
        _sony(0x31, (2, 6, 9), 12, last=_WITH_MUTE),  # Bluetooth, with motion and touch
    ),
    Rumble(bytes([0x02, 0x03, *[0] * 46]), (3, 4), 255, wired=True),
)

# Nintendo
_REACH = 1500  # of 2048, which its sticks have about their middle


def _stick_12(byte: int, names: tuple[str, str]) -> tuple[Axis, Axis]:
    """A stick of two 12-bit numbers about the middle; up is high."""
    (across, along), middle = names, 1 << 11
    return (
        Axis(across, 8 * byte, 12, middle, middle + _REACH),
        Axis(along, 8 * byte + 12, 12, middle, middle - _REACH),
    )


_SWITCH_PRO = Layout(
    "Switch Pro Controller",
    (
        HidReport(
            _stick_12(6, STICKS[0]) + _stick_12(9, STICKS[1]),
            {
                3: "x y a b - - rightshoulder righttrigger",
                4: "back start rightstick leftstick guide misc1",
                5: "dpdown dpup dpright dpleft - - leftshoulder lefttrigger",
            },
            id=0x30,
            shortest=12,
        ),
        HidReport(
            _sticks(4, bits=16),
            {
                1: "a b x y leftshoulder rightshoulder lefttrigger righttrigger",
                2: "back start leftstick rightstick guide misc1",
            },
            hat=(3, 0),
            id=0x3F,
            shortest=12,
        ),
    ),
)

# Microsoft, over Bluetooth
_XBOX_AXES = _sticks(1, bits=16) + _triggers(9, bits=10)
_XBOX_RUMBLE = Rumble(bytes([0x03, 0x03, 0, 0, 0, 0, 0xFF, 0, 0]), (4, 5), 100, wired=False)
_XBOX_FIRST = "a b - x y - leftshoulder rightshoulder"
_XBOX_SECOND = "- - back start guide leftstick rightstick"
_GUIDE = HidReport((), {1: "guide"}, id=0x02, shortest=2)  # in old firmware, apart


def _xbox(name: str, buttons: Mapping[int, str], *more: HidReport) -> Layout:
    length = max(buttons) + 1
    report = HidReport(_XBOX_AXES, buttons, hat=(13, 1), id=0x01, shortest=length)
    return Layout(name, (report, *more), _XBOX_RUMBLE)


_XBOX_SERIES = _xbox("Xbox Wireless Controller", {14: _XBOX_FIRST, 15: _XBOX_SECOND, 16: "misc1"})
_XBOX_ONE_S = _xbox(
    "Xbox One S Controller", {14: _XBOX_FIRST, 15: _XBOX_SECOND, 16: "back"}, _GUIDE
)
_XBOX_ONE_S_OLD = _xbox(
    "Xbox One S Controller (old firmware)",
    {14: "a b x y leftshoulder rightshoulder back start", 15: "leftstick rightstick"},
    _GUIDE,
)

PADS: Mapping[tuple[int, int], Layout] = {
    (0x046D, 0xC216): _logitech("Logitech F310", 0, None),
    (0x046D, 0xC218): _logitech("Logitech F510 or RumblePad 2", 0, None),
    (0x046D, 0xC219): _logitech("Logitech F710 or Cordless RumblePad 2", 1, 0x01),
    (0x054C, 0x05C4): _DUALSHOCK_4,
    (0x054C, 0x09CC): _DUALSHOCK_4,
    (0x054C, 0x0CE6): _DUALSENSE,
    (0x057E, 0x2009): _SWITCH_PRO,
    (0x045E, 0x0B13): _XBOX_SERIES,
    (0x045E, 0x02FD): _XBOX_ONE_S,
    (0x045E, 0x02E0): _XBOX_ONE_S_OLD,
}
"""The known pads, by vendor and product."""
