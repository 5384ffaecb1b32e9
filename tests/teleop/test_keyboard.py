"""The keys of the operator's window as a device."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from waiting import until
from windows import Open, open_window

from configs.manual import KEYS, KeyboardConfig
from teleop.base import TeleopError
from teleop.device import Device, DeviceState
from teleop.keyboard import KeyboardWindow, key_help
from teleop.window.codes import KEYCODES, SCANCODES, name_of


@pytest.fixture(scope="module")
def shared() -> Iterator[Open]:
    with open_window() as it:
        yield it


@pytest.fixture
def device(shared: Open) -> Iterator[KeyboardWindow]:
    with KeyboardWindow(shared.window, "q") as device:
        yield device


def test_it_is_a_device(device: Device) -> None:
    assert device.name == "the keyboard"
    assert device.poll() == DeviceState()
    device.rumble(1.0, 1.0)


def test_a_key_is_held_from_its_press_until_it_is_let_go(
    shared: Open, device: KeyboardWindow
) -> None:
    shared.operator.tell(key="up", down=True)
    assert device.poll() == DeviceState(held=frozenset({"up"}), pressed=("up",))
    assert device.poll() == DeviceState(held=frozenset({"up"}))
    shared.operator.tell(key="leftshift", down=True)
    assert device.poll() == DeviceState(held=frozenset({"up", "leftshift"}), pressed=("leftshift",))
    shared.operator.tell(key="up", down=False)
    assert device.poll() == DeviceState(held=frozenset({"leftshift"}))
    shared.operator.tell(key="leftshift", down=False)
    assert device.poll() == DeviceState()


def test_no_tap_between_two_polls_is_lost(shared: Open, device: KeyboardWindow) -> None:
    heard: list[str] = []
    for number in range(200):
        shared.operator.tell(tap="sfr"[number % 3])
        if number % 7 == 0:
            state = device.poll()
            assert state is not None
            heard += state.pressed
    state = device.poll()
    assert state is not None
    assert [*heard, *state.pressed] == ["sfr"[number % 3] for number in range(200)]
    assert state.held == frozenset()


def test_taps_that_nobody_asks_for_a_while_are_kept(shared: Open, device: KeyboardWindow) -> None:
    heard: list[str] = []
    for _ in range(600):  # more than the socket holds
        shared.operator.tell(tap="s")

    def all_heard() -> bool:
        state = device.poll()
        assert state is not None
        heard.extend(state.pressed)
        return len(heard) >= 600

    until(all_heard)
    assert heard == ["s"] * 600


def test_a_lost_focus_lets_go_and_what_was_pressed_counts(
    shared: Open, device: KeyboardWindow
) -> None:
    shared.operator.tell(key="leftshift", down=True)
    shared.operator.tell(tap="s")
    shared.operator.tell(focus=False)
    assert device.poll() == DeviceState(pressed=("leftshift", "s"))


@pytest.mark.parametrize("key", KEYS)
def test_every_key_arrives_by_its_name(shared: Open, device: KeyboardWindow, key: str) -> None:
    shared.operator.tell(tap=key)
    assert device.poll() == DeviceState(pressed=(key,))


def test_keys_are_known_by_what_is_printed_on_them_else_by_their_place() -> None:
    assert name_of(KEYCODES["q"], SCANCODES["a"]) == "q"  # a French keyboard
    assert name_of(0x0444, SCANCODES["a"]) == "a"  # a Russian one
    assert name_of(0x0444, 0) is None


def test_closing_the_window_presses_the_key_that_stops_until_the_run_ends() -> None:
    with open_window() as it, KeyboardWindow(it.window, "q") as device:
        it.operator.tell(key="up", down=True)
        it.operator.tell(close=True)
        assert [device.poll() for _ in range(3)] == [DeviceState(pressed=("q",))] * 3


def test_closing_the_window_ends_a_run_that_no_key_stops() -> None:
    with open_window() as it, KeyboardWindow(it.window, None) as device:
        it.operator.tell(close=True)
        with pytest.raises(TeleopError, match="was closed"):
            device.poll()


def test_a_window_that_is_stuck_is_a_lost_device_with_nothing_held() -> None:
    with open_window() as it, KeyboardWindow(it.window, "q") as device:
        it.operator.tell(key="up", down=True)
        assert device.poll() == DeviceState(held=frozenset({"up"}), pressed=("up",))
        os.kill(it.process, signal.SIGSTOP)
        until(lambda: device.poll() is None)
        os.kill(it.process, signal.SIGCONT)
        until(lambda: device.poll() is not None)
        assert device.poll() == DeviceState()


def test_a_window_that_died_ends_the_run() -> None:
    with open_window() as it, KeyboardWindow(it.window, "q") as device:
        os.kill(it.process, signal.SIGKILL)
        with pytest.raises(TeleopError, match=r"The window has ended by itself \(status -9"):
            until(lambda: device.poll() is None)


def test_the_help_has_each_key_once_with_what_it_does() -> None:
    config = KeyboardConfig.model_validate(
        {"controls": {"x": "down-up", "stop": None, "success": "return"}, "take_over": "toggle"}
    )
    shown = key_help(config, wrist=False)
    assert shown["forward / back"] == ("down", "up")
    assert shown["left / right"] == ("left", "right")
    assert shown["take over (on / off)"] == ("leftshift",)
    assert shown["success"] == ("return",)
    used = [key for keys in shown.values() for key in keys]
    assert len(used) == len(set(used))
    assert "q" not in used
    assert "roll right / roll left" in key_help(config, wrist=True)
    assert "roll right / roll left" not in shown
