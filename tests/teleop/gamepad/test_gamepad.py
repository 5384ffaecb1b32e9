"""Gamepads over SDL, with real joystick and controller events of pads that no hand holds."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from virtual_pads import (
    ACCELEROMETER,
    DPAD,
    MAKES,
    PLAIN,
    PS5,
    SWITCH_PRO,
    XBOX_360,
    Make,
    isolate,
    plugged,
)

from configs.manual import BUTTONS, TRIGGERS, GamepadConfig
from teleop.base import TeleopError
from teleop.device import DeviceState
from teleop.gamepad import pad as gamepad
from teleop.gamepad import plugged as plugged_in
from teleop.gamepad.joysticks import joysticks
from teleop.gamepad.mappings import mappings_file, save_mapping
from teleop.gamepad.pad import SDLPad
from teleop.gamepad.plugged import unreadable
from teleop.gamepad.sdl import pygame
from teleop.virtual.pad import STANDARD, Model
from teleop.virtual.remote import Remote

THREADS = {"gamepad", "virtual device"}
REST = DeviceState()
QUICK = ("a", "b", "x", "y", "back", "start", "leftshoulder", "rightshoulder", "dpup")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    isolate(monkeypatch, tmp_path)
    yield
    assert not pygame.joystick.get_init()
    assert not pygame.display.get_init()


def now(pad: SDLPad) -> DeviceState:
    state = pad.poll()
    assert state is not None
    return state


@pytest.mark.parametrize("make", MAKES, ids=lambda make: make.name)
def test_every_control_of_the_common_pads_has_its_name(make: Make) -> None:
    with plugged(make.model) as (hand,), SDLPad(GamepadConfig()) as pad:
        assert pad.name == make.name
        for place, name in enumerate(make.buttons):
            hand.button(place, down=True)
            state = now(pad)
            assert state.pressed == tuple(state.held) == (() if name == "-" else (name,))
            hand.button(place, down=False)
            end = time.monotonic() + 5
            while name == "guide" and now(pad).held and time.monotonic() < end:
                pass  # SDL holds it for a quarter of a second
            assert now(pad).held == frozenset()
        for (right, up), name in DPAD.items():
            hand.hat(0, right, up)
            assert now(pad).held == {name}
            hand.hat(0, 0, 0)
        for place, name in enumerate(make.axes):
            hand.axis(place, 0.5)
            assert now(pad).axes[name] == pytest.approx(0.75 if name in TRIGGERS else 0.5, abs=1e-4)
            assert now(pad).held == ({name} if name in TRIGGERS else set())
            hand.axis(place, -1)
            assert now(pad).axes[name] == (0 if name in TRIGGERS else -1)
    assert {*make.buttons, *make.axes} >= {
        *TRIGGERS,
        "leftx",
        "lefty",
        "rightx",
        "righty",
        *QUICK[:-1],
    }


def test_a_button_that_is_a_trigger_on_some_pads_pulls_it_all_the_way() -> None:
    with plugged(SWITCH_PRO.model) as (hand,), SDLPad(GamepadConfig()) as pad:
        hand.button(8, down=True)
        state = now(pad)
        assert (state.axes, state.pressed) == ({"righttrigger": 1.0}, ("righttrigger",))


def test_a_thousand_taps_of_a_millisecond_between_two_polls_are_the_right_thousand(
    tmp_path: Path,
) -> None:
    rng = random.Random(5)
    wanted = [rng.choice(QUICK) for _ in range(1000)]
    got: list[str] = []
    path = tmp_path / "pad"

    def taps() -> None:
        with Remote(path) as remote:
            for name in wanted:
                remote.tell(tap=name, seconds=0.001)

    with SDLPad(GamepadConfig(virtual=path)) as pad, ThreadPoolExecutor() as outside:
        done = outside.submit(taps)
        while not done.done():
            got += now(pad).pressed
            time.sleep(1 / 30)
        done.result()
        got += now(pad).pressed
        assert now(pad).held == frozenset()
    assert got == wanted


@pytest.mark.skipif(sys.platform != "linux", reason="only there it is read between the polls")
def test_presses_wait_for_the_poll_however_late_it_is() -> None:
    with plugged(STANDARD) as (hand,), SDLPad(GamepadConfig()) as pad:
        for place in range(40_000):  # with what they change of sticks, more than SDL keeps
            hand.axis("leftx", (place % 200 - 100) / 100)
            hand.axis("righty", (place % 100 - 50) / 50)
        hand.tap("y")
        hand.button("rightshoulder", down=True)
        state = now(pad)
    assert state.pressed == ("y", "rightshoulder")
    assert state.axes == {
        "leftx": pytest.approx(0.99, abs=1e-4),
        "righty": pytest.approx(0.98, abs=1e-4),
    }


class AnyOrder(RuleBasedStateMachine):
    """A pad and its reader beside what the hand did since the last poll."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        [self.hand] = self.stack.enter_context(plugged(STANDARD))
        self.pad = self.stack.enter_context(SDLPad(GamepadConfig()))
        self.down: set[str] = set()
        self.pressed: list[str] = []
        self.axes: dict[str, float] = {}

    @rule(name=st.sampled_from(QUICK), down=st.booleans())
    def move_button(self, name: str, down: bool) -> None:
        self.hand.button(name, down=down)
        self.note(name, down)

    @rule(name=st.sampled_from(TRIGGERS), value=st.sampled_from((0.0, 0.25, 0.4, 0.6, 1.0)))
    def pull(self, name: str, value: float) -> None:
        self.hand.axis(name, value)
        self.axes[name] = value
        self.note(name, value > (0.35 if name in self.down else 0.5))

    @rule(name=st.sampled_from(("leftx", "righty")), value=st.sampled_from((-1.0, -0.5, 0.0, 1.0)))
    def lean(self, name: str, value: float) -> None:
        self.hand.axis(name, value)
        self.axes[name] = value

    @rule()
    def replug(self) -> None:
        self.hand.unplug()
        assert self.pad.poll() is None
        self.hand.plug()
        self.down, self.pressed, self.axes = set(), [], {}
        assert now(self.pad) == REST

    @rule()
    def poll(self) -> None:
        state = now(self.pad)
        assert (state.pressed, state.held) == (tuple(self.pressed), self.down)
        for name, value in self.axes.items():
            assert state.axes.get(name, 0) == pytest.approx(value, abs=1e-4)
        self.pressed.clear()

    def note(self, name: str, down: bool) -> None:
        if down and name not in self.down:
            self.pressed.append(name)
        (self.down.add if down else self.down.discard)(name)

    def teardown(self) -> None:
        with self.stack:
            self.poll()


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_a_pad_that_is_unplugged_is_lost_and_works_again_when_it_is_back() -> None:
    with plugged(STANDARD) as (hand,), SDLPad(GamepadConfig()) as pad:
        for turn in range(5):
            hand.axis("lefty", -1)
            hand.button("rightshoulder", down=True)
            assert now(pad) == DeviceState({"lefty": -1}, {"rightshoulder"}, ("rightshoulder",))
            hand.tap("y")
            hand.unplug()
            assert [pad.poll(), pad.poll()] == [None, None]
            hand.plug()
            assert now(pad) == REST  # nobody holds anything until it is pressed again
            hand.tap(QUICK[turn])
            assert now(pad).pressed == (QUICK[turn],)


