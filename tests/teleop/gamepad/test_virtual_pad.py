"""The pad that no hand holds: its messages, and what SDL makes of them."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from virtual_pads import PLAIN, isolate, plugged

from configs.manual import BUTTONS, TRIGGERS
from teleop.base import TeleopError
from teleop.gamepad.joysticks import RawState, joysticks
from teleop.gamepad.sdl import controller, gamepads, pygame
from teleop.virtual import pad as virtual
from teleop.virtual.pad import AXES, STANDARD, Model, VirtualPad
from teleop.virtual.remote import PadListener, Remote

WORDS = st.sampled_from(("axis", "value", "button", "down", "hat", "to", "plug", "name", "axes"))
EDGES = (-1.0, -0.25, 0.0, 0.5, 1.0)
MOVED = pygame.CONTROLLERAXISMOTION
DOWN, UP = pygame.CONTROLLERBUTTONDOWN, pygame.CONTROLLERBUTTONUP


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    isolate(monkeypatch, tmp_path)
    yield
    assert not pygame.joystick.get_init()
    assert not VirtualPad._plugged


@pytest.fixture
def hand() -> Iterator[VirtualPad]:
    """A pad of the standard layout, open, with nothing in the queue."""
    with plugged(STANDARD) as (hand,):
        opened = controller.Controller(0)
        pygame.event.get()
        yield hand
        opened.quit()


def seen() -> list[tuple[int, Any, Any]]:
    """What SDL has told of the pad since the last call."""
    found = []
    for event in pygame.event.get():
        if event.type == MOVED:
            found.append((MOVED, AXES[event.axis], event.value))
        elif event.type in (DOWN, UP):
            found.append((event.type, BUTTONS[event.button], None))
    return found


@pytest.mark.parametrize("name", AXES)
@pytest.mark.parametrize("value", EDGES)
def test_an_axis_goes_where_it_is_sent(hand: VirtualPad, name: str, value: float) -> None:
    hand.axis(name, 0.125)
    seen()
    if name in TRIGGERS:
        value = (value + 1) / 2
    hand.axis(name, value)
    [(what, which, got)] = seen()
    assert (what, which) == (MOVED, name)
    assert got / 32767 == pytest.approx(value, abs=1e-4)


def test_every_change_is_an_event_at_once_and_in_order(hand: VirtualPad) -> None:
    hand.tap("y", 0)
    hand.button("y", down=True)
    hand.axis("leftx", 1)
    hand.axis("leftx", -1)
    hand.button("y", down=False)
    assert seen() == [
        (DOWN, "y", None),
        (UP, "y", None),
        (DOWN, "y", None),
        (MOVED, "leftx", 32767),
        (MOVED, "leftx", -32768),
        (UP, "y", None),
    ]


def test_a_plain_joystick_is_moved_by_numbers() -> None:
    with plugged(PLAIN) as (hand,):
        [stick] = joysticks()
        assert (stick.name, stick.known) == ("Twin USB Joystick", False)
        hand.handle({"axis": 2, "value": -0.5})
        hand.handle({"button": 11, "down": True})
        for to in ([1, 1], [-1, -1], [0, 1], [-1, 0]):
            hand.handle({"hat": 0, "to": to})
            buttons = (False,) * 11 + (True,)
            assert stick.poll() == RawState((0, 0, -0.5, 0), buttons, (tuple(to),))
        hand.unplug()
        assert stick.poll() is None
        hand.plug()
        assert stick.poll() is None  # that one is gone
        assert [stick.name for stick in joysticks()] == ["Twin USB Joystick"]


def test_one_of_several_joysticks_that_is_unplugged_is_known_to_be_gone() -> None:
    with plugged(PLAIN, STANDARD) as (plain, _):
        first, second = joysticks()
        plain.unplug()
        assert second.poll() is not None
        assert first.poll() is None
        assert (second.name, second.known) == ("Virtual Gamepad", True)


def test_it_is_plugged_and_unplugged_again_and_again() -> None:
    with plugged(STANDARD, PLAIN) as (hand, other):
        for _ in range(5):
            hand.unplug()
            hand.unplug()
            assert (hand.index, other.index, controller.get_count()) == (None, 0, 1)
            with pytest.raises(ValueError, match="not plugged in"):
                hand.tap("y")
            hand.plug()
            hand.plug()
            assert (hand.index, other.index, controller.get_count()) == (1, 0, 2)


def test_what_it_was_asked_to_rumble_is_remembered(hand: VirtualPad) -> None:
    pad = controller.Controller(0)
    assert pad.rumble(1, 0.25, 1000)
    assert hand.rumbles == [(1, pytest.approx(0.25, abs=1e-4))]
    pad.stop_rumble()
    assert hand.rumbles[1:] == [(0, 0)]


def test_a_message_does_what_it_says_and_is_answered_with_the_time(
    hand: VirtualPad, tmp_path: Path
) -> None:
    with PadListener(tmp_path / "pad", hand.handle), Remote(tmp_path / "pad") as remote:
        before = time.monotonic()
        answer = remote.tell(axis="righty", value=0.5)
        assert before <= answer["at"] <= time.monotonic()
        remote.tell(button="a", down=True)
        remote.tell(tap="b", seconds=0.001)
        remote.tell(button="a", down=False)
        assert [what[:2] for what in seen()] == [
            (MOVED, "righty"),
            (DOWN, "a"),
            (DOWN, "b"),
            (UP, "b"),
            (UP, "a"),
        ]
        remote.tell(plug=False)
        assert controller.get_count() == 0
        remote.tell(plug=True)
        assert controller.get_count() == 1
        assert remote.tell(rumbles=True)["rumbles"] == []


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ({"axis": "leftx", "value": 1.5}, "leftx: 1.5 is not from -1 to 1"),
        ({"axis": "lefttrigger", "value": -0.5}, "lefttrigger: -0.5 is not from 0 to 1"),
        ({"axis": "leftz", "value": 0.5}, "no axis 'leftz'"),
        ({"axis": 6, "value": 0.5}, "Invalid axis"),
        ({"axis": "leftx", "value": "far"}, "TypeError"),
        ({"button": "k", "down": True}, "no button 'k'"),
        ({"button": 21, "down": True}, "Invalid button"),
        ({"button": "a", "down": 1}, "knows no"),
        ({"tap": "a"}, "knows no"),
        ({"hat": 0, "to": [0, 1]}, "Invalid hat"),
        ({"hat": 0, "to": [0, 2]}, "KeyError"),
        ({"plug": "in"}, "knows no"),
        ({}, "knows no"),
    ],
)
def test_a_message_that_says_nothing_is_refused_and_changes_nothing(
    hand: VirtualPad, tmp_path: Path, message: dict[str, Any], why: str
) -> None:
    with PadListener(tmp_path / "pad", hand.handle), Remote(tmp_path / "pad") as remote:
        with pytest.raises(TeleopError, match=why):
            remote.tell(**message)
        assert seen() == []
        remote.tell(button="a", down=True)
        assert seen() == [(DOWN, "a", None)]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from((*AXES, *BUTTONS)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.dictionaries(WORDS, ANYTHING, max_size=3) | ANYTHING, max_size=5))
def test_whatever_it_is_reported_it_answers(tmp_path: Path, messages: list[Any]) -> None:
    with ExitStack() as stack:
        [hand] = stack.enter_context(plugged(STANDARD))
        stack.enter_context(PadListener(tmp_path / "pad", hand.handle))
        end = stack.enter_context(socket.socket(socket.AF_UNIX))
        end.settimeout(10)
        end.connect(str(tmp_path / "pad"))
        lines = stack.enter_context(end.makefile("rwb"))
        for message in [*messages, {"plug": True}, {"rumbles": True}]:
            lines.write(json.dumps(message).encode() + b"\n")
            lines.flush()
            answer = json.loads(lines.readline())
            assert answer.keys() & {"at", "error"}
        assert answer["rumbles"] == []


def test_another_model_can_be_plugged_in(hand: VirtualPad, tmp_path: Path) -> None:
    with PadListener(tmp_path / "pad", hand.handle), Remote(tmp_path / "pad") as remote:
        remote.tell(plug={"name": "Old pad", "axes": 2, "buttons": 8})
        [stick] = joysticks()
        remote.tell(button=7, down=True)
        assert (stick.name, stick.known) == ("Old pad", False)
        assert stick.poll() == RawState((0, 0), (False,) * 7 + (True,), ())
        with pytest.raises(TeleopError, match="unexpected keyword argument 'wheels'"):
            remote.tell(plug={"name": "Car", "axes": 2, "buttons": 8, "wheels": 4})
        with pytest.raises(TeleopError, match="SDL knows no pad 99"):
            remote.tell(plug={"name": "?", "axes": 2, "buttons": 8, "known_as": "99"})
        for odd in ({"axes": -1}, {"buttons": 65537}, {"hats": "x"}, {"name": 5}, {"vendor": 1e9}):
            with pytest.raises(TeleopError, match=next(iter(odd))):
                remote.tell(plug={"name": "Odd", "axes": 2, "buttons": 8, **odd})
        known = {"name": "raw", "axes": 6, "buttons": 11, "hats": 1, "triggers": [2, 5]}
        guid = "030000005e0400008e02000014010000"
        remote.tell(plug={**known, "known_as": guid})
        assert controller.name_forindex(0) == "X360 Controller"


def test_a_joystick_tells_every_place_of_its_axes_since_the_last_look() -> None:
    with plugged(PLAIN) as (hand,):
        [stick] = joysticks()
        stick.poll()
        reported = [-1.0, -0.5, 0.25, 1.0, 0.0]
        for value in reported:
            hand.axis(2, value)
        hand.button(1, down=True)
        states = stick.states()
        assert states is not None
        places = [state.axes[2] for state in states]
        assert list(dict.fromkeys(places)) == pytest.approx(reported, abs=1e-4)
        assert states[-1] == stick.poll()
        assert states[-1].buttons[1]
        hand.unplug()
        assert stick.states() is None


def test_names_are_for_the_standard_layout_only() -> None:
    with plugged(PLAIN) as (hand,), pytest.raises(ValueError, match="only numbers"):
        hand.button("a", down=True)


def test_who_moves_it_and_who_reads_it_do_not_wait_for_each_other() -> None:
    program = """
        import sys, threading, time
        from configs.manual import GamepadConfig
        from teleop.gamepad.pad import SDLPad
        from teleop.gamepad.sdl import gamepads
        from teleop.virtual.pad import VirtualPad

        def move():
            while not ended.is_set():
                hand.axis("leftx", 0.5)
                hand.axis("leftx", -0.5)

        ended = threading.Event()
        sys.setswitchinterval(1e-5)
        with gamepads(), VirtualPad() as hand, SDLPad(GamepadConfig()) as pad:
            thread = threading.Thread(target=move)
            thread.start()
            for turn in range(300):
                pad.rumble(turn / 300, 0.001)
                end = time.perf_counter() + 0.001
                while time.perf_counter() < end:  # either thread may have to end the rumble
                    pass
                assert pad.poll() is not None
            ended.set()
            thread.join()
            assert len(hand.rumbles) > 300
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": str(Path(virtual.__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_without_sdl_or_under_a_name_that_it_does_not_know_it_says_so() -> None:
    with pytest.raises(TeleopError, match="without SDL: start it first"):
        VirtualPad().plug()
    unknown = Model("Nobody's", 2, 2, known_as="0300000099990000999900000000ffff")
    with gamepads(), pytest.raises(TeleopError, match="SDL knows no pad 0300000099990000"):
        VirtualPad(unknown).plug()


def test_when_sdl_ends_before_it_nothing_breaks() -> None:
    hand = VirtualPad()
    with gamepads():
        hand.plug()
    assert hand.index is None
    hand.unplug()
    with gamepads(), hand:
        assert hand.index == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is found like that anyway")
@pytest.mark.parametrize("place", [".dylibs/libSDL2-2.0.0.dylib", "SDL2.dll"])
def test_where_linux_does_not_say_what_is_loaded_the_sdl_beside_pygame_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    loaded = next(virtual._candidates())
    monkeypatch.setattr(virtual, "_LOADED", tmp_path / "missing")
    monkeypatch.setattr(pygame, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(TeleopError, match="is not found"):
        VirtualPad()
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).symlink_to(loaded)
    with plugged(STANDARD):
        assert controller.name_forindex(0) == "Virtual Gamepad"


def test_its_description_has_the_size_that_sdl_expects() -> None:
    numbers, pointers = 8 * 2 + 2 * 4, 8
    assert ctypes.sizeof(virtual._Description) == numbers + pointers * ctypes.sizeof(
        ctypes.c_void_p
    )
