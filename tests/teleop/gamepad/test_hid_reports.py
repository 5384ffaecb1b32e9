"""What the bytes of gamepads' reports mean, for each known pad."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.manual import BUTTONS, PAD, STICKS, TRIGGERS
from teleop.device import DeviceState, Latch
from teleop.gamepad.hid_reports import PADS, Layout, parse

F310 = PADS[0x046D, 0xC216]
F710 = PADS[0x046D, 0xC219]
DUALSHOCK = PADS[0x054C, 0x09CC]
DUALSENSE = PADS[0x054C, 0x0CE6]
SWITCH = PADS[0x057E, 0x2009]
SERIES = PADS[0x045E, 0x0B13]
ONE_S = PADS[0x045E, 0x02FD]
OLD = PADS[0x045E, 0x02E0]
AXES = tuple(axis for stick in STICKS for axis in stick)
HATS = [
    {"dpup"},
    {"dpup", "dpright"},
    {"dpright"},
    {"dpright", "dpdown"},
    {"dpdown"},
    {"dpdown", "dpleft"},
    {"dpleft"},
    {"dpleft", "dpup"},
]


class Wire(NamedTuple):
    """A pad as it reports: at rest, and what changes in it with each control."""

    layout: Layout
    rest: bytes
    buttons: Mapping[str, tuple[int, int]]  # by name, a byte and its bit
    hat: int | None  # its byte
    released: int  # of the hat
    up: int
    sticks: int  # their first byte
    step: int  # bytes to the next axis
    triggers: int | None = None  # the first byte of the analogue ones
    wide: int = 8  # their bits


def hexed(text: str, length: int = 0) -> bytes:
    found = bytes.fromhex(text)
    return found + bytes(max(0, length - len(found)))


LOGITECH = {
    "x": (4, 0x10),
    "a": (4, 0x20),
    "b": (4, 0x40),
    "y": (4, 0x80),
    "leftshoulder": (5, 1),
    "rightshoulder": (5, 2),
    "back": (5, 0x10),
    "start": (5, 0x20),
    "lefttrigger": (5, 4),
    "righttrigger": (5, 8),
    "leftstick": (5, 0x40),
    "rightstick": (5, 0x80),
}
SONY = {
    "x": (0, 0x10),
    "a": (0, 0x20),
    "b": (0, 0x40),
    "y": (0, 0x80),
    "leftshoulder": (1, 1),
    "rightshoulder": (1, 2),
    "back": (1, 0x10),
    "start": (1, 0x20),
    "leftstick": (1, 0x40),
    "rightstick": (1, 0x80),
    "guide": (2, 1),
    "touchpad": (2, 2),
}
XBOX = {
    "a": (14, 1),
    "b": (14, 2),
    "x": (14, 8),
    "y": (14, 0x10),
    "leftshoulder": (14, 0x40),
    "rightshoulder": (14, 0x80),
    "back": (15, 4),
    "start": (15, 8),
    "guide": (15, 0x10),
    "leftstick": (15, 0x20),
    "rightstick": (15, 0x40),
}
XBOX_REST = "01 0080 0080 0080 0080 0000 0000 00 00 00"


def moved(buttons: Mapping[str, tuple[int, int]], by: int) -> dict[str, tuple[int, int]]:
    return {name: (byte + by, bit) for name, (byte, bit) in buttons.items()}


WIRES = {
    "F310": Wire(F310, hexed("80 80 80 80 08 00 00 ff"), LOGITECH, 4, 8, 0, 0, 1),
    "F510": Wire(PADS[0x046D, 0xC218], hexed("80 80 80 80 08 00 04 fc"), LOGITECH, 4, 8, 0, 0, 1),
    "F710": Wire(F710, hexed("01 80 80 80 80 08 00 06"), moved(LOGITECH, 1), 5, 8, 0, 1, 1),
    "DualShock 4, USB": Wire(
        DUALSHOCK, hexed("01 80 80 80 80 08 00 54 00 00 d1", 64), moved(SONY, 5), 5, 8, 0, 1, 1, 8
    ),
    "DualShock 4, Bluetooth, simple": Wire(
        PADS[0x054C, 0x05C4],
        hexed("01 80 80 80 80 08 00 54 00 00"),
        moved(SONY, 5),
        *(5, 8, 0, 1, 1, 8),
    ),
    "DualShock 4, Bluetooth": Wire(
        DUALSHOCK, hexed("11 c0 00 80 80 80 80 08 00 54", 78), moved(SONY, 7), 7, 8, 0, 3, 1, 10
    ),
    "DualSense, USB": Wire(
        DUALSENSE,
        hexed("01 80 80 80 80 00 00 e3 08 00 00", 64),
        moved(SONY | {"misc1": (2, 4)}, 8),
        *(8, 8, 0, 1, 1, 5),
    ),
    "DualSense, Bluetooth, simple": Wire(
        DUALSENSE, hexed("01 80 80 80 80 08 00 54 00 00"), moved(SONY, 5), 5, 8, 0, 1, 1, 8
    ),
    "DualSense, Bluetooth, simple, on Windows": Wire(
        DUALSENSE, hexed("01 80 80 80 80 08 00 54 00 00", 78), moved(SONY, 5), 5, 8, 0, 1, 1, 8
    ),
    "DualSense, Bluetooth": Wire(
        DUALSENSE,
        hexed("31 41 80 80 80 80 00 00 01 08 00 00", 78),
        moved(SONY | {"misc1": (2, 4)}, 9),
        *(9, 8, 0, 2, 1, 6),
    ),
    "Switch Pro, simple": Wire(
        SWITCH,
        hexed("3f 00 00 08 0080 0080 0080 0080"),
        {
            "a": (1, 1),
            "b": (1, 2),
            "x": (1, 4),
            "y": (1, 8),
            "leftshoulder": (1, 0x10),
            "rightshoulder": (1, 0x20),
            "lefttrigger": (1, 0x40),
            "righttrigger": (1, 0x80),
            "back": (2, 1),
            "start": (2, 2),
            "leftstick": (2, 4),
            "rightstick": (2, 8),
            "guide": (2, 0x10),
            "misc1": (2, 0x20),
        },
        *(3, 8, 0, 4, 2),
    ),
    "Switch Pro": Wire(
        SWITCH,
        hexed("30 7a 90 00 80 00 00 08 80 00 08 80 0b", 64),
        {
            "x": (3, 1),
            "y": (3, 2),
            "a": (3, 4),
            "b": (3, 8),
            "rightshoulder": (3, 0x40),
            "righttrigger": (3, 0x80),
            "back": (4, 1),
            "start": (4, 2),
            "rightstick": (4, 4),
            "leftstick": (4, 8),
            "guide": (4, 0x10),
            "misc1": (4, 0x20),
            "dpdown": (5, 1),
            "dpup": (5, 2),
            "dpright": (5, 4),
            "dpleft": (5, 8),
            "leftshoulder": (5, 0x40),
            "lefttrigger": (5, 0x80),
        },
        *(None, 0, 0, 6, 0),
    ),
    "Xbox Series": Wire(
        SERIES, hexed(XBOX_REST, 17), XBOX | {"misc1": (16, 1)}, 13, 0, 1, 1, 2, 9, 10
    ),
    "Xbox One S": Wire(ONE_S, hexed(XBOX_REST, 17), XBOX, 13, 0, 1, 1, 2, 9, 10),
    "Xbox One S, old": Wire(
        OLD,
        hexed(XBOX_REST),
        {
            "a": (14, 1),
            "b": (14, 2),
            "x": (14, 4),
            "y": (14, 8),
            "leftshoulder": (14, 0x10),
            "rightshoulder": (14, 0x20),
            "back": (14, 0x40),
            "start": (14, 0x80),
            "leftstick": (15, 1),
            "rightstick": (15, 2),
        },
        *(13, 0, 1, 1, 2, 9, 10),
    ),
}
each_wire = pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)


def reported(layout: Layout, *reports: bytes) -> DeviceState:
    latch = Latch()
    for report in reports:
        parse(layout, report, latch)
    return latch.take()


def with_byte(report: bytes, byte: int, value: int) -> bytes:
    return report[:byte] + bytes([value]) + report[byte + 1 :]


def with_bit(report: bytes, byte: int, bit: int) -> bytes:
    return with_byte(report, byte, report[byte] | bit)


def with_number(report: bytes, byte: int, size: int, value: int) -> bytes:
    return report[:byte] + value.to_bytes(size, "little") + report[byte + size :]


@each_wire
def test_at_rest_nothing_is_pressed_and_all_axes_are_in_the_middle(wire: Wire) -> None:
    state = reported(wire.layout, wire.rest)
    assert (state.held, state.pressed) == (frozenset(), ())
    assert state.axes == dict.fromkeys((*AXES, *TRIGGERS), 0.0)


@each_wire
def test_each_button_alone_is_that_button_alone(wire: Wire) -> None:
    for name, (byte, bit) in wire.buttons.items():
        state = reported(wire.layout, wire.rest, with_bit(wire.rest, byte, bit), wire.rest)
        assert state.pressed == (name,)
        assert state.held == frozenset()


@each_wire
def test_buttons_together_are_all_of_them(wire: Wire) -> None:
    report = wire.rest
    for byte, bit in wire.buttons.values():
        report = with_bit(report, byte, bit)
    assert reported(wire.layout, report).held == set(wire.buttons)


@pytest.mark.parametrize("wire", [wire for wire in WIRES.values() if wire.hat is not None])
def test_the_hat_has_eight_directions_and_a_middle(wire: Wire) -> None:
    assert wire.hat is not None
    high = wire.rest[wire.hat] & 0xF0
    for number, held in enumerate(HATS):
        report = with_byte(wire.rest, wire.hat, high | number + wire.up)
        assert reported(wire.layout, report).held == held
        assert reported(wire.layout, report, wire.rest).held == set()
    for value in {*range(16)} - {*range(wire.up, wire.up + 8)}:
        assert reported(wire.layout, with_byte(wire.rest, wire.hat, high | value)).held == set()


@pytest.mark.parametrize("wire", [wire for wire in WIRES.values() if wire.step])
def test_a_stick_goes_all_the_way_each_way(wire: Wire) -> None:
    top = 256**wire.step - 1
    for index, name in enumerate(AXES):
        byte = wire.sticks + index * wire.step
        for value, direction in ((0, -1.0), (top, 1.0), (top // 4, -0.5), (top - top // 4, 0.5)):
            axes = reported(wire.layout, with_number(wire.rest, byte, wire.step, value)).axes
            assert axes[name] == pytest.approx(direction, abs=0.02)
            assert all(axes[other] == 0 for other in AXES if other != name)


def test_a_switch_pros_twelve_bit_sticks_are_high_where_they_are_up() -> None:
    wire = WIRES["Switch Pro"]

    def stick(byte: int, across: int, along: int) -> dict[str, float]:
        report = with_number(wire.rest, byte, 3, along << 12 | across)
        return dict(reported(SWITCH, report).axes)

    for byte, (across, along) in zip((6, 9), STICKS, strict=True):
        assert stick(byte, 2048, 4095)[along] == -1.0  # up
        assert stick(byte, 2048, 0)[along] == 1.0
        assert stick(byte, 4095, 2048)[across] == 1.0
        assert stick(byte, 2048 - 750, 2048)[across] == -0.5
        assert stick(byte, 2048, 2048 + 750)[along] == -0.5


@pytest.mark.parametrize("wire", [wire for wire in WIRES.values() if wire.triggers is not None])
def test_an_analogue_trigger_is_an_axis_and_far_enough_a_press(wire: Wire) -> None:
    assert wire.triggers is not None
    size, top = -(-wire.wide // 8), 2**wire.wide - 1
    for index, name in enumerate(TRIGGERS):
        byte = wire.triggers + index * size
        for value, held in ((top, {name}), (top // 4, set()), (top * 3 // 4, {name})):
            state = reported(wire.layout, with_number(wire.rest, byte, size, value))
            assert state.axes[name] == pytest.approx(value / top)
            assert state.held == held


@pytest.mark.parametrize("name", ["F310", "F510", "F710", "Switch Pro", "Switch Pro, simple"])
def test_a_trigger_that_is_a_button_is_an_axis_too(name: str) -> None:
    wire = WIRES[name]
    for trigger in TRIGGERS:
        report = with_bit(wire.rest, *wire.buttons[trigger])
        assert reported(wire.layout, report).axes[trigger] == 1.0


def test_bits_that_count_reports_are_no_button() -> None:
    simple = "DualShock 4, Bluetooth, simple", "DualSense, Bluetooth, simple"
    for name in ("DualShock 4, USB", *simple):
        rest = WIRES[name].rest
        for count in range(64):
            assert reported(WIRES[name].layout, with_byte(rest, 7, count << 2)).held == set()


def test_an_old_xbox_pad_tells_its_guide_button_apart() -> None:
    for layout in (ONE_S, OLD):
        assert reported(layout, hexed("02 01")).pressed == ("guide",)
        assert reported(layout, hexed("02 01"), hexed("02 00")).held == set()


def test_an_xbox_one_s_has_its_back_button_in_either_of_two_places() -> None:
    rest = WIRES["Xbox One S"].rest
    assert reported(ONE_S, with_bit(rest, 16, 1)).held == {"back"}
    assert reported(ONE_S, with_bit(with_bit(rest, 16, 1), 15, 4)).pressed == ("back",)


def test_a_report_without_controls_says_nothing() -> None:
    sound = with_byte(with_bit(WIRES["DualShock 4, Bluetooth"].rest, 7, 0x20), 1, 0x40)
    assert reported(DUALSHOCK, sound) == DeviceState()
    for layout, report in ((F710, "02 00 00 00 00 00 00 00"), (SERIES, "04 83"), (SWITCH, "21")):
        assert reported(layout, hexed(report)) == DeviceState()


def test_a_stick_that_moves_leaves_a_button_that_is_held_as_it_is() -> None:
    wire = WIRES["F710"]
    held = with_bit(wire.rest, *wire.buttons["rightshoulder"])
    state = reported(F710, held, with_byte(held, 1, 255), with_byte(held, 1, 0))
    assert (state.held, state.pressed) == ({"rightshoulder"}, ("rightshoulder",))


@each_wire
def test_a_report_cut_short_says_no_more_than_what_is_in_it(wire: Wire) -> None:
    kinds = {10, 64, 78}  # cut to one of these, a DualSense's is one of another kind
    for length in {*range(len(wire.rest))} - kinds:
        assert reported(wire.layout, wire.rest[:length]).held == set()


@given(
    layout=st.sampled_from(list(PADS.values())),
    reports=st.lists(
        st.tuples(st.sampled_from([b"", b"\x01", b"\x11", b"\x30", b"\x31", b"\x3f"]), st.binary())
    ),
)
def test_any_bytes_give_known_names_and_numbers_in_range(
    layout: Layout, reports: list[tuple[bytes, bytes]]
) -> None:
    state = reported(layout, *(first + rest for first, rest in reports))
    assert state.held | set(state.pressed) <= {*BUTTONS, *TRIGGERS}
    assert state.axes.keys() <= set(PAD) - set(BUTTONS)
    for name, value in state.axes.items():
        assert (0 if name in TRIGGERS else -1) <= value <= 1


def test_every_layout_is_tried_here_and_has_what_the_usual_layout_needs() -> None:
    assert {wire.layout.name for wire in WIRES.values()} == {pad.name for pad in PADS.values()}
    needed = {"a", "b", "x", "y", "leftshoulder", "rightshoulder", "back", "start", "leftstick"}
    for wire in WIRES.values():
        assert needed <= set(wire.buttons)


def test_motors_are_set_to_a_share_of_their_strength() -> None:
    four, five, series = DUALSHOCK.rumble, DUALSENSE.rumble, SERIES.rumble
    assert four is not None
    assert five is not None
    assert series is not None
    assert four.bytes_for(1.0) == hexed("05 01 00 00 ff ff", 32)
    assert five.bytes_for(0.4) == hexed("02 03 00 66 66", 48)
    assert series.bytes_for(0.5) == hexed("03 03 00 00 32 32 ff 00 00")
    assert four.bytes_for(0.0) == hexed("05 01", 32)
    assert four.bytes_for(7.0) == four.bytes_for(1.0)