def test_a_loss_between_two_polls_is_seen_and_presses_after_it_count() -> None:
    with plugged(STANDARD) as (hand,), SDLPad(GamepadConfig()) as pad:
        hand.button("rightshoulder", down=True)
        assert now(pad).held == {"rightshoulder"}
        hand.unplug()
        hand.plug()
        assert pad.poll() is None
        hand.tap("x")
        assert now(pad) == DeviceState(pressed=("x",))


def test_only_the_pad_that_was_chosen_counts() -> None:
    config = GamepadConfig(pad="switch")
    with plugged(XBOX_360.model, SWITCH_PRO.model, STANDARD) as teleop:
        xbox, switch, other = teleop
        with SDLPad(config) as pad:
            assert pad.name == "Nintendo Switch Pro Controller"
            for hand in (xbox, switch, other):
                hand.tap(0)
            assert now(pad).pressed == ("a",)  # 0 is a on all three: so many are not ours
            xbox.tap(0)
            xbox.axis(0, 1)
            other.unplug()
            assert now(pad) == REST
            switch.unplug()
            other.plug()
            assert pad.poll() is None
            assert pad.poll() is None  # another one is no substitute
            switch.plug()
            assert now(pad) == REST
            switch.tap(2)
            assert now(pad).pressed == ("y",)  # where others have y; it is called X here


def test_without_a_choice_any_pad_counts_after_the_loss_of_the_first() -> None:
    with plugged(PLAIN, XBOX_360.model, PS5.model) as teleop:
        _, xbox, sony = teleop
        with SDLPad(GamepadConfig()) as pad:
            assert pad.name == "X360 Controller"
            xbox.tap(0)
            assert now(pad).pressed == ("a",)
            sony.tap(0)
            assert now(pad) == REST
            xbox.unplug()
            assert pad.poll() is None
            assert now(pad) == REST  # the other one lay there all the time
            assert pad.name == "PS5 Controller"
            sony.tap(0)
            assert now(pad).pressed == ("a",)
            xbox.plug()
            xbox.tap(0)
            assert now(pad) == REST  # the one that somebody uses stays


def test_a_substitute_that_nobody_touched_gives_way_to_the_pad_that_comes_back() -> None:
    with plugged(XBOX_360.model, PS5.model) as (xbox, _), SDLPad(GamepadConfig()) as pad:
        xbox.unplug()
        assert pad.poll() is None
        assert (now(pad), pad.name) == (REST, "PS5 Controller")
        xbox.plug()
        assert pad.poll() is None
        assert (now(pad), pad.name) == (REST, "X360 Controller")
        xbox.tap("b" if xbox.model is STANDARD else 1)
        assert now(pad).pressed == ("b",)


def test_of_two_pads_the_one_that_is_pressed_first_is_in_the_hand() -> None:
    with plugged(XBOX_360.model, XBOX_360.model, PS5.model) as teleop:
        idle, twin, sony = teleop
        with SDLPad(GamepadConfig()) as pad:
            idle.axis(0, 0.3)  # it drifts, and nobody has it in the hand
            assert now(pad).axes.keys() == {"leftx"}
            twin.axis(0, 1)
            assert now(pad).axes["leftx"] == pytest.approx(0.3, abs=1e-4)
            twin.button(5, down=True)
            assert now(pad) == DeviceState(held={"rightshoulder"}, pressed=("rightshoulder",))
            for other in (idle, sony):
                other.tap(0)
                other.axis(0, -1)
            twin.axis(0, 0.5)
            state = now(pad)
            assert (state.axes, state.held) == (
                {"leftx": pytest.approx(0.5, abs=1e-4)},
                {"rightshoulder"},
            )
            assert not state.pressed
            idle.unplug()
            assert now(pad).held == {"rightshoulder"}  # nothing of it was lost
            twin.unplug()
            assert pad.poll() is None
            assert (now(pad), pad.name) == (REST, "PS5 Controller")


def test_a_pad_of_which_a_stick_is_pushed_is_in_the_hand() -> None:
    with plugged(XBOX_360.model, PS5.model) as (hand, other), SDLPad(GamepadConfig()) as pad:
        hand.axis(1, -0.6)
        other.tap(0)
        state = now(pad)
        assert (pad.name, state.pressed) == ("X360 Controller", ())
        assert state.axes == {"lefty": pytest.approx(-0.6, abs=1e-4)}


def test_a_pad_that_nobody_touches_gives_way_to_one_that_is_plugged_in_later() -> None:
    with plugged(PS5.model, SWITCH_PRO.model) as (_, other), SDLPad(GamepadConfig()) as pad:
        other.unplug()
        assert (now(pad), pad.name) == (REST, "PS5 Controller")
        with plugged(XBOX_360.model) as (hand,):
            assert pad.poll() is None
            assert (now(pad), pad.name) == (REST, "X360 Controller")
            hand.tap(0)
            assert now(pad).pressed == ("a",)
            other.plug()
            assert (now(pad), pad.name) == (REST, "X360 Controller")


FITS = (XBOX_360, PS5)
JUNK = (PLAIN, ACCELEROMETER, Model("Gaming Keyboard", axes=1, buttons=0))


class AnyArrival(RuleBasedStateMachine):
    """Pads and what is none, plugged in and unplugged in any order beside a reader."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        models = [make.model for make in FITS] + list(JUNK)
        self.teleop = self.stack.enter_context(plugged(*models))
        self.pad = self.stack.enter_context(SDLPad(GamepadConfig()))

    @rule(place=st.integers(0, 4), polled=st.booleans())
    def change(self, place: int, polled: bool) -> None:
        hand = self.teleop[place]
        (hand.plug if hand.index is None else hand.unplug)()
        if polled:
            self.poll()

    @rule()
    def poll(self) -> None:
        there = [self.teleop[place] for place, _ in enumerate(FITS)]
        there = [hand for hand in there if hand.index is not None]
        self.pad.poll()  # None, if one was lost
        assert (self.pad.poll() is not None) == bool(there)
        for hand in there:
            hand.tap(0)
        if there:
            assert now(self.pad).pressed == ("a",)
            assert self.pad.name in [make.name for make in FITS]

    def teardown(self) -> None:
        with self.stack:
            self.poll()


TestAnyArrival = AnyArrival.TestCase
TestAnyArrival.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)


class Untold(NamedTuple):
    """An axis of a pad whose driver tells ``start`` until it moves."""

    axis: int
    start: float
    moves: tuple[float, ...]
    ends: float  # what it then counts


@pytest.mark.parametrize(
    "axis",
    [
        *(Untold(2, start, (-0.5, -1.0), 0.0) for start in (-1.0, 0.0, 0.5, 1.0)),
        *(Untold(5, start, (0.4, 1.0, -0.9, -1.0), 0.0) for start in (-1.0, 0.0, 1.0)),
        Untold(5, 0.0, (-0.3, 1.0), 1.0),
        Untold(2, 0.0, (1.0, 0.0), 0.0),  # it rests in the middle of its axis
        *(Untold(0, start, (0.5, 0.0), 0.0) for start in (-1.0, 1.0)),
        *(Untold(4, start, (0.01, 0.0), 0.0) for start in (-1.0, 1.0)),
    ],
)
@pytest.mark.parametrize("replugged", [False, True])
def test_an_axis_counts_once_it_moves_and_rests_where_it_comes_to_rest(
    axis: Untold, replugged: bool
) -> None:
    model = replace(PS5.model, triggers=())
    name = PS5.axes[axis.axis]
    with plugged(model) as (hand,):
        hand.axis(axis.axis, axis.start)
        with SDLPad(GamepadConfig()) as pad:
            assert now(pad) == REST
            if replugged:
                hand.unplug()
                assert pad.poll() is None
                hand.plug()
                hand.axis(axis.axis, axis.start)
                now(pad)
            for value in axis.moves:
                hand.axis(axis.axis, value)
            state = now(pad)
            assert state.axes.get(name, 0.0) == pytest.approx(axis.ends, abs=1e-3)
            assert (name in state.held) == (axis.ends > 0.5)


@pytest.mark.parametrize("start", [-1.0, 1.0])
def test_an_axis_that_is_a_button_is_pressed_by_nobody_before_it_moves(start: float) -> None:
    with plugged(PLAIN):
        [stick] = joysticks()
    save_mapping(f"{stick.guid},Old pad,dpup:-a3,dpdown:+a3,y:a2,lefttrigger:a1~,")
    with plugged(PLAIN) as (hand,):
        for axis in (1, 2, 3):
            hand.axis(axis, start)
        with SDLPad(GamepadConfig()) as pad:
            assert now(pad) == REST
            hand.axis(3, 0.9)
            hand.axis(3, 0)
            assert now(pad).pressed == ("dpdown",)
            hand.axis(2, -0.9)
            hand.axis(2, -1)
            hand.axis(1, 0.9)
            hand.axis(1, 1)  # it rests at its upper end
            state = now(pad)
            assert (state.pressed, state.held) == ((), frozenset())
            assert state.axes["lefttrigger"] == 0.0


def test_a_pad_rumbles_and_stops_and_a_lost_one_does_not_mind() -> None:
    with plugged(STANDARD) as (hand,), SDLPad(GamepadConfig()) as pad:
        began = time.monotonic()
        pad.rumble(0.5, 0.05)
        assert hand.rumbles == [pytest.approx((0.5, 0.5), abs=1e-4)]
        while len(hand.rumbles) < 2 and time.monotonic() < began + 5:
            pad.poll()
        assert time.monotonic() - began >= 0.049  # SDL counts milliseconds
        assert hand.rumbles[1:] == [(0, 0)]
        hand.unplug()
        pad.rumble(1, 1)
        pad.poll()
        pad.rumble(1, 1)
        assert len(hand.rumbles) == 2


def test_a_virtual_pad_is_moved_through_its_socket_and_no_other_pad_counts(tmp_path: Path) -> None:
    path = tmp_path / "pad"
    with plugged(XBOX_360.model) as teleop:
        [real] = teleop
        with SDLPad(GamepadConfig(virtual=path)) as pad, Remote(path) as remote:
            assert pad.name == "Virtual Gamepad"
            real.tap(0)
            for name in BUTTONS:
                remote.tell(tap=name, seconds=0)
            assert now(pad).pressed == BUTTONS
            remote.tell(button="rightshoulder", down=True)
            remote.tell(plug=False)
            assert pad.poll() is None
            real.unplug()
            real.plug()
            assert pad.poll() is None
            remote.tell(plug=True)
            assert now(pad) == REST
            pad.rumble(1, 1)
            assert remote.tell(rumbles=True)["rumbles"] == [[1, 1]]


def test_a_virtual_pad_is_held_for_as_many_polls_as_it_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "pad"
    with SDLPad(GamepadConfig(virtual=path)) as pad, Remote(path) as remote:
        before = remote.tell(axis="leftx", value=1.0, polls=3)["polls"]
        remote.tell(axis="righttrigger", value=1.0, polls=2)
        remote.tell(button="y", polls=1)
        states = [now(pad) for _ in range(4)]
        assert remote.tell(rumbles=True)["polls"] == before + 4
        remote.tell(button="a", polls=1)
        remote.tell(plug=False)
        pad.poll()
        remote.tell(plug=True)
        assert now(pad).held == frozenset()
    assert [state.axes.get("leftx", 0.0) for state in states] == [1.0, 1.0, 1.0, 0.0]
    assert [state.axes.get("righttrigger", 0.0) for state in states] == [1.0, 1.0, 0.0, 0.0]
    assert ["y" in state.held for state in states] == [True, False, False, False]


def test_it_can_be_entered_again_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = GamepadConfig(virtual=tmp_path / "pad")
    monkeypatch.delenv("SDL_VIDEODRIVER", raising=False)
    before = dict(os.environ)
    pad = SDLPad(config)
    for name in ("a", "b", "x"):
        with pad, Remote(tmp_path / "pad") as remote:
            assert dict(os.environ) == before  # a child's window is a real one
            remote.tell(tap=name, seconds=0)
            remote.tell(button="y", down=True)
            assert now(pad) == DeviceState({}, {"y"}, (name, "y"))
        assert not pygame.joystick.get_init()
    assert not threads()


def test_it_leaves_an_sdl_that_others_use_as_it_was() -> None:
    with plugged(STANDARD) as (hand,):
        for _ in range(2):
            with SDLPad(GamepadConfig()) as pad:
                hand.tap("x")
                assert now(pad) == DeviceState(pressed=("x",))
            assert pygame.joystick.get_init()
            hand.tap("y")
            presses = (pygame.CONTROLLERBUTTONDOWN, pygame.CONTROLLERBUTTONUP)
            assert pygame.event.get(presses) == []  # nobody has it open any more


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_an_error_closes_it(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), SDLPad(GamepadConfig(virtual=tmp_path / "pad")):
        raise error
    assert not pygame.joystick.get_init()
    assert not threads()
    assert not (tmp_path / "pad").exists()


def test_a_pad_that_cannot_be_used_leaves_nothing_open(tmp_path: Path) -> None:
    with (
        pytest.raises(TeleopError, match="cannot listen on"),
        SDLPad(GamepadConfig(virtual=tmp_path / "missing" / "pad")),
    ):
        pass
    assert not pygame.joystick.get_init()
    assert not threads()


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name in THREADS]


def test_no_pad_is_a_line_with_the_remedy() -> None:
    with pytest.raises(TeleopError, match=r"^No gamepad is plugged in: plug one in"):
        SDLPad(GamepadConfig()).__enter__()


def test_a_pad_of_another_name_is_a_line_with_the_names_there_are() -> None:
    with (
        plugged(XBOX_360.model, PLAIN),
        pytest.raises(
            TeleopError,
            match=r"called 'Switch'; there are: X360 Controller \(045e:028e\), Twin USB Joystick ",
        ),
    ):
        SDLPad(GamepadConfig(pad="Switch")).__enter__()


def test_a_plain_joystick_is_a_line_with_the_way_to_set_it_up() -> None:
    with (
        plugged(PLAIN),
        pytest.raises(
            TeleopError, match=r"^Twin USB Joystick is a joystick .* with hil-app gamepad setup$"
        ),
    ):
        SDLPad(GamepadConfig()).__enter__()


@pytest.mark.parametrize(
    "model",
    [
        ACCELEROMETER,
        Model("Gaming Keyboard", axes=37, buttons=57),
        Model("USB Optical Mouse", axes=2, buttons=3),
        Model("Wireless Controller Motion Sensors", axes=6, buttons=0),
        Model("One lever", axes=1, buttons=4),
    ],
    ids=lambda model: model.name,
)
def test_a_joystick_that_is_no_gamepad_is_named_as_such(model: Model) -> None:
    reported = f"{model.name} with {model.axes} axes and {model.buttons} buttons: no gamepad"
    with plugged(model):
        with pytest.raises(TeleopError) as raised:
            SDLPad(GamepadConfig()).__enter__()
        assert str(raised.value).startswith(f"No gamepad is plugged in ({reported}): plug one in")
    with (
        plugged(model, PLAIN),
        pytest.raises(TeleopError, match=r"^Twin USB Joystick is a joystick that SDL has no"),
    ):
        SDLPad(GamepadConfig()).__enter__()
    with plugged(model, XBOX_360.model), SDLPad(GamepadConfig()) as pad:
        assert pad.name == "X360 Controller"


def test_what_is_called_so_but_is_no_gamepad_is_said_to_be_none() -> None:
    reported = (
        r"'accel' \(ST LIS3LV02DL Accelerometer with 3 axes and 0 buttons: no gamepad\); there"
    )
    with plugged(ACCELEROMETER, PLAIN), pytest.raises(TeleopError, match=reported):
        SDLPad(GamepadConfig(pad="accel")).__enter__()


def test_a_name_that_would_change_the_terminal_is_shown_as_it_is() -> None:
    with plugged(Model("Red\x1b[31m\npad", axes=4, buttons=8)):
        with pytest.raises(TeleopError, match=r"^Red\\x1b\[31m\\npad is a joystick"):
            SDLPad(GamepadConfig()).__enter__()
        assert [stick.name for stick in joysticks()] == [r"Red\x1b[31m\npad"]


def test_a_pad_is_chosen_by_its_ids_too() -> None:
    with (
        plugged(XBOX_360.model, PS5.model),
        SDLPad(GamepadConfig(pad="054C:0ce6")) as pad,
    ):
        assert pad.name == "PS5 Controller"


def test_a_plain_joystick_that_was_set_up_is_a_pad() -> None:
    with plugged(PLAIN):
        [stick] = joysticks()
    save_mapping(f"{stick.guid},Old pad,a:b7,leftx:a3,lefttrigger:b5,dpup:h0.1,y:-a2,")
    for _ in range(2):  # SDL is started afresh each time
        with plugged(PLAIN) as (hand,), SDLPad(GamepadConfig(pad="old")) as pad:
            for place in range(8):
                hand.tap(place)
            hand.axis(3, -0.5)
            hand.hat(0, 0, 1)
            hand.axis(2, -1)
            assert now(pad) == DeviceState(
                {"leftx": pytest.approx(-0.5, abs=1e-4), "lefttrigger": 0},
                {"dpup", "y"},
                ("lefttrigger", "a", "dpup", "y"),
            )


def test_a_saved_mapping_comes_before_what_sdl_knows() -> None:
    with plugged(XBOX_360.model):
        [stick] = joysticks()
    save_mapping(f"{stick.guid},Mine,{','.join(f'{n}:b{i}' for i, n in enumerate('yxba'))},")
    with plugged(XBOX_360.model) as (hand,), SDLPad(GamepadConfig()) as pad:
        for place in range(4):
            hand.tap(place)
        assert now(pad).pressed == ("y", "x", "b", "a")


def test_a_mapping_in_the_environment_still_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    with plugged(PLAIN):
        [stick] = joysticks()
    monkeypatch.setenv("SDL_GAMECONTROLLERCONFIG", f"{stick.guid},Of Steam,x:b2,")
    with plugged(PLAIN) as (hand,), SDLPad(GamepadConfig()) as pad:
        hand.tap(2)
        assert (pad.name, now(pad).pressed) == ("Of Steam", ("x",))


def test_a_damaged_mapping_is_a_line_that_says_where() -> None:
    mappings_file().parent.mkdir(parents=True)
    mappings_file().write_text("# my pads\n\n0300,Old pad,a:b7,\n")
    with pytest.raises(TeleopError, match=r"gamepads\.txt, line 3: .*'0300'.*gamepad setup$"):
        SDLPad(GamepadConfig()).__enter__()
    assert not pygame.joystick.get_init()


LISTING = """\
I: Bus=0003 Vendor=046d Product=c31c Version=0110
N: Name="Logitech USB Keyboard"
H: Handlers=sysrq kbd event3 leds
B: KEY=1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe

I: Bus=0003 Vendor=046d Product=c216 Version=0110
N: Name="Logitech Dual Action"
P: Phys=usb-0000:00:14.0-2/input0
H: Handlers=event5 js0
B: KEY=fff00000000 0 0 0 0

I: Bus=0019 Vendor=0000 Product=0000 Version=0000
N: Name="ST LIS3LV02DL Accelerometer"
H: Handlers=event4 js1
B: PROP=40
B: ABS=7
"""


def listed(folder: Path) -> tuple[Path, Path]:
    listing = folder / "devices"
    listing.write_text(LISTING)
    for name in ("event3", "event4", "event5"):
        (folder / name).touch()
    return listing, folder


def test_a_joystick_that_may_not_be_read_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert unreadable(*listed(tmp_path)) == []
    monkeypatch.setattr(os, "access", lambda *_: False)  # for those who may read everything, too
    assert unreadable(*listed(tmp_path)) == [("Logitech Dual Action", tmp_path / "event5")]
    assert unreadable(tmp_path / "missing", tmp_path) == []


@pytest.mark.parametrize("there", [(), (ACCELEROMETER,), (ACCELEROMETER, PLAIN)])
def test_a_joystick_that_may_not_be_read_is_a_line_with_the_remedy(
    there: tuple[Model, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = tmp_path / "event5"
    node.touch()
    monkeypatch.setattr(gamepad, "unreadable", lambda: [("Logitech Dual Action", node)])
    with plugged(*there), pytest.raises(TeleopError) as raised:
        SDLPad(GamepadConfig()).__enter__()
    assert str(raised.value) == (
        f"Logitech Dual Action is plugged in, but {node} may not be read: add yourself to its "
        f"group (sudo usermod -aG {node.group()} $USER) and log in again"
    )


def test_a_pad_that_may_not_be_read_is_found_by_its_ids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "event5/device/id").mkdir(parents=True)
    for name, number in {"vendor": "046d", "product": "c216"}.items():
        (tmp_path / "event5/device/id" / name).write_text(f"{number}\n")
    node = Path("/dev/input/event5")
    assert plugged_in.ids_of(node, tmp_path) == "046d:c216"
    assert plugged_in.ids_of(Path("/dev/input/event6"), tmp_path) == ""
    monkeypatch.setattr(gamepad, "unreadable", lambda: [("Dual Action", node)])
    monkeypatch.setattr(gamepad, "ids_of", lambda node: plugged_in.ids_of(node, tmp_path))
    with pytest.raises(TeleopError, match=r"^Dual Action is plugged in, but .* may not be read"):
        SDLPad(GamepadConfig(pad="046D:C216")).__enter__()
    with pytest.raises(TeleopError, match="no gamepad is called '046d:c21f'"):
        SDLPad(GamepadConfig(pad="046d:c21f")).__enter__()


def test_signals_stay_what_they_were() -> None:
    program = """
        import os, signal
        from pathlib import Path
        from configs.manual import GamepadConfig
        from teleop.gamepad.pad import SDLPad
        with SDLPad(GamepadConfig(virtual=Path("pad"))) as pad:
            pad.poll()
            os.kill(os.getpid(), signal.SIGTERM)
            while True:
                pad.poll()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": str(Path(gamepad.__file__).parents[2])},
        cwd=os.environ["XDG_CONFIG_HOME"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGTERM, "", "")
